/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: proxy: programs reach services through us, and ours are reached by other hubs
 *
 *	program -- entry -- [mutual TLS 1.3, HTTP/2 CONNECT] -- provider -- service
 *
 * An entry is a local address that stands for a service.  A connection to it
 * goes where the entry's lease says: to a service of this hub, over a trunk to
 * the proxy of another hub, or to the shared provider as if we were not there.
 * The provider's side checks who calls (certificate), with what right (lease,
 * rules) and connects to the service.  A shell: bytes are carried, decisions
 * are the broker's, trust's and those of allow.c.  Documentation/proxy.rst.
 *
 *	proxy.c		life, reload, time
 *	entry.c		listeners, leases, which way a connection goes
 *	flow.c		one connection being carried: two ends and what they hold
 *	sock.c		an end that is a socket
 *	tunnel.c	an end that is a stream of a trunk
 *	trunk.c		TLS and HTTP/2 to another hub
 *	provider.c	calls of other hubs
 *	relay.c		ways for trunks by other hubs, and for those of other hubs
 *	bulk.c		TLS of its own for a flow that carries much; bulk_way.c, ktls.c
 *	datagrams.c	a pump for flows of UDP; udp.c, clients.c, capsule.c
 *	http.c		a pump for flows of HTTP/1.1 requests; http_head.c, http1.c
 *	resilience.c	bad, slow and full providers, asked by pumps; see resilience.h
 *	legs.c		further leases of an entry: for shares, hedges and copies of requests
 *	shadow.c	requests made once more: copies and hedges
 *	http_pool.c	ways to services that clients of HTTP/1.1 leave to each other
 *	http_hold.c	requests of HTTP/1.1 that wait, fail on purpose, or are drained
 *	http2.c		the same for HTTP/2 and gRPC; http2.h lists its files
 *	request.c	what both do alike
 */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

#include <uv.h>

#include "daemon/hub/hub.h"
#include "daemon/proxy/histogram.h"
#include "daemon/proxy/identity.h"
#include "daemon/proxy/settings.h"
#include "daemon/trust/trust.h"

#define PROXY_FLOWS_MAX 4096 /* connections carried at a time */

struct proxy;
struct schema;

/**
 * struct proxy_events - what the proxy asks of the rest
 * @resolve: an entry needs a service: the broker's request, 0 refused
 * @release: the request is not needed any more
 * @result: a use of a provider ended
 * @lost: the provider that a request leads to does not work: find another
 * @eject: it works, but does worse than others: use those for a time
 * @schema: what the messages of a service of this hub are, by the digest of its manifest; NULL it
 *	does not say; borrowed
 * @changed: an entry came, went, or found or lost its provider; NULL nobody listens
 * @arg: handed to all
 */
struct proxy_events {
	uint64_t (*resolve)(void *arg, const struct broker_query *query);
	void (*release)(void *arg, uint64_t request);
	void (*result)(void *arg, const struct hub_id *provider, const uint8_t *digest,
		       bool is_error, uint64_t latency_us);
	void (*lost)(void *arg, uint64_t request, const struct hub_id *provider,
		     const uint8_t *digest);
	void (*eject)(void *arg, uint64_t request, const struct hub_id *provider,
		      const uint8_t *digest, uint64_t for_ns);
	struct schema *(*schema)(void *arg, const uint8_t *digest);
	void (*changed)(void *arg);
	void *arg;
};

/**
 * struct proxy_options - what it is opened with
 * @cert_pem: our certificate
 * @cert_pem_len: its bytes
 * @key_pem: our key
 * @key_pem_len: its bytes
 * @mesh: SPIFFE trust domain; copied
 * @identities: certificates of our services; borrowed for the proxy's life
 * @settings: section proxy:; borrowed until the next proxy_reload()
 */
struct proxy_options {
	const uint8_t *cert_pem, *key_pem;
	size_t cert_pem_len, key_pem_len;
	const char *mesh;
	const struct proxy_identities *identities;
	const struct proxy_settings *settings;
};

