// SPDX-License-Identifier: GPL-2.0
/* DOC: requests for services in the local API: see requests.h */
#include "daemon/api/requests.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/json.h"
#include "daemon/api/resource.h"
#include "daemon/api/versions.h"
#include "daemon/broker/broker.h"

__attribute__((format(printf, 3, 4))) static int refuse(char *error, size_t size, const char *fmt,
							...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, size, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static int take_text(const json_t *value, char *ret, size_t size)
{
	const char *text = json_string_value(value);

	if (!text || strlen(text) >= size)
		return -EINVAL;
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}

static int take_number(const json_t *value, uint32_t *ret)
{
	json_int_t number = json_integer_value(value);

	if (!json_is_integer(value) || number < 0 || number > UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)number;
	return 0;
}

static int take_words(const json_t *value, char *rows, size_t row_size, size_t max, size_t *n)
{
	json_t *item;
	size_t i;

	if (!json_is_array(value) || json_array_size(value) > max)
		return -EINVAL;
	json_array_foreach(value, i, item)
	{
		if (take_text(item, rows + i * row_size, row_size))
			return -EINVAL;
	}
	*n = json_array_size(value);
	return 0;
}

static int take_protocol(const json_t *value, struct broker_query *ret)
{
	const char *text = json_is_string(value) ? json_string_value(value) : "";
	int protocol = manifest_protocol_parse(text);

	ret->is_stream = strcmp(text, "stream") == 0; /* as an entry without a protocol */
	if (ret->is_stream)
		return 0;
	ret->has_protocol = protocol >= 0;
	ret->protocol = protocol >= 0 ? (uint8_t)protocol : 0;
	return protocol < 0 ? -EINVAL : 0;
}

static int take_member(const char *key, const json_t *value, struct broker_query *ret)
{
	const struct {
		const char *key;
		char *text;
		size_t size;
	} texts[] = {
		{"name", ret->name, sizeof(ret->name)},
		{"range", ret->range_text, sizeof(ret->range_text)},
		{"interface", ret->interface, sizeof(ret->interface)},
		{"zone", ret->zone, sizeof(ret->zone)},
		{"shared", ret->shared, sizeof(ret->shared)},
	};
	const struct {
		const char *key;
		uint32_t *number;
	} numbers[] = {
		{"max_latency_us", &ret->max_latency_us},
		{"max_price_micro", &ret->max_price_micro},
		{"slots", &ret->slots},
		{"min_slots", &ret->min_slots},
		{"min_cpu_milli", &ret->min_cpu_milli},
		{"min_memory_mib", &ret->min_memory_mib},
		{"lease_ms", &ret->lease_ms},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(key, texts[i].key) == 0)
			return take_text(value, texts[i].text, texts[i].size);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strcmp(key, numbers[i].key) == 0)
			return take_number(value, numbers[i].number);
	if (strcmp(key, "capabilities") == 0)
		return take_words(value, ret->capabilities[0], sizeof(ret->capabilities[0]),
				  MANIFEST_CAPABILITIES_MAX, &ret->n_capabilities);
	if (strcmp(key, "credentials") == 0)
		return take_words(value, ret->credentials[0], sizeof(ret->credentials[0]),
				  MANIFEST_CREDENTIALS_MAX, &ret->n_credentials);
	if (strcmp(key, "protocol") == 0)
		return take_protocol(value, ret);
	if (strcmp(key, "keep") != 0)
		return -ENOENT;
	ret->keep = json_is_true(value);
	return json_is_boolean(value) ? 0 : -EINVAL;
}

