// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: registry: what is missing, what is taken, what is refused, what stays
 */
#include "selftests/unit/samples.h"

#include <errno.h>

#include "daemon/lib/memory.h"
#include "daemon/registry/registry.h"

#define UNIX_S 1800000000

struct fixture {
	struct registry *registry;
	uint64_t now;
	uint8_t seed[2][ED25519_SEED_LEN], pubkey[2][ED25519_PUBKEY_LEN];
	struct hub_id hub[2];
	uint8_t manifest[MANIFEST_MAX], catalogue[CATALOGUE_MAX];
	uint8_t manifest_digest[SHA256_LEN], catalogue_digest[SHA256_LEN];
	size_t manifest_len, catalogue_len;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->registry = registry_new();
	f->now = NSEC_PER_SEC;
	for (uint8_t i = 0; i < 2; i++) {
		sample_seed(i ? SAMPLE_ROOT : SAMPLE_HUB, f->seed[i]);
		sample_pubkey(i ? SAMPLE_ROOT : SAMPLE_HUB, f->pubkey[i]);
		f->hub[i] = hub_id_from_pubkey(f->pubkey[i]);
	}
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	registry_free(f->registry);
	free(f);
	return 0;
}

/* A manifest of hub @who, signed by @signer. */
static void make_manifest(struct fixture *f, int who, int signer, const char *version)
{
	struct manifest m = {.hub = f->hub[who],
			     .name = "speech",
			     .n_endpoints = 1,
			     .endpoints = {"127.0.0.1:1"},
			     .slots = 4};
	int len;

	snprintf(m.version_text, sizeof(m.version_text), "%s", version);
	len = manifest_encode(&m, f->seed[signer], f->pubkey[signer], f->manifest, MANIFEST_MAX);
	assert_true(len > 0);
	f->manifest_len = (size_t)len;
	sha256(f->manifest, f->manifest_len, f->manifest_digest);
}

static void make_catalogue(struct fixture *f, int who, uint8_t service_state)
{
	struct catalogue c = {.hub = f->hub[who], .n = 1};
	int len;

	memcpy(c.entries[0].digest, f->manifest_digest, SHA256_LEN);
	c.entries[0].state = service_state;
	len = catalogue_encode(&c, f->catalogue, sizeof(f->catalogue));
	assert_true(len > 0);
	f->catalogue_len = (size_t)len;
	sha256(f->catalogue, f->catalogue_len, f->catalogue_digest);
}

static int take(struct fixture *f, const uint8_t *digest, const uint8_t *bytes, size_t len,
		int signer)
{
	struct registry_want *want = registry_find_want(f->registry, digest);

	assert_non_null(want);
	return registry_take(f->registry, f->now, UNIX_S, want, bytes, len, f->pubkey[signer]);
}

static int announce(struct fixture *f, int who)
{
	return registry_set_catalogue(f->registry, f->now, UNIX_S, &f->hub[who],
				      f->catalogue_digest, 7);
}

static void learn(struct fixture *f, int who, const char *version)
{
	make_manifest(f, who, who, version);
	make_catalogue(f, who, SERVICE_AVAILABLE);
	assert_int_equal(announce(f, who), 0);
	assert_int_equal(take(f, f->catalogue_digest, f->catalogue, f->catalogue_len, who), 0);
	assert_int_equal(take(f, f->manifest_digest, f->manifest, f->manifest_len, who), 0);
}

static void record_leads_to_catalogue_and_that_to_manifests(void **state)
{
	struct fixture *f = *state;
	uint64_t before = registry_generation(f->registry);
	const struct registry_want *want;

	make_manifest(f, 0, 0, "1.0.0");
	make_catalogue(f, 0, SERVICE_FAILING);
	assert_int_equal(announce(f, 0), 0);
	want = registry_want_at(f->registry, 0);
	assert_true(want->is_catalogue && want->from == 7);
	assert_null(registry_find_want(f->registry, f->manifest_digest));
	assert_int_equal(take(f, f->catalogue_digest, f->catalogue, f->catalogue_len, 0), 0);
	assert_int_equal(registry_count(f->registry), 0);
	assert_int_equal(take(f, f->manifest_digest, f->manifest, f->manifest_len, 0), 0);
	assert_int_equal(registry_count(f->registry), 1);
	assert_int_equal(registry_at(f->registry, 0)->state, SERVICE_FAILING);
	assert_null(registry_want_at(f->registry, 0));
	assert_true(registry_generation(f->registry) != before);
}

