// SPDX-License-Identifier: GPL-2.0
/* DOC: versions: see versions.h */
#include "daemon/versions/versions.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"

#define TESTS 2 /* errors, latency: they share the false alarms */

static const char *const reason_names[] = {"operator", "errors", "latency", "trial"};

_Static_assert(ARRAY_SIZE(reason_names) == __VERSIONS_REASON_END, "every one has a name");

/**
 * struct versions - the room
 * @builds: in no order
 * @rulings: oldest first
 * @wishes: in the order they came
 * @n_builds: entries of @builds
 * @n_rulings: of @rulings
 * @n_wishes: of @wishes
 * @n_past: of @rulings, the first, from an earlier run
 * @ordered: services an operator spoke of in this run
 * @n_ordered: entries of @ordered
 * @has_more_ordered: than there is room for
 * @generation: see versions_generation()
 * @ruled_at: generation of the newest ruling
 */
struct versions {
	struct versions_build *builds[VERSIONS_BUILDS_MAX];
	struct versions_ruling *rulings;
	struct versions_wish *wishes;
	size_t n_builds, n_rulings, n_wishes, n_past;
	char (*ordered)[MANIFEST_NAME_MAX + 1];
	size_t n_ordered;
	bool has_more_ordered;
	uint64_t generation, ruled_at;
};

const char *versions_reason_name(uint8_t reason)
{
	return reason < ARRAY_SIZE(reason_names) ? reason_names[reason] : "?";
}

struct versions *versions_new(void)
{
	return xnew(struct versions);
}

void versions_free(struct versions *versions)
{
	if (!versions)
		return;
	for (size_t i = 0; i < versions->n_builds; i++)
		free(versions->builds[i]);
	free(versions->rulings);
	free(versions->wishes);
	free(versions->ordered);
	free(versions);
}

/* ---- names --------------------------------------------------------------- */

struct versions_id versions_id_of(const struct manifest *manifest)
{
	struct versions_id id = {.has_code = manifest->has_code};

	memcpy(id.service, manifest->name, sizeof(id.service));
	memcpy(id.version_text, manifest->version_text, sizeof(id.version_text));
	if (id.has_code)
		memcpy(id.code, manifest->code, sizeof(id.code));
	return id;
}

static bool id_equal(const struct versions_id *a, const struct versions_id *b)
{
	return a->has_code == b->has_code && strcmp(a->version_text, b->version_text) == 0 &&
	       strcmp(a->service, b->service) == 0 && memcmp(a->code, b->code, SHA256_LEN) == 0;
}

void versions_key(const struct versions_id *id, uint8_t ret[SHA256_LEN])
{
	uint8_t bytes[sizeof(id->service) + sizeof(id->version_text) + SHA256_LEN];
	size_t service = strlen(id->service) + 1, version = strlen(id->version_text) + 1;

	memcpy(bytes, id->service, service);
	memcpy(bytes + service, id->version_text, version);
	if (id->has_code)
		memcpy(bytes + service + version, id->code, SHA256_LEN);
	sha256(bytes, service + version + (id->has_code ? SHA256_LEN : 0), ret);
}

static bool is_of(const struct versions_id *id, const char *service, const char *version_text)
{
	return strcmp(id->service, service) == 0 &&
	       (!version_text || strcmp(id->version_text, version_text) == 0);
}

/* ---- samples ------------------------------------------------------------- */

static struct versions_build *build_find(const struct versions *versions,
					 const struct versions_id *id)
{
	for (size_t i = 0; i < versions->n_builds; i++)
		if (id_equal(&versions->builds[i]->id, id))
			return versions->builds[i];
	return NULL;
}

const struct versions_build *versions_find(const struct versions *versions,
					   const struct versions_id *id)
{
	return build_find(versions, id);
}

const struct versions_build *versions_build_at(const struct versions *versions, size_t i)
{
	return i < versions->n_builds ? versions->builds[i] : NULL;
}

