// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: tables: messages put together to what a person asks for
 *
 * A table comes in as many messages as the kernel needed.  Here they become one list each,
 * whose rows are the kernel's nests as decode.c names them.
 */
#include "tools/meshnl/tables.h"

#include <errno.h>
#include <stdio.h>

#include "linux/hubmesh.h"
#include "tools/lib/table.h"

/* A message without what it is about. */
static int lacks(const char *member, char *why)
{
	snprintf(why, KERNEL_WHY_MAX, "message has no attribute %s", member);
	return -EBADMSG;
}

/* The nests @member of all messages of an answer, as a new list. */
static int read_nests(struct kernel *kernel, uint8_t cmd, const char *device, bool is_dump,
		      const char *member, json_t **ret, char *why)
{
	json_t *messages, *message, *list;
	size_t i;
	int err = kernel_get(kernel, cmd, device, is_dump, &messages, why);

	if (err)
		return err;
	list = json_array();
	json_array_foreach(messages, i, message)
	{
		json_t *nest = json_object_get(message, member);

		if (!nest) {
			err = lacks(member, why);
			break;
		}
		json_array_append(list, nest);
	}
	json_decref(messages);
	if (err)
		json_decref(list);
	else
		*ret = list;
	return err;
}

/* The lists @member of all @nests, one after the other. */
static json_t *joined(const json_t *nests, const char *member)
{
	json_t *list = json_array(), *nest;
	size_t i;

	json_array_foreach(nests, i, nest) json_array_extend(list, json_object_get(nest, member));
	return list;
}

/* A member that each of @nests repeats; NULL when there is none. */
static json_t *repeated(const json_t *nests, const char *member)
{
	return json_object_get(json_array_get(nests, 0), member);
}

static int read_into(struct kernel *kernel, uint8_t cmd, const char *device, const char *member,
		     json_t *answer, const char *name, char *why)
{
	json_t *list;
	int err = read_nests(kernel, cmd, device, true, member, &list, why);

	if (!err)
		json_object_set_new(answer, name, list);
	return err;
}

int tables_read_links(struct kernel *kernel, const char *device, json_t *answer, char *why)
{
	return read_into(kernel, HUBMESH_CMD_LINK_GET, device, "link", answer, "links", why);
}

int tables_read_hubs(struct kernel *kernel, const char *device, json_t *answer, char *why)
{
	return read_into(kernel, HUBMESH_CMD_HUB_GET, device, "hub", answer, "hubs", why);
}

int tables_read_fdb(struct kernel *kernel, const char *device, json_t *answer, char *why)
{
	return read_into(kernel, HUBMESH_CMD_FDB_GET, device, "fdb", answer, "fdb", why);
}

static int read_route_set(struct kernel *kernel, const char *device, const char *member,
			  const char *name, json_t *answer, char *why)
{
	json_t *nests;
	int err = read_nests(kernel, HUBMESH_CMD_ROUTE_GET, device, true, "routes", &nests, why);

	if (err)
		return err;
	json_object_set(answer, "generation", repeated(nests, "generation"));
	json_object_set_new(answer, name, joined(nests, member));
	json_decref(nests);
	return 0;
}

int tables_read_routes(struct kernel *kernel, const char *device, json_t *answer, char *why)
{
	return read_route_set(kernel, device, "route", "routes", answer, why);
}

int tables_read_trees(struct kernel *kernel, const char *device, json_t *answer, char *why)
{
	json_t *groups;
	int err = read_route_set(kernel, device, "tree", "trees", answer, why);

	if (!err)
		err = read_nests(kernel, HUBMESH_CMD_GROUP_GET, device, false, "groups", &groups,
				 why);
	if (err)
		return err;
	json_object_set(answer, "groups", json_array_get(groups, 0));
	json_decref(groups);
	return 0;
}

static int read_queues(struct kernel *kernel, const char *device, json_t *answer, char *why)
{
	json_t *messages, *message, *queues = json_array();
	size_t i;
	int err = kernel_get(kernel, HUBMESH_CMD_QOS_GET, device, true, &messages, why);

	if (err) {
		json_decref(queues);
		return err;
	}
	json_array_foreach(messages, i, message)
	{
		json_t *queue = json_object_get(message, "qos");
		json_t *link = json_object_get(json_object_get(message, "link"), "index");

		if (!queue || !link) {
			err = lacks(queue ? "link" : "qos", why);
			break;
		}
		json_object_set(queue, "link", link);
		json_array_append(queues, queue);
	}
	json_object_set_new(answer, "queues", queues);
	json_decref(messages);
	return err;
}

int tables_read_qos(struct kernel *kernel, const char *device, json_t *answer, char *why)
{
	json_t *nests;
	int err = read_queues(kernel, device, answer, why);

	if (!err)
		err = read_nests(kernel, HUBMESH_CMD_RULE_GET, device, true, "rules", &nests, why);
	if (err)
		return err;
	json_object_set_new(answer, "rules", joined(nests, "rule"));
	json_decref(nests);
	return 0;
}

/**
 * struct part - some members of each row of a table
 * @cmd: whose dump has the table
 * @nest: of its messages
 * @name: of the list that receives the rows
 * @needed: rows without this member are left out; NULL for none
 * @members: what is taken over, ended by NULL
 */
struct part {
	uint8_t cmd;
	const char *nest, *name, *needed;
	const char *members[6];
};

