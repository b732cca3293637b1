// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: trust: who is a member
 *
 * A certificate is checked cheap things first: form, identity, then the
 * signature, then the dates.  A verdict that cost a signature is remembered
 * by SHA-256 of the certificate; dates and the key's claim to its id are
 * looked at every time.  The oldest verdict gives way when the cache is full;
 * a binding of id and key never does, because forgetting one would let a
 * second key take the id.
 *
 * Both tables are sorted arrays: lookups are frequent, insertions happen once
 * per hub.
 */
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/hash.h>

#include "daemon/trust/trust.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/trust/cert.h"
#include "daemon/trust/pem.h"
#include "daemon/trust/spiffe.h"

#define TABLE_GROWTH_MIN 16 /* elements of the first allocation */

/**
 * struct root - one certificate authority
 * @pubkey: Ed25519 key that signs hub certificates
 * @subject: DER Name hub certificates must have as issuer; owned
 * @subject_len: bytes of it
 * @not_before_s: Unix time
 * @not_after_s: Unix time
 */
struct root {
	uint8_t pubkey[ED25519_PUBKEY_LEN];
	uint8_t *subject;
	size_t subject_len;
	int64_t not_before_s, not_after_s;
};

struct binding {
	struct hub_id hub;
	uint8_t pubkey[HUB_PUBKEY_LEN];
};

/**
 * struct verdict - a certificate a root has signed
 * @digest: SHA-256 of its DER
 * @identity: what it says
 * @root: index of that root
 * @age: grows with each verdict; the smallest is the oldest
 */
struct verdict {
	uint8_t digest[WC_SHA256_DIGEST_SIZE];
	struct trust_identity identity;
	size_t root;
	uint64_t age;
};

/**
 * struct trust - the room
 * @mesh: SPIFFE trust domain
 * @roots: never removed, so that indices stay
 * @n_roots: of @roots in use
 * @bindings: sorted by hub
 * @n_bindings: of @bindings in use, at most TRUST_BINDINGS_MAX
 * @bindings_capacity: of @bindings allocated
 * @verdicts: sorted by digest
 * @n_verdicts: of @verdicts in use, at most TRUST_VERIFIED_MAX
 * @verdicts_capacity: of @verdicts allocated
 * @next_age: for the next verdict
 */
struct trust {
	char *mesh;
	struct root roots[TRUST_ROOTS_MAX];
	size_t n_roots;
	struct binding *bindings;
	size_t n_bindings, bindings_capacity;
	struct verdict *verdicts;
	size_t n_verdicts, verdicts_capacity;
	uint64_t next_age;
};

struct trust *trust_new(const char *mesh)
{
	struct trust *trust = xnew(struct trust);

	trust->mesh = xstrdup(mesh);
	return trust;
}

void trust_free(struct trust *trust)
{
	if (!trust)
		return;
	for (size_t i = 0; i < trust->n_roots; i++)
		free(trust->roots[i].subject);
	free(trust->bindings);
	free(trust->verdicts);
	free(trust->mesh);
	free(trust);
}

/*
 * Opens a gap of one element at @index of a sorted array and returns the
 * array, grown if need be.
 */
static void *open_gap(void *array, size_t *n, size_t *capacity, size_t size, size_t index)
{
	uint8_t *bytes;

	if (*n == *capacity) {
		*capacity = *capacity ? 2 * *capacity : TABLE_GROWTH_MIN;
		array = xreallocarray(array, *capacity, size);
	}
	bytes = array;
	memmove(bytes + (index + 1) * size, bytes + index * size, (*n - index) * size);
	(*n)++;
	return array;
}