static void build_remove(struct versions *versions, size_t i)
{
	free(versions->builds[i]);
	versions->builds[i] = versions->builds[--versions->n_builds];
}

static void builds_make_room(struct versions *versions)
{
	size_t oldest = 0;

	if (versions->n_builds < VERSIONS_BUILDS_MAX)
		return;
	for (size_t i = 1; i < versions->n_builds; i++)
		if (versions->builds[i]->used_ns < versions->builds[oldest]->used_ns)
			oldest = i;
	build_remove(versions, oldest);
}

/* Totals count requests, samples slots: a busy minute must not weigh like a day. */
static struct sequential_counts scaled(const struct sequential_counts *past)
{
	struct sequential_counts counts = *past;

	if (counts.n > VERSIONS_PAST_MAX) {
		counts.n = VERSIONS_PAST_MAX;
		counts.bad = (uint32_t)((uint64_t)past->bad * counts.n / past->n);
	}
	return counts;
}

static struct versions_build *build_add(struct versions *versions, const struct versions_id *id,
					const struct sequential_counts *past)
{
	struct versions_build *build;
	struct semver version;

	if (semver_parse(id->version_text, &version))
		return NULL;
	builds_make_room(versions);
	build = xnew(struct versions_build);
	build->id = *id;
	build->version = version;
	build->past = scaled(past);
	versions->builds[versions->n_builds++] = build;
	return build;
}

uint32_t versions_bucket(uint64_t latency_us)
{
	uint32_t octave, quarter;
	uint64_t us = latency_us ? latency_us : 1;

	octave = 63 - (uint32_t)__builtin_clzll(us);
	if (octave >= VERSIONS_BUCKETS / VERSIONS_BUCKETS_PER_OCTAVE)
		return VERSIONS_BUCKETS - 1;
	/* Quarters of an octave begin at 2^(q/4): 1, 1.189, 1.414, 1.682; in 1/65536. */
	us = octave > 16 ? us >> (octave - 16) : us << (16 - octave);
	quarter = (us >= 77936) + (us >= 92682) + (us >= 110218);
	return octave * VERSIONS_BUCKETS_PER_OCTAVE + quarter;
}

static uint32_t median_bucket(const struct versions_build *build)
{
	uint32_t below = 0, i = 0;

	while (i < VERSIONS_BUCKETS - 1 && 2 * (below + build->latency[i]) < build->n_latency)
		below += build->latency[i++];
	return i;
}

uint64_t versions_median_us(const struct versions_build *build)
{
	if (!build->n_latency)
		return 0;
	return (uint64_t)exp2((median_bucket(build) + 0.5) / VERSIONS_BUCKETS_PER_OCTAVE);
}

static struct sequential_counts reference_errors(const struct versions_build *build)
{
	return (struct sequential_counts){.n = build->errors.all.n + build->past.n,
					  .bad = build->errors.all.bad + build->past.bad};
}

/* Successes beyond the bucket that was the median when the trial began. */
static struct sequential_counts reference_slow(const struct versions_build *build, uint32_t median)
{
	struct sequential_counts counts = {.n = build->n_latency};

	for (uint32_t i = median + 1; i < VERSIONS_BUCKETS; i++)
		counts.bad += build->latency[i];
	return counts;
}

/* What was long ago says little of now; a trial, though, looks at all of its samples. */
static void build_age(struct versions_build *build, bool is_on_trial)
{
	if (is_on_trial || build->errors.all.n < VERSIONS_REFERENCE_MAX)
		return;
	sequential_age(&build->errors);
	sequential_halve(&build->past);
	build->n_latency = 0;
	for (uint32_t i = 0; i < VERSIONS_BUCKETS; i++) {
		build->latency[i] /= 2;
		build->n_latency += build->latency[i];
	}
}

/* ---- rulings ------------------------------------------------------------- */

