// SPDX-License-Identifier: GPL-2.0
/* DOC: versions in the local API: see versions.h */
#include "daemon/api/versions.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/json.h"
#include "daemon/api/services.h"
#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"

#define ORDER_PREFIX "/v1/versions/"

/**
 * struct builds - builds to show, each once
 * @list: owned
 * @n: entries of @list
 */
struct builds {
	struct versions_id *list;
	size_t n;
};

static void builds_add(struct builds *builds, const struct versions_id *id, const char *service)
{
	if (service && strcmp(id->service, service) != 0)
		return;
	for (size_t i = 0; i < builds->n; i++)
		if (memcmp(&builds->list[i], id, sizeof(*id)) == 0)
			return;
	builds->list = xreallocarray(builds->list, builds->n + 1, sizeof(*id));
	builds->list[builds->n++] = *id;
}

/* By service, then version. */
static int compare_ids(const void *a, const void *b)
{
	const struct versions_id *x = a, *y = b;
	struct semver v = {0}, w = {0};
	int order = strcmp(x->service, y->service);

	if (order)
		return order;
	semver_parse(x->version_text, &v);
	semver_parse(y->version_text, &w);
	order = semver_compare(&v, &w);
	return order ? order : memcmp(x, y, sizeof(*x));
}

/* Offered now, known from results, or ruled about. */
static struct builds builds_of(const struct hub *hub, const char *service)
{
	const struct versions *versions = hub_get_versions(hub);
	const struct registry *registry = hub_get_registry(hub);
	const struct versions_ruling *ruling;
	const struct versions_build *build;
	struct builds builds = {0};

	for (size_t i = 0; i < registry_count(registry); i++) {
		struct versions_id id = versions_id_of(&registry_at(registry, i)->manifest);

		builds_add(&builds, &id, service);
	}
	for (size_t i = 0; (build = versions_build_at(versions, i)); i++)
		builds_add(&builds, &build->id, service);
	for (size_t i = 0; (ruling = versions_ruling_at(versions, i)); i++)
		builds_add(&builds, &ruling->id, service);
	if (builds.n)
		qsort(builds.list, builds.n, sizeof(*builds.list), compare_ids);
	return builds;
}

/* Of those that offer it: who is preferred at least so much. */
static size_t count_providers(const struct hub *hub, const struct versions_id *id,
			      enum versions_rank worst)
{
	const struct registry *registry = hub_get_registry(hub);
	const struct registry_instance *instance;
	size_t n = 0;

	for (size_t i = registry_first(registry, id->service);
	     (instance = registry_at(registry, i)) &&
	     strcmp(instance->manifest.name, id->service) == 0;
	     i++) {
		struct versions_id other = versions_id_of(&instance->manifest);

		n += memcmp(&other, id, sizeof(other)) == 0 &&
		     versions_rank(hub_get_versions(hub), id, instance->digest, 0) <= worst;
	}
	return n;
}

static const char *state_of(const struct versions_build *build,
			    const struct versions_ruling *ruling)
{
	if (ruling)
		return ruling->kind == VERSIONS_ROLLED_BACK ? "rolled back" : "accepted";
	if (!build)
		return "untried";
	return build->has_against ? "on trial" : "in use";
}

static json_t *json_ruling(const struct versions_ruling *ruling)
{
	json_t *object = json_object();
	char text[API_VERSION_TEXT_MAX];

	api_set_text(object, "reason", versions_reason_name(ruling->reason));
	api_set_text(object, "text", versions_describe(ruling, text, sizeof(text)));
	api_set_text(object, "against", ruling->against[0] ? ruling->against : NULL);
	api_set_number(object, "samples", ruling->new.n);
	api_set_number(object, "bad", ruling->new.bad);
	api_set_number(object, "against_samples", ruling->old.n);
	api_set_number(object, "against_bad", ruling->old.bad);
	json_object_set_new(object, "evidence_log10", json_real(ruling->evidence_centi / 100.0));
	api_set_number(object, "unix_s", (uint64_t)ruling->unix_s);
	return object;
}

