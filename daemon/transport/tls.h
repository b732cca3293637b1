/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: tls: one mutually verified TLS 1.3 connection over memory buffers
 *
 * No socket and no loop: encrypted bytes are fed in, encrypted bytes are
 * taken out, and what lies between is wolfSSL with every choice pinned:
 * TLS 1.3 only, X25519 only, Ed25519 signatures only, one ALPN, no tickets,
 * no resumption, no early data.  Whether a certificate is good is decided by
 * trust_verify_hub() alone; wolfSSL has no roots of its own here.
 */
#ifndef TRANSPORT_TLS_H
#define TRANSPORT_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/trust/trust.h"

#define TLS_CERT_MAX 2048 /* DER bytes of a leaf; wolfSSL keeps no larger one */
#define TLS_OUTPUT_MAX (256 << 10) /* bytes waiting to be taken; more is a hostile peer */
#define TLS_EXPORT_MAX 255 /* bytes of one exporter call */
#define TLS_ALPN_MAX 32 /* bytes of a protocol's name */
#define TLS_KEY_MAX 32
#define TLS_IV_LEN 12
#define TLS_SUITE_AES_128_GCM 0x1301 /* RFC 8446 appendix B.4 */
#define TLS_SUITE_CHACHA20_POLY1305 0x1303

struct tls_context;
struct tls;

/**
 * struct tls_output - encrypted bytes on their way out
 * @bytes: heap, NULL when empty
 * @len: bytes used
 * @size: bytes allocated
 */
struct tls_output {
	uint8_t *bytes;
	size_t len, size;
};

/**
 * tls_context_new() - Load our certificate and key, pin everything.
 * @cert_pem: chain, of which only the leaf is sent: peers verify it against roots
 * @cert_len: bytes of @cert_pem
 * @key_pem: Ed25519 private key, copied into wolfSSL
 * @key_len: bytes of @key_pem
 * @trust: asked about every peer certificate; borrowed, must outlive the context
 * @ret: filled on success
 * @error_text: on failure, static text for a person
 *
 * Return: 0; -EBADMSG certificate or key unusable; -ENOMEM; -ENOTSUP this
 * wolfSSL lacks something we insist on.
 */
int tls_context_new(const uint8_t *cert_pem, size_t cert_len, const uint8_t *key_pem,
		    size_t key_len, struct trust *trust, struct tls_context **ret,
		    const char **error_text);
/**
 * tls_context_renew() - Another certificate for connections made from now on.
 * @context: those made from it keep what they were made with
 * @cert_pem: as in tls_context_new()
 * @cert_len: bytes of @cert_pem
 * @key_pem: likewise
 * @key_len: bytes of @key_pem
 * @error_text: likewise
 *
 * Return: 0; the errors of tls_context_new(), and nothing has changed.
 */
int tls_context_renew(struct tls_context *context, const uint8_t *cert_pem, size_t cert_len,
		      const uint8_t *key_pem, size_t key_len, const char **error_text);
/** tls_context_free() - All connections made from it must be gone. */
void tls_context_free(struct tls_context *context);

/** tls_context_set_alpn() - Another protocol than "h2"; static text, before the first tls_new(). */
void tls_context_set_alpn(struct tls_context *context, const char *alpn);

/** tls_context_accept_also() - A second protocol that our side as server agrees to; static text. */
void tls_context_accept_also(struct tls_context *context, const char *alpn);

/** tls_looks_like_client_hello() - Could these be the first bytes of TLS? Cheap first filter. */
bool tls_looks_like_client_hello(const uint8_t *bytes, size_t len);

/** tls_unix_time() - Seconds since 1970; 0 when the clock was evidently never set. */
int64_t tls_unix_time(void);

/** tls_new() - One connection. Return: 0; -ENOMEM. */
int tls_new(struct tls_context *context, bool is_client, struct tls **ret);
/** tls_new_client() - One that asks for another protocol than the context's; static text. */
int tls_new_client(struct tls_context *context, const char *alpn, struct tls **ret);
/** tls_free() - Wipes what secrets it holds. NULL is fine. */
void tls_free(struct tls *tls);