static struct versions_ruling *ruling_find(const struct versions *versions,
					   const struct versions_id *id)
{
	for (size_t i = 0; i < versions->n_rulings; i++)
		if (id_equal(&versions->rulings[i].id, id))
			return &versions->rulings[i];
	return NULL;
}

const struct versions_ruling *versions_ruling_of(const struct versions *versions,
						 const struct versions_id *id)
{
	return ruling_find(versions, id);
}

const struct versions_ruling *versions_ruling_at(const struct versions *versions, size_t i)
{
	return i < versions->n_rulings ? &versions->rulings[i] : NULL;
}

static bool is_rolled_back(const struct versions *versions, const struct versions_id *id)
{
	const struct versions_ruling *ruling = ruling_find(versions, id);

	return ruling && ruling->kind == VERSIONS_ROLLED_BACK;
}

static void ruling_remove(struct versions *versions, size_t i)
{
	memmove(&versions->rulings[i], &versions->rulings[i + 1],
		(versions->n_rulings - i - 1) * sizeof(*versions->rulings));
	versions->n_rulings--;
	versions->n_past -= i < versions->n_past;
}

/* A canary that failed gets no further share. */
static void canary_end(struct versions *versions, const struct versions_id *id)
{
	for (size_t i = versions->n_wishes; i-- > 0;) {
		struct versions_wish *wish = &versions->wishes[i];

		if (!is_of(id, wish->service, wish->canary))
			continue;
		wish->canary[0] = '\0';
		wish->permille = 0;
		if (!wish->pin[0])
			*wish = versions->wishes[--versions->n_wishes];
	}
}

void versions_rule(struct versions *versions, const struct versions_ruling *ruling)
{
	struct versions_ruling *old = ruling_find(versions, &ruling->id);

	if (old)
		ruling_remove(versions, (size_t)(old - versions->rulings));
	else if (versions->n_rulings == VERSIONS_RULINGS_MAX)
		ruling_remove(versions, 0);
	if (!versions->rulings)
		versions->rulings = xnew_array(struct versions_ruling, VERSIONS_RULINGS_MAX);
	versions->rulings[versions->n_rulings++] = *ruling;
	if (ruling->kind == VERSIONS_ROLLED_BACK)
		canary_end(versions, &ruling->id);
	versions->ruled_at = ++versions->generation;
}

size_t versions_clear(struct versions *versions, const char *service, const char *version_text)
{
	size_t before = versions->n_rulings + versions->n_builds;

	for (size_t i = versions->n_rulings; i-- > 0;)
		if (is_of(&versions->rulings[i].id, service, version_text))
			ruling_remove(versions, i);
	for (size_t i = versions->n_builds; i-- > 0;)
		if (is_of(&versions->builds[i]->id, service, version_text))
			build_remove(versions, i);
	versions->generation++;
	versions->ruled_at = 0;
	return before - versions->n_rulings - versions->n_builds;
}

/* ---- trials -------------------------------------------------------------- */

static bool is_better_reference(const struct versions_build *candidate,
				const struct versions_build *best)
{
	int order = best ? semver_compare(&candidate->version, &best->version) : 1;

	return order > 0 || (order == 0 && candidate->used_ns > best->used_ns);
}

/* The highest lower version that is known well and not rolled back itself. */
static const struct versions_build *predecessor_of(const struct versions *versions,
						   const struct versions_build *build)
{
	const struct versions_build *best = NULL;

	for (size_t i = 0; i < versions->n_builds; i++) {
		const struct versions_build *other = versions->builds[i];
		int order = semver_compare(&other->version, &build->version);

		/* Of one version in other code the one judged later is the newer one. */
		if (other == build || strcmp(other->id.service, build->id.service) != 0 ||
		    order > 0 ||
		    (order == 0 && reference_errors(other).n <= reference_errors(build).n) ||
		    reference_errors(other).n < VERSIONS_REFERENCE_MIN ||
		    is_rolled_back(versions, &other->id))
			continue;
		if (is_better_reference(other, best))
			best = other;
	}
	return best;
}

