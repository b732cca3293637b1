// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: configuration, identity and persisted numbers -> settings of the hub
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "daemon/lib/ed25519.h"
#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"
#include "daemon/shell/daemon.h"
#include "linux/hubmesh.h"
#include "daemon/trust/pem.h"

/* 2024-01-01: an earlier clock was never set since the machine was made. */
#define CLOCK_PLAUSIBLE_S 1704067200

_Static_assert(CONFIG_SEEDS_MAX <= HUB_SEEDS_MAX, "every seed fits");
_Static_assert(CONFIG_CENTRES_MAX <= HUB_ALLOWED_MAX && CONFIG_CENTRES_MAX <= HUBMESH_PEERS_MAX,
	       "every centre fits");

__attribute__((format(printf, 3, 4))) static int fail(char *error, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, DAEMON_ERROR_MAX, fmt, ap);
	va_end(ap);
	return code;
}

int64_t daemon_unix_time(void)
{
	int64_t now = time(NULL);

	return now < CLOCK_PLAUSIBLE_S ? 0 : now;
}

void daemon_fill_settings(const struct config *config, struct hub_settings *ret)
{
	snprintf(ret->mesh, sizeof(ret->mesh), "%s", config->mesh);
	snprintf(ret->name, sizeof(ret->name), "%s", config->name);
	ret->control_port = config->control_port;
	ret->data_port = config->data_port;
	ret->ipv4_pool = config->ipv4_pool;
	ret->ipv4_pool_prefix_len = config->ipv4_pool_prefix_len;
	memcpy(ret->seeds, config->seeds, sizeof(config->seeds[0]) * config->n_seeds);
	ret->n_seeds = config->n_seeds;
	ret->beacon_interval_min_ms = config->beacon_interval_min_ms;
	ret->beacon_interval_max_ms = config->beacon_interval_max_ms;
	ret->rekey_after_ms = config->rekey_s * 1000ull;
	ret->session_idle_ms = config->session_idle_s * 1000ull;
	ret->cipher = config->cipher;
	ret->policy = config->policy;
	ret->peers_flags = config->peers_flags;
	memset(ret->peers, 0, sizeof(ret->peers));
	memcpy(ret->peers, config->centres, config->n_centres * sizeof(config->centres[0]));
	ret->n_peers = config->n_centres;
	for (size_t i = 0; i < config->n_centres; i++) {
		if (hub_id_equal(&config->centres[i], &ret->id))
			ret->peers_flags = 0; /* a centre itself talks to all */
	}
}

void daemon_apply_topology(struct daemon *d)
{
	const struct hub_settings *settings = hub_get_settings(d->hub);

	if (d->datapath && datapath_set_peers(d->datapath, settings->peers_flags, settings->peers,
					      settings->n_peers))
		log_error(LOG_LOCAL_CLASS, "event=topology-not-in-force error=\"%s\"",
			  datapath_last_error(d->datapath));
}

/* The mistake of a first evening: the settings are another mesh's. */
static int check_mesh_of_root(const struct daemon *d, const uint8_t *bytes, size_t len, char *error)
{
	char mesh[SPIFFE_MESH_MAX + 1];

	if (trust_mesh_of_root(bytes, len, mesh) < 0 || strcmp(mesh, d->config.mesh) == 0)
		return 0;
	return fail(
		error, -EACCES,
		"%s/identity/roots is of mesh '%s', and %s says mesh: %s; write mesh: %s there, or "
		"issue an identity of that mesh: meshctl ca issue",
		d->config.state_dir, mesh, d->config_path, d->config.mesh, mesh);
}

static int read_roots(struct daemon *d, const struct store_identity *identity, char *error)
{
	for (size_t i = 0; i < identity->n_roots; i++) {
		int result = check_mesh_of_root(d, identity->roots_pem[i],
						identity->roots_pem_len[i], error);

		if (result)
			return result;
		result = trust_add_root(d->trust, identity->roots_pem[i],
					identity->roots_pem_len[i]);
		if (result)
			return fail(error, result, "%s/identity/roots: certificate %zu: %s",
				    d->config.state_dir, i + 1, trust_error_text(result));
	}
	return 0;
}

