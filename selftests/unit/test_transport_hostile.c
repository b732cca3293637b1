// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: transport against peers that are not what they should be
 *
 * Three kinds: certificates trust refuses, TLS that is not ours (a plain
 * wolfSSL client with other settings), and members that speak broken or
 * hostile HTTP/2 inside a good TLS session (frames made by hand).
 */
#include "transport_fixture.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

#define FRAME_HEADER_LEN 9
#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

enum {
	F_DATA,
	F_HEADERS,
	F_PRIORITY,
	F_RST,
	F_SETTINGS,
	F_PUSH,
	F_PING,
	F_GOAWAY,
	F_WINDOW,
	F_CONTINUATION
};

static struct node victim;

static int start_victim(void **state)
{
	make_loop(state);
	node_start(&victim, "alpha");
	return 0;
}

static int stop_victim(void **state)
{
	node_stop(&victim);
	return free_loop(state);
}

static int make_bad_pki(void **state)
{
	if (make_pki(state))
		return -1;
	make_cert("expired", "root", "expired", "URI:spiffe://" MESH "/hub/%s", -1);
	make_cert("foreign", "stranger", "foreign", "URI:spiffe://" MESH "/hub/%s", 1);
	make_cert("elsewhere", "root", "elsewhere", "URI:spiffe://other.mesh/hub/%s", 1);
	make_cert("impostor", "root", "alpha", "URI:spiffe://" MESH "/hub/%s", 1);
	make_cert("double", "root", "double",
		  "URI:spiffe://" MESH "/hub/%s,URI:spiffe://" MESH "/hub/%s", 1);
	make_cert("nameless", "root", "nameless", "DNS:hub", 1);
	return shell("cat bravo.crt root.crt > chain.crt; cp bravo.key chain.key; "
		     "cp bravo.pub chain.pub");
}

/* ---- raw peers ---- */

/**
 * struct raw - a client made of a socket and, if wanted, our own TLS
 */
struct raw {
	int fd;
	struct tls_context *context;
	struct tls *tls;
	struct trust *trust;
	bool is_closed;
	uint8_t seen[8192]; /* newest plain bytes from the server */
	size_t n_seen;
};

static void raw_open(struct raw *raw)
{
	struct sockaddr_in6 to = {.sin6_family = AF_INET6,
				  .sin6_addr = in6addr_loopback,
				  .sin6_port = htons(transport_port(victim.transport))};

	memset(raw, 0, sizeof(*raw));
	raw->fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(raw->fd >= 0);
	assert_int_equal(connect(raw->fd, (struct sockaddr *)&to, sizeof(to)), 0);
	fcntl(raw->fd, F_SETFL, O_NONBLOCK);
}

static void raw_close(struct raw *raw)
{
	close(raw->fd);
	tls_free(raw->tls);
	tls_context_free(raw->context);
	trust_free(raw->trust);
}

/* Take what TLS wants to send to the socket, and what is there from it. */
static void raw_pump(struct raw *raw)
{
	uint8_t bytes[16384], plain[16384];
	struct tls_output *out = raw->tls ? tls_output(raw->tls) : NULL;
	ssize_t n;

	if (out && out->len > 0) {
		n = send(raw->fd, out->bytes, out->len, MSG_NOSIGNAL);
		if (n > 0)
			tls_output_consume(out, (size_t)n);
		else if (n < 0 && errno != EAGAIN)
			raw->is_closed = true;
	}
	uv_run(loop, UV_RUN_NOWAIT);
	n = recv(raw->fd, bytes, sizeof(bytes), 0);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		raw->is_closed = true;
	if (n <= 0 || !raw->tls)
		return;
	tls_feed(raw->tls, bytes, (size_t)n);
	if (!tls_identity(raw->tls) && tls_handshake(raw->tls) != 0)
		return;
	while ((n = tls_read(raw->tls, plain, sizeof(plain))) > 0) {
		size_t keep = (size_t)n < sizeof(raw->seen) ? (size_t)n : sizeof(raw->seen);

		if (raw->n_seen + keep > sizeof(raw->seen))
			raw->n_seen = 0;
		memcpy(raw->seen + raw->n_seen, plain, keep);
		raw->n_seen += keep;
	}
}

