// SPDX-License-Identifier: GPL-2.0
/* DOC: HTTP paths of gRPC methods: which method a path calls, with what message, and what is refused */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"
#include "daemon/translate/grpc.h"
#include "daemon/translate/http_rule.h"

#define SEED "selftests/fuzz/corpus/grpc/path_get" /* paths.proto, behind its length */
#define SEED_MAX 16384

static struct translate_refusal refusal;
static struct schema *schema;

static int setup(void **state)
{
	static uint8_t bytes[SEED_MAX];
	_cleanup_fclose_ FILE *file = fopen(SEED, "r");
	size_t len;

	assert_non_null(file);
	len = fread(bytes, 1, sizeof(bytes), file);
	assert_true(len > 2);
	schema = schema_parse(bytes + 2, (size_t)bytes[0] << 8 | bytes[1], &refusal);
	return schema ? 0 : -1;
}

static int teardown(void **state)
{
	schema_put(schema);
	return 0;
}

/* ---- which method ---- */

/* @wanted: NULL nobody's path; "" of another method of HTTP. */
static void check_found(const char *kind, const char *path, const char *wanted)
{
	bool has_path;
	const struct http_rule *rule = http_rule_find(schema, kind, path, strlen(path), &has_path);

	if (!rule && (wanted ? !*wanted && has_path : !has_path))
		return;
	if (!rule || !wanted || strcmp(rule->method.path + strlen("paths.Shelves/"), wanted) != 0)
		fail_msg("%s %s: %s", kind, path, rule ? rule->method.path : "nobody");
	assert_true(has_path && rule->method.rule == rule);
}

static void paths_are_those_of_methods(void **state)
{
	check_found("GET", "/v1/shelves/1/books/2", "Get");
	check_found("GET", "/v1/shelves/1/books/2?x=/y", "Get");
	check_found("GET", "/v1/shelves/1/books/a%2Fb", "Get");
	check_found("GET", "/v1/%73helves/1/books/2", "Get");
	check_found("DELETE", "/v1/shelves/1/books/2", "Delete");
	check_found("PATCH", "/v1/shelves/1/books/2", "Update");
	check_found("POST", "/v1/shelves/1/books", "Create");
	check_found("REPORT", "/v1/report", "Report");
	check_found("GET", "/v1/by/me/it", "Get");
	check_found("POST", "/v1/all", "Collect");
	check_found("GET", "/v1/all", "All");
}

static void what_is_more_exact_comes_first(void **state)
{
	check_found("GET", "/v1/titles/other", "Title");
	check_found("GET", "/v1/titles/special", "Special");
	check_found("GET", "/v1/titles/specia", "Title");
	check_found("POST", "/v1/shelves/1/books/2:lend", "Lend");
	check_found("PUT", "/v1/shelves/1/books/2:lend", "Lend");
	check_found("GET", "/v1/shelves/1/books/2:lend",
		    "Get"); /* of another method it is a name */
	check_found("GET", "/v1/shelves/1/books/2:else", "Get");
	check_found("GET", "/v1/rest", "Get");
	check_found("GET", "/v1/rest/", "Get");
	check_found("GET", "/v1/rest/a//b/", "Get");
}

