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
#define LATE_MAX 64

struct late {
	uint64_t due_ns; /* 0: nothing */
	struct offer_message message;
};

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
	bool is_deaf[HUBS]; /* there is a way to it, but nothing arrives */
	uint64_t slow_ns[HUBS]; /* what it says arrives so much later */
	struct late late[LATE_MAX];
	uint64_t now, seq;
	size_t messages;
	uint8_t seed[ED25519_SEED_LEN], pubkey[ED25519_PUBKEY_LEN];
	int self; /* whose world it is */
	bool has_ranks;
	struct broker_rank rank[HUBS]; /* of that hub's instance, for all draws */
	int canary; /* its instance is for draws below 500, the others for the rest; -1 none */
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

static struct broker_rank rank_of(void *arg, const struct registry_instance *instance,
				  uint32_t draw)
{
	struct fixture *f = arg;
	int who = index_of(f, &instance->manifest.hub);

	assert_true(draw < BROKER_DRAWS);
	if (f->canary >= 0 && (who == f->canary) != (draw < BROKER_DRAWS / 2))
		return (struct broker_rank){BROKER_TIER_SECOND, BROKER_OTHER_SHARE};
	return f->rank[who];
}

static struct broker_world world_of(struct fixture *f, int self)
{
	f->self = self;
	return (struct broker_world){f->registry, cost_of, epoch_of, f,
				     f->has_ranks ? rank_of : NULL};
}

static void hold_back(struct fixture *f, const struct offer_message *message, uint64_t for_ns)
{
	for (size_t i = 0; i < LATE_MAX; i++) {
		if (f->late[i].due_ns)
			continue;
		f->late[i] = (struct late){f->now + for_ns, *message};
		return;
	}
	fail_msg("too many messages on their way");
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
		if (from != to && (f->is_cut[from] || f->is_cut[to] || f->is_deaf[to]))
			continue;
		if (f->slow_ns[from] && from != to) {
			hold_back(f, &message, f->slow_ns[from]);
			continue;
		}
		message.from_epoch = f->epoch[from];
		message.to_epoch = f->epoch[to];
		message.seq = ++f->seq;
		broker_on_message(f->broker[to], f->now, &world, &message, out);
	}
	free(out->messages);
	*out = (struct broker_output){0};
}

static void deliver_late(struct fixture *f)
{
	for (size_t i = 0; i < LATE_MAX; i++) {
		struct offer_message message = f->late[i].message;
		struct broker_output out = {0};
		struct broker_world world;
		int to;

		if (!f->late[i].due_ns || f->now < f->late[i].due_ns)
			continue;
		f->late[i].due_ns = 0;
		to = index_of(f, &message.to);
		world = world_of(f, to);
		broker_on_message(f->broker[to], f->now, &world, &message, &out);
		deliver(f, &out);
	}
}