static json_t *json_tellers(const struct hub *hub, const uint8_t build[SHA256_LEN],
			    const struct api_names *names)
{
	const struct catalogue_rollback *told;
	json_t *array = json_array();
	char text[HUB_ID_STRLEN];
	struct hub_id who;
	size_t i = 0;

	while ((told = registry_find_rollback(hub_get_registry(hub), build, &i, &who))) {
		const struct api_name *name = api_names_find(names, &who);
		json_t *object;

		if (hub_id_equal(&who, &hub_get_settings(hub)->id))
			continue;
		object = json_object();
		api_set_text(object, "hub", hub_id_format(&who, text));
		api_set_text(object, "hub_name", name ? name->name : NULL);
		api_set_text(object, "reason", told->by_latency ? "latency" : "errors");
		api_set_number(object, "samples", told->new_n);
		api_set_number(object, "bad", told->new_bad);
		api_set_number(object, "against_samples", told->old_n);
		api_set_number(object, "against_bad", told->old_bad);
		json_array_append_new(array, object);
	}
	return array;
}

static void set_samples(json_t *object, const struct versions_build *build)
{
	static const struct versions_build none;
	uint64_t median_us;

	if (!build)
		build = &none;
	median_us = versions_median_us(build);
	api_set_number(object, "samples", build->errors.all.n);
	api_set_number(object, "errors", build->errors.all.bad);
	if (median_us)
		api_set_number(object, "median_us", median_us);
	else
		json_object_set_new(object, "median_us", json_null());
	api_set_text(object, "against", build->has_against ? build->against.version_text : NULL);
	json_object_set_new(object, "evidence_log10", json_real(build->evidence / M_LN10));
}

static uint32_t share_of(const struct hub *hub, const struct versions_id *id)
{
	const struct versions_wish *wish = versions_wish_of(hub_get_versions(hub), id->service);

	if (!count_providers(hub, id, VERSIONS_OTHER_SHARE))
		return 0;
	if (!wish || wish->pin[0] || !wish->canary[0])
		return VERSIONS_PERMILLE;
	return strcmp(wish->canary, id->version_text) == 0 ? wish->permille
							   : VERSIONS_PERMILLE - wish->permille;
}

static json_t *json_build(const struct hub *hub, const struct versions_id *id,
			  const struct api_names *names)
{
	const struct versions *versions = hub_get_versions(hub);
	const struct versions_build *build = versions_find(versions, id);
	const struct versions_ruling *ruling = versions_ruling_of(versions, id);
	json_t *object = json_object();
	uint8_t key[SHA256_LEN];
	char text[SHA256_STRLEN];

	versions_key(id, key);
	api_set_text(object, "name", id->service);
	api_set_text(object, "version", id->version_text);
	api_set_text(object, "digest", id->has_code ? sha256_format(id->code, text) : NULL);
	api_set_text(object, "build", sha256_format(key, text));
	api_set_text(object, "state", state_of(build, ruling));
	api_set_number(object, "providers", count_providers(hub, id, VERSIONS_NOT_PINNED));
	api_set_number(object, "share_permille", share_of(hub, id));
	set_samples(object, build);
	json_object_set_new(object, "ruling", ruling ? json_ruling(ruling) : json_null());
	json_object_set_new(object, "told_by", json_tellers(hub, key, names));
	return object;
}

void api_set_canary(json_t *object, const struct hub *hub, const struct versions_wish *wish)
{
	const struct registry *registry = hub_get_registry(hub);
	const struct registry_instance *instance;
	size_t n = 0;

	api_set_number(object, "canary_permille", wish ? wish->permille : 0);
	if (!wish || !wish->canary[0]) {
		api_set_text(object, "canary", NULL);
		json_object_set_new(object, "canary_providers", json_null());
		return;
	}
	for (size_t i = registry_first(registry, wish->service);
	     (instance = registry_at(registry, i)) &&
	     strcmp(instance->manifest.name, wish->service) == 0;
	     i++)
		n += strcmp(instance->manifest.version_text, wish->canary) == 0;
	api_set_text(object, "canary", wish->canary);
	api_set_number(object, "canary_providers", n);
}

