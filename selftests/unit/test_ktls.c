// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: records made by the kernel on one side, by wolfSSL or by this test on the other
 *
 * Needs a kernel with TLS; elsewhere one test says that there is none, and that
 * the connection goes on without.
 */
#include "pki_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gcrypt.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/proxy/ktls.h"
#include "daemon/transport/tls.h"

#define TAG_LEN 16
#define HEADER_LEN 5
#define PLAIN_MAX 64
#define WAIT_MS 8000
#define RECORD_ALERT 21
#define RECORD_HANDSHAKE 22
#define RECORD_DATA 23

static struct tls_context *context;
static struct trust *trust;
static struct tls *client_tls, *server_tls;
static struct tls_keys client_keys, server_keys;
static struct ktls_count count;
static int client, server; /* the server's records are the kernel's */

static int start_hub(void **state)
{
	struct file cert, key, root;
	const char *error_text;

	if (make_pki(state) < 0)
		return -1;
	cert = read_file("alpha.crt");
	key = read_file("alpha.key");
	root = read_file("root.crt");
	trust = trust_new(MESH);
	return trust_add_root(trust, root.bytes, root.len) |
	       tls_context_new(cert.bytes, cert.len, key.bytes, key.len, trust, &context,
			       &error_text);
}

static int stop_hub(void **state)
{
	tls_context_free(context);
	trust_free(trust);
	return remove_pki(state);
}

static void connect_two(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(client, (struct sockaddr *)&address, len), 0);
	server = accept(listener, NULL, NULL);
	assert_true(server >= 0);
	close(listener);
}

static void pass(struct tls *from, struct tls *to)
{
	static struct tls_output carried;

	free(carried.bytes);
	carried = *tls_output(from);
	*tls_output(from) = (struct tls_output){0};
	tls_feed(to, carried.bytes, carried.len);
}

static int start_pair(void **state)
{
	int r = -EAGAIN, s = -EAGAIN;

	connect_two();
	assert_int_equal(tls_new(context, true, &client_tls), 0);
	assert_int_equal(tls_new(context, false, &server_tls), 0);
	for (int i = 0; i < 4 && (r == -EAGAIN || s == -EAGAIN); i++) {
		r = r == -EAGAIN ? tls_handshake(client_tls) : r;
		pass(client_tls, server_tls);
		s = s == -EAGAIN ? tls_handshake(server_tls) : s;
		pass(server_tls, client_tls);
	}
	assert_int_equal(r | s, 0);
	assert_int_equal(tls_keys(client_tls, &client_keys), 0);
	assert_int_equal(tls_keys(server_tls, &server_keys), 0);
	return 0;
}

static int start_kernel_pair(void **state)
{
	start_pair(state);
	assert_int_equal(ktls_start(server, &server_keys, &count), 0);
	return 0;
}

static int stop_pair(void **state)
{
	tls_free(client_tls);
	tls_free(server_tls);
	close(client);
	close(server);
	return 0;
}

/* ---- the other side ---- */

static gcry_cipher_hd_t open_cipher(const uint8_t *header)
{
	const bool is_aes = client_keys.suite == TLS_SUITE_AES_128_GCM;
	struct tls_key *key = &client_keys.send;
	uint8_t nonce[TLS_IV_LEN];
	gcry_cipher_hd_t cipher;

	memcpy(nonce, key->iv, sizeof(nonce));
	for (int i = 0; i < 8; i++)
		nonce[4 + i] ^= (uint8_t)(key->sequence >> (56 - 8 * i));
	key->sequence++;
	assert_int_equal(
		gcry_cipher_open(&cipher, is_aes ? GCRY_CIPHER_AES128 : GCRY_CIPHER_CHACHA20,
				 is_aes ? GCRY_CIPHER_MODE_GCM : GCRY_CIPHER_MODE_POLY1305, 0),
		0);
	assert_int_equal(gcry_cipher_setkey(cipher, key->key, key->key_len), 0);
	assert_int_equal(gcry_cipher_setiv(cipher, nonce, sizeof(nonce)), 0);
	assert_int_equal(gcry_cipher_authenticate(cipher, header, HEADER_LEN), 0);
	return cipher;
}

