// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshctl resolve: who would serve a user of a service now, and why
 *
 * Asks the daemon for the service as a program would, waits for what comes of
 * it, shows it and gives it back.
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

#define POLL_MS 20
#define POLLS_MAX 500 /* ten seconds; a request settles in less than five */

static bool has_state(const json_t *answer, const char *wanted)
{
	const char *state = json_string_value(json_object_get(answer, "state"));

	return state && strcmp(state, wanted) == 0;
}

static bool is_settled(const json_t *answer)
{
	return !has_state(answer, "gathering") && !has_state(answer, "accepting");
}

static const char *candidate_color(const json_t *row)
{
	return field_is_true(row, "is_chosen") ? "green" : NULL;
}

static void cell_verdict(const json_t *row, const char *field, char *buf)
{
	const char *reason = json_string_value(json_object_get(row, "reason"));
	char text[CELL_MAX], safe[CELL_MAX];

	if (reason)
		snprintf(buf, CELL_MAX, "%.100s: %.100s", field_text(row, field, "?", text),
			 format_safe(reason, safe, sizeof(safe)));
	else
		snprintf(buf, CELL_MAX, "%s", field_text(row, field, "?", text));
}

static void cell_permille(const json_t *row, const char *field, char *buf)
{
	uint64_t value = field_number(row, field);

	snprintf(buf, CELL_MAX, "%" PRIu64 ".%" PRIu64 " %%", value / 10, value % 10);
}

static void print_result(struct meshctl *ctl, const json_t *answer)
{
	char name[CELL_MAX], hub[CELL_MAX], version[CELL_MAX], endpoint[CELL_MAX];
	const json_t *endpoints = json_object_get(answer, "endpoints");
	const char *first = json_string_value(json_array_get(endpoints, 0));

	field_text(answer, "name", "?", name);
	if (has_state(answer, "leased"))
		fprintf(ctl->out, "%s %s at %s, %s, %u slot(s) for %u ms\n", name,
			field_text(answer, "version", "?", version),
			field_text(answer, "hub_name", "?", hub),
			format_safe(first ?: "?", endpoint, sizeof(endpoint)),
			(unsigned int)field_number(answer, "slots"),
			(unsigned int)field_number(answer, "expires_in_ms"));
	else if (has_state(answer, "fallback"))
		fprintf(ctl->out, "%s: no provider in the mesh, the shared one: %s\n", name,
			field_text(answer, "shared", "?", hub));
	else
		fprintf(ctl->out, "%s: no provider in the mesh, and no shared one is named\n",
			name);
}

static void print_wish(struct meshctl *ctl, const json_t *answer)
{
	char text[CELL_MAX];

	if (json_is_string(json_object_get(answer, "pin"))) {
		print_pin(ctl, answer);
	} else if (json_is_string(json_object_get(answer, "canary"))) {
		fprintf(ctl->out, "canary %s has %u permille; this request is in %s",
			field_text(answer, "canary", "?", text),
			(unsigned int)field_number(answer, "canary_permille"),
			field_is_true(answer, "is_canary") ? "its share" : "the rest");
		print_canary_absent(ctl, answer);
		fputc('\n', ctl->out);
	}
}

void draw_resolve(struct meshctl *ctl, const json_t *answer)
{
	print_result(ctl, answer);
}

void draw_explain(struct meshctl *ctl, const json_t *answer)
{
	static const struct column columns[] = {
		{"HUB", "hub_name", cell_text, candidate_color},
		{"VERSION", "version", cell_text},
		{"ROUTE", "route_us", cell_us, NULL, true},
		{"HOPS", "hops", cell_number, NULL, true},
		{"LATENCY", "latency_us", cell_us, NULL, true},
		{"LOAD", "load_permille", cell_permille, NULL, true},
		{"FREE", "free_slots", cell_number, NULL, true},
		{"ERRORS", "error_permille", cell_permille, NULL, true},
		{"PRICE", "price_micro", cell_number, NULL, true},
		{"SCORE", "score", cell_number, NULL, true},
		{"VERDICT", "verdict", cell_verdict},
	};
	uint64_t more = field_number(answer, "more_candidates");

	print_result(ctl, answer);
	print_wish(ctl, answer);
	output_table(ctl, json_object_get(answer, "candidates"), columns,
		     sizeof(columns) / sizeof(columns[0]), "no hub offers a service of that name");
	if (more)
		fprintf(ctl->out, "and %" PRIu64 " further away\n", more);
	if (field_is_true(answer, "from_cache"))
		fprintf(ctl->out,
			"nobody was asked: the same question found nobody a moment ago\n");
}

