// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshctl service: what this hub provides and what the mesh offers
 *
 * add checks the file here first, so that errors name the file as typed; the
 * daemon checks again, writes it into its directory and offers it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/lib/cleanup.h"
#include "daemon/services/definition.h"
#include "tools/meshctl/client.h"
#include "tools/lib/format.h"
#include "tools/meshctl/output.h"
#include "tools/meshctl/views.h"

static void cell_live(const json_t *row, const char *field, char *buf)
{
	const json_t *live = json_object_get(row, "live");

	if (strcmp(field, "latency_us") == 0)
		cell_us(live, field, buf);
	else
		cell_number(live, field, buf);
}

static void cell_slots(const json_t *row, const char *field, char *buf)
{
	snprintf(buf, CELL_MAX, "%u/%u",
		 (unsigned int)field_number(json_object_get(row, "live"), "free_slots"),
		 (unsigned int)field_number(json_object_get(row, "available"), "slots"));
}

static const char *state_color(const json_t *row)
{
	const char *state = json_string_value(json_object_get(row, "state"));

	return state && strcmp(state, "available") == 0 ? NULL : "red";
}

static void draw_file_errors(struct meshctl *ctl, const json_t *answer)
{
	json_t *file;
	size_t i;

	json_array_foreach(json_object_get(answer, "files"), i, file)
	{
		const char *error = json_string_value(json_object_get(file, "error"));

		for (; error && *error; error++)
			fputc(*error == '\n' || (unsigned char)*error >= ' ' ? *error : '?',
			      ctl->out);
	}
}

static void cell_program(const json_t *row, const char *field, char *buf)
{
	const json_t *program = json_object_get(row, "program");

	if (strcmp(field, "state") == 0 || strcmp(field, "last_end") == 0)
		cell_text(program, field, buf);
	else
		cell_number(program, field, buf);
}

/* Of this hub's services those whose programs meshd runs. */
static void draw_programs(struct meshctl *ctl, const json_t *answer)
{
	static const struct column columns[] = {
		{"PROGRAM OF", "name", cell_text},
		{"VERSION", "version", cell_text},
		{"RUNS", "state", cell_program},
		{"PROCESS", "pid", cell_program, NULL, true},
		{"RESTARTS", "restarts", cell_program, NULL, true},
		{"LAST END", "last_end", cell_program},
	};
	json_t *rows = json_array(), *file;
	size_t i;

	json_array_foreach(json_object_get(answer, "files"), i, file)
	{
		if (json_is_object(json_object_get(file, "program")))
			json_array_append(rows, file);
	}
	if (json_array_size(rows)) {
		fputc('\n', ctl->out);
		output_table(ctl, rows, columns, sizeof(columns) / sizeof(columns[0]), "");
	}
	json_decref(rows);
}

void draw_services(struct meshctl *ctl, const json_t *answer)
{
	static const struct column columns[] = {
		{"SERVICE", "name", cell_text},
		{"VERSION", "version", cell_text},
		{"HUB", "hub_name", cell_text},
		{"STATE", "state", cell_text, state_color},
		{"PROTOCOL", "protocol", cell_text},
		{"FREE", "available", cell_slots, NULL, true},
		{"PRICE", "price_micro", cell_number, NULL, true},
		{"LATENCY", "latency_us", cell_live, NULL, true},
		{"ERRORS", "errors", cell_live, NULL, true},
		{"REQUESTS", "requests", cell_live, NULL, true},
	};

	output_table(ctl, json_object_get(answer, "services"), columns,
		     sizeof(columns) / sizeof(columns[0]), "no service is offered in the mesh");
	draw_programs(ctl, answer);
	draw_file_errors(ctl, answer);
}

static void print_list(struct meshctl *ctl, const json_t *service, const char *key,
		       const char *title)
{
	const json_t *array = json_object_get(service, key);
	char text[CELL_MAX];
	json_t *item;
	size_t i;

	if (!json_array_size(array))
		return;
	fprintf(ctl->out, "  %-13s", title);
	json_array_foreach(array, i, item)
		fprintf(ctl->out, "%s%s", i ? ", " : "",
			format_safe(json_string_value(item) ?: "?", text, sizeof(text)));
	fputc('\n', ctl->out);
}

static void print_text(struct meshctl *ctl, const json_t *service, const char *key,
		       const char *title)
{
	char text[CELL_MAX];

	if (json_is_string(json_object_get(service, key)))
		fprintf(ctl->out, "  %-13s%s\n", title, field_text(service, key, "-", text));
}

