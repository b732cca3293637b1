// SPDX-License-Identifier: GPL-2.0
/* DOC: what tls.h promises beside a session: protocols to choose from, keys to hand over */
#include "pki_fixture.h"

#include <errno.h>
#include <gcrypt.h>

#include "daemon/transport/tls.h"

#define FIRST "first/1"
#define SECOND "second/1"
#define TAG_LEN 16
#define HEADER_LEN 5

/**
 * struct side - one of two hubs that talk over memory
 */
struct side {
	struct trust *trust;
	struct tls_context *context;
	struct tls *tls;
};

static struct side alpha, bravo;

static void side_start(struct side *side, const char *name)
{
	char file[64];
	struct file cert, key, root = read_file("root.crt");
	const char *error_text;

	snprintf(file, sizeof(file), "%s.crt", name);
	cert = read_file(file);
	snprintf(file, sizeof(file), "%s.key", name);
	key = read_file(file);
	side->trust = trust_new(MESH);
	assert_int_equal(trust_add_root(side->trust, root.bytes, root.len), 0);
	assert_int_equal(tls_context_new(cert.bytes, cert.len, key.bytes, key.len, side->trust,
					 &side->context, &error_text),
			 0);
	tls_context_set_alpn(side->context, FIRST);
	tls_context_accept_also(side->context, SECOND);
}

static void side_stop(struct side *side)
{
	tls_free(side->tls);
	tls_context_free(side->context);
	trust_free(side->trust);
	*side = (struct side){0};
}

static int start_two(void **state)
{
	side_start(&alpha, "alpha");
	side_start(&bravo, "bravo");
	return 0;
}

static int stop_two(void **state)
{
	side_stop(&alpha);
	side_stop(&bravo);
	return 0;
}

/* What one has to say is all the other hears; borrowed until the next call. */
static struct tls_output carry(struct side *from, struct side *to)
{
	static struct tls_output carried;

	free(carried.bytes);
	carried = *tls_output(from->tls);
	*tls_output(from->tls) = (struct tls_output){0};
	tls_feed(to->tls, carried.bytes, carried.len);
	return carried;
}

/* alpha is the client and asks for @alpn. Return: what tls_handshake() said to it last. */
static int shake_hands(const char *alpn)
{
	int client = -EAGAIN, server = -EAGAIN;

	assert_int_equal(tls_new_client(alpha.context, alpn, &alpha.tls), 0);
	assert_int_equal(tls_new(bravo.context, false, &bravo.tls), 0);
	assert_null(tls_protocol(alpha.tls));
	for (int i = 0; i < 4 && (client == -EAGAIN || server == -EAGAIN); i++) {
		if (client == -EAGAIN)
			client = tls_handshake(alpha.tls);
		carry(&alpha, &bravo);
		if (server == -EAGAIN)
			server = tls_handshake(bravo.tls);
		carry(&bravo, &alpha);
	}
	return client;
}

static void server_agrees_to_either_protocol(void **state)
{
	assert_int_equal(shake_hands(SECOND), 0);
	assert_string_equal(tls_protocol(alpha.tls), SECOND);
	assert_string_equal(tls_protocol(bravo.tls), SECOND);
	tls_free(alpha.tls);
	tls_free(bravo.tls);
	assert_int_equal(shake_hands(FIRST), 0);
	assert_string_equal(tls_protocol(alpha.tls), FIRST);
	assert_string_equal(tls_protocol(bravo.tls), FIRST);
}

static void server_refuses_a_third_protocol(void **state)
{
	assert_true(shake_hands("third/1") < 0);
	assert_null(tls_protocol(bravo.tls));
}

static void assert_same(const struct tls_key *a, const struct tls_key *b)
{
	assert_int_equal(a->key_len, b->key_len);
	assert_memory_equal(a->key, b->key, a->key_len);
	assert_memory_equal(a->iv, b->iv, TLS_IV_LEN);
	assert_int_equal(a->sequence, b->sequence);
}

static void keys_of_one_side_are_those_of_the_other(void **state)
{
	struct tls_keys client, server;

	assert_int_equal(tls_new(alpha.context, true, &alpha.tls), 0);
	assert_int_equal(tls_keys(alpha.tls, &client), -ENOTCONN);
	tls_free(alpha.tls);
	assert_int_equal(shake_hands(SECOND), 0);
	assert_int_equal(tls_keys(alpha.tls, &client), 0);
	assert_int_equal(tls_keys(bravo.tls, &server), 0);
	assert_int_equal(client.suite, server.suite);
	assert_same(&client.send, &server.receive);
	assert_same(&client.receive, &server.send);
	assert_memory_not_equal(client.send.key, client.receive.key, client.send.key_len);
	assert_int_equal(client.send.sequence, 0);
}

/* As the kernel would: RFC 8446 sections 5.2 and 5.3. */
static void open_record(const struct tls_keys *keys, const uint8_t *record, size_t len,
			uint8_t *plain)
{
	const bool is_aes = keys->suite == TLS_SUITE_AES_128_GCM;
	const size_t n = len - HEADER_LEN - TAG_LEN;
	uint8_t nonce[TLS_IV_LEN];
	gcry_cipher_hd_t cipher;

	memcpy(nonce, keys->send.iv, sizeof(nonce));
	for (int i = 0; i < 8; i++)
		nonce[4 + i] ^= (uint8_t)(keys->send.sequence >> (56 - 8 * i));
	assert_int_equal(
		gcry_cipher_open(&cipher, is_aes ? GCRY_CIPHER_AES128 : GCRY_CIPHER_CHACHA20,
				 is_aes ? GCRY_CIPHER_MODE_GCM : GCRY_CIPHER_MODE_POLY1305, 0),
		0);
	assert_int_equal(gcry_cipher_setkey(cipher, keys->send.key, keys->send.key_len), 0);
	assert_int_equal(gcry_cipher_setiv(cipher, nonce, sizeof(nonce)), 0);
	assert_int_equal(gcry_cipher_authenticate(cipher, record, HEADER_LEN), 0);
	assert_int_equal(gcry_cipher_decrypt(cipher, plain, n, record + HEADER_LEN, n), 0);
	assert_int_equal(gcry_cipher_checktag(cipher, record + len - TAG_LEN, TAG_LEN), 0);
	gcry_cipher_close(cipher);
}

