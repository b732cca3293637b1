// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: views: the module's tables for people
 *
 * Hubs are shown by id: without a daemon nobody knows their names.
 */
#include "tools/meshnl/views.h"

#include <inttypes.h>
#include <string.h>

#include "tools/lib/format.h"
#include "tools/lib/table.h"

#define PRINT(nl, rows, columns, empty)                                                            \
	table_print((nl)->out, (nl)->color, rows, columns, sizeof(columns) / sizeof((columns)[0]), \
		    empty)

static void heading(const struct meshnl *nl, const char *text)
{
	fprintf(nl->out, "\n%s%s%s\n", table_color(nl->color, "bold"), text,
		table_color(nl->color, "reset"));
}

static void add_text(char *buf, const char *separator, const char *text)
{
	size_t used = strlen(buf);

	snprintf(buf + used, CELL_MAX - used, "%s%s", used ? separator : "", text);
}

/* "a=1 b=2" of the members of an object, lists as "1,2", nests in brackets. */
static void add_value(char *buf, const json_t *value);

static void add_members(char *buf, const json_t *object, const char *const *without)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)object, name, value)
	{
		char text[CELL_MAX] = "", pair[CELL_MAX];
		bool is_shown = true;

		for (const char *const *other = without; other && *other; other++)
			is_shown = is_shown && strcmp(name, *other) != 0;
		if (!is_shown)
			continue;
		add_value(text, value);
		snprintf(pair, sizeof(pair), "%.60s=%.180s", name, text);
		add_text(buf, " ", pair);
	}
}

static void add_value(char *buf, const json_t *value)
{
	char text[CELL_MAX] = "";
	json_t *element;
	size_t i;

	if (json_is_integer(value)) {
		snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	} else if (json_is_string(value)) {
		format_safe(json_string_value(value), text, sizeof(text));
	} else if (json_is_object(value)) {
		char inner[CELL_MAX] = "";

		add_members(inner, value, NULL);
		snprintf(text, sizeof(text), "[%.250s]", inner);
	}
	json_array_foreach(value, i, element) add_value(text, element);
	add_text(buf, ",", text[0] ? text : "-");
}

/* What a row has beside the columns that all rows have. */
static void cell_rest(const json_t *row, const char *field, char *buf)
{
	static const char *const in_columns[] = {"class", "action", "hits", "id", NULL};

	buf[0] = '\0';
	add_members(buf, row, in_columns);
	if (!buf[0])
		snprintf(buf, CELL_MAX, "any");
}

static void cell_value(const json_t *row, const char *field, char *buf)
{
	const json_t *value = json_object_get(row, field);

	buf[0] = '\0';
	if (value)
		add_value(buf, value);
	else
		snprintf(buf, CELL_MAX, "-");
}

/* The one of four addresses that is there, with the port of a UDP carrier. */
static void cell_remote(const json_t *row, const char *field, char *buf)
{
	char text[CELL_MAX];
	uint64_t port = field_number(row, "remote_port");

	if (json_object_get(row, "remote6"))
		snprintf(buf, CELL_MAX, "[%.50s]:%" PRIu64, field_text(row, "remote6", "", text),
			 port);
	else if (json_object_get(row, "remote4"))
		snprintf(buf, CELL_MAX, "%.50s:%" PRIu64, field_text(row, "remote4", "", text),
			 port);
	else
		field_text(row, "remote_lladdr", "-", buf);
}

static void cell_carrier(const json_t *row, const char *field, char *buf)
{
	snprintf(buf, CELL_MAX, "%s",
		 json_object_get(row, "remote_lladdr") ? "ether"
		 : json_object_get(row, "remote6")     ? "udp6"
						       : "udp4");
}

/* A limit whose 0 means that there is none. */
static void cell_limit(const json_t *row, const char *field, char *buf)
{
	if (field_number(row, field))
		cell_number(row, field, buf);
	else
		snprintf(buf, CELL_MAX, "-");
}

