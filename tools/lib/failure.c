// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: failure: what went wrong, for people and for programs
 */
#include "tools/lib/failure.h"

#include <jansson.h>

void failure_print(FILE *err, FILE *json, const char *program, int code, char *message,
		   const char *hint)
{
	json_t *object;

	for (char *c = message; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = *c == '\n' ? '\n' : '?';
	fprintf(err, "%s: %s\n", program, message);
	if (hint)
		fprintf(err, "  %s\n", hint);
	if (!json)
		return;
	object = json_pack("{s:{s:i, s:s*, s:s?}}", "error", "code", code, "message", message,
			   "hint", hint);
	if (object) {
		json_dumpf(object, json, JSON_COMPACT);
		fputc('\n', json);
	}
	json_decref(object);
}