static const struct versions_build *reference_of(const struct versions *versions,
						 struct versions_build *build)
{
	const struct versions_build *reference =
		build->has_against ? build_find(versions, &build->against) : NULL;

	if (reference)
		return reference;
	reference = predecessor_of(versions, build);
	build->has_against = reference != NULL;
	if (!reference)
		return NULL;
	build->against = reference->id;
	build->median = median_bucket(reference);
	build->slow = (struct sequential_stream){0};
	return reference;
}

struct versions_build *versions_result(struct versions *versions, uint64_t now_ns,
				       const struct versions_id *id,
				       const struct sequential_counts *past, bool is_error,
				       uint64_t latency_us)
{
	struct versions_build *build = build_find(versions, id);
	uint32_t bucket = versions_bucket(latency_us);

	if (!build)
		build = build_add(versions, id, past);
	if (!build)
		return NULL;
	build->used_ns = now_ns;
	if (now_ns < build->slot_at)
		return NULL;
	build->slot_at = now_ns + VERSIONS_SLOT_NS;
	reference_of(versions, build);
	build_age(build, build->has_against && !ruling_find(versions, id));
	sequential_add(&build->errors, now_ns, is_error);
	if (is_error)
		return build;
	build->latency[bucket]++;
	build->n_latency++;
	if (build->has_against)
		sequential_add(&build->slow, now_ns,
			       bucket > build->median + VERSIONS_SLOWER_BUCKETS);
	return build;
}

static double rate(const struct sequential_counts *counts)
{
	return counts->n ? (double)counts->bad / counts->n : 0;
}

/* Does it matter?  What is beyond doubt may still be too small to care about. */
static bool matters(enum versions_reason reason, const struct sequential_counts *old,
		    const struct sequential_counts *new)
{
	if (reason == VERSIONS_BY_LATENCY)
		return rate(new) >= rate(old) + VERSIONS_SLOW_MARGIN;
	return rate(new) >= rate(old) + VERSIONS_ERRORS_MARGIN &&
	       rate(new) >= rate(old) * VERSIONS_ERRORS_FACTOR;
}

/**
 * struct versions_test - a question to the samples
 * @reason: what is asked
 * @old: samples of the predecessor
 * @new: of the build
 * @old_dispersion: see sequential_evidence()
 * @new_dispersion: likewise
 */
struct versions_test {
	enum versions_reason reason;
	struct sequential_counts old, new;
	double old_dispersion, new_dispersion;
};

static struct versions_test errors_test(const struct versions_build *reference,
					const struct versions_build *build)
{
	return (struct versions_test){
		.reason = VERSIONS_BY_ERRORS,
		.old = reference_errors(reference),
		.new = sequential_judged(&build->errors),
		.old_dispersion = sequential_dispersion(&reference->errors),
		.new_dispersion = sequential_dispersion(&build->errors),
	};
}

/* The predecessor's times are kept without their order: half of them are slow by definition. */
static struct versions_test latency_test(const struct versions_build *reference,
					 const struct versions_build *build)
{
	return (struct versions_test){
		.reason = VERSIONS_BY_LATENCY,
		.old = reference_slow(reference, build->median),
		.new = sequential_judged(&build->slow),
		.old_dispersion = 1,
		.new_dispersion = sequential_dispersion(&build->slow),
	};
}

/* Return: true when the test convicts. */
static bool convicts(struct versions_build *build, const struct versions_test *test, uint32_t min)
{
	double evidence;

	if (test->new.n < min || test->old.n < VERSIONS_REFERENCE_MIN ||
	    !matters(test->reason, &test->old, &test->new))
		return false;
	evidence = sequential_evidence(&test->old, &test->new, test->old_dispersion,
				       test->new_dispersion);
	if (evidence > build->evidence)
		build->evidence = evidence;
	return evidence >= -log(VERSIONS_FALSE_ALARM / TESTS);
}

