// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshctl ca revocations: the lists in force at this hub, and a new one for it
 */
#include "tools/meshctl/ca_revocations.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"
#include "daemon/trust/crl.h"
#include "tools/meshctl/ca_files.h"
#include "tools/meshctl/client.h"
#include "tools/meshctl/output.h"
#include "tools/meshctl/views.h"

void draw_revocations(struct meshctl *ctl, const json_t *answer)
{
	static const struct column columns[] = {
		{"REVOKED", "kind", cell_text},	     {"HUB", "hub", cell_text},
		{"SERIAL", "serial", cell_text},     {"REASON", "reason", cell_text},
		{"SINCE", "revoked_s", cell_unix_s},
	};
	const json_t *lists = json_object_get(answer, "lists");
	json_t *list;
	size_t i;

	if (!json_array_size(lists))
		fputs("no list of revocations is in force\n", ctl->out);
	json_array_foreach(lists, i, list)
	{
		char root[CELL_MAX], issued[CELL_MAX];

		cell_unix_s(list, "issued_s", issued);
		fprintf(ctl->out, "%sList %llu of root %.16s, of %s\n", i ? "\n" : "",
			(unsigned long long)field_number(list, "number"),
			field_text(list, "root", "?", root), issued);
		output_table(ctl, json_object_get(list, "revoked"), columns,
			     sizeof(columns) / sizeof(columns[0]), "it revokes nothing");
	}
}

static int install(struct meshctl *ctl, const char *path)
{
	_cleanup_free_ char *pem = xmalloc(CRL_PEM_SIZE + 1), *text = NULL;
	json_t *body, *answer = NULL;
	struct ca_error error;
	size_t len;
	int code;

	if (ca_read_file(path, false, (uint8_t *)pem, CRL_PEM_SIZE, &len, &error) < 0)
		return meshctl_fail(ctl, MESHCTL_IO, error.hint, "%s", error.text);
	body = json_pack("{s:s%}", "list", pem, len);
	text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
	if (!text)
		return meshctl_fail(ctl, MESHCTL_DATA,
				    "PEM is meant, as meshctl ca revoke writes it", "%s is no text",
				    path);
	code = client_post(ctl, &answer, "/v1/revocations/install", text);
	return code == MESHCTL_OK ? output_answer(ctl, answer, draw_revocations) : code;
}

int ca_revocations(struct meshctl *ctl, int argc, char **argv)
{
	int opt;

	optind = 0;
	opt = meshctl_getopt(ctl, argc, argv, "", NULL);
	if (opt != -1)
		return meshctl_getopt_end(ctl, opt);
	if (argc == optind)
		return output_get(ctl, "/v1/revocations", draw_revocations);
	if (argc - optind == 2 && strcmp(argv[optind], "install") == 0)
		return install(ctl, argv[optind + 1]);
	return meshctl_fail(ctl, MESHCTL_USAGE, "meshctl ca revocations [install FILE]",
			    "ca revocations takes 'install FILE' or nothing");
}
