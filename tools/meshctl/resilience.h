/* SPDX-License-Identifier: GPL-2.0 */
#ifndef MESHCTL_RESILIENCE_H
#define MESHCTL_RESILIENCE_H

#include <jansson.h>

#include "tools/meshctl/meshctl.h"

/** draw_resilience() - Providers of the entries, and what was done about them; faults loudly. */
void draw_resilience(struct meshctl *ctl, const json_t *entries);

#endif