static const struct versions_ruling *rule(struct versions *versions,
					  const struct versions_build *build,
					  const struct versions_build *reference,
					  enum versions_kind kind, const struct versions_test *test,
					  int64_t unix_s)
{
	struct versions_ruling ruling = {
		.id = build->id,
		.kind = kind,
		.reason = kind == VERSIONS_ACCEPTED ? VERSIONS_BY_TIME : test->reason,
		.old = test->old,
		.new = test->new,
		.evidence_centi = (int32_t)(build->evidence / M_LN10 * 100),
		.unix_s = unix_s,
	};

	memcpy(ruling.against, reference->id.version_text, sizeof(ruling.against));
	versions_rule(versions, &ruling);
	return ruling_find(versions, &build->id);
}

const struct versions_ruling *versions_judge(struct versions *versions,
					     struct versions_build *build, int64_t unix_s,
					     bool is_hinted)
{
	const struct versions_build *reference = reference_of(versions, build);
	uint32_t min = is_hinted ? VERSIONS_MIN_HINTED : VERSIONS_MIN;
	struct versions_test errors, latency;

	if (!reference || ruling_find(versions, &build->id))
		return NULL;
	build->evidence = 0;
	errors = errors_test(reference, build);
	if (convicts(build, &errors, min))
		return rule(versions, build, reference, VERSIONS_ROLLED_BACK, &errors, unix_s);
	latency = latency_test(reference, build);
	if (convicts(build, &latency, min))
		return rule(versions, build, reference, VERSIONS_ROLLED_BACK, &latency, unix_s);
	if (build->errors.all.n < VERSIONS_TRIAL_SAMPLES)
		return NULL;
	return rule(versions, build, reference, VERSIONS_ACCEPTED, &errors, unix_s);
}

/* ---- wishes -------------------------------------------------------------- */

static struct versions_wish *wish_find(const struct versions *versions, const char *service)
{
	for (size_t i = 0; i < versions->n_wishes; i++)
		if (strcmp(versions->wishes[i].service, service) == 0)
			return &versions->wishes[i];
	return NULL;
}

const struct versions_wish *versions_wish_of(const struct versions *versions, const char *service)
{
	return wish_find(versions, service);
}

const struct versions_wish *versions_wish_at(const struct versions *versions, size_t i)
{
	return i < versions->n_wishes ? &versions->wishes[i] : NULL;
}

int versions_wish_set(struct versions *versions, const struct versions_wish *wish)
{
	struct versions_wish *old = wish_find(versions, wish->service);
	bool is_empty = !wish->pin[0] && !wish->canary[0];

	if (!old && !is_empty && versions->n_wishes == VERSIONS_WISHES_MAX)
		return -ENOSPC;
	if (!versions->wishes)
		versions->wishes = xnew_array(struct versions_wish, VERSIONS_WISHES_MAX);
	versions->generation++;
	if (is_empty && old)
		*old = versions->wishes[--versions->n_wishes];
	else if (!is_empty)
		*(old ? old : &versions->wishes[versions->n_wishes++]) = *wish;
	return 0;
}

bool versions_pin_is_valid(const char *text)
{
	uint8_t digest[SHA256_LEN];
	struct semver version;

	return sha256_parse(text, digest) == 0 || semver_parse(text, &version) == 0;
}

static bool is_pinned(const struct versions_wish *wish, const struct versions_id *id,
		      const uint8_t *digest)
{
	uint8_t wanted[SHA256_LEN];

	if (sha256_parse(wish->pin, wanted))
		return strcmp(wish->pin, id->version_text) == 0;
	return memcmp(wanted, digest, SHA256_LEN) == 0 ||
	       (id->has_code && memcmp(wanted, id->code, SHA256_LEN) == 0);
}