static void other_paths_are_nobodys(void **state)
{
	static const char *const paths[] = {
		"",
		"/",
		"v1/report",
		"/v1",
		"/v1/report/",
		"/v1/report/x",
		"//v1/report",
		"/v1/reports",
		"/v1/shelves/1",
		"/v1/shelves//books/2",
		"/v1/shelves/1/books/",
		"/v1/shelves/1/books/2/3",
		"/v1/%7",
		"/v1/restful",
		"/paths.Shelves/Get",
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		check_found("GET", paths[i], NULL);
	check_found("GET", "/v1/report", "");
	check_found("get", "/v1/shelves/1/books/2", "");
	check_found("POST", "/v1/shelves/1/books/2", "");
}

static void methods_of_a_path_are_listed(void **state)
{
	const char path[] = "/v1/shelves/1/books/2", verb[] = "/v1/shelves/1/books/2:lend";
	char kinds[HTTP_RULE_KINDS_SIZE];

	http_rule_list_kinds(schema, path, strlen(path), kinds);
	assert_string_equal(kinds, "DELETE, GET, PATCH");
	http_rule_list_kinds(schema, verb, strlen(verb), kinds);
	assert_string_equal(kinds, "POST, PUT, DELETE, GET, PATCH");
	http_rule_list_kinds(schema, "/", 1, kinds);
	assert_string_equal(kinds, "");
}

/* ---- what message ---- */

static bool ask(const char *kind, const char *path, const char *json, uint8_t **message,
		size_t *len)
{
	bool has_path;
	const struct http_rule *rule = http_rule_find(schema, kind, path, strlen(path), &has_path);

	if (!rule)
		fail_msg("%s %s: nobody's path", kind, path);
	return grpc_request_by_path(&rule->method, path, strlen(path), (const uint8_t *)json,
				    strlen(json), message, len, &refusal);
}

/* The message that the service gets, as JSON of all its fields. */
static void check_message(const char *kind, const char *path, const char *json, const char *wanted)
{
	_cleanup_free_ uint8_t *message = NULL, *shown = NULL;
	struct schema_method all;
	size_t len, shown_len;
	bool has_path;

	if (!ask(kind, path, json, &message, &len))
		fail_msg("%s %s: %s", kind, path, refusal.reason);
	all = http_rule_find(schema, kind, path, strlen(path), &has_path)->method;
	all.rule = NULL;
	all.output = all.input;
	all.is_server_streaming = false;
	if (!grpc_answer(&all, message, len, &shown, &shown_len, &refusal))
		fail_msg("%s %s: %s", kind, path, refusal.reason);
	if (shown_len != strlen(wanted) || memcmp(shown, wanted, shown_len) != 0)
		fail_msg("%s %s: %.*s, not %s", kind, path, (int)shown_len, (char *)shown, wanted);
}

static void variables_are_fields(void **state)
{
	check_message("GET", "/v1/shelves/1/books/2", "", "{\"name\":\"shelves/1/books/2\"}");
	check_message("GET", "/v1/shelves/a%20b/books/c%2Fd%C3%A4", "",
		      "{\"name\":\"shelves/a b/books/c%2Fd\xc3\xa4\"}");
	check_message("GET", "/v1/titles/a%2Fb+c", "", "{\"name\":\"a/b+c\"}");
	check_message("GET", "/v1/by/me/it", "", "{\"title\":\"it\",\"author\":{\"name\":\"me\"}}");
	check_message("GET", "/v1/rest", "", "{\"name\":\"\"}");
	check_message("GET", "/v1/rest/", "", "{\"name\":\"\"}");
	check_message("GET", "/v1/rest/a//b/", "", "{\"name\":\"a//b/\"}");
	check_message("GET", "/v1/kinds/NOVEL/true/-9223372036854775808", "",
		      "{\"pages\":\"-9223372036854775808\",\"kind\":\"NOVEL\",\"isLent\":true}");
	check_message("GET", "/v1/kinds/1/false/5", "",
		      "{\"pages\":\"5\",\"kind\":\"NOVEL\",\"isLent\":false}");
}

static void parameters_are_fields(void **state)
{
	check_message("GET", "/v1/all?title=a+b%26c&tags=x&tags=&tags=y", "",
		      "{\"title\":\"a b&c\",\"tags\":[\"x\",\"\",\"y\"]}");
	check_message("GET", "/v1/all?author.name=a&author.teacher.born=5&author.born=-1", "",
		      "{\"author\":{\"name\":\"a\",\"born\":-1,\"teacher\":{\"born\":5}}}");
	check_message("GET", "/v1/all?is_lent=true&good=true&since=2026-01-31T12:00:00Z", "",
		      "{\"isLent\":true,\"since\":\"2026-01-31T12:00:00Z\",\"good\":true}");
	check_message("GET", "/v1/all?numbers=1&numbers=-2&kinds=NOVEL&kinds=0&price=1.5&raw=_-8",
		      "",
		      "{\"raw\":\"/+8=\",\"numbers\":[1,-2],\"price\":1.5,"
		      "\"kinds\":[\"NOVEL\",\"NOTHING\"]}");
	check_message("GET", "/v1/all?", "", "{}");
	check_message("GET", "/v1/all?&title=x&", "", "{\"title\":\"x\"}");
	check_message("GET", "/v1/all?title", "", "{\"title\":\"\"}");
	check_message("GET", "/v1/shelves/1/books/2?title=x", "",
		      "{\"name\":\"shelves/1/books/2\",\"title\":\"x\"}");
	check_message("GET", "/v1/titles/x?name=x", "", "{\"name\":\"x\"}");
}

static void bodies_are_a_field_or_the_rest(void **state)
{
	check_message("POST", "/v1/shelves/1/books?page=3&reader.name=me", "{\"title\":\"t\"}",
		      "{\"parent\":\"shelves/1\",\"book\":{\"title\":\"t\"},\"page\":3,"
		      "\"reader\":{\"name\":\"me\"}}");
	check_message("POST", "/v1/shelves/1/books", "", "{\"parent\":\"shelves/1\"}");
	check_message("PATCH", "/v1/shelves/1/books/2", "{\"title\":\"t\"}",
		      "{\"book\":{\"name\":\"shelves/1/books/2\",\"title\":\"t\"}}");
	check_message("PATCH", "/v1/shelves/1/books/2", "{\"name\":\"shelves/1/books/2\"}",
		      "{\"book\":{\"name\":\"shelves/1/books/2\"}}");
	check_message("PATCH", "/v1/shelves/1/books/2", "null",
		      "{\"book\":{\"name\":\"shelves/1/books/2\"}}");
	check_message("PUT", "/v1/shelves/1/books/2:lend", "{\"isLent\":true,\"name\":null}",
		      "{\"name\":\"shelves/1/books/2\",\"isLent\":true}");
	check_message("PUT", "/v1/shelves/1/books/2:lend", "", "{\"name\":\"shelves/1/books/2\"}");
}

static void what_is_no_value_of_a_field_is_refused(void **state)
{
	static const struct {
		const char *kind, *path, *json, *reason;
	} bad[] = {
		{"GET", "/v1/titles/%7", "", "two hexadecimal digits"},
		{"GET", "/v1/titles/%ff", "", "not UTF-8"},
		{"GET", "/v1/kinds/NOVEL/yes/1", "", "isLent: write true or false"},
		{"GET", "/v1/kinds/PINK/true/1", "", "kind: write a name or number"},
		{"GET", "/v1/kinds/NOVEL/true/1.5", "", "pages: write an integer"},
		{"GET", "/v1/kinds/99999999999/true/1", "", "kind: write a name or number"},
		{"GET", "/v1/all?nothing=1", "", "'nothing' is no field"},
		{"GET", "/v1/all?author.nothing=1", "", "is no field"},
		{"GET", "/v1/all?=1", "", "is no field"},
		{"GET", "/v1/all?author=x", "", "is a message"},
		{"GET", "/v1/all?labels=x", "", "is a map"},
		{"GET", "/v1/all?others.name=x", "", "no single message"},
		{"GET", "/v1/all?others=x", "", "is a message"},
		{"GET", "/v1/all?title.x=x", "", "no single message"},
		{"GET", "/v1/all?numbers=x", "", "numbers: write an integer"},
		{"GET", "/v1/all?pages=", "", "pages: write an integer"},
		{"GET", "/v1/all?good=1", "", "write true or false"},
		{"GET", "/v1/all?since=now", "", "Timestamp: write"},
		{"GET", "/v1/all?title=a&title=b", "", "said twice"},
		{"GET", "/v1/all?one=a&two=1", "", "another of its oneof"},
		{"GET", "/v1/titles/x?name=y", "", "name is said twice"},
		{"GET", "/v1/all?%zz=1", "", "two hexadecimal digits"},
		{"GET",
		 "/v1/all?author.teacher.teacher.teacher.teacher.teacher.teacher.teacher.name=1",
		 "", "8 names deep"},
		{"GET", "/v1/all", "{}", "takes no body"},
		{"DELETE", "/v1/shelves/1/books/2", "{}", "takes no body"},
		{"POST", "/v1/shelves/1/books?book.title=x", "{}", "is of the body"},
		{"POST", "/v1/shelves/1/books", "{", "not JSON"},
		{"POST", "/v1/shelves/1/books", "[]", "write an object"},
		{"POST", "/v1/shelves/1/books", "{\"x\":1}", "no field 'x'"},
		{"PATCH", "/v1/shelves/1/books/2", "5", "book: write an object"},
		{"PATCH", "/v1/shelves/1/books/2", "{\"name\":\"other\"}", "name is said twice"},
		{"PUT", "/v1/shelves/1/books/2:lend", "{\"name\":1}", "name is said twice"},
		{"PUT", "/v1/shelves/1/books/2:lend", "[]", "write an object"},
		{"PUT", "/v1/shelves/1/books/2:lend?title=x", "{}", "the body is the message"},
	};
	uint8_t *message;
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (ask(bad[i].kind, bad[i].path, bad[i].json, &message, &len))
			fail_msg("%s %s was not refused", bad[i].kind, bad[i].path);
		if (!strstr(refusal.reason, bad[i].reason) || refusal.fault == TRANSLATE_TOO_LARGE)
			fail_msg("%s %s: %s", bad[i].kind, bad[i].path, refusal.reason);
	}
}

