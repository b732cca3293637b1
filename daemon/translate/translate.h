/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: translate: one content in JSON, CBOR (RFC 8949) or MessagePack
 *
 * A body is read whole into a tree of values and written anew.  What the other
 * format cannot say exactly is refused with a sentence, never changed.  A room:
 * no I/O, no clock; every byte is foreign.  Documentation/translate.rst.
 *
 *	media.c		names of formats, Content-Type, Accept
 *	tree.c		values in memory
 *	json.c cbor.c msgpack.c	reader and writer of a format
 *	translate.c	one into the other
 */
#ifndef TRANSLATE_TRANSLATE_H
#define TRANSLATE_TRANSLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/wire/manifest.h"

#define TRANSLATE_BODY_MAX (1 << 20) /* bytes, before and after: what may stop the loop for one */
#define TRANSLATE_DEPTH_MAX 64 /* arrays and maps inside one another: readers and writers recurse */
#define TRANSLATE_VALUES_MAX 65536 /* of one body: 10 MiB with what jansson makes of them */
#define TRANSLATE_REASON_MAX 255

/** enum translate_fault - whose fault it is that a body is not translated */
enum translate_fault {
	TRANSLATE_MALFORMED, /* it is not of the format it says */
	TRANSLATE_LOSSY, /* the other format cannot say it */
	TRANSLATE_TOO_LARGE, /* a limit of ours */
};

/**
 * struct translate_refusal - why a body is not translated
 * @fault: enum translate_fault
 * @reason: a sentence for a person
 */
struct translate_refusal {
	enum translate_fault fault;
	char reason[TRANSLATE_REASON_MAX + 1];
};

/**
 * translate_body() - The same content in another format.
 * @from: enum manifest_body of @bytes, not none
 * @to: enum manifest_body of the result, not none
 * @bytes: a whole body
 * @len: its bytes
 * @ret: set on success; the caller frees
 * @ret_len: set on success, at most TRANSLATE_BODY_MAX
 * @refusal: filled on failure
 *
 * Context: Pure; deterministic.
 * Return: true; false refused.
 */
bool translate_body(uint8_t from, uint8_t to, const uint8_t *bytes, size_t len, uint8_t **ret,
		    size_t *ret_len, struct translate_refusal *refusal);

/** translate_media_type() - "application/json", ...: as written in a Content-Type. */
const char *translate_media_type(uint8_t format);
/**
 * translate_parse_media_type() - Which format is a Content-Type?
 * @text: value of the header, not terminated
 * @len: its bytes
 * @has_odd_parameters: set: it has parameters other than charset=utf-8
 *
 * Return: enum manifest_body; MANIFEST_BODY_NONE another type.
 */
uint8_t translate_parse_media_type(const char *text, size_t len, bool *has_odd_parameters);

/**
 * struct translate_wish - what an Accept header says of one format
 * @weight: thousandths, 0 not wanted
 * @precision: of what says so: 0 nothing does, 1 any type, 2 "application" and any, 3 by name
 */
struct translate_wish {
	uint16_t weight;
	uint8_t precision;
};

/**
 * translate_read_accept() - One Accept header, or one more.
 * @text: its value, not terminated
 * @len: its bytes
 * @wishes: by enum manifest_body; zero-initialised by the caller
 *
 * What is malformed in it is passed over.
 */
void translate_read_accept(const char *text, size_t len,
			   struct translate_wish wishes[__MANIFEST_BODY_END]);
/** translate_is_lines() - Is a Content-Type one of lines of JSON? */
bool translate_is_lines(const char *text, size_t len);
/** translate_lines_type() - "application/x-ndjson": as written in a Content-Type. */
const char *translate_lines_type(void);
/**
 * translate_read_accept_lines() - What one Accept header, or one more, says of lines of JSON.
 * @text: its value, not terminated
 * @len: its bytes
 * @ret: zero-initialised by the caller
 */
void translate_read_accept_lines(const char *text, size_t len, struct translate_wish *ret);
/**
 * translate_choose() - The format a client would have its answer in.
 * @wishes: NULL it did not say
 * @asked_in: format of its request; MANIFEST_BODY_NONE none
 * @spoken: by the service
 *
 * The greatest weight; of equal ones what is named more precisely; then what it speaks itself,
 * then what the service speaks.
 *
 * Return: enum manifest_body; MANIFEST_BODY_NONE it wants none of them.
 */
uint8_t translate_choose(const struct translate_wish *wishes, uint8_t asked_in, uint8_t spoken);

#endif
