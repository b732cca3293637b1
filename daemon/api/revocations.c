// SPDX-License-Identifier: GPL-2.0
/* DOC: lists of revocations in the local API: see revocations.h */
#include "daemon/api/revocations.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/api/json.h"
#include "daemon/trust/trust.h"

static json_t *json_entry(const struct crl_entry *entry)
{
	char text[2 * CERT_SERIAL_MAX + 1] = "";
	json_t *object = json_object();

	api_set_text(object, "kind", entry->is_hub ? "hub" : "certificate");
	if (entry->is_hub)
		api_set_text(object, "hub", hub_id_format(&entry->hub, text));
	for (size_t i = 0; i < entry->serial.len; i++)
		snprintf(text + 2 * i, 3, "%02x", entry->serial.bytes[i]);
	if (!entry->is_hub)
		api_set_text(object, "serial", text);
	api_set_text(object, "reason", crl_reason_name(entry->reason));
	json_object_set_new(object, "revoked_s", json_integer(entry->revoked_s));
	return object;
}

static json_t *json_list(const struct trust_list *list)
{
	json_t *object = json_object(), *entries = json_array();
	struct crl_walk walk = crl_walk(&list->crl);
	struct crl_entry entry;
	char text[SHA256_STRLEN];

	api_set_text(object, "root", sha256_format(list->issuer, text));
	api_set_number(object, "number", list->crl.number);
	api_set_text(object, "digest", sha256_format(list->digest, text));
	json_object_set_new(object, "issued_s", json_integer(list->crl.this_update_s));
	while (crl_next(&walk, &entry))
		json_array_append_new(entries, json_entry(&entry));
	json_object_set_new(object, "revoked", entries);
	return object;
}

static void reply_lists(struct api_state *state, struct api_reply *ret)
{
	json_t *object = api_object_new(), *lists = json_array();
	const struct trust *trust = hub_get_trust(state->context.hub);
	const struct trust_list *list;

	for (size_t i = 0; (list = trust_list_at(trust, i)); i++)
		json_array_append_new(lists, json_list(list));
	json_object_set_new(object, "lists", lists);
	api_reply_ok(ret, object);
}

void get_revocations(struct api_state *state, const struct api_request *request,
		     struct api_reply *ret)
{
	reply_lists(state, ret);
}

void post_revocations(struct api_state *state, const struct api_request *request,
		      struct api_reply *ret)
{
	json_t *body =
		json_loadb((const char *)request->body, request->len, JSON_REJECT_DUPLICATES, NULL);
	const char *pem = json_string_value(json_object_get(body, "list")), *why = "not taken here";
	int r = -ENOSYS;

	if (!pem) {
		api_reply_error(ret, 400, "bad_body", NULL, "the body must be {\"list\": PEM}");
		json_decref(body);
		return;
	}
	if (state->context.revoke)
		r = state->context.revoke(state->context.arg, (const uint8_t *)pem, strlen(pem),
					  &why);
	if (r == 0 || r == -EALREADY) /* asked twice is no error: it is in force */
		reply_lists(state, ret);
	else if (r == -ENOSYS)
		api_reply_error(ret, 501, "not_supported", NULL, "this daemon takes no list");
	else
		api_reply_error(ret, r == -ESTALE ? 409 : 422, r == -ESTALE ? "stale" : "bad_list",
				r == -ESTALE ? "see meshctl ca revocations"
					     : "make one with: meshctl ca revoke",
				"%s", why);
	json_decref(body);
}