static void parameters_are_counted(void **state)
{
	char path[16 * (HTTP_RULE_PARAMETERS_MAX + 2)] = "/v1/all?";
	uint8_t *message;
	size_t len;

	for (size_t i = 0; i < HTTP_RULE_PARAMETERS_MAX; i++)
		strcat(path, "tags=x&");
	assert_true(ask("GET", path, "", &message, &len));
	free(message);
	strcat(path, "tags=x");
	assert_false(ask("GET", path, "", &message, &len));
	assert_non_null(strstr(refusal.reason, "more than 128 parameters"));
}

/* ---- answers ---- */

static void check_answer(const char *path, const char *bytes, size_t bytes_len, const char *wanted)
{
	uint8_t framed[64] = {0, 0, 0, 0, (uint8_t)bytes_len};
	_cleanup_free_ uint8_t *json = NULL;
	size_t len;
	bool has_path;
	const struct http_rule *rule = http_rule_find(schema, "GET", path, strlen(path), &has_path);

	assert_non_null(rule);
	memcpy(framed + GRPC_PREFIX_LEN, bytes, bytes_len);
	assert_true(grpc_answer(&rule->method, framed, GRPC_PREFIX_LEN + bytes_len, &json, &len,
				&refusal));
	if (len != strlen(wanted) || memcmp(json, wanted, len) != 0)
		fail_msg("%s: %.*s", path, (int)len, (char *)json);
}

