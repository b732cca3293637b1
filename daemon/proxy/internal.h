/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: inside the proxy
 *
 * A flow has two ends, client and service.  What is read at one end waits in
 * its @in until the other takes it; an end that cannot take makes the first
 * stop reading, all the way back to who sends.  How an end takes bytes is its
 * ops: a pump of another kind is another set of them.
 *
 * Memory of a flow or trunk lives until libuv has let go of its handles;
 * until then is_closed says that nothing more may be done with it.
 */
#ifndef PROXY_INTERNAL_H
#define PROXY_INTERNAL_H

#include <nghttp2/nghttp2.h>
#include <sys/un.h>

#include "daemon/proxy/call.h"
#include "daemon/proxy/limiter.h"
#include "daemon/proxy/proxy.h"
#include "daemon/proxy/traceparent.h"
#include "daemon/transport/tls.h"

/*
 * Payload of a DATA frame that fills one TLS record with its header, and two of them
 * read from a socket at once: whole records, and few system calls for bulk.
 */
#define FRAME_HEADER_LEN 9
#define FRAME_PAYLOAD_MAX (16384 - FRAME_HEADER_LEN)
#define CHUNK_SIZE (2 * FRAME_PAYLOAD_MAX)
#define CHUNK_SMALL_SIZE 4096 /* when CHUNKS_MAX large ones are held: every flow gets something */
#define CHUNKS_MAX 256 /* 8 MiB */
#define CHUNKS_IDLE_MAX 16 /* kept for the next reader, not given back to the heap */
#define TUNNEL_WINDOW 65535 /* bytes a tunnel may hold for a slow reader at first */
#define TUNNEL_WINDOW_FAST (1 << 20) /* for one whose reader has proved fast */
#define TUNNEL_FAST_BYTES (256 << 10) /* carried without ever waiting: that proof */
#define TUNNELS_FAST_MAX 16 /* at a time, so that slow ones among them hold no more than 16 MiB */
#define TRUNK_WINDOW \
	((1u << 31) - 1) /* streams have windows, a slow one must not stop the others */
#define BUFFERED_MAX (32 << 20) /* of all tunnels, then the slowest is cut */
#define BUFFERED_SLOW_NS (5 * NSEC_PER_SEC) /* without movement: cut first */
#define TRUNK_STREAMS_MAX 1024 /* concurrent, on one trunk */
#define TRUNK_STREAMS_FEW 256 /* with more, another trunk is opened */
#define TRUNKS_PER_HUB_MAX 4 /* that we open */
#define TRUNKS_FROM_HUB_MAX 8 /* that we accept: as many, and those of an earlier life of it */
#define TRUNKS_MAX 512 /* in all, both directions */
#define TRUNKS_UNFINISHED_MAX 64 /* accepted, without a verified peer yet */
#define TRUNK_EVICT_NS NSEC_PER_SEC /* age at which an unfinished one may be displaced */
#define TRUNK_HANDSHAKE_NS (5 * NSEC_PER_SEC) /* connect, TLS and settings together */
/*
 * Of one that we accept: who has kept to the former has sent the ticket of a raw connection within
 * it, and cannot know that it came too late: that would break off what it carries.
 */
#define TRUNK_ACCEPT_NS (2 * TRUNK_HANDSHAKE_NS)
#define TRUNK_ACCEPT_MAX_NS (4 * TRUNK_HANDSHAKE_NS) /* however busy we are, and it */
#define TRUNK_IDLE_NS (60 * NSEC_PER_SEC) /* without streams, then the opener closes it */
#define TRUNK_LEFT_NS (2 * TRUNK_IDLE_NS) /* likewise: the opener is gone, and has not said so */
#define TRUNK_PING_NS (2 * NSEC_PER_SEC)
#define TRUNK_SILENT_NS (8 * NSEC_PER_SEC) /* with streams or a PING open: it is dead */
#define TRUNK_RESETS_BURST 20000 /* broken connections of programs arrive as RST_STREAM */
#define TRUNK_RESETS_PER_S 10000
#define TRUNK_FRAMES_MAX 16384 /* waiting to be sent: answers nobody reads */
#define TRUNK_ACKS_MAX 64
#define TRUNK_SETTINGS_MAX 16
#define TRUNK_HEADERS_MAX 16 /* of a CONNECT or its answer */
#define TRUNK_FRAME_MAX (FRAME_HEADER_LEN + 16384) /* of any kind */
/* Frames encrypted at once: behind DATA, nghttp2 may say one more before we are asked again. */
#define TRUNK_PLAIN_SIZE (65536 + TRUNK_FRAME_MAX)
#define TRUNK_READ_SIZE 65536
#define TRUNK_BACKLOG 128
#define ENTRY_BACKLOG 1024
#define ENTRY_WAIT_NS NSEC_PER_SEC /* for a lease while the broker negotiates */
#define ENTRY_WAIT_ALONE_NS (3 * NSEC_PER_SEC) /* likewise, with no shared provider instead */
#define ENTRY_RETRY_NS (5 * NSEC_PER_SEC) /* for an address or a request that was refused */
#define ENTRY_HTTP2_MAX 8 /* connections to providers that requests of HTTP/2 share */
#define FLOW_TRIES_MAX 3
#define CALLER_SHARE 3 /* a calling hub may hold so many times the flows that are free */
#define PROXY_TICK_MS 250
#define PROXY_RANDOMS 96 /* three for a traceparent, and a system call for 32 of those */
#define RECHECK_NS (60 * NSEC_PER_SEC) /* certificates end while connections last */
#define ACCESS_LOG_PER_S 10
#define ACCESS_LOG_BURST 50

