// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: broker: filters, choices, leases; two and more brokers in one mesh of arrays
 */
#include "selftests/unit/samples.h"

#include "daemon/broker/broker.h"
#include "daemon/lib/memory.h"

#define HUBS 40
#define SLOTS 4
#define PENDING_MAX 4096

/* Every hub sees one registry; a message takes no time unless it is held back. */
struct fixture {
	struct registry *registry;
	struct broker *broker[HUBS];
	struct hub_id id[HUBS];
	uint64_t epoch[HUBS];
	uint32_t cost_us[HUBS]; /* to that hub, from anywhere else */
	uint8_t digest[HUBS][SHA256_LEN];
	uint8_t state[HUBS];
	bool is_cut[HUBS];
	uint64_t now, seq;
	size_t messages;
	uint8_t seed[ED25519_SEED_LEN], pubkey[ED25519_PUBKEY_LEN];
	int self; /* whose world it is */
};

static int index_of(const struct fixture *f, const struct hub_id *id)
{
	for (int i = 0; i < HUBS; i++)
		if (hub_id_equal(&f->id[i], id))
			return i;
	return -1;
}

static uint32_t cost_of(void *arg, const struct hub_id *id)
{
	struct fixture *f = arg;
	int i = index_of(f, id);

	return i == f->self ? 0 : f->is_cut[i] ? UINT32_MAX : f->cost_us[i];
}

static uint64_t epoch_of(void *arg, const struct hub_id *id)
{
	struct fixture *f = arg;

	return f->epoch[index_of(f, id)];
}

static struct broker_world world_of(struct fixture *f, int self)
{
	f->self = self;
	return (struct broker_world){f->registry, cost_of, epoch_of, f};
}

/* Deliver until nothing is said any more; cut hubs neither hear nor are heard. */
static void deliver(struct fixture *f, struct broker_output *out)
{
	for (size_t i = 0; i < out->n; i++) {
		struct offer_message message = out->messages[i];
		int from = index_of(f, &message.from), to = index_of(f, &message.to);
		struct broker_world world = world_of(f, to);

		assert_true(out->n < PENDING_MAX);
		f->messages++;
		if (from != to && (f->is_cut[from] || f->is_cut[to]))
			continue;
		message.from_epoch = f->epoch[from];
		message.to_epoch = f->epoch[to];
		message.seq = ++f->seq;
		broker_on_message(f->broker[to], f->now, &world, &message, out);
	}
	free(out->messages);
	*out = (struct broker_output){0};
}

static void pass(struct fixture *f, uint64_t ns)
{
	uint64_t end = f->now + ns;

	while (f->now < end) {
		f->now += 10 * NSEC_PER_MSEC;
		for (int i = 0; i < HUBS; i++) {
			struct broker_world world = world_of(f, i);
			struct broker_output out = {0};

			broker_on_timer(f->broker[i], f->now, &world, &out);
			deliver(f, &out);
		}
	}
}

static void publish(struct fixture *f, int who, const struct manifest *manifest)
{
	struct catalogue catalogue = {.hub = f->id[who], .n = 1};
	uint8_t bytes[CATALOGUE_MAX];
	const struct registry_blob *blob;
	int len;

	len = manifest_encode(manifest, f->seed, f->pubkey, bytes, sizeof(bytes));
	assert_true(len > 0);
	blob = registry_add_blob(f->registry, f->now, bytes, (size_t)len);
	memcpy(f->digest[who], blob->digest, SHA256_LEN);
	memcpy(catalogue.entries[0].digest, blob->digest, SHA256_LEN);
	catalogue.entries[0].state = f->state[who];
	len = catalogue_encode(&catalogue, bytes, sizeof(bytes));
	assert_true(len > 0);
	blob = registry_add_blob(f->registry, f->now, bytes, (size_t)len);
	assert_int_equal(
		registry_set_catalogue(f->registry, f->now, 0, &f->id[who], blob->digest, 0), 0);
}