static void release(struct meshctl *ctl, uint64_t request)
{
	json_t *answer = NULL;
	char body[64];

	snprintf(body, sizeof(body), "{\"request\":%" PRIu64 "}", request);
	if (client_post(ctl, &answer, "/v1/release", body) == MESHCTL_OK)
		json_decref(answer);
}

static int resolve(struct meshctl *ctl, const char *body, output_draw_fn draw)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
	json_t *answer = NULL;
	uint64_t request;
	bool is_leased;
	int code = client_post(ctl, &answer, "/v1/resolve", body);

	for (int i = 0; code == MESHCTL_OK && !is_settled(answer) && i < POLLS_MAX; i++) {
		request = field_number(answer, "request");
		json_decref(answer);
		answer = NULL;
		nanosleep(&pause, NULL);
		code = client_get(ctl, &answer, "/v1/requests?id=%" PRIu64, request);
	}
	if (code != MESHCTL_OK)
		return code;
	is_leased = has_state(answer, "leased");
	release(ctl, field_number(answer, "request"));
	code = output_answer(ctl, answer, draw);
	return code == MESHCTL_OK && !is_leased ? MESHCTL_NO : code;
}

/* @unit: of the member for one of the option. Return: false: no number. */
static bool set_number(json_t *query, const char *key, const char *text, double unit)
{
	char *end;
	double value = strtod(text, &end);

	if (*end || end == text || value < 0 || value * unit > UINT32_MAX)
		return false;
	json_object_set_new(query, key, json_integer((json_int_t)(value * unit)));
	return true;
}

static void append_word(json_t *query, const char *key, const char *word)
{
	json_t *array = json_object_get(query, key);

	if (!array) {
		array = json_array();
		json_object_set_new(query, key, array);
	}
	json_array_append_new(array, json_string(word));
}

/* Return: false when @opt's value is wrong. */
static bool take_option(json_t *query, int opt)
{
	switch (opt) {
	case 'r':
		return json_object_set_new(query, "range", json_string(optarg)) == 0;
	case 'i':
		return json_object_set_new(query, "interface", json_string(optarg)) == 0;
	case 'z':
		return json_object_set_new(query, "zone", json_string(optarg)) == 0;
	case 'P':
		return json_object_set_new(query, "protocol", json_string(optarg)) == 0;
	case 'S':
		return json_object_set_new(query, "shared", json_string(optarg)) == 0;
	case 'C':
		append_word(query, "capabilities", optarg);
		return true;
	case 'K':
		append_word(query, "credentials", optarg);
		return true;
	case 'l':
		return set_number(query, "max_latency_us", optarg, 1000);
	case 'p':
		return set_number(query, "max_price_micro", optarg, 1);
	default:
		return set_number(query, "slots", optarg, 1);
	}
}

int cmd_resolve(struct meshctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{"explain", no_argument, NULL, 'e'},
						{"range", required_argument, NULL, 'r'},
						{"interface", required_argument, NULL, 'i'},
						{"zone", required_argument, NULL, 'z'},
						{"protocol", required_argument, NULL, 'P'},
						{"capability", required_argument, NULL, 'C'},
						{"credential", required_argument, NULL, 'K'},
						{"max-latency", required_argument, NULL, 'l'},
						{"max-price", required_argument, NULL, 'p'},
						{"slots", required_argument, NULL, 'n'},
						{"shared", required_argument, NULL, 'S'},
						{0}};
	json_t *query = json_object();
	_cleanup_free_ char *body = NULL;
	bool explains = false;
	int opt;

	optind = 0;
	while ((opt = meshctl_getopt(ctl, argc, argv, "er:", options)) != -1) {
		if (opt == 'e') {
			explains = true;
		} else if (opt == 'h' || opt == '?') {
			json_decref(query);
			return meshctl_getopt_end(ctl, opt);
		} else if (!take_option(query, opt)) {
			json_decref(query);
			meshctl_fail(ctl, MESHCTL_USAGE, NULL, "\"%s\" is no number", optarg);
			return meshctl_getopt_end(ctl, '?');
		}
	}
	if (argc - optind == 1) {
		json_object_set_new(query, "name", json_string(argv[optind]));
		body = json_dumps(query, JSON_COMPACT);
	}
	json_decref(query);
	if (body)
		return resolve(ctl, body, explains ? draw_explain : draw_resolve);
	meshctl_fail(ctl, MESHCTL_USAGE, NULL, "resolve takes one service");
	return meshctl_getopt_end(ctl, '?');
}
