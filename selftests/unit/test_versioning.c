// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: versioning: results, rulings, orders and hints between two hubs
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "selftests/unit/hub_fixture.h"

#define SETTLED_NS (3 * NSEC_PER_SEC)

static int setup(void **state)
{
	*state = fixture_new(true);
	fixture_pass(*state, SETTLED_NS);
	return 0;
}

static int teardown(void **state)
{
	fixture_free(*state);
	return 0;
}

static void offer(struct fixture *f, int who, const char *version)
{
	struct manifest manifest = {
		.name = "speech", .n_endpoints = 1, .endpoints = {"127.0.0.1:1"}, .slots = 8};

	snprintf(manifest.version_text, sizeof(manifest.version_text), "%s", version);
	assert_int_equal(
		hub_on_service_set(f->h[who].hub, f->now, &manifest, SERVICE_AVAILABLE, &f->fx), 0);
	fixture_run(f, who);
	fixture_pass(f, NSEC_PER_SEC);
}

static const struct registry_instance *instance_of(struct fixture *f, int who, const char *version)
{
	const struct registry *registry = hub_get_registry(f->h[who].hub);

	for (size_t i = 0; i < registry_count(registry); i++)
		if (strcmp(registry_at(registry, i)->manifest.version_text, version) == 0)
			return registry_at(registry, i);
	return NULL;
}

/* Users of @who make @n requests, a slot apart. Return: the hub said a ruling is due. */
static bool use(struct fixture *f, int who, const char *version, int n, bool is_error)
{
	bool is_ruled = false;

	for (int i = 0; i < n; i++) {
		const struct registry_instance *instance = instance_of(f, who, version);

		assert_non_null(instance);
		is_ruled |= hub_on_service_result(f->h[who].hub, f->now, &instance->manifest.hub,
						  instance->digest, is_error, 10000);
		fixture_pass(f, VERSIONS_SLOT_NS);
	}
	return is_ruled;
}

static int order(struct fixture *f, int who, enum hub_version_verb verb, const char *version,
		 uint32_t permille)
{
	struct hub_version_order one = {verb, "speech", version, permille};
	int r = hub_on_version_order(f->h[who].hub, f->now, &one, &f->fx);

	fixture_run(f, who);
	fixture_pass(f, NSEC_PER_SEC);
	return r;
}

static const struct broker_request *resolve(struct fixture *f, int who)
{
	struct broker_query query = {.name = "speech", .keep = true};
	uint64_t id = hub_on_service_resolve(f->h[who].hub, f->now, &query, &f->fx);

	assert_true(id != 0);
	fixture_run(f, who);
	fixture_pass(f, NSEC_PER_SEC);
	return broker_find(hub_get_broker(f->h[who].hub), id);
}

static const char *version_of(const struct broker_request *request)
{
	return request->state == BROKER_STATE_LEASED
		       ? request->candidates[request->chosen].version_text
		       : "none";
}

static const struct versions_ruling *first_ruling(struct fixture *f, int who)
{
	return versions_ruling_at(hub_get_versions(f->h[who].hub), 0);
}

/* Does @who hear from the other that 1.1.0 was rolled back there? */
static const struct catalogue_rollback *told(struct fixture *f, int who)
{
	struct versions_id id = {.service = "speech", .version_text = "1.1.0"};
	const struct catalogue_rollback *rollback;
	uint8_t key[SHA256_LEN];
	struct hub_id by;
	size_t i = 0;

	versions_key(&id, key);
	while ((rollback = registry_find_rollback(hub_get_registry(f->h[who].hub), key, &i, &by)))
		if (hub_id_equal(&by, &f->h[!who].id))
			return rollback;
	return NULL;
}

static void bad_version_is_left_kept_in_mind_and_told(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;
	unsigned int kept;

	offer(f, 1, "1.0.0");
	use(f, 0, "1.0.0", 100, false);
	offer(f, 1, "1.1.0");
	kept = f->h[0].n[EFFECT_VERSIONS];
	assert_true(use(f, 0, "1.1.0", 100, true));
	assert_int_equal(f->h[0].n[EFFECT_VERSIONS], kept + 1);
	assert_string_equal(first_ruling(f, 0)->id.version_text, "1.1.0");
	request = resolve(f, 0);
	assert_string_equal(version_of(request), "1.0.0");
	fixture_pass(f, 2 * NSEC_PER_SEC);
	assert_non_null(told(f, 1));
	assert_int_equal(told(f, 1)->new_bad, told(f, 1)->new_n);
	assert_null(first_ruling(f, 1)); /* a hint is no verdict */
}