/**
 * struct buffer - bytes on their way
 * @bytes: heap, NULL when there is none
 * @start: first one not taken
 * @end: one past the last
 * @size: allocated
 */
struct buffer {
	uint8_t *bytes;
	size_t start, end, size;
};

static inline size_t buffer_len(const struct buffer *buffer)
{
	return buffer->end - buffer->start;
}

struct bulk;
struct end;
struct relay;
struct clients;
struct datagrams;
struct http;
struct http2;
struct http2_conn;
struct crossing;
struct http1_over_http2;
struct http2_over_http1;
struct carrier;
struct http1_text;
struct http1_refusal;
struct flow;
struct trunk;
struct entry;

/**
 * struct end_ops - what an end can do
 * @pull: take what waits in other->in, and say so if there will be no more
 * @taken: so many bytes that were read here have been passed on
 * @close: let go; is_reset: tell the far side that it was broken off
 */
struct end_ops {
	void (*pull)(struct end *end);
	void (*taken)(struct end *end, size_t n);
	void (*close)(struct end *end, bool is_reset);
};

/**
 * struct end - one side of a flow
 * @ops: its kind
 * @flow: whose
 * @other: where bytes go
 * @in: read here, not taken by @other
 * @has_ended: nothing comes after @in
 * @is_finished: the far side here knows that @other has ended
 */
struct end {
	const struct end_ops *ops;
	struct flow *flow;
	struct end *other;
	struct buffer in;
	bool has_ended, is_finished;
};

/**
 * struct sock - an end that is a socket
 * @end: first, so that one is the other
 * @handle: libuv's, by its kinds
 * @stream: the same
 * @tcp: the same
 * @pipe: the same
 * @connect: request on its way; there is one at a time
 * @write: the same
 * @out: being written, owned by the write
 * @is_open: libuv has the handle
 * @is_connected: may be written
 * @is_reading: libuv reads
 * @is_writing: @out is not empty
 * @is_unix: a pipe
 * @is_reading_lent: a raw connection reads it, or soon will
 * @is_writing_lent: a raw connection writes it
 */
struct sock {
	struct end end;
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	};
	union {
		uv_connect_t connect;
		uv_write_t write;
	};
	struct buffer out;
	bool is_open, is_connected, is_reading, is_writing, is_unix;
	bool is_reading_lent, is_writing_lent;
};

/**
 * struct tunnel - an end that is a stream of a trunk
 * @end: first
 * @trunk: NULL when the stream is closed
 * @stream: number, 0 not asked for yet
 * @is_deferred: nghttp2 waits for us to have bytes
 * @is_answered: as provider: our answer is submitted; as caller: it came
 * @is_fast: has the larger window
 * @held: bytes received and not taken
 * @carried: bytes received without its reader making them wait
 * @moved_ns: when its reader last took something
 */
struct tunnel {
	struct end end;
	struct trunk *trunk;
	int32_t stream;
	bool is_deferred, is_answered, is_fast;
	size_t held;
	uint64_t carried, moved_ns;
};

enum flow_via {
	FLOW_WAITING, /* for a lease */
	FLOW_LOCAL,
	FLOW_MESH,
	FLOW_SHARED,
	FLOW_PROVIDER,
	FLOW_WAY, /* a trunk, by another hub; see relay.h */
	FLOW_RELAY, /* another hub's trunk */
	__FLOW_VIA_END,
};

/**
 * struct counted - a service and its counters; lives as long as the proxy
 * @name: of the service
 * @n_entries: that stand for it
 * @counts: see there
 * @spare: flows of HTTP/1.1 that wait for another client, newest first; see http_pool.h
 * @n_spare: of them
 * @distrust_ns: until then there are none
 */
struct counted {
	char name[MANIFEST_NAME_MAX + 1];
	uint32_t n_entries;
	struct proxy_counts counts;
	struct flow *spare;
	size_t n_spare;
	uint64_t distrust_ns;
};

