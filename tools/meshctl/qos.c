// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshctl qos: the queues of links, class by class
 *
 * A link without a rate has no queue, so it is one line.
 */
#include <string.h>

#include "tools/lib/format.h"
#include "tools/meshctl/output.h"
#include "tools/meshctl/views.h"

static void cell_rate(const json_t *row, const char *field, char *buf)
{
	char text[FORMAT_MAX];

	if (field_number(row, field))
		snprintf(buf, CELL_MAX, "%s",
			 format_rate(8.0 * (double)field_number(row, field), text));
	else
		snprintf(buf, CELL_MAX, "no rate");
}

static const char *color_drops(const json_t *row)
{
	return field_number(row, "dropped_full_frames") || field_number(row, "dropped_codel_frames")
		       ? "yellow"
		       : NULL;
}

/* A row for each class: the class with what its link is. */
static void add_rows(json_t *rows, json_t *link)
{
	json_t *class, *row;
	size_t i;

	if (!field_number(link, "rate_bytes_per_s")) {
		json_array_append(rows, link);
		return;
	}
	json_array_foreach(json_object_get(link, "classes"), i, class)
	{
		row = json_copy(link);
		json_object_update(row, class);
		json_array_append_new(rows, row);
	}
}

void draw_qos(struct meshctl *ctl, const json_t *answer)
{
	static const struct column columns[] = {
		{"LINK", "link", cell_number, NULL, true},
		{"PEER", "peer_name", cell_text},
		{"INTERFACE", "interface", cell_text},
		{"RATE", "rate_bytes_per_s", cell_rate, NULL, true},
		{"CLASS", "class", cell_number, NULL, true},
		{"WEIGHT", "weight", cell_number, NULL, true},
		{"BACKLOG", "backlog_bytes", cell_bytes, NULL, true},
		{"SENT FRAMES", "sent_frames", cell_count, NULL, true},
		{"SENT", "sent_bytes", cell_bytes, NULL, true},
		{"FULL", "dropped_full_frames", cell_count, color_drops, true},
		{"CODEL", "dropped_codel_frames", cell_count, color_drops, true},
		{"FLUSHED", "dropped_flushed_frames", cell_count, NULL, true},
		{"DELAY", "delay_us", cell_us, NULL, true},
		{"LONGEST", "delay_peak_us", cell_us, NULL, true},
	};
	json_t *rows = json_array(), *link;
	size_t i;

	json_array_foreach(json_object_get(answer, "links"), i, link) add_rows(rows, link);
	output_table(ctl, rows, columns, sizeof(columns) / sizeof(columns[0]),
		     "no link in the data path (meshctl status says why)");
	json_decref(rows);
}

int cmd_qos(struct meshctl *ctl, int argc, char **argv)
{
	int code;

	if (!meshctl_no_operands(ctl, argc, argv, &code))
		return code;
	return output_get(ctl, "/v1/qos", draw_qos);
}