static struct manifest sample(struct fixture *f, int who)
{
	return (struct manifest){.hub = f->id[who],
				 .name = "speech",
				 .version_text = "1.2.3",
				 .n_endpoints = 1,
				 .endpoints = {"127.0.0.1:1"},
				 .price_micro = 10,
				 .slots = SLOTS};
}

static void provide(struct fixture *f, int who)
{
	struct manifest manifest = sample(f, who);

	publish(f, who, &manifest);
}

static void set_state(struct fixture *f, int who, uint8_t service_state)
{
	f->state[who] = service_state;
	provide(f, who);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->registry = registry_new();
	f->now = NSEC_PER_SEC;
	sample_seed(SAMPLE_HUB, f->seed);
	sample_pubkey(SAMPLE_HUB, f->pubkey);
	for (int i = 0; i < HUBS; i++) {
		f->id[i] = (struct hub_id){{2, 0, 0, 0, 0, (uint8_t)(i + 1)}};
		f->epoch[i] = 1;
		f->cost_us[i] = 1000;
		f->broker[i] = broker_new(&f->id[i], (uint64_t)i + 1);
	}
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < HUBS; i++)
		broker_free(f->broker[i]);
	registry_free(f->registry);
	free(f);
	return 0;
}

static const struct broker_request *resolve_with(struct fixture *f, int who,
						 const struct broker_query *query)
{
	struct broker_world world = world_of(f, who);
	struct broker_output out = {0};
	uint64_t id = broker_resolve(f->broker[who], f->now, &world, query, &out);

	assert_true(id != 0);
	deliver(f, &out);
	return broker_find(f->broker[who], id);
}

static const struct broker_request *resolve(struct fixture *f, int who)
{
	struct broker_query query = {.name = "speech", .keep = true, .lease_ms = 10000};

	return resolve_with(f, who, &query);
}

static int provider_of(struct fixture *f, const struct broker_request *request)
{
	if (request->state != BROKER_STATE_LEASED)
		return -1;
	return index_of(f, &request->candidates[request->chosen].hub);
}

static uint32_t leased(struct fixture *f, int who)
{
	return broker_slots_leased(f->broker[who], f->digest[who]);
}

static void near_idle_provider_is_chosen_and_reserves_a_slot(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;

	provide(f, 1);
	provide(f, 2);
	f->cost_us[2] = 50000;
	request = resolve(f, 0);
	assert_int_equal(provider_of(f, request), 1);
	assert_int_equal(leased(f, 1), 1);
	assert_int_equal(leased(f, 2), 0);
	assert_int_equal(request->candidates[1].verdict, BROKER_OFFERED);
	assert_true(request->candidates[0].score < request->candidates[1].score);
}

static void own_service_needs_no_other_hub(void **state)
{
	struct fixture *f = *state;

	provide(f, 0);
	f->is_cut[0] = true;
	assert_int_equal(provider_of(f, resolve(f, 0)), 0);
	assert_int_equal(leased(f, 0), 1);
}

static enum broker_verdict verdict_with(struct fixture *f, const struct broker_query *query)
{
	const struct broker_request *request = resolve_with(f, 0, query);

	assert_int_equal(request->n, 1);
	return request->candidates[0].verdict;
}