int api_parse_query(const json_t *body, struct broker_query *ret, char *error, size_t error_size)
{
	struct broker_query query = {0};
	struct semver_range range;
	const char *key;
	json_t *value;
	int r;

	if (!json_is_object(body))
		return refuse(error, error_size, "the body is no JSON object");
	json_object_foreach((json_t *)body, key, value)
	{
		r = take_member(key, value, &query);
		if (r)
			return refuse(error, error_size,
				      r == -ENOENT ? "there is no member \"%.40s\""
						   : "\"%.40s\" is not of its type, or too long",
				      key);
	}
	if (!manifest_name_is_valid(query.name))
		return refuse(error, error_size, "\"name\" is no service name");
	if (semver_range_parse(query.range_text, &range) < 0)
		return refuse(error, error_size,
			      "\"%.64s\" is no range of versions; write one like ^1.2 or >=1 <3",
			      query.range_text);
	if (query.slots > MANIFEST_SLOTS_MAX)
		return refuse(error, error_size, "\"slots\" is %u; write a number up to %d",
			      query.slots, MANIFEST_SLOTS_MAX);
	if (query.min_slots > (query.slots ? query.slots : 1))
		return refuse(error, error_size,
			      "\"min_slots\" is %u, and \"slots\" only %u; write no more than that",
			      query.min_slots, query.slots ? query.slots : 1);
	if (query.lease_ms > OFFER_DURATION_MAX_MS)
		return refuse(error, error_size, "\"lease_ms\" is %u; write a number up to %d",
			      query.lease_ms, OFFER_DURATION_MAX_MS);
	*ret = query;
	return 0;
}

static void set_hub(json_t *object, const char *key, const char *name_key, const struct hub_id *hub,
		    const struct api_names *names)
{
	const struct api_name *name = api_names_find(names, hub);
	char text[HUB_ID_STRLEN];

	api_set_text(object, key, hub_id_format(hub, text));
	api_set_text(object, name_key, name ? name->name : NULL);
}

static const char *reason_of(const struct api_state *state,
			     const struct broker_candidate *candidate,
			     char buf[API_VERSION_TEXT_MAX])
{
	if (candidate->reason)
		return offer_reason_text(candidate->reason);
	return candidate->tier == BROKER_TIER_LAST
		       ? api_version_reason(state, &candidate->hub, candidate->digest, buf)
		       : NULL;
}

/* Links to cross: with more than one, and no module, hubs between carry what is said. */
static void set_hops(json_t *object, const struct api_state *state, const struct hub_id *hub)
{
	struct hub_id path[API_PATH_HOPS_MAX];
	int n = hub_path(state->context.hub, hub, path, API_PATH_HOPS_MAX);

	if (n > 0)
		api_set_number(object, "hops", (uint64_t)n - 1);
	else
		json_object_set_new(object, "hops", json_null());
}

static json_t *json_candidate(const struct api_state *state,
			      const struct broker_candidate *candidate,
			      const struct api_names *names, bool is_chosen)
{
	json_t *object = json_object();
	char text[SHA256_STRLEN], reason[API_VERSION_TEXT_MAX];

	set_hub(object, "hub", "hub_name", &candidate->hub, names);
	api_set_text(object, "manifest", sha256_format(candidate->digest, text));
	api_set_text(object, "version", candidate->version_text);
	json_object_set_new(object, "is_chosen", json_boolean(is_chosen));
	api_set_text(object, "verdict", broker_verdict_text(candidate->verdict));
	api_set_text(object, "reason", reason_of(state, candidate, reason));
	if (candidate->cost_us == UINT32_MAX)
		json_object_set_new(object, "route_us", json_null());
	else
		api_set_number(object, "route_us", candidate->cost_us);
	set_hops(object, state, &candidate->hub);
	api_set_number(object, "latency_us", candidate->latency_us);
	api_set_number(object, "error_permille", candidate->error_permille);
	api_set_number(object, "load_permille", candidate->load_permille);
	api_set_number(object, "free_slots", candidate->free_slots);
	api_set_number(object, "price_micro", candidate->price_micro);
	if (candidate->score)
		api_set_number(object, "score", candidate->score);
	else
		json_object_set_new(object, "score", json_null());
	return object;
}

static json_t *json_endpoints(const struct registry *registry,
			      const struct broker_candidate *candidate)
{
	const struct registry_instance *instance =
		registry_find(registry, &candidate->hub, candidate->digest);
	json_t *array = json_array();

	for (size_t i = 0; instance && i < instance->manifest.n_endpoints; i++)
		json_array_append_new(array, json_string(instance->manifest.endpoints[i]));
	return array;
}