static void state_changes_without_the_manifest_coming_again(void **state)
{
	struct fixture *f = *state;

	learn(f, 0, "1.0.0");
	make_catalogue(f, 0, SERVICE_DRAINING);
	assert_int_equal(announce(f, 0), 0);
	assert_int_equal(registry_at(f->registry, 0)->state, SERVICE_AVAILABLE);
	assert_int_equal(take(f, f->catalogue_digest, f->catalogue, f->catalogue_len, 0), 0);
	assert_int_equal(registry_at(f->registry, 0)->state, SERVICE_DRAINING);
	assert_null(registry_want_at(f->registry, 0));
}

static void what_no_catalogue_names_goes_and_its_history_stays(void **state)
{
	struct fixture *f = *state;
	const struct registry_version *old, *new;

	learn(f, 0, "1.0.0");
	registry_result(f->registry, f->now, registry_at(f->registry, 0), false, 100);
	registry_result(f->registry, f->now, registry_at(f->registry, 0), true, 100);
	f->now += NSEC_PER_SEC;
	learn(f, 0, "1.1.0");
	assert_int_equal(registry_count(f->registry), 1);
	assert_string_equal(registry_at(f->registry, 0)->manifest.version_text, "1.1.0");
	old = registry_version_at(f->registry, 0);
	new = registry_version_at(f->registry, 1);
	assert_string_equal(old->version_text, "1.0.0");
	assert_true(!old->is_current && old->requests == 2 && old->errors == 1 &&
		    old->latency_us_sum == 100);
	assert_true(new->is_current &&new->requests == 0 && new->first_unix_s == UNIX_S);
	registry_set_catalogue(f->registry, f->now, UNIX_S, &f->hub[0], NULL, 0);
	assert_int_equal(registry_count(f->registry), 0);
	assert_non_null(registry_version_at(f->registry, 1));
}

static void manifest_signed_by_another_is_refused(void **state)
{
	struct fixture *f = *state;

	make_manifest(f, 0, 1, "1.0.0");
	make_catalogue(f, 0, SERVICE_AVAILABLE);
	announce(f, 0);
	take(f, f->catalogue_digest, f->catalogue, f->catalogue_len, 0);
	assert_int_equal(take(f, f->manifest_digest, f->manifest, f->manifest_len, 0),
			 -EKEYREJECTED);
	assert_int_equal(registry_count(f->registry), 0);
	assert_null(registry_find_blob(f->registry, f->manifest_digest));
	assert_null(registry_want_at(f->registry, 0));
	assert_int_equal(registry_get_counters(f->registry)->blobs_refused, 1);
}

static void catalogue_of_another_hub_is_refused(void **state)
{
	struct fixture *f = *state;

	make_manifest(f, 1, 1, "1.0.0");
	make_catalogue(f, 1, SERVICE_AVAILABLE);
	announce(f, 0);
	assert_int_equal(take(f, f->catalogue_digest, f->catalogue, f->catalogue_len, 0), -EACCES);
	assert_int_equal(registry_count(f->registry), 0);
}

/* Hub 1 names hub 0's manifest first: neither does it get it, nor does hub 0 lose it. */
static void naming_anothers_manifest_steals_nothing_and_blocks_nothing(void **state)
{
	struct fixture *f = *state;
	struct registry_want *want;
	int taken = 0, refused = 0;

	make_manifest(f, 0, 0, "1.0.0");
	make_catalogue(f, 1, SERVICE_AVAILABLE);
	announce(f, 1);
	take(f, f->catalogue_digest, f->catalogue, f->catalogue_len, 1);
	make_catalogue(f, 0, SERVICE_AVAILABLE);
	announce(f, 0);
	take(f, f->catalogue_digest, f->catalogue, f->catalogue_len, 0);
	while ((want = registry_find_want(f->registry, f->manifest_digest))) {
		int who = hub_id_equal(&want->hub, &f->hub[1]);
		int r = registry_take(f->registry, f->now, UNIX_S, want, f->manifest,
				      f->manifest_len, f->pubkey[who]);

		taken += r == 0;
		refused += r == -EACCES;
	}
	assert_true(taken == 1 && refused == 1);
	assert_int_equal(registry_count(f->registry), 1);
	assert_true(hub_id_equal(&registry_at(f->registry, 0)->manifest.hub, &f->hub[0]));
}

