// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshctl path: the way to a hub, hop by hop
 *
 * Shows the path the daemon's own topology gives; nothing is sent.
 */
#include "tools/meshctl/client.h"
#include "tools/meshctl/output.h"
#include "tools/meshctl/views.h"

void draw_path(struct meshctl *ctl, const json_t *answer)
{
	static const struct column columns[] = {
		{"HOP", "hop", cell_number, NULL, true},
		{"NAME", "name", cell_text},
		{"ID", "id", cell_text},
		{"IPV6", "ula", cell_text},
		{"STEP", "step_us", cell_us, NULL, true},
		{"COST", "cost_us", cell_us, NULL, true},
	};
	const json_t *to = json_object_get(answer, "to");
	char name[CELL_MAX];

	if (field_is_true(answer, "is_reachable"))
		output_table(ctl, json_object_get(answer, "path"), columns,
			     sizeof(columns) / sizeof(columns[0]), "no hop");
	else
		fprintf(ctl->out, "%s cannot be reached: no path of links that are up\n",
			field_text(to, "name", "the hub", name));
}

int cmd_path(struct meshctl *ctl, int argc, char **argv)
{
	char name[CLIENT_URL_MAX];
	json_t *answer = NULL;
	bool is_reachable;
	int opt, code;

	optind = 0;
	opt = meshctl_getopt(ctl, argc, argv, NULL, NULL);
	if (opt != -1)
		return meshctl_getopt_end(ctl, opt);
	if (argc - optind != 1) {
		meshctl_fail(ctl, MESHCTL_USAGE, NULL, "path takes one hub");
		return meshctl_getopt_end(ctl, '?');
	}
	code = client_get(ctl, &answer, "/v1/path?to=%s",
			  client_escape(argv[optind], name, sizeof(name) - 64));
	if (code != MESHCTL_OK)
		return code;
	is_reachable = field_is_true(answer, "is_reachable");
	code = output_answer(ctl, answer, draw_path);
	return code == MESHCTL_OK && !is_reachable ? MESHCTL_NO : code;
}