/* Only warned about, as daemon_warn_of_certificates() does of ends: peers judge anyway. */
static void warn_of_dates(struct daemon *d, const struct trust_identity *own)
{
	int64_t now = daemon_unix_time();

	d->certificate.not_before_s = own->not_before_s;
	d->certificate.not_after_s = own->not_after_s;
	if (now && now < own->not_before_s)
		log_warning(LOG_LOCAL_CLASS,
			    "event=certificate-not-yet-valid not_before_s=%" PRId64
			    " hint=\"check the clock\"",
			    own->not_before_s);
}

static int check_own_certificate(struct daemon *d, const struct hub_settings *settings,
				 const uint8_t pubkey[HUB_PUBKEY_LEN], char *error)
{
	struct trust_identity own;
	int result =
		trust_verify_hub(d->trust, settings->cert_der, settings->cert_der_len, 0, &own);

	if (result)
		return fail(error, result,
			    "%s/identity/hub.crt: %s; issue one for mesh '%s': meshctl ca issue",
			    d->config.state_dir, trust_error_text(result), d->config.mesh);
	if (memcmp(own.pubkey, pubkey, HUB_PUBKEY_LEN) != 0)
		return fail(error, -EKEYREJECTED,
			    "%s/identity: hub.crt and hub.key do not belong together; issue both "
			    "again: meshctl ca issue",
			    d->config.state_dir);
	warn_of_dates(d, &own);
	return 0;
}

int daemon_read_identity(struct daemon *d, const struct store_identity *identity,
			 struct hub_settings *ret, uint8_t *cert_der, size_t size, char *error)
{
	uint8_t pubkey[HUB_PUBKEY_LEN];
	int result = read_roots(d, identity, error);

	if (result)
		return result;
	if (pem_read_private_key(identity->key_pem, identity->key_pem_len, ret->private_key) < 0 ||
	    ed25519_public_key(ret->private_key, pubkey) < 0)
		return fail(error, -EBADMSG,
			    "%s/identity/hub.key is not an Ed25519 private key; issue one: meshctl "
			    "ca issue",
			    d->config.state_dir);
	daemon_load_bindings(d);
	daemon_load_revocations(d);
	result = pem_decode(PEM_CERTIFICATE, identity->cert_pem, identity->cert_pem_len, cert_der,
			    size);
	if (result < 0)
		return fail(error, -EBADMSG, "%s/identity/hub.crt is not a PEM certificate",
			    d->config.state_dir);
	ret->cert_der = cert_der;
	ret->cert_der_len = (size_t)result;
	ret->id = hub_id_from_pubkey(pubkey);
	return check_own_certificate(d, ret, pubkey, error);
}

/* A lost or broken number is no reason to stay away: the fallback is safe for each. */
static uint64_t read_number(struct daemon *d, enum persist_key key, const char *name,
			    uint64_t fallback)
{
	uint64_t value = fallback;
	int result = store_get(d->store, key, fallback, &value);

	if (result)
		log_error(LOG_LOCAL_CLASS,
			  "event=number-unreadable name=%s error=\"%s\" instead=%" PRIu64, name,
			  strerror(-result), fallback);
	return value;
}

/*
 * Peers ignore a boot epoch that does not grow.  Unix time is above any count
 * of starts and grows at least as fast, so it also covers a lost number.
 */
int daemon_read_numbers(struct daemon *d, struct hub_settings *ret, char *error)
{
	int result;

	ret->boot_epoch =
		1 + read_number(d, PERSIST_BOOT_EPOCH, "boot-epoch", (uint64_t)daemon_unix_time());
	ret->lsr_seq = read_number(d, PERSIST_LSR_SEQ, "lsr-seq", 0);
	ret->ipv4_last = (uint32_t)read_number(d, PERSIST_IPV4, "ipv4", 0);
	if (getrandom(&ret->seed, sizeof(ret->seed), 0) != sizeof(ret->seed) ||
	    getrandom(ret->sender_secret, sizeof(ret->sender_secret), 0) !=
		    sizeof(ret->sender_secret))
		return fail(error, -EIO, "the kernel gave no random seed");
	result = store_put(d->store, PERSIST_BOOT_EPOCH, ret->boot_epoch);
	if (result)
		return fail(error, result,
			    "%s/numbers/boot-epoch: %s; meshd must be able to write it",
			    d->config.state_dir, strerror(-result));
	return 0;
}