static void cell_probes(const json_t *row, const char *field, char *buf)
{
	if (field_number(row, "probe_ms"))
		snprintf(buf, CELL_MAX, "%" PRIu64 " ms x %" PRIu64, field_number(row, "probe_ms"),
			 field_number(row, "probe_misses"));
	else
		snprintf(buf, CELL_MAX, "off");
}

/* 0 is not known, for round trips and largest frames. */
static void cell_us_known(const json_t *row, const char *field, char *buf)
{
	if (field_number(row, field))
		cell_us(row, field, buf);
	else
		snprintf(buf, CELL_MAX, "-");
}

static void cell_from_stats(const json_t *row, const char *field, char *buf)
{
	cell_bytes(json_object_get(row, "stats"), field, buf);
}

static void draw_settings(const struct meshnl *nl, const json_t *entry)
{
	static const char *const apart[] = {"stats", "drops", NULL};
	const json_t *settings = json_object_get(entry, "settings");
	char name[CELL_MAX], value[CELL_MAX];
	const char *member;
	json_t *setting;

	fprintf(nl->out, "%s%s%s  interface %" PRIu64 "\n", table_color(nl->color, "bold"),
		field_text(entry, "device", "?", name), table_color(nl->color, "reset"),
		field_number(entry, "ifindex"));
	json_object_foreach((json_t *)settings, member, setting)
	{
		if (strcmp(member, apart[0]) == 0 || strcmp(member, apart[1]) == 0)
			continue;
		value[0] = '\0';
		add_value(value, setting);
		fprintf(nl->out, "  %-20s %s\n", member, value);
	}
}

/* A list under the name that its own view expects. */
static void draw_list(const struct meshnl *nl, const json_t *entry, const char *name,
		      void (*draw)(const struct meshnl *nl, const json_t *answer))
{
	json_t *answer = json_object();

	json_object_set(answer, name, json_object_get(entry, name));
	draw(nl, answer);
	json_decref(answer);
}

static void draw_device(const struct meshnl *nl, const json_t *entry)
{
	draw_settings(nl, entry);
	if (field_is_true(entry, "restricted")) {
		fputs("  links, hubs, routes and the rest: for CAP_NET_ADMIN only\n", nl->out);
		return;
	}
	heading(nl, "Links");
	draw_list(nl, entry, "links", nl_draw_links);
	heading(nl, "Hubs");
	draw_list(nl, entry, "hubs", nl_draw_hubs);
	heading(nl, "Routes");
	nl_draw_routes(nl, json_object_get(entry, "routes"));
	heading(nl, "Trees");
	nl_draw_trees(nl, json_object_get(entry, "trees"));
	heading(nl, "Addresses behind hubs");
	draw_list(nl, entry, "fdb", nl_draw_fdb);
	heading(nl, "Queues");
	nl_draw_qos(nl, json_object_get(entry, "qos"));
	heading(nl, "Rule set");
	nl_draw_filter(nl, json_object_get(entry, "filter"));
}

void nl_draw_devices(const struct meshnl *nl, const json_t *answer)
{
	const json_t *devices = json_object_get(answer, "devices"), *entry;
	size_t i;

	if (json_array_size(devices) == 0)
		fputs("no interface of kind hubmesh here (meshnl dev add NAME makes one)\n",
		      nl->out);
	json_array_foreach(devices, i, entry)
	{
		if (i)
			fputc('\n', nl->out);
		draw_device(nl, entry);
	}
}

void nl_draw_links(const struct meshnl *nl, const json_t *answer)
{
	static const struct column columns[] = {
		{"LINK", "index", cell_number, NULL, true},
		{"PEER", "peer", cell_text},
		{"STATE", "state", cell_text, color_link_state},
		{"CARRIER", "", cell_carrier},
		{"REMOTE", "", cell_remote},
		{"REMOTE LINK", "remote_index", cell_number, NULL, true},
		{"OIF", "oif", cell_limit, NULL, true},
		{"PROBES", "", cell_probes},
		{"RTT", "rtt_us", cell_us_known, NULL, true},
		{"JITTER", "jitter_us", cell_us_known, NULL, true},
		{"LOST", "lost", cell_count, NULL, true},
		{"FRAME MAX", "frame_max", cell_limit, NULL, true},
		{"RATE B/s", "rate", cell_limit, NULL, true},
		{"RX", "rx_bytes", cell_from_stats, NULL, true},
		{"TX", "tx_bytes", cell_from_stats, NULL, true},
		{"KEYS TX/RX", "tx_phase", cell_phases},
	};

	PRINT(nl, json_object_get(answer, "links"), columns, "no link");
}