/* What users of this hub saw, not what it promises. */
static void print_seen(struct meshctl *ctl, const json_t *service)
{
	const json_t *live = json_object_get(service, "live");
	uint64_t requests = field_number(live, "requests");
	char latency[CELL_MAX];

	cell_us(live, "latency_us", latency);
	if (requests)
		fprintf(ctl->out,
			"  %-13s%" PRIu64 " requests, %" PRIu64 " failed; lately %s, %u %% fail\n",
			"seen here", requests, field_number(live, "errors"), latency,
			(unsigned int)(field_number(live, "error_permille") + 5) / 10);
	else
		fprintf(ctl->out, "  %-13sno request yet\n", "seen here");
}

static void print_health(struct meshctl *ctl, const json_t *service)
{
	const json_t *health = json_object_get(service, "health");
	unsigned int interval_ms = (unsigned int)field_number(health, "interval_ms");
	char kind[CELL_MAX];

	fprintf(ctl->out, "  %-13s%s", "health check", field_text(health, "kind", "none", kind));
	if (interval_ms)
		fprintf(ctl->out, ", every %u ms", interval_ms);
	fputc('\n', ctl->out);
}

/* Nothing is said of what it does not say. */
static void print_resources(struct meshctl *ctl, const json_t *service, const char *key,
			    const char *title)
{
	const json_t *part = json_object_get(service, key);
	unsigned int cpu = (unsigned int)field_number(part, "cpu_milli");
	unsigned int memory = (unsigned int)field_number(part, "memory_mib");

	if (cpu || memory)
		fprintf(ctl->out, "  %-13scpu %u m, memory %u MiB\n", title, cpu, memory);
}

static const char *shown(const json_t *object, const char *key, char text[CELL_MAX])
{
	return format_safe(json_string_value(json_object_get(object, key)) ?: "?", text, CELL_MAX);
}

static void print_method(struct meshctl *ctl, const json_t *method)
{
	bool takes_many = json_is_true(json_object_get(method, "is_client_streaming"));
	bool gives_many = json_is_true(json_object_get(method, "is_server_streaming"));
	char name[CELL_MAX], input[CELL_MAX], output[CELL_MAX];
	json_t *path;
	size_t i;

	fprintf(ctl->out, "    POST /%s (%s%s) returns (%s%s)\n", shown(method, "name", name),
		takes_many ? "stream " : "", shown(method, "input", input),
		gives_many ? "stream " : "", shown(method, "output", output));
	json_array_foreach(json_object_get(method, "paths"), i, path)
	{
		const char *body = json_string_value(json_object_get(path, "body"));
		const char *part = json_string_value(json_object_get(path, "response_body"));

		fprintf(ctl->out, "      %s %s", shown(path, "method", name),
			shown(path, "path", input));
		if (body)
			fprintf(ctl->out, " body %s", shown(path, "body", name));
		if (part)
			fprintf(ctl->out, " answer %s", shown(path, "response_body", name));
		fputc('\n', ctl->out);
	}
}

/* What it can be called by, with JSON as well as by gRPC. */
static void print_descriptor(struct meshctl *ctl, const json_t *service)
{
	const json_t *descriptor = json_object_get(service, "descriptor");
	const json_t *methods = json_object_get(descriptor, "methods");
	unsigned int n_methods = (unsigned int)field_number(descriptor, "n_methods");
	json_t *method;
	size_t i;

	if (!json_is_object(descriptor))
		return;
	print_text(ctl, descriptor, "digest", "descriptor");
	json_array_foreach(methods, i, method) print_method(ctl, method);
	if (n_methods > json_array_size(methods))
		fprintf(ctl->out, "    and %u more\n",
			n_methods - (unsigned int)json_array_size(methods));
}

void draw_service(struct meshctl *ctl, const json_t *answer)
{
	json_t *service;
	size_t i;

	json_array_foreach(json_object_get(answer, "services"), i, service)
	{
		char name[CELL_MAX], version[CELL_MAX], hub[CELL_MAX], slots[CELL_MAX];

		cell_slots(service, "available", slots);
		fprintf(ctl->out, "%s%s%s %s%s at %s%s\n", i ? "\n" : "", output_color(ctl, "bold"),
			field_text(service, "name", "?", name),
			field_text(service, "version", "?", version), output_color(ctl, "reset"),
			field_text(service, "hub_name", "?", hub),
			field_is_true(service, "is_own") ? " (this hub)" : "");
		print_text(ctl, service, "state", "state");
		print_text(ctl, service, "hub", "hub");
		print_text(ctl, service, "protocol", "protocol");
		print_text(ctl, service, "body", "body");
		print_text(ctl, service, "interface", "interface");
		print_list(ctl, service, "endpoints", "endpoints");
		print_list(ctl, service, "capabilities", "capabilities");
		print_list(ctl, service, "credentials", "credentials");
		print_list(ctl, service, "zones", "zones");
		print_text(ctl, service, "digest", "digest");
		print_text(ctl, service, "manifest", "manifest");
		fprintf(ctl->out, "  %-13s%s\n", "free slots", slots);
		print_resources(ctl, service, "available", "has");
		print_resources(ctl, service, "needs", "a lease needs");
		fprintf(ctl->out, "  %-13s%u millionths for a slot and second\n", "price",
			(unsigned int)field_number(service, "price_micro"));
		print_health(ctl, service);
		print_seen(ctl, service);
		print_descriptor(ctl, service);
	}
}