static void each_filter_refuses_with_its_own_verdict(void **state)
{
	struct fixture *f = *state;
	struct manifest manifest = sample(f, 1);

	strcpy(manifest.interface, "a/v1");
	strcpy(manifest.zones[0], "home");
	strcpy(manifest.capabilities[0], "german");
	strcpy(manifest.credentials[0], "group:kitchen");
	manifest.n_zones = manifest.n_capabilities = manifest.n_credentials = 1;
	manifest.cpu_milli = 1000;
	publish(f, 1, &manifest);
#define GOOD .name = "speech", .n_credentials = 1, .credentials = {"group:kitchen"}
#define VERDICT(...) verdict_with(f, &(struct broker_query){GOOD, __VA_ARGS__})
	assert_int_equal(VERDICT(.slots = 1), BROKER_CHOSEN);
	assert_int_equal(VERDICT(.range_text = "^2"), BROKER_WRONG_VERSION);
	assert_int_equal(VERDICT(.interface = "b/v1"), BROKER_WRONG_INTERFACE);
	assert_int_equal(VERDICT(.has_protocol = true, .protocol = MANIFEST_GRPC),
			 BROKER_WRONG_PROTOCOL);
	assert_int_equal(VERDICT(.zone = "office"), BROKER_WRONG_ZONE);
	assert_int_equal(VERDICT(.n_capabilities = 1, .capabilities = {"french"}),
			 BROKER_LACKS_CAPABILITY);
	assert_int_equal(verdict_with(f, &(struct broker_query){.name = "speech"}),
			 BROKER_NEEDS_CREDENTIAL);
	assert_int_equal(VERDICT(.slots = SLOTS + 1), BROKER_TOO_SMALL);
	assert_int_equal(VERDICT(.min_cpu_milli = 1001), BROKER_TOO_SMALL);
	assert_int_equal(VERDICT(.max_price_micro = 9), BROKER_TOO_DEAR);
	assert_int_equal(VERDICT(.max_latency_us = 1500), BROKER_TOO_SLOW);
	f->is_cut[1] = true;
	assert_int_equal(VERDICT(.slots = 1, .lease_ms = 2000), BROKER_UNREACHABLE);
#undef VERDICT
#undef GOOD
}

static void failing_and_draining_providers_get_no_new_users(void **state)
{
	struct fixture *f = *state;

	set_state(f, 1, SERVICE_FAILING);
	assert_int_equal(resolve(f, 0)->candidates[0].verdict, BROKER_FAILING);
	set_state(f, 1, SERVICE_DRAINING);
	assert_int_equal(resolve(f, 0)->candidates[0].verdict, BROKER_DRAINING);
}

static void nobody_falls_back_and_is_remembered_until_something_changes(void **state)
{
	struct fixture *f = *state;
	struct broker_query query = {.name = "speech", .shared = "cloud.example:443"};
	const struct broker_request *request = resolve_with(f, 0, &query);

	assert_int_equal(request->state, BROKER_STATE_FALLBACK);
	assert_false(request->from_cache);
	assert_true(resolve_with(f, 0, &query)->from_cache);
	query.shared[0] = '\0';
	assert_int_equal(resolve_with(f, 0, &query)->state, BROKER_STATE_NONE);
	provide(f, 1);
	strcpy(query.shared, "cloud.example:443");
	request = resolve_with(f, 0, &query);
	assert_int_equal(request->state, BROKER_STATE_LEASED);
}

static void kept_request_moves_from_fallback_to_a_provider_that_appears(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request = resolve(f, 0);

	assert_int_equal(request->state, BROKER_STATE_NONE);
	provide(f, 1);
	pass(f, BROKER_JITTER_NS + 50 * NSEC_PER_MSEC);
	assert_int_equal(provider_of(f, request), 1);
}

static void full_provider_refuses_and_says_when_to_return(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;

	provide(f, 1);
	for (int i = 2; i < 2 + SLOTS; i++)
		assert_int_equal(provider_of(f, resolve(f, i)), 1);
	request = resolve(f, 0);
	assert_int_equal(request->state, BROKER_STATE_NONE);
	assert_int_equal(request->candidates[0].verdict, BROKER_REFUSED);
	assert_int_equal(request->candidates[0].reason, OFFER_REASON_BUSY);
	assert_int_equal(leased(f, 1), SLOTS);
	assert_int_equal(resolve(f, 0)->candidates[0].verdict, BROKER_AVOIDED);
}

static void one_hub_does_not_take_everything_from_others(void **state)
{
	struct fixture *f = *state;

	provide(f, 1);
	assert_int_equal(provider_of(f, resolve(f, 2)), 1);
	assert_int_equal(provider_of(f, resolve(f, 0)), 1);
	assert_int_equal(provider_of(f, resolve(f, 0)), 1);
	assert_int_equal(resolve(f, 0)->candidates[0].reason, OFFER_REASON_SHARE);
	assert_int_equal(provider_of(f, resolve(f, 3)), 1);
}