/**
 * tls_feed() - Offer bytes from the network.
 * @tls: connection; must have used up what it was fed before
 * @bytes: encrypted, borrowed until the reader says -EAGAIN
 * @len: how many
 */
void tls_feed(struct tls *tls, const uint8_t *bytes, size_t len);

/**
 * tls_handshake() - Go on with the handshake.
 * @tls: connection, fed if bytes came
 *
 * Return: 0 complete, and the peer is verified; -EAGAIN more bytes needed (in
 * or out); -EPERM the peer refused our certificate; -EPROTO not the TLS we
 * speak; the errors of trust_verify_hub() for the peer's certificate.
 * Take the output after a failure as well: it holds the alert.
 */
int tls_handshake(struct tls *tls);

/**
 * tls_read() - Decrypt.
 * @tls: connection, its handshake complete
 * @buf: receives plain bytes
 * @size: room in @buf
 *
 * Return: bytes written to @buf; 0 the peer said close_notify; -EAGAIN all
 * that was fed is read; -EPERM the peer refused our certificate; -EPROTO anything else.
 */
ssize_t tls_read(struct tls *tls, uint8_t *buf, size_t size);
/** tls_write() - Encrypt all of @buf into the output. Return: 0; -EPROTO. */
int tls_write(struct tls *tls, const uint8_t *buf, size_t len);
/** tls_close_notify() - Append close_notify to the output, once. */
void tls_close_notify(struct tls *tls);

/** tls_output() - What waits to be sent; the caller may shift or take it over. */
struct tls_output *tls_output(struct tls *tls);
/** tls_output_consume() - Drop the first @len bytes. */
void tls_output_consume(struct tls_output *out, size_t len);

/** tls_identity() - Who the peer is; NULL before tls_handshake() returned 0. */
const struct trust_identity *tls_identity(const struct tls *tls);
/** tls_peer_cert() - Leaf DER, until tls_drop_peer_cert(). */
const uint8_t *tls_peer_cert(const struct tls *tls, size_t *len);
void tls_drop_peer_cert(struct tls *tls);
/** tls_refusal() - What is wrong with the peer's certificate, after a failed handshake. */
enum trust_refusal tls_refusal(const struct tls *tls);
/** tls_certificate_refused() - Did the handshake fail on the peer's certificate? */
bool tls_certificate_refused(const struct tls *tls);

/** tls_protocol() - What was agreed on; NULL before tls_handshake() returned 0. */
const char *tls_protocol(const struct tls *tls);
/** tls_has_unread() - Bytes that came and tls_read() has not given out. */
bool tls_has_unread(const struct tls *tls);

/**
 * struct tls_key - what encrypts one direction
 * @key: of the suite's cipher
 * @iv: RFC 8446 section 5.3
 * @key_len: bytes of @key
 * @sequence: number of the next record
 */
struct tls_key {
	uint8_t key[TLS_KEY_MAX], iv[TLS_IV_LEN];
	size_t key_len;
	uint64_t sequence;
};

/**
 * struct tls_keys - both
 * @suite: its number in RFC 8446
 * @send: ours
 * @receive: the peer's
 */
struct tls_keys {
	uint16_t suite;
	struct tls_key send, receive;
};

/**
 * tls_keys() - For somebody else to go on with the records, from here on.
 * @tls: connection; neither read nor written any more if the keys are used
 * @ret: filled on success; the caller wipes it
 *
 * Return: 0; -ENOTCONN the handshake is not complete.
 */
int tls_keys(struct tls *tls, struct tls_keys *ret);

/**
 * tls_export() - RFC 8446 section 7.5 exporter.
 * @tls: connection
 * @label: C string
 * @context: context value
 * @context_len: its length
 * @out: filled on success
 * @len: bytes wanted, at most TLS_EXPORT_MAX
 *
 * Return: 0; -ENOTCONN the handshake is not complete or wolfSSL refused.
 */
int tls_export(struct tls *tls, const char *label, const uint8_t *context, size_t context_len,
	       uint8_t *out, size_t len);

#endif
