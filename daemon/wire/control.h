/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: control messages between hubs
 *
 * One-way messages, each an HTTP/2 POST to its path with a CBOR map (integer
 * keys, definite lengths, sorted) as body, answered with 204 or 4xx.  The
 * answer only says the bytes were understood; protocols that need an answer
 * have a message for it.  Documentation/control.rst is the specification.
 */
#ifndef WIRE_CONTROL_H
#define WIRE_CONTROL_H

#include <stddef.h>

#include "daemon/lib/endpoint.h"
#include "daemon/lib/hub_id.h"
#include "daemon/lib/sha256.h"

#define CONTROL_BODY_MAX 65536 /* bytes; larger requests get 413 */
#define CONTROL_NAME_MAX 63
#define CONTROL_DIGESTS_MAX 1024 /* LSDB entries in one DIGEST message */
#define CONTROL_RECORD_MAX 16384 /* one signed link-state record */
#define CONTROL_LISTS_MAX 8 /* lists of revocations a hub has: one of each root */
#define CONTROL_PULLS_MAX 16 /* digests in one PULL message */
#define CONTROL_SENDER_MATERIAL_LEN 44 /* AEAD key, salt */
#define CONTROL_KEY_OWNER_MAX 1 /* of enum key_owner in hub/effects.h; a test compares */

enum control_message {
	CONTROL_HELLO = 1, /* POST /v1/hello: first on every session, both ways */
	CONTROL_KEY_OFFER, /* POST /v1/key-offer: receive key installed, install yours */
	CONTROL_KEY_ACCEPT, /* POST /v1/key-accept: installed, you may transmit */
	CONTROL_KEY_CONFIRM, /* POST /v1/key-confirm: I transmit with it, so may you */
	CONTROL_KEY_REFUSE, /* POST /v1/key-refuse: phase busy, here is a free one */
	CONTROL_RECORD, /* POST /v1/record: one signed link-state record */
	CONTROL_DIGEST, /* POST /v1/digest: what my database holds */
	CONTROL_BYE, /* POST /v1/bye: I am leaving */
	CONTROL_PULL, /* POST /v1/pull: send me the bytes with these digests */
	CONTROL_BLOB, /* POST /v1/blob: a manifest or catalogue, as its owner wrote it */
	CONTROL_BROKER, /* POST /v1/broker: a signed broker message on its way to a hub */
	CONTROL_SENDER_KEY, /* POST /v1/sender-key: what I seal with for many */
	CONTROL_SENDER_HAVE, /* POST /v1/sender-have: yours is installed */
	CONTROL_REVOCATIONS, /* POST /v1/revocations: a root's list (X.509 CRL, DER) */
	CONTROL_REVOCATIONS_HAVE, /* POST /v1/revocations-have: the lists I have */
	__CONTROL_END,
};

/** control_path() - ":path" of a message, NULL for an unknown number. */
const char *control_path(uint8_t message);
/** control_from_path() - Return: message number; -ENOENT. */
int control_from_path(const char *path, size_t len);

/**
 * struct control_hello - who speaks, and what the kernel there needs to know
 * @boot_epoch: the sender's; another one than before means its keys are gone
 * @link: sender's index for the link of this session, at most HM_LINK_INDEX_MAX,
 *	0 over the mesh
 * @data_port: UDP port of its carrier, 0 = no datapath
 * @name: for people
 * @ciphers: bit mask of 1 << enum hubmesh_cipher it can use
 * @has_lladdr: frames of this link may come in Ethernet, to @lladdr
 * @lladdr: Ethernet address of the sender's interface
 * @replaces: session takes over from an earlier one of the same path (rekey)
 */
struct control_hello {
	uint64_t boot_epoch;
	uint32_t link;
	uint16_t data_port;
	char name[CONTROL_NAME_MAX + 1];
	uint32_t ciphers;
	bool replaces, has_lladdr;
	uint8_t lladdr[ENDPOINT_LLADDR_LEN];
};

/**
 * struct control_key - body of KEY_OFFER, KEY_ACCEPT, KEY_CONFIRM, KEY_REFUSE
 * @owner: enum key_owner
 * @phase: phase spoken of, below HM_PHASES; in KEY_REFUSE the one to try instead
 * @serial: counts offers of the session; goes into the exporter context
 * @cipher: enum hubmesh_cipher, at most 31
 */
struct control_key {
	uint8_t owner;
	uint8_t phase;
	uint32_t serial;
	uint32_t cipher;
};

/**
 * struct control_sender - body of SENDER_KEY, and without cipher and key of SENDER_HAVE
 * @serial: counts the sender's keys of this life, from 1
 * @phase: its phase, below HM_PHASES
 * @cipher: enum hubmesh_cipher, at most 31
 * @material: AEAD key (32), salt (12); wiped by who decoded it
 */
struct control_sender {
	uint32_t serial;
	uint8_t phase;
	uint32_t cipher;
	uint8_t material[CONTROL_SENDER_MATERIAL_LEN];
};

/**
 * struct control_digest_entry - one record the sender has
 * @hub: whose
 * @boot_epoch: of the record
 * @seq: of the record
 */
struct control_digest_entry {
	struct hub_id hub;
	uint64_t boot_epoch;
	uint64_t seq;
};

/**
 * struct control_list - a list of revocations the sender has
 * @issuer: key of the root that signed it
 * @number: of the list
 * @digest: SHA-256 of it
 */
struct control_list {
	uint8_t issuer[HUB_PUBKEY_LEN];
	uint64_t number;
	uint8_t digest[SHA256_LEN];
};

/*
 * Encoders write into @buf and return the length, or -EMSGSIZE; a value out
 * of range, a name without NUL or entries not in rising order of hub id are
 * bugs of the caller and asserted.
 * Decoders return 0, or -EBADMSG with @ret untouched.
 * Context: Pure; nothing is allocated.
 */
int control_encode_hello(const struct control_hello *m, uint8_t *buf, size_t size);
int control_decode_hello(const uint8_t *buf, size_t len, struct control_hello *ret);
int control_encode_key(const struct control_key *m, uint8_t *buf, size_t size);
int control_decode_key(const uint8_t *buf, size_t len, struct control_key *ret);
int control_encode_sender_key(const struct control_sender *m, uint8_t *buf, size_t size);
int control_decode_sender_key(const uint8_t *buf, size_t len, struct control_sender *ret);
int control_encode_sender_have(const struct control_sender *m, uint8_t *buf, size_t size);
int control_decode_sender_have(const uint8_t *buf, size_t len, struct control_sender *ret);
int control_encode_digest(const struct control_digest_entry *e, size_t n, uint8_t *buf,
			  size_t size);
/* Return: number of entries, at most @max, in rising order of hub id; -EBADMSG. */
int control_decode_digest(const uint8_t *buf, size_t len, struct control_digest_entry *ret,
			  size_t max);
/* @n digests, 1 to CONTROL_PULLS_MAX. */
int control_encode_pull(const uint8_t (*digests)[SHA256_LEN], size_t n, uint8_t *buf, size_t size);
/* Return: number of digests; -EBADMSG. */
int control_decode_pull(const uint8_t *buf, size_t len, uint8_t (*ret)[SHA256_LEN]);
/* @n lists, at most CONTROL_LISTS_MAX, in any order. */
int control_encode_lists(const struct control_list *lists, size_t n, uint8_t *buf, size_t size);
/* Return: number of lists, at most @max, itself at most CONTROL_LISTS_MAX; -EBADMSG. */
int control_decode_lists(const uint8_t *buf, size_t len, struct control_list *ret, size_t max);

#endif