/**
 * struct pump_ops - what is between the ends of a flow, and understands what they say
 * @reads_requests: each is sent on, and its result told, by itself
 * @join: these are the ends
 * @connect: towards a service at an address; NULL a socket of the flow is
 * @opened: the service took the flow
 * @settle: something changed at an end: pass on what can be, and end what has ended
 * @broken: an end failed
 * @dropped: the socket of an earlier attempt is closed; NULL it never lets go of one
 * @is_waiting: does it want an attempt made as soon as there is a lease? NULL it does
 * @attempt_failed: no provider takes it
 * @recheck: at a provider, end what rules do not allow any more; NULL there is nothing but the flow
 * @drain: take nothing new, and end when what is under way has ended; NULL the flow ends with us
 * @is_drained: has that come about?
 * @part: the flow is about to close: say so, as far as it is taken at once; NULL nothing to say
 * @closed: the flow is; its ends are closed next; NULL they are all there is
 * @free: with the flow; NULL it has nothing of its own
 * @tick: time has passed
 *
 * A pump keeps what it knows at a member of the flow of its own (@http, ...), and sets @pump when
 * it is put there; bytes that nobody understands have a pump, too, in flow.c.
 */
struct pump_ops {
	bool reads_requests;
	void (*join)(struct flow *flow, struct end *client, struct end *service);
	void (*connect)(struct flow *flow, const struct sockaddr *to);
	void (*opened)(struct flow *flow);
	void (*settle)(struct flow *flow);
	void (*broken)(struct flow *flow, const struct end *end);
	void (*dropped)(struct flow *flow);
	bool (*is_waiting)(const struct flow *flow);
	void (*attempt_failed)(struct flow *flow, enum proxy_end why);
	void (*recheck)(struct flow *flow);
	void (*drain)(struct flow *flow);
	bool (*is_drained)(const struct flow *flow);
	void (*part)(struct flow *flow);
	void (*closed)(struct flow *flow, enum proxy_end why);
	void (*free)(struct flow *flow);
	void (*tick)(struct flow *flow, uint64_t now_ns);
};

/**
 * struct flow - one connection
 * @proxy: whose
 * @prev: newer one
 * @next: older one
 * @next_dead: the next one to be freed
 * @next_spare: the next one that waits for a client
 * @entry: whose lease it uses; NULL when that is gone, or at the provider
 * @door: it came in by: @entry, or that of which @entry is a leg; NULL likewise
 * @counted: service
 * @client: end towards the program
 * @service: end towards the service; NULL while there is none
 * @near: client at an entry, service at the provider
 * @far: service reached from the entry's hub itself
 * @tunnel: the other hub
 * @pump: what is between the ends; one of those that follow, or none of them
 * @http: if they speak HTTP/1.1; else NULL
 * @http2: if they speak HTTP/2; else NULL
 * @datagrams: if they speak in datagrams; else NULL
 * @over_http2: between @http and a service that speaks HTTP/2; else NULL
 * @over_http1: between @http2 and a service that speaks HTTP/1.1; else NULL
 * @carrier: it is a connection of such a one; else NULL
 * @bulk: its raw connection; NULL none
 * @relay: if it carries a trunk; else NULL
 * @long_bytes: carried in long pieces, since there is no raw connection
 * @via: enum flow_via
 * @body: enum manifest_body of a service of this hub, once it is known
 * @is_open: bytes flow
 * @is_closed: gone but for its handles
 * @is_logged: gets an access log line
 * @is_reported: the broker knows how it went
 * @is_bytes: nobody looks into it, although its service speaks HTTP
 * @is_crossing: the service speaks another version of HTTP than the program
 * @is_read_there: the provider understands what the program says, and passes on request by request
 * @is_upstream: a connection of ours that programs share, not one of theirs
 * @is_spare: it waits for a client, and is an upstream until then
 * @must_prove: the provider has to show a certificate of @called
 * @handles: of libuv, and references of callers on the stack
 * @tries: attempts so far
 * @endpoint: number of the manifest's endpoint that is tried
 * @hub: provider, or caller when we are the provider
 * @digest: of the manifest
 * @called: service an attempt of an entry asks for: that of the entry, or of its leg
 * @speaks_for: service that has been proved: by the caller, at the provider; by the provider, at
 *	an entry that asks for it; "" none
 * @speaks_for_cert: SHA-256 of the certificate that says so
 * @lease: request number
 * @since_ns: taken on
 * @try_ns: attempt began
 * @waiting_ns: wants a lease since
 * @asked_ns: the client's first bytes came, 0 not yet
 * @moved_ns: last byte
 * @bytes_to_service: carried
 * @bytes_from_service: carried
 * @traceparent: of its first request, "" none
 * @idle_s: limit
 * @connect_ms: limit
 * @request_ms: limit
 * @reply_ms: limit of datagrams, 0 none
 */
