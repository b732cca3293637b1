/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: what answers look like to a person
 *
 * Each draws one resource of the API onto ctl->out and takes whatever it is
 * given: the answer comes from a socket, so members may be missing or of the
 * wrong type.  Shared with the unit tests and the fuzzer.
 */
#ifndef MESHCTL_VIEWS_H
#define MESHCTL_VIEWS_H

#include <jansson.h>

#include "tools/meshctl/meshctl.h"

void draw_resolve(struct meshctl *ctl, const json_t *answer);
void draw_explain(struct meshctl *ctl, const json_t *answer);
void draw_services(struct meshctl *ctl, const json_t *answer);
void draw_service(struct meshctl *ctl, const json_t *answer);
void draw_service_history(struct meshctl *ctl, const json_t *answer);
void draw_versions(struct meshctl *ctl, const json_t *answer);
/** draw_versions_kept() - The same, and whether a restart would forget it. */
void draw_versions_kept(struct meshctl *ctl, const json_t *answer);
/** print_pin() - The end of a line: to what, and whether anybody offers that. */
void print_pin(struct meshctl *ctl, const json_t *wish);
/** print_canary_absent() - The end of a line about a canary, if nobody offers it. */
void print_canary_absent(struct meshctl *ctl, const json_t *wish);
void draw_status(struct meshctl *ctl, const json_t *answer);
void draw_hubs(struct meshctl *ctl, const json_t *answer);
void draw_links(struct meshctl *ctl, const json_t *answer);
void draw_routes(struct meshctl *ctl, const json_t *answer);
void draw_path(struct meshctl *ctl, const json_t *answer);
void draw_sessions(struct meshctl *ctl, const json_t *answer);
void draw_proxy(struct meshctl *ctl, const json_t *answer);
void draw_qos(struct meshctl *ctl, const json_t *answer);
void draw_filter(struct meshctl *ctl, const json_t *answer);
void draw_stats(struct meshctl *ctl, const json_t *answer);
void draw_drops(struct meshctl *ctl, const json_t *answer);
void draw_config(struct meshctl *ctl, const json_t *answer);
void draw_revocations(struct meshctl *ctl, const json_t *answer);
void draw_log(struct meshctl *ctl, const json_t *answer);

/**
 * draw_top() - Rates between two answers of /v1/stats.
 * @ctl: options and output
 * @before: the earlier one; NULL shows totals without rates
 * @now: the later one
 */
void draw_top(struct meshctl *ctl, const json_t *before, const json_t *now);

#endif
