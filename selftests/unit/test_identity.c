// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: who an attempt of an entry believes: each by the name of the service it asked for
 */
#include "selftests/unit/trust_fixture.h"

#include "daemon/lib/memory.h"
#include "daemon/proxy/internal.h"
#include "daemon/transport/tls.h"

#define DAY_S 86400

/**
 * struct asked - an attempt, and the answer whose headers have come
 */
struct asked {
	struct proxy *proxy;
	struct entry *entry;
	struct flow *flow;
	struct trunk *trunk;
	struct counted counted;
};

/* Of the entry's service speech, or of its leg to another. */
static struct asked ask(struct fixture *f, const char *called)
{
	struct asked asked = {.proxy = xnew(struct proxy),
			      .entry = xnew(struct entry),
			      .flow = xnew(struct flow),
			      .trunk = xnew(struct trunk),
			      .counted = {.name = "speech"}};
	uint8_t pubkey[HUB_PUBKEY_LEN];

	sample_pubkey(SAMPLE_HUB, pubkey);
	asked.proxy->trust = f->trust;
	asked.trunk->hub = hub_id_from_pubkey(pubkey);
	asked.entry->settings.is_identity_required = true;
	asked.flow->proxy = asked.proxy;
	asked.flow->entry = asked.entry;
	asked.flow->counted = &asked.counted;
	asked.flow->via = FLOW_MESH;
	asked.flow->must_prove = true;
	strcpy(asked.flow->called, called);
	return asked;
}

static void forget(struct asked *asked)
{
	free(asked->trunk);
	free(asked->flow);
	free(asked->entry);
	free(asked->proxy);
}

static void show(struct fixture *f, struct asked *asked, uint8_t key, const char *service)
{
	struct issue_hub hub = request_for(f, key, 0x44);

	hub.name = hub.service = service;
	hub.not_before_s = tls_unix_time() - DAY_S;
	hub.not_after_s = tls_unix_time() + DAY_S;
	asked->trunk->call.identity_len = sample_issue(&hub, asked->trunk->call.identity);
}

static void attempt_is_judged_by_the_service_it_asked_for(void **state)
{
	static const char *const services[] = {"speech", "shout", "spee", "speech-2"};

	for (size_t called = 0; called < ARRAY_SIZE(services); called++) {
		for (size_t shown = 0; shown < ARRAY_SIZE(services); shown++) {
			struct asked asked = ask(*state, services[called]);

			show(*state, &asked, SAMPLE_HUB, services[shown]);
			assert_int_equal(entry_believes(asked.flow, asked.trunk), called == shown);
			assert_string_equal(asked.flow->speaks_for,
					    called == shown ? services[called] : "");
			assert_int_equal(asked.proxy->totals.refusals.n[TRUST_OTHER_SERVICE],
					 called != shown);
			forget(&asked);
		}
	}
}

static void answer_without_a_good_certificate_is_not_believed(void **state)
{
	struct asked asked = ask(*state, "shout");

	assert_false(entry_believes(asked.flow, asked.trunk));
	assert_int_equal(asked.proxy->totals.refusals.n[TRUST_NONE_SHOWN], 1);
	show(*state, &asked, SAMPLE_HUB + 1, "shout");
	assert_false(entry_believes(asked.flow, asked.trunk)); /* another hub's */
	show(*state, &asked, SAMPLE_HUB, "shout");
	asked.trunk->call.is_bad = true;
	assert_false(entry_believes(asked.flow, asked.trunk)); /* two of them */
	asked.trunk->call.is_bad = false;
	asked.trunk->call.identity_len--;
	assert_false(entry_believes(asked.flow, asked.trunk));
	asked.trunk->call.identity_len++;
	assert_true(entry_believes(asked.flow, asked.trunk));
	forget(&asked);
}

/* Its leg, and then the entry, may go while the answer is on its way. */
static void proof_is_asked_for_although_the_entry_is_gone(void **state)
{
	struct asked asked = ask(*state, "shout");

	asked.flow->entry = NULL;
	assert_false(entry_believes(asked.flow, asked.trunk));
	show(*state, &asked, SAMPLE_HUB, "speech");
	assert_false(entry_believes(asked.flow, asked.trunk));
	show(*state, &asked, SAMPLE_HUB, "shout");
	assert_true(entry_believes(asked.flow, asked.trunk));
	asked.flow->must_prove = false;
	asked.trunk->call.identity_len = 0;
	assert_true(entry_believes(asked.flow, asked.trunk));
	forget(&asked);
}

static void connection_made_before_a_proof_was_asked_for_is_not_proved(void **state)
{
	struct asked asked = ask(*state, "shout");
	struct flow *flow = asked.flow;

	flow->must_prove = false;
	assert_true(flow_is_proved(flow)); /* not answered yet */
	flow->tunnel.trunk = asked.trunk;
	flow->tunnel.is_answered = true;
	assert_false(flow_is_proved(flow));
	asked.entry->settings.is_identity_required = false;
	assert_true(flow_is_proved(flow));
	asked.entry->settings.is_identity_required = true;
	for (unsigned int via = 0; via < __FLOW_VIA_END; via++) {
		flow->via = (uint8_t)via; /* this hub and shared providers are not asked */
		assert_int_equal(flow_is_proved(flow), via != FLOW_MESH);
	}
	flow->via = FLOW_MESH;
	flow->must_prove = true;
	show(*state, &asked, SAMPLE_HUB, "shout");
	assert_true(entry_believes(flow, asked.trunk));
	assert_true(flow_is_proved(flow));
	strcpy(flow->called, "speech");
	assert_false(flow_is_proved(flow));
	forget(&asked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(attempt_is_judged_by_the_service_it_asked_for,
						setup, teardown),
		cmocka_unit_test_setup_teardown(answer_without_a_good_certificate_is_not_believed,
						setup, teardown),
		cmocka_unit_test_setup_teardown(proof_is_asked_for_although_the_entry_is_gone,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			connection_made_before_a_proof_was_asked_for_is_not_proved, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
