// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshctl filter: zones, who may send to whom, ACL, guards, storm limits
 *
 * As the kernel has them, with what they counted.
 */
#include <string.h>

#include "tools/lib/format.h"
#include "tools/meshctl/output.h"
#include "tools/meshctl/views.h"

static void heading(struct meshctl *ctl, const char *text)
{
	fprintf(ctl->out, "%s%s%s\n", output_color(ctl, "bold"), text, output_color(ctl, "reset"));
}

static void add_text(char *buf, const char *text)
{
	size_t used = strlen(buf);

	snprintf(buf + used, CELL_MAX - used, "%s%s", used ? " " : "", text);
}

/* Texts of a list; "any" when there is none, because nothing is checked then. */
static void cell_list(const json_t *row, const char *field, char *buf)
{
	const json_t *list = json_object_get(row, field), *entry;
	char text[CELL_MAX];
	size_t i;

	buf[0] = '\0';
	json_array_foreach(list, i, entry) if (json_is_string(entry))
		add_text(buf, format_safe(json_string_value(entry), text, sizeof(text)));
	if (!json_is_array(list))
		snprintf(buf, CELL_MAX, "any");
	else if (!buf[0])
		snprintf(buf, CELL_MAX, "-");
}

static void cell_limit(const json_t *row, const char *field, char *buf)
{
	if (json_is_integer(json_object_get(row, field)))
		cell_number(row, field, buf);
	else
		snprintf(buf, CELL_MAX, "any");
}

static void cell_storm(const json_t *row, const char *field, char *buf)
{
	static const char *const kinds[] = {"broadcast_per_s", "multicast_per_s", "unknown_per_s"};
	const json_t *storm = json_object_get(row, field);
	char text[CELL_MAX];

	buf[0] = '\0';
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		cell_limit(storm, kinds[i], text);
		add_text(buf, text);
	}
}

static void cell_member(const json_t *row, const char *field, char *buf)
{
	if (json_is_integer(json_object_get(row, field)))
		cell_number(row, field, buf);
	else
		cell_text(row, field, buf);
}

/* All that the entry names beside zones. */
static void cell_match(const json_t *row, const char *field, char *buf)
{
	static const char *const names[] = {"ethertype",   "vlan",	   "protocol", "source",
					    "destination", "source_ports", "ports"};
	char text[CELL_MAX], pair[CELL_MAX + 16];

	buf[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!json_object_get(row, names[i]))
			continue;
		cell_member(row, names[i], text);
		snprintf(pair, sizeof(pair), "%s=%s", names[i], text);
		add_text(buf, pair);
	}
	if (!buf[0])
		snprintf(buf, CELL_MAX, "anything");
}

static void cell_zone(const json_t *row, const char *field, char *buf)
{
	if (json_object_get(row, field))
		cell_text(row, field, buf);
	else
		snprintf(buf, CELL_MAX, "any");
}

static const char *color_action(const json_t *row)
{
	const char *action = json_string_value(json_object_get(row, "action"));

	return action && strcmp(action, "deny") == 0 ? "red" : "green";
}

static void draw_zones(struct meshctl *ctl, const json_t *answer)
{
	static const struct column members[] = {
		{"ZONE", "zone", cell_text},
		{"NUMBER", "number", cell_number, NULL, true},
		{"KIND", "kind", cell_text},
		{"MEMBER", "member", cell_member},
	};
	static const struct column pairs[] = {
		{"FROM", "from", cell_text},
		{"TO", "to", cell_text},
	};

	heading(ctl, "Zones");
	output_table(ctl, json_object_get(answer, "members"), members,
		     sizeof(members) / sizeof(members[0]), "nobody is in a zone");
	heading(ctl, "\nMay send");
	output_table(ctl, json_object_get(answer, "allow"), pairs, sizeof(pairs) / sizeof(pairs[0]),
		     json_array_size(json_object_get(answer, "members"))
			     ? "no zone may send to any"
			     : "there are no zones: everybody may send to everybody");
}

static void draw_acl(struct meshctl *ctl, const json_t *answer)
{
	static const struct column columns[] = {
		{"HITS", "hits_frames", cell_count, NULL, true},
		{"ACTION", "action", cell_text, color_action},
		{"FROM", "from", cell_zone},
		{"TO", "to", cell_zone},
		{"MATCH", "action", cell_match},
		{"LOG EVERY", "log_every", cell_number, NULL, true},
	};

	heading(ctl, "\nACL");
	output_table(ctl, json_object_get(answer, "acl"), columns,
		     sizeof(columns) / sizeof(columns[0]), "no entry: what zones allow passes");
}

static void draw_guards(struct meshctl *ctl, const json_t *answer)
{
	static const struct column columns[] = {
		{"HUB", "hub_name", cell_text},
		{"ZONES", "zones", cell_list},
		{"ADDRESSES", "addresses", cell_list},
		{"WITHIN", "within", cell_list},
		{"MACS", "macs_max", cell_limit, NULL, true},
		{"FRAMES/S", "frames_per_s", cell_limit, NULL, true},
		{"BYTES/S", "bytes_per_s", cell_limit, NULL, true},
		{"STORM B M U", "storm", cell_storm, NULL, true},
	};

	heading(ctl, "\nWhat hubs may send");
	output_table(ctl, json_object_get(answer, "guards"), columns,
		     sizeof(columns) / sizeof(columns[0]), "anything: no hub has a guard");
}

static void draw_refused(struct meshctl *ctl, const json_t *answer)
{
	static const struct column columns[] = {
		{"FRAMES", "frames", cell_number, NULL, true},
		{"REASON", "reason", cell_text},
		{"MEANING", "explanation", cell_text},
	};
	json_t *seen = json_array(), *drop;
	size_t i;

	json_array_foreach(json_object_get(answer, "drops"), i,
			   drop) if (field_number(drop, "frames")) json_array_append(seen, drop);
	heading(ctl, "\nRefused");
	output_table(ctl, seen, columns, sizeof(columns) / sizeof(columns[0]),
		     "no frame was refused");
	json_decref(seen);
}

void draw_filter(struct meshctl *ctl, const json_t *answer)
{
	char storm[CELL_MAX], hops[CELL_MAX];

	draw_zones(ctl, answer);
	draw_acl(ctl, answer);
	draw_guards(ctl, answer);
	draw_refused(ctl, answer);
	cell_storm(answer, "storm", storm);
	cell_limit(answer, "max_hops", hops);
	fprintf(ctl->out,
		"\nHops at most %s.  From here, per second: broadcast, multicast, "
		"unknown unicast %s.\n",
		hops, storm);
}

int cmd_filter(struct meshctl *ctl, int argc, char **argv)
{
	int code;

	if (!meshctl_no_operands(ctl, argc, argv, &code))
		return code;
	return output_get(ctl, "/v1/filter", draw_filter);
}