void nl_draw_hubs(const struct meshnl *nl, const json_t *answer)
{
	static const struct column columns[] = {
		{"HUB", "id", cell_text},
		{"SEAL TX/RX", "tx_phase", cell_phases},
		{"SENDER KEY", "sender_phases", cell_value},
		{"HAS OURS", "sender_proved", cell_value},
		{"HELD", "held", cell_limit, NULL, true},
		{"RX", "rx_bytes", cell_from_stats, NULL, true},
		{"TX", "tx_bytes", cell_from_stats, NULL, true},
	};

	PRINT(nl, json_object_get(answer, "hubs"), columns, "no hub");
}

static void cell_nexthops(const json_t *row, const char *field, char *buf)
{
	const json_t *nexthops = json_object_get(row, field), *nexthop;
	char text[CELL_MAX];
	size_t i;

	buf[0] = '\0';
	json_array_foreach(nexthops, i, nexthop)
	{
		snprintf(text, sizeof(text), "link %" PRIu64, field_number(nexthop, "link"));
		add_text(buf, ", ", text);
		snprintf(text, sizeof(text), "x%" PRIu64, field_number(nexthop, "weight"));
		if (json_array_size(nexthops) > 1)
			add_text(buf, " ", text);
	}
	if (!buf[0])
		snprintf(buf, CELL_MAX, "-");
}

static void cell_backup(const json_t *row, const char *field, char *buf)
{
	const json_t *backup = json_object_get(row, field);
	char tunnel[CELL_MAX];

	if (!json_is_object(backup)) {
		snprintf(buf, CELL_MAX, "-");
		return;
	}
	field_text(backup, "tunnel", "", tunnel);
	snprintf(buf, CELL_MAX, "link %" PRIu64 "%s%.40s", field_number(backup, "link"),
		 tunnel[0] ? ", tunnel to " : "", tunnel);
}

static void draw_generation(const struct meshnl *nl, const json_t *answer)
{
	char text[CELL_MAX];

	cell_value(answer, "generation", text);
	fprintf(nl->out, "generation %s\n", text);
}

void nl_draw_routes(const struct meshnl *nl, const json_t *answer)
{
	static const struct column columns[] = {
		{"HUB", "hub", cell_text},
		{"VIA", "nexthop", cell_nexthops},
		{"BACKUP", "backup", cell_backup},
		{"FRAME MAX", "frame_max", cell_limit, NULL, true},
	};

	draw_generation(nl, answer);
	PRINT(nl, json_object_get(answer, "routes"), columns, "no route");
}

/* "33:33:00:00:00:01 1,3": the children that want the group, by link. */
static void add_group(const struct meshnl *nl, const json_t *tree, size_t i)
{
	const json_t *children = json_object_get(tree, "children"), *bit;
	const json_t *mask = json_array_get(json_object_get(tree, "masks"), i);
	char text[CELL_MAX] = "", links[CELL_MAX] = "";
	size_t j;

	add_value(text, json_array_get(json_object_get(tree, "groups"), i));
	json_array_foreach(mask, j, bit)
	{
		const json_t *link = json_array_get(children, (size_t)json_integer_value(bit));

		if (link)
			add_value(links, link);
	}
	fprintf(nl->out, "  %s by link %s\n", text, links[0] ? links : "-");
}

static void draw_tree_groups(const struct meshnl *nl, const json_t *trees)
{
	json_t *tree;
	char root[CELL_MAX];
	size_t i;

	json_array_foreach(trees, i, tree)
	{
		size_t n = json_array_size(json_object_get(tree, "groups"));

		if (n)
			fprintf(nl->out, "groups from %s that not all children want:\n",
				field_text(tree, "root", "?", root));
		for (size_t j = 0; j < n; j++)
			add_group(nl, tree, j);
	}
}

