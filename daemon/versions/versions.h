/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: versions: which version of a service users here take
 *
 * A build is a version of a service with its code (the digest in the
 * manifest), whoever offers it: what a provider promises besides may change
 * and the build is the same.  A build that is new is on trial against its
 * predecessor, the highest lower version that users here know well:
 *
 *	UNTRIED --results--> TRIAL --long enough, or promoted--> ACCEPTED
 *	                       |
 *	                       +--more errors, or slower--> ROLLED_BACK --cleared--> UNTRIED
 *
 * A rolled-back build is taken only when nobody offers anything else and the
 * user has no shared provider.  Rulings (accepted, rolled back) and what an
 * operator asked for (pin, canary) survive restarts; samples do not.
 *
 * Does not measure, send or store; knows nothing of leases.  Results come in
 * with versions_result(), and who chooses providers asks versions_rank().
 * Documentation/versions.rst.
 */
#ifndef VERSIONS_VERSIONS_H
#define VERSIONS_VERSIONS_H

#include "daemon/versions/sequential.h"
#include "daemon/wire/manifest.h"

#define VERSIONS_BUILDS_MAX 256 /* with samples; the longest unused go first */
#define VERSIONS_RULINGS_MAX 256 /* the oldest go first */
#define VERSIONS_WISHES_MAX 256 /* services with a pin or a canary */
#define VERSIONS_ORDERED_MAX 256 /* services an operator spoke of in this run; more: of all */
#define VERSIONS_SLOT_NS (250 * NSEC_PER_MSEC) /* of a build at most one sample each */
#define VERSIONS_MIN 20 /* samples before a build is judged, its worst ten seconds left out */
#define VERSIONS_MIN_HINTED 10 /* when another hub has rolled it back */
#define VERSIONS_REFERENCE_MIN 30 /* samples of a predecessor */
#define VERSIONS_REFERENCE_MAX 4096 /* then they are halved: a quarter of an hour counts */
#define VERSIONS_PAST_MAX 512 /* samples that an earlier run's totals are worth */
#define VERSIONS_TRIAL_SAMPLES 14400 /* an hour of full traffic without a verdict: accepted */
#define VERSIONS_FALSE_ALARM 0.001 /* of a build here, however long its trial; two tests share it */
#define VERSIONS_ERRORS_MARGIN 0.01 /* a rate of errors that much higher matters, and */
#define VERSIONS_ERRORS_FACTOR 1.5 /* one that much times the predecessor's */
#define VERSIONS_SLOW_MARGIN 0.1 /* as many more than half beyond the predecessor's median */
#define VERSIONS_BUCKETS_PER_OCTAVE 4
#define VERSIONS_BUCKETS (32 * VERSIONS_BUCKETS_PER_OCTAVE) /* 1 us to an hour */
#define VERSIONS_SLOWER_BUCKETS 1 /* 2^(1/4) = 1.19 times slower is not slower */
#define VERSIONS_PERMILLE 1000
#define VERSIONS_PIN_MAX (SHA256_STRLEN - 1) /* a version, or a digest in hexadecimal */

/** enum versions_kind - what was ruled of a build */
enum versions_kind {
	VERSIONS_ACCEPTED, /* not judged any more */
	VERSIONS_ROLLED_BACK,
	__VERSIONS_KIND_END,
};

/** enum versions_reason - why */
enum versions_reason {
	VERSIONS_BY_OPERATOR,
	VERSIONS_BY_ERRORS,
	VERSIONS_BY_LATENCY,
	VERSIONS_BY_TIME, /* its trial ended without a verdict */
	__VERSIONS_REASON_END,
};

/** versions_reason_name() - "operator", "errors", "latency", "trial"; "?" otherwise. */
const char *versions_reason_name(uint8_t reason);

/**
 * struct versions_id - names a build
 * @service: name of the service
 * @version_text: version
 * @has_code: @code is known
 * @code: digest of the code, from the manifest
 */
struct versions_id {
	char service[MANIFEST_NAME_MAX + 1];
	char version_text[SEMVER_TEXT_MAX + 1];
	bool has_code;
	uint8_t code[SHA256_LEN];
};

/** versions_id_of() - The build a manifest offers. */
struct versions_id versions_id_of(const struct manifest *manifest);
/**
 * versions_key() - The digest that names a build between hubs.
 * @id: build
 * @ret: SHA-256 of service, NUL, version, NUL, and the code's digest if there is one
 */
void versions_key(const struct versions_id *id, uint8_t ret[SHA256_LEN]);

/**
 * struct versions_build - what users here saw of a build
 * @id: which
 * @version: parsed
 * @used_ns: newest result
 * @slot_at: no sample before
 * @errors: outcomes
 * @past: the same from an earlier run; counts when it is a predecessor, not on its trial
 * @slow: successes slower than the predecessor's median and a fifth
 * @latency: successes by their time, see versions_bucket()
 * @n_latency: of all buckets
 * @has_against: the predecessor is known well enough to judge
 * @against: predecessor
 * @median: bucket of its median when the trial began
 * @evidence: of the test that was nearest to a verdict, natural logarithm
 */
struct versions_build {
	struct versions_id id;
	struct semver version;
	uint64_t used_ns, slot_at;
	struct sequential_stream errors, slow;
	struct sequential_counts past;
	uint32_t latency[VERSIONS_BUCKETS];
	uint32_t n_latency;
	bool has_against;
	struct versions_id against;
	uint32_t median;
	double evidence;
};

/**
 * struct versions_ruling - what was ruled of a build, with the numbers
 * @id: build
 * @kind: enum versions_kind
 * @reason: enum versions_reason
 * @against: version of the predecessor, "" none
 * @old: samples of the predecessor
 * @new: samples of the build, without its worst ten seconds
 * @evidence_centi: hundredths of the decimal logarithm of the e-value
 * @unix_s: when, 0 clock not known
 */
