/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: http1: heads and bodies of HTTP/1.1 messages, strictly
 *
 * Two programs that read one message differently are what request smuggling
 * lives on.  What RFC 9112 lets a recipient forgive is therefore refused here:
 * bare CR or LF, folded lines, space before a colon, two framings at once,
 * lengths and chunk sizes in any form but the plain one.  What passes has one
 * meaning, so it may be forwarded byte for byte.  Pure; every byte is foreign.
 */
#ifndef PROXY_HTTP1_H
#define PROXY_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP1_LINE_MAX 8192 /* request line: as nginx and Apache have it */
#define HTTP1_HEAD_MAX 16384 /* all of a head */
#define HTTP1_FIELDS_MAX 100
#define HTTP1_METHOD_MAX 15
#define HTTP1_CHUNK_DIGITS_MAX 15 /* below 2^60: sums of sizes cannot wrap */
#define HTTP1_LENGTH_DIGITS_MAX 18
#define HTTP1_CHUNK_LINE_MAX 256 /* with extensions, which nobody uses */
#define HTTP1_TRAILERS_MAX 8192

/**
 * struct http1_text - part of a head; not terminated
 * @at: first byte
 * @len: bytes
 */
struct http1_text {
	const char *at;
	size_t len;
};

/**
 * struct http1_field - a header
 * @name: as written
 * @value: without white space around it
 */
struct http1_field {
	struct http1_text name, value;
};

/** enum http1_framing - where a body ends */
enum http1_framing {
	HTTP1_NO_BODY,
	HTTP1_LENGTH,
	HTTP1_CHUNKED,
	HTTP1_UNTIL_CLOSE,
};

/**
 * struct http1_head - a request or response up to its empty line; borrows the bytes it was read from
 * @method: of a request
 * @target: of a request
 * @minor: of HTTP/1.x
 * @status: of a response
 * @n_fields: entries of @fields
 * @fields: headers in their order
 * @framing: enum http1_framing
 * @length: with HTTP1_LENGTH
 * @is_persistent: the connection may be used again
 * @is_upgrade: another protocol is asked for, or answered with 101
 * @expects_continue: the sender waits for 100
 */
struct http1_head {
	struct http1_text method, target;
	unsigned int minor, status;
	size_t n_fields;
	struct http1_field fields[HTTP1_FIELDS_MAX];
	enum http1_framing framing;
	uint64_t length;
	bool is_persistent, is_upgrade, expects_continue;
};

/** struct http1_refusal - status to answer with, and a sentence for a person */
struct http1_refusal {
	unsigned int status;
	const char *reason;
};

/**
 * http1_find_end() - Length of a head.
 * @bytes: of a message from its beginning
 * @len: bytes there
 * @seen: of them looked at before; updated
 *
 * Return: bytes up to and with the empty line; 0 it has not come yet.
 */
size_t http1_find_end(const uint8_t *bytes, size_t len, size_t *seen);
/**
 * http1_check_size() - May a head that has not ended go on?
 * @bytes: of it
 * @len: bytes there
 * @refusal: filled when not
 */
bool http1_check_size(const uint8_t *bytes, size_t len, struct http1_refusal *refusal);
/**
 * http1_parse_request() - A whole head.
 * @bytes: from the request line to the empty line
 * @len: as http1_find_end() said
 * @ret: filled on success
 * @refusal: filled on failure
 */
bool http1_parse_request(const uint8_t *bytes, size_t len, struct http1_head *ret,
			 struct http1_refusal *refusal);
/**
 * http1_parse_response() - A whole head.
 * @bytes: from the status line to the empty line
 * @len: as http1_find_end() said
 * @is_head: it answers HEAD, so nothing follows
 * @ret: filled on success
 * @refusal: filled on failure
 */
bool http1_parse_response(const uint8_t *bytes, size_t len, bool is_head, struct http1_head *ret,
			  struct http1_refusal *refusal);

/**
 * http1_parse_trailers() - What stands between the last chunk and the end of a message.
 * @bytes: with the empty line
 * @len: bytes there
 * @ret: of it only the fields are filled
 * @refusal: filled on failure
 */
