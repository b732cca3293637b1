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
#include "daemon/trust/trust.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/cleanup.h"
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
 * @signs_lists: keyUsage has cRLSign
 */
struct root {
	uint8_t pubkey[ED25519_PUBKEY_LEN];
	uint8_t *subject;
	size_t subject_len;
	int64_t not_before_s, not_after_s;
	bool signs_lists;
};

/**
 * struct binding - whose an id is
 * @hub: id
 * @pubkey: the first key seen with it
 * @is_new: nobody has asked for it yet, to remember it
 */
struct binding {
	struct hub_id hub;
	uint8_t pubkey[HUB_PUBKEY_LEN];
	bool is_new;
};

/**
 * struct verdict - a certificate a root has signed
 * @digest: SHA-256 of its DER
 * @identity: what it says
 * @root: index of that root
 * @serial: of the certificate
 * @serial_len: its octets
 * @service: it is for; "" the hub itself
 * @age: grows with each verdict; the smallest is the oldest
 */
struct verdict {
	uint8_t digest[SHA256_LEN];
	struct trust_identity identity;
	size_t root;
	uint8_t serial[CERT_SERIAL_MAX];
	size_t serial_len;
	char service[SPIFFE_SERVICE_MAX + 1];
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
 * @n_new: of @bindings that are new
 * @verdicts: sorted by digest
 * @n_verdicts: of @verdicts in use, at most TRUST_VERIFIED_MAX
 * @verdicts_capacity: of @verdicts allocated
 * @next_age: for the next verdict
 * @lists: revocations, one list of a root's key
 * @n_lists: of @lists in use
 */
struct trust {
	char *mesh;
	struct root roots[TRUST_ROOTS_MAX];
	size_t n_roots;
	struct binding *bindings;
	size_t n_bindings, bindings_capacity, n_new;
	struct verdict *verdicts;
	size_t n_verdicts, verdicts_capacity;
	uint64_t next_age;
	struct trust_list lists[TRUST_ROOTS_MAX];
	size_t n_lists;
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
	for (size_t i = 0; i < trust->n_lists; i++)
		free(trust->lists[i].der);
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

static enum trust_refusal bind_key(struct trust *trust, const struct trust_identity *identity)
{
	size_t i = binding_position(trust, &identity->hub);

