// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: fuzz_api_json: any bytes as an answer of the daemon, through every view
 */
#include <stdint.h>
#include <stdlib.h>

#include "tools/meshctl/client.h"
#include "tools/meshctl/output.h"
#include "tools/meshctl/views.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const output_draw_fn views[] = {
		draw_status,   draw_hubs,   draw_links,	      draw_routes,	  draw_path,
		draw_sessions, draw_stats,  draw_drops,	      draw_config,	  draw_log,
		draw_qos,      draw_filter, draw_revocations, draw_versions_kept, draw_explain,
	};
	struct meshctl ctl = {.socket_path = "fuzz"};
	json_t *answer = NULL;

	ctl.out = ctl.err = fopen("/dev/null", "w");
	if (client_parse(&ctl, 200, (const char *)bytes, len, &answer) == MESHCTL_OK) {
		for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++)
			views[i](&ctl, answer);
		draw_top(&ctl, answer, answer);
		json_decref(answer);
	}
	fclose(ctl.out);
	return 0;
}
