// SPDX-License-Identifier: GPL-2.0
/* DOC: fault: see fault.h */
#include "daemon/proxy/fault.h"

bool fault_is_on(const struct fault_settings *settings)
{
	return settings->abort_percent || settings->delay_percent;
}

struct fault fault_decide(const struct fault_settings *settings, uint32_t abort_draw,
			  uint32_t delay_draw)
{
	return (struct fault){
		.delay_ms = delay_draw < settings->delay_percent ? settings->delay_ms : 0,
		.status = abort_draw < settings->abort_percent ? settings->abort_status : 0,
	};
}