struct flow {
	struct proxy *proxy;
	struct flow *prev, *next, *next_dead, *next_spare;
	struct entry *entry, *door;
	struct counted *counted;
	struct end *client, *service;
	struct sock near, far;
	struct tunnel tunnel;
	const struct pump_ops *pump;
	struct http *http;
	struct http2 *http2;
	struct datagrams *datagrams;
	struct http1_over_http2 *over_http2;
	struct http2_over_http1 *over_http1;
	struct carrier *carrier;
	struct bulk *bulk;
	struct relay *relay;
	uint64_t long_bytes;
	uint8_t via, body;
	bool is_open, is_closed, is_logged, is_reported, is_bytes, is_crossing, is_read_there,
		is_upstream, is_spare, must_prove;
	uint32_t handles, tries;
	size_t endpoint;
	struct hub_id hub;
	uint8_t digest[SHA256_LEN];
	char called[MANIFEST_NAME_MAX + 1];
	char speaks_for[SPIFFE_SERVICE_MAX + 1];
	uint8_t speaks_for_cert[SHA256_LEN];
	uint64_t lease;
	uint64_t since_ns, try_ns, waiting_ns, asked_ns, moved_ns, bytes_to_service,
		bytes_from_service;
	char traceparent[TRACEPARENT_LEN + 1];
	uint32_t idle_s, connect_ms, request_ms, reply_ms;
};

/** enum leg - what an entry has further leases for */
enum leg {
	LEG_SPLIT, /* and so on: its shares */
	LEG_HEDGE = LEG_SPLIT + SPLIT_MAX, /* another provider than the one of the entry */
	LEG_MIRROR,
	__LEG_END,
};

/**
 * struct entry - a local address that stands for a service
 * @proxy: whose
 * @settings: copied
 * @counted: its counters
 * @address: programs connect to
 * @shared: sockaddr of the shared provider
 * @error_text: why it does not listen, "" it does
 * @handle: listener, by libuv's kinds
 * @stream: the same
 * @tcp: the same
 * @pipe: the same
 * @udp: the same
 * @is_open: libuv has it
 * @is_removed: not in the settings any more; freed with its handle
 * @request: of the broker, 0 none
 * @retry_ns: when to try again what was refused
 * @had_provider: as told last
 * @told_provider: as told last
 * @breaker: of the provider in force
 * @breaker_digest: which that is
 * @budget: of retries
 * @clients: who sends datagrams; NULL it takes connections
 * @new_clients: how many may come
 * @resilience: how its providers do
 * @parent: it is a leg of that one and does not listen; NULL it is not
 * @legs: where some of its requests go; by enum leg; NULL none
 * @http2: connections to providers that requests find
 * @n_http2: of them
 */
struct entry {
	struct proxy *proxy;
	struct proxy_entry_settings settings;
	struct counted *counted;
	struct sockaddr_storage address, shared;
	char error_text[128];
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
		uv_udp_t udp;
	};
	bool is_open, is_removed;
	uint64_t request, retry_ns;
	bool had_provider;
	struct hub_id told_provider;
	struct breaker breaker;
	uint8_t breaker_digest[SHA256_LEN];
	struct budget budget;
	struct clients *clients;
	struct bucket new_clients;
	struct resilience resilience;
	struct entry *parent, *legs[__LEG_END];
	struct http2 *http2[ENTRY_HTTP2_MAX];
	size_t n_http2;
};

enum trunk_state {
	TRUNK_CONNECTING,
	TRUNK_HANDSHAKE,
	TRUNK_REDEEMING, /* none at all, but bulk: its ticket is to come */
	TRUNK_UP,
};

/**
 * struct trunk - TLS and HTTP/2 to the proxy of another hub
 * @proxy: whose
 * @prev: newer one
 * @next: older one
 * @next_dirty: in the list of those with something to send
 * @handle: libuv's, by its kinds
 * @stream: the same
 * @tcp: the same
 * @pipe: the same
 * @connect: when we open it
 * @write: of @writing
 * @writing: encrypted bytes the socket did not take at once
 * @tls: NULL before the first bytes
 * @session: NULL before the peer is verified
 * @state: enum trunk_state
 * @is_client: we opened it, so we call
 * @is_relayed: by a way, not by TCP of our own
 * @is_closed: gone but for its handle
 * @is_dirty: in that list
 * @is_receiving: nghttp2 is on the stack
 * @is_draining: takes no more streams
 * @hub: at the other end; while not UP the one we want
 * @zones: of its certificate
 * @n_streams: flows on it
 * @since_ns: opened
 * @heard_ns: last bytes from it
 * @used_ns: last time it had a stream
 * @ping_ns: PING sent and unanswered since, 0 none
 * @call: of the stream whose headers are coming
 * @status: of the answer whose headers are coming
 * @reason: likewise
 * @n_headers: of those
 * @relays: asked for on it
 */