/**
 * proxy_open() - Take the port and the entries' addresses.
 * @loop: drives everything
 * @options: see there
 * @trust: judges the certificates of other hubs; borrowed until the loop has run after proxy_close()
 * @events: copied; none comes before proxy_start()
 * @ret: set on success
 * @error_text: on failure a sentence for a person
 *
 * An entry whose address cannot be had is logged and tried again every few seconds.
 *
 * Return: 0; -errno the port, or our certificate, cannot be used.
 */
int proxy_open(uv_loop_t *loop, const struct proxy_options *options, struct trust *trust,
	       const struct proxy_events *events, struct proxy **ret, const char **error_text);
/**
 * proxy_renew() - Show another certificate in trunks that begin from now on; new calls take those.
 * @proxy: the proxy
 * @options: its certificate and key
 * @error_text: on failure a sentence for a person
 *
 * Return: 0; the errors of tls_context_renew().
 */
int proxy_renew(struct proxy *proxy, const struct proxy_options *options, const char **error_text);
/** proxy_start() - The hub runs: ask for leases, carry connections. */
void proxy_start(struct proxy *proxy, const struct hub *hub);
/** proxy_reload() - Other settings; what they do not allow any more is cut. NULL is allowed. */
void proxy_reload(struct proxy *proxy, const struct proxy_settings *settings);
/** proxy_settle() - Something happened at the hub: leases may have moved. NULL is allowed. */
void proxy_settle(struct proxy *proxy);
/** proxy_recheck() - Judge every caller anew: trust, or the date, has changed. */
void proxy_recheck(struct proxy *proxy);
/**
 * proxy_drain() - Take nothing new, and let requests that are under way end.
 * @proxy: NULL is allowed
 *
 * Connections of HTTP end after the answer, at once if there is none to wait for, and are cut
 * after the drain_ms of their entry.  Others are left to proxy_close().
 */
void proxy_drain(struct proxy *proxy);
/** proxy_is_drained() - Are all requests over? NULL is. */
bool proxy_is_drained(const struct proxy *proxy);
/** proxy_close() - Cut everything; memory goes when the loop has run. NULL is allowed. */
void proxy_close(struct proxy *proxy);
/** proxy_port() - Port between hubs, 0 none. */
uint16_t proxy_port(const struct proxy *proxy);
/** proxy_needs_low_port() - Does an entry listen below 1024, which takes a capability? */
bool proxy_needs_low_port(const struct proxy_settings *settings);

/* Read side. */

/** enum proxy_end - why a connection ended, or never began */
enum proxy_end {
	PROXY_END_DONE, /* both sides said all they had to say */
	PROXY_END_NO_PROVIDER, /* nobody to ask, and no shared provider */
	PROXY_END_LIMIT, /* too many at a time */
	PROXY_END_UNREACHABLE, /* provider or service did not take it */
	PROXY_END_REFUSED, /* the provider said no: policy or lease */
	PROXY_END_TIMEOUT, /* not taken in time */
	PROXY_END_IDLE, /* nothing was said for too long */
	PROXY_END_CLIENT_RESET, /* the program, or its hub, broke it off */
	PROXY_END_SERVICE_RESET, /* the service, or its hub, broke it off */
	PROXY_END_POLICY, /* not allowed any more */
	PROXY_END_PRESSURE, /* its reader was slow while memory was short */
	PROXY_END_STOP, /* this daemon ends */
	__PROXY_END_END,
};

/** proxy_end_name() - "done", ...; "?" for another number. */
const char *proxy_end_name(unsigned int end);

/**
 * struct proxy_http_counts - of HTTP requests
 * @requests: answered, by the service or by us
 * @statuses: [i]: with status i00 to i99; of gRPC the HTTP status that means the same
 * @refused: of them answered by us: malformed, not allowed, no provider, not translated
 * @translated: bodies, of requests and answers
 * @untranslatable: the same, refused
 * @duration: from the end of a request's head to the end of its answer
 */
