// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: tls: how the choices are pinned, and why twice
 *
 * Debian's wolfSSL 5.5.4 accepts any server by default, compiles in NULL
 * suites and adds intermediate certificates a peer sent to the shared
 * certificate store once a callback waves them through.  Therefore:
 *
 * - versions, suites, group and signature algorithm are set on both contexts,
 *   and what was negotiated is compared with the same lists again when the
 *   handshake is done;
 * - a peer sends exactly one certificate.  The verify callback refuses
 *   everything else, lets trust_verify_hub() decide, and remembers the DER it
 *   decided on; after the handshake that must be the certificate wolfSSL holds.
 *   A handshake in which the callback did not run does not count;
 * - no root is loaded into wolfSSL, so it cannot accept a chain by itself.
 *
 * The exporter secret lives in the "arrays" wolfSSL normally frees after the
 * handshake; wolfSSL_KeepArrays() keeps it (and nothing usable for
 * resumption: no ticket is ever issued or accepted).
 */
#include "daemon/transport/tls.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <wolfssl/error-ssl.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

#include "daemon/transport/aes.h"

#ifndef HAVE_KEYING_MATERIAL
#error "wolfSSL was built without the TLS exporter (HAVE_KEYING_MATERIAL)"
#endif

/* The server's order counts: AES where the CPU has it, ChaCha20 where it has not. */
#define TLS_CHACHA20 "TLS13-CHACHA20-POLY1305-SHA256"
#define TLS_AES "TLS13-AES128-GCM-SHA256:TLS13-AES256-GCM-SHA384"
#define TLS_SUITES_AES_FIRST TLS_AES ":" TLS_CHACHA20
#define TLS_SUITES_CHACHA20_FIRST TLS_CHACHA20 ":" TLS_AES
#define TLS_ALPN "h2"
#define TLS_VERSION_1_3 0x0304

/* 2026-01-01: a clock before this was never set; dates are not checked then,
 * or hubs without a battery could not meet after a cold boot. */
#define TLS_CLOCK_SET_S 1767225600

static const uint16_t allowed_suites[] = {0x1303, 0x1302, 0x1301};

struct tls_context {
	WOLFSSL_CTX *client, *server;
	struct trust *trust;
	const char *alpn, *alpn_also;
};

/**
 * struct tls - one connection
 * @ssl: wolfSSL's side of it, owned
 * @trust: of the context, borrowed
 * @alpn: of the context, static text; agreed on once established
 * @alpn_also: as server: another one; NULL none
 * @in: fed bytes not yet read by wolfSSL, borrowed
 * @in_len: how many
 * @out: encrypted bytes waiting to be taken
 * @leaf: DER of the peer's certificate, owned; NULL before it came and once dropped
 * @leaf_len: bytes of it
 * @identity: what trust read from @leaf; valid when @is_verified
 * @is_cert_seen: the verify callback ran
 * @is_verified: trust accepted @leaf
 * @refusal: what trust said otherwise
 * @is_established: tls_handshake() returned 0
 * @said_goodbye: close_notify was written to @out
 */
struct tls {
	WOLFSSL *ssl;
	struct trust *trust;
	const char *alpn, *alpn_also;
	const uint8_t *in;
	size_t in_len;
	struct tls_output out;
	uint8_t *leaf;
	size_t leaf_len;
	struct trust_identity identity;
	enum trust_refusal refusal;
	bool is_cert_seen, is_verified, is_established, said_goodbye;
};

int64_t tls_unix_time(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now) != 0 || now.tv_sec < TLS_CLOCK_SET_S)
		return 0;
	return now.tv_sec;
}

static int tls_recv(WOLFSSL *ssl, char *buf, int size, void *arg)
{
	struct tls *tls = arg;
	size_t n = (size_t)size < tls->in_len ? (size_t)size : tls->in_len;

	if (n == 0)
		return WOLFSSL_CBIO_ERR_WANT_READ;
	memcpy(buf, tls->in, n);
	tls->in += n;
	tls->in_len -= n;
	return (int)n;
}

static int tls_send(WOLFSSL *ssl, char *buf, int len, void *arg)
{
	struct tls_output *out = &((struct tls *)arg)->out;
	size_t need = out->len + (size_t)len;

	if (need > TLS_OUTPUT_MAX)
		return WOLFSSL_CBIO_ERR_GENERAL;
	if (need > out->size) {
		size_t size = out->size ? out->size : 512;
		uint8_t *bytes;

		while (size < need)
			size *= 2;
		bytes = realloc(out->bytes, size);
		if (!bytes)
			return WOLFSSL_CBIO_ERR_GENERAL;
		out->bytes = bytes;
		out->size = size;
	}
	memcpy(out->bytes + out->len, buf, (size_t)len);
	out->len = need;
	return len;
}