static void hint_ends_when_it_is_cleared(void **state)
{
	struct fixture *f = *state;

	bad_version_is_left_kept_in_mind_and_told(state);
	assert_int_equal(order(f, 0, HUB_VERSION_CLEAR, "1.1.0", 0), 0);
	fixture_pass(f, 2 * NSEC_PER_SEC);
	assert_null(told(f, 1));
	assert_null(first_ruling(f, 0));
}

/* Samples the users of hub 1 need until they leave 1.1.0. */
static int samples_to_leave(struct fixture *f)
{
	int n = 0;

	use(f, 1, "1.0.0", 100, false);
	while (!first_ruling(f, 1) && n < 200)
		n += 1 + 0 * use(f, 1, "1.1.0", 1, true);
	return n;
}

static void hinted_hub_needs_less_evidence_of_its_own(void **state)
{
	struct fixture *f = *state;
	int hinted, alone;

	bad_version_is_left_kept_in_mind_and_told(state);
	hinted = samples_to_leave(f);
	order(f, 0, HUB_VERSION_CLEAR, "", 0);
	order(f, 1, HUB_VERSION_CLEAR, "", 0);
	fixture_pass(f, 2 * NSEC_PER_SEC);
	assert_null(told(f, 1));
	alone = samples_to_leave(f);
	assert_true(hinted < alone);
	assert_true(hinted >= VERSIONS_MIN_HINTED);
}

static void hint_alone_bans_nothing(void **state)
{
	struct fixture *f = *state;

	bad_version_is_left_kept_in_mind_and_told(state);
	use(f, 1, "1.0.0", 100, false);
	use(f, 1, "1.1.0", 300, false);
	assert_null(first_ruling(f, 1));
}

static void lease_moves_when_its_version_is_rolled_back_by_hand(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;
	uint64_t id;

	offer(f, 1, "1.1.0");
	request = resolve(f, 0);
	id = request->id;
	assert_string_equal(version_of(request), "1.1.0");
	offer(f, 1, "1.0.0");
	assert_int_equal(order(f, 0, HUB_VERSION_ROLLBACK, "", 0), 0); /* the highest */
	fixture_pass(f, NSEC_PER_SEC);
	request = broker_find(hub_get_broker(f->h[0].hub), id);
	assert_string_equal(version_of(request), "1.0.0");
	assert_int_equal(first_ruling(f, 0)->reason, VERSIONS_BY_OPERATOR);
	assert_null(told(f, 1)); /* an operator speaks for this hub alone */
}

static void pin_moves_users_and_rollback_undoes_it(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;
	uint64_t id;

	offer(f, 1, "1.1.0");
	offer(f, 1, "1.0.0");
	assert_int_equal(order(f, 0, HUB_VERSION_PIN, "1.0.0", 0), 0);
	id = resolve(f, 0)->id;
	request = broker_find(hub_get_broker(f->h[0].hub), id);
	assert_string_equal(version_of(request), "1.0.0");
	assert_int_equal(order(f, 0, HUB_VERSION_PIN, "1.1.0", 0), 0);
	request = broker_find(hub_get_broker(f->h[0].hub), id);
	assert_string_equal(version_of(request), "1.1.0");
	assert_int_equal(order(f, 0, HUB_VERSION_ROLLBACK, "1.1.0", 0), 0);
	assert_null(versions_wish_of(hub_get_versions(f->h[0].hub), "speech"));
	request = broker_find(hub_get_broker(f->h[0].hub), id);
	assert_string_equal(version_of(request), "1.0.0");
}

static void canary_is_promoted(void **state)
{
	struct fixture *f = *state;
	const struct versions_wish *wish;
	int canary = 0;

	offer(f, 1, "1.0.0");
	offer(f, 1, "1.1.0");
	assert_int_equal(order(f, 0, HUB_VERSION_CANARY, "1.1.0", 1000), 0);
	for (int i = 0; i < 4; i++) {
		const struct broker_request *request = resolve(f, 0);

		canary += strcmp(version_of(request), "1.1.0") == 0;
	}
	assert_int_equal(canary, 4);
	assert_int_equal(order(f, 0, HUB_VERSION_CANARY, "1.1.0", 100), 0);
	assert_int_equal(order(f, 0, HUB_VERSION_PROMOTE, "", 0), 0);
	wish = versions_wish_of(hub_get_versions(f->h[0].hub), "speech");
	assert_string_equal(wish->canary, "1.1.0");
	assert_int_equal(wish->permille, 1000);
	assert_int_equal(first_ruling(f, 0)->kind, VERSIONS_ACCEPTED);
	assert_int_equal(order(f, 0, HUB_VERSION_CANARY, "1.1.0", 0), 0);
	assert_null(versions_wish_of(hub_get_versions(f->h[0].hub), "speech"));
}