struct proxy_http_counts {
	uint64_t requests, statuses[6], refused, translated, untranslatable;
	struct histogram duration;
};

/**
 * struct proxy_datagram_counts - of flows of UDP
 * @to_service: datagrams that clients sent
 * @from_service: datagrams that they got
 * @dropped_queue: lost while they waited, for those after them
 * @dropped_limit: of clients who got no flow: too many at a time, or too fast
 * @dropped_socket: the kernel did not take them: full, too long, no route
 * @unanswered: by the service for limits.reply_ms
 * @refused: times the service's machine said that nobody listens
 * @malformed: streams of another hub that were none of capsules
 * @refused_share: calls of hubs that had their share of the flows there may be
 */
struct proxy_datagram_counts {
	uint64_t to_service, from_service, dropped_queue, dropped_limit, dropped_socket, unanswered,
		refused, malformed, refused_share;
};

/**
 * struct proxy_counts - of one service, as entry or as provider; since the start
 * @connections: taken on
 * @open: now
 * @via_local: to a service of this hub
 * @via_mesh: over a trunk; as provider: calls of other hubs
 * @via_shared: to the shared provider
 * @reused: found a way to the service that an earlier one had left
 * @retries: attempts after the first
 * @breaker_opened: times the provider was left alone for failing
 * @bytes_to_service: carried
 * @bytes_from_service: carried
 * @ends: by enum proxy_end
 * @first_byte: from taking on a connection to the service's first byte
 * @duration: of whole connections
 * @http: requests on them
 * @datagrams: in flows of UDP, which count as connections
 * @resilience: what was done about bad providers
 */
struct proxy_counts {
	uint64_t connections, open, via_local, via_mesh, via_shared, reused, retries,
		breaker_opened;
	uint64_t bytes_to_service, bytes_from_service;
	uint64_t ends[__PROXY_END_END];
	struct histogram first_byte, duration;
	struct proxy_http_counts http;
	struct proxy_datagram_counts datagrams;
	struct resilience_counts resilience;
};

/**
 * struct proxy_entry_view - an entry
 * @name: of the service; borrowed
 * @listen: address programs connect to (AF_INET, AF_INET6 or AF_UNIX); borrowed
 * @shared: the shared provider; NULL none
 * @is_listening: false: see @error_text
 * @error_text: why not; borrowed
 * @has_provider: a lease in the mesh is in force
 * @provider: whose, with @has_provider
 * @request: of the broker, 0 none
 * @is_breaker_open: the provider is left alone for failing
 * @is_udp: takes datagrams
 * @connections_max: limit
 * @n_queued: requests that wait for their provider to have place
 * @is_faulty: requests are delayed or fail on purpose
 * @counts: borrowed
 */
struct proxy_entry_view {
	const char *name;
	const struct sockaddr *listen, *shared;
	bool is_listening;
	const char *error_text;
	bool has_provider;
	struct hub_id provider;
	uint64_t request;
	bool is_breaker_open, is_udp;
	uint32_t connections_max, n_queued;
	bool is_faulty;
	const struct proxy_counts *counts;
};

/**
 * struct proxy_host_view - a provider that an entry has used
 * @hub: who
 * @is_ejected: it does worse than others and is avoided
 * @ejected_ns: for so long from now
 * @requests: in the last windows, with outliers looked for
 * @failed: of them
 * @in_flight: requests it has, with a limit to them
 * @limit: that one, 0 none
 */
struct proxy_host_view {
	struct hub_id hub;
	bool is_ejected;
	uint64_t ejected_ns;
	uint32_t requests, failed, in_flight, limit;
};

/** proxy_host_at() - Provider @i of the entry @entry. Return: false at the end. */
bool proxy_host_at(const struct proxy *proxy, size_t entry, size_t i, struct proxy_host_view *ret);

/** proxy_entry_at() - Entries in the order of the file. Return: false at the end. */
bool proxy_entry_at(const struct proxy *proxy, size_t i, struct proxy_entry_view *ret);
/**
 * struct proxy_leg_view - a further lease of an entry
 * @kind: "split", "hedge" or "mirror"
 * @name: of the service; NULL there is none of that number; borrowed
 * @versions: range, "" any; borrowed
 * @has_provider: it is in force
 * @provider: whose, with @has_provider
 */