/*
 * Errors wolfSSL may have with a leaf that trust is free to judge otherwise:
 * it knows no roots, and dates are trust's business.  Debian's build
 * (OPENSSL_COMPATIBLE_DEFAULTS) uses OpenSSL's numbers here, others their own.
 */
static bool is_for_trust_to_judge(int error)
{
	switch (error) {
	case 0:
	case ASN_NO_SIGNER_E:
	case ASN_SELF_SIGNED_E:
	case ASN_BEFORE_DATE_E:
	case ASN_AFTER_DATE_E:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
	case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
		return true;
	default:
		return false;
	}
}

static enum trust_refusal verify_leaf(struct tls *tls, const WOLFSSL_X509_STORE_CTX *store)
{
	const WOLFSSL_BUFFER_INFO *leaf = &store->certs[0];
	enum trust_refusal refusal;

	if (store->error_depth != 0 || store->totalCerts != 1)
		return TRUST_CHAIN;
	if (leaf->length > TLS_CERT_MAX)
		return TRUST_MALFORMED;
	free(tls->leaf);
	tls->leaf = malloc(leaf->length);
	if (!tls->leaf)
		return TRUST_FULL;
	memcpy(tls->leaf, leaf->buffer, leaf->length);
	tls->leaf_len = leaf->length;
	refusal = trust_judge_hub(tls->trust, tls->leaf, tls->leaf_len, tls_unix_time(),
				  &tls->identity);
	/* Trust's reason tells more; what wolfSSL alone objects to is refused all the same. */
	return refusal || is_for_trust_to_judge(store->error) ? refusal : TRUST_MALFORMED;
}

static int tls_verify_callback(int preverified, WOLFSSL_X509_STORE_CTX *store)
{
	struct tls *tls = store->userCtx;

	tls->is_cert_seen = true;
	tls->refusal = verify_leaf(tls, store);
	tls->is_verified = tls->refusal == TRUST_NOT_REFUSED;
	return tls->is_verified;
}

static int pin_context(WOLFSSL_CTX *ctx, const uint8_t *cert_pem, size_t cert_len,
		       const uint8_t *key_pem, size_t key_len, const char **error_text)
{
	const char *suites = aes_init() ? TLS_SUITES_AES_FIRST : TLS_SUITES_CHACHA20_FIRST;
	int groups[] = {WOLFSSL_ECC_X25519};

	*error_text = "this wolfSSL lacks TLS 1.3 with X25519, Ed25519 and ChaCha20-Poly1305";
	if (wolfSSL_CTX_set_cipher_list(ctx, suites) != WOLFSSL_SUCCESS ||
	    wolfSSL_CTX_set_groups(ctx, groups, 1) != WOLFSSL_SUCCESS ||
	    wolfSSL_CTX_UseSupportedCurve(ctx, WOLFSSL_ECC_X25519) != WOLFSSL_SUCCESS)
		return -ENOTSUP;
	*error_text = "the hub's certificate cannot be read (PEM expected, leaf first)";
	if (wolfSSL_CTX_use_certificate_buffer(ctx, cert_pem, (long)cert_len,
					       WOLFSSL_FILETYPE_PEM) != WOLFSSL_SUCCESS)
		return -EBADMSG;
	*error_text = "the hub's private key cannot be read (Ed25519 PEM expected)";
	if (wolfSSL_CTX_use_PrivateKey_buffer(ctx, key_pem, (long)key_len, WOLFSSL_FILETYPE_PEM) !=
	    WOLFSSL_SUCCESS)
		return -EBADMSG;
	*error_text = "the hub's private key does not belong to its certificate";
	if (wolfSSL_CTX_check_private_key(ctx) != WOLFSSL_SUCCESS)
		return -EBADMSG;
	/* After the key: loading one resets the signature algorithms. */
	*error_text = "this wolfSSL lacks Ed25519";
	if (wolfSSL_CTX_set1_sigalgs_list(ctx, "ED25519") != WOLFSSL_SUCCESS)
		return -ENOTSUP;
	wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT,
			       tls_verify_callback);
	wolfSSL_CTX_set_session_cache_mode(ctx, WOLFSSL_SESS_CACHE_OFF);
	wolfSSL_CTX_set_TicketEncCb(ctx, NULL);
	wolfSSL_CTX_SetIORecv(ctx, tls_recv);
	wolfSSL_CTX_SetIOSend(ctx, tls_send);
	*error_text = NULL;
	return 0;
}

