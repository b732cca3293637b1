// SPDX-License-Identifier: GPL-2.0
/* DOC: our certificate is replaced while we run: which may, and what follows */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "selftests/unit/hub_fixture.h"

#define DAY_S 86400

/**
 * struct renewed - a certificate that may take the place of hub 0's
 */
struct renewed {
	uint8_t der[2048];
	size_t len;
};

/* Of the key of hub @of, by the fixture's root or by another one. */
static struct renewed issue(const struct fixture *f, int of, bool is_of_root, int64_t begin_s,
			    const char *zones)
{
	struct issue_root root = {.mesh = "fixture",
				  .seed = {77},
				  .serial = {7},
				  .not_before_s = FIXTURE_NOT_BEFORE,
				  .not_after_s = FIXTURE_NOT_BEFORE + DAY_S * 3000};
	uint8_t other[2048];
	int len = issue_root(&root, other, sizeof(other));
	struct issue_hub hub = {.root_der = is_of_root ? f->root : other,
				.root_der_len = is_of_root ? f->root_len : (size_t)len,
				.name = "renewed",
				.zones = zones,
				.serial = {0x11},
				.not_before_s = begin_s,
				.not_after_s = begin_s + DAY_S * 30};
	struct renewed ret;

	assert_true(len > 0);
	memcpy(hub.root_seed, is_of_root ? f->root_seed : root.seed, sizeof(hub.root_seed));
	memcpy(hub.pubkey, f->h[of].pubkey, sizeof(hub.pubkey));
	len = issue_hub(&hub, ret.der, sizeof(ret.der));
	assert_true(len > 0);
	ret.len = (size_t)len;
	return ret;
}

static enum trust_refusal judge(struct fixture *f, const struct renewed *renewed, int64_t unix_s)
{
	struct trust_identity identity = {0};

	return hub_judge_certificate(f->h[0].hub, renewed->der, renewed->len, unix_s, &identity);
}

/* What hub 1 knows of hub 0. */
static int take_zones(const struct hub_view_hub *view, void *arg)
{
	if (view->is_self)
		return 0;
	*(const char **)arg = view->zones;
	return 1;
}

static const char *zones_of_first_at_second(const struct fixture *f)
{
	const char *zones = "?";

	hub_for_each_hub(f->h[1].hub, take_zones, &zones);
	return zones;
}

static void certificates_that_may_not_replace_ours_say_why(void **state)
{
	struct fixture *f = *state;
	const int64_t now = FIXTURE_NOT_BEFORE + DAY_S;
	struct renewed good = issue(f, 0, true, FIXTURE_NOT_BEFORE, NULL);
	struct renewed of_other_key = issue(f, 1, true, FIXTURE_NOT_BEFORE, NULL);
	struct renewed of_other_root = issue(f, 0, false, FIXTURE_NOT_BEFORE, NULL);
	struct renewed early = issue(f, 0, true, now + DAY_S, NULL);

	assert_int_equal(judge(f, &good, now), TRUST_NOT_REFUSED);
	assert_int_equal(judge(f, &of_other_key, now), TRUST_OTHER_HUB);
	assert_int_equal(judge(f, &of_other_root, now), TRUST_OTHER_ROOT);
	assert_int_equal(judge(f, &early, now), TRUST_NOT_YET);
	assert_int_equal(judge(f, &early, 0), TRUST_NOT_REFUSED); /* without a clock */
	assert_int_equal(judge(f, &good, now + DAY_S * 30), TRUST_EXPIRED);
	good.len--;
	assert_int_equal(judge(f, &good, now), TRUST_MALFORMED);
	good.len = 0;
	assert_int_equal(judge(f, &good, now), TRUST_MALFORMED);
}

static void key_of_a_stranger_is_not_bound_by_being_looked_at(void **state)
{
	struct fixture *f = *state;
	struct fixture_hub stranger = {0};
	uint8_t key[HUB_PUBKEY_LEN];
	struct renewed of_stranger;

	fixture_identity(f, &stranger, 99);
	memcpy(of_stranger.der, stranger.cert, stranger.cert_len);
	of_stranger.len = stranger.cert_len;
	while (hub_take_binding(f->h[0].hub, key))
		;
	assert_int_equal(judge(f, &of_stranger, 0), TRUST_OTHER_HUB);
	assert_false(hub_take_binding(f->h[0].hub, key));
}

static void new_certificate_is_in_our_record_and_ends_no_session(void **state)
{
	struct fixture *f = *state;
	struct renewed renewed = issue(f, 0, true, FIXTURE_NOT_BEFORE, "office,shop");
	const unsigned int ended[] = {f->h[0].n[EFFECT_CLOSE], f->h[1].n[EFFECT_CLOSE]};
	struct trust_identity identity;

	assert_string_equal(zones_of_first_at_second(f), "");
	assert_int_equal(hub_judge_certificate(f->h[0].hub, renewed.der, renewed.len, 0, &identity),
			 TRUST_NOT_REFUSED);
	hub_on_certificate(f->h[0].hub, f->now, renewed.der, renewed.len, &identity, &f->fx);
	fixture_run(f, 0);
	fixture_pass(f, 5 * NSEC_PER_SEC);
	assert_string_equal(zones_of_first_at_second(f), "office,shop");
	for (int who = 0; who < 2; who++)
		assert_int_equal(f->h[who].n[EFFECT_CLOSE], ended[who]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup_pair, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(certificates_that_may_not_replace_ours_say_why),
		TEST(key_of_a_stranger_is_not_bound_by_being_looked_at),
		TEST(new_certificate_is_in_our_record_and_ends_no_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