static int read_part(struct kernel *kernel, const char *device, const struct part *part,
		     json_t *answer, char *why)
{
	json_t *nests, *nest, *rows = json_array();
	size_t i;
	int err = read_nests(kernel, part->cmd, device, true, part->nest, &nests, why);

	json_object_set_new(answer, part->name, rows);
	if (err)
		return err;
	json_array_foreach(nests, i, nest)
	{
		json_t *row;

		if (part->needed && !json_object_get(nest, part->needed))
			continue;
		row = json_object();
		for (const char *const *member = part->members; *member; member++)
			json_object_set(row, *member, json_object_get(nest, *member));
		json_array_append_new(rows, row);
	}
	json_decref(nests);
	return 0;
}

int tables_read_filter(struct kernel *kernel, const char *device, json_t *answer, char *why)
{
	static const struct part guards = {
		HUBMESH_CMD_HUB_GET, "hub", "guards", "guard", {"id", "guard"}};
	static const char *const lists[][2] = {
		{"zone", "zones"}, {"pair", "pairs"}, {"acl", "acl"}};
	json_t *nests;
	int err = read_nests(kernel, HUBMESH_CMD_FILTER_GET, device, true, "filter", &nests, why);

	if (err)
		return err;
	json_object_set(answer, "generation", repeated(nests, "generation"));
	json_object_set(answer, "hops_limit", repeated(nests, "hops_limit"));
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		json_object_set_new(answer, lists[i][1], joined(nests, lists[i][0]));
	json_decref(nests);
	return read_part(kernel, device, &guards, answer, why);
}

int tables_read_keys(struct kernel *kernel, const char *device, json_t *answer, char *why)
{
	static const struct part links = {HUBMESH_CMD_LINK_GET,
					  "link",
					  "links",
					  NULL,
					  {"index", "peer", "tx_phase", "rx_phases"}};
	static const struct part hubs = {HUBMESH_CMD_HUB_GET,
					 "hub",
					 "hubs",
					 NULL,
					 {"id", "tx_phase", "rx_phases", "sender_phases",
					  "sender_proved"}};
	int err = read_part(kernel, device, &links, answer, why);

	return err ? err : read_part(kernel, device, &hubs, answer, why);
}

/* The settings and counters of one interface. */
static int read_device(struct kernel *kernel, const char *device, json_t **ret, char *why)
{
	json_t *nests;
	int err = read_nests(kernel, HUBMESH_CMD_DEV_GET, device, false, "device", &nests, why);

	if (err)
		return err;
	*ret = json_incref(json_array_get(nests, 0));
	json_decref(nests);
	return *ret ? 0 : lacks("device", why);
}

int tables_read_stats(struct kernel *kernel, const char *device, json_t *answer, char *why)
{
	static const struct part links = {
		HUBMESH_CMD_LINK_GET, "link", "links", NULL, {"index", "peer", "stats", "lost"}};
	static const struct part hubs = {HUBMESH_CMD_HUB_GET, "hub", "hubs", NULL, {"id", "stats"}};
	json_t *found;
	int err = read_device(kernel, device, &found, why);

	if (err)
		return err;
	json_object_set(answer, "stats", json_object_get(found, "stats"));
	json_decref(found);
	err = read_part(kernel, device, &links, answer, why);
	return err ? err : read_part(kernel, device, &hubs, answer, why);
}

/* Reasons that were seen, then the others; both in the order of the ABI. */
static json_t *seen_first(const json_t *drops)
{
	json_t *rows = json_array(), *drop;
	size_t i;

	for (int is_seen = 1; is_seen >= 0; is_seen--)
		json_array_foreach(drops, i, drop) if ((field_number(drop, "frames") > 0) ==
						       is_seen) json_array_append(rows, drop);
	return rows;
}

int tables_read_drops(struct kernel *kernel, const char *device, json_t *answer, char *why)
{
	json_t *found;
	int err = read_device(kernel, device, &found, why);

	if (err)
		return err;
	json_object_set_new(answer, "drops", seen_first(json_object_get(found, "drops")));
	json_decref(found);
	return 0;
}

/* What `show` has below the settings of an interface. */
static int read_all(struct kernel *kernel, const char *device, json_t *entry, char *why)
{
	static const struct {
		const char *name;
		tables_read_fn read;
	} parts[] = {
		{"links", tables_read_links},	{"hubs", tables_read_hubs},
		{"routes", tables_read_routes}, {"trees", tables_read_trees},
		{"fdb", tables_read_fdb},	{"qos", tables_read_qos},
		{"filter", tables_read_filter},
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		json_t *part = json_object(), *same;
		int err = parts[i].read(kernel, device, part, why);

		if (err) {
			json_decref(part);
			return err;
		}
		/* A part that is one list is that list. */
		same = json_object_size(part) == 1 ? json_object_get(part, parts[i].name) : NULL;
		json_object_set(entry, parts[i].name, same ? same : part);
		json_decref(part);
	}
	return 0;
}

int tables_read_devices(struct kernel *kernel, const char *device, json_t *answer, char *why)
{
	json_t *messages, *message, *devices = json_array();
	size_t i;
	int err = kernel_get(kernel, HUBMESH_CMD_DEV_GET, device, !device, &messages, why);

	json_object_set_new(answer, "devices", devices);
	if (err)
		return err;
	json_array_foreach(messages, i, message)
	{
		const char *name = json_string_value(json_object_get(message, "ifname"));
		json_t *entry;

		if (!name || !json_object_get(message, "device")) {
			err = lacks(name ? "device" : "ifname", why);
			break;
		}
		entry = json_pack("{s:s, s:O*, s:O}", "device", name, "ifindex",
				  json_object_get(message, "ifindex"), "settings",
				  json_object_get(message, "device"));
		json_array_append_new(devices, entry);
		err = read_all(kernel, name, entry, why);
		json_object_set_new(entry, "restricted", json_boolean(err == -EPERM));
		if (err && err != -EPERM)
			break;
		err = 0;
	}
	json_decref(messages);
	return err;
}
