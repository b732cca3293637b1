// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshctl versions, rollback, canary, promote, pin, clear
 *
 * Shows which versions of services users of this hub take, and why not the
 * others; each order answers with the versions of its service as they are then.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/lib/cleanup.h"
#include "tools/meshctl/client.h"
#include "tools/lib/format.h"
#include "tools/meshctl/output.h"
#include "tools/meshctl/views.h"

#define PERMILLE 1000

static const char *state_color(const json_t *row)
{
	const char *state = json_string_value(json_object_get(row, "state"));

	if (!state)
		return NULL;
	return strcmp(state, "rolled back") == 0 ? "red"
	       : strcmp(state, "on trial") == 0	 ? "yellow"
						 : NULL;
}

/* "any" is in force unless somebody has said how leases are to be shared. */
static void cell_share(const json_t *row, const char *field, char *buf)
{
	const char *state = json_string_value(json_object_get(row, "state"));
	const char *canary = json_string_value(json_object_get(row, "canary"));
	const char *version = json_string_value(json_object_get(row, "version"));
	uint64_t share = field_number(row, field);
	bool is_rest = canary && version && strcmp(canary, version) != 0;

	if (canary)
		snprintf(buf, CELL_MAX, "%s%" PRIu64 ".%" PRIu64 " %%", is_rest ? "rest of " : "",
			 share / 10, share % 10);
	else
		snprintf(buf, CELL_MAX, "%s",
			 state && strcmp(state, "rolled back") == 0 ? "last" : "any");
}

static void cell_tellers(const json_t *row, const char *field, char *buf)
{
	size_t n = json_array_size(json_object_get(row, field));

	if (n)
		snprintf(buf, CELL_MAX, "%zu", n);
	else
		snprintf(buf, CELL_MAX, "-");
}