/* Return: bytes of @record. */
static size_t seal(uint8_t type, const void *bytes, size_t len,
		   uint8_t record[HEADER_LEN + PLAIN_MAX + 1 + TAG_LEN])
{
	const size_t n = len + 1;
	gcry_cipher_hd_t cipher;

	memcpy(record, (uint8_t[]){RECORD_DATA, 3, 3, 0, (uint8_t)(n + TAG_LEN)}, HEADER_LEN);
	memcpy(record + HEADER_LEN, bytes, len);
	record[HEADER_LEN + len] = type;
	cipher = open_cipher(record);
	assert_int_equal(gcry_cipher_encrypt(cipher, record + HEADER_LEN, n, NULL, 0), 0);
	assert_int_equal(gcry_cipher_gettag(cipher, record + HEADER_LEN + n, TAG_LEN), 0);
	gcry_cipher_close(cipher);
	return HEADER_LEN + n + TAG_LEN;
}

static void say(uint8_t type, const void *bytes, size_t len)
{
	uint8_t record[HEADER_LEN + PLAIN_MAX + 1 + TAG_LEN];
	size_t n = seal(type, bytes, len, record);

	assert_int_equal(write(client, record, n), n);
}

static void wait_readable(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
}

static ssize_t hear(void)
{
	uint8_t got[PLAIN_MAX];

	wait_readable(server);
	return ktls_read(server, got, sizeof(got));
}

/* ---- tests ---- */

static void bytes_pass_both_ways(void **state)
{
	uint8_t got[4 * PLAIN_MAX];
	ssize_t n;

	say(RECORD_DATA, "to the kernel", 13);
	wait_readable(server);
	assert_int_equal(ktls_read(server, got, sizeof(got)), 13);
	assert_memory_equal(got, "to the kernel", 13);
	assert_int_equal(ktls_read(server, got, sizeof(got)), -EAGAIN);
	assert_int_equal(write(server, "and back", 8), 8);
	wait_readable(client);
	n = read(client, got, sizeof(got));
	tls_feed(client_tls, got, (size_t)n);
	assert_int_equal(tls_read(client_tls, got, sizeof(got)), 8);
	assert_memory_equal(got, "and back", 8);
}

static void close_notify_is_an_end_both_ways(void **state)
{
	uint8_t got[4 * PLAIN_MAX];
	ssize_t n;

	say(RECORD_DATA, "last", 4);
	say(RECORD_ALERT, "\1\0", 2);
	assert_int_equal(hear(), 4);
	assert_int_equal(hear(), 0);
	assert_int_equal(ktls_close_notify(server), 0);
	wait_readable(client);
	n = read(client, got, sizeof(got));
	tls_feed(client_tls, got, (size_t)n);
	assert_int_equal(tls_read(client_tls, got, sizeof(got)), 0);
}

static void end_of_tcp_is_none(void **state)
{
	say(RECORD_DATA, "last", 4);
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	assert_int_equal(hear(), 4);
	assert_int_equal(hear(), -ECONNRESET);
}

static void end_within_a_record_is_none(void **state)
{
	uint8_t record[HEADER_LEN + PLAIN_MAX + 1 + TAG_LEN];
	size_t n = seal(RECORD_DATA, "torn", 4, record);

	assert_int_equal(write(client, record, n - 1), n - 1);
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	assert_true(hear() < 0);
}

static void other_alert_is_a_break(void **state)
{
	say(RECORD_ALERT, "\2\x32", 2); /* decode_error */
	assert_int_equal(hear(), -ECONNRESET);
}

static void key_update_is_refused(void **state)
{
	say(RECORD_HANDSHAKE, "\x18\0\0\1\0", 5);
	assert_int_equal(hear(), -EPROTO);
}

static void ticket_is_refused(void **state)
{
	say(RECORD_HANDSHAKE, "\4\0\0\x0e\0\0\0\1\0\0\0\0\0\0\1x\0\0", 18);
	assert_int_equal(hear(), -EPROTO);
}

static void changed_record_is_refused(void **state)
{
	uint8_t record[HEADER_LEN + PLAIN_MAX + 1 + TAG_LEN];
	size_t n = seal(RECORD_DATA, "bytes", 5, record);

	record[n - 1] ^= 1;
	assert_int_equal(write(client, record, n), n);
	assert_int_equal(hear(), -EBADMSG);
}

static void repeated_record_is_refused(void **state)
{
	uint8_t record[HEADER_LEN + PLAIN_MAX + 1 + TAG_LEN];
	size_t n = seal(RECORD_DATA, "once", 4, record);

	assert_int_equal(write(client, record, n), n);
	assert_int_equal(write(client, record, n), n);
	assert_int_equal(hear(), 4);
	assert_int_equal(hear(), -EBADMSG);
}

