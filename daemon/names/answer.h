/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: answer: one DNS query in, one reply out
 *
 * Knows the names below mesh. and the addresses they lead to, through a
 * source; no socket, no clock.  Messages are read and written here: a query
 * is a header, one uncompressed question and at most one OPT record, and
 * ldns, which unit tests read the replies with, takes 2 MB of resident memory
 * with the OpenSSL it brings.
 * Documentation/names.rst.
 */
#ifndef NAMES_ANSWER_H
#define NAMES_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/endpoint.h"

#define NAMES_QUERY_MAX 1232 /* a question takes 271; what is longer is no query for us */
#define NAMES_UDP_PLAIN_MAX 512 /* RFC 1035 section 4.2.1 */
#define NAMES_UDP_MAX 1232 /* DNS flag day 2020: fits IPv6's smallest MTU */
#define NAMES_REPLY_MAX 65535 /* over TCP */
#define NAMES_HEADER_LEN 12
#define NAMES_TEXT_MAX 256 /* a name as text, with the NUL */
#define NAMES_ADDRESSES_MAX 64 /* of one name; their reply fits TCP with room */
#define NAMES_TTL_S 5 /* an entry may move when the settings change */
#define NAMES_NEGATIVE_TTL_S 1 /* a service may come any moment */

/**
 * struct names_found - where a name leads
 * @addresses: their ports are the service's; 0 for a hub
 * @n: entries of @addresses; 0: the name exists and has no address
 */
struct names_found {
	struct endpoint addresses[NAMES_ADDRESSES_MAX];
	size_t n;
};

/** enum names_transport - how programs speak to a service */
enum names_transport {
	NAMES_ANY,
	NAMES_TCP,
	NAMES_UDP,
};

/**
 * struct names_source - what is known of names; all functions are needed
 * @find_service: the local entry of service @name that takes @transport; 0, or -ENOENT
 * @find_hub: addresses on the mesh of hub @name; 0, -ENOENT, or -ENOTUNIQ
 *	when several have that name
 * @find_owner: who has @address (its port is 0); 0 and the name relative to
 *	mesh. in @name (@size bytes); -ENOENT one of the mesh's that nobody
 *	has; -EAFNOSUPPORT none of the mesh's
 * @arg: passed to them
 *
 * Names come in lower case, as a DNS name may be written in any.
 */
struct names_source {
	int (*find_service)(void *arg, const char *name, enum names_transport transport,
			    struct names_found *ret);
	int (*find_hub)(void *arg, const char *name, struct names_found *ret);
	int (*find_owner)(void *arg, const struct endpoint *address, char *name, size_t size);
	void *arg;
};

/** enum names_outcome - what became of a query; each is counted */
enum names_outcome {
	NAMES_ANSWERED, /* the name exists, with or without records of that type */
	NAMES_UNKNOWN, /* NXDOMAIN */
	NAMES_AMBIGUOUS, /* SERVFAIL: two hubs have that name */
	NAMES_REFUSED, /* not a name of ours */
	NAMES_UNSUPPORTED, /* NOTIMP, BADVERS */
	NAMES_MALFORMED, /* FORMERR */
	NAMES_DROPPED, /* no query: too short, or a reply; nothing is sent */
	NAMES_FORWARD, /* not a name of ours; the caller asks upstream */
	NAMES_OUTCOMES,
};

/**
 * struct names_reply - bytes to send
 * @bytes: message
 * @len: its length
 * @is_truncated: sections were left out, the client will ask again by TCP
 */
struct names_reply {
	uint8_t bytes[NAMES_REPLY_MAX];
	size_t len;
	bool is_truncated;
};

/**
 * names_answer() - Reply to one query.
 * @source: what is known
 * @query: untrusted bytes, borrowed for this call
 * @len: bytes available in @query
 * @is_tcp: came over TCP: the reply may be NAMES_REPLY_MAX long
 * @has_upstream: other names are not refused but NAMES_FORWARD
 * @ret: receives the reply; says nothing for NAMES_DROPPED and NAMES_FORWARD
 *
 * Return: what became of it.
 */
enum names_outcome names_answer(const struct names_source *source, const uint8_t *query, size_t len,
				bool is_tcp, bool has_upstream, struct names_reply *ret);
/**
 * names_question_len() - Length of header and question of a well-formed query.
 * @query: untrusted bytes
 * @len: bytes available in @query
 * Return: bytes; 0 when there is no single, uncompressed question.
 */
size_t names_question_len(const uint8_t *query, size_t len);
/**
 * names_is_reply() - Do these bytes answer that query?
 * @query: as it was sent, with its id
 * @query_len: its length
 * @reply: untrusted bytes
 * @reply_len: bytes available in @reply
 *
 * Return: same id, same question byte by byte (so the client's choice of
 * upper and lower case counts, too), and marked as a reply.
 */
bool names_is_reply(const uint8_t *query, size_t query_len, const uint8_t *reply, size_t reply_len);
/**
 * names_udp_limit() - How long a reply over UDP may be for this query.
 * @query: well-formed
 * @len: its length
 * Return: bytes.
 */
size_t names_udp_limit(const uint8_t *query, size_t len);
/** names_fail() - A reply of header and question only: SERVFAIL, or truncated. */
void names_fail(const uint8_t *query, size_t len, bool truncated, struct names_reply *ret);

#endif