bool http1_parse_trailers(const uint8_t *bytes, size_t len, struct http1_head *ret,
			  struct http1_refusal *refusal);

/** http1_status_text() - A reason phrase (RFC 9110, 15); some clients need one that is not empty. */
const char *http1_status_text(unsigned int status);
/** http1_is_token() - Could it be the name of a header or cookie? */
bool http1_is_token(const struct http1_text *text);
/** http1_is_value() - Could it be the value of a header, with nothing around it to trim? */
bool http1_is_value(const struct http1_text *text);
/** http1_is() - Is a text this word, whatever the case? */
bool http1_is(const struct http1_text *text, const char *word);
/** http1_find_one() - Value of the header, if it is there once; else NULL: nobody knows which is meant. */
const struct http1_text *http1_find_one(const struct http1_head *head, const char *name);
/** http1_is_header() - The same for names; '_' is '-', as CGI and its heirs take them for one. */
bool http1_is_header(const struct http1_text *name, const char *word);
/** http1_list_has() - Is a word in a list with commas, whatever the case? */
bool http1_list_has(const struct http1_text *list, const struct http1_text *word);
/** http1_connection_names() - Is a header of this name for the next hop alone, as Connection says? */
bool http1_connection_names(const struct http1_head *head, const struct http1_text *name);
/** http1_takes_trailers() - Does the client of a request say that it reads trailers? (RFC 9110, 10.1.4) */
bool http1_takes_trailers(const struct http1_head *head);
/** http1_is_idempotent() - May a request with this method be made twice? (RFC 9110, 9.2.2) */
bool http1_is_idempotent(const struct http1_text *method);
/** http1_path_of() - Path of a target in origin or absolute form, with its query; len 0: none. */
struct http1_text http1_path_of(const struct http1_text *target);
/**
 * http1_path_is_plain() - Does a path say what it means?
 * @path: as http1_path_of() gave it
 *
 * A rule about "/v1" means nothing if "/v1/../admin", or a form of it that only the service
 * decodes, is let through: dot segments, backslashes, and these or a slash in percent form.
 */
bool http1_path_is_plain(const struct http1_text *path);

/**
 * struct http1_body - where in a body we are; set by http1_body_begin()
 * @framing: enum http1_framing
 * @left: bytes of it, or of its chunk
 * @state: inside a chunked body
 * @line: bytes of the line we are in
 * @trailers: bytes of them
 * @digits: of a chunk size
 * @takes_trailers: they are not refused
 * @is_last: the last chunk has come
 * @is_done: all of it has come
 */
struct http1_body {
	enum http1_framing framing;
	uint64_t left;
	unsigned int state;
	size_t line, trailers;
	unsigned int digits;
	bool takes_trailers, is_last, is_done;
};

/**
 * http1_body_begin() - The body after a head.
 * @body: set
 * @head: in front of it
 * @takes_trailers: no for requests, as some services take trailers for headers
 */
void http1_body_begin(struct http1_body *body, const struct http1_head *head, bool takes_trailers);
/**
 * http1_body_take() - More bytes.
 * @body: moves on
 * @bytes: what came
 * @len: bytes there
 *
 * Return: how many belong to it, fewer than @len only when it is done; -1 it is malformed.
 */
long http1_body_take(struct http1_body *body, const uint8_t *bytes, size_t len);

/**
 * struct http1_piece - what is inside the framing of a body
 * @bytes: some of it
 * @is_trailer: of the trailers, for http1_parse_trailers() when the body is done; else content
 */
struct http1_piece {
	struct http1_text bytes;
	bool is_trailer;
};

/**
 * http1_body_unwrap() - The same, for one who wants it without its framing.
 * @body: moves on, to the end of one piece at most
 * @bytes: what came
 * @len: bytes there
 * @ret: the piece; of no bytes if only framing was taken
 *
 * Return: bytes taken, 0 only without any or when the body is done; -1 it is malformed.
 */
long http1_body_unwrap(struct http1_body *body, const uint8_t *bytes, size_t len,
		       struct http1_piece *ret);

#endif