static void answers_may_be_one_field(void **state)
{
	check_answer("/v1/titles/a", "\x0a\1n\x12\1t", 6, "\"t\"");
	check_answer("/v1/titles/a", "\x0a\1n", 3, "\"\"");
	check_answer("/v1/tags/a", "\x22\1x\x22\1y", 6, "[\"x\",\"y\"]");
	check_answer("/v1/tags/a", "", 0, "[]");
}

/* ---- descriptors ---- */

static void put_part(struct tree_output *out, uint32_t number, const void *bytes, size_t len)
{
	wire_put_tag(out, number, WIRE_BYTES);
	wire_put_varint(out, len);
	tree_put(out, bytes, len);
}

static void put_text(struct tree_output *out, uint32_t number, const char *text)
{
	put_part(out, number, text, strlen(text));
}

static void put_output(struct tree_output *out, uint32_t number, struct tree_output *part)
{
	put_part(out, number, part->bytes, part->len);
	free(part->bytes);
	*part = (struct tree_output){0};
}

static void put_field(struct tree_output *message, const char *name, uint64_t number,
		      uint64_t label, uint64_t type, const char *type_name)
{
	struct tree_output field = {0};

	put_text(&field, 1, name);
	wire_put_tag(&field, 3, WIRE_VARINT);
	wire_put_varint(&field, number);
	wire_put_tag(&field, 4, WIRE_VARINT);
	wire_put_varint(&field, label);
	wire_put_tag(&field, 5, WIRE_VARINT);
	wire_put_varint(&field, type);
	if (type_name)
		put_text(&field, 6, type_name);
	put_output(message, 2, &field);
}

