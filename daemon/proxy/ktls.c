// SPDX-License-Identifier: GPL-2.0
/* DOC: ktls: see ktls.h; Documentation/networking/tls.rst of the kernel */
#include "daemon/proxy/ktls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/lib/secret.h"

#define RECORD_ALERT 21 /* RFC 8446 section 5.1 */
#define RECORD_DATA 23
#define ALERT_WARNING 1
#define ALERT_CLOSE_NOTIFY 0
#define RECORD_OVERHEAD (5 + 1 + 16) /* header, type within, tag: the same for both suites */
#define PROBE_MS 5000 /* a machine that starts has much to do */
#define COUNT_TRIES 8 /* the peer acknowledges between two calls that often */

union crypto_info {
	struct tls12_crypto_info_aes_gcm_128 aes;
	struct tls12_crypto_info_chacha20_poly1305 chacha20;
};

static void put_sequence(uint64_t sequence, unsigned char to[8])
{
	for (int i = 0; i < 8; i++)
		to[i] = (unsigned char)(sequence >> (56 - 8 * i));
}

/* Return: bytes of @ret that count; 0 a suite that we do not hand over. */
static socklen_t describe(uint16_t suite, const struct tls_key *key, union crypto_info *ret)
{
	struct tls12_crypto_info_chacha20_poly1305 *chacha20 = &ret->chacha20;
	struct tls12_crypto_info_aes_gcm_128 *aes = &ret->aes;

	*ret = (union crypto_info){0};
	if (suite == TLS_SUITE_AES_128_GCM && key->key_len == sizeof(aes->key)) {
		aes->info = (struct tls_crypto_info){TLS_1_3_VERSION, TLS_CIPHER_AES_GCM_128};
		memcpy(aes->key, key->key, sizeof(aes->key));
		memcpy(aes->salt, key->iv, sizeof(aes->salt));
		memcpy(aes->iv, key->iv + sizeof(aes->salt), sizeof(aes->iv));
		put_sequence(key->sequence, aes->rec_seq);
		return sizeof(*aes);
	}
	if (suite == TLS_SUITE_CHACHA20_POLY1305 && key->key_len == sizeof(chacha20->key)) {
		chacha20->info =
			(struct tls_crypto_info){TLS_1_3_VERSION, TLS_CIPHER_CHACHA20_POLY1305};
		memcpy(chacha20->key, key->key, sizeof(chacha20->key));
		memcpy(chacha20->iv, key->iv, sizeof(chacha20->iv));
		put_sequence(key->sequence, chacha20->rec_seq);
		return sizeof(*chacha20);
	}
	return 0;
}

static socklen_t info_len(uint16_t suite)
{
	return suite == TLS_SUITE_AES_128_GCM ? sizeof(struct tls12_crypto_info_aes_gcm_128)
					      : sizeof(struct tls12_crypto_info_chacha20_poly1305);
}

static uint64_t get_sequence(const unsigned char from[8])
{
	uint64_t sequence = 0;

	for (int i = 0; i < 8; i++)
		sequence = sequence << 8 | from[i];
	return sequence;
}

/* Number of the next record we send. */
static int read_sequence(int fd, uint16_t suite, uint64_t *ret)
{
	socklen_t len = info_len(suite);
	union crypto_info info;
	int r = getsockopt(fd, SOL_TLS, TLS_TX, &info, &len) < 0 ? -errno : 0;

	if (r == 0)
		*ret = get_sequence(suite == TLS_SUITE_AES_128_GCM ? info.aes.rec_seq
								   : info.chacha20.rec_seq);
	secret_wipe(&info, sizeof(info));
	return r;
}

static int read_acked(int fd, uint64_t *ret)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return -errno;
	*ret = info.tcpi_bytes_acked;
	return 0;
}

/* What will have been acknowledged when all is that TCP has now. */
static int read_written(int fd, uint64_t *ret)
{
	uint64_t before, after;
	int waiting;

	for (int i = 0; i < COUNT_TRIES; i++) {
		if (read_acked(fd, &before) < 0 || ioctl(fd, SIOCOUTQ, &waiting) < 0 ||
		    read_acked(fd, &after) < 0)
			return -errno;
		*ret = before + (uint64_t)waiting;
		if (before == after)
			return 0;
	}
	return -EAGAIN;
}

static int hand_over(int fd, int direction, uint16_t suite, const struct tls_key *key)
{
	union crypto_info info;
	socklen_t len = describe(suite, key, &info);
	int r = len ? setsockopt(fd, SOL_TLS, direction, &info, len) : -1;

	if (r < 0)
		r = len ? -errno : -ENOTSUP;
	secret_wipe(&info, sizeof(info));
	return r;
}

int ktls_start(int fd, const struct tls_keys *keys, struct ktls_count *ret)
{
	int r;

	*ret = (struct ktls_count){.sequence = keys->send.sequence, .suite = keys->suite};
	r = read_written(fd, &ret->acked);
	if (r < 0)
		return r;
	if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) < 0)
		return -errno;
	r = hand_over(fd, TLS_TX, keys->suite, &keys->send);
	if (r < 0)
		return r; /* without keys it carries bytes as before */
	return hand_over(fd, TLS_RX, keys->suite, &keys->receive) < 0 ? -EIO : 0;
}

