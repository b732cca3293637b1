// SPDX-License-Identifier: GPL-2.0
/* DOC: http_rule: see http_rule.h; field numbers are those of google/api/http.proto */
#include "daemon/translate/http_rule.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"

#define OPTION_HTTP 72295728 /* google/api/annotations.proto */

enum rule_field {
	RULE_GET = 2,
	RULE_PUT,
	RULE_POST,
	RULE_DELETE,
	RULE_PATCH,
	RULE_BODY,
	RULE_CUSTOM,
	RULE_ADDITIONAL = 11,
	RULE_RESPONSE_BODY,
};

enum custom_field { CUSTOM_KIND = 1, CUSTOM_PATH };

/* Why it is refused comes first, as a long sentence is cut. */
static bool refuse(struct schema *schema, const struct http_rule *rule, const char *why)
{
	return tree_refuse(&schema->arena, TRANSLATE_LOSSY, "%s (HTTP path \"%s\" of %s)", why,
			   rule->text ? rule->text : "", rule->method.path);
}

/* ---- out of the options ---- */

static const char *take_text(struct schema *schema, const struct http_rule *rule,
			     const struct wire_field *field)
{
	char *text;

	if (field->type != WIRE_BYTES || field->len > HTTP_RULE_TEMPLATE_MAX ||
	    memchr(field->bytes, '\0', field->len)) {
		refuse(schema, rule, "write texts of at most 255 bytes in google.api.http");
		return NULL;
	}
	text = (char *)tree_room(&schema->arena, field->len + 1);
	memcpy(text, field->bytes, field->len);
	text[field->len] = '\0';
	return text;
}

static bool is_kind(const char *text)
{
	size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

	return len && len <= HTTP_RULE_KIND_MAX && !text[len];
}

static bool read_custom(struct schema *schema, struct http_rule *rule, const struct wire_field *in)
{
	struct tree_input input = {&schema->arena, in->bytes, in->bytes + in->len};
	struct wire_field field;

	while (input.next < input.end) {
		const char *text;

		if (!wire_read_field(&input, &field))
			return false;
		if (field.number != CUSTOM_KIND && field.number != CUSTOM_PATH)
			continue;
		text = take_text(schema, rule, &field);
		if (!text)
			return false;
		if (field.number == CUSTOM_KIND)
			rule->kind = text;
		else
			rule->text = text;
	}
	return (rule->kind && is_kind(rule->kind)) ||
	       refuse(schema, rule, "write one method of HTTP, in capitals, as kind of custom");
}

static bool take_part(struct schema *schema, struct http_rule *rule, const struct wire_field *field)
{
	static const char *const kinds[] = {
		[RULE_GET] = "GET",	  [RULE_PUT] = "PUT",	  [RULE_POST] = "POST",
		[RULE_DELETE] = "DELETE", [RULE_PATCH] = "PATCH",
	};
	const char **at = field->number == RULE_BODY		? &rule->body_text
			  : field->number == RULE_RESPONSE_BODY ? &rule->response_text
								: &rule->text;

	if (field->number == RULE_CUSTOM)
		return field->type == WIRE_BYTES ? read_custom(schema, rule, field)
						 : refuse(schema, rule, "custom is no message");
	if (field->number < RULE_GET ||
	    (field->number > RULE_BODY && field->number != RULE_RESPONSE_BODY))
		return true;
	if (field->number <= RULE_PATCH)
		rule->kind = kinds[field->number];
	*at = take_text(schema, rule, field);
	return *at != NULL;
}

/* Where it is among the rules, as they move when there are more. */
static bool add_rule(struct schema *schema, const char *path, const struct wire_field *in,
		     bool is_additional, size_t *n_bindings)
{
	struct tree_input input = {.tree = &schema->arena};
	struct http_rule rule = {.method = {.path = path}, .body_text = "", .response_text = ""};
	struct wire_field field;
	void *grown;

	if (in->type != WIRE_BYTES)
		return refuse(schema, &rule, "google.api.http is no message");
	if (++*n_bindings > HTTP_RULE_BINDINGS_MAX)
		return refuse(schema, &rule, "leave paths out, a method may have 32");
	input.next = in->bytes;
	input.end = in->bytes + in->len;
	while (input.next < input.end) {
		if (!wire_read_field(&input, &field))
			return false;
		if (field.number != RULE_ADDITIONAL) {
			if (!take_part(schema, &rule, &field))
				return false;
		} else if (is_additional) {
			return refuse(schema, &rule,
				      "write additional_bindings beside one another, not inside");
		} else if (!add_rule(schema, path, &field, true, n_bindings)) {
			return false;
		}
	}
	grown = schema_grow(schema, schema->rules, schema->n_rules, HTTP_RULES_MAX, sizeof(rule));
	if (!grown)
		return false;
	schema->rules = grown;
	schema->rules[schema->n_rules++] = rule;
	return true;
}