static void somebody_else_can_go_on_with_the_keys(void **state)
{
	uint8_t plain[64], got[64];
	struct tls_output record;
	struct tls_keys keys;

	assert_int_equal(shake_hands(SECOND), 0);
	assert_int_equal(tls_write(alpha.tls, (const uint8_t *)"ticket", 6), 0);
	carry(&alpha, &bravo);
	assert_int_equal(tls_read(bravo.tls, got, sizeof(got)), 6);
	assert_false(tls_has_unread(bravo.tls));
	assert_int_equal(tls_keys(alpha.tls, &keys), 0);
	assert_int_equal(keys.send.sequence, 1);
	assert_int_equal(tls_write(alpha.tls, (const uint8_t *)"more", 4), 0);
	record = carry(&alpha, &bravo);
	open_record(&keys, record.bytes, record.len, plain);
	assert_memory_equal(plain, "more\x17", 5); /* and what kind of record it is */
	assert_true(tls_has_unread(bravo.tls));
}

static void changed_record_is_refused(void **state)
{
	uint8_t got[64];
	struct tls_output record;

	assert_int_equal(shake_hands(SECOND), 0);
	assert_int_equal(tls_write(alpha.tls, (const uint8_t *)"bytes", 5), 0);
	record = carry(&alpha, &bravo);
	record.bytes[record.len - 1] ^= 1;
	assert_int_equal(tls_read(bravo.tls, got, sizeof(got)), -EPROTO);
}

static bool alpha_was_shown(const char *name)
{
	struct file der;
	size_t len;
	const uint8_t *shown = tls_peer_cert(alpha.tls, &len);

	assert_int_equal(shell("openssl x509 -in %s -outform DER -out shown.der", name), 0);
	der = read_file("shown.der");
	return len == der.len && memcmp(shown, der.bytes, len) == 0;
}

static int renew_bravo(const char *cert_name, const char *key_name)
{
	struct file cert = read_file(cert_name), key = read_file(key_name);
	const char *error_text = NULL;
	int r = tls_context_renew(bravo.context, cert.bytes, cert.len, key.bytes, key.len,
				  &error_text);

	assert_int_equal(r == 0, error_text == NULL);
	return r;
}

static void renewed_certificate_is_shown_by_those_that_begin_then(void **state)
{
	uint8_t got[64];

	assert_int_equal(shell("openssl x509 -req -in bravo.csr -CA root.crt -CAkey root.key "
			       "-days 2 -extfile bravo.ext -out renewed.crt 2>/dev/null"),
			 0);
	/* One is half way, with the context it was made from. */
	assert_int_equal(tls_new_client(alpha.context, FIRST, &alpha.tls), 0);
	assert_int_equal(tls_new(bravo.context, false, &bravo.tls), 0);
	assert_int_equal(tls_handshake(alpha.tls), -EAGAIN);
	assert_int_equal(renew_bravo("renewed.crt", "bravo.key"), 0);
	carry(&alpha, &bravo);
	assert_int_equal(tls_handshake(bravo.tls), -EAGAIN);
	carry(&bravo, &alpha);
	assert_int_equal(tls_handshake(alpha.tls), 0);
	carry(&alpha, &bravo);
	assert_int_equal(tls_handshake(bravo.tls), 0);
	assert_true(alpha_was_shown("bravo.crt"));
	/* It goes on when that context is gone for everybody else. */
	assert_int_equal(renew_bravo("renewed.crt", "bravo.key"), 0);
	carry(&bravo, &alpha);
	assert_int_equal(tls_read(alpha.tls, got, sizeof(got)), -EAGAIN);
	assert_int_equal(tls_write(alpha.tls, (const uint8_t *)"still", 5), 0);
	carry(&alpha, &bravo);
	assert_int_equal(tls_read(bravo.tls, got, sizeof(got)), 5);
	tls_free(alpha.tls);
	tls_free(bravo.tls);
	assert_int_equal(shake_hands(SECOND), 0);
	assert_true(alpha_was_shown("renewed.crt"));
	assert_string_equal(tls_protocol(bravo.tls), SECOND);
}

static void certificate_of_another_key_is_not_taken(void **state)
{
	assert_int_equal(renew_bravo("alpha.crt", "bravo.key"), -EBADMSG);
	assert_int_equal(renew_bravo("bravo.key", "bravo.key"), -EBADMSG);
	assert_int_equal(renew_bravo("bravo.crt", "bravo.crt"), -EBADMSG);
	assert_int_equal(shake_hands(FIRST), 0);
	assert_true(alpha_was_shown("bravo.crt"));
}

#define WITH_TWO(f) cmocka_unit_test_setup_teardown(f, start_two, stop_two)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_TWO(server_agrees_to_either_protocol),
		WITH_TWO(server_refuses_a_third_protocol),
		WITH_TWO(keys_of_one_side_are_those_of_the_other),
		WITH_TWO(somebody_else_can_go_on_with_the_keys),
		WITH_TWO(changed_record_is_refused),
		WITH_TWO(renewed_certificate_is_shown_by_those_that_begin_then),
		WITH_TWO(certificate_of_another_key_is_not_taken),
	};

	return cmocka_run_group_tests(tests, make_pki, remove_pki);
}
