// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshctl hubs: every hub this one knows
 */
#include "tools/meshctl/output.h"
#include "tools/meshctl/views.h"

static void cell_hub_name(const json_t *row, const char *field, char *buf)
{
	char name[CELL_MAX];

	field_text(row, field, "-", name);
	snprintf(buf, CELL_MAX, "%.200s%s", name, field_is_true(row, "is_self") ? " *" : "");
}

static const char *color_hub(const json_t *row)
{
	return field_is_true(row, "is_reachable") ? NULL : "red";
}

static void cell_hops(const json_t *row, const char *field, char *buf)
{
	if (field_is_true(row, "is_reachable"))
		cell_number(row, field, buf);
	else
		snprintf(buf, CELL_MAX, "unreachable");
}

/* Is there something on the mesh interface that leads there? */
static void cell_frames(const json_t *row, const char *field, char *buf)
{
	if (json_is_false(json_object_get(row, "has_datapath")))
		snprintf(buf, CELL_MAX, "no module");
	else
		cell_yes(row, field, buf);
}

void draw_hubs(struct meshctl *ctl, const json_t *answer)
{
	static const struct column columns[] = {
		{"NAME", "name", cell_hub_name, color_hub},
		{"ID", "id", cell_text},
		{"IPV6", "ula", cell_text},
		{"IPV4", "ipv4", cell_text},
		{"HOPS", "hops", cell_hops, color_hub, true},
		{"COST", "cost_us", cell_us, NULL, true},
		{"LINKS", "links", cell_number, NULL, true},
		{"NEIGHBOUR", "is_neighbour", cell_yes},
		{"FRAMES", "has_frames", cell_frames},
		{"SEAL", "has_seal", cell_yes},
		{"HEARD", "heard_ms", cell_age_ms, NULL, true},
	};

	output_table(ctl, json_object_get(answer, "hubs"), columns,
		     sizeof(columns) / sizeof(columns[0]), "no hub is known");
}

int cmd_hubs(struct meshctl *ctl, int argc, char **argv)
{
	int code;

	if (!meshctl_no_operands(ctl, argc, argv, &code))
		return code;
	return output_get(ctl, "/v1/hubs", draw_hubs);
}
