/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: transport: TLS 1.3 sessions between hubs, HTTP/2 inside
 *
 * A shell: it dials and accepts TCP, runs mutual TLS 1.3 (wolfSSL, suites and
 * group pinned, verification always on), speaks HTTP/2 (nghttp2) and carries
 * control messages.  It decides nothing but what a malformed peer deserves.
 * Every buffer, session count and time is bounded below.
 */
#ifndef TRANSPORT_TRANSPORT_H
#define TRANSPORT_TRANSPORT_H

#include <uv.h>

#include "daemon/hub/effects.h"
#include "daemon/hub/hub.h"
#include "daemon/trust/trust.h"

#define TRANSPORT_SESSIONS_MAX 4096
#define TRANSPORT_HANDSHAKES_PER_PEER_MAX 8 /* unfinished, per remote address */
#define TRANSPORT_HANDSHAKES_MAX 256 /* unfinished, in all */
#define TRANSPORT_HANDSHAKE_MS 10000
#define TRANSPORT_CONNECT_MS 5000
#define TRANSPORT_WRITE_QUEUE_MAX (4 << 20) /* bytes per session, then it is closed */
#define TRANSPORT_PING_MS 1000 /* HTTP/2 PING interval */
#define TRANSPORT_PING_MISSES 5 /* unanswered in a row until the session is closed */
#define TRANSPORT_KEYMAT_LEN 60 /* longest of seal (44) and link (60) material */

struct transport;

/**
 * struct transport_events - what the transport reports; called from the loop
 * @session_up: the peer is verified and messages can flow; borrows peer for the call
 * @session_down: a dial failed (-errno), or a session reported up has ended; not
 *	for those the owner closed
 * @message: a control message came; borrows body for the call, NULL if it is
 *	empty.  Return: 0, -EBADMSG or -EPROTO: a client is answered with 204 or 400
 * @rtt: round trip of an HTTP/2 PING, for hubs without the kernel module
 * @arg: passed to all, and to is_mesh_address()
 */
struct transport_events {
	void (*session_up)(void *arg, uint64_t session, const struct session_peer *peer);
	void (*session_down)(void *arg, uint64_t session, int error);
	int (*message)(void *arg, uint64_t session, uint8_t message, const uint8_t *body,
		       size_t len);
	void (*rtt)(void *arg, uint64_t session, uint32_t rtt_us);
	void *arg;
};

/**
 * struct transport_settings - borrowed during transport_new()
 * @cert_pem: chain, leaf first
 * @cert_pem_len: bytes of @cert_pem
 * @key_pem: Ed25519 private key; copied into wolfSSL and nowhere else
 * @key_pem_len: bytes of @key_pem
 * @port: TCP control port, host order; 0 = any that is free
 * @is_mesh_address: tells connections accepted over mesh0 from underlay ones by our
 *	address; kept; NULL: all are underlay
 */
struct transport_settings {
	const uint8_t *cert_pem, *key_pem;
	size_t cert_pem_len, key_pem_len;
	uint16_t port;
	bool (*is_mesh_address)(void *arg, const struct in6_addr *addr);
};

/**
 * transport_new() - Listen on the control port (v6 dual stack) and be ready to dial.
 * @loop: runs it; must outlive the transport
 * @settings: borrowed for the call
 * @trust: verifies peers; must outlive the transport
 * @events: whom to tell, copied
 * @ret: set on success; transport_free() releases it
 * @error_text: on failure, a sentence for a person (static or thread-local text)
 *
 * Return: 0; -EADDRINUSE; -EBADMSG certificate or key unusable; -ENOMEM; -ENOTSUP
 * this wolfSSL lacks something we insist on; other errors of bind(2) and listen(2).
 */
int transport_new(uv_loop_t *loop, const struct transport_settings *settings, struct trust *trust,
		  const struct transport_events *events, struct transport **ret,
		  const char **error_text);
/**
 * transport_renew() - Show another certificate in sessions that begin from now on.
 * @transport: the transport
 * @settings: its certificate and key
 * @error_text: on failure, a sentence for a person (static text)
 *
 * Return: 0; the errors of tls_context_renew().
 */
int transport_renew(struct transport *transport, const struct transport_settings *settings,
		    const char **error_text);
/** transport_free() - Close all sessions; no callbacks from now on; needs the loop to run once more. */
void transport_free(struct transport *transport);

/* Effects.  dial reports through session_up or session_down, never at once. */
void transport_dial(struct transport *transport, uint64_t session, const struct hub_id *peer,
		    const struct endpoint *to, const struct endpoint *from, bool over_mesh);
void transport_close(struct transport *transport, uint64_t session, const char *reason);
/** transport_send() - Queue one message. Return: 0; -ENOTCONN; -ENOBUFS (session is closed). */
int transport_send(struct transport *transport, uint64_t session, uint8_t message,
		   const uint8_t *body, size_t len);

/**
 * transport_export_keys() - Key material of a session, both directions.
 * @transport: the transport
 * @session: its id
 * @owner: selects the label, "EXPORTER-hubmesh-link" or "EXPORTER-hubmesh-seal"
 * @serial: offer number
 * @phase: 0..3
 * @cipher: enum hubmesh_cipher
 * @rx: what the peer transmits with; the caller wipes it
 * @tx: what we transmit with; the caller wipes it
 * @len: bytes of each, 44 for seals and 60 for links
 *
 * The context holds @owner, @phase, @cipher and @serial.
 *
 * Return: 0; -ENOTCONN the session is not up, with @rx and @tx untouched.
 */
int transport_export_keys(struct transport *transport, uint64_t session, enum key_owner owner,
			  uint32_t serial, uint8_t phase, uint32_t cipher, uint8_t *rx, uint8_t *tx,
			  size_t len);

/**
 * struct transport_counters - since the start
 * @accepted: connections
 * @dialled: connections
 * @handshakes_failed: for any reason
 * @handshakes_limited: refused, or displaced, for there being too many
 * @certificates_refused: of those that failed
 * @requests_refused: HTTP/2 requests answered with 4xx
 * @pings_lost: unanswered
 * @bytes_in: encrypted
 * @bytes_out: encrypted
 * @refusals: of certificates, and of who showed none, by reason
 */
struct transport_counters {
	uint64_t accepted, dialled, handshakes_failed, handshakes_limited, certificates_refused,
		requests_refused, pings_lost, bytes_in, bytes_out;
	struct trust_refusals refusals;
};
const struct transport_counters *transport_counters(const struct transport *transport);
/** transport_port() - Port it listens on, host order; tells which one settings.port 0 became. */
uint16_t transport_port(const struct transport *transport);

#endif
