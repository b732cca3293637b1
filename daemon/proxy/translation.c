// SPDX-License-Identifier: GPL-2.0
/* DOC: translation: see translation.h */
#include "daemon/proxy/translation.h"

#include <stdio.h>

/* Digests are of the bytes that came. */
#define DIGESTS "content-md5", "digest", "content-digest", "repr-digest"

/* What would have it in parts, or packed. */
const char *const translation_answer_names[] = {"accept-encoding", "range", "if-range", NULL};
const char *const translation_request_names[] = {
	"content-type", "content-length", "transfer-encoding", "expect", DIGESTS, NULL};
const char *const translation_response_names[] = {"content-type",
						  "content-length",
						  "transfer-encoding",
						  "trailer",
						  "etag",
						  "accept-ranges",
						  DIGESTS,
						  NULL};
const char *const translation_digest_names[] = {DIGESTS, NULL};

/* ---- headers ---- */

void translation_read_field(struct translation_fields *fields, const struct http1_text *name,
			    const struct http1_text *value)
{
	if (http1_is(name, "content-type")) {
		fields->type = *value;
		fields->format = translate_parse_media_type(value->at, value->len, &fields->is_odd);
		fields->is_lines = translate_is_lines(value->at, value->len);
	} else if (http1_is(name, "etag")) {
		fields->etag = *value;
	} else if (http1_is(name, "content-encoding")) {
		fields->is_packed |= value->len && !http1_is(value, "identity");
	} else if (http1_is(name, "content-range")) {
		fields->is_part = true;
	} else if (http1_is(name, "accept")) {
		fields->accepts = true;
		translate_read_accept(value->at, value->len, fields->wishes);
		translate_read_accept_lines(value->at, value->len, &fields->lines);
	}
}

/* ---- refusals ---- */

bool translation_refuse(struct counted *counted, struct http1_refusal *refusal, unsigned int status,
			const char *reason)
{
	counted->counts.http.untranslatable++;
	*refusal = (struct http1_refusal){status, reason};
	return false;
}

bool translation_request_is_large(struct counted *counted, struct http1_refusal *refusal)
{
	return translation_refuse(counted, refusal, 413,
				  "a body of more than 1048576 bytes is not translated");
}

bool translation_answer_is_large(struct counted *counted, struct http1_refusal *refusal)
{
	return translation_refuse(counted, refusal, 502,
				  "the service's answer is more than 1048576 bytes, which is not "
				  "translated");
}

bool translation_is_crowded(struct counted *counted, struct http1_refusal *refusal)
{
	return translation_refuse(counted, refusal, 503,
				  "too many bodies are being translated at a time; try again "
				  "later");
}

unsigned int translation_request_status(enum translate_fault fault)
{
	switch (fault) {
	case TRANSLATE_MALFORMED:
		return 400;
	case TRANSLATE_TOO_LARGE:
		return 413;
	default:
		return 415;
	}
}

void translation_explain_answer(const struct translate_refusal *why,
				char ret[TRANSLATION_REASON_SIZE])
{
	snprintf(ret, TRANSLATION_REASON_SIZE, "the service's answer cannot be translated: %s",
		 why->reason);
}

/* ---- verdicts ---- */

static bool is_too_long(const struct translation_body *body)
{
	return body->has_length && body->length > TRANSLATE_BODY_MAX;
}

bool translation_check_request(struct counted *counted, const struct translation_fields *fields,
			       const struct translation_body *body, struct http1_refusal *refusal)
{
	if (fields->is_packed)
		return translation_refuse(
			counted, refusal, 415,
			"a body with Content-Encoding is not translated; send it plain");
	if (fields->is_part)
		return translation_refuse(counted, refusal, 415,
					  "a part of a body is not translated");
	if (fields->is_odd)
		return translation_refuse(counted, refusal, 415,
					  "Content-Type has parameters; what is translated has "
					  "charset=utf-8 or none");
	return !is_too_long(body) || translation_request_is_large(counted, refusal);
}

enum translation_verdict translation_judge_request(struct counted *counted, uint8_t spoken,
						   const struct translation_fields *fields,
						   const struct translation_body *body,
						   uint8_t *wanted, struct http1_refusal *refusal)
{
	*wanted = translate_choose(fields->accepts ? fields->wishes : NULL, fields->format, spoken);
	if (!body->is_there || !fields->format || fields->format == spoken)
		return translation_is_wanted(*wanted, spoken) ? TRANSLATION_REWRITE
							      : TRANSLATION_PASS;
	if (!*wanted) {
		translation_refuse(counted, refusal, 406,
				   "Accept takes none of JSON, CBOR and MessagePack, which is "
				   "what the answer can be had in");
		return TRANSLATION_REFUSE;
	}
	return translation_check_request(counted, fields, body, refusal) ? TRANSLATION_COLLECT
									 : TRANSLATION_REFUSE;
}

/* Why an answer in the service's format cannot be had in another; NULL it can. */
static const char *objection_to(const struct translation_fields *fields, unsigned int status)
{
	if (fields->is_packed)
		return "the service answered with a Content-Encoding it was not asked for, which "
		       "is not translated";
	if (fields->is_part || status == 206)
		return "the service answered with a part of a body, which is not translated";
	if (fields->is_odd)
		return "the service answered with parameters in Content-Type, which is not "
		       "translated";
	return NULL;
}

enum translation_verdict translation_judge_answer(struct counted *counted, uint8_t spoken,
						  uint8_t wanted, unsigned int status,
						  const struct translation_fields *fields,
						  const struct translation_body *body,
						  struct http1_refusal *refusal)
{
	const char *objection;

	if (fields->format != spoken)
		return TRANSLATION_PASS;
	if (!translation_is_wanted(wanted, spoken) || body->is_empty)
		return TRANSLATION_VARY;
	if (!body->is_there)
		return TRANSLATION_REWRITE;
	objection = objection_to(fields, status);
	if (!objection && !is_too_long(body))
		return TRANSLATION_COLLECT;
	if (objection)
		translation_refuse(counted, refusal, 502, objection);
	else
		translation_answer_is_large(counted, refusal);
	return TRANSLATION_REFUSE;
}

/* ---- bodies ---- */

bool translation_do(struct counted *counted, struct translation_job *job,
		    struct translate_refusal *why)
{
	struct proxy_http_counts *counts = &counted->counts.http;

	if (!translate_body(job->from, job->to, job->bytes, job->len, &job->ret, &job->ret_len,
			    why)) {
		counts->untranslatable++;
		return false;
	}
	counts->translated++;
	return true;
}

bool translation_hold(struct proxy *proxy, size_t *held, size_t now)
{
	proxy->translating += now;
	proxy->translating -= *held;
	*held = now;
	return proxy->translating <= TRANSLATION_HELD_MAX;
}