static void malformed_and_later_formats_are_refused(void **state)
{
	struct fixture *f = *state;

	memset(f->manifest, 0x55, 16);
	f->manifest_len = 16;
	sha256(f->manifest, f->manifest_len, f->manifest_digest);
	make_catalogue(f, 0, SERVICE_AVAILABLE);
	announce(f, 0);
	take(f, f->catalogue_digest, f->catalogue, f->catalogue_len, 0);
	assert_int_equal(take(f, f->manifest_digest, f->manifest, f->manifest_len, 0), -EBADMSG);
	assert_string_not_equal(registry_error_text(-EBADMSG), registry_error_text(-EPROTO));
}

static void wants_are_tried_again_ever_more_slowly(void **state)
{
	struct fixture *f = *state;
	struct registry_want *want;
	uint64_t last = 0;

	make_manifest(f, 0, 0, "1.0.0");
	make_catalogue(f, 0, SERVICE_AVAILABLE);
	announce(f, 0);
	want = registry_want_at(f->registry, 0);
	assert_true(registry_deadline(f->registry) <= f->now);
	for (int i = 0; i < 20; i++) {
		registry_want_asked(want, f->now, 9);
		assert_true(want->next_at - f->now >= last);
		assert_true(want->next_at - f->now <= REGISTRY_RETRY_MAX_NS);
		last = want->next_at - f->now;
	}
	assert_int_equal(last, REGISTRY_RETRY_MAX_NS);
	for (uint64_t i = 0; i < REGISTRY_ASKERS_MAX; i++)
		assert_true(registry_want_add_asker(want, 100 + i));
	assert_true(registry_want_add_asker(want, 100));
	assert_false(registry_want_add_asker(want, 99));
}

/* A service that flaps: each state is a catalogue, all within the time that they are kept. */
static void old_bytes_make_room_for_new_ones_and_those_in_use_stay(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[CATALOGUE_MAX] = {0}, digest[SHA256_LEN], first[SHA256_LEN];

	learn(f, 0, "1.0.0");
	for (uint32_t i = 0; i < 3 * REGISTRY_BYTES_MAX / sizeof(bytes); i++) {
		f->now += 10 * NSEC_PER_MSEC;
		memcpy(bytes, &i, sizeof(i));
		assert_non_null(registry_add_blob(f->registry, f->now, bytes, sizeof(bytes)));
		if (i == 0)
			sha256(bytes, sizeof(bytes), first);
		if (f->now >= registry_deadline(f->registry))
			while (registry_expire(f->registry, f->now, digest))
				;
	}
	sha256(bytes, sizeof(bytes), digest);
	assert_non_null(registry_find_blob(f->registry, digest));
	assert_null(registry_find_blob(f->registry, first));
	assert_non_null(registry_find_blob(f->registry, f->catalogue_digest));
	assert_non_null(registry_find_blob(f->registry, f->manifest_digest));
	assert_int_equal(registry_count(f->registry), 1);
}

static void bytes_nobody_names_expire_and_those_in_use_stay(void **state)
{
	struct fixture *f = *state;
	uint8_t first[SHA256_LEN], digest[SHA256_LEN];
	int dropped = 0;

	learn(f, 0, "1.0.0");
	memcpy(first, f->manifest_digest, SHA256_LEN);
	learn(f, 0, "1.1.0");
	f->now += REGISTRY_KEEP_NS + NSEC_PER_SEC;
	while (registry_expire(f->registry, f->now, digest))
		dropped++;
	assert_int_equal(dropped, 2); /* the old manifest and the old catalogue */
	assert_null(registry_find_blob(f->registry, first));
	assert_non_null(registry_find_blob(f->registry, f->manifest_digest));
	assert_non_null(registry_find_blob(f->registry, f->catalogue_digest));
}

static void cached_bytes_are_used_without_asking_anybody(void **state)
{
	struct fixture *f = *state;

	make_manifest(f, 0, 0, "1.0.0");
	make_catalogue(f, 0, SERVICE_AVAILABLE);
	assert_non_null(registry_add_blob(f->registry, f->now, f->manifest, f->manifest_len));
	assert_non_null(registry_add_blob(f->registry, f->now, f->catalogue, f->catalogue_len));
	assert_int_equal(announce(f, 0), 0);
	assert_int_equal(registry_count(f->registry), 1);
	assert_null(registry_want_at(f->registry, 0));
}