static void orders_that_cannot_be_are_refused(void **state)
{
	struct fixture *f = *state;
	struct hub_version_order bad = {HUB_VERSION_CLEAR, "Not A Name", "", 0};
	char text[VERSIONS_PIN_MAX + 2];

	offer(f, 1, "1.0.0");
	assert_int_equal(hub_on_version_order(f->h[0].hub, f->now, &bad, &f->fx), -EINVAL);
	assert_int_equal(order(f, 0, HUB_VERSION_ROLLBACK, "7.0.0", 0), -ENOENT);
	assert_int_equal(order(f, 0, HUB_VERSION_PROMOTE, "", 0), -ENOENT);
	assert_int_equal(order(f, 0, HUB_VERSION_CLEAR, "7.0.0", 0), -ENOENT);
	assert_int_equal(order(f, 0, HUB_VERSION_CLEAR, "", 0), 0);
	assert_int_equal(order(f, 0, HUB_VERSION_CANARY, "latest", 1), -EINVAL);
	assert_int_equal(order(f, 0, HUB_VERSION_CANARY, "1.0.0", 1001), -EINVAL);
	assert_int_equal(order(f, 0, HUB_VERSION_PIN, "latest", 0), -EINVAL);
	memset(text, '1', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int verb = HUB_VERSION_ROLLBACK; verb <= HUB_VERSION_CLEAR; verb++)
		assert_int_equal(order(f, 0, verb, text, 0), -EINVAL);
	memcpy(text + 1, ".0.0-", 5); /* of a pin's length, too long for a version */
	text[VERSIONS_PIN_MAX] = '\0';
	assert_int_equal(order(f, 0, HUB_VERSION_CANARY, text, 1), -EINVAL);
	assert_true(versions_is_idle(hub_get_versions(f->h[0].hub)));
}

/* The same version in place, in other code. */
static void offer_code(struct fixture *f, int who, const char *version, uint8_t code)
{
	struct manifest manifest = {.name = "speech",
				    .n_endpoints = 1,
				    .endpoints = {"127.0.0.1:1"},
				    .slots = 8,
				    .has_code = true,
				    .code = {code}};

	snprintf(manifest.version_text, sizeof(manifest.version_text), "%s", version);
	assert_int_equal(
		hub_on_service_set(f->h[who].hub, f->now, &manifest, SERVICE_AVAILABLE, &f->fx), 0);
	fixture_run(f, who);
	fixture_pass(f, NSEC_PER_SEC);
}

static void other_code_of_a_version_is_judged_by_what_it_did_itself(void **state)
{
	struct fixture *f = *state;
	const struct versions_build *build;
	struct versions_id id = {
		.service = "speech", .version_text = "1.0.0", .has_code = true, .code = {2}};

	offer_code(f, 1, "1.0.0", 1);
	use(f, 0, "1.0.0", 100, false);
	offer_code(f, 1, "1.0.0", 2);
	use(f, 0, "1.0.0", 1, true);
	build = versions_find(hub_get_versions(f->h[0].hub), &id);
	assert_non_null(build);
	assert_int_equal(build->past.n, 0);
	assert_true(build->has_against);
	assert_true(use(f, 0, "1.0.0", 60, true));
	assert_int_equal(first_ruling(f, 0)->id.code[0], 2);
	assert_int_equal(first_ruling(f, 0)->kind, VERSIONS_ROLLED_BACK);
}

static void promotion_ends_the_pin_of_another_version(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;

	offer(f, 0, "1.0.0");
	offer(f, 1, "1.1.0");
	assert_int_equal(order(f, 0, HUB_VERSION_PIN, "1.0.0", 0), 0);
	request = resolve(f, 0);
	assert_string_equal(version_of(request), "1.0.0");
	assert_int_equal(order(f, 0, HUB_VERSION_PROMOTE, "1.1.0", 0), 0);
	assert_string_equal(versions_wish_of(hub_get_versions(f->h[0].hub), "speech")->pin, "");
	assert_string_equal(version_of(resolve(f, 0)), "1.1.0");
	assert_int_equal(order(f, 0, HUB_VERSION_PIN, "1.1.0", 0), 0);
	assert_int_equal(order(f, 0, HUB_VERSION_PROMOTE, "1.1.0", 0), 0);
	assert_string_equal(versions_wish_of(hub_get_versions(f->h[0].hub), "speech")->pin,
			    "1.1.0");
}

