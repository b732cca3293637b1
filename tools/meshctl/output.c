// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: output: table or JSON
 *
 * JSON is the daemon's object as it came, one line, so scripts see exactly
 * what Documentation/api.rst promises.  Tables are tools/lib/table.c's.
 */
#include "tools/meshctl/output.h"

#include "tools/meshctl/client.h"

int output_answer(struct meshctl *ctl, json_t *answer, output_draw_fn draw)
{
	if (ctl->output == MESHCTL_JSON) {
		json_dumpf(answer, ctl->out, JSON_COMPACT);
		fputc('\n', ctl->out);
	} else {
		draw(ctl, answer);
	}
	json_decref(answer);
	return fflush(ctl->out) == 0 ? MESHCTL_OK : MESHCTL_IO;
}

int output_get(struct meshctl *ctl, const char *path, output_draw_fn draw)
{
	json_t *answer = NULL;
	int code = client_get(ctl, &answer, "%s", path);

	return code == MESHCTL_OK ? output_answer(ctl, answer, draw) : code;
}

const char *output_color(const struct meshctl *ctl, const char *name)
{
	return table_color(ctl->color, name);
}

void output_table(struct meshctl *ctl, const json_t *rows, const struct column *columns,
		  size_t n_columns, const char *empty)
{
	table_print(ctl->out, ctl->color, rows, columns, n_columns, empty);
}