static void bytes_of_all_are_bounded(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[MANIFEST_MAX] = {0};
	size_t kept = 0;

	for (uint32_t i = 0; i < 2 * REGISTRY_BYTES_MAX / MANIFEST_MAX; i++) {
		memcpy(bytes, &i, sizeof(i));
		kept += registry_add_blob(f->registry, f->now, bytes, sizeof(bytes)) != NULL;
	}
	assert_int_equal(kept, REGISTRY_BYTES_MAX / MANIFEST_MAX);
}

static void announce_rollback(struct fixture *f, int who, uint8_t build, uint32_t bad)
{
	struct catalogue catalogue = {.hub = f->hub[who], .n_rollbacks = 1};
	uint8_t bytes[CATALOGUE_MAX];
	const struct registry_blob *blob;
	int len;

	memset(catalogue.rollbacks[0].build, build, SHA256_LEN);
	catalogue.rollbacks[0].new_n = 100;
	catalogue.rollbacks[0].new_bad = bad;
	len = catalogue_encode(&catalogue, bytes, sizeof(bytes));
	assert_true(len > 0);
	blob = registry_add_blob(f->registry, f->now, bytes, (size_t)len);
	assert_int_equal(
		registry_set_catalogue(f->registry, f->now, 0, &f->hub[who], blob->digest, 0), 0);
}

static size_t tellers(struct fixture *f, uint8_t build)
{
	uint8_t key[SHA256_LEN];
	struct hub_id hub;
	size_t i = 0, n = 0;

	memset(key, build, sizeof(key));
	while (registry_find_rollback(f->registry, key, &i, &hub))
		n++;
	return n;
}

static void rollbacks_are_found_as_long_as_a_catalogue_tells_them(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(tellers(f, 0x11), 0);
	announce_rollback(f, 0, 0x11, 20);
	announce_rollback(f, 1, 0x11, 30);
	assert_int_equal(tellers(f, 0x11), 2);
	announce_rollback(f, 0, 0x22, 20);
	assert_int_equal(tellers(f, 0x11), 1);
	assert_int_equal(tellers(f, 0x22), 1);
	registry_forget_hub(f->registry, f->now, &f->hub[1]);
	assert_int_equal(tellers(f, 0x11), 0);
}

static void history_of_one_service_is_bounded_and_forgets_the_oldest(void **state)
{
	struct fixture *f = *state;
	char version[32];
	size_t n = 0;

	for (int i = 0; i < REGISTRY_VERSIONS_PER_SERVICE_MAX + 3; i++) {
		f->now += NSEC_PER_SEC;
		snprintf(version, sizeof(version), "1.0.%d", i);
		learn(f, 0, version);
	}
	while (registry_version_at(f->registry, n))
		n++;
	assert_int_equal(n, REGISTRY_VERSIONS_PER_SERVICE_MAX);
	assert_string_equal(registry_version_at(f->registry, 0)->version_text, "1.0.3");
}

static struct registry_version past_version(uint8_t digest, int64_t first_unix_s)
{
	struct registry_version version = {.hub = {{2, 1}},
					   .name = "speech",
					   .version_text = "1.0.0",
					   .digest = {digest},
					   .first_unix_s = first_unix_s,
					   .last_unix_s = first_unix_s + 10,
					   .requests = 10,
					   .errors = 1,
					   .latency_us_sum = 900};

	return version;
}

static void history_of_an_earlier_run_comes_back_in_order_of_first_seen(void **state)
{
	static const int64_t told[] = {300, 100, 400, 200}; /* as they were seen last, say */
	struct fixture *f = *state;

	for (uint8_t i = 0; i < 4; i++) {
		struct registry_version version = past_version(i, told[i]);

		assert_true(registry_restore_version(f->registry, &version));
	}
	for (int64_t i = 0; i < 4; i++)
		assert_int_equal(registry_version_at(f->registry, (size_t)i)->first_unix_s,
				 100 * (i + 1));
}

