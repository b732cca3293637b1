/* SPDX-License-Identifier: GPL-2.0 */
#ifndef API_HEALTH_H
#define API_HEALTH_H

#include <jansson.h>

#include "daemon/datapath/datapath.h"
#include "daemon/hub/hub.h"
#include "daemon/store/store.h"

#define HEALTH_SAMPLES 5 /* kept, so that the oldest spans the window */

/**
 * struct health_history - device counters of the recent past
 * @at_ns: when each sample was taken, oldest first
 * @sample: the counters
 * @n: samples held
 */
struct health_history {
	uint64_t at_ns[HEALTH_SAMPLES];
	struct datapath_device_stats sample[HEALTH_SAMPLES];
	size_t n;
};

/** health_history_add() - Remember a sample; the oldest goes when there is no room. */
void health_history_add(struct health_history *history, uint64_t now_ns,
			const struct datapath_device_stats *stats);

/**
 * struct health - what the warnings are made from
 * @now_ns: monotonic
 * @unix_s: wall clock
 * @has_datapath: the kernel module is in use
 * @module_error: why it is not, may be NULL
 * @certificate: dates of ours; NULL: unknown
 * @identities: certificates of our services; NULL: none
 * @is_revoked: our certificate, or we, are on a list
 * @has_twin: another machine with our identity was heard lately
 * @twin_ago_ns: so long ago
 * @state: how writing the state directory goes
 * @state_dir: its path
 * @history_error: why the history of services is not open, "" it is; NULL unknown
 * @versions_error: why orders and rulings about versions are not on disk, likewise
 * @links: links known
 * @links_up: of those, up
 * @hubs: hubs known, ourselves not counted
 * @reachable: of those, with a route
 * @control_port: for the hint about firewalls
 * @data_port: likewise
 * @counters: of the hub
 * @history: device counters of the past; NULL without datapath
 * @device: device counters now; NULL without datapath
 */
struct health {
	uint64_t now_ns;
	int64_t unix_s;
	bool has_datapath;
	const char *module_error;
	const struct api_certificate *certificate;
	const struct proxy_identities *identities;
	bool is_revoked, has_twin;
	uint64_t twin_ago_ns;
	struct store_state state;
	const char *state_dir, *history_error, *versions_error;
	size_t links, links_up, hubs, reachable;
	uint16_t control_port, data_port;
	const struct hub_counters *counters;
	const struct health_history *history;
	const struct datapath_device_stats *device;
};

/**
 * health_warnings() - What a person should look at, most serious first.
 * @health: what is looked at
 *
 * Context: Pure.
 * Return: array of {code, severity, message, hint}, empty when all is well.
 */
json_t *health_warnings(const struct health *health);

/**
 * health_drops() - Frames dropped and seen since the oldest sample.
 * @health: with @history and @device
 * @window_s: set to the seconds looked back on
 * @frames: set to frames received and sent in that time, dropped ones included
 * @worst: set to the enum hubmesh_drop that grew most, 0 when none did
 * Return: frames dropped; 0 without history.
 */
uint64_t health_drops(const struct health *health, uint64_t *window_s, uint64_t *frames,
		      unsigned int *worst);

#endif
