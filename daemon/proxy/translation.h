/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: translation: what pumps of HTTP/1.1 and HTTP/2 do alike with bodies in another format
 *
 * Which messages are translated, which pass, and which are refused with what
 * sentence, by what their headers say; a pump only holds a body and writes the
 * headers in its own way.  Documentation/translate.rst; the room is daemon/translate.
 */
#ifndef PROXY_TRANSLATION_H
#define PROXY_TRANSLATION_H

#include "daemon/proxy/http1.h"
#include "daemon/proxy/internal.h"
#include "daemon/translate/translate.h"

#define TRANSLATION_HELD_MAX (32 << 20) /* of all connections; then 503 */
#define TRANSLATION_REASON_SIZE (TRANSLATE_REASON_MAX + 64)

/* Headers that are left out, each list ends with NULL. */
/** translation_answer_names - of a request whose answer will be translated */
extern const char *const translation_answer_names[];
/** translation_request_names - of a request that is translated */
extern const char *const translation_request_names[];
/** translation_response_names - of an answer that is translated */
extern const char *const translation_response_names[];
/** translation_digest_names - of its trailers: they are of the bytes that came */
extern const char *const translation_digest_names[];

/**
 * struct translation_fields - headers that say what a body is; zero-initialise
 * @type: value of Content-Type, len 0 none
 * @etag: of ETag
 * @format: enum manifest_body by @type
 * @is_odd: @type has parameters we do not know
 * @is_packed: it has a Content-Encoding
 * @is_part: it has a Content-Range
 * @accepts: there is an Accept
 * @wishes: what it says
 * @is_lines: @type is lines of JSON
 * @lines: what Accept says of those
 */
struct translation_fields {
	struct http1_text type, etag;
	uint8_t format;
	bool is_odd, is_packed, is_part, accepts;
	struct translate_wish wishes[__MANIFEST_BODY_END];
	bool is_lines;
	struct translate_wish lines;
};

/**
 * struct translation_body - what the framing of a message says of its body
 * @is_there: there is one, or may be
 * @is_empty: there could be one, of no bytes
 * @has_length: @length is said
 * @length: bytes
 */
struct translation_body {
	bool is_there, is_empty, has_length;
	uint64_t length;
};

/** enum translation_verdict - what is done with a message */
enum translation_verdict {
	TRANSLATION_PASS, /* as it came */
	TRANSLATION_VARY, /* the same, but another Accept might have had another answer */
	TRANSLATION_REWRITE, /* its headers become those of a translated one */
	TRANSLATION_COLLECT, /* it is held until it is whole, and translated */
	TRANSLATION_REFUSE,
};

/** translation_read_field() - One header of a message. */
void translation_read_field(struct translation_fields *fields, const struct http1_text *name,
			    const struct http1_text *value);
/** translation_is_wanted() - Would a client have its answer in another format than the service's? */
static inline bool translation_is_wanted(uint8_t wanted, uint8_t spoken)
{
	return wanted && wanted != spoken;
}

/**
 * translation_judge_request() - What is done with a request to a service that says a format?
 * @counted: of the service
 * @spoken: enum manifest_body of it
 * @fields: of the request
 * @body: of the request
 * @wanted: set: enum manifest_body the client would have its answer in, none: any
 * @refusal: filled with TRANSLATION_REFUSE
 *
 * Return: any but TRANSLATION_VARY.
 */
enum translation_verdict translation_judge_request(struct counted *counted, uint8_t spoken,
						   const struct translation_fields *fields,
						   const struct translation_body *body,
						   uint8_t *wanted, struct http1_refusal *refusal);
/** translation_check_request() - Can its body be translated at all? */
bool translation_check_request(struct counted *counted, const struct translation_fields *fields,
			       const struct translation_body *body, struct http1_refusal *refusal);
/**
 * translation_judge_answer() - And with the answer?
 * @counted: of the service
 * @spoken: enum manifest_body of it
 * @wanted: as the request said
 * @status: of the answer
 * @fields: of the answer
 * @body: of the answer
 * @refusal: filled with TRANSLATION_REFUSE
 */
enum translation_verdict translation_judge_answer(struct counted *counted, uint8_t spoken,
						  uint8_t wanted, unsigned int status,
						  const struct translation_fields *fields,
						  const struct translation_body *body,
						  struct http1_refusal *refusal);

/** translation_refuse() - Count it. Return: false, with @refusal filled. */
bool translation_refuse(struct counted *counted, struct http1_refusal *refusal, unsigned int status,
			const char *reason);
/** translation_request_is_large() - Refuse it for being more than is translated. Return: false. */
bool translation_request_is_large(struct counted *counted, struct http1_refusal *refusal);
/** translation_answer_is_large() - The same. */
bool translation_answer_is_large(struct counted *counted, struct http1_refusal *refusal);
/** translation_request_status() - Answered to a request that the room refuses. */
unsigned int translation_request_status(enum translate_fault fault);
/** translation_explain_answer() - Why an answer is not translated, as a sentence. */
void translation_explain_answer(const struct translate_refusal *why,
				char ret[TRANSLATION_REASON_SIZE]);

/**
 * struct translation_job - a body that is whole, and what becomes of it
 * @from: enum manifest_body of @bytes
 * @to: enum manifest_body of @ret
 * @bytes: borrowed
 * @len: of @bytes
 * @ret: set on success; the caller frees
 * @ret_len: of @ret
 */
struct translation_job {
	uint8_t from, to;
	const uint8_t *bytes;
	size_t len;
	uint8_t *ret;
	size_t ret_len;
};

/** translation_bytes() - What waits in a buffer, never NULL. */
static inline const uint8_t *translation_bytes(const struct buffer *buffer)
{
	return buffer->bytes ? buffer->bytes + buffer->start : (const uint8_t *)"";
}

/** translation_do() - Do and count it. Return: false with @why. */
bool translation_do(struct counted *counted, struct translation_job *job,
		    struct translate_refusal *why);

/**
 * translation_hold() - So many bytes are held now for translation.
 * @proxy: counts those of all
 * @held: what was counted before, changed
 * @now: bytes
 *
 * Return: false they are too many in all.
 */
bool translation_hold(struct proxy *proxy, size_t *held, size_t now);
/** translation_is_crowded() - Refuse one, since too many bytes are held. Return: false. */
bool translation_is_crowded(struct counted *counted, struct http1_refusal *refusal);

#endif