static void cell_last_seen(const json_t *row, const char *field, char *buf)
{
	if (field_is_true(row, "is_current"))
		snprintf(buf, CELL_MAX, "now");
	else
		cell_unix_s(row, field, buf);
}

void draw_service_history(struct meshctl *ctl, const json_t *answer)
{
	static const struct column columns[] = {
		{"SERVICE", "name", cell_text},
		{"VERSION", "version", cell_text},
		{"HUB", "hub_name", cell_text},
		{"FIRST SEEN", "first_unix_s", cell_unix_s},
		{"LAST SEEN", "last_unix_s", cell_last_seen},
		{"REQUESTS", "requests", cell_number, NULL, true},
		{"ERRORS", "errors", cell_number, NULL, true},
		{"LATENCY", "latency_us", cell_us, NULL, true},
	};

	static const struct column samples[] = {
		{"FROM", "unix_s", cell_unix_s},
		{"SECONDS", "span_s", cell_number, NULL, true},
		{"VERSION", "version", cell_text},
		{"HUB", "hub_name", cell_text},
		{"REQUESTS", "requests", cell_number, NULL, true},
		{"ERRORS", "errors", cell_number, NULL, true},
		{"LATENCY", "latency_us", cell_us, NULL, true},
	};

	output_table(ctl, json_object_get(answer, "versions"), columns,
		     sizeof(columns) / sizeof(columns[0]), "no version was seen");
	if (json_array_size(json_object_get(answer, "samples"))) {
		fputc('\n', ctl->out);
		output_table(ctl, json_object_get(answer, "samples"), samples,
			     sizeof(samples) / sizeof(samples[0]), "");
	}
}

static void draw_added(struct meshctl *ctl, const json_t *answer)
{
	char name[CELL_MAX];

	fprintf(ctl->out, "%s is offered to the mesh\n", field_text(answer, "name", "?", name));
}

static void draw_removed(struct meshctl *ctl, const json_t *answer)
{
	char name[CELL_MAX];

	fprintf(ctl->out, "%s is not offered any more\n", field_text(answer, "name", "?", name));
}

static void draw_ordered(struct meshctl *ctl, const json_t *answer)
{
	char name[CELL_MAX];

	fprintf(ctl->out, "%s: told; meshctl service list shows how it goes\n",
		field_text(answer, "name", "?", name));
}

static void draw_logs(struct meshctl *ctl, const json_t *answer)
{
	unsigned int missed = (unsigned int)field_number(answer, "missed");
	json_t *line;
	size_t i;

	if (missed)
		fprintf(ctl->out, "(%u older lines are gone)\n", missed);
	json_array_foreach(json_object_get(answer, "lines"), i, line)
	{
		time_t at = (time_t)(json_integer_value(json_object_get(line, "unix_ms")) / 1000);
		const char *stream = json_string_value(json_object_get(line, "stream")) ?: "?";
		char when[32] = "-", text[1024];
		struct tm tm;

		if (localtime_r(&at, &tm))
			strftime(when, sizeof(when), "%H:%M:%S", &tm);
		fprintf(ctl->out, "%s %-6.6s %s\n", when, stream,
			format_safe(json_string_value(json_object_get(line, "text")) ?: "?", text,
				    sizeof(text)));
	}
}

static int read_file(struct meshctl *ctl, const char *path, char *buf, size_t size, size_t *len)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");

	if (!file)
		return meshctl_fail(ctl, MESHCTL_IO, NULL, "%s: %s", path, strerror(errno));
	*len = fread(buf, 1, size - 1, file);
	if (ferror(file))
		return meshctl_fail(ctl, MESHCTL_IO, NULL, "%s: %s", path, strerror(errno));
	buf[*len] = '\0';
	return MESHCTL_OK;
}

static int post(struct meshctl *ctl, const char *path, const char *key, const char *value,
		output_draw_fn draw)
{
	json_t *body = json_pack("{s:s}", key, value), *answer = NULL;
	_cleanup_free_ char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	int code;

	json_decref(body);
	if (!text)
		return meshctl_fail(ctl, MESHCTL_DATA, "write UTF-8", "%s is no text", key);
	code = client_post(ctl, &answer, path, text);
	return code == MESHCTL_OK ? output_answer(ctl, answer, draw) : code;
}