void api_set_pin(json_t *object, const struct hub *hub, const struct versions_wish *wish)
{
	const struct registry *registry = hub_get_registry(hub);
	const struct registry_instance *instance;
	size_t n = 0;

	if (!wish || !wish->pin[0]) {
		api_set_text(object, "pin", NULL);
		json_object_set_new(object, "pin_providers", json_null());
		return;
	}
	for (size_t i = registry_first(registry, wish->service);
	     (instance = registry_at(registry, i)) &&
	     strcmp(instance->manifest.name, wish->service) == 0;
	     i++) {
		struct versions_id id = versions_id_of(&instance->manifest);

		n += versions_rank(hub_get_versions(hub), &id, instance->digest, 0) ==
		     VERSIONS_TAKEN;
	}
	api_set_text(object, "pin", wish->pin);
	api_set_number(object, "pin_providers", n);
}

static json_t *json_wishes(const struct hub *hub, const char *service)
{
	const struct versions *versions = hub_get_versions(hub);
	json_t *array = json_array();
	const struct versions_wish *wish;

	for (size_t i = 0; (wish = versions_wish_at(versions, i)); i++) {
		json_t *object;

		if (service && strcmp(wish->service, service) != 0)
			continue;
		object = json_object();
		api_set_text(object, "name", wish->service);
		api_set_pin(object, hub, wish);
		api_set_canary(object, hub, wish);
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *json_history(const struct hub *hub, const char *service,
			    const struct api_names *names, uint64_t now_ns)
{
	json_t *array = json_array();
	const struct registry_version *line;

	for (size_t i = 0; (line = registry_version_at(hub_get_registry(hub), i)); i++)
		if (!service || strcmp(line->name, service) == 0)
			json_array_append_new(array, api_json_version(line, names, now_ns));
	return array;
}

static void set_kept(json_t *object, const char *error)
{
	json_object_set_new(object, "is_kept", error ? json_boolean(!error[0]) : json_null());
	api_set_text(object, "kept_error", error && error[0] ? error : NULL);
}

static void reply_versions(struct api_state *state, const char *service, struct api_reply *ret)
{
	const struct hub *hub = state->context.hub;
	struct builds builds = builds_of(hub, service);
	json_t *object = api_object_new(), *array = json_array();
	struct api_names names;

	api_names_init(&names, hub);
	for (size_t i = 0; i < builds.n; i++)
		json_array_append_new(array, json_build(hub, &builds.list[i], &names));
	json_object_set_new(object, "versions", array);
	json_object_set_new(object, "wishes", json_wishes(hub, service));
	json_object_set_new(object, "history",
			    json_history(hub, service, &names,
					 state->context.now_ns(state->context.arg)));
	set_kept(object, state->context.versions_error);
	api_names_fini(&names);
	free(builds.list);
	api_reply_ok(ret, object);
}

void get_versions(struct api_state *state, const struct api_request *request, struct api_reply *ret)
{
	reply_versions(state, request->argument(request->arg, "name"), ret);
}

const char *api_version_reason(const struct api_state *state, const struct hub_id *hub,
			       const uint8_t digest[SHA256_LEN], char buf[API_VERSION_TEXT_MAX])
{
	const struct registry_instance *instance =
		registry_find(hub_get_registry(state->context.hub), hub, digest);
	const struct versions_ruling *ruling;
	struct versions_id id;

	if (!instance)
		return NULL;
	id = versions_id_of(&instance->manifest);
	ruling = versions_ruling_of(hub_get_versions(state->context.hub), &id);
	return ruling && ruling->kind == VERSIONS_ROLLED_BACK
		       ? versions_describe(ruling, buf, API_VERSION_TEXT_MAX)
		       : NULL;
}

/* ---- orders -------------------------------------------------------------- */

static const char *const verbs[] = {
	[HUB_VERSION_ROLLBACK] = "rollback", [HUB_VERSION_CANARY] = "canary",
	[HUB_VERSION_PROMOTE] = "promote",   [HUB_VERSION_PIN] = "pin",
	[HUB_VERSION_CLEAR] = "clear",
};

static enum hub_version_verb verb_of(const char *path)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(verbs) - 1 && strcmp(path + strlen(ORDER_PREFIX), verbs[i]) != 0)
		i++;
	return (enum hub_version_verb)i;
}

