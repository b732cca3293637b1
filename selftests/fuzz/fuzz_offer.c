// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: broker messages: what decodes encodes again, and any of them is survived by a broker
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/broker/broker.h"
#include "daemon/lib/ed25519.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t no_cost(void *arg, const struct hub_id *hub)
{
	return 1;
}

static uint64_t no_epoch(void *arg, const struct hub_id *hub)
{
	return 0;
}

static void feed_broker(const struct offer_message *message)
{
	struct broker *broker = broker_new(&message->to, 1);
	struct registry *registry = registry_new();
	struct broker_world world = {registry, no_cost, no_epoch, NULL};
	struct broker_output out = {0};

	if (broker_is_fresh(broker, message))
		broker_on_message(broker, 1, &world, message, &out);
	assert(!broker_is_fresh(broker, message));
	assert(out.n <= 1); /* nobody gets more out of us than he puts in */
	assert(!broker_lease_at(broker, 0)); /* what we do not offer is not leased */
	free(out.messages);
	broker_free(broker);
	registry_free(registry);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[ED25519_SEED_LEN];
	uint8_t pubkey[ED25519_PUBKEY_LEN], buf[OFFER_MAX];
	struct offer_message message, again;
	int len;

	offer_forward(data, size, buf, sizeof(buf));
	if (offer_decode(data, size, &message) < 0)
		return 0;
	assert(ed25519_public_key(seed, pubkey) == 0);
	assert(offer_verify(data, size, pubkey) == -EKEYREJECTED);
	len = offer_encode(&message, seed, pubkey, buf, sizeof(buf));
	assert(len > 0 && offer_decode(buf, (size_t)len, &again) == 0);
	assert(memcmp(&again, &message, sizeof(again)) == 0);
	feed_broker(&message);
	return 0;
}
