// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: form of meshd.yaml, and where each value stands
 *
 * libcyaml reports lines only in a backtrace meant for developers, and keeps
 * none for checks made after loading.  So libyaml's events are walked first,
 * alongside the libcyaml schema: syntax errors, unknown and repeated keys,
 * mappings or lists in the wrong place, empty or mistyped values, aliases and
 * further documents are refused here with their line, and the line of every value is
 * kept for the checks that follow.  Recursion follows the schema, not the
 * file, so a file cannot make it deep.
 */
#include "daemon/config/lines.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#define KNOWN_KEYS_TEXT_MAX 256
#define NUMBER_DIGITS_MAX 18 /* fits 64 bits; every bound is far below */

struct scan {
	yaml_parser_t parser;
	const struct config_form *form;
	struct config_lines *lines;
	struct config_errors *errors;
};

void config_error(struct config_errors *errors, unsigned int line, const char *fmt, ...)
{
	size_t room = errors->size - errors->used;
	char *at = errors->text + errors->used;
	va_list ap;
	int n;

	if (++errors->n > CONFIG_ERRORS_MAX || room < 2)
		return;
	n = line ? snprintf(at, room, "%s:%u: ", errors->file, line)
		 : snprintf(at, room, "%s: ", errors->file);
	if (n < 0 || (size_t)n >= room) {
		at[0] = '\0';
		return;
	}
	errors->used += (size_t)n;
	va_start(ap, fmt);
	n = vsnprintf(at + n, room - (size_t)n, fmt, ap);
	va_end(ap);
	errors->used += n < 0 ? 0 : (size_t)n;
	if (errors->used > errors->size - 2)
		errors->used = errors->size - 2;
	errors->text[errors->used++] = '\n';
	errors->text[errors->used] = '\0';
}

static unsigned int event_line(const yaml_event_t *event)
{
	return (unsigned int)event->start_mark.line + 1;
}

/* On success the caller owns the event. */
static bool next_event(struct scan *scan, yaml_event_t *event)
{
	if (yaml_parser_parse(&scan->parser, event))
		return true;
	config_error(scan->errors, (unsigned int)scan->parser.problem_mark.line + 1,
		     "this is not YAML: %s; write key: value lines, indented by blanks, as "
		     "in %s",
		     scan->parser.problem ? scan->parser.problem : "unreadable",
		     scan->form->manual);
	return false;
}

static int event_nesting(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_MAPPING_START_EVENT:
	case YAML_SEQUENCE_START_EVENT:
		return 1;
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		return -1;
	default:
		return 0;
	}
}

/* Reads over the rest of a value whose first event was @first. */
static bool skip_value(struct scan *scan, const yaml_event_t *first)
{
	int depth = event_nesting(first);
	yaml_event_t event;

	while (depth > 0) {
		if (!next_event(scan, &event))
			return false;
		depth += event_nesting(&event);
		yaml_event_delete(&event);
	}
	return true;
}

static bool note_line(struct scan *scan, const char *path, unsigned int line)
{
	struct config_lines *lines = scan->lines;

	if (lines->n == CONFIG_LINES_MAX) {
		config_error(scan->errors, line, "more than %d values; write fewer",
			     CONFIG_LINES_MAX);
		return false;
	}
	snprintf(lines->at[lines->n].path, CONFIG_PATH_MAX, "%s", path);
	lines->at[lines->n++].line = line;
	return true;
}

static unsigned int find_line(const struct config_lines *lines, const char *path)
{
	for (size_t i = 0; i < lines->n; i++)
		if (strcmp(lines->at[i].path, path) == 0)
			return lines->at[i].line;
	return 0;
}

bool config_lines_has(const struct config_lines *lines, const char *path)
{
	return find_line(lines, path);
}

static const cyaml_schema_field_t *find_field(const cyaml_schema_field_t *fields, const char *key)
{
	for (; fields->key; fields++)
		if (strcmp(fields->key, key) == 0)
			return fields;
	return NULL;
}

