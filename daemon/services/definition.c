// SPDX-License-Identifier: GPL-2.0
/* DOC: definition: see definition.h; the schema is that of Documentation/manifest.rst */
#include "daemon/services/definition.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/lines.h"
#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"
#include "daemon/services/health.h"

#define TEXT_MAX 255
#define LEAST "name, version, protocol and endpoints"

/**
 * struct definition_file - what the file says, before checks; NULL = key absent
 * @name: key of the same name, as all below
 * @version: text
 * @protocol: word
 * @interface: word
 * @digest: hexadecimal
 * @body: word
 * @descriptor: path
 * @endpoints: list
 * @capabilities: list
 * @credentials: list
 * @zones: list
 * @endpoints_count: entries of @endpoints
 * @capabilities_count: of @capabilities
 * @credentials_count: of @credentials
 * @zones_count: of @zones
 * @needs: section
 * @available: section
 * @health: section
 * @run: section
 * @price_micro: number
 * @format: number
 */
struct definition_file {
	char *name, *version, *protocol, *interface, *digest, *body, *descriptor;
	char **endpoints, **capabilities, **credentials, **zones;
	uint32_t endpoints_count, capabilities_count, credentials_count, zones_count;
	struct {
		int64_t *cpu_milli, *memory_mib;
	} needs;
	struct {
		int64_t *slots, *cpu_milli, *memory_mib;
	} available;
	struct {
		char *kind, *target;
		int64_t *interval_ms, *timeout_ms, *failures;
	} health;
	struct run_file run;
	int64_t *price_micro, *format;
};

typedef struct definition_file definition_file;
typedef __typeof__(((definition_file *)0)->needs) definition_needs;
typedef __typeof__(((definition_file *)0)->available) definition_available;
typedef __typeof__(((definition_file *)0)->health) definition_health;

#define OPTIONAL CYAML_FLAG_OPTIONAL
#define TEXT(type, key) CYAML_FIELD_STRING_PTR(#key, OPTIONAL, type, key, 0, TEXT_MAX)
#define NUMBER(type, key) CYAML_FIELD_INT_PTR(#key, OPTIONAL, type, key)
#define SECTION(key) CYAML_FIELD_MAPPING(#key, OPTIONAL, definition_file, key, key##_fields)
#define LIST(key, max)                                                                  \
	CYAML_FIELD_SEQUENCE(#key, OPTIONAL | CYAML_FLAG_POINTER, definition_file, key, \
			     &list_entry, 0, max)

static const cyaml_schema_value_t list_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, TEXT_MAX),
};