/* What an operator wants of the versions, and on which side of a canary the request is. */
static void set_wish(json_t *object, const struct api_state *state,
		     const struct broker_request *request)
{
	const struct versions_wish *wish =
		versions_wish_of(hub_get_versions(state->context.hub), request->query.name);

	api_set_pin(object, state->context.hub, wish);
	api_set_canary(object, state->context.hub, wish);
	json_object_set_new(object, "is_canary",
			    json_boolean(wish && request->draw < wish->permille));
}

static json_t *json_request(const struct api_state *state, const struct broker_request *request,
			    const struct api_names *names)
{
	uint64_t now_ns = state->context.now_ns(state->context.arg);
	json_t *object = json_object(), *array = json_array();
	const struct broker_candidate *chosen =
		request->chosen >= 0 ? &request->candidates[request->chosen] : NULL;

	api_set_number(object, "request", request->id);
	api_set_text(object, "name", request->query.name);
	api_set_text(object, "range", request->query.range_text);
	api_set_text(object, "state", broker_state_name(request->state));
	json_object_set_new(object, "is_kept", json_boolean(request->query.keep));
	json_object_set_new(object, "from_cache", json_boolean(request->from_cache));
	api_set_text(object, "shared", request->query.shared[0] ? request->query.shared : NULL);
	set_wish(object, state, request);
	api_set_number(object, "rounds", request->round);
	api_set_number(object, "switches", request->switches);
	if (request->state == BROKER_STATE_LEASED && chosen) {
		set_hub(object, "hub", "hub_name", &chosen->hub, names);
		api_set_text(object, "version", chosen->version_text);
		api_set_number(object, "slots", request->slots);
		api_set_number(object, "price_micro", chosen->price_micro);
		api_set_number(object, "expires_in_ms",
			       request->until_ns > now_ns
				       ? (request->until_ns - now_ns) / NSEC_PER_MSEC
				       : 0);
		json_object_set_new(object, "endpoints",
				    json_endpoints(hub_get_registry(state->context.hub), chosen));
	}
	for (size_t i = 0; i < request->n; i++)
		json_array_append_new(array, json_candidate(state, &request->candidates[i], names,
							    chosen == &request->candidates[i]));
	json_object_set_new(object, "candidates", array);
	api_set_number(object, "more_candidates", request->n_more);
	return object;
}

static void reply_request(struct api_state *state, uint64_t id, struct api_reply *ret)
{
	const struct broker_request *request = broker_find(hub_get_broker(state->context.hub), id);
	struct api_names names;
	json_t *object;

	if (!request) {
		api_reply_error(ret, 404, "unknown_request",
				"a request that is not kept ends with its lease",
				"there is no request %llu", (unsigned long long)id);
		return;
	}
	object = api_object_new();
	api_names_init(&names, state->context.hub);
	json_object_update_new(object, json_request(state, request, &names));
	api_names_fini(&names);
	api_reply_ok(ret, object);
}

void post_resolve(struct api_state *state, const struct api_request *request, struct api_reply *ret)
{
	json_t *body =
		json_loadb((const char *)request->body, request->len, JSON_REJECT_DUPLICATES, NULL);
	struct broker_query query;
	char error[256];
	uint64_t id = 0;
	int r = api_parse_query(body, &query, error, sizeof(error));

	json_decref(body);
	if (r) {
		api_reply_error(ret, 400, "bad_body", "Documentation/api.rst lists the members",
				"%s", error);
		return;
	}
	if (state->context.resolve)
		id = state->context.resolve(state->context.arg, &query);
	if (id)
		reply_request(state, id, ret);
	else
		api_reply_error(ret, 503, "busy", "release some, or try again later",
				"no further request can be taken");
}

