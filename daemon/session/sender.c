// SPDX-License-Identifier: GPL-2.0
/* DOC: sender: see sender.h */
#include <wolfssl/options.h>

#include "daemon/session/sender.h"

#include <errno.h>
#include <string.h>
#include <wolfssl/wolfcrypt/hmac.h>

#define INFO_TEXT "hubmesh-sender-v1"

void sender_init(struct sender *sender)
{
	*sender = (struct sender){.use_at = NEVER, .drop_at = NEVER, .renew_at = NEVER};
}

bool sender_can_renew(const struct sender *sender)
{
	return !sender->serial || (sender->is_used && !sender->has_old);
}

void sender_renew(struct sender *sender, uint64_t now_ns, uint64_t renew_at)
{
	sender->has_old = sender->is_used;
	sender->serial++;
	sender->is_used = false;
	sender->use_at = sender->has_old ? now_ns + SENDER_STEP_NS : NEVER;
	sender->renew_at = renew_at;
}

void sender_use(struct sender *sender, uint64_t now_ns)
{
	sender->is_used = true;
	sender->use_at = NEVER;
	if (sender->has_old)
		sender->drop_at = now_ns + SENDER_LINGER_NS;
}

uint64_t sender_next(const struct sender *sender)
{
	uint64_t at = earlier(sender->use_at, sender->drop_at);

	return sender_can_renew(sender) ? earlier(at, sender->renew_at) : at;
}

int sender_derive(const uint8_t secret[SENDER_SECRET_LEN], uint32_t serial,
		  uint8_t ret[SENDER_MATERIAL_LEN])
{
	uint8_t info[sizeof(INFO_TEXT) + 4];

	memcpy(info, INFO_TEXT, sizeof(INFO_TEXT));
	for (int i = 0; i < 4; i++)
		info[sizeof(INFO_TEXT) + i] = (uint8_t)(serial >> (24 - 8 * i));
	return wc_HKDF_Expand(WC_SHA256, secret, SENDER_SECRET_LEN, info, sizeof(info), ret,
			      SENDER_MATERIAL_LEN)
		       ? -EIO
		       : 0;
}
