// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: meshctl config: the settings in force, defaults included
 *
 * Printed as YAML with the keys of meshd.yaml(5): a copy of it is a file that
 * means the same.  meshctl reload makes the daemon read its file again.
 */
#include <string.h>

#include "tools/meshctl/client.h"
#include "tools/meshctl/output.h"
#include "tools/meshctl/views.h"

#define DEPTH_MAX 4 /* of lists and mappings in a section */

static void print_text(struct meshctl *ctl, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_./";
	bool is_plain = text[0] && strspn(text, plain) == strlen(text);
	json_t *value;

	if (is_plain) {
		fputs(text, ctl->out);
		return;
	}
	/* JSON's quotes are YAML's, and escape what would reach the terminal. */
	value = json_string(text);
	if (value)
		json_dumpf(value, ctl->out, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	json_decref(value);
}

/* Nothing is set in it; @depth: how far to look, answers may be deep. */
static bool is_unset(const json_t *value, int depth)
{
	const char *key;
	json_t *inner;

	if (json_is_object(value)) {
		json_object_foreach((json_t *)value, key, inner)
		{
			if (!depth || !is_unset(inner, depth - 1))
				return false;
		}
		return true;
	}
	return json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0);
}

static void print_value(struct meshctl *ctl, const json_t *value, int depth);

static void print_list(struct meshctl *ctl, const json_t *list, int depth)
{
	json_t *item;
	size_t i;

	fputc('[', ctl->out);
	json_array_foreach(list, i, item)
	{
		fputs(i ? ", " : "", ctl->out);
		print_value(ctl, item, depth);
	}
	fputc(']', ctl->out);
}

/* On one line, without what is not set. */
static void print_mapping(struct meshctl *ctl, const json_t *object, int depth)
{
	const char *key, *comma = "";
	json_t *value;

	fputc('{', ctl->out);
	json_object_foreach((json_t *)object, key, value)
	{
		if (is_unset(value, depth))
			continue;
		fputs(comma, ctl->out);
		print_text(ctl, key);
		fputs(": ", ctl->out);
		print_value(ctl, value, depth);
		comma = ", ";
	}
	fputc('}', ctl->out);
}

static void print_value(struct meshctl *ctl, const json_t *value, int depth)
{
	switch (json_typeof(value)) {
	case JSON_INTEGER:
		fprintf(ctl->out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		fputs(json_is_true(value) ? "true" : "false", ctl->out);
		break;
	case JSON_STRING:
		print_text(ctl, json_string_value(value));
		break;
	case JSON_ARRAY:
		if (depth)
			print_list(ctl, value, depth - 1);
		break;
	case JSON_OBJECT:
		if (depth)
			print_mapping(ctl, value, depth - 1);
		break;
	default:
		fputs("?", ctl->out);
	}
}

static void print_entry(struct meshctl *ctl, const char *key, const json_t *value,
			const char *indent)
{
	fprintf(ctl->out, "%s%s", indent, is_unset(value, DEPTH_MAX) ? "# " : "");
	print_text(ctl, key);
	fputs(":", ctl->out);
	if (!is_unset(value, DEPTH_MAX)) {
		fputc(' ', ctl->out);
		print_value(ctl, value, DEPTH_MAX);
	}
	fputc('\n', ctl->out);
}

void draw_config(struct meshctl *ctl, const json_t *answer)
{
	json_t *config = json_object_get(answer, "config"), *value, *inner;
	const char *key, *inner_key;

	if (json_object_size(config) == 0)
		fputs("# the daemon does not show its settings\n", ctl->out);
	json_object_foreach(config, key, value)
	{
		if (!json_is_object(value)) {
			print_entry(ctl, key, value, "");
			continue;
		}
		fputs(is_unset(value, DEPTH_MAX) ? "# " : "", ctl->out);
		print_text(ctl, key);
		fputs(":\n", ctl->out);
		json_object_foreach(value, inner_key, inner)
			print_entry(ctl, inner_key, inner, "  ");
	}
}

int cmd_config(struct meshctl *ctl, int argc, char **argv)
{
	int code;

	if (!meshctl_no_operands(ctl, argc, argv, &code))
		return code;
	return output_get(ctl, "/v1/config", draw_config);
}

static void draw_reload(struct meshctl *ctl, const json_t *answer)
{
	fputs("configuration reloaded\n", ctl->out);
}

int cmd_reload(struct meshctl *ctl, int argc, char **argv)
{
	json_t *answer = NULL;
	int code;

	if (!meshctl_no_operands(ctl, argc, argv, &code))
		return code;
	code = client_post(ctl, &answer, "/v1/reload", "");
	return code == MESHCTL_OK ? output_answer(ctl, answer, draw_reload) : code;
}
