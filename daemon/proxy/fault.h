/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: fault: requests delayed or answered with an error on purpose
 *
 * So that who calls a service can be tested against a bad one before there is one.  Pure; draws
 * come in as arguments.
 */
#ifndef PROXY_FAULT_H
#define PROXY_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#define FAULT_PERCENT 100 /* draws are below it */
#define FAULT_STATUS_DEFAULT 503

/**
 * struct fault_settings - of an entry; all zero: none
 * @abort_percent: of requests that are answered with @abort_status, not passed on
 * @abort_status: 400 to 599
 * @abort_grpc_status: that a call of gRPC gets, 1 to 16; 0: what means the same as @abort_status
 * @delay_percent: of requests that wait
 * @delay_ms: how long
 */
struct fault_settings {
	uint32_t abort_percent, abort_status, abort_grpc_status, delay_percent, delay_ms;
};

/** struct fault - what one request gets: a delay in ms, then a status; 0: neither */
struct fault {
	uint32_t delay_ms, status;
};

/** fault_is_on() - Does any request get one? */
bool fault_is_on(const struct fault_settings *settings);
/**
 * fault_decide() - For a request.
 * @settings: of the entry
 * @abort_draw: 0 to FAULT_PERCENT - 1, evenly
 * @delay_draw: likewise
 */
struct fault fault_decide(const struct fault_settings *settings, uint32_t abort_draw,
			  uint32_t delay_draw);

#endif
