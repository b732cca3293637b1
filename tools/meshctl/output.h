/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: the one place where an answer becomes text
 *
 * A command hands the daemon's object and a function that draws it for a
 * person to output_answer(), and never asks itself which form is wanted.
 */
#ifndef MESHCTL_OUTPUT_H
#define MESHCTL_OUTPUT_H

#include <jansson.h>

#include "tools/lib/table.h"
#include "tools/meshctl/meshctl.h"

typedef void (*output_draw_fn)(struct meshctl *ctl, const json_t *answer);

/** output_answer() - Draw @answer (consumed) or write it as JSON. Return: MESHCTL_OK, MESHCTL_IO. */
int output_answer(struct meshctl *ctl, json_t *answer, output_draw_fn draw);
/** output_get() - client_get() and output_answer(): what most commands do. */
int output_get(struct meshctl *ctl, const char *path, output_draw_fn draw);

/**
 * output_table() - Aligned rows, one for each object of an array.
 * @ctl: options and output
 * @columns: what to show
 * @n_columns: entries of @columns
 * @rows: JSON array; NULL and other types count as empty
 * @empty: what to say instead of an empty table
 */
void output_table(struct meshctl *ctl, const json_t *rows, const struct column *columns,
		  size_t n_columns, const char *empty);
/** output_color() - SGR sequence of "red", "green", "yellow", "bold", "reset"; "" when off. */
const char *output_color(const struct meshctl *ctl, const char *name);

#endif
