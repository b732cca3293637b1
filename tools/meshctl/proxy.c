// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshctl proxy: entries of this hub, and its services that others call
 */
#include <inttypes.h>
#include <string.h>

#include "tools/lib/format.h"
#include "tools/meshctl/output.h"
#include "tools/meshctl/resilience.h"
#include "tools/meshctl/views.h"

static void cell_provider(const json_t *row, const char *field, char *buf)
{
	const char *shared = json_string_value(json_object_get(row, "shared"));
	char safe[CELL_MAX];

	if (!json_is_null(json_object_get(row, "provider")))
		field_text(row, "provider_name", "?", buf);
	else if (shared)
		snprintf(buf, CELL_MAX, "shared %.100s", format_safe(shared, safe, sizeof(safe)));
	else
		snprintf(buf, CELL_MAX, "none");
}

static const char *color_provider(const json_t *row)
{
	if (json_is_string(json_object_get(row, "error")))
		return "red";
	return json_is_string(json_object_get(row, "provider")) ? NULL : "yellow";
}

static void cell_listen(const json_t *row, const char *field, char *buf)
{
	char text[CELL_MAX];

	if (json_is_string(json_object_get(row, "error")))
		snprintf(buf, CELL_MAX, "%.60s: %.60s", field_text(row, field, "?", text),
			 json_string_value(json_object_get(row, "error")));
	else
		snprintf(buf, CELL_MAX, "%.100s%s", field_text(row, field, "?", text),
			 json_is_true(json_object_get(row, "is_udp")) ? " udp" : "");
}

/* Datagrams that got no further than to us. */
static void cell_dropped(const json_t *row, const char *field, char *buf)
{
	const json_t *counts = json_object_get(row, field);
	uint64_t n = field_number(counts, "dropped_queue") + field_number(counts, "dropped_limit") +
		     field_number(counts, "dropped_socket");

	snprintf(buf, CELL_MAX, "%" PRIu64, n);
}

/* Everything that ended otherwise than by both sides having said all, or by the client's doing. */
static void cell_errors(const json_t *row, const char *field, char *buf)
{
	const json_t *value;
	uint64_t n = 0;
	const char *key;

	json_object_foreach(json_object_get(row, "ends"), key, value)
	{
		if (strcmp(key, "done") != 0 && strcmp(key, "client-reset") != 0)
			n += (uint64_t)json_integer_value(value);
	}
	snprintf(buf, CELL_MAX, "%" PRIu64, n);
}

static void cell_requests(const json_t *row, const char *field, char *buf)
{
	cell_count(json_object_get(row, field), "requests", buf);
}

static void cell_failed(const json_t *row, const char *field, char *buf)
{
	cell_count(json_object_get(json_object_get(row, field), "statuses"), "5xx", buf);
}

static void cell_p50(const json_t *row, const char *field, char *buf)
{
	cell_us(json_object_get(row, field), "p50_us", buf);
}

static void cell_p99(const json_t *row, const char *field, char *buf)
{
	cell_us(json_object_get(row, field), "p99_us", buf);
}

#define COUNT_COLUMNS                                                       \
	{"OPEN", "open", cell_count, NULL, true},                           \
		{"TOTAL", "connections", cell_count, NULL, true},           \
		{"ERRORS", "ends", cell_errors, NULL, true},                \
		{"TO SERVICE", "bytes_to_service", cell_bytes, NULL, true}, \
		{"FROM", "bytes_from_service", cell_bytes, NULL, true},     \
		{"REQUESTS", "http", cell_requests, NULL, true},            \
		{"5XX", "http", cell_failed, NULL, true},                   \
		{"DROPPED", "datagrams", cell_dropped, NULL, true},         \
		{"FIRST P50", "first_byte", cell_p50, NULL, true},          \
		{"P99", "first_byte", cell_p99, NULL, true},

void draw_proxy(struct meshctl *ctl, const json_t *answer)
{
	static const struct column entries[] = {
		{"SERVICE", "service", cell_text},
		{"LISTEN", "listen", cell_listen},
		{"PROVIDER", "provider_name", cell_provider, color_provider},
		COUNT_COLUMNS{"RETRIES", "retries", cell_count, NULL, true},
	};
	static const struct column provided[] = {{"CALLED FROM OTHER HUBS", "service", cell_text},
						 COUNT_COLUMNS};
	const json_t *totals = json_object_get(answer, "totals");

	output_table(ctl, json_object_get(answer, "entries"), entries,
		     sizeof(entries) / sizeof(entries[0]),
		     "no entries (proxy.entries in meshd.yaml)");
	draw_resilience(ctl, json_object_get(answer, "entries"));
	if (json_array_size(json_object_get(answer, "provided"))) {
		fputc('\n', ctl->out);
		output_table(ctl, json_object_get(answer, "provided"), provided,
			     sizeof(provided) / sizeof(provided[0]), "");
	}
	fprintf(ctl->out, "\nport %" PRIu64 ", %" PRIu64 " connections over %" PRIu64 " trunks",
		field_number(answer, "port"), field_number(totals, "connections"),
		field_number(totals, "trunks"));
	if (field_number(totals, "bulk"))
		fprintf(ctl->out, ", %" PRIu64 " with TLS of their own",
			field_number(totals, "bulk"));
	if (field_number(totals, "ways"))
		fprintf(ctl->out, ", %" PRIu64 " of them by other hubs",
			field_number(totals, "ways"));
	if (field_number(totals, "relayed"))
		fprintf(ctl->out, "; carries %" PRIu64 " for other hubs",
			field_number(totals, "relayed"));
	fputc('\n', ctl->out);
}

int cmd_proxy(struct meshctl *ctl, int argc, char **argv)
{
	int code;

	if (!meshctl_no_operands(ctl, argc, argv, &code))
		return code;
	return output_get(ctl, "/v1/proxy", draw_proxy);
}