void post_release(struct api_state *state, const struct api_request *request, struct api_reply *ret)
{
	json_t *body =
		json_loadb((const char *)request->body, request->len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *member = json_object_get(body, "request");
	uint64_t id = (uint64_t)json_integer_value(member);
	json_t *object;

	if (!json_is_integer(member)) {
		api_reply_error(ret, 400, "bad_body", NULL,
				"the body must be {\"request\": NUMBER}");
	} else if (!state->context.release ||
		   !broker_find(hub_get_broker(state->context.hub), id)) {
		api_reply_error(ret, 404, "unknown_request", NULL, "there is no request %llu",
				(unsigned long long)id);
	} else {
		state->context.release(state->context.arg, id);
		object = api_object_new();
		api_set_number(object, "request", id);
		api_reply_ok(ret, object);
	}
	json_decref(body);
}

/* The provider the request has now: who reports late reports of another, so is refused. */
void post_result(struct api_state *state, const struct api_request *request, struct api_reply *ret)
{
	json_t *body =
		json_loadb((const char *)request->body, request->len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *id = json_object_get(body, "request"), *ok = json_object_get(body, "is_ok"),
		     *latency = json_object_get(body, "latency_us");
	const struct broker_request *one =
		broker_find(hub_get_broker(state->context.hub), (uint64_t)json_integer_value(id));
	const struct broker_candidate *chosen;
	json_t *object;

	if (!json_is_integer(id) || !json_is_boolean(ok) || !json_is_integer(latency) ||
	    json_integer_value(latency) < 0) {
		api_reply_error(ret, 400, "bad_body", NULL,
				"the body must be {\"request\": NUMBER, \"is_ok\": BOOLEAN, "
				"\"latency_us\": NUMBER}");
	} else if (!one || one->state != BROKER_STATE_LEASED || !state->context.result) {
		api_reply_error(ret, 404, "unknown_request", NULL, "no such request has a lease");
	} else {
		chosen = &one->candidates[one->chosen];
		state->context.result(state->context.arg, &chosen->hub, chosen->digest,
				      !json_is_true(ok), (uint64_t)json_integer_value(latency));
		object = api_object_new();
		json_object_set_new(object, "request", json_copy((json_t *)id));
		api_reply_ok(ret, object);
	}
	json_decref(body);
}

void get_requests(struct api_state *state, const struct api_request *request, struct api_reply *ret)
{
	const struct broker *broker = hub_get_broker(state->context.hub);
	const char *id = request->argument(request->arg, "id");
	const struct broker_request *one;
	json_t *object, *array;
	struct api_names names;

	if (id) {
		reply_request(state, strtoull(id, NULL, 10), ret);
		return;
	}
	object = api_object_new();
	array = json_array();
	api_names_init(&names, state->context.hub);
	for (size_t i = 0; (one = broker_request_at(broker, i)); i++)
		json_array_append_new(array, json_request(state, one, &names));
	api_names_fini(&names);
	json_object_set_new(object, "requests", array);
	api_reply_ok(ret, object);
}

void get_leases(struct api_state *state, const struct api_request *request, struct api_reply *ret)
{
	const struct broker *broker = hub_get_broker(state->context.hub);
	uint64_t now_ns = state->context.now_ns(state->context.arg);
	json_t *object = api_object_new(), *array = json_array();
	const struct broker_lease *lease;
	struct api_names names;
	char text[SHA256_STRLEN];

	api_names_init(&names, state->context.hub);
	for (size_t i = 0; (lease = broker_lease_at(broker, i)); i++) {
		json_t *row = json_object();

		set_hub(row, "hub", "hub_name", &lease->hub, &names);
		api_set_text(row, "manifest", sha256_format(lease->digest, text));
		api_set_number(row, "slots", lease->slots);
		api_set_number(row, "expires_in_ms",
			       lease->until_ns > now_ns ? (lease->until_ns - now_ns) / NSEC_PER_MSEC
							: 0);
		json_array_append_new(array, row);
	}
	api_names_fini(&names);
	json_object_set_new(object, "leases", array);
	api_reply_ok(ret, object);
}