static void pin_that_ends_lets_users_in_at_once(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *kept;
	struct broker_query query = {.name = "speech"};
	uint64_t id;

	offer(f, 1, "1.0.0");
	assert_int_equal(order(f, 0, HUB_VERSION_PIN, "7.0.0", 0), 0);
	kept = resolve(f, 0);
	assert_string_equal(version_of(kept), "none");
	id = hub_on_service_resolve(f->h[0].hub, f->now, &query, &f->fx);
	assert_int_equal(broker_find(hub_get_broker(f->h[0].hub), id)->state, BROKER_STATE_NONE);
	assert_int_equal(order(f, 0, HUB_VERSION_CLEAR, "", 0), 0);
	assert_string_equal(version_of(kept), "1.0.0");
	assert_int_equal(order(f, 0, HUB_VERSION_PIN, "7.0.0", 0), 0);
	id = hub_on_service_resolve(f->h[0].hub, f->now, &query, &f->fx);
	hub_on_version_order(f->h[0].hub, f->now,
			     &(struct hub_version_order){HUB_VERSION_CLEAR, "speech", "", 0},
			     &f->fx);
	id = hub_on_service_resolve(f->h[0].hub, f->now, &query, &f->fx);
	assert_false(broker_find(hub_get_broker(f->h[0].hub), id)->from_cache);
}

static void canary_of_a_version_that_is_rolled_back_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct versions *versions = hub_get_versions(f->h[0].hub);

	offer(f, 0, "1.0.0");
	offer(f, 1, "1.1.0");
	assert_int_equal(order(f, 0, HUB_VERSION_CANARY, "1.1.0", 100), 0);
	assert_int_equal(order(f, 0, HUB_VERSION_ROLLBACK, "1.1.0", 0), 0);
	assert_null(versions_wish_at(versions, 0)); /* nothing is left of the canary */
	assert_int_equal(order(f, 0, HUB_VERSION_CANARY, "1.1.0", 100), -EACCES);
	assert_int_equal(order(f, 0, HUB_VERSION_CANARY, "1.1.0", 0), 0);
	assert_int_equal(order(f, 0, HUB_VERSION_CLEAR, "1.1.0", 0), 0);
	assert_int_equal(order(f, 0, HUB_VERSION_CANARY, "1.1.0", 100), 0);
	assert_int_equal(order(f, 0, HUB_VERSION_ROLLBACK, "1.1.0", 0), 0);
	assert_int_equal(order(f, 0, HUB_VERSION_PROMOTE, "1.1.0", 0), 0);
}

static void what_an_earlier_run_ruled_is_in_force_and_told(void **state)
{
	struct fixture *f = *state;
	struct versions_ruling ruling = {.id = {.service = "speech", .version_text = "1.1.0"},
					 .kind = VERSIONS_ROLLED_BACK,
					 .reason = VERSIONS_BY_ERRORS};
	struct versions_wish wish = {.service = "other", .pin = "1.0.0"};
	unsigned int kept = f->h[0].n[EFFECT_VERSIONS];

	hub_on_version_ruling(f->h[0].hub, &ruling);
	hub_on_version_wish(f->h[0].hub, &wish);
	offer(f, 0, "1.0.0");
	offer(f, 1, "1.1.0");
	assert_int_equal(f->h[0].n[EFFECT_VERSIONS], kept); /* it is on the disk */
	assert_string_equal(version_of(resolve(f, 0)), "1.0.0");
	fixture_pass(f, NSEC_PER_SEC);
	assert_non_null(told(f, 1));
}

static void result_of_an_unknown_manifest_is_ignored(void **state)
{
	struct fixture *f = *state;
	uint8_t digest[SHA256_LEN] = {0};

	assert_false(hub_on_service_result(f->h[0].hub, f->now, &f->h[1].id, digest, true, 10000));
	assert_null(versions_build_at(hub_get_versions(f->h[0].hub), 0));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(bad_version_is_left_kept_in_mind_and_told),
		TEST(hint_ends_when_it_is_cleared),
		TEST(hinted_hub_needs_less_evidence_of_its_own),
		TEST(hint_alone_bans_nothing),
		TEST(lease_moves_when_its_version_is_rolled_back_by_hand),
		TEST(pin_moves_users_and_rollback_undoes_it),
		TEST(canary_is_promoted),
		TEST(orders_that_cannot_be_are_refused),
		TEST(other_code_of_a_version_is_judged_by_what_it_did_itself),
		TEST(promotion_ends_the_pin_of_another_version),
		TEST(pin_that_ends_lets_users_in_at_once),
		TEST(canary_of_a_version_that_is_rolled_back_is_refused),
		TEST(what_an_earlier_run_ruled_is_in_force_and_told),
		TEST(result_of_an_unknown_manifest_is_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