bool ktls_is_delivered(int fd, const struct ktls_count *count, uint64_t plain_len)
{
	uint64_t sequence = 0, acked = 0;

	if (read_sequence(fd, count->suite, &sequence) < 0 || read_acked(fd, &acked) < 0)
		return false;
	return acked - count->acked == plain_len + RECORD_OVERHEAD * (sequence - count->sequence);
}

/* Return: as ktls_read() does. */
static ssize_t judge(unsigned char type, const uint8_t *bytes, ssize_t n)
{
	switch (type) {
	case RECORD_DATA:
		return n > 0 ? n : -EAGAIN; /* an empty record is allowed, and says nothing */
	case RECORD_ALERT:
		return n == KTLS_CLOSE_NOTIFY_LEN && bytes[1] == ALERT_CLOSE_NOTIFY ? 0
										    : -ECONNRESET;
	default:
		return -EPROTO;
	}
}

ssize_t ktls_read(int fd, void *buf, size_t size)
{
	char control[CMSG_SPACE(sizeof(unsigned char))];
	struct iovec room = {buf, size};
	struct msghdr message = {.msg_iov = &room,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);

	if (n < 0)
		return -errno;
	if (!cmsg)
		return n > 0 ? n : -ECONNRESET;
	if (cmsg->cmsg_level != SOL_TLS || cmsg->cmsg_type != TLS_GET_RECORD_TYPE)
		return -EPROTO;
	return judge(*CMSG_DATA(cmsg), buf, n);
}

int ktls_close_notify(int fd)
{
	uint8_t alert[KTLS_CLOSE_NOTIFY_LEN] = {ALERT_WARNING, ALERT_CLOSE_NOTIFY};
	char control[CMSG_SPACE(sizeof(unsigned char))] = {0};
	struct iovec bytes = {alert, sizeof(alert)};
	struct msghdr message = {.msg_iov = &bytes,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);

	cmsg->cmsg_level = SOL_TLS;
	cmsg->cmsg_type = TLS_SET_RECORD_TYPE;
	cmsg->cmsg_len = CMSG_LEN(sizeof(unsigned char));
	*CMSG_DATA(cmsg) = RECORD_ALERT;
	return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* ---- to begin with ---- */

static bool is_known(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool has = false;

	if (fd < 0)
		return false;
	/* A socket that is not connected cannot have it; the kernel says so once it knows of it. */
	has = setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) < 0 && errno == ENOTCONN;
	close(fd);
	return has;
}

static bool becomes_readable(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};

	return poll(&ready, 1, PROBE_MS) == 1;
}

/* Over lo. Return: false there is none; what was opened is in @pair, else -1. */
static bool connect_pair(int pair[2])
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(address);

	pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	pair[1] = -1;
	if (bind(listener, (struct sockaddr *)&address, len) == 0 && listen(listener, 1) == 0 &&
	    getsockname(listener, (struct sockaddr *)&address, &len) == 0 &&
	    (connect(pair[0], (struct sockaddr *)&address, len) == 0 || errno == EINPROGRESS) &&
	    becomes_readable(listener))
		pair[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (listener >= 0)
		close(listener);
	return pair[1] >= 0;
}

/* A record goes from one end to the other, and the kernel counts as ktls_is_delivered() does. */
static bool carries_record(const int pair[2], uint16_t suite, size_t key_len)
{
	const struct tls_keys keys = {
		.suite = suite, .send.key_len = key_len, .receive.key_len = key_len};
	struct ktls_count count;
	uint8_t byte = 0;

	if (ktls_start(pair[0], &keys, &count) < 0 || ktls_start(pair[1], &keys, &count) < 0 ||
	    send(pair[1], &byte, 1, MSG_NOSIGNAL) != 1 || !becomes_readable(pair[0]) ||
	    ktls_read(pair[0], &byte, 1) != 1)
		return false;
	for (int ms = 0; ms < PROBE_MS && !ktls_is_delivered(pair[1], &count, 1); ms++)
		poll(NULL, 0, 1);
	return ktls_is_delivered(pair[1], &count, 1);
}

static bool can_carry(uint16_t suite, size_t key_len)
{
	int pair[2];
	bool can = !connect_pair(pair) || carries_record(pair, suite, key_len);

	for (int i = 0; i < 2; i++) {
		if (pair[i] >= 0)
			close(pair[i]);
	}
	return can;
}

bool ktls_probe(void)
{
	return is_known() && can_carry(TLS_SUITE_AES_128_GCM, TLS_CIPHER_AES_GCM_128_KEY_SIZE) &&
	       can_carry(TLS_SUITE_CHACHA20_POLY1305, TLS_CIPHER_CHACHA20_POLY1305_KEY_SIZE);
}