/* Return: false: answered. */
static bool parse_order(const json_t *body, struct hub_version_order *ret, struct api_reply *reply)
{
	const json_t *version = json_object_get(body, "version"),
		     *permille = json_object_get(body, "permille");
	json_int_t share = json_integer_value(permille);

	ret->service = json_string_value(json_object_get(body, "name"));
	ret->version = json_is_string(version) ? json_string_value(version) : "";
	if (!ret->service || (version && !json_is_string(version) && !json_is_null(version))) {
		api_reply_error(reply, 400, "bad_body", NULL,
				"the body must be {\"name\": SERVICE, \"version\": VERSION}");
		return false;
	}
	if (ret->verb == HUB_VERSION_CANARY &&
	    (!json_is_integer(permille) || share < 0 || share > VERSIONS_PERMILLE)) {
		api_reply_error(reply, 400, "bad_body", "100 is a tenth",
				"\"permille\" must be a number from 0 to %d", VERSIONS_PERMILLE);
		return false;
	}
	ret->permille = (uint32_t)share;
	return true;
}

static void reply_order(struct api_state *state, const struct hub_version_order *order, int error,
			struct api_reply *ret)
{
	switch (error) {
	case 0:
		reply_versions(state, order->service, ret);
		break;
	case -ENOENT:
		if (order->version[0])
			api_reply_error(ret, 404, "unknown_version",
					"meshctl versions shows what is offered and ruled",
					"nothing is known of version \"%.64s\" of \"%.64s\"",
					order->version, order->service);
		else
			api_reply_error(ret, 404, "unknown_version",
					"meshctl versions shows what is offered and ruled",
					"no version was named, and nothing is known of versions "
					"of \"%.64s\" that could be meant",
					order->service);
		break;
	case -EACCES:
		api_reply_error(ret, 409, "rolled_back", "clear or promote it first",
				"version \"%.64s\" of \"%.64s\" is rolled back, no share of leases "
				"would go to it",
				order->version, order->service);
		break;
	case -ENOSPC:
		api_reply_error(ret, 503, "busy", "clear those of services that are gone",
				"%d services have a pin or a canary already", VERSIONS_WISHES_MAX);
		break;
	case -EINVAL:
		api_reply_error(ret, 400, "bad_body",
				order->verb == HUB_VERSION_PIN
					? "a version is like 1.4.2, a digest 64 hexadecimal digits"
					: "a version is like 1.4.2",
				"\"%.64s\" is no version, or \"%.64s\" no service", order->version,
				order->service);
		break;
	default:
		api_reply_error(ret, 501, "not_supported", NULL, "this daemon takes no orders");
	}
}

void post_version_order(struct api_state *state, const struct api_request *request,
			struct api_reply *ret)
{
	json_t *body =
		json_loadb((const char *)request->body, request->len, JSON_REJECT_DUPLICATES, NULL);
	struct hub_version_order order = {.verb = verb_of(request->path)};

	if (parse_order(body, &order, ret))
		reply_order(state, &order,
			    state->context.order_version
				    ? state->context.order_version(state->context.arg, &order)
				    : -ENOSYS,
			    ret);
	json_decref(body);
}