struct trunk {
	struct proxy *proxy;
	struct trunk *prev, *next, *next_dirty;
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	};
	uv_connect_t connect;
	uv_write_t write;
	struct tls_output writing;
	struct tls *tls;
	nghttp2_session *session;
	uint8_t state;
	bool is_client, is_relayed, is_closed, is_dirty, is_receiving, is_draining;
	struct hub_id hub;
	char zones[ZONE_LIST_SIZE];
	uint32_t n_streams;
	uint64_t since_ns, heard_ns, used_ns, ping_ns;
	struct call call;
	unsigned int status;
	char reason[CALL_REASON_MAX + 1];
	uint32_t n_headers;
	struct bucket relays;
};

/**
 * struct proxy - all of it
 * @loop: libuv's
 * @hub: NULL before proxy_start()
 * @trust: borrowed
 * @events: copied
 * @settings: borrowed
 * @mesh: trust domain, owned
 * @identities: what we show of our services; borrowed
 * @tls: our side of every handshake
 * @listener: port between hubs
 * @flusher: sends what one turn of the loop made
 * @tick: time
 * @port: bound
 * @handles: of libuv that are ours: listener, flusher, tick, entries, flows, trunks
 * @has_ktls: the kernel knows TLS
 * @is_listening: @listener is open
 * @is_ticking: @tick runs
 * @is_settling: leases are being looked at
 * @is_closed: freed when @handles are gone
 * @entries: in the order of the file
 * @n_entries: of them
 * @counted: of entries, then never freed
 * @n_counted: of them
 * @provided: likewise as provider
 * @n_provided: of them
 * @flows: newest first
 * @dead_flows: gone, to be freed when nobody walks over flows
 * @trunks: newest first
 * @dirty: trunks with something to send
 * @http2_dirty: sides of pumps with something to send
 * @crossings: translations with something to do
 * @flows_max: connections there may be
 * @n_exchanges: requests of HTTP/2 under way
 * @plain: frames before they are encrypted, or after they were decrypted
 * @plain_len: bytes in it
 * @received: decrypted
 * @read_buffer: encrypted, just read
 * @idle_chunks: to be used again
 * @n_idle_chunks: of them
 * @n_chunks: large ones held
 * @n_fast: tunnels with the larger window
 * @datagrams: room to read some into; NULL none was ever read
 * @translating: bytes of bodies held to be translated
 * @recheck_ns: when certificates are looked at again
 * @access_log: rate
 * @access_log_skipped: lines not written since the last one
 * @prng: for draws
 * @randoms: of the kernel, fetched for many traceparents at once
 * @n_randoms: of them not used
 * @shadows: counts flows of our own making, which nobody is shown
 * @relaying: likewise those that carry trunks
 * @n_mirrors: copies under way
 * @is_draining: takes nothing new
 * @has_place: a request has left its provider since entries_wake()
 * @totals: see there
 */
struct proxy {
	uv_loop_t *loop;
	const struct hub *hub;
	struct trust *trust;
	struct proxy_events events;
	const struct proxy_settings *settings;
	char *mesh;
	const struct proxy_identities *identities;
	struct tls_context *tls;
	uv_tcp_t listener;
	uv_prepare_t flusher;
	uv_timer_t tick;
	uint16_t port;
	uint32_t handles;
	bool has_ktls, is_listening, is_ticking, is_settling, is_closed;
	struct entry *entries[PROXY_ENTRIES_MAX];
	size_t n_entries;
	struct counted *counted[2 * PROXY_ENTRIES_MAX], *provided[2 * CATALOGUE_ENTRIES_MAX];
	size_t n_counted, n_provided;
	struct flow *flows, *dead_flows;
	struct trunk *trunks, *dirty;
	struct http2_conn *http2_dirty;
	struct crossing *crossings;
	size_t flows_max;
	uint32_t n_exchanges;
	uint8_t plain[TRUNK_PLAIN_SIZE];
	size_t plain_len;
	uint8_t received[TRUNK_READ_SIZE], read_buffer[TRUNK_READ_SIZE];
	uint8_t *idle_chunks[CHUNKS_IDLE_MAX];
	size_t n_idle_chunks, n_chunks, n_fast;
	uint8_t *datagrams;
	size_t translating;
	uint64_t recheck_ns;
	struct bucket access_log;
	uint64_t access_log_skipped;
	struct prng prng;
	uint64_t randoms[PROXY_RANDOMS];
	size_t n_randoms;
	struct counted shadows, relaying;
	size_t n_mirrors;
	bool is_draining, has_place;
	struct proxy_totals totals;
};