/* Of one method of a service p.S, which takes and gives p.M. */
static void put_method(struct tree_output *service, const char *name, bool takes_many,
		       struct tree_output *rule)
{
	struct tree_output method = {0}, options = {0};

	put_text(&method, 1, name);
	put_text(&method, 2, ".p.M");
	put_text(&method, 3, ".p.M");
	if (rule) {
		put_output(&options, 72295728, rule);
		put_output(&method, 4, &options);
	}
	wire_put_tag(&method, 5, WIRE_VARINT);
	wire_put_varint(&method, takes_many);
	put_output(service, 2, &method);
}

/* message M { string a = 1; repeated string list = 2; M m = 3; } */
static struct schema *parse_service(struct tree_output *service)
{
	struct tree_output message = {0}, file = {0}, set = {0};
	struct schema *ret;

	put_text(&message, 1, "M");
	put_field(&message, "a", 1, 1, SCHEMA_STRING, NULL);
	put_field(&message, "list", 2, 3, SCHEMA_STRING, NULL);
	put_field(&message, "m", 3, 1, SCHEMA_MESSAGE, ".p.M");
	put_text(&file, 2, "p");
	put_output(&file, 4, &message);
	put_text(service, 1, "S");
	put_output(&file, 6, service);
	put_text(&file, 12, "proto3");
	put_output(&set, 1, &file);
	ret = schema_parse(set.bytes, set.len, &refusal);
	free(set.bytes);
	return ret;
}

/* @number: of google.api.HttpRule. */
static struct schema *parse_rule(uint32_t number, const char *path, const char *body,
				 const char *response, bool takes_many)
{
	struct tree_output service = {0}, rule = {0};

	if (path)
		put_text(&rule, number, path);
	if (body)
		put_text(&rule, 7, body);
	if (response)
		put_text(&rule, 12, response);
	put_method(&service, "X", takes_many, &rule);
	put_method(&service, "Y", false, NULL);
	return parse_service(&service);
}