void nl_draw_trees(const struct meshnl *nl, const json_t *answer)
{
	static const struct column columns[] = {
		{"ROOT", "root", cell_text},
		{"FROM", "parent", cell_text},
		{"ON BY LINK", "children", cell_value},
		{"FRAME MAX", "frame_max", cell_limit, NULL, true},
	};
	const json_t *trees = json_object_get(answer, "trees");
	const json_t *wanted = json_object_get(answer, "groups");
	char text[CELL_MAX] = "";

	PRINT(nl, trees, columns, "no tree");
	draw_tree_groups(nl, trees);
	if (wanted)
		add_members(text, wanted, NULL);
	fprintf(nl->out, "groups wanted here: %s\n", text[0] ? text : "-");
}

void nl_draw_fdb(const struct meshnl *nl, const json_t *answer)
{
	static const struct column columns[] = {
		{"ADDRESS", "mac", cell_text},
		{"HUB", "hub", cell_text},
		{"FLAGS", "flags", cell_value},
		{"IDLE", "idle_ms", cell_age_ms, NULL, true},
	};

	PRINT(nl, json_object_get(answer, "fdb"), columns, "no address");
}

void nl_draw_keys(const struct meshnl *nl, const json_t *answer)
{
	static const struct column links[] = {
		{"LINK", "index", cell_number, NULL, true},
		{"PEER", "peer", cell_text},
		{"PHASE TX/RX", "tx_phase", cell_phases},
	};
	static const struct column hubs[] = {
		{"HUB", "id", cell_text},
		{"PHASE TX/RX", "tx_phase", cell_phases},
		{"SENDER KEY", "sender_phases", cell_value},
		{"HAS OURS", "sender_proved", cell_value},
	};

	PRINT(nl, json_object_get(answer, "links"), links, "no link");
	fputc('\n', nl->out);
	PRINT(nl, json_object_get(answer, "hubs"), hubs, "no hub");
}

static const char *color_class_drops(const json_t *row)
{
	return field_number(row, "drops_full") || field_number(row, "drops_codel") ? "yellow"
										   : NULL;
}

/* A row for each class: the class with the link whose queue it is in. */
static json_t *class_rows(const json_t *queues)
{
	json_t *rows = json_array(), *queue, *class;
	size_t i, j;

	json_array_foreach(queues, i, queue)
	{
		json_array_foreach(json_object_get(queue, "class"), j, class)
		{
			json_t *row = json_copy(class);

			json_object_set(row, "link", json_object_get(queue, "link"));
			json_object_set(row, "strict_share",
					json_object_get(queue, "strict_share"));
			json_array_append_new(rows, row);
		}
	}
	return rows;
}

void nl_draw_qos(const struct meshnl *nl, const json_t *answer)
{
	static const struct column columns[] = {
		{"LINK", "link", cell_number, NULL, true},
		{"STRICT %", "strict_share", cell_number, NULL, true},
		{"CLASS", "number", cell_number, NULL, true},
		{"WEIGHT", "weight", cell_number, NULL, true},
		{"LIMIT", "limit_bytes", cell_bytes, NULL, true},
		{"BACKLOG", "backlog_bytes", cell_bytes, NULL, true},
		{"SENT FRAMES", "sent_frames", cell_count, NULL, true},
		{"SENT", "sent_bytes", cell_bytes, NULL, true},
		{"FULL", "drops_full", cell_count, color_class_drops, true},
		{"CODEL", "drops_codel", cell_count, color_class_drops, true},
		{"FLUSHED", "drops_flushed", cell_count, NULL, true},
		{"DELAY", "sojourn_us", cell_us, NULL, true},
		{"LONGEST", "sojourn_peak_us", cell_us, NULL, true},
	};
	static const struct column rules[] = {
		{"CLASS", "class", cell_number, NULL, true},
		{"OF FRAMES WITH", "", cell_rest},
	};
	json_t *rows = class_rows(json_object_get(answer, "queues"));

	PRINT(nl, rows, columns, "no queue");
	json_decref(rows);
	fputc('\n', nl->out);
	PRINT(nl, json_object_get(answer, "rules"), rules, "no rule");
}

