// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshctl stats: counters, and why frames were dropped
 *
 * `stats link N` and `stats hub X` pick one object out of /v1/stats; what
 * they print with -o json is that object alone.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/meshctl/client.h"
#include "tools/lib/format.h"
#include "tools/meshctl/output.h"
#include "tools/meshctl/views.h"

static void heading(struct meshctl *ctl, const char *text)
{
	fprintf(ctl->out, "%s%s%s\n", output_color(ctl, "bold"), text, output_color(ctl, "reset"));
}

/* Members that are numbers, one a line; with @all also those that are 0. */
static void draw_counters(struct meshctl *ctl, const json_t *object, bool all)
{
	char text[CELL_MAX];
	json_t *value;
	const char *key;

	json_object_foreach((json_t *)object, key, value)
	{
		if (!json_is_integer(value) || (!all && json_integer_value(value) == 0))
			continue;
		format_safe(key, text, sizeof(text));
		fprintf(ctl->out, "  %-24s %" JSON_INTEGER_FORMAT "\n", text,
			json_integer_value(value));
	}
}

void draw_drops(struct meshctl *ctl, const json_t *answer)
{
	json_t *drops = json_object_get(json_object_get(answer, "datapath"), "drops");
	json_t *seen = json_array(), *drop;
	size_t i;

	if (!drops) {
		fputs("no data path: nothing to drop (meshctl status says why)\n", ctl->out);
		json_decref(seen);
		return;
	}
	json_array_foreach(drops, i, drop) if (field_number(drop, "frames"))
		json_array_append(seen, drop);
	table_print_drops(ctl->out, ctl->color, seen);
	json_decref(seen);
}

static void draw_frames(struct meshctl *ctl, const json_t *rows, const struct column *first,
			const char *empty)
{
	table_print_counters(ctl->out, ctl->color, rows, first, empty);
}

void draw_stats(struct meshctl *ctl, const json_t *answer)
{
	static const struct column link = {"PEER", "peer_name", cell_text};
	static const struct column hub = {"HUB", "name", cell_text};
	static const struct column device = {"INTERFACE", "interface", cell_text};
	json_t *datapath = json_object_get(answer, "datapath");
	json_t *one = json_array();

	if (json_is_object(datapath)) {
		heading(ctl, "Mesh interface");
		json_array_append(one, datapath);
		draw_frames(ctl, one, &device, "none");
		heading(ctl, "\nDrops");
		draw_drops(ctl, answer);
		heading(ctl, "\nLinks");
		draw_frames(ctl, json_object_get(answer, "links"), &link, "no link");
		heading(ctl, "\nSealed to and from hubs");
		draw_frames(ctl, json_object_get(answer, "hubs"), &hub, "no hub");
	} else {
		fputs("no data path (meshctl status says why)\n", ctl->out);
	}
	json_decref(one);
	heading(ctl, "\nControl plane");
	draw_counters(ctl, json_object_get(answer, "hub"), false);
	heading(ctl, "\nBroker");
	draw_counters(ctl, json_object_get(answer, "broker"), false);
	heading(ctl, "\nRegistry");
	draw_counters(ctl, json_object_get(answer, "registry"), false);
	heading(ctl, "\nTLS sessions");
	draw_counters(ctl, json_object_get(answer, "transport"), false);
	heading(ctl, "\nCertificates refused");
	draw_counters(ctl,
		      json_object_get(json_object_get(answer, "transport"), "refused_certificates"),
		      false);
	heading(ctl, "\nLocal API");
	draw_counters(ctl, json_object_get(answer, "api_server"), false);
	if (json_object_get(answer, "names")) {
		heading(ctl, "\nName server");
		draw_counters(ctl, json_object_get(answer, "names"), false);
	}
}

static void draw_object(struct meshctl *ctl, const json_t *answer)
{
	char a[CELL_MAX], b[CELL_MAX];
	bool is_link = json_object_get(answer, "link") != NULL;

	fprintf(ctl->out, "%s%s%s  %s\n", output_color(ctl, "bold"),
		field_text(answer, is_link ? "peer_name" : "name", "?", a),
		output_color(ctl, "reset"), field_text(answer, is_link ? "peer" : "id", "?", b));
	draw_counters(ctl, answer, true);
	cell_phases(answer, "tx_phase", a);
	fprintf(ctl->out, "  %-24s %s\n", "keys tx / rx", a);
}

static bool object_matches(const json_t *object, const char *kind, const char *wanted)
{
	static const char *const members[] = {"name", "id"};
	const char *text;

	if (strcmp(kind, "link") == 0) {
		char *end;
		unsigned long number = strtoul(wanted, &end, 10);

		return *wanted && !*end && field_number(object, "link") == number;
	}
	for (size_t i = 0; i < 2; i++) {
		text = json_string_value(json_object_get(object, members[i]));
		if (text && strcmp(text, wanted) == 0)
			return true;
	}
	return false;
}

static int print_one(struct meshctl *ctl, json_t *answer, const char *kind, const char *wanted)
{
	const json_t *list = json_object_get(answer, strcmp(kind, "link") ? "hubs" : "links");
	json_t *object;
	size_t i;

	json_array_foreach(list, i, object)
	{
		if (!object_matches(object, kind, wanted))
			continue;
		json_incref(object);
		json_decref(answer);
		return output_answer(ctl, object, draw_object);
	}
	json_decref(answer);
	return meshctl_fail(ctl, MESHCTL_NO,
			    strcmp(kind, "link") ? "meshctl stats lists them by name"
						 : "meshctl links lists them by number",
			    "the data path has no %s \"%s\"", kind, wanted);
}

int cmd_stats(struct meshctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{"drops", no_argument, NULL, 'd'}, {0}};
	bool drops_only = false;
	json_t *answer = NULL;
	int opt, code, operands;

	optind = 0;
	while ((opt = meshctl_getopt(ctl, argc, argv, "d", options)) != -1) {
		if (opt != 'd')
			return meshctl_getopt_end(ctl, opt);
		drops_only = true;
	}
	operands = argc - optind;
	if (operands && (operands != 2 || drops_only ||
			 (strcmp(argv[optind], "link") && strcmp(argv[optind], "hub")))) {
		meshctl_fail(ctl, MESHCTL_USAGE, NULL,
			     "stats takes nothing, --drops, link NUMBER or hub HUB");
		return meshctl_getopt_end(ctl, '?');
	}
	if (!operands)
		return output_get(ctl, "/v1/stats", drops_only ? draw_drops : draw_stats);
	code = client_get(ctl, &answer, "/v1/stats");
	return code == MESHCTL_OK ? print_one(ctl, answer, argv[optind], argv[optind + 1]) : code;
}