/* proxy.c */
/** proxy_put_handle() - libuv has let go of one. */
void proxy_put_handle(struct proxy *proxy);
/** proxy_need_ticks() - Something now depends on time. */
void proxy_need_ticks(struct proxy *proxy);
uint64_t proxy_now_ns(const struct proxy *proxy);
/**
 * proxy_count_for() - Counters of a service.
 * @proxy: whose
 * @list: of them, grows
 * @n: entries of @list
 * @max: room in it; when full the first that nothing uses begins anew, else the last is shared: its
 *	name is of another service then
 * @name: of the service
 */
struct counted *proxy_count_for(const struct proxy *proxy, struct counted **list, size_t *n,
				size_t max, const char *name);

/** proxy_relieve_pressure() - Too much is held for slow readers: cut the slowest. */
void proxy_relieve_pressure(struct proxy *proxy);

/* buffer.c */
/** buffer_get_chunk() - Room to read into. */
void buffer_get_chunk(struct proxy *proxy, struct buffer *buffer);
/** buffer_shrink() - Few bytes will wait: in little room, not in a chunk. */
void buffer_shrink(struct proxy *proxy, struct buffer *buffer);
/** buffer_grow() - Room to read into behind them again. */
void buffer_grow(struct proxy *proxy, struct buffer *buffer);
/** buffer_release() - Give the memory back, whatever is in it. */
void buffer_release(struct proxy *proxy, struct buffer *buffer);
/** buffer_append() - Copy to the end, growing. */
void buffer_append(struct buffer *buffer, const uint8_t *bytes, size_t len);
/**
 * buffer_append_content() - Content of an HTTP/1.1 body to the end.
 * @buffer: of bytes to send
 * @is_chunked: the body is; then this is one chunk of it
 * @bytes: content
 * @len: of @bytes; 0 adds nothing, as an empty chunk would be the last one
 */
void buffer_append_content(struct buffer *buffer, bool is_chunked, const uint8_t *bytes,
			   size_t len);
/** buffer_room() - Where more can be read to, after moving what is there to the front. */
size_t buffer_room(struct buffer *buffer);
/** buffer_take() - The first @n bytes are gone; releases what is empty. */
void buffer_take(struct proxy *proxy, struct buffer *buffer, size_t n);

/* flow.c */
/** flow_via_name() - "waiting", ...; "?" for another number. */
const char *flow_via_name(unsigned int via);
/** flow_new() - Return: NULL there are as many as there may be. */
struct flow *flow_new(struct proxy *proxy, struct counted *counted);
/** flow_new_upstream() - The same for one that programs share: not counted as theirs. */
struct flow *flow_new_upstream(struct proxy *proxy, struct counted *counted);
/** flow_rest() - Its client is done, which is counted; the flow stays, without one. */
void flow_rest(struct flow *flow);
/** flow_renew() - A client for it has come: as if it were new, but that it is open. */
void flow_renew(struct flow *flow);
/** flow_has_pump() - Is there somebody between its ends who understands requests? */
static inline bool flow_has_pump(const struct flow *flow)
{
	return flow->pump->reads_requests;
}
/** flow_becomes_bytes() - Nobody understands it: what an end says is passed on as it is. */
void flow_becomes_bytes(struct flow *flow);
/* What pumps whose ends take from each other directly have in common, see struct pump_ops. */
void flow_join_ends(struct flow *flow, struct end *client, struct end *service);
void flow_pull_ends(struct flow *flow);
void flow_settle_ends(struct flow *flow);
void flow_tick_ends(struct flow *flow, uint64_t now_ns);
/** flow_join() - Both ends are there: let bytes flow. */
void flow_join(struct flow *flow, struct end *client, struct end *service);
/** flow_connect() - Towards a service; by @sock, unless its pump has sockets of its own. */
void flow_connect(struct flow *flow, struct sock *sock, const struct sockaddr *to);
/**
 * flow_is_stranded() - Is there no way to its provider any more?
 * @flow: of an entry
 *
 * The trunk finds that out by itself, but it takes seconds; the routes know it before.
 */
bool flow_is_stranded(const struct flow *flow);
/** flow_opened() - The service took it. */
void flow_opened(struct flow *flow);
/** flow_moved() - So many bytes were read at an end; @bytes NULL: not here. */
void flow_moved(struct flow *flow, const struct end *from, const uint8_t *bytes, size_t n);
/** flow_broken() - An end failed while bytes flowed. */
void flow_broken(struct flow *flow, const struct end *end);
/** flow_check_done() - Has everything been said on both sides? Then it ends. */
void flow_check_done(struct flow *flow);
void flow_close(struct flow *flow, enum proxy_end why);
/** flow_put() - A handle or caller lets go; it is freed by flows_bury(), later. */
void flow_put(struct flow *flow);
/** flows_bury() - Free those that are gone; nobody walks over flows now. */
void flows_bury(struct proxy *proxy);
/**
 * for_each_flow() - Walk over the flows that are not closed; any of them may be closed meanwhile.
 * @flow: name of the variable
 * @proxy: whose
 *
 * A closed flow leaves the list but still knows the next one, until flows_bury().
 */
