// SPDX-License-Identifier: GPL-2.0
/* DOC: services in the local API: see services.h */
#include "daemon/api/services.h"

#include <errno.h>
#include <string.h>

#include "daemon/api/descriptor.h"
#include "daemon/api/json.h"
#include "daemon/services/services.h"
#include "daemon/store/history.h"

#define SAMPLES_MAX 48 /* newest, in an answer */

static json_t *json_rows(const char *rows, size_t row_size, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, json_string(rows + i * row_size));
	return array;
}

#define ROWS(manifest, key) \
	json_rows((const char *)(manifest)->key, sizeof((manifest)->key[0]), (manifest)->n_##key)

static void set_digest(json_t *object, const char *key, const uint8_t *digest)
{
	char text[SHA256_STRLEN];

	api_set_text(object, key, digest ? sha256_format(digest, text) : NULL);
}

static void set_hub(json_t *object, const struct hub_id *hub, const struct api_names *names)
{
	const struct api_name *name = api_names_find(names, hub);
	char text[HUB_ID_STRLEN];

	api_set_text(object, "hub", hub_id_format(hub, text));
	api_set_text(object, "hub_name", name ? name->name : NULL);
}

static json_t *json_live(const struct registry_live *live, uint64_t now_ns)
{
	json_t *object = json_object();

	if (live->told_ns)
		api_set_number(object, "told_ms", (now_ns - live->told_ns) / NSEC_PER_MSEC);
	else
		json_object_set_new(object, "told_ms", json_null());
	api_set_number(object, "load_permille", live->load_permille);
	api_set_number(object, "free_slots", live->free_slots);
	api_set_number(object, "price_micro", live->price_micro);
	api_set_number(object, "requests", live->requests);
	api_set_number(object, "errors", live->errors);
	api_set_number(object, "error_permille", live->error_permille);
	if (live->latency_us)
		api_set_number(object, "latency_us", live->latency_us);
	else
		json_object_set_new(object, "latency_us", json_null());
	if (live->asked)
		api_set_number(object, "availability_permille",
			       live->answered * 1000 / live->asked);
	else
		json_object_set_new(object, "availability_permille", json_null());
	return object;
}

json_t *api_json_instance(const struct registry_instance *instance, const struct api_names *names,
			  const struct hub_id *self, uint64_t now_ns)
{
	const struct manifest *m = &instance->manifest;
	json_t *object = json_object(), *part;

	api_set_text(object, "name", m->name);
	api_set_text(object, "version", m->version_text);
	set_hub(object, &m->hub, names);
	json_object_set_new(object, "is_own", json_boolean(hub_id_equal(&m->hub, self)));
	api_set_text(object, "state", service_state_name(instance->state));
	api_set_text(object, "protocol", manifest_protocol_name(m->protocol));
	api_set_text(object, "body", m->body ? manifest_body_name(m->body) : NULL);
	api_set_text(object, "interface", m->interface[0] ? m->interface : NULL);
	json_object_set_new(object, "endpoints", ROWS(m, endpoints));
	json_object_set_new(object, "capabilities", ROWS(m, capabilities));
	json_object_set_new(object, "credentials", ROWS(m, credentials));
	json_object_set_new(object, "zones", ROWS(m, zones));
	set_digest(object, "digest", m->has_code ? m->code : NULL);
	set_digest(object, "manifest", instance->digest);
	part = json_object();
	api_set_number(part, "cpu_milli", m->needs_cpu_milli);
	api_set_number(part, "memory_mib", m->needs_memory_mib);
	json_object_set_new(object, "needs", part);
	part = json_object();
	api_set_number(part, "slots", m->slots);
	api_set_number(part, "cpu_milli", m->cpu_milli);
	api_set_number(part, "memory_mib", m->memory_mib);
	json_object_set_new(object, "available", part);
	api_set_number(object, "price_micro", m->price_micro);
	part = json_object();
	api_set_text(part, "kind", manifest_health_name(m->health));
	api_set_number(part, "interval_ms", m->health_interval_ms);
	json_object_set_new(object, "health", part);
	api_set_number(object, "age_ms", (now_ns - instance->since_ns) / NSEC_PER_MSEC);
	json_object_set_new(object, "live", json_live(&instance->live, now_ns));
	return object;
}

json_t *api_json_version(const struct registry_version *version, const struct api_names *names,
			 uint64_t now_ns)
{
	uint64_t good = version->requests - version->errors;
	json_t *object = json_object();

	api_set_text(object, "name", version->name);
	api_set_text(object, "version", version->version_text);
	set_hub(object, &version->hub, names);
	set_digest(object, "manifest", version->digest);
	json_object_set_new(object, "is_current", json_boolean(version->is_current));
	api_set_number(object, "first_unix_s", (uint64_t)version->first_unix_s);
	api_set_number(object, "last_unix_s", (uint64_t)registry_last_seen_s(version, now_ns));
	api_set_number(object, "requests", version->requests);
	api_set_number(object, "errors", version->errors);
	if (good)
		api_set_number(object, "latency_us", version->latency_us_sum / good);
	else
		json_object_set_new(object, "latency_us", json_null());
	return object;
}

static json_t *json_unit(const struct unit *unit)
{
	struct unit_view view = unit_get(unit);
	json_t *object = json_object();

	api_set_text(object, "state", supervise_state_name(view.state));
	if (view.pid)
		api_set_number(object, "pid", view.pid);
	else
		json_object_set_new(object, "pid", json_null());
	api_set_number(object, "restarts", view.restarts);
	api_set_number(object, "failures", view.failures);
	api_set_number(object, "age_ms", (uv_hrtime() - view.since_ns) / NSEC_PER_MSEC);
	api_set_text(object, "last_end", view.last_end[0] ? view.last_end : NULL);
	return object;
}

static json_t *json_files(const struct services *services)
{
	json_t *array = json_array();
	struct services_file file;

	for (size_t i = 0; services && services_at(services, i, &file); i++) {
		const struct manifest *m = file.definition ? &file.definition->manifest : NULL;
		json_t *object = json_object();

		api_set_text(object, "file", file.file);
		api_set_text(object, "name", m ? m->name : NULL);
		api_set_text(object, "version", m ? m->version_text : NULL);
		api_set_text(object, "error", file.error);
		json_object_set_new(object, "program",
				    file.unit ? json_unit(file.unit) : json_null());
		json_array_append_new(array, object);
	}
	return array;
}

/* Who asks for one service gets what it can be called by; other hubs do not tell it of theirs. */
static void set_descriptor(json_t *object, const struct api_state *state,
			   const struct registry_instance *instance, const struct hub_id *self)
{
	const struct manifest *m = &instance->manifest;

	json_object_set_new(object, "descriptor",
			    api_json_descriptor(hub_id_equal(&m->hub, self)
							? services_schema(state->context.services,
									  m->name, m->version_text)
							: NULL));
}

void get_services(struct api_state *state, const struct api_request *request, struct api_reply *ret)
{
	const struct registry *registry = hub_get_registry(state->context.hub);
	const char *name = request->argument(request->arg, "name");
	const struct hub_id *self = &hub_get_settings(state->context.hub)->id;
	uint64_t now_ns = state->context.now_ns(state->context.arg);
	json_t *object = api_object_new(), *array = json_array();
	struct api_names names;

	api_names_init(&names, state->context.hub);
	for (size_t i = 0; i < registry_count(registry); i++) {
		const struct registry_instance *instance = registry_at(registry, i);
		json_t *row;

		if (name && strcmp(instance->manifest.name, name) != 0)
			continue;
		row = api_json_instance(instance, &names, self, now_ns);
		if (name)
			set_descriptor(row, state, instance, self);
		json_array_append_new(array, row);
	}
	api_names_fini(&names);
	json_object_set_new(object, "services", array);
	json_object_set_new(object, "files", json_files(state->context.services));
	api_reply_ok(ret, object);
}

struct sample_rows {
	json_t *array;
	const struct api_names *names;
};

static void add_sample(const struct history_sample *sample, void *arg)
{
	const struct sample_rows *rows = arg;
	uint64_t good = sample->requests - sample->errors;
	json_t *object = json_object();

	set_hub(object, &sample->hub, rows->names);
	api_set_text(object, "version", sample->version_text);
	api_set_number(object, "unix_s", (uint64_t)sample->unix_s);
	api_set_number(object, "span_s", sample->span_s);
	api_set_number(object, "requests", sample->requests);
	api_set_number(object, "errors", sample->errors);
	if (good)
		api_set_number(object, "latency_us", sample->latency_us_sum / good);
	else
		json_object_set_new(object, "latency_us", json_null());
	json_array_append_new(rows->array, object);
}

void get_service_history(struct api_state *state, const struct api_request *request,
			 struct api_reply *ret)
{
	const struct registry *registry = hub_get_registry(state->context.hub);
	const char *name = request->argument(request->arg, "name");
	uint64_t now_ns = state->context.now_ns(state->context.arg);
	json_t *object = api_object_new(), *array = json_array(), *samples = json_array();
	const struct registry_version *version;
	struct api_names names;

	api_names_init(&names, state->context.hub);
	for (size_t i = 0; (version = registry_version_at(registry, i)); i++)
		if (!name || strcmp(version->name, name) == 0)
			json_array_append_new(array, api_json_version(version, &names, now_ns));
	if (name && state->context.history && *state->context.history)
		history_samples(*state->context.history, name, SAMPLES_MAX, add_sample,
				&(struct sample_rows){samples, &names});
	api_names_fini(&names);
	json_object_set_new(object, "versions", array);
	json_object_set_new(object, "samples", samples);
	api_reply_ok(ret, object);
}

/* The body's member @key as text; answers the error itself. NULL: answered. */
static json_t *body_with(const struct api_request *request, const char *key, const char **text,
			 struct api_reply *ret)
{
	json_t *body =
		json_loadb((const char *)request->body, request->len, JSON_REJECT_DUPLICATES, NULL);

	*text = json_string_value(json_object_get(body, key));
	if (*text)
		return body;
	json_decref(body);
	api_reply_error(ret, 400, "bad_body", NULL, "the body must be {\"%s\": TEXT}", key);
	return NULL;
}

static bool has_directory(const struct api_state *state, struct api_reply *ret)
{
	if (state->context.services)
		return true;
	api_reply_error(ret, 501, "not_supported", "see services.directory in meshd.yaml(5)",
			"this daemon has no directory of services");
	return false;
}

static void reply_name(struct api_reply *ret, const char *name)
{
	json_t *object = api_object_new();

	api_set_text(object, "name", name);
	api_reply_ok(ret, object);
}

static void reply_unknown(struct api_reply *ret, const char *name)
{
	api_reply_error(ret, 404, "unknown_service", "meshctl service list shows its services",
			"this hub provides no service \"%.64s\"", name);
}

void post_service_add(struct api_state *state, const struct api_request *request,
		      struct api_reply *ret)
{
	char name[MANIFEST_NAME_MAX + 1], error[DEFINITION_ERROR_MAX];
	const char *yaml;
	json_t *body = has_directory(state, ret) ? body_with(request, "yaml", &yaml, ret) : NULL;
	int r;

	if (!body)
		return;
	r = services_add(state->context.services, (const uint8_t *)yaml, strlen(yaml), name, error,
			 sizeof(error));
	json_decref(body);
	if (r) {
		error[strlen(error) - (error[0] != '\0')] = '\0'; /* the last line's end */
		api_reply_error(ret, 422, "bad_service",
				"nothing has changed; Documentation/manifest.rst has the schema",
				"%s", error);
		return;
	}
	reply_name(ret, name);
}

void post_service_remove(struct api_state *state, const struct api_request *request,
			 struct api_reply *ret)
{
	const char *name;
	json_t *body = has_directory(state, ret) ? body_with(request, "name", &name, ret) : NULL;
	int r;

	if (!body)
		return;
	r = services_remove(state->context.services, name);
	if (r == -ENOENT)
		reply_unknown(ret, name);
	else if (r)
		api_reply_error(ret, 500, "failed", NULL, "%.64s: %s", name, strerror(-r));
	else
		reply_name(ret, name);
	json_decref(body);
}

static void order(struct api_state *state, const struct api_request *request, enum unit_verb verb,
		  struct api_reply *ret)
{
	const char *name;
	json_t *body = has_directory(state, ret) ? body_with(request, "name", &name, ret) : NULL;
	int r;

	if (!body)
		return;
	r = services_order(state->context.services, name, verb);
	if (r == -ENOENT)
		reply_unknown(ret, name);
	else if (r)
		api_reply_error(ret, 409, "not_run_here", "see run in Documentation/manifest.rst",
				"meshd does not run the program of \"%.64s\"", name);
	else
		reply_name(ret, name);
	json_decref(body);
}

void post_service_start(struct api_state *state, const struct api_request *request,
			struct api_reply *ret)
{
	order(state, request, UNIT_START, ret);
}

void post_service_stop(struct api_state *state, const struct api_request *request,
		       struct api_reply *ret)
{
	order(state, request, UNIT_STOP, ret);
}

void post_service_restart(struct api_state *state, const struct api_request *request,
			  struct api_reply *ret)
{
	order(state, request, UNIT_RESTART, ret);
}

static void add_lines(json_t *array, const char *version_text, const struct program_log *output)
{
	static const char *const streams[] = {"output", "error", "meshd"};

	for (uint64_t seq = program_log_oldest(output); seq && seq <= output->last_seq; seq++) {
		const struct program_line *line = program_log_get(output, seq);
		json_t *object = json_object();

		api_set_text(object, "version", version_text);
		api_set_number(object, "unix_ms", (uint64_t)line->unix_ms);
		api_set_text(object, "stream", streams[line->stream]);
		api_set_text(object, "text", line->text);
		json_array_append_new(array, object);
	}
}

void get_service_logs(struct api_state *state, const struct api_request *request,
		      struct api_reply *ret)
{
	const char *name = request->argument(request->arg, "name");
	json_t *object, *array = json_array();
	struct services_file file;
	uint64_t missed = 0;
	bool is_there = false;

	for (size_t i = 0;
	     name && state->context.services && services_at(state->context.services, i, &file);
	     i++) {
		const struct program_log *log = file.unit	? unit_get_output(file.unit)
						: file.function ? function_get_log(file.function)
								: NULL;

		if (!log || strcmp(file.definition->manifest.name, name) != 0)
			continue;
		is_there = true;
		add_lines(array, file.definition->manifest.version_text, log);
		missed += log->last_seq;
	}
	if (!is_there) {
		json_decref(array);
		api_reply_error(ret, 404, "unknown_service",
				"meshctl service list shows what it runs",
				"meshd runs no service \"%.64s\"", name ? name : "");
		return;
	}
	object = api_object_new();
	api_set_number(object, "missed", missed - json_array_size(array));
	json_object_set_new(object, "lines", array);
	api_reply_ok(ret, object);
}