static void counter_offer_is_taken_down_to_the_minimum(void **state)
{
	struct fixture *f = *state;
	struct broker_query query = {.name = "speech", .slots = SLOTS, .min_slots = 2};
	const struct broker_request *request;

	provide(f, 1);
	f->cost_us[1] = 1;
	query.keep = true;
	assert_int_equal(
		resolve_with(f, 1, &(struct broker_query){.name = "speech", .slots = 2})->slots, 2);
	request = resolve_with(f, 0, &query);
	assert_int_equal(request->state, BROKER_STATE_LEASED);
	assert_int_equal(request->slots, 2);
	query.min_slots = 3;
	assert_int_equal(resolve_with(f, 2, &query)->state, BROKER_STATE_NONE);
}

static void load_makes_leases_shorter_and_dearer(void **state)
{
	struct fixture *f = *state;
	struct manifest manifest = sample(f, 1);
	const struct broker_request *request;

	manifest.slots = 10;
	manifest.price_micro = 100;
	publish(f, 1, &manifest);
	for (int i = 2; i < 11; i++)
		request = resolve(f, i);
	request = resolve(f, 0);
	assert_int_equal(request->state, BROKER_STATE_LEASED);
	assert_int_equal(request->candidates[0].duration_ms, 5000);
	assert_int_equal(request->candidates[0].price_micro, 150);
}

static void lease_is_renewed_as_long_as_it_is_kept(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;
	uint64_t first;

	provide(f, 1);
	request = resolve(f, 0);
	first = request->until_ns;
	pass(f, 30 * NSEC_PER_SEC);
	assert_int_equal(provider_of(f, request), 1);
	assert_true(request->until_ns > first + 20 * NSEC_PER_SEC && request->switches == 0);
	assert_int_equal(leased(f, 1), 1);
}

static void lease_that_is_not_kept_expires_at_both_ends(void **state)
{
	struct fixture *f = *state;
	struct broker_query query = {.name = "speech", .lease_ms = 2000};
	uint64_t id;

	provide(f, 1);
	id = resolve_with(f, 0, &query)->id;
	assert_int_equal(leased(f, 1), 1);
	pass(f, 3 * NSEC_PER_SEC);
	assert_null(broker_find(f->broker[0], id));
	assert_int_equal(leased(f, 1), 0);
}

static void release_frees_the_slot_at_once(void **state)
{
	struct fixture *f = *state;
	struct broker_output out = {0};

	provide(f, 1);
	broker_release(f->broker[0], f->now, resolve(f, 0)->id, &out);
	deliver(f, &out);
	assert_int_equal(leased(f, 1), 0);
}

static void failing_provider_is_left_for_another(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;

	provide(f, 1);
	provide(f, 2);
	f->cost_us[2] = 60000;
	request = resolve(f, 0);
	assert_int_equal(provider_of(f, request), 1);
	set_state(f, 1, SERVICE_FAILING);
	pass(f, NSEC_PER_SEC);
	assert_int_equal(provider_of(f, request), 2);
	assert_int_equal(request->switches, 1);
	assert_int_equal(leased(f, 1), 0);
}

static void partition_makes_no_second_owner_of_a_slot(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request, *other[SLOTS];
	uint64_t believed;
	int moved = 0;

	provide(f, 1);
	request = resolve(f, 0);
	believed = request->until_ns;
	f->is_cut[0] = true;
	/* The others may only fill what is left until the provider's end of the lease. */
	for (int i = 0; i < SLOTS; i++)
		other[i] = resolve(f, 2 + i);
	assert_int_equal(other[SLOTS - 1]->state, BROKER_STATE_NONE);
	while (leased(f, 1) <= SLOTS && f->now < believed + 12 * NSEC_PER_SEC && !moved) {
		pass(f, 100 * NSEC_PER_MSEC);
		moved = other[SLOTS - 1]->state == BROKER_STATE_LEASED;
		if (moved)
			assert_true(request->state != BROKER_STATE_LEASED ||
				    f->now >= request->until_ns);
	}
	assert_int_equal(leased(f, 1), SLOTS);
	assert_int_equal(request->state, BROKER_STATE_NONE);
}

