// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: bindings of hub id and key between the state directory and the rooms
 */
#include <string.h>

#include "daemon/lib/log.h"
#include "daemon/shell/daemon.h"

static void on_key(void *arg, const uint8_t pubkey[HUB_PUBKEY_LEN])
{
	struct daemon *d = arg;

	trust_bind(d->trust, pubkey); /* of two the first one stands, and there is room for all */
}

void daemon_load_bindings(struct daemon *d)
{
	int error = store_read_keys(d->store, on_key, d);

	if (error)
		log_error(LOG_LOCAL_CLASS,
			  "event=keys-unreadable effect=\"which key has which hub id is learned "
			  "anew\" error=\"%s\"",
			  strerror(-error));
}

void daemon_keep_bindings(struct daemon *d)
{
	uint8_t pubkey[HUB_PUBKEY_LEN];

	while (hub_take_binding(d->hub, pubkey)) {
		int error = store_add_key(d->store, pubkey);

		if (error)
			log_error(LOG_LOCAL_CLASS, "event=key-not-kept error=\"%s\"",
				  strerror(-error));
	}
}
