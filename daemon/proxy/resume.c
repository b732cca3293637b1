// SPDX-License-Identifier: GPL-2.0
/* DOC: resume: see resume.h */
#include "daemon/proxy/resume.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char unit[] = "bytes ";

/* ---- headers ---- */

/* Return: how often it is there. */
static size_t find(const struct resume_answer *answer, const char *name, struct http1_text *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < answer->n_fields; i++) {
		if (!http1_is(&answer->fields[i].name, name))
			continue;
		*ret = answer->fields[i].value;
		n++;
	}
	return n;
}

static bool is_strong(const struct http1_text *etag)
{
	return etag->len >= 2 && etag->len <= RESUME_ETAG_MAX && etag->at[0] == '"' &&
	       etag->at[etag->len - 1] == '"' && !memchr(etag->at + 1, '"', etag->len - 2);
}

static bool is_same(const struct http1_text *text, const char *word)
{
	return text->len == strlen(word) && memcmp(text->at, word, text->len) == 0;
}

static bool read_number(const char **at, const char *end, uint64_t *ret)
{
	const char *from = *at;

	*ret = 0;
	for (; *at < end && **at >= '0' && **at <= '9'; (*at)++)
		*ret = *ret * 10 + (uint64_t)(**at - '0');
	return *at > from && *at - from <= HTTP1_LENGTH_DIGITS_MAX;
}

/**
 * struct range - value of Content-Range
 * @first: byte
 * @last: byte
 * @length: of all
 */
struct range {
	uint64_t first, last, length;
};

/* One whose length nobody knows could end anywhere. */
static bool read_range(const struct http1_text *text, struct range *ret)
{
	const char *at = text->at + strlen(unit), *end = text->at + text->len;

	return text->len > strlen(unit) && strncasecmp(text->at, unit, strlen(unit)) == 0 &&
	       read_number(&at, end, &ret->first) && at < end && *at++ == '-' &&
	       read_number(&at, end, &ret->last) && at < end && *at++ == '/' &&
	       read_number(&at, end, &ret->length) && at == end;
}

/* ---- what it is about ---- */

bool resume_may_ask(const struct http1_field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (http1_is_header(&fields[i].name, "range") ||
		    http1_is_header(&fields[i].name, "if-range"))
			return false;
	return true;
}

void resume_begin(struct resume *resume, const struct resume_answer *answer)
{
	struct http1_text ranges, etag = {0}, encoding = {"", 0}, trailers;

	resume->is_possible = false;
	if (answer->status != 200 || !answer->has_end ||
	    find(answer, "accept-ranges", &ranges) != 1 || !http1_is(&ranges, "bytes") ||
	    find(answer, "etag", &etag) != 1 || !is_strong(&etag) ||
	    find(answer, "content-encoding", &encoding) > 1 || encoding.len > RESUME_ENCODING_MAX ||
	    find(answer, "trailer", &trailers)) /* which the rest would come without */
		return;
	*resume = (struct resume){
		.is_possible = true,
		.has_length = answer->has_length,
		.length = answer->length,
	};
	memcpy(resume->etag, etag.at, etag.len);
	memcpy(resume->encoding, encoding.at, encoding.len);
}

/* ---- the rest ---- */

static uint64_t first_wanted(const struct resume *resume)
{
	bool may_be_all = !resume->has_length || resume->passed == resume->length;

	return resume->passed - (resume->passed && may_be_all);
}

void resume_format_range(const struct resume *resume, char ret[RESUME_RANGE_MAX])
{
	snprintf(ret, RESUME_RANGE_MAX, "bytes=%" PRIu64 "-", first_wanted(resume));
}

size_t resume_write(const struct resume *resume, char ret[RESUME_HEADERS_MAX])
{
	char range[RESUME_RANGE_MAX];

	resume_format_range(resume, range);
	return (size_t)snprintf(ret, RESUME_HEADERS_MAX, "Range: %s\r\nIf-Range: %s\r\n", range,
				resume->etag);
}

/* A 206 need not say it again; but if it does, it must be the same (RFC 9110, 15.3.7). */
static bool is_encoded_so(const struct resume *resume, const struct resume_answer *answer)
{
	struct http1_text encoding;
	size_t n = find(answer, "content-encoding", &encoding);

	return !n || (n == 1 && is_same(&encoding, resume->encoding));
}

bool resume_go_on(struct resume *resume, const struct resume_answer *answer)
{
	struct http1_text text, etag;
	struct range range;

	if (answer->status != 206 || !answer->has_end ||
	    find(answer, "content-range", &text) != 1 || !read_range(&text, &range) ||
	    find(answer, "etag", &etag) != 1 || !is_same(&etag, resume->etag) ||
	    !is_encoded_so(resume, answer) || range.first != first_wanted(resume) ||
	    range.first > range.last || range.length - 1 != range.last ||
	    (resume->has_length && range.length != resume->length) ||
	    (answer->has_length && answer->length != range.length - range.first))
		return false;
	resume->is_gone_on = resume->has_length = true;
	resume->length = range.length;
	resume->n_again = resume->passed - range.first;
	return true;
}

bool resume_take(struct resume *resume, struct http1_text *content)
{
	if (resume->n_again && content->len) { /* never more than one */
		if ((uint8_t)content->at[0] != resume->last)
			return false;
		resume->n_again = 0;
		content->at++;
		content->len--;
	}
	if (resume->has_length && content->len > resume->length - resume->passed)
		return false;
	if (!content->len)
		return true;
	resume->passed += content->len;
	resume->last = (uint8_t)content->at[content->len - 1];
	return true;
}

bool resume_is_whole(const struct resume *resume)
{
	return resume->has_length && resume->passed == resume->length && !resume->n_again;
}
