// SPDX-License-Identifier: GPL-2.0
/* DOC: media: names of formats, Content-Type and Accept (RFC 9110, 8.3 and 12.5.1) */
#include <string.h>
#include <strings.h>

#include "daemon/lib/memory.h"
#include "daemon/translate/translate.h"

#define WEIGHT_FULL 1000
#define CHARSET "charset=utf-8"

/* As written in a Content-Type; the rest of the table is read as well. */
static const struct media_name {
	const char *text;
	uint8_t format;
} names[] = {
	{"application/json", MANIFEST_BODY_JSON},
	{"application/cbor", MANIFEST_BODY_CBOR},
	{"application/vnd.msgpack", MANIFEST_BODY_MSGPACK}, /* as IANA has it */
	{"application/msgpack", MANIFEST_BODY_MSGPACK},
	{"application/x-msgpack", MANIFEST_BODY_MSGPACK},
};

/* No registration has one for all: the first is written, and the most usual. */
static const char *const lines_names[] = {"application/x-ndjson", "application/ndjson",
					  "application/jsonl"};

/**
 * struct media_text - part of a header
 * @at: not terminated
 * @len: bytes
 */
struct media_text {
	const char *at;
	size_t len;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static struct media_text trimmed(const char *at, size_t len)
{
	while (len && is_space(*at)) {
		at++;
		len--;
	}
	while (len && is_space(at[len - 1]))
		len--;
	return (struct media_text){at, len};
}

/* What is in front of a separator, which goes too. */
static struct media_text take_part(struct media_text *rest, char separator)
{
	const char *end = rest->len ? memchr(rest->at, separator, rest->len) : NULL;
	size_t len = end ? (size_t)(end - rest->at) : rest->len;
	struct media_text part = trimmed(rest->at, len);

	rest->at += len;
	rest->len -= len;
	if (end) {
		rest->at++;
		rest->len--;
	}
	return part;
}

static bool is_text(struct media_text text, const char *word)
{
	return text.len == strlen(word) && strncasecmp(text.at, word, text.len) == 0;
}

static uint8_t format_of(struct media_text type)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (is_text(type, names[i].text))
			return names[i].format;
	return MANIFEST_BODY_NONE;
}

static bool is_lines(struct media_text type)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines_names); i++)
		if (is_text(type, lines_names[i]))
			return true;
	return false;
}

bool translate_is_lines(const char *text, size_t len)
{
	struct media_text rest = {text, len};

	return is_lines(take_part(&rest, ';'));
}

const char *translate_lines_type(void)
{
	return lines_names[0];
}

const char *translate_media_type(uint8_t format)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].format == format)
			return names[i].text;
	return "?";
}

uint8_t translate_parse_media_type(const char *text, size_t len, bool *has_odd_parameters)
{
	struct media_text rest = {text, len};
	uint8_t format = format_of(take_part(&rest, ';'));

	*has_odd_parameters = false;
	while (rest.len) {
		struct media_text parameter = take_part(&rest, ';');

		if (parameter.len && !is_text(parameter, CHARSET) &&
		    !is_text(parameter, "charset=\"utf-8\""))
			*has_odd_parameters = true;
	}
	return format;
}

/* "1", "0.125" in thousandths; what is malformed is no weight. */
static uint16_t parse_weight(struct media_text text)
{
	unsigned int weight = 0, unit = WEIGHT_FULL;

	for (size_t i = 0; i < text.len; i++) {
		if (i == 1 && text.at[i] == '.')
			continue;
		if (text.at[i] < '0' || text.at[i] > '9' || !unit)
			return 0;
		weight += (unsigned int)(text.at[i] - '0') * unit;
		unit /= 10;
	}
	return weight <= WEIGHT_FULL ? (uint16_t)weight : 0;
}

static uint16_t weight_of(struct media_text parameters)
{
	while (parameters.len) {
		struct media_text parameter = take_part(&parameters, ';');
		struct media_text name = take_part(&parameter, '=');

		if (is_text(name, "q"))
			return parse_weight(trimmed(parameter.at, parameter.len));
	}
	return WEIGHT_FULL;
}

static void wish(struct translate_wish *wish, uint8_t precision, uint16_t weight)
{
	if (precision > wish->precision || (precision == wish->precision && weight > wish->weight))
		*wish = (struct translate_wish){weight, precision};
}

/**
 * struct media_range - one of an Accept
 * @type: without its parameters
 * @weight: of it
 * @precision: 1 any type, 2 any of application, 0 it says a type
 */
struct media_range {
	struct media_text type;
	uint16_t weight;
	uint8_t precision;
};

static struct media_range take_range(struct media_text *rest)
{
	struct media_text range = take_part(rest, ',');
	struct media_range ret = {.type = take_part(&range, ';')};

	ret.weight = weight_of(range);
	ret.precision = is_text(ret.type, "*/*") ? 1 : is_text(ret.type, "application/*") ? 2 : 0;
	return ret;
}

void translate_read_accept(const char *text, size_t len,
			   struct translate_wish wishes[__MANIFEST_BODY_END])
{
	struct media_text rest = {text, len};

	while (rest.len) {
		struct media_range range = take_range(&rest);
		uint8_t format = format_of(range.type);

		if (format)
			wish(&wishes[format], 3, range.weight);
		for (uint8_t i = MANIFEST_BODY_JSON; range.precision && i < __MANIFEST_BODY_END;
		     i++)
			wish(&wishes[i], range.precision, range.weight);
	}
}

void translate_read_accept_lines(const char *text, size_t len, struct translate_wish *ret)
{
	struct media_text rest = {text, len};

	while (rest.len) {
		struct media_range range = take_range(&rest);
		uint8_t precision = is_lines(range.type) ? 3 : range.precision;

		if (precision)
			wish(ret, precision, range.weight);
	}
}

uint8_t translate_choose(const struct translate_wish *wishes, uint8_t asked_in, uint8_t spoken)
{
	const uint8_t order[] = {asked_in, spoken, MANIFEST_BODY_JSON, MANIFEST_BODY_CBOR,
				 MANIFEST_BODY_MSGPACK};
	uint8_t best = MANIFEST_BODY_NONE;

	if (!wishes)
		return asked_in ? asked_in : spoken;
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		const struct translate_wish *other = &wishes[order[i]], *now = &wishes[best];

		if (order[i] && other->weight &&
		    (!best || other->weight > now->weight ||
		     (other->weight == now->weight && other->precision > now->precision)))
			best = order[i];
	}
	return best;
}