static void templates_that_mean_nothing_are_refused(void **state)
{
	static const struct {
		uint32_t number;
		const char *path, *body, *response, *reason;
	} bad[] = {
		{2, "v1", NULL, NULL, "begin the path with a slash"},
		{2, "", NULL, NULL, "begin the path with a slash"},
		{2, "/", NULL, NULL, "write segments of"},
		{2, "/v1//a", NULL, NULL, "write segments of"},
		{2, "/v1/", NULL, NULL, "write segments of"},
		{2, "/v1/a b", NULL, NULL, "between slashes"},
		{2, "/v1/%61", NULL, NULL, "write segments of"},
		{2, "/v1/**/a", NULL, NULL, "** as the last segment only"},
		{2, "/v1/{a=**}/a", NULL, NULL, "** as the last segment only"},
		{2, "/v1/a-{a}", NULL, NULL, "between slashes"},
		{2, "/v1/{a}-b", NULL, NULL, "between slashes"},
		{2, "/v1/*b", NULL, NULL, "between slashes"},
		{2, "/v1/***", NULL, NULL, "between slashes"},
		{2, "/v1/{a", NULL, NULL, "end a variable with }"},
		{2, "/v1/{a=b", NULL, NULL, "end a variable with }"},
		{2, "/v1/{a=b:c}", NULL, NULL, "end a variable with }"},
		{2, "/v1/a}", NULL, NULL, "between slashes"},
		{2, "/v1/{a={m.a}}", NULL, NULL, "no variable inside another"},
		{2, "/v1/{}", NULL, NULL, "is no field"},
		{2, "/v1/{b}", NULL, NULL, "{b} is no field"},
		{2, "/v1/{a.a}", NULL, NULL, "no single message"},
		{2, "/v1/{list}", NULL, NULL, "is a list"},
		{2, "/v1/{m}", NULL, NULL, "is a message"},
		{2, "/v1/{m.m.m.m.m.m.m.m.a}", NULL, NULL, "8 names deep"},
		{2, "/v1/{a}/{a}", NULL, NULL, "each field in one variable only"},
		{2, "/v1/a:", NULL, NULL, "a colon only before a word"},
		{2, "/v1/a:b/c", NULL, NULL, "a colon only before a word"},
		{2, "/v1/a:b:c", NULL, NULL, "a colon only before a word"},
		{2, "/v1/a", "*", NULL, "GET has none"},
		{4, "/v1/a", "b", NULL, "as body, it has no b"},
		{4, "/v1/a", "m.a", NULL, "as body, it has no m.a"},
		{4, "/v1/a", "*", "b", "as response_body, it has no b"},
		{4, "/p.S/Y", "*", NULL, "calls the method of its name"},
		{11, NULL, "*", NULL, "write get, put, post"},
		{2, "/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3", NULL,
		 NULL, "at most 32 segments"},
		{2,
		 "/{m.a}/{m.m.a}/{m.m.m.a}/{m.m.m.m.a}/{m.m.m.m.m.a}/{m.m.m.m.m.m.a}/"
		 "{m.m.m.m.m.m.m.a}/{a}/{m.m.m.m.m.m.m.list}",
		 NULL, NULL, "at most 8 variables"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct schema *parsed =
			parse_rule(bad[i].number, bad[i].path, bad[i].body, bad[i].response, false);

		if (parsed)
			fail_msg("%s was not refused", bad[i].path);
		if (!strstr(refusal.reason, bad[i].reason) || refusal.fault != TRANSLATE_LOSSY)
			fail_msg("%s: %s", bad[i].path, refusal.reason);
	}
}

static void templates_that_mean_something_are_taken(void **state)
{
	static const char *const paths[] = {
		"/a",
		"/*",
		"/**",
		"/{a}",
		"/v1/{m.m.a=x/*/y/**}:go",
		"/-_.~!$&'()+,;@",
		"/p.S/X",
		"/v1/*/{a=**}",
		"/{a=b}/c",
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct schema *parsed = parse_rule(4, paths[i], "m", "list", false);

		if (!parsed)
			fail_msg("%s: %s", paths[i], refusal.reason);
		assert_int_equal(parsed->n_rules, 1);
		schema_put(parsed);
	}
}

static void streams_of_messages_are_all_of_a_body(void **state)
{
	struct schema *parsed = parse_rule(4, "/v1/a", "*", NULL, true);

	assert_non_null(parsed);
	schema_put(parsed);
	assert_null(parse_rule(4, "/v1/a", NULL, NULL, true));
	assert_non_null(strstr(refusal.reason, "a stream of messages is the body"));
	assert_null(parse_rule(4, "/v1/a", "m", NULL, true));
	assert_null(parse_rule(4, "/v1/{a}", "*", NULL, true));
}

/* Two methods with these paths. Return: whether that is a conflict. */
static bool is_conflict(uint32_t number, const char *one, uint32_t other, const char *two)
{
	struct tree_output service = {0}, rule = {0};
	struct schema *parsed;

	put_text(&rule, number, one);
	put_method(&service, "X", false, &rule);
	put_text(&rule, other, two);
	put_method(&service, "Y", false, &rule);
	parsed = parse_service(&service);
	schema_put(parsed);
	return !parsed;
}

static void paths_that_two_methods_have_are_refused(void **state)
{
	assert_true(is_conflict(2, "/v1/a", 2, "/v1/a"));
	assert_non_null(strstr(refusal.reason, "write another path for one of p.S/X and p.S/Y"));
	assert_true(is_conflict(2, "/v1/{a}", 2, "/v1/*"));
	assert_true(is_conflict(2, "/v1/{a=x/*}", 2, "/v1/x/{m.a}"));
	assert_true(is_conflict(2, "/v1/{a=**}", 2, "/v1/**"));
	assert_true(is_conflict(2, "/v1/{a}:go", 2, "/v1/*:go"));
	assert_false(is_conflict(2, "/v1/a", 4, "/v1/a"));
	assert_false(is_conflict(2, "/v1/a", 2, "/v1/*"));
	assert_false(is_conflict(2, "/v1/*", 2, "/v1/**"));
	assert_false(is_conflict(2, "/v1/*", 2, "/v1/*:go"));
	assert_false(is_conflict(2, "/v1", 2, "/v1/**"));
}

static void rules_are_counted(void **state)
{
	struct tree_output service = {0}, rule = {0}, more = {0};
	char path[32];

	put_text(&rule, 2, "/v1/first");
	for (int i = 0; i < HTTP_RULE_BINDINGS_MAX; i++) {
		snprintf(path, sizeof(path), "/v1/%d", i);
		put_text(&more, 2, path);
		put_output(&rule, 11, &more);
	}
	put_method(&service, "X", false, &rule);
	assert_null(parse_service(&service));
	assert_non_null(strstr(refusal.reason, "a method may have 32"));

	put_text(&more, 2, "/v1/inside");
	put_output(&rule, 11, &more);
	put_text(&rule, 2, "/v1/between");
	put_output(&more, 11, &rule);
	put_text(&more, 2, "/v1/outside");
	put_method(&service, "X", false, &more);
	assert_null(parse_service(&service));
	assert_non_null(strstr(refusal.reason, "beside one another"));

	service = (struct tree_output){0};
	for (int i = 0; i <= HTTP_RULES_MAX; i++) {
		snprintf(path, sizeof(path), "/v1/%d", i);
		put_text(&rule, 2, path);
		snprintf(path, sizeof(path), "X%d", i);
		put_method(&service, path, false, &rule);
	}
	assert_null(parse_service(&service));
	assert_non_null(strstr(refusal.reason, "than we take"));
}

static void custom_methods_are_words_in_capitals(void **state)
{
	static const struct {
		const char *kind, *path;
		bool is_good;
	} rules[] = {
		{"REPORT", "/v1/a", true},
		{"*", "/v1/a", false},
		{"get", "/v1/a", false},
		{"", "/v1/a", false},
		{NULL, "/v1/a", false},
		{"REPORT", NULL, false},
		{"ABCDEFGHIJKLMNOP", "/v1/a", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		struct tree_output service = {0}, rule = {0}, custom = {0};
		struct schema *parsed;

		if (rules[i].kind)
			put_text(&custom, 1, rules[i].kind);
		if (rules[i].path)
			put_text(&custom, 2, rules[i].path);
		put_output(&rule, 8, &custom);
		put_method(&service, "X", false, &rule);
		parsed = parse_service(&service);
		assert_int_equal(parsed != NULL, rules[i].is_good);
		schema_put(parsed);
	}
}

/* Every byte changed is another descriptor, or refused. */
static void broken_rules_are_survived(void **state)
{
	static uint8_t bytes[SEED_MAX], changed[SEED_MAX];
	_cleanup_fclose_ FILE *file = fopen(SEED, "r");
	size_t len = fread(bytes, 1, sizeof(bytes), file), set_len;

	assert_true(len > 2);
	set_len = (size_t)bytes[0] << 8 | bytes[1];
	for (size_t i = 0; i < set_len; i++) {
		memcpy(changed, bytes + 2, set_len);
		changed[i] ^= 0x11;
		schema_put(schema_parse(changed, set_len, &refusal));
		schema_put(schema_parse(bytes + 2, i, &refusal));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_those_of_methods),
		cmocka_unit_test(what_is_more_exact_comes_first),
		cmocka_unit_test(other_paths_are_nobodys),
		cmocka_unit_test(methods_of_a_path_are_listed),
		cmocka_unit_test(variables_are_fields),
		cmocka_unit_test(parameters_are_fields),
		cmocka_unit_test(bodies_are_a_field_or_the_rest),
		cmocka_unit_test(what_is_no_value_of_a_field_is_refused),
		cmocka_unit_test(parameters_are_counted),
		cmocka_unit_test(answers_may_be_one_field),
		cmocka_unit_test(templates_that_mean_nothing_are_refused),
		cmocka_unit_test(templates_that_mean_something_are_taken),
		cmocka_unit_test(streams_of_messages_are_all_of_a_body),
		cmocka_unit_test(paths_that_two_methods_have_are_refused),
		cmocka_unit_test(rules_are_counted),
		cmocka_unit_test(custom_methods_are_words_in_capitals),
		cmocka_unit_test(broken_rules_are_survived),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