struct versions_ruling {
	struct versions_id id;
	uint8_t kind, reason;
	char against[SEMVER_TEXT_MAX + 1];
	struct sequential_counts old, new;
	int32_t evidence_centi;
	int64_t unix_s;
};

/**
 * struct versions_wish - what an operator wants of a service
 * @service: name
 * @pin: only this version, or manifest or code with this digest; "" any
 * @canary: version that gets @permille of new leases, the others the rest; "" none
 * @permille: 0 to VERSIONS_PERMILLE
 */
struct versions_wish {
	char service[MANIFEST_NAME_MAX + 1];
	char pin[VERSIONS_PIN_MAX + 1];
	char canary[SEMVER_TEXT_MAX + 1];
	uint32_t permille;
};

/** enum versions_rank - how much a user should prefer a build; in falling order */
enum versions_rank {
	VERSIONS_TAKEN,
	VERSIONS_OTHER_SHARE, /* canary: other leases go there; taken when this one's share fails */
	VERSIONS_IS_ROLLED_BACK, /* taken when nobody offers anything else */
	VERSIONS_NOT_PINNED, /* never taken */
};

struct versions;

struct versions *versions_new(void);
/** versions_free() - NULL is allowed. */
void versions_free(struct versions *versions);

/**
 * versions_result() - A use of a build ended.
 * @versions: the room
 * @now_ns: monotonic
 * @id: build
 * @past: results of earlier runs, looked at when the build is not known yet
 * @is_error: it failed
 * @latency_us: how long it took, looked at when it did not
 *
 * Return: the build when this became a sample: versions_judge() it; else NULL.
 */
struct versions_build *versions_result(struct versions *versions, uint64_t now_ns,
				       const struct versions_id *id,
				       const struct sequential_counts *past, bool is_error,
				       uint64_t latency_us);
/**
 * versions_judge() - Is it time to rule?
 * @versions: the room
 * @build: one of its builds, with a new sample
 * @unix_s: for the ruling, 0 clock not known
 * @is_hinted: another hub says it has rolled it back
 *
 * Return: the new ruling, ROLLED_BACK or ACCEPTED; NULL none.
 */
const struct versions_ruling *versions_judge(struct versions *versions,
					     struct versions_build *build, int64_t unix_s,
					     bool is_hinted);

/**
 * versions_rank() - May this be taken for a new lease?
 * @versions: the room
 * @id: build
 * @digest: of the manifest that offers it
 * @draw: of the request, 0 to VERSIONS_PERMILLE - 1, evenly
 */
enum versions_rank versions_rank(const struct versions *versions, const struct versions_id *id,
				 const uint8_t digest[SHA256_LEN], uint32_t draw);

/* What an operator asks for.  Each makes versions_generation() another number. */

/** versions_rule() - Take over a ruling; replaces one of the same build. */
void versions_rule(struct versions *versions, const struct versions_ruling *ruling);
/**
 * versions_clear() - Forget rulings and samples.
 * @versions: the room
 * @service: name
 * @version_text: NULL: of every version
 *
 * Return: rulings and builds forgotten.
 */
size_t versions_clear(struct versions *versions, const char *service, const char *version_text);
/** versions_wish_set() - Replaces; one without pin and canary is none. Return: 0; -ENOSPC. */
int versions_wish_set(struct versions *versions, const struct versions_wish *wish);
/** versions_pin_is_valid() - Return: a version, or 64 hexadecimal digits. */
bool versions_pin_is_valid(const char *text);

/*
 * What an earlier run has left, at the start or whenever it can be read: what this run has ruled,
 * or was ordered, is newer and stays.
 */

/** versions_note_order() - An operator has spoken of a service: what was before counts no more. */
void versions_note_order(struct versions *versions, const char *service);
/** versions_restore_ruling() - Told oldest first. Return: it counts. */
bool versions_restore_ruling(struct versions *versions, const struct versions_ruling *ruling);
/** versions_restore_wish() - Return: it counts. */
bool versions_restore_wish(struct versions *versions, const struct versions_wish *wish);

/* Read side. Pointers are borrowed until the next change. */

/** versions_generation() - Another number whenever a ruling or a wish changed. */
uint64_t versions_generation(const struct versions *versions);
const struct versions_build *versions_build_at(const struct versions *versions, size_t i);
const struct versions_build *versions_find(const struct versions *versions,
					   const struct versions_id *id);
/** versions_ruling_at() - Oldest first; NULL at the end. */
const struct versions_ruling *versions_ruling_at(const struct versions *versions, size_t i);
const struct versions_ruling *versions_ruling_of(const struct versions *versions,
						 const struct versions_id *id);
const struct versions_wish *versions_wish_at(const struct versions *versions, size_t i);
/** versions_newest() - The newest ruling since generation @since; NULL none. */
const struct versions_ruling *versions_newest(const struct versions *versions, uint64_t since);
/** versions_is_idle() - No ruling, no wish: all builds are taken. */
bool versions_is_idle(const struct versions *versions);
/** versions_wish_of() - NULL when nothing is asked for. */
const struct versions_wish *versions_wish_of(const struct versions *versions, const char *service);
/** versions_bucket() - Of a time: floor(4 log2), within VERSIONS_BUCKETS. */
uint32_t versions_bucket(uint64_t latency_us);
/** versions_median_us() - Of the successes of a build, within a fifth; 0 none. */
uint64_t versions_median_us(const struct versions_build *build);
/** versions_describe() - A sentence with the numbers of a ruling; returns @buf. */
const char *versions_describe(const struct versions_ruling *ruling, char *buf, size_t size);

#endif