/* wolfSSL counts who uses a context: the last connection made from an old one frees it. */
int tls_context_renew(struct tls_context *context, const uint8_t *cert_pem, size_t cert_len,
		      const uint8_t *key_pem, size_t key_len, const char **error_text)
{
	WOLFSSL_CTX *client = wolfSSL_CTX_new(wolfTLSv1_3_client_method());
	WOLFSSL_CTX *server = wolfSSL_CTX_new(wolfTLSv1_3_server_method());
	int r = client && server ? 0 : -ENOMEM;

	*error_text = "out of memory";
	if (r == 0)
		r = pin_context(client, cert_pem, cert_len, key_pem, key_len, error_text);
	if (r == 0 && wolfSSL_CTX_no_ticket_TLSv13(server) != 0) {
		*error_text = "the TLS library cannot switch session tickets off";
		r = -ENOTSUP;
	}
	if (r == 0)
		r = pin_context(server, cert_pem, cert_len, key_pem, key_len, error_text);
	wolfSSL_CTX_free(r ? client : context->client);
	wolfSSL_CTX_free(r ? server : context->server);
	if (r < 0)
		return r;
	context->client = client;
	context->server = server;
	return 0;
}

int tls_context_new(const uint8_t *cert_pem, size_t cert_len, const uint8_t *key_pem,
		    size_t key_len, struct trust *trust, struct tls_context **ret,
		    const char **error_text)
{
	struct tls_context *context;
	int r;

	*error_text = "out of memory";
	if (wolfSSL_Init() != WOLFSSL_SUCCESS)
		return -ENOMEM;
	context = calloc(1, sizeof(*context));
	if (!context) {
		wolfSSL_Cleanup();
		return -ENOMEM;
	}
	context->trust = trust;
	context->alpn = TLS_ALPN;
	r = tls_context_renew(context, cert_pem, cert_len, key_pem, key_len, error_text);
	if (r < 0) {
		tls_context_free(context);
		return r;
	}
	*ret = context;
	return 0;
}

void tls_context_free(struct tls_context *context)
{
	if (!context)
		return;
	wolfSSL_CTX_free(context->client);
	wolfSSL_CTX_free(context->server);
	free(context);
	wolfSSL_Cleanup();
}

void tls_context_set_alpn(struct tls_context *context, const char *alpn)
{
	context->alpn = alpn;
}

bool tls_looks_like_client_hello(const uint8_t *bytes, size_t len)
{
	/* handshake record, major version 3; RFC 8446 section 5.1 */
	return len >= 1 && bytes[0] == 0x16 && (len < 2 || bytes[1] == 0x03);
}

void tls_context_accept_also(struct tls_context *context, const char *alpn)
{
	context->alpn_also = alpn;
}

/* What a client asks for; a server has two answers. */
static bool offer_protocols(struct tls *tls)
{
	char list[2 * TLS_ALPN_MAX + 2];
	int len = snprintf(list, sizeof(list), "%s%s%s", tls->alpn, tls->alpn_also ? "," : "",
			   tls->alpn_also ? tls->alpn_also : "");

	assert(len > 0 && (size_t)len < sizeof(list));
	return wolfSSL_UseALPN(tls->ssl, list, (unsigned int)len,
			       WOLFSSL_ALPN_FAILED_ON_MISMATCH) == WOLFSSL_SUCCESS;
}

static int tls_new_for(struct tls_context *context, bool is_client, const char *alpn,
		       struct tls **ret)
{
	struct tls *tls = calloc(1, sizeof(*tls));

	if (!tls)
		return -ENOMEM;
	tls->trust = context->trust;
	tls->alpn = alpn;
	tls->alpn_also = is_client ? NULL : context->alpn_also;
	tls->ssl = wolfSSL_new(is_client ? context->client : context->server);
	if (!tls->ssl || !offer_protocols(tls) ||
	    wolfSSL_SetDevId(tls->ssl, aes_device()) != WOLFSSL_SUCCESS ||
	    (is_client && wolfSSL_UseKeyShare(tls->ssl, WOLFSSL_ECC_X25519) != WOLFSSL_SUCCESS)) {
		tls_free(tls);
		return -ENOMEM;
	}
	wolfSSL_KeepArrays(tls->ssl); /* holds the exporter secret */
	wolfSSL_SetIOReadCtx(tls->ssl, tls);
	wolfSSL_SetIOWriteCtx(tls->ssl, tls);
	wolfSSL_SetCertCbCtx(tls->ssl, tls);
	*ret = tls;
	return 0;
}

