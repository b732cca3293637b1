// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: table: rows of JSON objects as aligned columns
 *
 * Tables are libsmartcols': columns are described by data, cells are written by small
 * functions.  Names come from other machines, so every text passes format_safe() on its way.
 */
#include "tools/lib/table.h"

#include <inttypes.h>
#include <libsmartcols.h>
#include <string.h>
#include <time.h>

#include "tools/lib/format.h"

const char *table_color(bool color, const char *name)
{
	static const struct {
		const char *name, *sequence;
	} colors[] = {
		{"red", "\033[31m"}, {"green", "\033[32m"}, {"yellow", "\033[33m"},
		{"bold", "\033[1m"}, {"dim", "\033[2m"},    {"reset", "\033[0m"},
	};

	for (size_t i = 0; color && i < sizeof(colors) / sizeof(colors[0]); i++)
		if (strcmp(colors[i].name, name) == 0)
			return colors[i].sequence;
	return "";
}

static struct libscols_table *table_new(FILE *out, bool color, const struct column *columns,
					size_t n_columns)
{
	struct libscols_table *table = scols_new_table();

	if (!table)
		return NULL;
	scols_table_set_stream(table, out);
	/* Never cut: a long line wraps, a lost address cannot be copied. */
	scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	scols_table_enable_colors(table, color);
	scols_table_enable_nolinesep(table, 0);
	scols_table_set_column_separator(table, "  ");
	for (size_t i = 0; i < n_columns; i++) {
		struct libscols_column *column = scols_table_new_column(
			table, columns[i].title, 0, columns[i].is_number ? SCOLS_FL_RIGHT : 0);

		if (column && color)
			scols_cell_set_color(scols_column_get_header(column), "bold");
	}
	return table;
}

static void table_add(struct libscols_table *table, const json_t *row, const struct column *columns,
		      size_t n_columns)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	char buf[CELL_MAX];

	for (size_t i = 0; line && i < n_columns; i++) {
		const char *shade = columns[i].color ? columns[i].color(row) : NULL;

		columns[i].write(row, columns[i].field, buf);
		scols_line_set_data(line, i, buf);
		if (shade)
			scols_cell_set_color(scols_line_get_cell(line, i), shade);
	}
}

void table_print(FILE *out, bool color, const json_t *rows, const struct column *columns,
		 size_t n_columns, const char *empty)
{
	struct libscols_table *table;
	json_t *row;
	size_t i;

	if (json_array_size(rows) == 0) {
		fprintf(out, "%s\n", empty);
		return;
	}
	table = table_new(out, color, columns, n_columns);
	if (!table)
		return;
	json_array_foreach(rows, i, row) table_add(table, row, columns, n_columns);
	scols_print_table(table);
	scols_unref_table(table);
}

const char *field_text(const json_t *object, const char *field, const char *fallback, char *buf)
{
	const char *text = json_string_value(json_object_get(object, field));

	return format_safe(text ? text : fallback, buf, CELL_MAX);
}

uint64_t field_number(const json_t *object, const char *field)
{
	json_int_t number = json_integer_value(json_object_get(object, field));

	return number > 0 ? (uint64_t)number : 0;
}

bool field_is_true(const json_t *object, const char *field)
{
	return json_is_true(json_object_get(object, field));
}

void cell_text(const json_t *row, const char *field, char *buf)
{
	field_text(row, field, "-", buf);
	if (!buf[0])
		strcpy(buf, "-");
}

static bool has_number(const json_t *row, const char *field, char *buf)
{
	if (json_is_integer(json_object_get(row, field)))
		return true;
	strcpy(buf, "-");
	return false;
}

void cell_number(const json_t *row, const char *field, char *buf)
{
	if (has_number(row, field, buf))
		snprintf(buf, CELL_MAX, "%" PRIu64, field_number(row, field));
}

void cell_count(const json_t *row, const char *field, char *buf)
{
	if (has_number(row, field, buf))
		format_count(field_number(row, field), buf);
}

void cell_bytes(const json_t *row, const char *field, char *buf)
{
	if (has_number(row, field, buf))
		format_bytes(field_number(row, field), buf);
}

void cell_us(const json_t *row, const char *field, char *buf)
{
	if (has_number(row, field, buf))
		format_duration_us(field_number(row, field), buf);
}

void cell_age_ms(const json_t *row, const char *field, char *buf)
{
	if (has_number(row, field, buf))
		format_age_s(field_number(row, field) / 1000, buf);
}

void cell_yes(const json_t *row, const char *field, char *buf)
{
	strcpy(buf, field_is_true(row, field) ? "yes" : "-");
}

void cell_phases(const json_t *row, const char *field, char *buf)
{
	const json_t *phases = json_object_get(row, "rx_phases");
	char tx[CELL_MAX];
	json_t *phase;
	size_t i, len;

	cell_number(row, "tx_phase", tx);
	len = (size_t)snprintf(buf, CELL_MAX, "%.20s / ", tx);
	if (json_array_size(phases) == 0)
		snprintf(buf + len, CELL_MAX - len, "-");
	json_array_foreach(phases, i, phase)
	{
		if (i == 8)
			break;
		len += (size_t)snprintf(buf + len, CELL_MAX - len, "%s%u", i ? "," : "",
					(unsigned int)json_integer_value(phase) & 0xff);
	}
}

const char *color_link_state(const json_t *row)
{
	const char *state = json_string_value(json_object_get(row, "state"));

	if (!state || strcmp(state, "down") == 0)
		return "red";
	return strcmp(state, "up") == 0 ? "green" : "yellow";
}

void table_print_counters(FILE *out, bool color, const json_t *rows, const struct column *first,
			  const char *empty)
{
	const struct column columns[] = {
		*first,
		{"RX FRAMES", "rx_frames", cell_count, NULL, true},
		{"RX", "rx_bytes", cell_bytes, NULL, true},
		{"TX FRAMES", "tx_frames", cell_count, NULL, true},
		{"TX", "tx_bytes", cell_bytes, NULL, true},
		{"RX DROPS", "rx_drops", cell_count, NULL, true},
		{"TX DROPS", "tx_drops", cell_count, NULL, true},
		{"RELAYED", "forwarded", cell_count, NULL, true},
	};

	table_print(out, color, rows, columns, sizeof(columns) / sizeof(columns[0]), empty);
}

void table_print_drops(FILE *out, bool color, const json_t *rows)
{
	static const struct column columns[] = {
		{"FRAMES", "frames", cell_number, NULL, true},
		{"REASON", "reason", cell_text},
		{"MEANING", "explanation", cell_text},
	};

	table_print(out, color, rows, columns, sizeof(columns) / sizeof(columns[0]),
		    "no frame was dropped");
}

void cell_unix_s(const json_t *row, const char *field, char *buf)
{
	time_t at = (time_t)field_number(row, field);
	struct tm when;

	snprintf(buf, CELL_MAX, "-");
	if (at && localtime_r(&at, &when))
		strftime(buf, CELL_MAX, "%Y-%m-%d %H:%M:%S", &when);
}