static const cyaml_schema_field_t needs_fields[] = {
	NUMBER(definition_needs, cpu_milli),
	NUMBER(definition_needs, memory_mib),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t available_fields[] = {
	NUMBER(definition_available, slots),
	NUMBER(definition_available, cpu_milli),
	NUMBER(definition_available, memory_mib),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t health_fields[] = {
	TEXT(definition_health, kind),		TEXT(definition_health, target),
	NUMBER(definition_health, interval_ms), NUMBER(definition_health, timeout_ms),
	NUMBER(definition_health, failures),	CYAML_FIELD_END,
};

static const cyaml_schema_field_t file_fields[] = {
	TEXT(definition_file, name),
	TEXT(definition_file, version),
	TEXT(definition_file, protocol),
	TEXT(definition_file, interface),
	TEXT(definition_file, digest),
	TEXT(definition_file, body),
	TEXT(definition_file, descriptor),
	LIST(endpoints, MANIFEST_ENDPOINTS_MAX),
	LIST(capabilities, MANIFEST_CAPABILITIES_MAX),
	LIST(credentials, MANIFEST_CREDENTIALS_MAX),
	LIST(zones, MANIFEST_ZONES_MAX),
	SECTION(needs),
	SECTION(available),
	SECTION(health),
	SECTION(run),
	NUMBER(definition_file, price_micro),
	NUMBER(definition_file, format),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t file_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, definition_file, file_fields),
};

static const struct config_form form = {&file_schema, "Documentation/manifest.rst", LEAST};

struct check {
	const struct definition_file *file;
	const struct config_lines *lines;
	struct service_definition *ret;
	struct config_errors *errors;
};

#define complain(check, path, ...) \
	config_error((check)->errors, config_lines_of((check)->lines, path), __VA_ARGS__)

#define FILE_AT(member) offsetof(struct definition_file, member)
#define RET_AT(member) offsetof(struct service_definition, member)

static const struct number {
	const char *path;
	size_t from, to;
	int64_t min, max, fallback;
} numbers[] = {
	{"needs.cpu_milli", FILE_AT(needs.cpu_milli), RET_AT(manifest.needs_cpu_milli), 0,
	 UINT32_MAX, 0},
	{"needs.memory_mib", FILE_AT(needs.memory_mib), RET_AT(manifest.needs_memory_mib), 0,
	 UINT32_MAX, 0},
	{"available.slots", FILE_AT(available.slots), RET_AT(manifest.slots), 1, MANIFEST_SLOTS_MAX,
	 1},
	{"available.cpu_milli", FILE_AT(available.cpu_milli), RET_AT(manifest.cpu_milli), 0,
	 UINT32_MAX, 0},
	{"available.memory_mib", FILE_AT(available.memory_mib), RET_AT(manifest.memory_mib), 0,
	 UINT32_MAX, 0},
	{"price_micro", FILE_AT(price_micro), RET_AT(manifest.price_micro), 0, UINT32_MAX, 0},
	{"health.interval_ms", FILE_AT(health.interval_ms), RET_AT(manifest.health_interval_ms),
	 100, MANIFEST_HEALTH_INTERVAL_MAX_MS, 10000},
	{"health.timeout_ms", FILE_AT(health.timeout_ms), RET_AT(health_timeout_ms), 10, 60000,
	 1000},
	{"health.failures", FILE_AT(health.failures), RET_AT(health_failures), 1, 100, 3},
	{"run.memory_mib", FILE_AT(run.memory_mib), RET_AT(run.memory_mib), 0,
	 LAUNCH_MEMORY_MAX_MIB, 0},
	{"run.cpu_milli", FILE_AT(run.cpu_milli), RET_AT(run.cpu_milli), 0, LAUNCH_CPU_MAX_MILLI,
	 0},
	{"run.pids", FILE_AT(run.pids), RET_AT(run.pids), 0, LAUNCH_PIDS_MAX - 1, 256},
	{"run.open_files", FILE_AT(run.open_files), RET_AT(run.open_files), 0, LAUNCH_FILES_MAX, 0},
	{"run.restart_ms", FILE_AT(run.restart_ms), RET_AT(run.policy.wait_ms), 10, 3600000, 200},
	{"run.restart_max_ms", FILE_AT(run.restart_max_ms), RET_AT(run.policy.wait_max_ms), 10,
	 3600000, 30000},
	{"run.restarts", FILE_AT(run.restarts), RET_AT(run.policy.failures_max), 1, 1000000, 10},
	{"run.ready_ms", FILE_AT(run.ready_ms), RET_AT(run.policy.ready_ms), 100, 3600000, 30000},
	{"run.drain_ms", FILE_AT(run.drain_ms), RET_AT(run.policy.drain_ms), 0, 3600000, 5000},
	{"run.stop_ms", FILE_AT(run.stop_ms), RET_AT(run.policy.stop_ms), 10, 3600000, 5000},
	{"run.timeout_ms", FILE_AT(run.timeout_ms), RET_AT(run.timeout_ms), 10, 3600000, 10000},
	{"run.concurrency", FILE_AT(run.concurrency), RET_AT(run.concurrency), 1, 64, 4},
};

static void check_number(struct check *check, const struct number *number)
{
	const int64_t *given;
	uint32_t *to = (uint32_t *)((char *)check->ret + number->to);
	int64_t value;

	memcpy(&given, (const char *)check->file + number->from, sizeof(given));
	value = given ? *given : number->fallback;
	if (value < number->min || value > number->max)
		complain(check, number->path,
			 "%s is %" PRId64 "; write a number from %" PRId64 " to %" PRId64,
			 number->path, value, number->min, number->max);
	else
		*to = (uint32_t)value;
}

static void check_name(struct check *check)
{
	const char *name = check->file->name;

	if (!name)
		complain(check, "name", "'name' is missing; write name: and a word like speech");
	else if (!manifest_name_is_valid(name))
		complain(check, "name",
			 "name '%.64s' is no service name; write 1 to %d of a-z, 0-9 and '-', a "
			 "letter or digit first and last",
			 name, MANIFEST_NAME_MAX);
	else
		memcpy(check->ret->manifest.name, name, strlen(name) + 1);
}

static void check_version(struct check *check)
{
	const char *version = check->file->version;

	if (!version)
		complain(check, "version", "'version' is missing; write version: 1.0.0");
	else if (semver_parse(version, &check->ret->manifest.version) < 0)
		complain(check, "version",
			 "version '%.64s' is not MAJOR.MINOR.PATCH; write one like 1.4.2 or "
			 "1.4.2-rc.1 (semver.org)",
			 version);
	else
		memcpy(check->ret->manifest.version_text, version, strlen(version) + 1);
}

static void check_protocol(struct check *check)
{
	const char *text = check->file->protocol;
	int protocol = text ? manifest_protocol_parse(text) : 0;

	if (!text)
		complain(check, "protocol",
			 "'protocol' is missing; write one of tcp, udp, http1, http2, grpc");
	else if (protocol < 0)
		complain(check, "protocol",
			 "protocol '%.32s' is not known; write one of tcp, udp, http1, http2, grpc",
			 text);
	else
		check->ret->manifest.protocol = (uint8_t)protocol;
}

static void check_interface(struct check *check)
{
	const char *interface = check->file->interface;

	if (!interface)
		return;
	if (!manifest_word_is_valid(interface, MANIFEST_INTERFACE_MAX))
		complain(check, "interface",
			 "interface '%.64s' is no word; write a-z, 0-9 and . _ : / - only, at most "
			 "%d",
			 interface, MANIFEST_INTERFACE_MAX);
	else
		memcpy(check->ret->manifest.interface, interface, strlen(interface) + 1);
}

static void check_digest(struct check *check)
{
	const char *digest = check->file->digest;

	if (!digest)
		return;
	if (sha256_parse(digest, check->ret->manifest.code) < 0)
		complain(check, "digest",
			 "digest is not SHA-256; write the 64 lower-case hexadecimal digits that "
			 "sha256sum prints");
	else
		check->ret->manifest.has_code = true;
}

static void check_body(struct check *check)
{
	const char *text = check->file->body;
	int body = text ? manifest_body_parse(text) : MANIFEST_BODY_NONE;

	if (body < 0)
		complain(check, "body",
			 "body '%.32s' is not known; write one of none, json, cbor, msgpack", text);
	else if (body && check->ret->manifest.protocol != MANIFEST_HTTP1 &&
		 check->ret->manifest.protocol != MANIFEST_HTTP2)
		complain(check, "body",
			 "body is of services that speak HTTP; write protocol: http1 or http2, or "
			 "leave body out");
	else
		check->ret->manifest.body = (uint8_t)body;
}

static void check_descriptor(struct check *check)
{
	const char *path = check->file->descriptor;

	if (!path)
		return;
	if (check->ret->manifest.protocol != MANIFEST_GRPC)
		complain(check, "descriptor",
			 "descriptor is of services that speak gRPC; write protocol: grpc, or "
			 "leave descriptor out");
	else if (!descriptor_path_is_valid(path))
		complain(check, "descriptor",
			 "descriptor '%.64s' is no file; write the name of one beside this "
			 "definition, or an absolute path",
			 path);
	else
		memcpy(check->ret->descriptor, path, strlen(path) + 1);
}

static void check_endpoints(struct check *check)
{
	struct manifest *m = &check->ret->manifest;
	char path[32];

	if (check->file->endpoints_count == 0)
		complain(check, "endpoints",
			 "'endpoints' is missing; write endpoints: [\"127.0.0.1:8080\"]");
	for (uint32_t i = 0; i < check->file->endpoints_count; i++) {
		const char *text = check->file->endpoints[i];

		snprintf(path, sizeof(path), "endpoints[%u]", i);
		if (!manifest_endpoint_is_valid(text))
			complain(check, path,
				 "endpoint '%.64s' is no address; write ADDRESS:PORT, "
				 "\"[ADDRESS]:PORT\" or unix:/PATH",
				 text);
		else
			memcpy(m->endpoints[m->n_endpoints++], text, strlen(text) + 1);
	}
}

static int compare_rows(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* A list of words, put in order. */
static void check_words(struct check *check, const char *key, char *const *words, uint32_t n,
			char *rows, size_t row_size, size_t *n_ret)
{
	char path[32];

	for (uint32_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s[%u]", key, i);
		if (!manifest_word_is_valid(words[i], row_size - 1))
			complain(check, path,
				 "'%.64s' is no word; write a-z, 0-9 and . _ : / - only, a letter "
				 "or digit first, at most %zu",
				 words[i], row_size - 1);
		else
			memcpy(rows + (*n_ret)++ * row_size, words[i], strlen(words[i]) + 1);
	}
	qsort(rows, *n_ret, row_size, compare_rows);
	for (size_t i = 1; i < *n_ret; i++)
		if (strcmp(rows + (i - 1) * row_size, rows + i * row_size) == 0)
			complain(check, key, "%s has '%s' twice; write it once", key,
				 rows + i * row_size);
}

#define CHECK_WORDS(check, key)                                                                \
	check_words(check, #key, (check)->file->key, (check)->file->key##_count,               \
		    (char *)(check)->ret->manifest.key, sizeof((check)->ret->manifest.key[0]), \
		    &(check)->ret->manifest.n_##key)

static void check_health(struct check *check)
{
	const char *kind = check->file->health.kind, *target = check->file->health.target;
	int health = kind ? manifest_health_parse(kind) : MANIFEST_HEALTH_NONE;

	if (!kind && config_lines_has(check->lines, "health")) {
		complain(check, "health.kind",
			 "'health.kind' is missing; write one of none, tcp, http, grpc, command");
		return;
	}
	if (health < 0) {
		complain(check, "health.kind",
			 "health.kind '%.32s' is not known; write one of none, tcp, http, grpc, "
			 "command",
			 kind);
		return;
	}
	check->ret->manifest.health = (uint8_t)health;
	if (health == MANIFEST_HEALTH_NONE)
		check->ret->manifest.health_interval_ms = 0;
	if (target)
		memcpy(check->ret->health_target, target, strlen(target) + 1);
	if (health == MANIFEST_HEALTH_COMMAND && !target)
		complain(check, "health.target",
			 "'health.target' is missing; write the command, an absolute path and its "
			 "arguments");
	else if (target && !health_target_is_valid((uint8_t)health, target))
		complain(check, "health.target",
			 "health.target '%.64s' does not fit the kind; write ADDRESS:PORT for tcp, "
			 "/PATH for http, a service for grpc, /PROGRAM and arguments for command",
			 target);
}

static void check_format(struct check *check)
{
	const int64_t *format = check->file->format;

	if (format && *format != MANIFEST_FORMAT)
		complain(check, "format", "format %" PRId64 " is not known; write format: %d",
			 *format, MANIFEST_FORMAT);
}

/* Its endpoint is meshd's, which speaks HTTP/1.1; that may be carried as bytes. */
static void check_function(struct check *check)
{
	uint8_t protocol = check->ret->manifest.protocol;

	if (check->ret->run.kind == RUN_FUNCTION && protocol != MANIFEST_HTTP1 &&
	    protocol != MANIFEST_TCP)
		complain(check, "protocol",
			 "protocol '%.32s' is not what a function is called by; write protocol: "
			 "http1",
			 check->file->protocol);
}

static void check_run(struct check *check)
{
	run_check(&check->file->run, config_lines_has(check->lines, "run"), check->lines,
		  &check->ret->run, check->errors);
}

static int check_all(struct check *check)
{
	check_name(check);
	check_version(check);
	check_protocol(check);
	check_interface(check);
	check_digest(check);
	check_body(check);
	check_descriptor(check);
	check_endpoints(check);
	CHECK_WORDS(check, capabilities);
	CHECK_WORDS(check, credentials);
	CHECK_WORDS(check, zones);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		check_number(check, &numbers[i]);
	check_health(check);
	check_run(check);
	check_function(check);
	check_format(check);
	return check->errors->n ? -EINVAL : 0;
}

int definition_parse(const char *file, const uint8_t *bytes, size_t len,
		     struct service_definition *ret, char *error, size_t error_size)
{
	struct config_errors errors = {.file = file, .text = error, .size = error_size};
	cyaml_config_t cyaml = {
		.log_level = CYAML_LOG_ERROR,
		.mem_fn = cyaml_mem,
		.flags = CYAML_CFG_NO_ALIAS,
	};
	_cleanup_free_ struct config_lines *lines = xnew(struct config_lines);
	_cleanup_free_ struct service_definition *definition = xnew(struct service_definition);
	struct definition_file *content = NULL;
	struct check check = {.lines = lines, .ret = definition, .errors = &errors};
	cyaml_err_t loaded;
	int result = -EINVAL;

	if (error_size)
		error[0] = '\0';
	if (len == 0 || len > DEFINITION_FILE_MAX) {
		config_error(&errors, 1,
			     len ? "longer than %d bytes; write less"
				 : "empty; write at least " LEAST,
			     DEFINITION_FILE_MAX);
		return -EINVAL;
	}
	if (config_lines_scan(bytes, len, &form, lines, &errors))
		return -EINVAL;
	loaded = cyaml_load_data(bytes, len, &cyaml, &file_schema, (cyaml_data_t **)&content, NULL);
	check.file = content;
	if (loaded == CYAML_OK)
		result = check_all(&check);
	else
		config_error(&errors, 0, "%s; write values as in Documentation/manifest.rst",
			     cyaml_strerror(loaded));
	cyaml_free(&cyaml, &file_schema, content, 0);
	if (result == 0)
		*ret = *definition;
	return result;
}