int tls_new(struct tls_context *context, bool is_client, struct tls **ret)
{
	return tls_new_for(context, is_client, context->alpn, ret);
}

int tls_new_client(struct tls_context *context, const char *alpn, struct tls **ret)
{
	return tls_new_for(context, true, alpn, ret);
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	wolfSSL_free(tls->ssl); /* wipes keys and arrays */
	free(tls->leaf);
	free(tls->out.bytes);
	free(tls);
}

void tls_feed(struct tls *tls, const uint8_t *bytes, size_t len)
{
	tls->in = bytes;
	tls->in_len = len;
}

static bool is_allowed_suite(WOLFSSL *ssl)
{
	const WOLFSSL_CIPHER *cipher = wolfSSL_get_current_cipher(ssl);
	uint32_t id = cipher ? wolfSSL_CIPHER_get_id(cipher) & 0xffff : 0;

	for (size_t i = 0; i < sizeof(allowed_suites) / sizeof(*allowed_suites); i++)
		if (id == allowed_suites[i])
			return true;
	return false;
}

static bool has_verified_cert(const struct tls *tls)
{
	WOLFSSL_X509_CHAIN *chain = wolfSSL_get_peer_chain(tls->ssl);

	return tls->is_verified && chain && wolfSSL_get_chain_count(chain) == 1 &&
	       (size_t)wolfSSL_get_chain_length(chain, 0) == tls->leaf_len &&
	       memcmp(wolfSSL_get_chain_cert(chain, 0), tls->leaf, tls->leaf_len) == 0;
}

static bool is_text(const char *bytes, size_t len, const char *text)
{
	return text && len == strlen(text) && memcmp(bytes, text, len) == 0;
}

/* One of those we offered? */
static int take_protocol(struct tls *tls)
{
	unsigned short len = 0;
	char *alpn = NULL;

	if (wolfSSL_ALPN_GetProtocol(tls->ssl, &alpn, &len) != WOLFSSL_SUCCESS)
		return -EPROTO;
	if (is_text(alpn, len, tls->alpn_also))
		tls->alpn = tls->alpn_also;
	return is_text(alpn, len, tls->alpn) ? 0 : -EPROTO;
}

/* The second line of defence: was what we pinned what we got? */
static int check_established(struct tls *tls)
{
	const char *curve = wolfSSL_get_curve_name(tls->ssl);

	if (!has_verified_cert(tls))
		return -EKEYREJECTED;
	if (wolfSSL_version(tls->ssl) != TLS_VERSION_1_3 || !is_allowed_suite(tls->ssl) || !curve ||
	    strcmp(curve, "X25519") != 0 || wolfSSL_session_reused(tls->ssl))
		return -EPROTO;
	return take_protocol(tls);
}

/* Did the peer's last alert say it does not want our certificate? RFC 8446 section 6.2 */
static bool is_cert_refused_by_peer(WOLFSSL *ssl)
{
	WOLFSSL_ALERT_HISTORY history;

	if (wolfSSL_get_alert_history(ssl, &history) != WOLFSSL_SUCCESS ||
	    history.last_rx.level != alert_fatal)
		return false;
	switch (history.last_rx.code) {
	case bad_certificate:
	case unsupported_certificate:
	case certificate_revoked:
	case certificate_expired:
	case certificate_unknown:
	case unknown_ca:
	case access_denied:
	case certificate_required:
		return true;
	default:
		return false;
	}
}

enum trust_refusal tls_refusal(const struct tls *tls)
{
	return tls->refusal;
}

bool tls_certificate_refused(const struct tls *tls)
{
	return tls->is_cert_seen && !tls->is_verified;
}

int tls_handshake(struct tls *tls)
{
	int r, error;

	r = wolfSSL_negotiate(tls->ssl);
	if (r == WOLFSSL_SUCCESS) {
		error = check_established(tls);
		tls->is_established = error == 0;
		return error;
	}
	error = wolfSSL_get_error(tls->ssl, r);
	if (error == WOLFSSL_ERROR_WANT_READ || error == WOLFSSL_ERROR_WANT_WRITE)
		return -EAGAIN;
	if (error == NO_PEER_CERT)
		tls->refusal = TRUST_NONE_SHOWN;
	if (tls_certificate_refused(tls))
		return trust_refusal_error(tls->refusal);
	return is_cert_refused_by_peer(tls->ssl) ? -EPERM : -EPROTO;
}