	if (i < trust->n_bindings && hub_id_equal(&trust->bindings[i].hub, &identity->hub)) {
		if (memcmp(trust->bindings[i].pubkey, identity->pubkey, HUB_PUBKEY_LEN) == 0)
			return TRUST_NOT_REFUSED;
		return TRUST_ID_TAKEN;
	}
	if (trust->n_bindings == TRUST_BINDINGS_MAX)
		return TRUST_FULL;
	trust->bindings = open_gap(trust->bindings, &trust->n_bindings, &trust->bindings_capacity,
				   sizeof(trust->bindings[0]), i);
	trust->bindings[i].hub = identity->hub;
	memcpy(trust->bindings[i].pubkey, identity->pubkey, HUB_PUBKEY_LEN);
	trust->bindings[i].is_new = true;
	trust->n_new++;
	return TRUST_NOT_REFUSED;
}

int trust_bind(struct trust *trust, const uint8_t pubkey[HUB_PUBKEY_LEN])
{
	struct trust_identity identity = {.hub = hub_id_from_pubkey(pubkey)};
	size_t before = trust->n_new, i;
	enum trust_refusal refusal;

	memcpy(identity.pubkey, pubkey, HUB_PUBKEY_LEN);
	refusal = bind_key(trust, &identity);
	i = binding_position(trust, &identity.hub);
	if (!refusal && trust->n_new > before) {
		trust->bindings[i].is_new = false;
		trust->n_new--;
	}
	return trust_refusal_error(refusal);
}

bool trust_take_new_binding(struct trust *trust, uint8_t ret[HUB_PUBKEY_LEN])
{
	for (size_t i = 0; trust->n_new && i < trust->n_bindings; i++) {
		if (!trust->bindings[i].is_new)
			continue;
		memcpy(ret, trust->bindings[i].pubkey, HUB_PUBKEY_LEN);
		trust->bindings[i].is_new = false;
		trust->n_new--;
		return true;
	}
	return false;
}

static size_t verdict_position(const struct trust *trust, const uint8_t *digest)
{
	size_t low = 0, high = trust->n_verdicts;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(trust->verdicts[middle].digest, digest, SHA256_LEN) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct verdict *find_verdict(const struct trust *trust, const uint8_t *digest)
{
	size_t i = verdict_position(trust, digest);

	if (i < trust->n_verdicts && memcmp(trust->verdicts[i].digest, digest, SHA256_LEN) == 0)
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

/* PEM or DER; @der holds what @ret refers to. */
static int parse_file(const uint8_t *bytes, size_t len, uint8_t der[CERT_MAX], struct cert *ret)
{
	int n = pem_decode(PEM_CERTIFICATE, bytes, len, der, CERT_MAX);

	if (n > 0) {
		bytes = der;
		len = (size_t)n;
	}
	return cert_parse(bytes, len, ret) < 0 ? -EBADMSG : 0;
}

int trust_mesh_of_root(const uint8_t *bytes, size_t len, char ret[SPIFFE_MESH_MAX + 1])
{
	uint8_t der[CERT_MAX];
	struct cert cert;
	int r = parse_file(bytes, len, der, &cert);

	return r || cert.n_uris != 1 ? -EBADMSG
				     : spiffe_parse_mesh(cert.uri.bytes, cert.uri.len, ret);
}

int trust_add_root(struct trust *trust, const uint8_t *bytes, size_t len)
{
	uint8_t der[CERT_MAX];
	struct cert cert;
	struct root *root;
	int r = parse_file(bytes, len, der, &cert);

	if (r < 0)
		return r;
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
	root->signs_lists = cert.key_usage & CERT_USAGE_CRL_SIGN;
	return 0;
}

/* What is wrong with a URI that does not name the hub of @of_key. */
static enum trust_refusal judge_uri(const struct trust *trust, const struct cert *cert,
				    struct hub_id *ret, char service[SPIFFE_SERVICE_MAX + 1])
{
	struct hub_id of_key = hub_id_from_pubkey(cert->pubkey);
	char mesh[SPIFFE_MESH_MAX + 1];

	if (cert->n_uris != 1)
		return cert->n_uris ? TRUST_SEVERAL_URIS : TRUST_NO_URI;
	if (!spiffe_mesh_is_valid(trust->mesh) ||
	    spiffe_parse_domain(cert->uri.bytes, cert->uri.len, mesh) < 0 ||
	    strcmp(mesh, trust->mesh) != 0)
		return TRUST_OTHER_MESH;
	if (spiffe_parse_hub(trust->mesh, cert->uri.bytes, cert->uri.len, ret) < 0 &&
	    spiffe_parse_service(trust->mesh, cert->uri.bytes, cert->uri.len, ret, service) < 0)
		return TRUST_NO_HUB;
	return hub_id_equal(ret, &of_key) ? TRUST_NOT_REFUSED : TRUST_OTHER_KEY;
}

/* The identity a certificate claims, whoever signed it. */
static enum trust_refusal read_identity(const struct trust *trust, const struct cert *cert,
					struct trust_identity *ret,
					char service[SPIFFE_SERVICE_MAX + 1])
{
	enum trust_refusal refusal;

	if (cert->is_ca)
		return TRUST_AUTHORITY;
	if (!(cert->key_usage & CERT_USAGE_DIGITAL_SIGNATURE) ||
	    (cert->has_extended_usage && !(cert->is_for_client && cert->is_for_server)))
		return TRUST_WRONG_USAGE;
	refusal = judge_uri(trust, cert, &ret->hub, service);
	if (refusal)
		return refusal;
	memcpy(ret->pubkey, cert->pubkey, HUB_PUBKEY_LEN);
	ret->not_before_s = cert->not_before_s;
	ret->not_after_s = cert->not_after_s;
	memcpy(ret->zones, cert->zones.bytes ? cert->zones.bytes : (const uint8_t *)"",
	       cert->zones.len);
	ret->zones[cert->zones.len] = '\0';
	return TRUST_NOT_REFUSED;
}

static bool is_issuer(const struct root *root, const struct cert_span *name)
{
	return root->subject_len == name->len &&
	       memcmp(root->subject, name->bytes, root->subject_len) == 0;
}

/* The first root that signed the certificate. */
static enum trust_refusal find_signer(const struct trust *trust, const struct cert *cert,
				      size_t *ret)
{
	for (size_t i = 0; i < trust->n_roots; i++) {
		if (is_issuer(&trust->roots[i], &cert->issuer) &&
		    cert_check_signature(cert, trust->roots[i].pubkey) == 0) {
			*ret = i;
			return TRUST_NOT_REFUSED;
		}
	}
	return cert_check_signature(cert, cert->pubkey) == 0 ? TRUST_SELF_SIGNED : TRUST_OTHER_ROOT;
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

static enum trust_refusal check_dates(const struct trust *trust, const struct verdict *verdict,
				      int64_t unix_time_s)
{
	if (unix_time_s == 0)
		return TRUST_NOT_REFUSED;
	if (unix_time_s < verdict->identity.not_before_s)
		return TRUST_NOT_YET;
	if (unix_time_s > verdict->identity.not_after_s)
		return TRUST_EXPIRED;
	return root_is_current(trust, &trust->roots[verdict->root], unix_time_s)
		       ? TRUST_NOT_REFUSED
		       : TRUST_ROOT_EXPIRED;
}

static const struct trust_list *find_list(const struct trust *trust,
					  const uint8_t issuer[ED25519_PUBKEY_LEN])
{
	for (size_t i = 0; i < trust->n_lists; i++)
		if (memcmp(trust->lists[i].issuer, issuer, ED25519_PUBKEY_LEN) == 0)
			return &trust->lists[i];
	return NULL;
}

static bool is_revoked(const struct trust *trust, const struct verdict *verdict)
{
	const struct trust_list *list = find_list(trust, trust->roots[verdict->root].pubkey);
	struct crl_entry entry;
	struct crl_walk walk;

	if (!list)
		return false;
	walk = crl_walk(&list->crl);
	while (crl_next(&walk, &entry)) {
		if (entry.is_hub ? hub_id_equal(&entry.hub, &verdict->identity.hub)
				 : entry.serial.len == verdict->serial_len &&
					   memcmp(entry.serial.bytes, verdict->serial,
						  verdict->serial_len) == 0)
			return true;
	}
	return false;
}

/* What may change after a root has signed. */
static enum trust_refusal check_now(const struct trust *trust, const struct verdict *verdict,
				    int64_t unix_time_s)
{
	return is_revoked(trust, verdict) ? TRUST_REVOKED
					  : check_dates(trust, verdict, unix_time_s);
}

static enum trust_refusal judge(const struct trust *trust, const uint8_t *der, size_t len,
				struct verdict *verdict)
{
	enum trust_refusal refusal;
	struct cert cert;
	int r = cert_parse(der, len, &cert);

	if (r < 0)
		return r == -ENOPKG ? TRUST_OTHER_ALGORITHM : TRUST_MALFORMED;
	refusal = read_identity(trust, &cert, &verdict->identity, verdict->service);
	if (refusal)
		return refusal;
	memcpy(verdict->serial, cert.serial.bytes, cert.serial.len);
	verdict->serial_len = cert.serial.len;
	return find_signer(trust, &cert, &verdict->root);
}

/* @is_service: of which kind it must be. */
static enum trust_refusal judge_kind(struct trust *trust, const uint8_t *der, size_t len,
				     int64_t unix_time_s, bool is_service, struct verdict *verdict)
{
	enum trust_refusal refusal = TRUST_NOT_REFUSED;
	const struct verdict *known;

	if (len == 0 || len > TRUST_CERT_MAX)
		return TRUST_MALFORMED;
	sha256(der, len, verdict->digest);
	known = find_verdict(trust, verdict->digest);
	if (known)
		*verdict = *known;
	else
		refusal = judge(trust, der, len, verdict);
	if (!refusal && is_service != (verdict->service[0] != '\0'))
		refusal = is_service ? TRUST_NO_SERVICE : TRUST_NO_HUB;
	if (!refusal)
		refusal = check_now(trust, verdict, unix_time_s);
	if (!refusal)
		refusal = bind_key(trust, &verdict->identity);
	if (!refusal && !known)
		remember_verdict(trust, verdict);
	return refusal;
}

enum trust_refusal trust_judge_hub(struct trust *trust, const uint8_t *der, size_t len,
				   int64_t unix_time_s, struct trust_identity *ret)
{
	struct verdict verdict = {0};
	enum trust_refusal refusal = judge_kind(trust, der, len, unix_time_s, false, &verdict);

	if (!refusal)
		*ret = verdict.identity;
	return refusal;
}

enum trust_refusal trust_judge_service(struct trust *trust, const uint8_t *der, size_t len,
				       int64_t unix_time_s, const struct hub_id *hub,
				       struct trust_service *ret)
{
	struct verdict verdict = {0};
	enum trust_refusal refusal = judge_kind(trust, der, len, unix_time_s, true, &verdict);

	if (refusal)
		return refusal;
	if (!hub_id_equal(&verdict.identity.hub, hub))
		return TRUST_OTHER_HUB;
	ret->hub = *hub;
	memcpy(ret->name, verdict.service, sizeof(ret->name));
	ret->not_before_s = verdict.identity.not_before_s;
	ret->not_after_s = verdict.identity.not_after_s;
	memcpy(ret->digest, verdict.digest, SHA256_LEN);
	return TRUST_NOT_REFUSED;
}

int trust_verify_hub(struct trust *trust, const uint8_t *der, size_t len, int64_t unix_time_s,
		     struct trust_identity *ret)
{
	return trust_refusal_error(trust_judge_hub(trust, der, len, unix_time_s, ret));
}

enum trust_refusal trust_recheck(const struct trust *trust, const uint8_t digest[SHA256_LEN],
				 int64_t unix_time_s)
{
	const struct verdict *known = find_verdict(trust, digest);

	return known ? check_now(trust, known, unix_time_s) : TRUST_OTHER_ROOT;
}

/* The root that signed a list and may. */
static const struct root *find_list_signer(const struct trust *trust, const struct crl *crl)
{
	for (size_t i = 0; i < trust->n_roots; i++) {
		const struct root *root = &trust->roots[i];

		if (root->signs_lists && is_issuer(root, &crl->issuer) &&
		    crl_check_signature(crl, root->pubkey) == 0)
			return root;
	}
	return NULL;
}

/* Positive: @a is the later of two lists of one root. */
static int compare_lists(const struct trust_list *a, const struct trust_list *b)
{
	if (a->crl.number != b->crl.number)
		return a->crl.number < b->crl.number ? -1 : 1;
	return memcmp(a->digest, b->digest, SHA256_LEN);
}

int trust_add_revocations(struct trust *trust, const uint8_t *bytes, size_t len,
			  const struct trust_list **ret)
{
	_cleanup_free_ uint8_t *der = xmalloc(CRL_MAX);
	struct trust_list list = {0}, *known;
	const struct root *root;
	int r = pem_decode(PEM_CRL, bytes, len, der, CRL_MAX), order;

	if (r < 0 && len <= CRL_MAX) {
		memcpy(der, bytes, len);
		r = (int)len;
	}
	if (r < 0 || crl_parse(der, (size_t)r, &list.crl) < 0)
		return -EBADMSG;
	root = find_list_signer(trust, &list.crl);
	if (!root)
		return -EKEYREJECTED;
	memcpy(list.issuer, root->pubkey, sizeof(list.issuer));
	list.subject = (struct cert_span){root->subject, root->subject_len};
	list.len = (size_t)r;
	sha256(der, list.len, list.digest);
	known = (struct trust_list *)find_list(trust, root->pubkey);
	*ret = known;
	order = known ? compare_lists(&list, known) : 1;
	if (order <= 0)
		return order < 0 ? -ESTALE : -EALREADY;
	list.der = xmemdup(der, list.len);
	crl_parse(list.der, list.len, &list.crl); /* it borrows from what stays */
	if (!known)
		known = &trust->lists[trust->n_lists++]; /* one a root: TRUST_ROOTS_MAX at most */
	free(known->der);
	*known = list;
	*ret = known;
	return 0;
}

const struct trust_list *trust_list_at(const struct trust *trust, size_t i)
{
	return i < trust->n_lists ? &trust->lists[i] : NULL;
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
	case -EKEYREVOKED:
		return "the hub, or its certificate, has been revoked";
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