/* First element not below @hub. */
static size_t binding_position(const struct trust *trust, const struct hub_id *hub)
{
	size_t low = 0, high = trust->n_bindings;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (hub_id_cmp(&trust->bindings[middle].hub, hub) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* 0 bound now or before; -EADDRINUSE; -ENOSPC. */
static int bind_key(struct trust *trust, const struct trust_identity *identity)
{
	size_t i = binding_position(trust, &identity->hub);

	if (i < trust->n_bindings && hub_id_equal(&trust->bindings[i].hub, &identity->hub)) {
		if (memcmp(trust->bindings[i].pubkey, identity->pubkey, HUB_PUBKEY_LEN) == 0)
			return 0;
		return -EADDRINUSE;
	}
	if (trust->n_bindings == TRUST_BINDINGS_MAX)
		return -ENOSPC;
	trust->bindings = open_gap(trust->bindings, &trust->n_bindings, &trust->bindings_capacity,
				   sizeof(trust->bindings[0]), i);
	trust->bindings[i].hub = identity->hub;
	memcpy(trust->bindings[i].pubkey, identity->pubkey, HUB_PUBKEY_LEN);
	return 0;
}

static size_t verdict_position(const struct trust *trust, const uint8_t *digest)
{
	size_t low = 0, high = trust->n_verdicts;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(trust->verdicts[middle].digest, digest, WC_SHA256_DIGEST_SIZE) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct verdict *find_verdict(const struct trust *trust, const uint8_t *digest)
{
	size_t i = verdict_position(trust, digest);

	if (i < trust->n_verdicts &&
	    memcmp(trust->verdicts[i].digest, digest, WC_SHA256_DIGEST_SIZE) == 0)
		return &trust->verdicts[i];
	return NULL;
}

static void drop_oldest_verdict(struct trust *trust)
{
	size_t oldest = 0;

	for (size_t i = 1; i < trust->n_verdicts; i++)
		if (trust->verdicts[i].age < trust->verdicts[oldest].age)
			oldest = i;
	trust->n_verdicts--;
	memmove(&trust->verdicts[oldest], &trust->verdicts[oldest + 1],
		(trust->n_verdicts - oldest) * sizeof(trust->verdicts[0]));
}

static void remember_verdict(struct trust *trust, const struct verdict *verdict)
{
	size_t i;

	if (trust->n_verdicts == TRUST_VERIFIED_MAX)
		drop_oldest_verdict(trust);
	i = verdict_position(trust, verdict->digest);
	trust->verdicts = open_gap(trust->verdicts, &trust->n_verdicts, &trust->verdicts_capacity,
				   sizeof(trust->verdicts[0]), i);
	trust->verdicts[i] = *verdict;
	trust->verdicts[i].age = trust->next_age++;
}

/* 0; -EKEYREJECTED no root, -EACCES a root of another mesh. */
static int check_root(const struct trust *trust, const struct cert *cert)
{
	char mesh[SPIFFE_MESH_MAX + 1];

	if (!cert->is_ca || !(cert->key_usage & CERT_USAGE_CERT_SIGN))
		return -EKEYREJECTED;
	if (cert->zones.len || cert_check_signature(cert, cert->pubkey) < 0)
		return -EKEYREJECTED; /* zones are a hub's; nothing limits a root to some */
	if (cert->n_uris == 0)
		return 0;
	if (cert->n_uris > 1 || spiffe_parse_mesh(cert->uri.bytes, cert->uri.len, mesh) < 0)
		return -EACCES;
	return strcmp(mesh, trust->mesh) == 0 ? 0 : -EACCES;
}

static bool is_known_root(const struct trust *trust, const struct cert *cert)
{
	for (size_t i = 0; i < trust->n_roots; i++) {
		const struct root *root = &trust->roots[i];

		if (memcmp(root->pubkey, cert->pubkey, sizeof(root->pubkey)) == 0 &&
		    root->subject_len == cert->subject.len &&
		    memcmp(root->subject, cert->subject.bytes, root->subject_len) == 0 &&
		    root->not_after_s == cert->not_after_s)
			return true;
	}
	return false;
}

int trust_add_root(struct trust *trust, const uint8_t *bytes, size_t len)
{
	uint8_t der[CERT_MAX];
	struct cert cert;
	struct root *root;
	int n, r;

	n = pem_decode(PEM_CERTIFICATE, bytes, len, der, sizeof(der));
	if (n > 0) {
		bytes = der;
		len = (size_t)n;
	}
	if (cert_parse(bytes, len, &cert) < 0)
		return -EBADMSG;
	r = check_root(trust, &cert);
	if (r < 0)
		return r;
	if (is_known_root(trust, &cert))
		return 0;
	if (trust->n_roots == TRUST_ROOTS_MAX)
		return -ENOSPC;
	root = &trust->roots[trust->n_roots++];
	memcpy(root->pubkey, cert.pubkey, sizeof(root->pubkey));
	root->subject = xmemdup(cert.subject.bytes, cert.subject.len);
	root->subject_len = cert.subject.len;
	root->not_before_s = cert.not_before_s;
	root->not_after_s = cert.not_after_s;
	return 0;
}

/* The identity a certificate claims, whoever signed it. */
static int read_identity(const struct trust *trust, const struct cert *cert,
			 struct trust_identity *ret)
{
	struct hub_id of_key = hub_id_from_pubkey(cert->pubkey), claimed;

	if (cert->is_ca || !(cert->key_usage & CERT_USAGE_DIGITAL_SIGNATURE))
		return -EACCES;
	if (cert->has_extended_usage && !(cert->is_for_client && cert->is_for_server))
		return -EACCES;
	if (cert->n_uris != 1 || !spiffe_mesh_is_valid(trust->mesh))
		return -EACCES;
	if (spiffe_parse_hub(trust->mesh, cert->uri.bytes, cert->uri.len, &claimed) < 0)
		return -EACCES;
	if (!hub_id_equal(&claimed, &of_key))
		return -EACCES;
	ret->hub = claimed;
	memcpy(ret->pubkey, cert->pubkey, HUB_PUBKEY_LEN);
	ret->not_before_s = cert->not_before_s;
	ret->not_after_s = cert->not_after_s;
	memcpy(ret->zones, cert->zones.bytes ? cert->zones.bytes : (const uint8_t *)"",
	       cert->zones.len);
	ret->zones[cert->zones.len] = '\0';
	return 0;
}

/* The first root that signed the certificate. */
static int find_signer(const struct trust *trust, const struct cert *cert, size_t *ret)
{
	for (size_t i = 0; i < trust->n_roots; i++) {
		const struct root *root = &trust->roots[i];

		if (root->subject_len == cert->issuer.len &&
		    memcmp(root->subject, cert->issuer.bytes, root->subject_len) == 0 &&
		    cert_check_signature(cert, root->pubkey) == 0) {
			*ret = i;
			return 0;
		}
	}
	return -EKEYREJECTED;
}

/*
 * A root may be renewed with its key: then several certificates vouch for the
 * same signature, and one whose dates hold is enough.
 */
static bool root_is_current(const struct trust *trust, const struct root *signer,
			    int64_t unix_time_s)
{
	for (size_t i = 0; i < trust->n_roots; i++) {
		const struct root *root = &trust->roots[i];

		if (memcmp(root->pubkey, signer->pubkey, sizeof(root->pubkey)) == 0 &&
		    unix_time_s >= root->not_before_s && unix_time_s <= root->not_after_s)
			return true;
	}
	return false;
}

static int check_dates(const struct trust *trust, const struct verdict *verdict,
		       int64_t unix_time_s)
{
	if (unix_time_s == 0)
		return 0;
	if (unix_time_s < verdict->identity.not_before_s ||
	    unix_time_s > verdict->identity.not_after_s)
		return -EKEYEXPIRED;
	return root_is_current(trust, &trust->roots[verdict->root], unix_time_s) ? 0 : -EKEYEXPIRED;
}

static int judge(const struct trust *trust, const uint8_t *der, size_t len, struct verdict *verdict)
{
	struct cert cert;
	int r;

	if (cert_parse(der, len, &cert) < 0)
		return -EBADMSG;
	r = read_identity(trust, &cert, &verdict->identity);
	if (r < 0)
		return r;
	return find_signer(trust, &cert, &verdict->root);
}

int trust_verify_hub(struct trust *trust, const uint8_t *der, size_t len, int64_t unix_time_s,
		     struct trust_identity *ret)
{
	struct verdict verdict = {0};
	const struct verdict *known;
	int r;

	if (len == 0 || len > TRUST_CERT_MAX)
		return -EBADMSG;
	r = wc_Sha256Hash(der, (word32)len, verdict.digest);
	assert(r == 0);
	known = find_verdict(trust, verdict.digest);
	if (known) {
		verdict = *known;
	} else {
		r = judge(trust, der, len, &verdict);
		if (r < 0)
			return r;
	}
	r = check_dates(trust, &verdict, unix_time_s);
	if (r < 0)
		return r;
	r = bind_key(trust, &verdict.identity);
	if (r < 0)
		return r;
	if (!known)
		remember_verdict(trust, &verdict);
	*ret = verdict.identity;
	return 0;
}

const char *trust_error_text(int error)
{
	switch (error) {
	case 0:
		return "the certificate is good";
	case -EBADMSG:
		return "not a certificate of this mesh's kind (X.509 v3, Ed25519)";
	case -EKEYREJECTED:
		return "not signed by a root of this mesh, or the root is no certificate authority";
	case -EKEYEXPIRED:
		return "the certificate or its root is outside its validity dates; check the clock";
	case -EACCES:
		return "the certificate names another mesh, another hub, or is not for a hub";
	case -EADDRINUSE:
		return "another key already uses this hub id";
	case -ENOSPC:
		return "too many roots or hubs";
	default:
		return "unknown error of certificate verification";
	}
}
