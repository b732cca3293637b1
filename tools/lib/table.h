/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: rows of JSON objects as aligned columns, for every tool
 */
#ifndef TOOLS_TABLE_H
#define TOOLS_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CELL_MAX 256

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

/**
 * table_print() - Aligned rows, one for each object of an array.
 * @out: where to
 * @color: SGR sequences are welcome there
 * @rows: JSON array; NULL and other types count as empty
 * @columns: what to show
 * @n_columns: entries of @columns
 * @empty: what to say instead of an empty table
 */
void table_print(FILE *out, bool color, const json_t *rows, const struct column *columns,
		 size_t n_columns, const char *empty);
/** table_color() - SGR sequence of "red", "green", "yellow", "bold", "reset"; "" without @color. */
const char *table_color(bool color, const char *name);

/**
 * table_print_counters() - Frames and bytes, one row for each object that counts them.
 * @out: where to
 * @color: SGR sequences are welcome there
 * @rows: objects with "rx_frames", "rx_bytes", ... "forwarded"
 * @first: column that tells whose they are
 * @empty: what to say instead of an empty table
 */
void table_print_counters(FILE *out, bool color, const json_t *rows, const struct column *first,
			  const char *empty);
/** table_print_drops() - Objects with "frames", "reason", "explanation", in their order. */
void table_print_drops(FILE *out, bool color, const json_t *rows);

/** color_link_state() - Green, red or yellow for a "state" of "up", "down" or another. */
const char *color_link_state(const json_t *row);

/* Cells. A missing or null member becomes "-". */
void cell_text(const json_t *row, const char *field, char *buf);
void cell_number(const json_t *row, const char *field, char *buf);
void cell_count(const json_t *row, const char *field, char *buf);
void cell_bytes(const json_t *row, const char *field, char *buf);
void cell_us(const json_t *row, const char *field, char *buf);
void cell_age_ms(const json_t *row, const char *field, char *buf);
/** cell_unix_s() - Date and time here; "-" for none. */
void cell_unix_s(const json_t *row, const char *field, char *buf);
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