ssize_t tls_read(struct tls *tls, uint8_t *buf, size_t size)
{
	int n = wolfSSL_read(tls->ssl, buf, (int)size);
	int error;

	if (n > 0)
		return n;
	error = wolfSSL_get_error(tls->ssl, n);
	if (error == WOLFSSL_ERROR_WANT_READ || error == WOLFSSL_ERROR_WANT_WRITE)
		return -EAGAIN;
	if (error == WOLFSSL_ERROR_ZERO_RETURN)
		return 0;
	return is_cert_refused_by_peer(tls->ssl) ? -EPERM : -EPROTO;
}

int tls_write(struct tls *tls, const uint8_t *buf, size_t len)
{
	if (len == 0)
		return 0;
	return wolfSSL_write(tls->ssl, buf, (int)len) == (int)len ? 0 : -EPROTO;
}

void tls_close_notify(struct tls *tls)
{
	if (!tls->is_established || tls->said_goodbye)
		return;
	tls->said_goodbye = true;
	wolfSSL_shutdown(tls->ssl);
}

struct tls_output *tls_output(struct tls *tls)
{
	return &tls->out;
}

void tls_output_consume(struct tls_output *out, size_t len)
{
	assert(len <= out->len);
	out->len -= len;
	if (out->len > 0) {
		memmove(out->bytes, out->bytes + len, out->len);
		return;
	}
	free(out->bytes); /* an idle session keeps no buffer */
	*out = (struct tls_output){0};
}

const char *tls_protocol(const struct tls *tls)
{
	return tls->is_established ? tls->alpn : NULL;
}

bool tls_has_unread(const struct tls *tls)
{
	return tls->in_len || wolfSSL_pending(tls->ssl);
}

static void take_direction(WOLFSSL *ssl, bool is_client_write, struct tls_key *ret)
{
	const unsigned char *key = is_client_write ? wolfSSL_GetClientWriteKey(ssl)
						   : wolfSSL_GetServerWriteKey(ssl);
	const unsigned char *iv = is_client_write ? wolfSSL_GetClientWriteIV(ssl)
						  : wolfSSL_GetServerWriteIV(ssl);

	memcpy(ret->key, key, ret->key_len);
	memcpy(ret->iv, iv, sizeof(ret->iv));
}

int tls_keys(struct tls *tls, struct tls_keys *ret)
{
	const bool is_client = wolfSSL_is_server(tls->ssl) == 0;
	const WOLFSSL_CIPHER *cipher = wolfSSL_get_current_cipher(tls->ssl);
	int key_len = wolfSSL_GetKeySize(tls->ssl);
	word64 sent, received;

	/* Its return value says whether the number is 0; only a negative one is an error. */
	if (!tls->is_established || key_len <= 0 || key_len > TLS_KEY_MAX ||
	    wolfSSL_GetSequenceNumber(tls->ssl, &sent) < 0 ||
	    wolfSSL_GetPeerSequenceNumber(tls->ssl, &received) < 0)
		return -ENOTCONN;
	ret->suite = (uint16_t)wolfSSL_CIPHER_get_id(cipher);
	ret->send.key_len = ret->receive.key_len = (size_t)key_len;
	ret->send.sequence = sent;
	ret->receive.sequence = received;
	take_direction(tls->ssl, is_client, &ret->send);
	take_direction(tls->ssl, !is_client, &ret->receive);
	return 0;
}

const struct trust_identity *tls_identity(const struct tls *tls)
{
	return tls->is_established ? &tls->identity : NULL;
}

const uint8_t *tls_peer_cert(const struct tls *tls, size_t *len)
{
	*len = tls->leaf_len;
	return tls->leaf;
}

void tls_drop_peer_cert(struct tls *tls)
{
	free(tls->leaf);
	tls->leaf = NULL;
	tls->leaf_len = 0;
}

int tls_export(struct tls *tls, const char *label, const uint8_t *context, size_t context_len,
	       uint8_t *out, size_t len)
{
	assert(len <= TLS_EXPORT_MAX);
	if (!tls->is_established ||
	    wolfSSL_export_keying_material(tls->ssl, out, len, label, strlen(label), context,
					   context_len, 1) != WOLFSSL_SUCCESS)
		return -ENOTCONN;
	return 0;
}