#define for_each_flow(flow, proxy)                                        \
	for (struct flow *flow = (proxy)->flows; flow; flow = flow->next) \
		if (!flow->is_closed)
void flow_tick(struct flow *flow, uint64_t now_ns);
/** flow_tick_attempt() - The same while there is no service yet. */
void flow_tick_attempt(struct flow *flow, uint64_t now_ns);

/* sock.c */
/** sock_prepare_listener() - One that is bound: what it accepts has options without a call for each. */
void sock_prepare_listener(uv_tcp_t *listener);
/** sock_accept() - Take a connection from a listener. Return: 0; -errno. */
int sock_accept(struct sock *sock, struct flow *flow, uv_stream_t *listener, bool is_unix);
/** sock_open() - One that is connected already, of AF_UNIX. Return: 0; -errno @fd is the caller's. */
int sock_open(struct sock *sock, struct flow *flow, int fd);
/** sock_connect() - Later sock_connected or sock_failed is called. Return: 0; -errno. */
int sock_connect(struct sock *sock, struct flow *flow, const struct sockaddr *to);
/** sock_start_reading() - Unless it does. */
void sock_start_reading(struct sock *sock);
/** sock_lend_reading() - Somebody else will read it; until sock_start_reading() after that. */
void sock_lend_reading(struct sock *sock);
/** sock_give_up() - A connect takes too long; its failure is told later. Return: one was. */
bool sock_give_up(struct sock *sock);
/** sock_drop() - Close it, for the flow to go on without; its pump hears. Return: it was open. */
bool sock_drop(struct sock *sock);
/** sock_is_silent() - Is there nothing to be read, and no end? Asked of the kernel. */
bool sock_is_silent(const struct sock *sock);
/** sock_has_bytes() - Is there something to be read? The same. */
bool sock_has_bytes(const struct sock *sock);
/** sock_write_now() - As much as the socket takes at once. Return: bytes; -errno. */
ssize_t sock_write_now(struct sock *sock, const uint8_t *bytes, size_t len);

/* tunnel.c */
extern const struct end_ops tunnel_ops;
/** tunnel_send_data() - nghttp2 writes a DATA frame. */
int tunnel_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *header,
		     size_t len, nghttp2_data_source *source, void *arg);
/** tunnel_open() - Ask for a stream; may wait for the trunk. */
void tunnel_open(struct tunnel *tunnel, struct flow *flow, struct trunk *trunk);
/** tunnel_take() - As provider or relay: a stream the other hub opened. */
void tunnel_take(struct tunnel *tunnel, struct trunk *trunk, int32_t stream);
/** tunnel_submit() - The trunk is up: send the CONNECT. */
void tunnel_submit(struct tunnel *tunnel);
/** tunnel_accept() - As provider: the caller may speak. */
void tunnel_accept(struct tunnel *tunnel);
/** tunnel_refuse() - As provider: say why not, and let go of the stream. */
void tunnel_refuse(struct tunnel *tunnel, unsigned int status, const char *reason);
/** tunnel_refuse_stream() - The same for a stream without tunnel. */
void tunnel_refuse_stream(struct trunk *trunk, int32_t stream, unsigned int status,
			  const char *reason);
/** tunnel_receive() - DATA came. */
void tunnel_receive(struct tunnel *tunnel, const uint8_t *bytes, size_t len);
/** tunnel_received_end() - END_STREAM came. */
void tunnel_received_end(struct tunnel *tunnel);
/** tunnel_closed() - The stream is closed at the trunk. */
void tunnel_closed(struct tunnel *tunnel, bool is_error);

/* trunk.c */
int trunk_listen(struct proxy *proxy, const char **error_text);
/** trunk_towards() - One with room, or a new one. Return: NULL none can be had. */
struct trunk *trunk_towards(struct proxy *proxy, const struct hub_id *hub);
void trunk_mark_dirty(struct trunk *trunk);
void trunk_flush(struct trunk *trunk);
/** trunk_has_room() - For so many plain bytes now? Then trunk_put_plain(). */
bool trunk_has_room(const struct trunk *trunk, size_t len);
void trunk_put_plain(struct trunk *trunk, const uint8_t *bytes, size_t len);
void trunk_fail(struct trunk *trunk, int error);
/** trunk_end() - The same without a failure being counted: it is not needed any more. */
void trunk_end(struct trunk *trunk, int error);
void trunk_tick(struct trunk *trunk, uint64_t now_ns);
/** trunk_retire() - New calls go over another one; those that are there stay. */
void trunk_retire(struct trunk *trunk);