static void silent_provider_is_given_up_and_avoided(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;

	provide(f, 1);
	provide(f, 2);
	f->cost_us[2] = 60000;
	f->is_cut[1] = true;
	f->is_cut[1] = false;
	request = resolve(f, 0);
	assert_int_equal(provider_of(f, request), 1);
	f->epoch[1]++; /* it restarted: our lease is of an earlier life */
	pass(f, NSEC_PER_SEC);
	assert_int_equal(provider_of(f, request), 2);
}

static void lost_lease_answer_leaves_no_slot_taken_for_long(void **state)
{
	struct fixture *f = *state;
	struct broker_world world = world_of(f, 1);
	struct broker_output out = {0};
	struct offer_message accept = {.kind = OFFER_ACCEPT,
				       .from = f->id[0],
				       .to = f->id[1],
				       .from_epoch = 1,
				       .request = 77,
				       .serial = 1,
				       .slots = 1,
				       .duration_ms = 2000};

	provide(f, 1);
	memcpy(accept.digest, f->digest[1], SHA256_LEN);
	broker_on_message(f->broker[1], f->now, &world, &accept, &out);
	assert_int_equal(leased(f, 1), 1);
	/* Asked again, it is the same lease. */
	broker_on_message(f->broker[1], f->now, &world, &accept, &out);
	assert_int_equal(leased(f, 1), 1);
	/* The user knows nothing of request 77: it gives the lease back. */
	deliver(f, &out);
	assert_int_equal(leased(f, 1), 0);
}

static void late_release_does_not_free_a_newer_lease(void **state)
{
	struct fixture *f = *state;
	struct broker_world world = world_of(f, 1);
	struct broker_output out = {0};
	struct offer_message message = {.kind = OFFER_ACCEPT,
					.from = f->id[0],
					.to = f->id[1],
					.from_epoch = 1,
					.request = 77,
					.serial = 2,
					.slots = 1,
					.duration_ms = 2000};

	provide(f, 1);
	memcpy(message.digest, f->digest[1], SHA256_LEN);
	broker_on_message(f->broker[1], f->now, &world, &message, &out);
	message.kind = OFFER_RELEASE;
	message.serial = 1;
	broker_on_message(f->broker[1], f->now, &world, &message, &out);
	assert_int_equal(leased(f, 1), 1);
	message.serial = 2;
	broker_on_message(f->broker[1], f->now, &world, &message, &out);
	assert_int_equal(leased(f, 1), 0);
	free(out.messages);
}

static void new_life_of_a_user_frees_what_the_old_one_held(void **state)
{
	struct fixture *f = *state;

	provide(f, 1);
	resolve(f, 0);
	assert_int_equal(leased(f, 1), 1);
	f->epoch[0]++;
	pass(f, 100 * NSEC_PER_MSEC);
	assert_int_equal(leased(f, 1), 0);
}

static void few_are_all_asked_and_many_are_drawn(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;
	size_t asked = 0;

	for (int i = 1; i <= BROKER_ASK_ALL_MAX; i++)
		provide(f, i);
	request = resolve(f, 0);
	for (size_t i = 0; i < request->n; i++)
		asked += request->candidates[i].verdict != BROKER_ELIGIBLE;
	assert_int_equal(asked, BROKER_ASK_ALL_MAX);
	for (int i = 1; i < HUBS; i++)
		provide(f, i);
	request = resolve(f, 0);
	asked = 0;
	for (size_t i = 0; i < request->n; i++)
		asked += request->candidates[i].verdict != BROKER_ELIGIBLE;
	assert_int_equal(asked, BROKER_CHOICES);
	assert_int_equal(request->state, BROKER_STATE_LEASED);
}

static void equal_users_spread_over_equal_providers(void **state)
{
	struct fixture *f = *state;
	uint32_t most = 0, all = 0;

	for (int i = 0; i < 20; i++) {
		struct manifest manifest = sample(f, i);

		manifest.slots = 100;
		publish(f, i, &manifest);
	}
	for (int round = 0; round < 5; round++)
		for (int i = 20; i < HUBS; i++)
			resolve(f, i);
	for (int i = 0; i < 20; i++) {
		uint32_t n = leased(f, i);

		all += n;
		most = n > most ? n : most;
	}
	assert_int_equal(all, 100); /* five each */
	assert_in_range(most, 5, 10);
}