bool http_rules_read(struct schema *schema, const char *path, const struct wire_field *options)
{
	struct tree_input input = {&schema->arena, options->bytes, options->bytes + options->len};
	size_t n_bindings = 0;
	struct wire_field field;

	while (input.next < input.end)
		if (!wire_read_field(&input, &field) ||
		    (field.number == OPTION_HTTP &&
		     !add_rule(schema, path, &field, false, &n_bindings)))
			return false;
	return true;
}

/* ---- templates ---- */

/**
 * struct template - one while it is parsed
 * @schema: of it
 * @rule: of it
 * @next: character
 */
struct template
{
	struct schema *schema;
	struct http_rule *rule;
	const char *next;
};

static bool is_literal(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("-_.~!$&'()+,;@", c));
}

static bool add_segment(struct template *in, uint8_t kind, const char *literal, size_t len)
{
	struct http_rule *rule = in->rule;
	struct http_segment *segment;
	char *text = NULL;

	if (rule->n_segments == HTTP_RULE_SEGMENTS_MAX)
		return refuse(in->schema, rule, "write at most 32 segments");
	if (rule->n_segments && rule->segments[rule->n_segments - 1].kind == HTTP_SEGMENT_REST)
		return refuse(in->schema, rule, "write ** as the last segment only");
	if (kind == HTTP_SEGMENT_LITERAL) {
		text = (char *)tree_copy(&in->schema->arena, literal, len + 1);
		text[len] = '\0';
	}
	segment = &rule->segments[rule->n_segments++];
	*segment = (struct http_segment){text, kind};
	return true;
}

static bool take_wildcard(struct template *in)
{
	bool is_rest = in->next[1] == '*';

	in->next += is_rest ? 2 : 1;
	return add_segment(in, is_rest ? HTTP_SEGMENT_REST : HTTP_SEGMENT_ONE, NULL, 0);
}

static bool take_literal(struct template *in)
{
	const char *begin = in->next;

	while (is_literal(*in->next))
		in->next++;
	if (in->next == begin)
		return refuse(in->schema, in->rule,
			      "write segments of letters, digits and -_.~!$&'()+,;@, or *, **, "
			      "{field}, {field=segments}");
	return add_segment(in, HTTP_SEGMENT_LITERAL, begin, (size_t)(in->next - begin));
}

static bool take_variable(struct template *in);

static bool take_segments(struct template *in, bool is_inside)
{
	for (;; in->next++) {
		if (*in->next == '{' && is_inside)
			return refuse(in->schema, in->rule, "write no variable inside another");
		if (*in->next == '{'   ? !take_variable(in)
		    : *in->next == '*' ? !take_wildcard(in)
				       : !take_literal(in))
			return false;
		if (*in->next == '/')
			continue;
		if (!*in->next || *in->next == ':' || (*in->next == '}' && is_inside))
			return true;
		return refuse(in->schema, in->rule,
			      "write each variable and wildcard as a segment of its own, between "
			      "slashes");
	}
}

static bool bind_variable(struct template *in, const char *name, size_t len, size_t first)
{
	struct http_rule *rule = in->rule;
	struct http_variable *variable;
	const char *why;

	if (rule->n_variables == HTTP_RULE_VARIABLES_MAX)
		return refuse(in->schema, rule, "write at most 8 variables");
	variable = &rule->variables[rule->n_variables];
	variable->first = first;
	variable->end = rule->n_segments;
	why = http_resolve_path(rule->method.input, name, len, false, &variable->path);
	if (why)
		return tree_refuse(&in->schema->arena, TRANSLATE_LOSSY,
				   "{%.*s} %s; name another field (HTTP path \"%s\" of %s)",
				   (int)len, name, why, rule->text, rule->method.path);
	for (size_t i = 0; i < rule->n_variables; i++)
		if (rule->variables[i].path.n == variable->path.n &&
		    memcmp(rule->variables[i].path.fields, variable->path.fields,
			   variable->path.n * sizeof(variable->path.fields[0])) == 0)
			return refuse(in->schema, rule, "name each field in one variable only");
	rule->n_variables++;
	return true;
}