static void cell_guard(const json_t *row, const char *field, char *buf)
{
	cell_rest(json_object_get(row, field), field, buf);
}

void nl_draw_filter(const struct meshnl *nl, const json_t *answer)
{
	static const struct column zones[] = {
		{"ZONE", "id", cell_number, NULL, true},
		{"IS", "", cell_rest},
	};
	static const struct column pairs[] = {
		{"FROM ZONE", "src", cell_number, NULL, true},
		{"TO ZONE", "dst", cell_number, NULL, true},
	};
	static const struct column acl[] = {
		{"ACTION", "action", cell_text},
		{"HITS", "hits", cell_number, NULL, true},
		{"FRAMES WITH", "", cell_rest},
	};
	static const struct column guards[] = {
		{"HUB", "id", cell_text},
		{"ITS FRAMES MAY HAVE", "guard", cell_guard},
	};
	char hops[CELL_MAX];

	draw_generation(nl, answer);
	cell_limit(answer, "hops_limit", hops);
	fprintf(nl->out, "hops limit %s\n\n", hops);
	PRINT(nl, json_object_get(answer, "zones"), zones, "no zone");
	fputc('\n', nl->out);
	PRINT(nl, json_object_get(answer, "pairs"), pairs, "no zone pair");
	fputc('\n', nl->out);
	PRINT(nl, json_object_get(answer, "acl"), acl, "no ACL entry");
	fputc('\n', nl->out);
	PRINT(nl, json_object_get(answer, "guards"), guards, "no guard");
}

/* Each row's counters beside its other members. */
static json_t *flat_stats(const json_t *rows)
{
	json_t *flat = json_array(), *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		json_t *copy = json_copy(row);

		json_object_update(copy, json_object_get(row, "stats"));
		json_array_append_new(flat, copy);
	}
	return flat;
}

static void draw_counters(const struct meshnl *nl, const json_t *rows, const struct column *first,
			  const char *empty)
{
	json_t *flat = flat_stats(rows);

	table_print_counters(nl->out, nl->color, flat, first, empty);
	json_decref(flat);
}

void nl_draw_stats(const struct meshnl *nl, const json_t *answer)
{
	static const struct column device = {"DEVICE", "device", cell_text};
	static const struct column link = {"LINK", "index", cell_number, NULL, true};
	static const struct column hub = {"HUB", "id", cell_text};
	json_t *one = json_array();

	json_array_append(one, (json_t *)answer);
	draw_counters(nl, one, &device, "no device");
	json_decref(one);
	fputc('\n', nl->out);
	draw_counters(nl, json_object_get(answer, "links"), &link, "no link");
	fputc('\n', nl->out);
	draw_counters(nl, json_object_get(answer, "hubs"), &hub, "no hub");
}

void nl_draw_drops(const struct meshnl *nl, const json_t *answer)
{
	table_print_drops(nl->out, nl->color, json_object_get(answer, "drops"));
}

void nl_draw_event(const struct meshnl *nl, const json_t *event)
{
	static const char *const heads[] = {"version", "event", "device", "ifindex", "link", NULL};
	const json_t *link = json_object_get(event, "link");
	char name[CELL_MAX], what[CELL_MAX], rest[CELL_MAX] = "", state[CELL_MAX];

	field_text(event, "device", "-", name);
	field_text(event, "event", "?", what);
	fprintf(nl->out, "%s %s", name, what);
	if (link)
		fprintf(nl->out, " link=%" PRIu64 " peer=%s state=%s", field_number(link, "index"),
			field_text(link, "peer", "-", rest), field_text(link, "state", "-", state));
	rest[0] = '\0';
	add_members(rest, event, heads);
	fprintf(nl->out, "%s%s\n", rest[0] ? " " : "", rest);
}
