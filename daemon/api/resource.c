// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: resource: what each path of the API answers
 *
 * One function per resource and one table of them at the end.  To add a
 * resource: a builder in json.c, a function and a table line here, a section
 * in Documentation/api.rst, a test in test_api.c.
 *
 * Knows nothing of sockets and HTTP headers: takes a struct api_request and
 * fills a struct api_reply.
 */
#include "daemon/api/resource.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/api/json.h"
#include "daemon/api/proxy.h"
#include "daemon/api/requests.h"
#include "daemon/api/revocations.h"
#include "daemon/api/services.h"
#include "daemon/api/versions.h"
#include "daemon/api/snapshot.h"
#include "daemon/lib/log.h"
#include "daemon/names/names.h"
#include "daemon/proxy/identity.h"
#include "hubmesh/version.h"

#define MODULE_VERSION_PATH "/sys/module/hubmesh/version"

json_t *api_object_new(void)
{
	json_t *object = json_object();

	api_set_number(object, "api", API_VERSION);
	return object;
}

void api_reply_error(struct api_reply *ret, unsigned int status, const char *code, const char *hint,
		     const char *fmt, ...)
{
	json_t *error = json_object(), *object = api_object_new();
	char message[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	api_set_text(error, "code", code);
	api_set_text(error, "message", message);
	api_set_text(error, "hint", hint);
	json_object_set_new(object, "error", error);
	*ret = (struct api_reply){.status = status, .body = object};
}

void api_reply_ok(struct api_reply *ret, json_t *object)
{
	*ret = (struct api_reply){.status = 200, .body = object};
}

static uint64_t now_ns(const struct api_state *state)
{
	return state->context.now_ns(state->context.arg);
}

static const char *mesh_ifname(const struct api_state *state)
{
	if (state->context.datapath)
		return datapath_ifname(state->context.datapath);
	return NULL;
}

static void set_module_version(json_t *object)
{
	FILE *file = fopen(MODULE_VERSION_PATH, "re");
	char text[64] = "";

	if (file && fgets(text, sizeof(text), file))
		text[strcspn(text, "\n")] = '\0';
	if (file)
		fclose(file);
	api_set_text(object, "module", text[0] ? text : NULL);
}

static void get_version(struct api_state *state, const struct api_request *request,
			struct api_reply *ret)
{
	json_t *object = api_object_new();

	api_set_text(object, "version", HUBMESH_VERSION);
	set_module_version(object);
	api_reply_ok(ret, object);
}

struct hub_count {
	struct hub_view_hub self;
	size_t hubs, reachable, neighbours;
};

static int count_hub(const struct hub_view_hub *view, void *arg)
{
	struct hub_count *count = arg;

	if (view->is_self) {
		count->self = *view;
		return 0;
	}
	count->hubs++;
	count->reachable += view->hops != UINT32_MAX;
	count->neighbours += view->is_neighbour;
	return 0;
}

struct up_count {
	size_t all, up;
};

static int count_link(const struct hub_view_link *view, void *arg)
{
	struct up_count *count = arg;

	count->all++;
	count->up += view->is_up;
	return 0;
}

static int count_session(const struct hub_view_session *view, void *arg)
{
	struct up_count *count = arg;

	count->all++;
	count->up += view->is_up;
	return 0;
}

static json_t *status_hub(const struct hub_settings *settings, const struct hub_view_hub *self)
{
	json_t *object = json_object();
	char id[HUB_ID_STRLEN];

	api_set_text(object, "id", hub_id_format(&settings->id, id));
	api_set_text(object, "name", settings->name);
	api_set_text(object, "mesh", settings->mesh);
	json_object_set_new(object, "ula", api_json_ula(&self->ula));
	json_object_set_new(object, "ipv4", api_json_ipv4(self->ipv4));
	api_set_number(object, "boot_epoch", settings->boot_epoch);
	api_set_number(object, "control_port", settings->control_port);
	api_set_number(object, "data_port", settings->data_port);
	return object;
}

static json_t *status_datapath(const struct api_state *state,
			       const struct datapath_device_stats *device,
			       const struct health *health)
{
	uint64_t window_s, frames, dropped;
	json_t *object = json_object();
	unsigned int worst;

	json_object_set_new(object, "is_active", json_boolean(device));
	api_set_text(object, "interface", mesh_ifname(state));
	api_set_text(object, "reason", device ? NULL : health->module_error);
	set_module_version(object);
	if (device)
		api_set_number(object, "generation", device->generation);
	else
		api_set_text(object, "generation", NULL);
	dropped = health_drops(health, &window_s, &frames, &worst);
	api_set_number(object, "recent_drops", dropped);
	api_set_number(object, "recent_frames", frames);
	api_set_number(object, "recent_s", window_s);
	return object;
}

static json_t *pair(const char *a, size_t a_value, const char *b, size_t b_value)
{
	json_t *object = json_object();

	api_set_number(object, a, a_value);
	api_set_number(object, b, b_value);
	return object;
}

static void set_dates(json_t *object, const struct health *health, int64_t not_before_s,
		      int64_t not_after_s)
{
	json_object_set_new(object, "not_before_unix_s", json_integer(not_before_s));
	json_object_set_new(object, "valid_in_s", json_integer(not_before_s - health->unix_s));
	json_object_set_new(object, "not_after_unix_s", json_integer(not_after_s));
	json_object_set_new(object, "expires_in_s", json_integer(not_after_s - health->unix_s));
}

static void set_certificate(json_t *object, const struct health *health)
{
	const struct api_certificate *dates = health->certificate;
	json_t *certificate;

	if (!dates) {
		api_set_text(object, "certificate", NULL);
		return;
	}
	certificate = json_object();
	set_dates(certificate, health, dates->not_before_s, dates->not_after_s);
	json_object_set_new(object, "certificate", certificate);
}

static json_t *json_identities(const struct health *health)
{
	const struct proxy_identities *identities = health->identities;
	json_t *list = json_array();

	for (size_t i = 0; identities && i < identities->n; i++) {
		const struct proxy_identity *identity = &identities->list[i];
		json_t *object = json_object();

		api_set_text(object, "service", identity->name);
		api_set_text(object, "file", identity->file);
		set_dates(object, health, identity->not_before_s, identity->not_after_s);
		json_array_append_new(list, object);
	}
	return list;
}

static void get_status(struct api_state *state, const struct api_request *request,
		       struct api_reply *ret)
{
	const struct api_context *context = &state->context;
	const struct hub_settings *settings = hub_get_settings(context->hub);
	struct up_count links = {0}, sessions = {0};
	struct datapath_device_stats device = {0};
	struct hub_count hubs = {0};
	json_t *object = api_object_new();
	bool has_device;

	hub_for_each_hub(context->hub, count_hub, &hubs);
	hub_for_each_link(context->hub, count_link, &links);
	hub_for_each_session(context->hub, count_session, &sessions);
	has_device = context->datapath && datapath_read_device(context->datapath, &device) == 0;

	struct health health = {
		.now_ns = now_ns(state),
		.unix_s = time(NULL),
		.has_datapath = has_device,
		.module_error = context->datapath ? "the mesh interface does not answer"
						  : context->module_error,
		.certificate = context->certificate,
		.identities = context->identities,
		.is_revoked = hub_is_revoked(context->hub),
		.state = {.free_bytes = UINT64_MAX},
		.state_dir = context->config->state_dir,
		.history_error = context->history_error,
		.versions_error = context->versions_error,
		.links = links.all,
		.links_up = links.up,
		.hubs = hubs.hubs,
		.reachable = hubs.reachable,
		.control_port = settings->control_port,
		.data_port = settings->data_port,
		.counters = hub_counters(context->hub),
		.history = has_device ? &state->history : NULL,
		.device = has_device ? &device : NULL,
	};

	health.has_twin = hub_has_twin(context->hub, health.now_ns, &health.twin_ago_ns);
	if (context->store)
		store_state(context->store, &health.state);
	api_set_text(object, "version", HUBMESH_VERSION);
	json_object_set_new(object, "hub", status_hub(settings, &hubs.self));
	api_set_number(object, "uptime_s", (health.now_ns - state->started_ns) / 1000000000);
	json_object_set_new(object, "datapath",
			    status_datapath(state, has_device ? &device : NULL, &health));
	api_set_number(object, "neighbours", hubs.neighbours);
	json_object_set_new(object, "links", pair("known", links.all, "up", links.up));
	json_object_set_new(object, "hubs", pair("known", hubs.hubs, "reachable", hubs.reachable));
	json_object_set_new(object, "sessions", pair("known", sessions.all, "up", sessions.up));
	api_set_number(object, "route_generation", hub_route_generation(context->hub));
	set_certificate(object, &health);
	json_object_set_new(object, "service_certificates", json_identities(&health));
	json_object_set_new(object, "warnings", health_warnings(&health));
	api_reply_ok(ret, object);
}

/**
 * struct list - an array being filled by a walk
 * @state: of the API
 * @snapshot: names and links
 * @array: grows
 * @now_ns: monotonic
 */
struct list {
	const struct api_state *state;
	const struct api_snapshot *snapshot;
	json_t *array;
	uint64_t now_ns;
};

static int list_hub(const struct hub_view_hub *view, void *arg)
{
	struct list *list = arg;

	json_array_append_new(list->array, api_json_hub(view, list->now_ns));
	return 0;
}

static void get_hubs(struct api_state *state, const struct api_request *request,
		     struct api_reply *ret)
{
	struct list list = {.array = json_array(), .now_ns = now_ns(state)};
	json_t *object = api_object_new();

	hub_for_each_hub(state->context.hub, list_hub, &list);
	json_object_set_new(object, "hubs", list.array);
	api_reply_ok(ret, object);
}

static void get_links(struct api_state *state, const struct api_request *request,
		      struct api_reply *ret)
{
	const struct underlay *underlay = state->context.underlay;
	json_t *object = api_object_new(), *array = json_array();
	struct api_snapshot snapshot;

	api_snapshot_init(&snapshot, state->context.hub, state->context.datapath);
	for (size_t i = 0; i < snapshot.n_links; i++) {
		const struct hub_view_link *view = &snapshot.links[i];
		const char *ifname = "?";

		if (underlay && view->local.ifindex)
			ifname = underlay_name(underlay, view->local.ifindex);
		json_array_append_new(array,
				      api_json_link(view, api_snapshot_stats(&snapshot, view->link),
						    &snapshot.names, ifname, now_ns(state)));
	}
	api_snapshot_fini(&snapshot);
	json_object_set_new(object, "links", array);
	api_reply_ok(ret, object);
}

static const struct hub_id *list_link_peer(void *arg, uint32_t link)
{
	const struct list *list = arg;
	const struct hub_view_link *view = api_snapshot_link(list->snapshot, link);

	return view ? &view->peer : NULL;
}

static int list_route(const struct effect_route *route, uint32_t cost_us, uint32_t hops,
		      bool has_frames, void *arg)
{
	struct list *list = arg;

	json_array_append_new(list->array,
			      api_json_route(route, cost_us, hops, has_frames,
					     &list->snapshot->names, list_link_peer, list));
	return 0;
}

static void get_routes(struct api_state *state, const struct api_request *request,
		       struct api_reply *ret)
{
	struct api_snapshot snapshot;
	struct list list = {.snapshot = &snapshot, .array = json_array()};
	json_t *object = api_object_new();

	api_snapshot_init(&snapshot, state->context.hub, NULL);
	hub_for_each_route(state->context.hub, list_route, &list);
	api_snapshot_fini(&snapshot);
	api_set_number(object, "generation", hub_route_generation(state->context.hub));
	json_object_set_new(object, "routes", list.array);
	api_reply_ok(ret, object);
}

static int list_session(const struct hub_view_session *view, void *arg)
{
	struct list *list = arg;

	json_array_append_new(list->array,
			      api_json_session(view, &list->snapshot->names, list->now_ns));
	return 0;
}

static void get_sessions(struct api_state *state, const struct api_request *request,
			 struct api_reply *ret)
{
	struct api_snapshot snapshot;
	struct list list = {.snapshot = &snapshot, .array = json_array(), .now_ns = now_ns(state)};
	json_t *object = api_object_new();

	api_snapshot_init(&snapshot, state->context.hub, NULL);
	hub_for_each_session(state->context.hub, list_session, &list);
	api_snapshot_fini(&snapshot);
	json_object_set_new(object, "sessions", list.array);
	api_reply_ok(ret, object);
}

static void reply_path(struct api_state *state, const struct hub_id *to, struct api_reply *ret)
{
	json_t *object = api_object_new(), *target = json_object();
	struct hub_id path[API_PATH_HOPS_MAX];
	const struct api_name *entry;
	struct api_names names;
	char id[HUB_ID_STRLEN];
	int n;

	api_names_init(&names, state->context.hub);
	entry = api_names_find(&names, to);
	api_set_text(target, "id", hub_id_format(to, id));
	api_set_text(target, "name", entry ? entry->name : NULL);
	json_object_set_new(target, "ula", entry ? api_json_ula(&entry->ula) : json_null());
	json_object_set_new(target, "ipv4", entry ? api_json_ipv4(entry->ipv4) : json_null());
	json_object_set_new(object, "to", target);

	n = hub_path(state->context.hub, to, path, API_PATH_HOPS_MAX);
	json_object_set_new(object, "is_reachable", json_boolean(n > 0));
	json_object_set_new(object, "path", api_json_path(path, n > 0 ? (size_t)n : 0, &names));
	api_names_fini(&names);
	api_reply_ok(ret, object);
}

static void get_path(struct api_state *state, const struct api_request *request,
		     struct api_reply *ret)
{
	const char *text = request->argument(request->arg, "to");
	struct hub_id to;

	if (!text || !text[0]) {
		api_reply_error(ret, 400, "missing_argument", "ask for /v1/path?to=HUB",
				"no hub is named: the argument \"to\" is missing");
		return;
	}
	switch (hub_find(state->context.hub, text, &to)) {
	case 0:
		reply_path(state, &to, ret);
		break;
	case -ENOTUNIQ:
		api_reply_error(ret, 409, "ambiguous_name", "name it by id or address",
				"several hubs are called \"%.80s\"", text);
		break;
	default:
		api_reply_error(ret, 404, "unknown_hub",
				"meshctl hubs lists the hubs this one knows",
				"no hub has the name, id or address \"%.80s\"", text);
	}
}

static void list_hub_stats(const struct datapath_hub_stats *stats, void *arg)
{
	struct list *list = arg;

	json_array_append_new(list->array, api_json_hub_stats(stats, &list->snapshot->names));
}

static void get_stats(struct api_state *state, const struct api_request *request,
		      struct api_reply *ret)
{
	const struct api_context *context = &state->context;
	json_t *object = api_object_new(), *links = json_array();
	struct datapath_device_stats device = {0};
	struct api_snapshot snapshot;
	struct list hubs = {.snapshot = &snapshot, .array = json_array()};

	api_snapshot_init(&snapshot, context->hub, context->datapath);
	api_set_number(object, "at_ms", now_ns(state) / 1000000);
	json_object_set_new(object, "hub", api_json_hub_counters(hub_counters(context->hub)));
	json_object_set_new(
		object, "broker",
		api_json_broker_counters(broker_counters(hub_get_broker(context->hub))));
	json_object_set_new(
		object, "registry",
		api_json_registry_counters(registry_counters(hub_get_registry(context->hub))));
	if (context->transport)
		json_object_set_new(
			object, "transport",
			api_json_transport_counters(transport_counters(context->transport)));
	if (context->names)
		json_object_set_new(object, "names",
				    api_json_names_counters(names_counters(context->names)));
	json_object_set_new(object, "api_server", api_json_api_counters(&state->counters));
	if (context->datapath && datapath_read_device(context->datapath, &device) == 0)
		json_object_set_new(object, "datapath",
				    api_json_device_stats(&device, mesh_ifname(state)));
	else
		api_set_text(object, "datapath", NULL);
	for (size_t i = 0; i < snapshot.n_stats; i++) {
		const struct datapath_link_stats *stats = &snapshot.stats[i];

		json_array_append_new(
			links, api_json_link_stats(stats, api_snapshot_link(&snapshot, stats->link),
						   &snapshot.names));
	}
	if (context->datapath)
		datapath_read_hubs(context->datapath, list_hub_stats, &hubs);
	json_object_set_new(object, "links", links);
	json_object_set_new(object, "hubs", hubs.array);
	api_snapshot_fini(&snapshot);
	api_reply_ok(ret, object);
}

static int number_argument(const struct api_request *request, const char *key, uint64_t fallback,
			   uint64_t *ret)
{
	const char *text = request->argument(request->arg, key);
	char *end;

	if (!text) {
		*ret = fallback;
		return 0;
	}
	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno || *end ? -EINVAL : 0;
}

static void get_log(struct api_state *state, const struct api_request *request,
		    struct api_reply *ret)
{
	uint64_t newest = log_ring_newest(state->ring), oldest = log_ring_oldest(state->ring);
	json_t *object, *lines;
	uint64_t after, max, seq, missed = 0;
	struct log_line line;

	if (number_argument(request, "after", 0, &after) < 0 ||
	    number_argument(request, "max", API_LOG_LINES_MAX, &max) < 0) {
		api_reply_error(ret, 400, "bad_argument", "ask for /v1/log?after=SEQ&max=LINES",
				"\"after\" and \"max\" are numbers");
		return;
	}
	if (after > newest)
		after = 0; /* the daemon was started anew since the reader asked last */
	seq = after + 1;
	if (seq < oldest) {
		missed = after ? oldest - seq : 0;
		seq = oldest;
	}
	if (max < newest + 1 - seq && after == 0)
		seq = newest + 1 - max; /* without a place to continue from: the newest */
	object = api_object_new();
	lines = json_array();
	for (; seq && seq <= newest && json_array_size(lines) < max; seq++)
		if (log_ring_get(state->ring, seq, &line))
			json_array_append_new(lines, api_json_log_line(&line));
	json_object_set_new(object, "lines", lines);
	api_set_number(object, "next_after", seq ? seq - 1 : 0);
	api_set_number(object, "missed", missed);
	api_reply_ok(ret, object);
}

static void get_qos(struct api_state *state, const struct api_request *request,
		    struct api_reply *ret)
{
	json_t *object = api_object_new();

	api_fill_qos(state, object);
	api_reply_ok(ret, object);
}

static void get_filter(struct api_state *state, const struct api_request *request,
		       struct api_reply *ret)
{
	json_t *object = api_object_new();

	api_fill_filter(state, object);
	api_reply_ok(ret, object);
}

static void get_config(struct api_state *state, const struct api_request *request,
		       struct api_reply *ret)
{
	json_t *object = api_object_new();

	json_object_set_new(object, "config",
			    state->context.config
				    ? api_json_config(state->context.config, log_get_level())
				    : json_null());
	api_reply_ok(ret, object);
}

static void post_reload(struct api_state *state, const struct api_request *request,
			struct api_reply *ret)
{
	char error[900] = "";
	json_t *object;

	if (!state->context.reload) {
		api_reply_error(ret, 501, "not_supported", "restart meshd instead",
				"this daemon cannot reload its configuration");
		return;
	}
	if (state->context.reload(state->context.arg, error, sizeof(error)) < 0) {
		if (error[0] && error[strlen(error) - 1] == '\n')
			error[strlen(error) - 1] = '\0';
		api_reply_error(ret, 422, "bad_configuration",
				"the settings before stay in force; correct the file and reload",
				"%s", error[0] ? error : "the configuration was refused");
		return;
	}
	object = api_object_new();
	json_object_set_new(object, "reloaded", json_true());
	api_reply_ok(ret, object);
}

static void post_log_level(struct api_state *state, const struct api_request *request,
			   struct api_reply *ret)
{
	json_t *body, *object;
	const char *text;
	int level = -EINVAL;

	body = json_loadb((const char *)request->body, request->len, JSON_REJECT_DUPLICATES, NULL);
	text = json_string_value(json_object_get(body, "level"));
	if (text)
		level = log_level_parse(text);
	json_decref(body);
	if (level < 0) {
		api_reply_error(ret, 400, "bad_body", "the body is {\"level\": LEVEL}",
				"there is no such level; write error, warning, info or debug");
		return;
	}
	log_set_level(level);
	log_info(LOG_INFO_CLASS, "event=log-level level=%s", log_level_name(level));
	object = api_object_new();
	api_set_text(object, "level", log_level_name(level));
	api_reply_ok(ret, object);
}

static const struct resource {
	const char *path;
	bool is_post;
	void (*answer)(struct api_state *state, const struct api_request *request,
		       struct api_reply *ret);
} resources[] = {
	{"/v1/version", false, get_version},
	{"/v1/status", false, get_status},
	{"/v1/hubs", false, get_hubs},
	{"/v1/links", false, get_links},
	{"/v1/routes", false, get_routes},
	{"/v1/path", false, get_path},
	{"/v1/sessions", false, get_sessions},
	{"/v1/stats", false, get_stats},
	{"/v1/log", false, get_log},
	{"/v1/config", false, get_config},
	{"/v1/qos", false, get_qos},
	{"/v1/filter", false, get_filter},
	{"/v1/services", false, get_services},
	{"/v1/service-history", false, get_service_history},
	{"/v1/versions", false, get_versions},
	{"/v1/service-logs", false, get_service_logs},
	{"/v1/requests", false, get_requests},
	{"/v1/leases", false, get_leases},
	{"/v1/proxy", false, get_proxy},
	{"/v1/revocations", false, get_revocations},
	{"/v1/revocations/install", true, post_revocations},
	{"/v1/resolve", true, post_resolve},
	{"/v1/result", true, post_result},
	{"/v1/release", true, post_release},
	{"/v1/service-add", true, post_service_add},
	{"/v1/service-remove", true, post_service_remove},
	{"/v1/versions/rollback", true, post_version_order},
	{"/v1/versions/canary", true, post_version_order},
	{"/v1/versions/promote", true, post_version_order},
	{"/v1/versions/pin", true, post_version_order},
	{"/v1/versions/clear", true, post_version_order},
	{"/v1/service-start", true, post_service_start},
	{"/v1/service-stop", true, post_service_stop},
	{"/v1/service-restart", true, post_service_restart},
	{"/v1/reload", true, post_reload},
	{"/v1/log-level", true, post_log_level},
};

static const struct resource *resource_find(const char *path)
{
	for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
		if (strcmp(path, resources[i].path) == 0)
			return &resources[i];
	return NULL;
}

static bool method_fits(const struct resource *resource, const char *method)
{
	if (resource->is_post)
		return strcmp(method, "POST") == 0;
	return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

void api_answer(struct api_state *state, const struct api_request *request, struct api_reply *ret)
{
	const struct resource *resource = resource_find(request->path);

	state->counters.requests++;
	if (!resource) {
		api_reply_error(ret, 404, "unknown_resource",
				"Documentation/api.rst lists the resources",
				"there is no \"%.120s\" here", request->path);
	} else if (!method_fits(resource, request->method)) {
		api_reply_error(ret, 405, "wrong_method", NULL, "%s takes %s only", resource->path,
				resource->is_post ? "POST" : "GET");
		ret->allow = resource->is_post ? "POST" : "GET, HEAD";
	} else if (resource->is_post && !request->may_change) {
		api_reply_error(ret, 403, "not_allowed", "ask as root: sudo",
				"only root and the daemon's own user may change anything");
	} else {
		resource->answer(state, request, ret);
	}
	if (ret->status >= 400)
		state->counters.refused++;
}