static const char *known_keys(const cyaml_schema_field_t *fields, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (; fields->key && used < size; fields++)
		used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? ", " : "",
					 fields->key);
	return buf;
}

static bool walk_value(struct scan *scan, yaml_event_t *first, const cyaml_schema_value_t *schema,
		       const char *path);

static bool walk_field(struct scan *scan, const yaml_event_t *key,
		       const cyaml_schema_value_t *mapping, const char *path)
{
	const char *name = (const char *)key->data.scalar.value;
	const cyaml_schema_field_t *field = find_field(mapping->mapping.fields, name);
	char known[KNOWN_KEYS_TEXT_MAX], child[CONFIG_PATH_MAX];
	yaml_event_t value;
	bool goes_on;

	if (!next_event(scan, &value))
		return false;
	snprintf(child, sizeof(child), "%s%s%s", path, path[0] ? "." : "", field ? field->key : "");
	if (!field) {
		config_error(scan->errors, event_line(key), "unknown key '%.64s'; write one of: %s",
			     name, known_keys(mapping->mapping.fields, known, sizeof(known)));
		goes_on = skip_value(scan, &value);
	} else if (config_lines_has(scan->lines, child)) {
		config_error(scan->errors, event_line(key), "'%s' is given twice; write it once",
			     child);
		goes_on = skip_value(scan, &value);
	} else {
		goes_on = walk_value(scan, &value, &field->value, child);
	}
	yaml_event_delete(&value);
	return goes_on;
}

static bool walk_mapping(struct scan *scan, const cyaml_schema_value_t *schema, const char *path)
{
	bool goes_on = true;
	yaml_event_t key;

	while (goes_on) {
		if (!next_event(scan, &key))
			return false;
		if (key.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&key);
			return true;
		}
		if (key.type == YAML_SCALAR_EVENT) {
			goes_on = walk_field(scan, &key, schema, path);
		} else {
			config_error(scan->errors, event_line(&key),
				     "a key must be a word; write key: value");
			goes_on = false;
		}
		yaml_event_delete(&key);
	}
	return false;
}

static bool walk_sequence(struct scan *scan, const cyaml_schema_value_t *schema, const char *path)
{
	char child[CONFIG_PATH_MAX];
	bool goes_on = true;
	yaml_event_t entry;

	for (unsigned int i = 0; goes_on; i++) {
		if (!next_event(scan, &entry))
			return false;
		if (entry.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&entry);
			return true;
		}
		snprintf(child, sizeof(child), "%s[%u]", path, i);
		if (i >= schema->sequence.max) {
			config_error(scan->errors, event_line(&entry),
				     "'%s' has more than %u entries; write fewer", path,
				     schema->sequence.max);
			goes_on = false;
		} else {
			goes_on = walk_value(scan, &entry, schema->sequence.entry, child);
		}
		yaml_event_delete(&entry);
	}
	return false;
}

/* Decimal, no sign but minus, no leading zero (libcyaml would read octal). */
static bool is_number(const char *text)
{
	if (*text == '-')
		text++;
	return strspn(text, "0123456789") == strlen(text) && *text &&
	       (text[0] != '0' || text[1] == '\0') && strlen(text) <= NUMBER_DIGITS_MAX;
}

/* libcyaml takes "1400k" for 1400 and any word for true: be strict before it. */
static void check_scalar(struct scan *scan, const yaml_event_t *event,
			 const cyaml_schema_value_t *schema, const char *path)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	unsigned int line = event_line(event);

	if (len == 0)
		config_error(scan->errors, line, "'%s' is empty; write a value, or leave it out",
			     path);
	else if (strlen(text) != len)
		config_error(scan->errors, line, "'%s' holds a NUL; write plain text", path);
	else if (schema->type == CYAML_INT && !is_number(text))
		config_error(
			scan->errors, line,
			"%s '%.64s' is not a number; write a whole decimal number without unit",
			path, text);
	else if (schema->type == CYAML_BOOL && strcmp(text, "true") && strcmp(text, "false"))
		config_error(scan->errors, line, "%s '%.64s' is neither; write true or false", path,
			     text);
	else if (schema->type == CYAML_STRING && len > schema->string.max)
		config_error(scan->errors, line, "%s is longer than %u bytes; write less", path,
			     schema->string.max);
}