static void pass(struct fixture *f, uint64_t ns)
{
	uint64_t end = f->now + ns;

	while (f->now < end) {
		f->now += 10 * NSEC_PER_MSEC;
		deliver_late(f);
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
	f->canary = -1;
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
	assert_int_equal(VERDICT(.is_stream = true), BROKER_CHOSEN);
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

static void user_of_a_stream_is_not_leased_a_provider_of_datagrams(void **state)
{
	struct fixture *f = *state;
	struct broker_query query = {.name = "speech", .is_stream = true, .keep = true};
	struct manifest manifest = sample(f, 1);
	const struct broker_request *request;

	manifest.protocol = MANIFEST_UDP;
	publish(f, 1, &manifest); /* the nearest by far */
	f->cost_us[1] = 1;
	request = resolve_with(f, 0, &query);
	assert_int_equal(request->state, BROKER_STATE_NONE);
	assert_int_equal(request->candidates[0].verdict, BROKER_DATAGRAMS);
	assert_int_equal(leased(f, 1), 0);
	provide(f, 2);
	pass(f, NSEC_PER_SEC);
	assert_int_equal(provider_of(f, request), 2);
	/* Who does not care, and who wants just that, get it. */
	query.is_stream = false;
	assert_int_equal(provider_of(f, resolve_with(f, 0, &query)), 1);
	query.has_protocol = true;
	query.protocol = MANIFEST_UDP;
	assert_int_equal(provider_of(f, resolve_with(f, 0, &query)), 1);
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

static void provider_that_appears_while_others_are_asked_is_not_missed(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;

	provide(f, 1);
	f->is_deaf[1] = true;
	request = resolve(f, 0);
	assert_int_equal(request->state, BROKER_STATE_GATHERING);
	pass(f, 100 * NSEC_PER_MSEC);
	provide(f, 2); /* not in the list that was made when we asked */
	pass(f, BROKER_GATHER_NS);
	assert_int_equal(provider_of(f, request), 2);
	assert_false(resolve(f, 0)->from_cache);
}

static void provider_that_comes_within_reach_is_not_waited_for(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;

	provide(f, 1);
	f->is_cut[1] = true;
	request = resolve(f, 0);
	assert_int_equal(request->state, BROKER_STATE_NONE);
	pass(f, 100 * NSEC_PER_MSEC);
	assert_int_equal(request->state, BROKER_STATE_NONE);
	f->is_cut[1] = false; /* a route, and nothing new in the registry */
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

/* Twin: as long as it says nothing new it is avoided. */
static void avoided_provider_that_is_available_again_serves_at_once(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;

	provide(f, 1);
	f->is_deaf[1] = true;
	request = resolve(f, 0);
	pass(f, BROKER_PATIENCE_NS + 200 * NSEC_PER_MSEC);
	assert_int_equal(request->candidates[0].verdict, BROKER_SILENT);
	f->is_deaf[1] = false;
	set_state(f, 1, SERVICE_DRAINING);
	pass(f, NSEC_PER_SEC);
	assert_int_equal(request->state, BROKER_STATE_NONE);
	set_state(f, 1, SERVICE_AVAILABLE);
	pass(f, BROKER_JITTER_NS + 50 * NSEC_PER_MSEC);
	assert_int_equal(provider_of(f, request), 1);
}

/* Its service may be back before a check has seen that it was gone. */
static void lost_provider_is_asked_again_when_there_is_nobody_else(void **state)
{
	struct fixture *f = *state;
	struct broker_output out = {0};
	const struct broker_request *request;

	provide(f, 1);
	provide(f, 2);
	f->cost_us[2] = 60000;
	request = resolve(f, 0);
	assert_int_equal(provider_of(f, request), 1);
	broker_lost(f->broker[0], f->now, request->id, &f->id[1], f->digest[1], &out);
	deliver(f, &out);
	pass(f, NSEC_PER_SEC);
	assert_int_equal(provider_of(f, request), 2);
	f->is_cut[2] = true;
	pass(f, NSEC_PER_SEC);
	assert_int_equal(provider_of(f, request), 1);
}

static void avoided_provider_whose_hub_started_anew_serves_when_it_is_needed(void **state)
{
	struct fixture *f = *state;
	struct broker_output out = {0};
	const struct broker_request *request;

	provide(f, 1);
	provide(f, 2);
	f->cost_us[2] = 60000;
	request = resolve(f, 0);
	assert_int_equal(provider_of(f, request), 1);
	broker_lost(f->broker[0], f->now, request->id, &f->id[1], f->digest[1], &out);
	deliver(f, &out);
	pass(f, NSEC_PER_SEC);
	assert_int_equal(provider_of(f, request), 2);
	f->epoch[1]++;
	broker_lost(f->broker[0], f->now, request->id, &f->id[2], f->digest[2], &out);
	deliver(f, &out);
	pass(f, NSEC_PER_SEC);
	assert_int_equal(provider_of(f, request), 1);
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

/* What the user of @request says to hub 1, and hub 1's answer, still on its way. */
static struct broker_output say(struct fixture *f, const struct broker_request *request,
				enum offer_kind kind)
{
	struct broker_world world = world_of(f, 1);
	struct broker_output out = {0};
	struct offer_message message = {.kind = (uint8_t)kind,
					.from = f->id[0],
					.to = f->id[1],
					.from_epoch = f->epoch[0],
					.to_epoch = f->epoch[1],
					.seq = ++f->seq,
					.request = request->id,
					.serial = request->serial,
					.slots = 1,
					.duration_ms = 4000};

	memcpy(message.digest, f->digest[1], SHA256_LEN);
	broker_on_message(f->broker[1], f->now, &world, &message, &out);
	assert_int_equal(out.n, 1);
	return out;
}

static void lease_that_is_refused_is_not_free_before_the_user_knows(void **state)
{
	static const enum offer_kind kinds[] = {OFFER_RENEW, OFFER_ACCEPT};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct fixture *f = *state;
		const struct broker_request *request;
		struct broker_output out;

		set_state(f, 1, SERVICE_AVAILABLE);
		request = resolve(f, 0);
		assert_int_equal(provider_of(f, request), 1);
		set_state(f, 1, SERVICE_FAILING);
		out = say(f, request, kinds[i]);
		assert_int_equal(out.messages[0].kind, OFFER_REFUSE);
		assert_int_equal(provider_of(f, request), 1);
		assert_int_equal(leased(f, 1), 1); /* nobody else may have it yet */
		deliver(f, &out);
		assert_int_equal(provider_of(f, request), -1);
		assert_int_equal(leased(f, 1), 0);
		out = (struct broker_output){0};
		broker_release(f->broker[0], f->now, request->id, &out);
		deliver(f, &out);
		pass(f, 30 * NSEC_PER_SEC);
	}
}

static void accept_that_is_repeated_gets_the_same_lease_from_one_that_drains(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;
	struct broker_output out;

	provide(f, 1);
	request = resolve(f, 0);
	set_state(f, 1, SERVICE_DRAINING);
	out = say(f, request, OFFER_ACCEPT);
	assert_int_equal(out.messages[0].kind, OFFER_LEASE);
	assert_int_equal(out.messages[0].slots, 1);
	assert_int_equal(leased(f, 1), 1);
	deliver(f, &out);
	assert_int_equal(provider_of(f, request), 1);
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

/* Routes of a hub that starts anew are gone for a moment, when its first record knows no link yet. */
static void route_that_flickers_costs_the_only_provider_a_moment(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;

	provide(f, 1);
	request = resolve(f, 0);
	assert_int_equal(provider_of(f, request), 1);
	f->cost_us[1] = UINT32_MAX;
	pass(f, NSEC_PER_SEC);
	assert_int_equal(request->state, BROKER_STATE_GATHERING); /* users wait */
	f->cost_us[1] = 1000;
	pass(f, 2 * BROKER_WAY_NS);
	assert_int_equal(provider_of(f, request), 1);
}

static void way_that_stays_away_is_waited_for_only_so_long(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;

	provide(f, 1);
	request = resolve(f, 0);
	f->cost_us[1] = UINT32_MAX;
	pass(f, BROKER_PATIENCE_NS + BROKER_JITTER_NS);
	assert_int_equal(request->state, BROKER_STATE_NONE);
	pass(f, BROKER_RETRY_NS * 2);
	assert_int_equal(request->state, BROKER_STATE_NONE);
	f->cost_us[1] = 1000;
	pass(f, BROKER_JITTER_NS + 50 * NSEC_PER_MSEC);
	assert_int_equal(provider_of(f, request), 1);
}

static void lost_way_to_the_only_provider_leads_to_the_shared_one_at_once(void **state)
{
	struct fixture *f = *state;
	struct broker_query query = {.name = "speech", .shared = "cloud.example", .keep = true};
	const struct broker_request *request;

	provide(f, 1);
	request = resolve_with(f, 0, &query);
	assert_int_equal(provider_of(f, request), 1);
	f->cost_us[1] = UINT32_MAX;
	pass(f, BROKER_JITTER_NS + 50 * NSEC_PER_MSEC);
	assert_int_equal(request->state, BROKER_STATE_FALLBACK);
}

static void only_provider_that_restarts_is_asked_again(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;

	provide(f, 1);
	request = resolve(f, 0);
	assert_int_equal(provider_of(f, request), 1);
	f->epoch[1]++;
	pass(f, NSEC_PER_SEC);
	assert_int_equal(provider_of(f, request), 1);
	assert_int_equal(request->switches, 1);
}

/* What has slots without end must not cost other services the room for their leases. */
static void no_hub_takes_the_room_for_all_leases(void **state)
{
	struct fixture *f = *state;
	struct broker_world world = world_of(f, 1);
	struct offer_message accept = {.kind = OFFER_ACCEPT,
				       .from = f->id[0],
				       .to = f->id[1],
				       .from_epoch = 1,
				       .serial = 1,
				       .slots = 1,
				       .duration_ms = 60000};
	struct manifest manifest = sample(f, 1);
	size_t n = 0;

	manifest.slots = MANIFEST_SLOTS_MAX;
	publish(f, 1, &manifest);
	memcpy(accept.digest, f->digest[1], SHA256_LEN);
	for (int i = 0; i < BROKER_LEASES_MAX; i++) {
		struct broker_output out = {0};

		accept.request++;
		broker_on_message(f->broker[1], f->now, &world, &accept, &out);
		free(out.messages);
	}
	while (broker_lease_at(f->broker[1], n))
		n++;
	assert_int_equal(n, BROKER_LEASES_OF_HUB_MAX);
	assert_int_equal(provider_of(f, resolve(f, 2)), 1);
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

static void roll_back(struct fixture *f, int who)
{
	f->has_ranks = true;
	f->rank[who] = (struct broker_rank){BROKER_TIER_LAST, BROKER_ROLLED_BACK};
}

static enum broker_verdict verdict_of(struct fixture *f, const struct broker_request *request,
				      int who)
{
	for (size_t i = 0; i < request->n; i++)
		if (hub_id_equal(&request->candidates[i].hub, &f->id[who]))
			return request->candidates[i].verdict;
	return __BROKER_VERDICT_END;
}

static void eject(struct fixture *f, const struct broker_request *request, int who, uint64_t for_s)
{
	struct broker_output out = {0};

	broker_eject(f->broker[0], f->now, request->id, &f->id[who], f->digest[who],
		     for_s * NSEC_PER_SEC, &out);
	deliver(f, &out);
}

static void ejected_provider_is_left_for_as_long_as_was_said(void **state)
{
	struct fixture *f = *state;
	struct broker_world world = world_of(f, 0);
	const struct broker_request *request, *later;

	provide(f, 1);
	provide(f, 2);
	f->cost_us[2] = 60000;
	request = resolve(f, 0);
	assert_int_equal(provider_of(f, request), 1);
	eject(f, request, 1, 20);
	pass(f, NSEC_PER_SEC);
	assert_int_equal(provider_of(f, request), 2);
	assert_int_equal(leased(f, 1), 0);
	world = world_of(f, 0);
	assert_int_equal(broker_count_able(f->broker[0], f->now, &world, request->id), 2);
	pass(f, 15 * NSEC_PER_SEC);
	later = resolve(f, 0);
	assert_int_equal(provider_of(f, later), 2);
	assert_int_equal(verdict_of(f, later, 1), BROKER_EJECTED);
	pass(f, 5 * NSEC_PER_SEC);
	later = resolve(f, 0);
	assert_int_equal(provider_of(f, later), 1);
}

static void ejected_provider_is_taken_for_want_of_another(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;

	provide(f, 1);
	request = resolve(f, 0);
	eject(f, request, 1, 20);
	assert_int_not_equal(request->state, BROKER_STATE_LEASED);
	pass(f, NSEC_PER_SEC);
	assert_int_equal(provider_of(f, request), 1);
}

static void ejected_provider_of_another_request_is_left_alone(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;

	provide(f, 1);
	provide(f, 2);
	f->cost_us[2] = 60000;
	request = resolve(f, 0);
	eject(f, request, 2, 20);
	assert_int_equal(provider_of(f, request), 1);
	assert_int_equal(request->switches, 0);
}

static void request_for_another_provider_than_one_gets_another(void **state)
{
	struct fixture *f = *state;
	struct broker_query query = {.name = "speech", .has_not = true, .not_hub = f->id[1]};
	struct broker_world world = world_of(f, 0);
	struct broker_output out = {0};
	const struct broker_request *request;
	uint64_t id;

	provide(f, 1);
	provide(f, 2);
	f->cost_us[2] = 60000;
	id = broker_resolve(f->broker[0], f->now, &world, &query, &out);
	deliver(f, &out);
	request = broker_find(f->broker[0], id);
	assert_int_equal(provider_of(f, request), 2);
	assert_int_equal(verdict_of(f, request, 1), BROKER_NOT_THIS);
}

static void rolled_back_version_is_taken_only_when_nobody_else_serves(void **state)
{
	struct fixture *f = *state;
	struct broker_query with_shared = {.name = "speech", .shared = "cloud.example:443"};
	const struct broker_request *request;

	provide(f, 1);
	provide(f, 2);
	f->cost_us[1] = 100; /* nearer by far */
	roll_back(f, 1);
	request = resolve(f, 0);
	assert_int_equal(provider_of(f, request), 2);
	assert_int_equal(verdict_of(f, request, 1), BROKER_ROLLED_BACK);
	set_state(f, 2, SERVICE_FAILING);
	request = resolve_with(f, 3, &with_shared);
	assert_int_equal(request->state, BROKER_STATE_FALLBACK);
	assert_int_equal(verdict_of(f, request, 1), BROKER_ROLLED_BACK);
	request = resolve(f, 4);
	assert_int_equal(provider_of(f, request), 1);
}

static void rolled_back_version_serves_when_the_others_are_full(void **state)
{
	struct fixture *f = *state;

	provide(f, 1);
	provide(f, 2);
	roll_back(f, 1);
	for (int i = 0; i < SLOTS; i++)
		assert_int_equal(provider_of(f, resolve(f, 3 + i)), 2);
	assert_int_equal(provider_of(f, resolve(f, 3 + SLOTS)), 1);
}

static void version_that_is_not_pinned_is_never_taken(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;

	provide(f, 1);
	f->has_ranks = true;
	f->rank[1] = (struct broker_rank){BROKER_TIER_NEVER, BROKER_NOT_PINNED};
	request = resolve(f, 0);
	assert_int_equal(request->state, BROKER_STATE_NONE);
	assert_int_equal(verdict_of(f, request, 1), BROKER_NOT_PINNED);
}

static void lease_of_a_version_rolled_back_drains_and_is_left(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;
	int moved_at_once = 0;

	provide(f, 1);
	f->cost_us[2] = 5000;
	provide(f, 2);
	request = resolve(f, 0);
	assert_int_equal(provider_of(f, request), 1);
	roll_back(f, 1);
	for (int i = 0; i < 30; i++) {
		pass(f, 10 * NSEC_PER_MSEC);
		moved_at_once += provider_of(f, request) == 2;
	}
	assert_int_equal(provider_of(f, request), 2);
	assert_in_range(moved_at_once, 5, 30); /* within the jitter of 200 ms */
	assert_int_equal(request->switches, 1);
	assert_int_equal(leased(f, 1), 1); /* what is in flight has it still */
	pass(f, 15 * NSEC_PER_SEC);
	assert_int_equal(leased(f, 1), 0);
	assert_int_equal(leased(f, 2), 1);
}

static int serving(struct fixture *f, const struct broker_request *request)
{
	const struct broker_candidate *candidate = broker_serving(request);

	return candidate ? index_of(f, &candidate->hub) : -1;
}

/* A user of 1, which was rolled back, that waits for the answer of 2. */
static const struct broker_request *left_for_silence(struct fixture *f)
{
	const struct broker_request *request;

	provide(f, 1);
	f->cost_us[2] = 5000;
	provide(f, 2);
	request = resolve(f, 0);
	assert_int_equal(serving(f, request), 1);
	f->is_deaf[2] = true;
	roll_back(f, 1);
	while (request->state == BROKER_STATE_LEASED)
		pass(f, 10 * NSEC_PER_MSEC);
	assert_int_equal(request->state, BROKER_STATE_GATHERING);
	return request;
}

static void lease_that_is_left_serves_until_there_is_another(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request = left_for_silence(f);

	assert_int_equal(serving(f, request), 1);
	for (int i = 0; i < 1000; i++) {
		pass(f, 10 * NSEC_PER_MSEC);
		assert_true(serving(f, request) >= 0);
		f->is_deaf[2] = i < 500;
	}
	assert_int_equal(serving(f, request), provider_of(f, request));
}

static void lease_that_is_left_serves_no_longer_than_its_provider(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request = left_for_silence(f);

	assert_int_equal(serving(f, request), 1);
	f->epoch[1]++;
	pass(f, 10 * NSEC_PER_MSEC);
	assert_int_equal(serving(f, request), -1);
}

static void lease_that_is_left_serves_no_longer_than_it_works(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request = left_for_silence(f);
	struct broker_output out = {0};

	broker_lost(f->broker[0], f->now, request->id, &f->id[2], f->digest[2], &out);
	assert_int_equal(serving(f, request), 1);
	broker_lost(f->broker[0], f->now, request->id, &f->id[1], f->digest[1], &out);
	assert_int_equal(serving(f, request), -1);
	assert_int_equal(request->switches, 1);
	deliver(f, &out);
}

static void users_leave_spread_over_time_and_providers(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request[24];
	int early = 0, at[HUBS] = {0};

	for (int i = 1; i <= 6; i++) {
		struct manifest manifest = sample(f, i);

		manifest.slots = 48; /* their load is nothing */
		publish(f, i, &manifest);
		f->cost_us[i] = i == 1 ? 10 : 1000;
	}
	for (int i = 0; i < 6; i++) {
		request[i] = resolve(f, 10 + i);
		assert_int_equal(provider_of(f, request[i]), 1);
	}
	roll_back(f, 1);
	pass(f, 100 * NSEC_PER_MSEC);
	for (int i = 0; i < 6; i++)
		early += provider_of(f, request[i]) != 1;
	assert_in_range(early, 1, 5);
	pass(f, 300 * NSEC_PER_MSEC);
	for (int i = 0; i < 6; i++)
		at[provider_of(f, request[i])]++;
	assert_int_equal(at[1], 0);
	for (int i = 2; i <= 6; i++)
		assert_true(at[i] <= 4);
}

static void lease_of_a_version_rolled_back_stays_when_nobody_else_offers(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;

	provide(f, 1);
	request = resolve(f, 0);
	roll_back(f, 1);
	pass(f, 20 * NSEC_PER_SEC);
	assert_int_equal(provider_of(f, request), 1);
	assert_int_equal(request->switches, 0);
	provide(f, 2);
	pass(f, NSEC_PER_SEC);
	assert_int_equal(provider_of(f, request), 2);
}

static void who_cannot_leave_does_not_try_all_the_time(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;

	provide(f, 1);
	request = resolve(f, 0);
	assert_int_equal(provider_of(f, request), 1);
	provide(f, 2);
	for (int i = 0; i < SLOTS; i++) { /* the other one is full */
		f->cost_us[1] = 100000;
		resolve(f, 3 + i);
	}
	assert_int_equal(leased(f, 2), SLOTS);
	roll_back(f, 1);
	pass(f, 25 * NSEC_PER_SEC);
	assert_int_equal(provider_of(f, request), 1);
	assert_in_range(request->switches, 0, 1);
	pass(f, 60 * NSEC_PER_SEC);
	assert_int_equal(provider_of(f, request), 1);
	assert_in_range(request->switches, 1, 3);
}

static void canary_has_its_share_and_the_rest_stays_with_the_others(void **state)
{
	struct fixture *f = *state;
	struct broker_query query = {.name = "speech"};
	struct manifest manifest = sample(f, 1);
	int canary = 0;

	manifest.slots = 1000;
	publish(f, 1, &manifest);
	manifest.hub = f->id[2];
	publish(f, 2, &manifest);
	f->has_ranks = true;
	f->canary = 2;
	for (int i = 0; i < 200; i++) {
		const struct broker_request *request = resolve_with(f, 3 + i % 20, &query);
		int provider = provider_of(f, request);

		assert_int_equal(provider == 2, request->draw < BROKER_DRAWS / 2);
		assert_int_equal(verdict_of(f, request, provider == 2 ? 1 : 2), BROKER_OTHER_SHARE);
		canary += provider == 2;
	}
	assert_in_range(canary, 70, 130);
}

static void full_canary_sends_its_users_to_the_others(void **state)
{
	struct fixture *f = *state;

	provide(f, 1);
	provide(f, 2);
	f->has_ranks = true;
	f->canary = 2;
	for (int i = 0; i < 2 * SLOTS; i++)
		assert_true(provider_of(f, resolve(f, 3 + i)) > 0);
	assert_int_equal(leased(f, 1), SLOTS);
	assert_int_equal(leased(f, 2), SLOTS);
}

static void late_offer_of_the_only_provider_is_taken(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;

	provide(f, 1);
	f->slow_ns[1] = 700 * NSEC_PER_MSEC;
	request = resolve(f, 0);
	pass(f, BROKER_GATHER_NS + 50 * NSEC_PER_MSEC);
	assert_int_equal(request->state, BROKER_STATE_GATHERING);
	assert_int_equal(request->candidates[0].verdict, BROKER_SILENT);
	pass(f, 1100 * NSEC_PER_MSEC); /* the lease is late as well */
	assert_int_equal(provider_of(f, request), 1);
	assert_int_equal(leased(f, 1), 1);
	assert_int_equal(broker_counters(f->broker[0])->late, 1);
	assert_int_equal(broker_counters(f->broker[0])->fallbacks, 0);
	pass(f, 30 * NSEC_PER_SEC);
	assert_int_equal(request->switches, 0);
	assert_int_equal(leased(f, 1), 1);
}

static void late_offer_leads_away_from_the_shared_provider(void **state)
{
	struct fixture *f = *state;
	struct broker_query query = {
		.name = "speech", .keep = true, .lease_ms = 10000, .shared = "192.0.2.1:1"};
	const struct broker_request *request;

	provide(f, 1);
	f->slow_ns[1] = 700 * NSEC_PER_MSEC;
	request = resolve_with(f, 0, &query);
	pass(f, BROKER_GATHER_NS);
	assert_int_equal(request->state, BROKER_STATE_FALLBACK); /* who has one need not wait */
	pass(f, 1200 * NSEC_PER_MSEC);
	assert_int_equal(provider_of(f, request), 1);
}

static void late_offer_is_not_waited_for_when_there_is_another(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;

	provide(f, 1);
	provide(f, 2);
	f->cost_us[1] = 1;
	f->slow_ns[1] = 700 * NSEC_PER_MSEC;
	request = resolve(f, 0);
	pass(f, BROKER_GATHER_NS);
	assert_int_equal(provider_of(f, request), 2);
	assert_int_equal(resolve(f, 0)->state, BROKER_STATE_LEASED); /* nor asked again */
	pass(f, 500 * NSEC_PER_MSEC);
	assert_int_equal(provider_of(f, request), 2);
	f->slow_ns[1] = 0;
	assert_int_equal(provider_of(f, resolve(f, 0)), 1); /* it did answer: avoided no longer */
}

static void silence_for_good_is_not_waited_for_longer_than_patience(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;

	provide(f, 1);
	f->is_deaf[1] = true;
	request = resolve(f, 0);
	pass(f, BROKER_PATIENCE_NS - 10 * NSEC_PER_MSEC);
	assert_int_equal(request->state, BROKER_STATE_GATHERING);
	pass(f, 10 * NSEC_PER_MSEC);
	assert_int_equal(request->state, BROKER_STATE_NONE);
	assert_int_equal(resolve(f, 0)->candidates[0].verdict, BROKER_AVOIDED);
}

static void late_answer_is_of_use_to_the_next_request(void **state)
{
	struct fixture *f = *state;
	struct broker_query query = {.name = "speech", .shared = "192.0.2.1:1"};
	struct broker_query kept = {.name = "speech", .keep = true, .shared = "192.0.2.1:1"};
	const struct broker_request *waiting;

	provide(f, 1);
	f->slow_ns[1] = 700 * NSEC_PER_MSEC;
	resolve_with(f, 0, &query);
	pass(f, 400 * NSEC_PER_MSEC);
	assert_true(resolve_with(f, 0, &query)->from_cache);
	waiting = resolve_with(f, 0, &kept);
	assert_int_equal(waiting->candidates[0].verdict, BROKER_AVOIDED);
	assert_int_equal(waiting->state, BROKER_STATE_FALLBACK);
	pass(f, 310 * NSEC_PER_MSEC); /* the first one's answer comes */
	f->slow_ns[1] = 0;
	assert_int_equal(provider_of(f, resolve_with(f, 0, &query)), 1);
	pass(f, BROKER_JITTER_NS);
	assert_int_equal(provider_of(f, waiting), 1); /* long before its retry */
}

static void late_refusal_is_heard_and_ends_the_wait(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;

	provide(f, 1);
	for (int i = 2; i < 2 + SLOTS; i++)
		resolve(f, i);
	f->slow_ns[1] = 700 * NSEC_PER_MSEC;
	request = resolve(f, 0);
	pass(f, 710 * NSEC_PER_MSEC);
	assert_int_equal(request->state, BROKER_STATE_NONE);
	assert_int_equal(request->candidates[0].verdict, BROKER_REFUSED);
	assert_int_equal(request->candidates[0].reason, OFFER_REASON_BUSY);
}

static void lost_accept_is_said_again_when_there_is_nobody_else(void **state)
{
	struct fixture *f = *state;
	struct broker_query query = {.name = "speech", .keep = true};
	struct broker_world world = world_of(f, 0);
	struct broker_output out = {0};
	const struct broker_request *request;
	uint64_t id;

	provide(f, 1);
	f->slow_ns[1] = 20 * NSEC_PER_MSEC;
	id = broker_resolve(f->broker[0], f->now, &world, &query, &out);
	deliver(f, &out);
	request = broker_find(f->broker[0], id);
	pass(f, 10 * NSEC_PER_MSEC);
	f->is_deaf[1] = true; /* its offer is on its way; our answer is lost */
	pass(f, 50 * NSEC_PER_MSEC);
	assert_int_equal(request->state, BROKER_STATE_ACCEPTING);
	f->is_deaf[1] = false;
	pass(f, BROKER_ACCEPT_NS);
	assert_int_equal(provider_of(f, request), 1);
	assert_int_equal(request->switches, 0);
}

static void slow_answer_does_not_lead_back_to_a_version_rolled_back(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;

	provide(f, 1);
	f->cost_us[2] = 5000;
	provide(f, 2);
	request = resolve(f, 0);
	f->slow_ns[2] = 700 * NSEC_PER_MSEC;
	roll_back(f, 1);
	for (int i = 0; i < 250; i++) {
		pass(f, 10 * NSEC_PER_MSEC);
		assert_true(serving(f, request) > 0); /* make before break */
	}
	assert_int_equal(provider_of(f, request), 2);
	assert_int_equal(request->switches, 1);
}

static void answer_after_all_patience_ends_the_stay_with_an_unwanted_version(void **state)
{
	struct fixture *f = *state;
	const struct broker_request *request;

	provide(f, 1);
	f->cost_us[2] = 5000;
	provide(f, 2);
	request = resolve(f, 0);
	f->slow_ns[2] = BROKER_PATIENCE_NS + 600 * NSEC_PER_MSEC;
	roll_back(f, 1);
	pass(f, BROKER_PATIENCE_NS + 500 * NSEC_PER_MSEC);
	assert_int_equal(provider_of(f, request), 1); /* for want of another */
	f->slow_ns[2] = 0;
	pass(f, NSEC_PER_SEC);
	assert_int_equal(provider_of(f, request), 2); /* and not BROKER_STAY_NS later */
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
		TEST(user_of_a_stream_is_not_leased_a_provider_of_datagrams),
		TEST(failing_and_draining_providers_get_no_new_users),
		TEST(nobody_falls_back_and_is_remembered_until_something_changes),
		TEST(kept_request_moves_from_fallback_to_a_provider_that_appears),
		TEST(provider_that_appears_while_others_are_asked_is_not_missed),
		TEST(provider_that_comes_within_reach_is_not_waited_for),
		TEST(full_provider_refuses_and_says_when_to_return),
		TEST(one_hub_does_not_take_everything_from_others),
		TEST(counter_offer_is_taken_down_to_the_minimum),
		TEST(load_makes_leases_shorter_and_dearer),
		TEST(lease_is_renewed_as_long_as_it_is_kept),
		TEST(accept_that_is_repeated_gets_the_same_lease_from_one_that_drains),
		TEST(lease_that_is_refused_is_not_free_before_the_user_knows),
		TEST(lease_that_is_not_kept_expires_at_both_ends),
		TEST(release_frees_the_slot_at_once),
		TEST(failing_provider_is_left_for_another),
		TEST(partition_makes_no_second_owner_of_a_slot),
		TEST(silent_provider_is_given_up_and_avoided),
		TEST(route_that_flickers_costs_the_only_provider_a_moment),
		TEST(way_that_stays_away_is_waited_for_only_so_long),
		TEST(lost_way_to_the_only_provider_leads_to_the_shared_one_at_once),
		TEST(only_provider_that_restarts_is_asked_again),
		TEST(avoided_provider_that_is_available_again_serves_at_once),
		TEST(lost_provider_is_asked_again_when_there_is_nobody_else),
		TEST(avoided_provider_whose_hub_started_anew_serves_when_it_is_needed),
		TEST(ejected_provider_is_left_for_as_long_as_was_said),
		TEST(ejected_provider_is_taken_for_want_of_another),
		TEST(ejected_provider_of_another_request_is_left_alone),
		TEST(request_for_another_provider_than_one_gets_another),
		TEST(no_hub_takes_the_room_for_all_leases),
		TEST(lost_lease_answer_leaves_no_slot_taken_for_long),
		TEST(late_release_does_not_free_a_newer_lease),
		TEST(new_life_of_a_user_frees_what_the_old_one_held),
		TEST(few_are_all_asked_and_many_are_drawn),
		TEST(equal_users_spread_over_equal_providers),
		TEST(errors_and_latency_move_users_away),
		TEST(queries_that_cannot_be_are_refused),
		TEST(numbers_count_once),
		TEST(rolled_back_version_is_taken_only_when_nobody_else_serves),
		TEST(rolled_back_version_serves_when_the_others_are_full),
		TEST(version_that_is_not_pinned_is_never_taken),
		TEST(lease_of_a_version_rolled_back_drains_and_is_left),
		TEST(lease_that_is_left_serves_until_there_is_another),
		TEST(lease_that_is_left_serves_no_longer_than_its_provider),
		TEST(lease_that_is_left_serves_no_longer_than_it_works),
		TEST(users_leave_spread_over_time_and_providers),
		TEST(lease_of_a_version_rolled_back_stays_when_nobody_else_offers),
		TEST(who_cannot_leave_does_not_try_all_the_time),
		TEST(canary_has_its_share_and_the_rest_stays_with_the_others),
		TEST(full_canary_sends_its_users_to_the_others),
		TEST(late_offer_of_the_only_provider_is_taken),
		TEST(late_offer_leads_away_from_the_shared_provider),
		TEST(late_offer_is_not_waited_for_when_there_is_another),
		TEST(silence_for_good_is_not_waited_for_longer_than_patience),
		TEST(late_answer_is_of_use_to_the_next_request),
		TEST(late_refusal_is_heard_and_ends_the_wait),
		TEST(lost_accept_is_said_again_when_there_is_nobody_else),
		TEST(slow_answer_does_not_lead_back_to_a_version_rolled_back),
		TEST(answer_after_all_patience_ends_the_stay_with_an_unwanted_version),
		TEST(verdicts_and_states_have_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
