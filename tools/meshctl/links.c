// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshctl links: adjacencies to other hubs and how they do
 */
#include "tools/lib/format.h"
#include "tools/meshctl/output.h"
#include "tools/meshctl/views.h"

static void cell_loss(const json_t *row, const char *field, char *buf)
{
	uint64_t lost = field_number(row, field), arrived = field_number(row, "rx_frames");

	format_percent(lost, lost + arrived, buf);
}

void draw_links(struct meshctl *ctl, const json_t *answer)
{
	static const struct column columns[] = {
		{"LINK", "link", cell_number, NULL, true},
		{"PEER", "peer_name", cell_text},
		{"INTERFACE", "interface", cell_text},
		{"LOCAL", "local", cell_text},
		{"REMOTE", "remote", cell_text},
		{"CARRIER", "carrier", cell_text},
		{"STATE", "state", cell_text, color_link_state},
		{"SINCE", "up_ms", cell_age_ms, NULL, true},
		{"RTT", "rtt_us", cell_us, NULL, true},
		{"JITTER", "jitter_us", cell_us, NULL, true},
		{"LOSS", "lost_frames", cell_loss, NULL, true},
		{"FRAME MAX", "frame_max", cell_number, NULL, true},
		{"RX", "rx_bytes", cell_bytes, NULL, true},
		{"TX", "tx_bytes", cell_bytes, NULL, true},
		{"KEYS TX/RX", "tx_phase", cell_phases},
	};

	output_table(ctl, json_object_get(answer, "links"), columns,
		     sizeof(columns) / sizeof(columns[0]),
		     "no link: no neighbour was heard yet (meshctl status says what to do)");
}

int cmd_links(struct meshctl *ctl, int argc, char **argv)
{
	int code;

	if (!meshctl_no_operands(ctl, argc, argv, &code))
		return code;
	return output_get(ctl, "/v1/links", draw_links);
}
