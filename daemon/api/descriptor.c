// SPDX-License-Identifier: GPL-2.0
/* DOC: descriptors in the local API: see descriptor.h */
#include "daemon/api/descriptor.h"

#include <string.h>

#include "daemon/api/json.h"
#include "daemon/translate/http_rule.h"

static void set_text_if_any(json_t *object, const char *key, const char *text)
{
	api_set_text(object, key, text[0] ? text : NULL);
}

static json_t *json_paths(const struct schema *schema, const struct schema_method *method)
{
	json_t *array = json_array();

	for (size_t i = 0; i < schema->n_rules; i++) {
		const struct http_rule *rule = &schema->rules[i];
		json_t *object;

		if (strcmp(rule->method.path, method->path) != 0)
			continue;
		object = json_object();
		api_set_text(object, "method", rule->kind);
		api_set_text(object, "path", rule->text);
		set_text_if_any(object, "body", rule->body_text);
		set_text_if_any(object, "response_body", rule->response_text);
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *json_method(const struct schema *schema, const struct schema_method *method)
{
	json_t *object = json_object();

	api_set_text(object, "name", method->path);
	api_set_text(object, "input", method->input_name);
	api_set_text(object, "output", method->output_name);
	json_object_set_new(object, "is_client_streaming",
			    json_boolean(method->is_client_streaming));
	json_object_set_new(object, "is_server_streaming",
			    json_boolean(method->is_server_streaming));
	json_object_set_new(object, "paths", json_paths(schema, method));
	return object;
}

json_t *api_json_descriptor(const struct schema *schema)
{
	json_t *object, *methods;
	char digest[SHA256_STRLEN];

	if (!schema)
		return json_null();
	object = json_object();
	methods = json_array();
	api_set_text(object, "digest", sha256_format(schema->digest, digest));
	api_set_number(object, "n_methods", schema->n_methods);
	api_set_number(object, "n_paths", schema->n_rules);
	for (size_t i = 0; i < schema->n_methods && i < API_METHODS_MAX; i++)
		json_array_append_new(methods, json_method(schema, &schema->methods[i]));
	json_object_set_new(object, "methods", methods);
	return object;
}