static bool take_variable(struct template *in)
{
	const char *name = ++in->next;
	size_t len = strcspn(name, "=}"), first = in->rule->n_segments;

	in->next += len;
	if (*in->next == '=') {
		in->next++;
		if (!take_segments(in, true))
			return false;
	} else if (!add_segment(in, HTTP_SEGMENT_ONE, NULL, 0)) {
		return false;
	}
	if (*in->next != '}')
		return refuse(in->schema, in->rule, "end a variable with }");
	in->next++;
	return bind_variable(in, name, len, first);
}

static bool take_verb(struct template *in)
{
	const char *verb = in->next + 1;

	if (*in->next != ':')
		return true;
	for (in->next++; is_literal(*in->next);)
		in->next++;
	in->rule->verb = verb;
	return (!*in->next && *verb) ||
	       refuse(in->schema, in->rule,
		      "write a colon only before a word at the end of the path");
}

static bool parse_template(struct schema *schema, struct http_rule *rule)
{
	struct template in = {schema, rule, rule->text};
	struct http_segment segments[HTTP_RULE_SEGMENTS_MAX];
	struct http_variable variables[HTTP_RULE_VARIABLES_MAX];

	rule->segments = segments;
	rule->variables = variables;
	if (*in.next != '/')
		return refuse(schema, rule, "begin the path with a slash");
	in.next++;
	if (!take_segments(&in, false) || !take_verb(&in))
		return false;
	rule->segments = (struct http_segment *)tree_copy(&schema->arena, segments,
							  rule->n_segments * sizeof(*segments));
	rule->variables = (struct http_variable *)tree_copy(&schema->arena, variables,
							    rule->n_variables * sizeof(*variables));
	return true;
}

/* ---- what they mean ---- */

static bool resolve_field(struct schema *schema, const struct http_rule *rule,
			  const struct schema_message *message, const char *name, const char *what,
			  const struct schema_field **ret)
{
	*ret = schema_field_by_name(message, (const uint8_t *)name, strlen(name));
	return *ret ||
	       tree_refuse(&schema->arena, TRANSLATE_LOSSY,
			   "name a field of %s as %s, it has no %s (HTTP path \"%s\" of %s)",
			   message->name, what, name, rule->text, rule->method.path);
}

static bool resolve_body(struct schema *schema, struct http_rule *rule)
{
	bool is_get = strcmp(rule->kind, "GET") == 0;

	rule->is_body_all = strcmp(rule->body_text, "*") == 0;
	if (is_get && rule->body_text[0])
		return refuse(schema, rule, "leave body out, GET has none");
	if (rule->method.is_client_streaming && (!rule->is_body_all || rule->n_variables))
		return refuse(schema, rule,
			      "a stream of messages is the body: write body: \"*\" and no "
			      "variables");
	if (rule->body_text[0] && !rule->is_body_all &&
	    !resolve_field(schema, rule, rule->method.input, rule->body_text, "body", &rule->body))
		return false;
	return !rule->response_text[0] ||
	       resolve_field(schema, rule, rule->method.output, rule->response_text,
			     "response_body", &rule->response_body);
}

/* A plain path calls what gRPC calls by it, whatever the rules say. */
static bool check_plain_path(struct schema *schema, const struct http_rule *rule)
{
	const struct schema_method *plain =
		schema_find_method(schema, rule->text, strlen(rule->text));

	return !plain || strcmp(rule->kind, "POST") != 0 ||
	       strcmp(plain->path, rule->method.path) == 0 ||
	       refuse(schema, rule, "write another path, this one calls the method of its name");
}

static bool resolve_rule(struct schema *schema, struct http_rule *rule)
{
	const struct schema_method *method = schema_method_by_name(schema, rule->method.path);

	rule->method = *method;
	if (!rule->kind || !rule->text)
		return refuse(schema, rule,
			      "write get, put, post, delete, patch or custom with a path");
	return parse_template(schema, rule) && resolve_body(schema, rule) &&
	       check_plain_path(schema, rule);
}

/* ---- their order ---- */

static int rank_of(const struct http_rule *rule, size_t i)
{
	return i < rule->n_segments ? rule->segments[i].kind : -1;
}

static int compare_segments(const struct http_rule *a, const struct http_rule *b)
{
	for (size_t i = 0; i < a->n_segments || i < b->n_segments; i++) {
		int one = rank_of(a, i), two = rank_of(b, i), order;

		if (one != two)
			return one - two;
		if (one != HTTP_SEGMENT_LITERAL)
			continue;
		order = strcmp(a->segments[i].literal, b->segments[i].literal);
		if (order)
			return order;
	}
	return 0;
}

