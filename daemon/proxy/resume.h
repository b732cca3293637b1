/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: resume: to go on elsewhere with an answer that was broken off
 *
 * Only where RFC 9110 13.1.5 and 14.2 leave no doubt that another provider has the same bytes: the
 * answer to a GET for all of it, from a service that takes byte ranges and gave a strong ETag; and
 * the other's answer is the rest up to the end, under the same ETag.
 *
 * Where no length was said, all may have come but the end itself; a range behind the last byte is
 * none.  So the rest is asked for from the last byte on that has come, which must be the same then,
 * as download managers do it with more of them.  Pure.
 */
#ifndef PROXY_RESUME_H
#define PROXY_RESUME_H

#include "daemon/proxy/http1.h"

#define RESUME_ETAG_MAX 128
#define RESUME_ENCODING_MAX 31
#define RESUME_RANGE_MAX 32 /* "bytes=" and a number of 64 bits */
#define RESUME_HEADERS_MAX \
	(RESUME_ETAG_MAX + RESUME_RANGE_MAX + 32) /* Range and If-Range, with all around them */

/**
 * struct resume - an answer that could be gone on with; zero-initialise
 * @is_possible: it could
 * @is_gone_on: what comes is the rest, of another provider
 * @has_length: @length is known
 * @length: of all of its content
 * @passed: bytes of that the client has, or will have
 * @n_again: bytes of the rest that are among these
 * @last: the last of them
 * @etag: with its quotes
 * @encoding: its Content-Encoding, "" none
 */
struct resume {
	bool is_possible, is_gone_on, has_length;
	uint64_t length, passed, n_again;
	uint8_t last;
	char etag[RESUME_ETAG_MAX + 1];
	char encoding[RESUME_ENCODING_MAX + 1];
};

/**
 * struct resume_answer - the head of an answer, of any version of HTTP
 * @status: of it
 * @has_length: its content is of @length
 * @length: bytes
 * @has_end: that it was broken off can be told from its end
 * @fields: its headers
 * @n_fields: of them
 */
struct resume_answer {
	unsigned int status;
	bool has_length, has_end;
	uint64_t length;
	const struct http1_field *fields;
	size_t n_fields;
};

/**
 * resume_may_ask() - Could the answer to a GET be gone on with?
 * @fields: of the request, which has no body
 * @n: of them
 */
bool resume_may_ask(const struct http1_field *fields, size_t n);
/** resume_begin() - The answer to such a request begins. */
void resume_begin(struct resume *resume, const struct resume_answer *answer);
/**
 * resume_take() - Some of its content has come, or of the rest of it.
 * @resume: that is possible
 * @content: what the client has not got yet is left of it
 *
 * Return: false it is not what was to come.
 */
bool resume_take(struct resume *resume, struct http1_text *content);
/**
 * resume_format_range() - Which bytes are to be asked for.
 * @resume: that is possible
 * @ret: value of Range, terminated; that of If-Range is its ETag
 */
void resume_format_range(const struct resume *resume, char ret[RESUME_RANGE_MAX]);
/** resume_write() - The same as headers of HTTP/1.1. Return: bytes written. */
size_t resume_write(const struct resume *resume, char ret[RESUME_HEADERS_MAX]);
/**
 * resume_go_on() - An answer to that has come.
 * @resume: expects its content from now on
 * @answer: final
 *
 * Return: false it is not the rest, and nothing has changed.
 */
bool resume_go_on(struct resume *resume, const struct resume_answer *answer);
/** resume_is_whole() - Has all of the content come? */
bool resume_is_whole(const struct resume *resume);

#endif
