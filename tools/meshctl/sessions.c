// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshctl sessions: TLS sessions with other hubs
 */
#include "tools/meshctl/output.h"
#include "tools/meshctl/views.h"

static void cell_state(const json_t *row, const char *field, char *buf)
{
	snprintf(buf, CELL_MAX, "%s", field_is_true(row, field) ? "up" : "connecting");
}

static const char *color_state(const json_t *row)
{
	return field_is_true(row, "is_up") ? "green" : "yellow";
}

void draw_sessions(struct meshctl *ctl, const json_t *answer)
{
	static const struct column columns[] = {
		{"SESSION", "session", cell_number, NULL, true},
		{"PEER", "peer_name", cell_text},
		{"STATE", "is_up", cell_state, color_state},
		{"OVER", "over", cell_text},
		{"ROLE", "role", cell_text},
		{"LOCAL", "local", cell_text},
		{"REMOTE", "remote", cell_text},
		{"AGE", "age_ms", cell_age_ms, NULL, true},
		{"IDLE", "idle_ms", cell_age_ms, NULL, true},
		{"SEAL PHASE", "seal_phase", cell_number, NULL, true},
		{"REKEY IN", "rekey_in_ms", cell_age_ms, NULL, true},
	};

	output_table(ctl, json_object_get(answer, "sessions"), columns,
		     sizeof(columns) / sizeof(columns[0]), "no session");
}

int cmd_sessions(struct meshctl *ctl, int argc, char **argv)
{
	int code;

	if (!meshctl_no_operands(ctl, argc, argv, &code))
		return code;
	return output_get(ctl, "/v1/sessions", draw_sessions);
}