static void cell_reason(const json_t *row, const char *field, char *buf)
{
	const json_t *ruling = json_object_get(row, field);
	time_t at = (time_t)field_number(ruling, "unix_s");
	char text[CELL_MAX], when[32] = "";
	struct tm tm;

	if (!json_is_object(ruling)) {
		snprintf(buf, CELL_MAX, "-");
		return;
	}
	if (at && localtime_r(&at, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M: ", &tm);
	snprintf(buf, CELL_MAX, "%s%.200s", when, field_text(ruling, "text", "?", text));
}

void print_pin(struct meshctl *ctl, const json_t *wish)
{
	char text[CELL_MAX];

	fprintf(ctl->out, "pinned to %s", field_text(wish, "pin", "?", text));
	if (field_number(wish, "pin_providers") == 0)
		fprintf(ctl->out,
			"%s, which nobody offers now%s: until somebody does, no hub serves its "
			"users",
			output_color(ctl, "yellow"), output_color(ctl, "reset"));
	fputc('\n', ctl->out);
}

void print_canary_absent(struct meshctl *ctl, const json_t *wish)
{
	const json_t *providers = json_object_get(wish, "canary_providers");

	if (json_is_integer(providers) && json_integer_value(providers) == 0)
		fprintf(ctl->out,
			"%s, but nobody offers it now%s: until somebody does, other versions serve "
			"its share",
			output_color(ctl, "yellow"), output_color(ctl, "reset"));
}

static void print_canary(struct meshctl *ctl, const json_t *wish, const char *name)
{
	char text[CELL_MAX];

	fprintf(ctl->out, "%s: %s gets %u permille of new leases", name,
		field_text(wish, "canary", "?", text),
		(unsigned int)field_number(wish, "canary_permille"));
	print_canary_absent(ctl, wish);
	fputc('\n', ctl->out);
}

static void print_wishes(struct meshctl *ctl, const json_t *answer)
{
	char name[CELL_MAX];
	json_t *wish;
	size_t i;

	json_array_foreach(json_object_get(answer, "wishes"), i, wish)
	{
		field_text(wish, "name", "?", name);
		if (json_is_string(json_object_get(wish, "pin"))) {
			fprintf(ctl->out, "%s is ", name);
			print_pin(ctl, wish);
		}
		if (json_is_string(json_object_get(wish, "canary")))
			print_canary(ctl, wish, name);
	}
}

static json_t *find_canary(const json_t *answer, const char *service)
{
	json_t *wish;
	size_t i;

	json_array_foreach(json_object_get(answer, "wishes"), i, wish)
	{
		const char *name = json_string_value(json_object_get(wish, "name"));

		if (name && service && strcmp(name, service) == 0)
			return json_object_get(wish, "canary");
	}
	return NULL;
}

/* Rows with the canary of their service, for cell_share(). */
static json_t *rows_with_canary(const json_t *answer)
{
	json_t *rows = json_array(), *version;
	size_t i;

	json_array_foreach(json_object_get(answer, "versions"), i, version)
	{
		json_t *row = json_copy(version);
		json_t *canary =
			find_canary(answer, json_string_value(json_object_get(row, "name")));

		if (json_is_object(row) && canary)
			json_object_set(row, "canary", canary);
		json_array_append_new(rows, row);
	}
	return rows;
}

void draw_versions(struct meshctl *ctl, const json_t *answer)
{
	static const struct column columns[] = {
		{"SERVICE", "name", cell_text},
		{"VERSION", "version", cell_text},
		{"STATE", "state", cell_text, state_color},
		{"PROVIDERS", "providers", cell_number, NULL, true},
		{"SHARE", "share_permille", cell_share, NULL, true},
		{"SAMPLES", "samples", cell_number, NULL, true},
		{"ERRORS", "errors", cell_number, NULL, true},
		{"MEDIAN", "median_us", cell_us, NULL, true},
		{"AGAINST", "against", cell_text},
		{"LEFT BY", "told_by", cell_tellers, NULL, true},
		{"WHY", "ruling", cell_reason},
	};

	json_t *rows = rows_with_canary(answer);

	output_table(ctl, rows, columns, sizeof(columns) / sizeof(columns[0]),
		     "no version is known");
	json_decref(rows);
	print_wishes(ctl, answer);
}

static bool is_not_kept(const json_t *answer)
{
	return json_is_false(json_object_get(answer, "is_kept"));
}

void draw_versions_kept(struct meshctl *ctl, const json_t *answer)
{
	char text[CELL_MAX];

	draw_versions(ctl, answer);
	if (is_not_kept(answer))
		fprintf(ctl->out, "%snot on disk%s, and forgotten if meshd restarts: %s\n",
			output_color(ctl, "red"), output_color(ctl, "reset"),
			field_text(answer, "kept_error", "?", text));
}

static void draw_with_history(struct meshctl *ctl, const json_t *answer)
{
	json_t *history = json_object_get(answer, "history"), *view;

	draw_versions_kept(ctl, answer);
	if (!json_array_size(history))
		return;
	fputc('\n', ctl->out);
	view = json_pack("{s:O}", "versions", history);
	draw_service_history(ctl, view);
	json_decref(view);
}

static int usage(struct meshctl *ctl, const char *what)
{
	meshctl_fail(ctl, MESHCTL_USAGE, NULL, "%s", what);
	return meshctl_getopt_end(ctl, '?');
}

/* Operands of a command without options. Return: false with *@ret: it is over. */
static bool operands(struct meshctl *ctl, int argc, char **argv, int min, int max, const char *what,
		     int *ret)
{
	int opt, n;

	optind = 0;
	opt = meshctl_getopt(ctl, argc, argv, NULL, NULL);
	n = argc - optind;
	if (opt != -1)
		*ret = meshctl_getopt_end(ctl, opt);
	else if (n < min || n > max)
		*ret = usage(ctl, what);
	return opt == -1 && n >= min && n <= max;
}

int cmd_versions(struct meshctl *ctl, int argc, char **argv)
{
	char escaped[CLIENT_URL_MAX];
	json_t *answer = NULL;
	int code;

	if (!operands(ctl, argc, argv, 0, 1, "versions takes at most one service", &code))
		return code;
	if (optind == argc)
		return output_get(ctl, "/v1/versions", draw_versions_kept);
	code = client_get(ctl, &answer, "/v1/versions?name=%s",
			  client_escape(argv[optind], escaped, sizeof(escaped) - 64));
	if (code != MESHCTL_OK)
		return code;
	if (json_array_size(json_object_get(answer, "versions")) == 0 &&
	    json_array_size(json_object_get(answer, "history")) == 0) {
		json_decref(answer);
		return meshctl_fail(ctl, MESHCTL_NO, "meshctl versions shows what is known",
				    "no version of a service \"%s\" is known", argv[optind]);
	}
	return output_answer(ctl, answer, draw_with_history);
}

/* Not meshctl_fail(): the answer was printed, and is an answer. */
static int complain_not_kept(struct meshctl *ctl, const char *why)
{
	fprintf(ctl->err,
		"meshctl: the order is in force, but could not be written to disk: %s\n"
		"  meshd tries again every minute; if it restarts before, give the order again\n",
		why);
	return MESHCTL_IO;
}

/* @version: NULL none; @permille: -1 none. */
static int order(struct meshctl *ctl, const char *path, const char *service, const char *version,
		 int permille)
{
	json_t *body = json_pack("{s:s}", "name", service), *answer = NULL;
	_cleanup_free_ char *text = NULL;
	bool is_text = body != NULL, is_lost;
	char why[CELL_MAX];
	int code;

	if (is_text && version)
		is_text = json_object_set_new(body, "version", json_string(version)) == 0;
	if (is_text && permille >= 0)
		json_object_set_new(body, "permille", json_integer(permille));
	if (is_text)
		text = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	if (!text)
		return meshctl_fail(ctl, MESHCTL_DATA, "write UTF-8", "an operand is no text");
	code = client_post(ctl, &answer, path, text);
	if (code != MESHCTL_OK)
		return code;
	is_lost = is_not_kept(answer);
	field_text(answer, "kept_error", "?", why);
	code = output_answer(ctl, answer, draw_versions);
	return code == MESHCTL_OK && is_lost ? complain_not_kept(ctl, why) : code;
}

static int order_with_version(struct meshctl *ctl, int argc, char **argv, const char *path,
			      const char *what)
{
	int code;

	if (!operands(ctl, argc, argv, 1, 2, what, &code))
		return code;
	return order(ctl, path, argv[optind], optind + 1 < argc ? argv[optind + 1] : NULL, -1);
}

int cmd_rollback(struct meshctl *ctl, int argc, char **argv)
{
	return order_with_version(ctl, argc, argv, "/v1/versions/rollback",
				  "rollback takes a service and perhaps a version");
}

int cmd_promote(struct meshctl *ctl, int argc, char **argv)
{
	return order_with_version(ctl, argc, argv, "/v1/versions/promote",
				  "promote takes a service and perhaps a version");
}

int cmd_clear(struct meshctl *ctl, int argc, char **argv)
{
	return order_with_version(ctl, argc, argv, "/v1/versions/clear",
				  "clear takes a service and perhaps a version");
}

int cmd_pin(struct meshctl *ctl, int argc, char **argv)
{
	const char *version;
	int code;

	if (!operands(ctl, argc, argv, 2, 2, "pin takes a service, and a version, digest or none",
		      &code))
		return code;
	version = argv[optind + 1];
	return order(ctl, "/v1/versions/pin", argv[optind],
		     strcmp(version, "none") == 0 ? "" : version, -1);
}

int cmd_canary(struct meshctl *ctl, int argc, char **argv)
{
	unsigned long weight;
	char *end;
	int code;

	if (!operands(ctl, argc, argv, 3, 3, "canary takes a service, a version and a weight",
		      &code))
		return code;
	weight = strtoul(argv[optind + 2], &end, 10);
	if (argv[optind + 2][0] < '0' || argv[optind + 2][0] > '9' || *end || weight > PERMILLE)
		return usage(ctl, "the weight is a number of permille, 0 to 1000");
	return order(ctl, "/v1/versions/canary", argv[optind], argv[optind + 1], (int)weight);
}