static bool walk_value(struct scan *scan, yaml_event_t *first, const cyaml_schema_value_t *schema,
		       const char *path)
{
	const char *name = path[0] ? path : "the file";

	if (path[0] && !note_line(scan, path, event_line(first)))
		return false;
	if (first->type == YAML_ALIAS_EVENT) {
		config_error(scan->errors, event_line(first),
			     "'%s' uses a YAML alias; write the value out", name);
		return true;
	}
	if (schema->type == CYAML_MAPPING && first->type == YAML_MAPPING_START_EVENT)
		return walk_mapping(scan, schema, path);
	if (schema->type == CYAML_SEQUENCE && first->type == YAML_SEQUENCE_START_EVENT)
		return walk_sequence(scan, schema, path);
	if (schema->type == CYAML_MAPPING)
		config_error(scan->errors, event_line(first), "%s must hold keys; write %s", name,
			     path[0] ? "them indented, one key: value a line, or leave it out"
				     : "one key: value a line, a blank behind the colon");
	else if (schema->type == CYAML_SEQUENCE)
		config_error(scan->errors, event_line(first), "%s must be a list; write [a, b]",
			     name);
	else if (first->type != YAML_SCALAR_EVENT)
		config_error(scan->errors, event_line(first),
			     "%s must be one value; write %s: value", name, name);
	else
		check_scalar(scan, first, schema, path);
	return skip_value(scan, first);
}

/* Stream: one document with one value.  Returns false when there is no more to read. */
static void walk_stream(struct scan *scan)
{
	bool goes_on = true, seen_document = false;
	yaml_event_t event;

	while (goes_on && next_event(scan, &event)) {
		switch (event.type) {
		case YAML_STREAM_END_EVENT:
			goes_on = false;
			break;
		case YAML_DOCUMENT_START_EVENT:
			if (seen_document)
				config_error(scan->errors, event_line(&event),
					     "a second document begins; write one");
			goes_on = !seen_document;
			seen_document = true;
			break;
		case YAML_STREAM_START_EVENT:
		case YAML_DOCUMENT_END_EVENT:
			break;
		default:
			goes_on = walk_value(scan, &event, scan->form->schema, "");
		}
		yaml_event_delete(&event);
	}
	if (!seen_document && scan->errors->n == 0)
		config_error(scan->errors, 1, "nothing is configured; write at least %s",
			     scan->form->least);
}

int config_lines_scan(const uint8_t *bytes, size_t len, const struct config_form *form,
		      struct config_lines *ret, struct config_errors *errors)
{
	struct scan scan = {.form = form, .lines = ret, .errors = errors};

	if (!yaml_parser_initialize(&scan.parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&scan.parser, bytes, len);
	walk_stream(&scan);
	yaml_parser_delete(&scan.parser);
	return errors->n ? -EINVAL : 0;
}

/* "a.b[2]" -> "a.b" -> "a" -> "". */
static void cut_last(char *path)
{
	char *dot = strrchr(path, '.'), *bracket = strrchr(path, '[');

	*(dot > bracket ? dot : bracket ?: path) = '\0';
}

unsigned int config_lines_of(const struct config_lines *lines, const char *path)
{
	char at[2 * CONFIG_PATH_MAX];
	unsigned int line;

	snprintf(at, sizeof(at), "%s", path);
	for (line = 0; at[0] && !line; cut_last(at))
		line = find_line(lines, at);
	return line ?: 1;
}