static int compare_rules(const void *one, const void *two)
{
	const struct http_rule *a = one, *b = two;
	int order;

	if (!a->verb != !b->verb)
		return a->verb ? -1 : 1;
	order = compare_segments(a, b);
	if (!order && a->verb)
		order = strcmp(a->verb, b->verb);
	return order ? order : strcmp(a->kind, b->kind);
}

bool http_rules_resolve(struct schema *schema)
{
	struct http_rule *rules = schema->rules;

	for (size_t i = 0; i < schema->n_rules; i++)
		if (!resolve_rule(schema, &rules[i]))
			return false;
	if (schema->n_rules)
		qsort(rules, schema->n_rules, sizeof(*rules), compare_rules);
	for (size_t i = 0; i < schema->n_rules; i++) {
		rules[i].method.rule = &rules[i];
		if (i && compare_rules(&rules[i - 1], &rules[i]) == 0)
			return tree_refuse(
				&schema->arena, TRANSLATE_LOSSY,
				"write another path for one of %s and %s, both have %s %s",
				rules[i - 1].method.path, rules[i].method.path, rules[i].kind,
				rules[i].text);
	}
	return true;
}

/* ---- paths of requests ---- */

static bool is_segment(const struct http_segment *segment, const char *at, size_t len)
{
	uint8_t text[3 * HTTP_RULE_TEMPLATE_MAX]; /* each character may be an escape */

	if (segment->kind != HTTP_SEGMENT_LITERAL)
		return len != 0;
	return len <= sizeof(text) &&
	       http_decode(at, len, HTTP_DECODE_ALL, text) == (long)strlen(segment->literal) &&
	       memcmp(text, segment->literal, strlen(segment->literal)) == 0;
}

/* Without its query and, for a rule with one, its verb; false: it has no such verb. */
static bool strip(const struct http_rule *rule, const char *path, size_t *len)
{
	const char *query = *len ? memchr(path, '?', *len) : NULL;
	size_t verb_len = rule->verb ? strlen(rule->verb) : 0;

	if (query)
		*len = (size_t)(query - path);
	if (!rule->verb)
		return true;
	if (*len <= verb_len + 1 || path[*len - verb_len - 1] != ':' ||
	    memcmp(path + *len - verb_len, rule->verb, verb_len) != 0)
		return false;
	*len -= verb_len + 1;
	return true;
}

bool http_rule_match(const struct http_rule *rule, const char *path, size_t len,
		     struct http_match *ret)
{
	size_t at = 0;

	if (!strip(rule, path, &len))
		return false;
	for (size_t i = 0; i < rule->n_segments; i++) {
		const char *end;

		if (at < len && path[at] != '/')
			return false;
		ret->from[i] = at < len ? at + 1 : len;
		ret->to[i] = len;
		if (rule->segments[i].kind == HTTP_SEGMENT_REST)
			return at < len || i > 0;
		if (at >= len)
			return false;
		end = memchr(path + ret->from[i], '/', len - ret->from[i]);
		if (end)
			ret->to[i] = (size_t)(end - path);
		if (!is_segment(&rule->segments[i], path + ret->from[i], ret->to[i] - ret->from[i]))
			return false;
		at = ret->to[i];
	}
	return at == len;
}

const struct http_rule *http_rule_find(const struct schema *schema, const char *kind,
				       const char *path, size_t len, bool *has_path)
{
	struct http_match match;

	*has_path = false;
	for (size_t i = 0; i < schema->n_rules; i++) {
		const struct http_rule *rule = &schema->rules[i];

		if (!http_rule_match(rule, path, len, &match))
			continue;
		*has_path = true;
		if (strcmp(rule->kind, kind) == 0)
			return rule;
	}
	return NULL;
}

static bool is_listed(const char *list, const char *kind)
{
	size_t len = strlen(kind);

	for (const char *at = strstr(list, kind); at; at = strstr(at + 1, kind))
		if ((at == list || at[-1] == ' ') && (!at[len] || at[len] == ','))
			return true;
	return false;
}

void http_rule_list_kinds(const struct schema *schema, const char *path, size_t len,
			  char ret[HTTP_RULE_KINDS_SIZE])
{
	struct http_match match;
	size_t n = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < schema->n_rules; i++) {
		const char *kind = schema->rules[i].kind;

		if (!http_rule_match(&schema->rules[i], path, len, &match) ||
		    is_listed(ret, kind) || n + strlen(kind) + strlen(", ") >= HTTP_RULE_KINDS_SIZE)
			continue;
		n += (size_t)snprintf(ret + n, HTTP_RULE_KINDS_SIZE - n, "%s%s", n ? ", " : "",
				      kind);
	}
}
