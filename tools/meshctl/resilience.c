// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshctl proxy: what entries do about providers that are bad, slow or full
 */
#include "tools/meshctl/resilience.h"

#include <inttypes.h>
#include <string.h>

#include "tools/lib/format.h"
#include "tools/meshctl/output.h"

static void cell_state(const json_t *row, const char *field, char *buf)
{
	if (json_is_true(json_object_get(row, "is_ejected")))
		snprintf(buf, CELL_MAX, "ejected, %" PRIu64 " s",
			 (field_number(row, field) + 999) / 1000);
	else
		snprintf(buf, CELL_MAX, "used");
}

static const char *color_state(const json_t *row)
{
	return json_is_true(json_object_get(row, "is_ejected")) ? "red" : NULL;
}

static void cell_limit(const json_t *row, const char *field, char *buf)
{
	if (field_number(row, field))
		cell_count(row, field, buf);
	else
		snprintf(buf, CELL_MAX, "-");
}

/* What all entries have under a key in one list; each with the name of the entry's service. */
static json_t *list_of(const json_t *entries, const char *key)
{
	json_t *rows = json_array(), *entry, *one;
	size_t i, k;

	json_array_foreach(entries, i, entry)
	{
		json_array_foreach(json_object_get(entry, key), k, one)
		{
			json_t *row = json_copy(one);

			json_object_set(row, "entry", json_object_get(entry, "service"));
			json_array_append_new(rows, row);
		}
	}
	return rows;
}

static void draw_list(struct meshctl *ctl, json_t *rows, const struct column *columns, size_t n)
{
	if (json_array_size(rows)) {
		fputc('\n', ctl->out);
		output_table(ctl, rows, columns, n, "");
	}
	json_decref(rows);
}

static void draw_hosts(struct meshctl *ctl, const json_t *entries)
{
	static const struct column columns[] = {
		{"PROVIDERS OF", "entry", cell_text},
		{"HUB", "hub_name", cell_text},
		{"STATE", "ejected_ms", cell_state, color_state},
		{"REQUESTS", "requests", cell_count, NULL, true},
		{"FAILED", "failed", cell_count, NULL, true},
		{"IN FLIGHT", "in_flight", cell_count, NULL, true},
		{"LIMIT", "limit", cell_limit, NULL, true},
	};

	draw_list(ctl, list_of(entries, "hosts"), columns, sizeof(columns) / sizeof(columns[0]));
}

static void draw_legs(struct meshctl *ctl, const json_t *entries)
{
	static const struct column columns[] = {
		{"REQUESTS OF", "entry", cell_text},	  {"AS", "kind", cell_text},
		{"GO TO", "service", cell_text},	  {"VERSIONS", "versions", cell_text},
		{"PROVIDER", "provider_name", cell_text},
	};

	draw_list(ctl, list_of(entries, "legs"), columns, sizeof(columns) / sizeof(columns[0]));
}

/* "speech: 1 ejections, 12 queued": what is not zero. */
static void draw_counts(struct meshctl *ctl, const char *service, json_t *counts)
{
	const char *key, *separator = ": ";
	char name[CELL_MAX], safe[CELL_MAX];
	json_t *value;

	json_object_foreach(counts, key, value)
	{
		if (!json_is_integer(value) || !json_integer_value(value))
			continue;
		if (*separator == ':')
			fprintf(ctl->out, "\n%s", format_safe(service, name, sizeof(name)));
		fprintf(ctl->out, "%s%" JSON_INTEGER_FORMAT " %s", separator,
			json_integer_value(value), format_safe(key, safe, sizeof(safe)));
		separator = ", ";
	}
	if (*separator == ',')
		fputc('\n', ctl->out);
}

void draw_resilience(struct meshctl *ctl, const json_t *entries)
{
	const char *service;
	json_t *entry;
	char safe[CELL_MAX];
	size_t i;

	draw_hosts(ctl, entries);
	draw_legs(ctl, entries);
	json_array_foreach(entries, i, entry)
	{
		service = json_string_value(json_object_get(entry, "service"));
		if (!service)
			continue;
		draw_counts(ctl, service, json_object_get(entry, "resilience"));
		if (json_is_true(json_object_get(entry, "is_faulty")))
			fprintf(ctl->out,
				"\n%s%s: FAULTS ON PURPOSE: requests are delayed or fail, as "
				"resilience.fault says%s\n",
				output_color(ctl, "red"), format_safe(service, safe, sizeof(safe)),
				output_color(ctl, "reset"));
	}
}