#define raw_wait_for(raw, condition)                                            \
	do {                                                                    \
		uint64_t until = uv_hrtime() + WAIT_MS * 1000000ull;            \
		while (!(condition)) {                                          \
			if (uv_hrtime() > until)                                \
				fail_msg("waited in vain for: %s", #condition); \
			raw_pump(raw);                                          \
		}                                                               \
	} while (0)

/* A member of the mesh, TLS up, nothing of HTTP/2 said yet. */
static void raw_join(struct raw *raw)
{
	struct file cert = read_file("bravo.crt"), key = read_file("bravo.key"),
		    root = read_file("root.crt");
	const char *error_text;

	raw_open(raw);
	raw->trust = trust_new(MESH);
	trust_add_root(raw->trust, root.bytes, root.len);
	assert_int_equal(tls_context_new(cert.bytes, cert.len, key.bytes, key.len, raw->trust,
					 &raw->context, &error_text),
			 0);
	assert_int_equal(tls_new(raw->context, true, &raw->tls), 0);
	assert_int_equal(tls_handshake(raw->tls), -EAGAIN);
	raw_wait_for(raw, tls_identity(raw->tls));
}

static void raw_write(struct raw *raw, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	while (len > 0 && !raw->is_closed) {
		size_t n = len < 16384 ? len : 16384;

		raw_wait_for(raw, raw->is_closed || tls_output(raw->tls)->len < 65536);
		tls_write(raw->tls, p, n);
		p += n;
		len -= n;
	}
}

static size_t frame(uint8_t *to, uint8_t type, uint8_t flags, uint32_t stream, const void *payload,
		    size_t len)
{
	const uint8_t header[FRAME_HEADER_LEN] = {
		(uint8_t)(len >> 16),
		(uint8_t)(len >> 8),
		(uint8_t)len,
		type,
		flags,
		(uint8_t)(stream >> 24),
		(uint8_t)(stream >> 16),
		(uint8_t)(stream >> 8),
		(uint8_t)stream,
	};

	memcpy(to, header, sizeof(header));
	if (len)
		memcpy(to + sizeof(header), payload, len);
	return sizeof(header) + len;
}

static void raw_frame(struct raw *raw, uint8_t type, uint8_t flags, uint32_t stream,
		      const void *payload, size_t len)
{
	uint8_t bytes[FRAME_HEADER_LEN + 16384];

	raw_write(raw, bytes, frame(bytes, type, flags, stream, payload, len));
}

/* HPACK, all literals without indexing, no Huffman: RFC 7541 section 6.2.2 */
static size_t literal(uint8_t *to, const char *name, const char *value)
{
	size_t n = strlen(name), v = strlen(value);

	to[0] = 0;
	to[1] = (uint8_t)n;
	memcpy(to + 2, name, n);
	to[2 + n] = (uint8_t)v;
	memcpy(to + 3 + n, value, v);
	return 3 + n + v;
}

static void raw_request(struct raw *raw, uint32_t stream, const char *method, const char *path,
			bool is_complete)
{
	uint8_t block[512];
	size_t n = literal(block, ":method", method);

	n += literal(block + n, ":scheme", "https");
	n += literal(block + n, ":path", path);
	n += literal(block + n, ":authority", "hub");
	raw_frame(raw, F_HEADERS, is_complete ? 0x05 : 0x04, stream, block, n);
}

/* A member with its event stream open: the victim reports session_up. */
static void raw_become_peer(struct raw *raw)
{
	raw_join(raw);
	raw_write(raw, PREFACE, strlen(PREFACE));
	raw_frame(raw, F_SETTINGS, 0, 0, NULL, 0);
	raw_request(raw, 1, "GET", H2_EVENTS_PATH, true);
	raw_wait_for(raw, victim.ups == 1);
}

static uint64_t refused(void)
{
	return transport_counters(victim.transport)->requests_refused;
}

static uint64_t failed(void)
{
	return transport_counters(victim.transport)->handshakes_failed;
}

/* After every attack: a good hub is served as if nothing had happened. */
static void assert_still_serves(void)
{
	struct node good;
	unsigned int ups = victim.ups, messages = victim.messages;

	node_start(&good, "bravo");
	node_dial(&good, &victim, 2);
	wait_for(good.ups == 1 && victim.ups == ups + 1);
	assert_int_equal(transport_send(good.transport, 2, CONTROL_BYE, NULL, 0), 0);
	wait_for(victim.messages == messages + 1);
	node_stop(&good);
}

/* ---- certificates ---- */

static void assert_dialler_refused(const char *name, int error)
{
	uint64_t before = transport_counters(victim.transport)->certificates_refused;
	const char *text;
	struct node bad;

	if (node_try(&bad, name, name, 0, &text) != 0)
		fail_msg("%s: %s", name, text);
	node_dial(&bad, &victim, 2);
	wait_for(bad.downs == 1);
	assert_int_equal(bad.error, error);
	assert_int_equal(bad.ups + victim.ups + victim.downs, 0);
	assert_int_equal(transport_counters(victim.transport)->certificates_refused, before + 1);
	node_stop(&bad);
}

static void refuses_bad_certificates_of_diallers(void **state)
{
	const char *const bad[] = {"expired",  "foreign", "elsewhere",
				   "impostor", "double",  "nameless"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_dialler_refused(bad[i], -EPERM);
	assert_still_serves();
}

static void refuses_bad_certificates_of_listeners(void **state)
{
	const struct {
		const char *name;
		int error;
	} bad[] = {{"expired", -EKEYEXPIRED}, {"foreign", -EKEYREJECTED}, {"elsewhere", -EACCES},
		   {"impostor", -EACCES},     {"double", -EACCES},	  {"nameless", -EACCES}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct node server;
		const char *text;

		assert_int_equal(node_try(&server, bad[i].name, bad[i].name, 0, &text), 0);
		node_dial(&victim, &server, 2 + 2 * i);
		wait_for(victim.downs == i + 1);
		if (victim.error != bad[i].error)
			fail_msg("%s: %d instead of %d", bad[i].name, victim.error, bad[i].error);
		assert_int_equal(victim.down_session, 2 + 2 * i);
		assert_int_equal(server.ups + server.downs + victim.ups, 0);
		node_stop(&server);
	}
	assert_still_serves();
}

/* ---- TLS that is not ours ---- */

struct foreign_tls {
	WOLFSSL_METHOD *method;
	const char *cert; /* NULL: none */
	bool is_chain, is_without_alpn;
	int group;
};

/* Handshake with plain wolfSSL. Return: did the client think it went well and stay connected? */
static bool foreign_connect(const struct foreign_tls *how)
{
	WOLFSSL_CTX *ctx = wolfSSL_CTX_new(how->method);
	char alpn[] = "h2", path[160], byte;
	WOLFSSL *ssl;
	struct raw raw;
	int r, groups[] = {how->group};
	uint64_t before = failed();

	raw_open(&raw);
	wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_NONE, NULL);
	if (how->cert) {
		snprintf(path, sizeof(path), "%s/%s.crt", pki, how->cert);
		r = how->is_chain
			    ? wolfSSL_CTX_use_certificate_chain_file(ctx, path)
			    : wolfSSL_CTX_use_certificate_file(ctx, path, WOLFSSL_FILETYPE_PEM);
		assert_int_equal(r, WOLFSSL_SUCCESS);
		snprintf(path, sizeof(path), "%s/%s.key", pki, how->cert);
		assert_int_equal(wolfSSL_CTX_use_PrivateKey_file(ctx, path, WOLFSSL_FILETYPE_PEM),
				 WOLFSSL_SUCCESS);
	}
	if (how->group)
		assert_int_equal(wolfSSL_CTX_set_groups(ctx, groups, 1), WOLFSSL_SUCCESS);
	ssl = wolfSSL_new(ctx);
	if (!how->is_without_alpn)
		wolfSSL_UseALPN(ssl, alpn, 2, WOLFSSL_ALPN_CONTINUE_ON_MISMATCH);
	wolfSSL_set_fd(ssl, raw.fd);
	wait_deadline = uv_hrtime() + WAIT_MS * 1000000ull;
	do {
		r = wolfSSL_connect(ssl);
		uv_run(loop, UV_RUN_NOWAIT);
		if (r == WOLFSSL_SUCCESS) /* in TLS 1.3 the server may refuse after that */
			r = wolfSSL_read(ssl, &byte, 1);
		assert_true(uv_hrtime() < wait_deadline);
	} while (wolfSSL_get_error(ssl, r) == WOLFSSL_ERROR_WANT_READ && failed() == before);
	wolfSSL_free(ssl);
	wolfSSL_CTX_free(ctx);
	raw_close(&raw);
	return failed() == before;
}

static void accepts_another_tls_with_everything_right(void **state)
{
	struct foreign_tls how = {.method = wolfTLSv1_3_client_method(),
				  .cert = "bravo",
				  .group = WOLFSSL_ECC_X25519};

	assert_true(foreign_connect(&how)); /* the harness can tell */
	assert_int_equal(transport_counters(victim.transport)->certificates_refused, 0);
}

static void refuses_client_without_certificate(void **state)
{
	struct foreign_tls how = {.method = wolfTLSv1_3_client_method()};

	assert_false(foreign_connect(&how));
	assert_int_equal(victim.ups, 0);
	assert_still_serves();
}

static void refuses_tls_1_2(void **state)
{
	struct foreign_tls how = {.method = wolfTLSv1_2_client_method(), .cert = "bravo"};

	assert_false(foreign_connect(&how));
	assert_int_equal(victim.ups, 0);
	assert_still_serves();
}

static void refuses_client_without_alpn(void **state)
{
	struct foreign_tls how = {
		.method = wolfTLSv1_3_client_method(), .cert = "bravo", .is_without_alpn = true};

	assert_false(foreign_connect(&how));
	assert_int_equal(victim.ups, 0);
	assert_still_serves();
}

static void refuses_other_groups(void **state)
{
	struct foreign_tls how = {.method = wolfTLSv1_3_client_method(),
				  .cert = "bravo",
				  .group = WOLFSSL_ECC_SECP256R1};

	assert_false(foreign_connect(&how));
	assert_int_equal(victim.ups, 0);
	assert_still_serves();
}

static void refuses_more_than_the_leaf(void **state)
{
	struct foreign_tls how = {
		.method = wolfTLSv1_3_client_method(), .cert = "chain", .is_chain = true};

	assert_false(foreign_connect(&how));
	assert_int_equal(victim.ups, 0);
	assert_int_equal(transport_counters(victim.transport)->certificates_refused, 1);
	assert_int_equal(transport_counters(victim.transport)->refusals.n[TRUST_CHAIN], 1);
	assert_still_serves();
}

static void refuses_plain_http_at_its_first_byte(void **state)
{
	const char request[] = "GET / HTTP/1.1\r\nHost: hub\r\n\r\n";
	struct raw raw;

	raw_open(&raw);
	assert_int_equal(send(raw.fd, request, sizeof(request), 0), sizeof(request));
	raw_wait_for(&raw, raw.is_closed);
	assert_int_equal(failed(), 1);
	raw_close(&raw);
	assert_still_serves();
}

static void survives_random_bytes(void **state)
{
	unsigned int seed = 20261121;
	uint8_t bytes[4096];

	print_message("# seed %u\n", seed);
	for (int i = 0; i < 60; i++) {
		struct raw raw;

		for (size_t j = 0; j < sizeof(bytes); j++)
			bytes[j] = (uint8_t)rand_r(&seed);
		if (i % 2) /* behind the first filter: a record header with a believable length */
			memcpy(bytes, (uint8_t[]){0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}, 11);
		raw_open(&raw);
		send(raw.fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
		raw_wait_for(&raw, raw.is_closed);
		raw_close(&raw);
	}
	assert_int_equal(victim.ups + victim.downs, 0);
	assert_still_serves();
}

static void slow_handshake_is_cut_off(void **state)
{
	struct raw raw;
	uint8_t hello[] = {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3};

	transport_limits(victim.transport)->handshake_ms = 100;
	raw_open(&raw);
	for (size_t i = 0; i < sizeof(hello); i++) {
		send(raw.fd, hello + i, 1, MSG_NOSIGNAL);
		raw_pump(&raw);
	}
	raw_wait_for(&raw, raw.is_closed);
	assert_int_equal(failed(), 1);
	raw_close(&raw);
	raw_join(&raw); /* verified, but never speaks HTTP/2 */
	raw_wait_for(&raw, raw.is_closed);
	assert_int_equal(failed(), 2);
	raw_close(&raw);
	transport_limits(victim.transport)->handshake_ms = TRANSPORT_HANDSHAKE_MS;
	assert_still_serves();
}

static void half_open_connections_of_one_address_are_few(void **state)
{
	struct raw raw[TRANSPORT_HANDSHAKES_PER_PEER_MAX + 1];

	for (size_t i = 0; i < TRANSPORT_HANDSHAKES_PER_PEER_MAX + 1; i++) {
		raw_open(&raw[i]);
		wait_for(transport_counters(victim.transport)->accepted == i + 1);
	}
	raw_wait_for(&raw[TRANSPORT_HANDSHAKES_PER_PEER_MAX],
		     raw[TRANSPORT_HANDSHAKES_PER_PEER_MAX].is_closed);
	assert_int_equal(transport_counters(victim.transport)->handshakes_limited, 1);
	raw_pump(&raw[0]);
	assert_false(raw[0].is_closed);
	for (size_t i = 0; i < TRANSPORT_HANDSHAKES_PER_PEER_MAX + 1; i++)
		raw_close(&raw[i]);
	wait_for(victim.transport->n_unfinished == 0);
	assert_still_serves();
}

static void oldest_half_open_connection_makes_room(void **state)
{
	struct raw raw[3];
	uint64_t opened;

	transport_limits(victim.transport)->handshakes_max = 2;
	for (size_t i = 0; i < 2; i++)
		raw_open(&raw[i]);
	wait_for(victim.transport->n_unfinished == 2);
	raw_open(&raw[2]); /* too early: the others may be honest */
	raw_wait_for(&raw[2], raw[2].is_closed);
	raw_close(&raw[2]);
	opened = uv_hrtime();
	wait_for(uv_hrtime() - opened > (TRANSPORT_EVICT_MS + 50) * 1000000ull);
	assert_still_serves();
	raw_wait_for(&raw[0], raw[0].is_closed || (raw_pump(&raw[1]), raw[1].is_closed));
	raw_close(&raw[0]);
	raw_close(&raw[1]);
}

/* ---- members with broken HTTP/2 ---- */

/* The session must go down with @error, once, and the connection be closed. */
static void assert_session_ends(struct raw *raw, int error)
{
	raw_wait_for(raw, raw->is_closed && victim.downs == 1);
	assert_int_equal(victim.error, error);
	raw_close(raw);
	assert_still_serves();
}

static void unfit_requests_get_4xx_and_the_session_stays(void **state)
{
	struct raw raw;

	raw_become_peer(&raw);
	raw_request(&raw, 3, "POST", "/v1/nothing", true);
	raw_wait_for(&raw, refused() == 1);
	raw_request(&raw, 5, "DELETE", "/v1/hello", true);
	raw_wait_for(&raw, refused() == 2);
	raw_request(&raw, 7, "POST", H2_EVENTS_PATH, true);
	raw_wait_for(&raw, refused() == 3);
	assert_int_equal(victim.messages, 0);
	raw_request(&raw, 9, "POST", "/v1/bye", true);
	raw_wait_for(&raw, victim.messages == 1);
	assert_int_equal(victim.downs, 0);
	raw_close(&raw);
}

static void oversize_body_gets_413_and_is_not_delivered(void **state)
{
	static const uint8_t part[16384];
	struct raw raw;

	raw_become_peer(&raw);
	raw_request(&raw, 3, "POST", "/v1/record", false);
	for (int i = 0; i < 3; i++)
		raw_frame(&raw, F_DATA, 0, 3, part, sizeof(part));
	raw_pump(&raw);
	assert_int_equal(refused(), 0);
	raw_wait_for(&raw, victim.transport->sessions && raw.n_seen > 0);
	for (int i = 0; i < 10; i++)
		raw_pump(&raw); /* window updates */
	raw_frame(&raw, F_DATA, 0, 3, part, 16000);
	for (int i = 0; i < 10; i++)
		raw_pump(&raw);
	raw_frame(&raw, F_DATA, 0, 3, part, sizeof(part));
	raw_wait_for(&raw, refused() == 1);
	assert_int_equal(victim.messages, 0);
	raw_request(&raw, 5, "POST", "/v1/bye", true);
	raw_wait_for(&raw, victim.messages == 1);
	assert_int_equal(victim.downs, 0);
	raw_close(&raw);
}

static void announced_oversize_gets_413_before_the_body(void **state)
{
	uint8_t block[512];
	struct raw raw;
	size_t n = literal(block, ":method", "POST");

	n += literal(block + n, ":scheme", "https");
	n += literal(block + n, ":path", "/v1/record");
	n += literal(block + n, ":authority", "hub");
	n += literal(block + n, "content-length", "65537");
	raw_become_peer(&raw);
	raw_frame(&raw, F_HEADERS, 0x04, 3, block, n);
	raw_wait_for(&raw, refused() == 1);
	assert_int_equal(victim.messages, 0);
	raw_close(&raw);
}

static void half_bodies_on_many_streams_are_bounded(void **state)
{
	static const uint8_t part[8000];
	struct raw raw;

	raw_become_peer(&raw);
	for (uint32_t stream = 3; stream < 3 + 2 * 90 && !raw.is_closed; stream += 2) {
		raw_request(&raw, stream, "POST", "/v1/record", false);
		raw_frame(&raw, F_DATA, 0, stream, part, sizeof(part));
		raw_pump(&raw);
		raw_pump(&raw);
	}
	raw_wait_for(&raw, raw.is_closed);
	wait_for(victim.downs == 1);
	assert_int_equal(victim.messages, 0);
	raw_close(&raw);
	assert_still_serves();
}

static void message_before_the_event_stream_ends_it(void **state)
{
	struct raw raw;

	raw_join(&raw);
	raw_write(&raw, PREFACE, strlen(PREFACE));
	raw_frame(&raw, F_SETTINGS, 0, 0, NULL, 0);
	raw_request(&raw, 1, "POST", "/v1/hello", true);
	raw_wait_for(&raw, raw.is_closed);
	assert_int_equal(victim.ups + victim.messages, 0);
	raw_close(&raw);
	assert_still_serves();
}

static void second_event_stream_ends_the_session(void **state)
{
	struct raw raw;

	raw_become_peer(&raw);
	raw_request(&raw, 3, "GET", H2_EVENTS_PATH, true);
	assert_session_ends(&raw, -EPROTO);
}

static void reset_event_stream_ends_the_session(void **state)
{
	struct raw raw;

	raw_become_peer(&raw);
	raw_frame(&raw, F_RST, 0, 1, "\0\0\0\10", 4);
	assert_session_ends(&raw, -EPROTO);
}

static void malformed_hpack_ends_the_session(void **state)
{
	struct raw raw;

	raw_become_peer(&raw);
	raw_frame(&raw, F_HEADERS, 0x05, 3, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	assert_session_ends(&raw, -EPROTO);
}

static void header_bomb_ends_the_session(void **state)
{
	uint8_t block[16384];
	char value[121];
	struct raw raw;
	size_t n = 0;

	memset(value, 'a', sizeof(value) - 1);
	value[sizeof(value) - 1] = 0;
	for (int i = 0; i < 100; i++)
		n += literal(block + n, "x-bomb", value);
	raw_become_peer(&raw);
	raw_frame(&raw, F_HEADERS, 0x05, 3, block, n);
	assert_session_ends(&raw, -EDQUOT);
}

static void continuation_flood_ends_the_session(void **state)
{
	struct raw raw;

	raw_become_peer(&raw);
	raw_frame(&raw, F_HEADERS, 0x01, 3, "\0\1a\1b", 5);
	for (int i = 0; i < 200 && !raw.is_closed; i++)
		raw_frame(&raw, F_CONTINUATION, 0, 3, "\0\1a\1b", 5);
	raw_wait_for(&raw, raw.is_closed && victim.downs == 1);
	assert_true(victim.error == -EPROTO || victim.error == -EDQUOT);
	raw_close(&raw);
	assert_still_serves();
}

static void rapid_reset_ends_the_session(void **state)
{
	struct raw raw;

	raw_become_peer(&raw);
	for (uint32_t stream = 3; stream < 2000 && !raw.is_closed; stream += 2) {
		raw_request(&raw, stream, "POST", "/v1/hello", false);
		raw_frame(&raw, F_RST, 0, stream, "\0\0\0\10", 4);
	}
	assert_session_ends(&raw, -EDQUOT);
}

static void provoked_resets_end_the_session(void **state)
{
	struct raw raw;

	raw_become_peer(&raw);
	for (uint32_t stream = 3; stream < 2000 && !raw.is_closed; stream += 2) {
		raw_request(&raw, stream, "POST", "/v1/hello", false);
		raw_frame(&raw, F_WINDOW, 0, stream, "\0\0\0\0", 4); /* zero: stream error */
	}
	raw_wait_for(&raw, raw.is_closed && victim.downs == 1);
	raw_close(&raw);
	assert_still_serves();
}

static void control_frame_floods_end_the_session(void **state)
{
	const struct {
		uint8_t type;
		uint32_t stream;
		size_t len;
	} floods[] = {{F_PING, 0, 8}, {F_SETTINGS, 0, 0}, {F_PRIORITY, 3, 5}, {F_WINDOW, 0, 4}};

	for (size_t f = 0; f < sizeof(floods) / sizeof(*floods); f++) {
		struct raw raw;

		victim.ups = victim.downs = 0;
		raw_become_peer(&raw);
		for (int i = 0; i < 3000 && !raw.is_closed; i++)
			raw_frame(&raw, floods[f].type, 0, floods[f].stream, "\0\0\0\1\0\0\0\0",
				  floods[f].len);
		raw_wait_for(&raw, raw.is_closed && victim.downs == 1);
		assert_int_equal(victim.error, -EDQUOT);
		raw_close(&raw);
	}
	victim.downs = 0;
	assert_still_serves();
}

static void reader_without_window_is_cut_off(void **state)
{
	static const uint8_t body[CONTROL_BODY_MAX];
	struct raw raw;

	transport_limits(victim.transport)->ping_ms = 20;
	transport_limits(victim.transport)->stall_ms = 200;
	transport_limits(victim.transport)->ping_misses = 1000;
	raw_become_peer(&raw);
	for (int i = 0; i < 4; i++)
		assert_int_equal(transport_send(victim.transport, victim.session, CONTROL_RECORD,
						body, sizeof(body)),
				 0);
	assert_session_ends(&raw, -ETIMEDOUT);
}

static void broken_tls_record_ends_the_session(void **state)
{
	uint8_t record[64] = {0x17, 3, 3, 0, 59};
	struct raw raw;

	raw_become_peer(&raw);
	send(raw.fd, record, sizeof(record), MSG_NOSIGNAL);
	assert_session_ends(&raw, -EPROTO);
}

#define WITH_VICTIM(f) cmocka_unit_test_setup_teardown(f, start_victim, stop_victim)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_VICTIM(refuses_bad_certificates_of_diallers),
		WITH_VICTIM(refuses_bad_certificates_of_listeners),
		WITH_VICTIM(accepts_another_tls_with_everything_right),
		WITH_VICTIM(refuses_client_without_certificate),
		WITH_VICTIM(refuses_tls_1_2),
		WITH_VICTIM(refuses_client_without_alpn),
		WITH_VICTIM(refuses_other_groups),
		WITH_VICTIM(refuses_more_than_the_leaf),
		WITH_VICTIM(refuses_plain_http_at_its_first_byte),
		WITH_VICTIM(survives_random_bytes),
		WITH_VICTIM(slow_handshake_is_cut_off),
		WITH_VICTIM(half_open_connections_of_one_address_are_few),
		WITH_VICTIM(oldest_half_open_connection_makes_room),
		WITH_VICTIM(unfit_requests_get_4xx_and_the_session_stays),
		WITH_VICTIM(oversize_body_gets_413_and_is_not_delivered),
		WITH_VICTIM(announced_oversize_gets_413_before_the_body),
		WITH_VICTIM(half_bodies_on_many_streams_are_bounded),
		WITH_VICTIM(message_before_the_event_stream_ends_it),
		WITH_VICTIM(second_event_stream_ends_the_session),
		WITH_VICTIM(reset_event_stream_ends_the_session),
		WITH_VICTIM(malformed_hpack_ends_the_session),
		WITH_VICTIM(header_bomb_ends_the_session),
		WITH_VICTIM(continuation_flood_ends_the_session),
		WITH_VICTIM(rapid_reset_ends_the_session),
		WITH_VICTIM(provoked_resets_end_the_session),
		WITH_VICTIM(control_frame_floods_end_the_session),
		WITH_VICTIM(reader_without_window_is_cut_off),
		WITH_VICTIM(broken_tls_record_ends_the_session),
	};

	return cmocka_run_group_tests(tests, make_bad_pki, remove_pki);
}
