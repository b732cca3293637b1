// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshctl routes: next hops towards every reachable hub
 */
#include <inttypes.h>

#include "tools/meshctl/output.h"
#include "tools/meshctl/views.h"

#define VIA_SHOWN_MAX 4

static size_t write_nexthop(const json_t *nexthop, char *buf, size_t size)
{
	char name[CELL_MAX];
	int n = snprintf(buf, size, "%.50s (%" PRIu64 ")",
			 field_text(nexthop, "peer_name", "?", name),
			 field_number(nexthop, "link"));

	return n > 0 && (size_t)n < size ? (size_t)n : size - 1;
}

static void cell_via(const json_t *row, const char *field, char *buf)
{
	const json_t *via = json_object_get(row, field);
	size_t i, len = 0, n = json_array_size(via);
	json_t *nexthop;

	snprintf(buf, CELL_MAX, "-");
	json_array_foreach(via, i, nexthop)
	{
		uint64_t weight = field_number(nexthop, "weight");

		if (i == VIA_SHOWN_MAX || len + 2 >= CELL_MAX)
			break;
		len += (size_t)snprintf(buf + len, CELL_MAX - len, "%s", i ? ", " : "");
		len += write_nexthop(nexthop, buf + len, CELL_MAX - len);
		if (n > 1 && weight <= 255 && len + 8 < CELL_MAX)
			len += (size_t)snprintf(buf + len, CELL_MAX - len, " x%u",
						(unsigned int)weight);
	}
}

static void cell_backup(const json_t *row, const char *field, char *buf)
{
	const json_t *backup = json_object_get(row, field);

	char name[CELL_MAX];
	size_t len;

	snprintf(buf, CELL_MAX, "-");
	if (!json_is_object(backup))
		return;
	len = write_nexthop(backup, buf, CELL_MAX);
	if (json_is_string(json_object_get(backup, "tunnel")))
		snprintf(buf + len, CELL_MAX - len, ", tunnel to %.50s",
			 field_text(backup, "tunnel_name", "?", name));
}

void draw_routes(struct meshctl *ctl, const json_t *answer)
{
	static const struct column columns[] = {
		{"HUB", "hub_name", cell_text},		  {"ID", "hub", cell_text},
		{"VIA (LINK)", "via", cell_via},	  {"BACKUP (LINK)", "backup", cell_backup},
		{"COST", "cost_us", cell_us, NULL, true}, {"HOPS", "hops", cell_number, NULL, true},
		{"FRAMES", "has_frames", cell_yes},
	};

	output_table(ctl, json_object_get(answer, "routes"), columns,
		     sizeof(columns) / sizeof(columns[0]), "no route: no other hub can be reached");
	fprintf(ctl->out, "%sgeneration %" PRIu64 "%s\n", output_color(ctl, "dim"),
		field_number(answer, "generation"), output_color(ctl, "reset"));
}

int cmd_routes(struct meshctl *ctl, int argc, char **argv)
{
	int code;

	if (!meshctl_no_operands(ctl, argc, argv, &code))
		return code;
	return output_get(ctl, "/v1/routes", draw_routes);
}