static void version_is_seen_until_it_goes(void **state)
{
	struct fixture *f = *state;
	const struct registry_version *line;
	int64_t came;

	learn(f, 0, "1.0.0");
	line = registry_version_at(f->registry, 0);
	came = line->first_unix_s;
	assert_true(came > 0);
	assert_int_equal(registry_last_seen_s(line, f->now), came);
	assert_int_equal(registry_last_seen_s(line, f->now + 100 * NSEC_PER_SEC), came + 100);
	registry_forget_hub(f->registry, f->now + 200 * NSEC_PER_SEC, &line->hub);
	line = registry_version_at(f->registry, 0);
	assert_false(line->is_current);
	assert_int_equal(line->last_unix_s, came + 200);
	assert_int_equal(registry_last_seen_s(line, f->now + 300 * NSEC_PER_SEC), came + 200);
}

static void history_that_is_read_late_adds_to_what_was_seen_since(void **state)
{
	struct fixture *f = *state;
	struct registry_version version;
	const struct registry_version *line;

	learn(f, 0, "1.0.0");
	registry_result(f->registry, f->now, registry_at(f->registry, 0), false, 100);
	version = *registry_version_at(f->registry, 0);
	version.first_unix_s = 1;
	version.requests = 10;
	version.errors = 2;
	version.latency_us_sum = 900;
	assert_false(registry_restore_version(f->registry, &version));
	line = registry_version_at(f->registry, 0);
	assert_true(line->is_current);
	assert_int_equal(line->first_unix_s, 1);
	assert_true(line->requests == 11 && line->errors == 2 && line->latency_us_sum == 1000);
	assert_null(registry_version_at(f->registry, 1));
}

static void latency_rises_at_once_and_falls_slowly(void **state)
{
	struct fixture *f = *state;
	struct registry_instance *instance;

	learn(f, 0, "1.0.0");
	instance = registry_at(f->registry, 0);
	registry_result(f->registry, f->now, instance, false, 1000);
	assert_int_equal(instance->live.latency_us, 1000);
	f->now += NSEC_PER_SEC;
	registry_result(f->registry, f->now, instance, false, 9000);
	assert_int_equal(instance->live.latency_us, 9000);
	f->now += NSEC_PER_SEC;
	registry_result(f->registry, f->now, instance, false, 1000);
	assert_in_range(instance->live.latency_us, 7000, 8999);
	f->now += 100 * REGISTRY_DECAY_NS;
	registry_result(f->registry, f->now, instance, false, 1000);
	assert_in_range(instance->live.latency_us, 1000, 1100);
}

static void errors_are_noticed_and_forgiven(void **state)
{
	struct fixture *f = *state;
	struct registry_instance *instance;
	uint32_t peak;

	learn(f, 0, "1.0.0");
	instance = registry_at(f->registry, 0);
	for (int i = 0; i < 20; i++)
		registry_result(f->registry, f->now += NSEC_PER_SEC, instance, true, 1000);
	peak = instance->live.error_permille;
	assert_true(peak > 700);
	assert_int_equal(instance->live.latency_us, 0); /* a fast failure is no speed */
	for (int i = 0; i < 60; i++)
		registry_result(f->registry, f->now += NSEC_PER_SEC, instance, false, 1000);
	assert_true(instance->live.error_permille < peak / 10);
	assert_true(instance->live.requests == 80 && instance->live.errors == 20);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(record_leads_to_catalogue_and_that_to_manifests),
		TEST(state_changes_without_the_manifest_coming_again),
		TEST(what_no_catalogue_names_goes_and_its_history_stays),
		TEST(manifest_signed_by_another_is_refused),
		TEST(catalogue_of_another_hub_is_refused),
		TEST(naming_anothers_manifest_steals_nothing_and_blocks_nothing),
		TEST(malformed_and_later_formats_are_refused),
		TEST(wants_are_tried_again_ever_more_slowly),
		TEST(bytes_nobody_names_expire_and_those_in_use_stay),
		TEST(old_bytes_make_room_for_new_ones_and_those_in_use_stay),
		TEST(cached_bytes_are_used_without_asking_anybody),
		TEST(bytes_of_all_are_bounded),
		TEST(rollbacks_are_found_as_long_as_a_catalogue_tells_them),
		TEST(history_of_one_service_is_bounded_and_forgets_the_oldest),
		TEST(history_of_an_earlier_run_comes_back_in_order_of_first_seen),
		TEST(version_is_seen_until_it_goes),
		TEST(history_that_is_read_late_adds_to_what_was_seen_since),
		TEST(latency_rises_at_once_and_falls_slowly),
		TEST(errors_are_noticed_and_forgiven),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
