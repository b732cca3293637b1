/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: objects of tables.h as text for people
 *
 * They take objects of any shape: what is missing is shown as "-".
 */
#ifndef MESHNL_VIEWS_H
#define MESHNL_VIEWS_H

#include <jansson.h>

#include "tools/meshnl/meshnl.h"

void nl_draw_devices(const struct meshnl *nl, const json_t *answer);
void nl_draw_links(const struct meshnl *nl, const json_t *answer);
void nl_draw_hubs(const struct meshnl *nl, const json_t *answer);
void nl_draw_routes(const struct meshnl *nl, const json_t *answer);
void nl_draw_trees(const struct meshnl *nl, const json_t *answer);
void nl_draw_fdb(const struct meshnl *nl, const json_t *answer);
void nl_draw_keys(const struct meshnl *nl, const json_t *answer);
void nl_draw_qos(const struct meshnl *nl, const json_t *answer);
void nl_draw_filter(const struct meshnl *nl, const json_t *answer);
void nl_draw_stats(const struct meshnl *nl, const json_t *answer);
void nl_draw_drops(const struct meshnl *nl, const json_t *answer);
/** nl_draw_event() - One line for a message of the group "events". */
void nl_draw_event(const struct meshnl *nl, const json_t *event);

#endif
