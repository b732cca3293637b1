// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshctl version: of meshctl, the daemon and the module
 *
 * A daemon that does not answer is no failure here: its version is unknown.
 */
#include <stdlib.h>

#include "hubmesh/version.h"
#include "tools/meshctl/client.h"
#include "tools/meshctl/output.h"

static void draw_version(struct meshctl *ctl, const json_t *answer)
{
	char text[CELL_MAX];

	fprintf(ctl->out, "meshctl    %s\n", HUBMESH_VERSION);
	fprintf(ctl->out, "meshd      %s\n",
		field_text(answer, "version", "does not answer", text));
	fprintf(ctl->out, "hubmesh.ko %s\n", field_text(answer, "module", "not loaded", text));
}

int cmd_version(struct meshctl *ctl, int argc, char **argv)
{
	struct meshctl quiet = *ctl;
	json_t *answer = NULL;
	int code;

	if (!meshctl_no_operands(ctl, argc, argv, &code))
		return code;
	quiet = *ctl;
	quiet.output = MESHCTL_TABLE;
	quiet.err = fopen("/dev/null", "we");
	if (!quiet.err)
		return MESHCTL_IO;
	if (client_get(&quiet, &answer, "/v1/version") != MESHCTL_OK)
		answer = json_pack("{s:i, s:n, s:n}", "api", 1, "version", "module");
	fclose(quiet.err);
	json_object_set_new(answer, "meshctl", json_string(HUBMESH_VERSION));
	return output_answer(ctl, answer, draw_version);
}