enum versions_rank versions_rank(const struct versions *versions, const struct versions_id *id,
				 const uint8_t digest[SHA256_LEN], uint32_t draw)
{
	const struct versions_wish *wish = wish_find(versions, id->service);

	if (wish && wish->pin[0])
		return is_pinned(wish, id, digest) ? VERSIONS_TAKEN : VERSIONS_NOT_PINNED;
	if (is_rolled_back(versions, id))
		return VERSIONS_IS_ROLLED_BACK;
	if (!wish || !wish->canary[0])
		return VERSIONS_TAKEN;
	return (draw < wish->permille) == (strcmp(wish->canary, id->version_text) == 0)
		       ? VERSIONS_TAKEN
		       : VERSIONS_OTHER_SHARE;
}

/* ---- earlier runs -------------------------------------------------------- */

static bool is_ordered(const struct versions *versions, const char *service)
{
	bool is_so = versions->has_more_ordered;

	for (size_t i = 0; i < versions->n_ordered && !is_so; i++)
		is_so = strcmp(versions->ordered[i], service) == 0;
	return is_so;
}

void versions_note_order(struct versions *versions, const char *service)
{
	if (is_ordered(versions, service))
		return;
	if (versions->n_ordered == VERSIONS_ORDERED_MAX) {
		versions->has_more_ordered = true;
		return;
	}
	versions->ordered = xreallocarray(versions->ordered, versions->n_ordered + 1,
					  sizeof(*versions->ordered));
	memcpy(versions->ordered[versions->n_ordered++], service, strlen(service) + 1);
}

bool versions_restore_ruling(struct versions *versions, const struct versions_ruling *ruling)
{
	size_t at = versions->n_past;

	if (is_ordered(versions, ruling->id.service) || ruling_find(versions, &ruling->id) ||
	    versions->n_rulings == VERSIONS_RULINGS_MAX)
		return false;
	if (!versions->rulings)
		versions->rulings = xnew_array(struct versions_ruling, VERSIONS_RULINGS_MAX);
	memmove(&versions->rulings[at + 1], &versions->rulings[at],
		(versions->n_rulings - at) * sizeof(*versions->rulings));
	versions->rulings[at] = *ruling;
	versions->n_rulings++;
	versions->n_past++;
	versions->generation++;
	return true;
}

bool versions_restore_wish(struct versions *versions, const struct versions_wish *wish)
{
	return !is_ordered(versions, wish->service) && !wish_find(versions, wish->service) &&
	       versions_wish_set(versions, wish) == 0;
}

/* ---- read side ----------------------------------------------------------- */

uint64_t versions_generation(const struct versions *versions)
{
	return versions->generation;
}

const struct versions_ruling *versions_newest(const struct versions *versions, uint64_t since)
{
	return versions->n_rulings && versions->ruled_at > since
		       ? &versions->rulings[versions->n_rulings - 1]
		       : NULL;
}

bool versions_is_idle(const struct versions *versions)
{
	return !versions->n_rulings && !versions->n_wishes;
}

const char *versions_describe(const struct versions_ruling *ruling, char *buf, size_t size)
{
	switch (ruling->reason) {
	case VERSIONS_BY_OPERATOR:
		snprintf(buf, size, "%s by an operator",
			 ruling->kind == VERSIONS_ACCEPTED ? "accepted" : "rolled back");
		break;
	case VERSIONS_BY_TIME:
		snprintf(buf, size, "accepted: %u of %u samples failed, of %s %u of %u",
			 ruling->new.bad, ruling->new.n, ruling->against, ruling->old.bad,
			 ruling->old.n);
		break;
	default:
		snprintf(buf, size, "%u of %u samples %s, of %s %u of %u; evidence 10^%d.%02d",
			 ruling->new.bad, ruling->new.n,
			 ruling->reason == VERSIONS_BY_ERRORS ? "failed" : "were slow",
			 ruling->against, ruling->old.bad, ruling->old.n,
			 ruling->evidence_centi / 100, abs(ruling->evidence_centi % 100));
	}
	return buf;
}
