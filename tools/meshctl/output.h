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

#include "tools/meshctl/meshctl.h"

#define CELL_MAX 256

typedef void (*output_draw_fn)(struct meshctl *ctl, const json_t *answer);

/**
 * struct column - one column of a table
 * @title: heading
 * @field: member of the row it shows
 * @write: turns the member into a cell; @buf has CELL_MAX bytes
 * @color: libsmartcols colour name for the cell or NULL; may be NULL
 * @is_number: right aligned
 */
struct column {
	const char *title, *field;
	void (*write)(const json_t *row, const char *field, char *buf);
	const char *(*color)(const json_t *row);
	bool is_number;
};

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

/* Cells. A missing or null member becomes "-". */
void cell_text(const json_t *row, const char *field, char *buf);
void cell_number(const json_t *row, const char *field, char *buf);
void cell_count(const json_t *row, const char *field, char *buf);
void cell_bytes(const json_t *row, const char *field, char *buf);
void cell_us(const json_t *row, const char *field, char *buf);
void cell_age_ms(const json_t *row, const char *field, char *buf);
void cell_yes(const json_t *row, const char *field, char *buf); /* "yes" or "-" */
/** cell_phases() - "1 / 0,1": transmit phase / live receive phases. */
void cell_phases(const json_t *row, const char *field, char *buf);

/* Members. */
/** field_text() - Text made safe for a terminal; @fallback when it is no text. */
const char *field_text(const json_t *object, const char *field, const char *fallback, char *buf);
/** field_number() - Non-negative number; 0 when it is none. */
uint64_t field_number(const json_t *object, const char *field);
bool field_is_true(const json_t *object, const char *field);

#endif