/* entry.c */
/** entries_apply() - Make the entries those of the settings. */
void entries_apply(struct proxy *proxy);
/** entries_settle() - Ask for leases, tell changes, send on what waited. */
void entries_settle(struct proxy *proxy, uint64_t now_ns);
void entries_close(struct proxy *proxy);
/** entries_wake() - Requests that wait for place, and have it, go on. */
void entries_wake(struct proxy *proxy);
/** entries_drain() - Listen no more. */
void entries_drain(struct proxy *proxy);
/** entry_provider() - The one its lease is with; NULL none. */
const struct broker_candidate *entry_provider(const struct entry *entry);
/** entry_ask() - Have a request at the broker, if it is time to ask. */
void entry_ask(struct entry *entry, uint64_t now_ns);
/** entry_wait_ns() - For how long its connections wait for a lease; NULL is allowed. */
uint64_t entry_wait_ns(const struct entry *entry);
/** entry_set_query() - Ask for something else from now on, if it is something else. */
void entry_set_query(struct entry *entry, const struct broker_query *query);
/** entry_new_leg() - With the settings of its parent, and no lease yet. */
struct entry *entry_new_leg(struct entry *parent);
/** entry_remove() - With its legs; flows of a leg go back to the parent. */
void entry_remove(struct entry *entry);
/** entry_dispatch() - Send a flow where the lease says. */
void entry_dispatch(struct flow *flow);
/** entry_attempt() - Of a flow of an entry, towards this provider. */
void entry_attempt(struct flow *flow, const struct hub_id *hub, const uint8_t *digest);
/** entry_believes() - Is an answer from who the attempt was to be served by? */
bool entry_believes(struct flow *flow, struct trunk *trunk);
/** entry_provider_lost() - It will not do for this entry: elsewhere, and the broker hears of it. */
void entry_provider_lost(struct flow *flow);
/** entry_attempt_failed() - Then elsewhere, or not at all. */
void entry_attempt_failed(struct flow *flow, enum proxy_end why);
/** entry_attempt_ok() - The provider took it. */
void entry_attempt_ok(struct flow *flow);
/** entry_has_moved() - Does the lease lead elsewhere than where a flow goes? */
bool entry_has_moved(const struct flow *flow);
/** entry_leave() - The provider of a flow does not work: find another, if there may be one. */
void entry_leave(struct flow *flow);
/** entry_leads_to() - Would a connection go where this one goes? */
bool entry_leads_to(const struct flow *flow);
/** entry_report() - Tell the broker how it went, once. */
void entry_report(struct flow *flow, bool is_error);

/* legs.c */
/** legs_apply() - Make the legs those of the settings. */
void legs_apply(struct entry *entry);
/** legs_settle() - Ask for leases. */
void legs_settle(struct entry *entry, uint64_t now_ns);
/** legs_remove() - All of them. */
void legs_remove(struct entry *entry);
/** legs_is_sticky() - Does it take the headers of a request to choose its share? */
bool legs_is_sticky(const struct entry *door);
/**
 * legs_pick() - For a request that begins: which leg it uses.
 * @door: it came in by
 * @fields: its headers; not looked at unless legs_is_sticky()
 * @n: entries of @fields
 *
 * Return: one that is there and has a provider; __LEG_END: the entry itself.
 */
size_t legs_pick(struct entry *door, const struct http1_field *fields, size_t n);
/** legs_choose() - The same for a flow of one request at a time. */
void legs_choose(struct flow *flow, const struct http1_head *head);

/* provider.c */
/** provider_on_call() - A CONNECT is complete. */
void provider_on_call(struct trunk *trunk, int32_t stream);
/** provider_connected() - The service took it. */
void provider_connected(struct flow *flow);
/** provider_connect_failed() - This endpoint did not; try the next. */
void provider_connect_failed(struct flow *flow);
/** provider_check_request() - Do the rules let a request pass? */
bool provider_check_request(struct flow *flow, const struct http1_text *method,
			    const struct http1_text *path, struct http1_refusal *refusal);
/** flow_is_proved() - Is there the service certificate it needs, and does that still hold, if any? */
bool flow_is_proved(const struct flow *flow);
/** flow_format_caller() - SPIFFE id of who calls, here or at the provider. */
const char *flow_format_caller(const struct flow *flow, char buf[SPIFFE_URI_SIZE]);
/** provider_is_allowed() - May the caller of a flow still use its service? */
bool provider_is_allowed(struct flow *flow);

/* endpoint of a manifest: "ADDRESS:PORT" or "unix:PATH" */
/** proxy_parse_address() - Return: 0; -EINVAL. */
int proxy_parse_address(const char *text, struct sockaddr_storage *ret);
socklen_t proxy_address_len(const struct sockaddr_storage *address);

#endif