static void splice_takes_bytes_and_stops_at_what_is_none(void **state)
{
	int pipe_ends[2];
	char got[PLAIN_MAX];

	assert_int_equal(pipe(pipe_ends), 0);
	say(RECORD_DATA, "spliced", 7);
	say(RECORD_ALERT, "\1\0", 2);
	wait_readable(server);
	assert_int_equal(splice(server, NULL, pipe_ends[1], NULL, 4096, SPLICE_F_NONBLOCK), 7);
	assert_int_equal(read(pipe_ends[0], got, sizeof(got)), 7);
	assert_memory_equal(got, "spliced", 7);
	wait_readable(server);
	assert_int_equal(splice(server, NULL, pipe_ends[1], NULL, 4096, SPLICE_F_NONBLOCK), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(hear(), 0);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
}

static void expect_delivered(uint64_t plain_len)
{
	for (int ms = 0; ms < WAIT_MS && !ktls_is_delivered(server, &count, plain_len); ms++)
		poll(NULL, 0, 1);
	assert_true(ktls_is_delivered(server, &count, plain_len));
}

static void delivered_is_what_the_peers_tcp_has(void **state)
{
	static uint8_t bytes[65536];
	uint64_t plain_len = 4;
	ssize_t n;

	assert_true(ktls_is_delivered(server, &count, 0));
	assert_int_equal(write(server, "some", 4), 4);
	expect_delivered(plain_len);
	assert_false(ktls_is_delivered(server, &count, plain_len + 1)); /* not written yet */
	while ((n = send(server, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		plain_len += (uint64_t)n;
	assert_false(ktls_is_delivered(server, &count, plain_len)); /* nobody reads */
	while (recv(client, bytes, sizeof(bytes), MSG_DONTWAIT) > 0 ||
	       ktls_close_notify(server) == -EAGAIN)
		;
	while (!ktls_is_delivered(server, &count, plain_len + KTLS_CLOSE_NOTIFY_LEN))
		recv(client, bytes, sizeof(bytes), MSG_DONTWAIT);
}

static void nothing_is_delivered_to_one_that_has_broken_off(void **state)
{
	static uint8_t bytes[65536];
	uint64_t plain_len = 0;
	ssize_t n;

	while ((n = send(server, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		plain_len += (uint64_t)n;
	close(client); /* with bytes unread: a reset */
	client = dup(server);
	wait_readable(server);
	assert_false(ktls_is_delivered(server, &count, plain_len));
}

/* With or without TLS in the kernel. */
static void suite_that_is_not_handed_over_changes_nothing(void **state)
{
	char got[8];

	server_keys.suite = 0x1302;
	assert_true(ktls_start(server, &server_keys, &count) < 0);
	assert_int_equal(write(client, "plain", 5), 5);
	wait_readable(server);
	assert_int_equal(read(server, got, sizeof(got)), 5);
	assert_int_equal(write(server, "plain", 5), 5);
	wait_readable(client);
	assert_int_equal(read(client, got, sizeof(got)), 5);
}

static void kernel_without_tls_says_so(void **state)
{
	assert_true(ktls_start(server, &server_keys, &count) < 0);
}

#define WITH_KERNEL(f) cmocka_unit_test_setup_teardown(f, start_kernel_pair, stop_pair)
#define WITH_PAIR(f) cmocka_unit_test_setup_teardown(f, start_pair, stop_pair)

int main(void)
{
	const struct CMUnitTest with[] = {
		WITH_KERNEL(bytes_pass_both_ways),
		WITH_KERNEL(close_notify_is_an_end_both_ways),
		WITH_KERNEL(end_of_tcp_is_none),
		WITH_KERNEL(end_within_a_record_is_none),
		WITH_KERNEL(other_alert_is_a_break),
		WITH_KERNEL(key_update_is_refused),
		WITH_KERNEL(ticket_is_refused),
		WITH_KERNEL(changed_record_is_refused),
		WITH_KERNEL(repeated_record_is_refused),
		WITH_KERNEL(splice_takes_bytes_and_stops_at_what_is_none),
		WITH_KERNEL(delivered_is_what_the_peers_tcp_has),
		WITH_KERNEL(nothing_is_delivered_to_one_that_has_broken_off),
		WITH_PAIR(suite_that_is_not_handed_over_changes_nothing),
	};
	const struct CMUnitTest without[] = {
		WITH_PAIR(suite_that_is_not_handed_over_changes_nothing),
		WITH_PAIR(kernel_without_tls_says_so),
	};

	return ktls_probe() ? cmocka_run_group_tests(with, start_hub, stop_hub)
			    : cmocka_run_group_tests(without, start_hub, stop_hub);
}
