/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: versions of services in the local API: what is ruled, why, and orders
 */
#ifndef API_VERSIONS_H
#define API_VERSIONS_H

#include "daemon/api/names.h"
#include "daemon/api/resource.h"

#define API_VERSION_TEXT_MAX 256 /* a sentence on a ruling */

/**
 * api_version_reason() - Why a manifest's version is rolled back, for a person.
 * @state: its hub decides
 * @hub: provider
 * @digest: of the manifest
 * @buf: receives the sentence
 *
 * Return: @buf; NULL it is not.
 */
const char *api_version_reason(const struct api_state *state, const struct hub_id *hub,
			       const uint8_t digest[SHA256_LEN], char buf[API_VERSION_TEXT_MAX]);

/**
 * api_set_pin() - Set "pin" and "pin_providers".
 * @object: gets them, null without a pin
 * @hub: its users are meant
 * @wish: of a service; NULL none
 */
void api_set_pin(json_t *object, const struct hub *hub, const struct versions_wish *wish);
/** api_set_canary() - "canary", "canary_permille" and "canary_providers", likewise. */
void api_set_canary(json_t *object, const struct hub *hub, const struct versions_wish *wish);

/* Resources, see the table of resource.c. */
void get_versions(struct api_state *state, const struct api_request *request,
		  struct api_reply *ret);
/** post_version_order() - The last part of the path is the verb. */
void post_version_order(struct api_state *state, const struct api_request *request,
			struct api_reply *ret);

#endif