static int add(struct meshctl *ctl, const char *path)
{
	char yaml[DEFINITION_FILE_MAX + 2], error[DEFINITION_ERROR_MAX];
	struct service_definition definition;
	size_t len = 0;
	int code = read_file(ctl, path, yaml, sizeof(yaml), &len);

	if (code != MESHCTL_OK)
		return code;
	if (definition_parse(path, (const uint8_t *)yaml, len, &definition, error, sizeof(error))) {
		error[strlen(error) - 1] = '\0'; /* the last line's end */
		return meshctl_fail(
			ctl, MESHCTL_DATA,
			"nothing has changed; Documentation/manifest.rst has the schema", "%s",
			error);
	}
	return post(ctl, "/v1/service-add", "yaml", yaml, draw_added);
}

static int show(struct meshctl *ctl, const char *name)
{
	char escaped[CLIENT_URL_MAX];
	json_t *answer = NULL;
	int code = client_get(ctl, &answer, "/v1/services?name=%s",
			      client_escape(name, escaped, sizeof(escaped) - 64));

	if (code != MESHCTL_OK)
		return code;
	if (json_array_size(json_object_get(answer, "services")) == 0) {
		json_decref(answer);
		return meshctl_fail(ctl, MESHCTL_NO, "meshctl service list shows what there is",
				    "no hub offers a service \"%s\"", name);
	}
	return output_answer(ctl, answer, draw_service);
}

static int history(struct meshctl *ctl, const char *name)
{
	char escaped[CLIENT_URL_MAX];
	json_t *answer = NULL;
	int code;

	if (!name)
		return output_get(ctl, "/v1/service-history", draw_service_history);
	code = client_get(ctl, &answer, "/v1/service-history?name=%s",
			  client_escape(name, escaped, sizeof(escaped) - 64));
	if (code != MESHCTL_OK)
		return code;
	if (json_array_size(json_object_get(answer, "versions")) == 0 &&
	    json_array_size(json_object_get(answer, "samples")) == 0) {
		json_decref(answer);
		return meshctl_fail(ctl, MESHCTL_NO, "meshctl service history shows what was seen",
				    "no version of a service \"%s\" was seen", name);
	}
	return output_answer(ctl, answer, draw_service_history);
}

static int logs(struct meshctl *ctl, const char *name)
{
	char escaped[CLIENT_URL_MAX];
	json_t *answer = NULL;
	int code = client_get(ctl, &answer, "/v1/service-logs?name=%s",
			      client_escape(name, escaped, sizeof(escaped) - 64));

	return code == MESHCTL_OK ? output_answer(ctl, answer, draw_logs) : code;
}

int cmd_service(struct meshctl *ctl, int argc, char **argv)
{
	const char *verb, *operand;
	int opt, n;

	optind = 0;
	opt = meshctl_getopt(ctl, argc, argv, NULL, NULL);
	if (opt != -1)
		return meshctl_getopt_end(ctl, opt);
	n = argc - optind;
	verb = n > 0 ? argv[optind] : "list";
	operand = n > 1 ? argv[optind + 1] : NULL;
	if (strcmp(verb, "list") == 0 && n <= 1)
		return output_get(ctl, "/v1/services", draw_services);
	if (strcmp(verb, "add") == 0 && n == 2)
		return add(ctl, operand);
	if (strcmp(verb, "remove") == 0 && n == 2)
		return post(ctl, "/v1/service-remove", "name", operand, draw_removed);
	if (strcmp(verb, "show") == 0 && n == 2)
		return show(ctl, operand);
	if (strcmp(verb, "history") == 0 && n <= 2)
		return history(ctl, operand);
	if (strcmp(verb, "logs") == 0 && n == 2)
		return logs(ctl, operand);
	if (strcmp(verb, "start") == 0 && n == 2)
		return post(ctl, "/v1/service-start", "name", operand, draw_ordered);
	if (strcmp(verb, "stop") == 0 && n == 2)
		return post(ctl, "/v1/service-stop", "name", operand, draw_ordered);
	if (strcmp(verb, "restart") == 0 && n == 2)
		return post(ctl, "/v1/service-restart", "name", operand, draw_ordered);
	meshctl_fail(ctl, MESHCTL_USAGE, NULL,
		     "service takes list, add FILE, remove NAME, show NAME, history [NAME], start "
		     "NAME, stop NAME, restart NAME or logs NAME");
	return meshctl_getopt_end(ctl, '?');
}