struct proxy_leg_view {
	const char *kind, *name, *versions;
	bool has_provider;
	struct hub_id provider;
};

/** proxy_leg_at() - Leg @i of the entry @entry; some are not there. Return: false at the end. */
bool proxy_leg_at(const struct proxy *proxy, size_t entry, size_t i, struct proxy_leg_view *ret);
/** proxy_entry_address() - Where programs of this hub reach a service; NULL no entry. */
const struct sockaddr *proxy_entry_address(const struct proxy *proxy, const char *service);

/**
 * struct proxy_provided_view - a service of ours others called
 * @name: of the service; borrowed
 * @counts: borrowed
 */
struct proxy_provided_view {
	const char *name;
	const struct proxy_counts *counts;
};

/** proxy_provided_at() - Return: false at the end. */
bool proxy_provided_at(const struct proxy *proxy, size_t i, struct proxy_provided_view *ret);

/**
 * struct proxy_flow_view - a connection being carried
 * @service: name; borrowed
 * @via: "waiting", "local", "mesh", "shared" or "provider"; "way" a trunk of ours by another hub,
 *	"relay" a trunk of another hub
 * @has_hub: @hub is set: provider, or caller when we are the provider
 * @hub: the other hub; with "way" and "relay" the neighbour asked, or that asks
 * @age_ns: since it was taken on
 * @idle_ns: since a byte moved
 * @bytes_to_service: carried
 * @bytes_from_service: carried
 * @from: of datagrams: the client; at the provider, what the service takes for it; else NULL
 */
struct proxy_flow_view {
	const char *service, *via;
	bool has_hub;
	struct hub_id hub;
	uint64_t age_ns, idle_ns, bytes_to_service, bytes_from_service;
	const struct endpoint *from;
};

/** proxy_flow_next() - Walk, newest first: NULL begins. Return: the next @at; NULL at the end. */
const void *proxy_flow_next(const struct proxy *proxy, const void *at, struct proxy_flow_view *ret);

/**
 * struct proxy_totals - of the proxy as a whole
 * @flows: connections now
 * @spare: ways to services that wait for another client; not of @flows
 * @trunks: connections to other hubs now
 * @trunks_opened: since the start
 * @trunks_failed: ended with an error or never came up
 * @certificates_refused: handshakes that failed on the other's certificate
 * @wrong_hub: another hub answered than was wanted
 * @trunks_limited: refused, or displaced, for there being too many
 * @calls_refused: CONNECTs answered with 4xx
 * @bulk: raw connections now
 * @bulk_opened: since the start, to which bytes have moved
 * @bulk_kernel: of them with their records made by the kernel
 * @bulk_failed: did not come up, or broke
 * @buffered: bytes held for slow readers now
 * @datagram_flows: of @flows
 * @datagram_bytes: that wait in them now
 * @ways: our trunks that neighbours carry, now
 * @ways_opened: since the start
 * @ways_failed: nobody took them
 * @relayed: trunks carried for other hubs now
 * @relayed_opened: since the start
 * @relayed_refused: of them none was begun: see the reason in the log
 * @relayed_failed: the other hub was not reached
 * @relayed_bytes: carried, either way
 * @refusals: of certificates, and of who showed none, by reason
 */
struct proxy_totals {
	uint64_t flows, spare, trunks, trunks_opened, trunks_failed, certificates_refused,
		wrong_hub, trunks_limited, calls_refused, bulk, bulk_opened, bulk_kernel,
		bulk_failed, buffered, datagram_flows, datagram_bytes, ways, ways_opened,
		ways_failed, relayed, relayed_opened, relayed_refused, relayed_failed,
		relayed_bytes;
	struct trust_refusals refusals;
};

const struct proxy_totals *proxy_totals(const struct proxy *proxy);

#endif
