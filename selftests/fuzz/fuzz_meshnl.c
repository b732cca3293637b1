// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: messages that say they come from hubmesh.ko, decoded and drawn by meshnl
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/meshnl/decode.h"
#include "tools/meshnl/meshnl.h"
#include "tools/meshnl/views.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each nest where the view of its table expects it. */
static void draw(const struct meshnl *nl, json_t *message)
{
	json_t *answer = json_pack("{s:[O*], s:[O*], s:[O*], s:[O*]}", "links",
				   json_object_get(message, "link"), "hubs",
				   json_object_get(message, "hub"), "fdb",
				   json_object_get(message, "fdb"), "queues",
				   json_object_get(message, "qos"));

	nl_draw_links(nl, answer);
	nl_draw_hubs(nl, answer);
	nl_draw_keys(nl, answer);
	nl_draw_fdb(nl, answer);
	nl_draw_qos(nl, answer);
	nl_draw_stats(nl, answer);
	nl_draw_drops(nl, json_object_get(message, "device"));
	json_object_set(answer, "routes",
			json_object_get(json_object_get(message, "routes"), "route"));
	json_object_set(answer, "trees",
			json_object_get(json_object_get(message, "routes"), "tree"));
	json_object_set(answer, "zones",
			json_object_get(json_object_get(message, "filter"), "zone"));
	json_object_set(answer, "acl", json_object_get(json_object_get(message, "filter"), "acl"));
	nl_draw_routes(nl, answer);
	nl_draw_trees(nl, answer);
	nl_draw_filter(nl, answer);
	nl_draw_event(nl, message);
	json_decref(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char fault[DECODE_FAULT_MAX] = "";
	uint8_t *aligned = malloc(size ? size : 1);
	json_t *message = NULL;
	FILE *out = fopen("/dev/null", "w");
	struct meshnl nl = {.out = out, .err = out};
	int err;

	assert(aligned && out);
	memcpy(aligned, data, size);
	err = decode_message(aligned, size, &message, fault);
	assert(err == 0 || err == -EBADMSG);
	assert((err == 0) == (message != NULL));
	assert((err == 0) == (fault[0] == '\0'));
	if (message)
		draw(&nl, message);
	json_decref(message);
	fclose(out);
	free(aligned);
	return 0;
}