static void errors_and_latency_move_users_away(void **state)
{
	struct fixture *f = *state;

	provide(f, 1);
	provide(f, 2);
	for (int i = 0; i < 30; i++)
		registry_result(f->registry, f->now += NSEC_PER_SEC,
				registry_find(f->registry, &f->id[1], f->digest[1]), true, 100);
	assert_int_equal(provider_of(f, resolve(f, 0)), 2);
}

static void queries_that_cannot_be_are_refused(void **state)
{
	struct fixture *f = *state;
	struct broker_world world = world_of(f, 0);
	struct broker_output out = {0};

	assert_int_equal(broker_resolve(f->broker[0], f->now, &world,
					&(struct broker_query){.name = ""}, &out),
			 0);
	assert_int_equal(broker_resolve(f->broker[0], f->now, &world,
					&(struct broker_query){.name = "a", .range_text = "x y"},
					&out),
			 0);
	assert_int_equal(broker_resolve(f->broker[0], f->now, &world,
					&(struct broker_query){.name = "a", .min_slots = 2}, &out),
			 0);
	assert_int_equal(out.n, 0);
}

static void numbers_count_once(void **state)
{
	struct fixture *f = *state;
	struct offer_message m = {.from = f->id[1], .from_epoch = 5, .seq = 100};

	assert_true(broker_is_fresh(f->broker[0], &m));
	assert_false(broker_is_fresh(f->broker[0], &m));
	m.seq = 37;
	assert_true(broker_is_fresh(f->broker[0], &m));
	assert_false(broker_is_fresh(f->broker[0], &m));
	m.seq = 36; /* out of the window */
	assert_false(broker_is_fresh(f->broker[0], &m));
	m.seq = 200;
	m.from_epoch = 4;
	assert_false(broker_is_fresh(f->broker[0], &m));
	m.from_epoch = 6;
	m.seq = 1;
	assert_true(broker_is_fresh(f->broker[0], &m));
	assert_int_equal(broker_counters(f->broker[0])->replayed, 4);
}

static void verdicts_and_states_have_texts(void **state)
{
	for (uint8_t i = 0; i < __BROKER_VERDICT_END; i++)
		assert_string_not_equal(broker_verdict_text(i), "?");
	for (uint8_t i = 0; i < __BROKER_STATE_END; i++)
		assert_string_not_equal(broker_state_name(i), "?");
	assert_string_equal(broker_verdict_text(255), "?");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(near_idle_provider_is_chosen_and_reserves_a_slot),
		TEST(own_service_needs_no_other_hub),
		TEST(each_filter_refuses_with_its_own_verdict),
		TEST(failing_and_draining_providers_get_no_new_users),
		TEST(nobody_falls_back_and_is_remembered_until_something_changes),
		TEST(kept_request_moves_from_fallback_to_a_provider_that_appears),
		TEST(full_provider_refuses_and_says_when_to_return),
		TEST(one_hub_does_not_take_everything_from_others),
		TEST(counter_offer_is_taken_down_to_the_minimum),
		TEST(load_makes_leases_shorter_and_dearer),
		TEST(lease_is_renewed_as_long_as_it_is_kept),
		TEST(lease_that_is_not_kept_expires_at_both_ends),
		TEST(release_frees_the_slot_at_once),
		TEST(failing_provider_is_left_for_another),
		TEST(partition_makes_no_second_owner_of_a_slot),
		TEST(silent_provider_is_given_up_and_avoided),
		TEST(lost_lease_answer_leaves_no_slot_taken_for_long),
		TEST(late_release_does_not_free_a_newer_lease),
		TEST(new_life_of_a_user_frees_what_the_old_one_held),
		TEST(few_are_all_asked_and_many_are_drawn),
		TEST(equal_users_spread_over_equal_providers),
		TEST(errors_and_latency_move_users_away),
		TEST(queries_that_cannot_be_are_refused),
		TEST(numbers_count_once),
		TEST(verdicts_and_states_have_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
