// SPDX-License-Identifier: GPL-2.0
/* DOC: hub.c: lists of revocations come, spread and have their effect, two hubs on one wire */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "selftests/unit/hub_fixture.h"

#include "daemon/wire/manifest.h"

#define S NSEC_PER_SEC

/* Entries: the hubs with these indices; the root's own list. */
static size_t make_list(const struct fixture *f, uint64_t number, const struct crl_entry *entries,
			size_t n, uint8_t der[CRL_MAX])
{
	struct crl_content content = {
		.number = number,
		.this_update_s = FIXTURE_NOT_BEFORE,
		.next_update_s = FIXTURE_NOT_BEFORE + 1,
		.entries = entries,
		.n_entries = n,
	};
	struct cert root;
	int len;

	assert_int_equal(cert_parse(f->root, f->root_len, &root), 0);
	content.issuer = root.subject;
	memcpy(content.issuer_pubkey, root.pubkey, sizeof(root.pubkey));
	len = crl_write(&content, f->root_seed, der, CRL_MAX);
	assert_true(len > 0);
	return (size_t)len;
}

static struct crl_entry entry_of(const struct fixture *f, int who)
{
	return (struct crl_entry){
		.is_hub = true, .hub = f->h[who].id, .revoked_s = FIXTURE_NOT_BEFORE};
}

static int install(struct fixture *f, int who, uint64_t number, const struct crl_entry *entries,
		   size_t n)
{
	uint8_t der[CRL_MAX];
	size_t len = make_list(f, number, entries, n, der);
	int r = hub_on_revocations(f->h[who].hub, f->now, der, len, &f->fx);

	fixture_run(f, who);
	return r;
}

static int count_hub(const struct hub_view_hub *view, void *arg)
{
	++*(int *)arg;
	return 0;
}

static int count_session(const struct hub_view_session *view, void *arg)
{
	++*(int *)arg;
	return 0;
}

static int known(const struct fixture *f, int who)
{
	int n = 0;

	hub_for_each_hub(f->h[who].hub, count_hub, &n);
	return n;
}

static int sessions(const struct fixture *f, int who)
{
	int n = 0;

	hub_for_each_session(f->h[who].hub, count_session, &n);
	return n;
}

static uint64_t number_at(const struct fixture *f, int who)
{
	const struct trust_list *list = trust_list_at(hub_get_trust(f->h[who].hub), 0);

	return list ? list->crl.number : 0;
}

static void revoked_hub_loses_everything_at_once(void **state)
{
	struct fixture *f = *state;
	const struct crl_entry entry = entry_of(f, 1);
	struct fixture_hub *h = &f->h[0];

	assert_int_equal(known(f, 0), 2);
	assert_int_equal(sessions(f, 0), 1);
	assert_int_equal(install(f, 0, 1, &entry, 1), 0);
	/* Before anything else happens: no time passed, nothing arrived. */
	assert_int_equal(h->n[EFFECT_REVOCATIONS], 1);
	assert_int_equal(h->n[EFFECT_CLOSE], 1);
	assert_int_equal(h->n[EFFECT_LINK_DEL], 1);
	assert_int_equal(h->n[EFFECT_HUB_DEL], 1); /* and with it its keys */
	assert_int_equal(h->n_routes, 0);
	assert_int_equal(sessions(f, 0), 0);
	assert_int_equal(known(f, 0), 1);
	assert_int_equal(hub_counters(h->hub)->hubs_expelled, 1);
	assert_int_equal(hub_counters(h->hub)->revocations_accepted, 1);
}

static void revoked_hub_does_not_come_back(void **state)
{
	struct fixture *f = *state;
	const struct crl_entry entry = entry_of(f, 1);
	uint64_t refused;

	install(f, 0, 1, &entry, 1);
	refused = hub_counters(f->h[0].hub)->sessions_refused;
	fixture_pass(f, 60 * S); /* beacons go on; the fixture's transport verifies nothing */
	assert_int_equal(known(f, 0), 1);
	assert_int_equal(f->h[0].n_routes, 0);
	assert_true(hub_counters(f->h[0].hub)->sessions_refused > refused);
}

static void list_goes_on_to_neighbours_first(void **state)
{
	struct fixture *f = *state;
	const struct crl_entry entry = entry_of(f, 1);

	install(f, 0, 1, &entry, 1);
	fixture_settle(f);
	assert_int_equal(number_at(f, 1), 1); /* before its session was closed */
	assert_int_equal(known(f, 1), 2); /* nobody else is on it */
	assert_int_equal(hub_counters(f->h[1].hub)->hubs_expelled, 0);
}

static void who_missed_a_list_gets_it_with_the_next_session(void **state)
{
	struct fixture *f = *state;
	const struct crl_entry entry = {
		.is_hub = true, .hub = {{0x02, 9, 9, 9, 9, 9}}, .revoked_s = FIXTURE_NOT_BEFORE};

	f->drops_messages = true;
	install(f, 0, 5, &entry, 1);
	fixture_settle(f);
	assert_int_equal(number_at(f, 1), 0);
	f->drops_messages = false;
	hub_free(f->h[1].hub);
	fixture_start(f, 1);
	fixture_pass(f, 5 * S);
	assert_int_equal(number_at(f, 1), 5);
	assert_int_equal(f->h[1].n[EFFECT_REVOCATIONS], 1);
	/* And the other way: later lists of the one that was away. */
	f->drops_messages = true;
	install(f, 1, 6, &entry, 1);
	fixture_settle(f);
	f->drops_messages = false;
	fixture_pass(f, 120 * S); /* the digests that are told now and then */
	assert_int_equal(number_at(f, 0), 6);
}

static void older_list_is_answered_with_ours(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(install(f, 0, 3, NULL, 0), 0);
	fixture_settle(f);
	assert_int_equal(install(f, 0, 3, NULL, 0), -EALREADY);
	assert_int_equal(install(f, 0, 2, NULL, 0), -ESTALE);
	assert_int_equal(number_at(f, 1), 3);
	assert_int_equal(f->h[0].n[EFFECT_REVOCATIONS], 1);
}

static void list_of_nobody_is_counted_and_not_handed_on(void **state)
{
	struct fixture *f = *state;
	uint8_t der[CRL_MAX];
	size_t len;

	memset(f->root_seed, 7, sizeof(f->root_seed));
	/* crl_write() signs with keys that belong together only. */
	{
		struct issue_root root = {.mesh = "fixture",
					  .not_before_s = FIXTURE_NOT_BEFORE,
					  .not_after_s = FIXTURE_NOT_BEFORE + 86400};

		memcpy(root.seed, f->root_seed, sizeof(root.seed));
		f->root_len = (size_t)issue_root(&root, f->root, sizeof(f->root));
	}
	len = make_list(f, 9, NULL, 0, der);
	assert_int_equal(hub_on_message(f->h[0].hub, f->now, f->h[0].last_session,
					CONTROL_REVOCATIONS, der, len, &f->fx),
			 0);
	fixture_run(f, 0);
	assert_int_equal(hub_counters(f->h[0].hub)->revocations_refused, 1);
	assert_int_equal(number_at(f, 0), 0);
	assert_int_equal(hub_on_message(f->h[0].hub, f->now, f->h[0].last_session,
					CONTROL_REVOCATIONS, der, len - 1, &f->fx),
			 -EBADMSG);
	assert_int_equal(hub_on_message(f->h[0].hub, f->now, f->h[0].last_session,
					CONTROL_REVOCATIONS_HAVE, der, len, &f->fx),
			 -EBADMSG);
	fixture_run(f, 0);
}

static void lists_of_one_neighbour_are_limited(void **state)
{
	struct fixture *f = *state;
	uint8_t der[CRL_MAX];
	size_t len = make_list(f, 1, NULL, 0, der);

	for (int i = 0; i < 40; i++) {
		hub_on_message(f->h[0].hub, f->now, f->h[0].last_session, CONTROL_REVOCATIONS, der,
			       len, &f->fx);
		fixture_run(f, 0);
	}
	assert_int_equal(hub_counters(f->h[0].hub)->revocations_accepted, 1);
	assert_true(hub_counters(f->h[0].hub)->revocations_limited >= 20);
}

static void revoked_provider_takes_its_services_and_leases_along(void **state)
{
	struct fixture *f = *state;
	const struct crl_entry entry = entry_of(f, 1);
	struct broker_query query = {.name = "speech", .range_text = "*", .keep = true};
	struct manifest manifest = {
		.name = "speech",
		.version_text = "1.0.0",
		.protocol = MANIFEST_TCP,
		.n_endpoints = 1,
		.endpoints = {"127.0.0.1:8080"},
		.slots = 4,
	};
	const struct broker_request *request;
	uint64_t id;

	for (int who = 0; who < 2; who++) {
		assert_int_equal(hub_on_service_set(f->h[who].hub, f->now, &manifest,
						    SERVICE_AVAILABLE, &f->fx),
				 0);
		fixture_run(f, who);
		snprintf(manifest.name, sizeof(manifest.name), "song");
	}
	fixture_pass(f, 2 * S);
	/* We have a lease of it, and it has one of us. */
	snprintf(query.name, sizeof(query.name), "song");
	id = hub_on_service_resolve(f->h[0].hub, f->now, &query, &f->fx);
	fixture_run(f, 0);
	snprintf(query.name, sizeof(query.name), "speech");
	hub_on_service_resolve(f->h[1].hub, f->now, &query, &f->fx);
	fixture_run(f, 1);
	fixture_pass(f, 2 * S);
	request = broker_find(hub_get_broker(f->h[0].hub), id);
	assert_int_equal(request->state, BROKER_STATE_LEASED);
	assert_non_null(broker_lease_at(hub_get_broker(f->h[0].hub), 0));
	install(f, 0, 1, &entry, 1);
	assert_null(broker_lease_at(hub_get_broker(f->h[0].hub), 0));
	assert_int_equal(registry_first(hub_get_registry(f->h[0].hub), "song"),
			 registry_count(hub_get_registry(f->h[0].hub)));
	request = broker_find(hub_get_broker(f->h[0].hub), id);
	assert_int_not_equal(request->state, BROKER_STATE_LEASED);
}

/* A serial number: the session that showed it ends; with another certificate it may return. */
static void renewed_certificate_brings_a_hub_back(void **state)
{
	struct fixture *f = *state;
	struct crl_entry entry = {.revoked_s = FIXTURE_NOT_BEFORE};
	struct issue_hub renewed = {.root_der = f->root,
				    .root_der_len = f->root_len,
				    .name = "x",
				    .not_before_s = FIXTURE_NOT_BEFORE,
				    .not_after_s = FIXTURE_NOT_BEFORE + 86400 * 300};
	struct cert cert;

	assert_int_equal(cert_parse(f->h[1].cert, f->h[1].cert_len, &cert), 0);
	entry.serial = cert.serial;
	install(f, 0, 1, &entry, 1);
	fixture_pass(f, 20 * S);
	assert_int_equal(known(f, 0), 1);
	memcpy(renewed.root_seed, f->root_seed, sizeof(renewed.root_seed));
	memcpy(renewed.pubkey, f->h[1].pubkey, sizeof(renewed.pubkey));
	memset(renewed.serial, 0x55, sizeof(renewed.serial));
	f->h[1].cert_len = (size_t)issue_hub(&renewed, f->h[1].cert, sizeof(f->h[1].cert));
	hub_free(f->h[1].hub);
	fixture_start(f, 1);
	fixture_pass(f, 60 * S);
	assert_int_equal(known(f, 0), 2);
	assert_int_equal(f->h[0].n_routes, 1);
}

#define WITH_HUBS(test) cmocka_unit_test_setup_teardown(test, fixture_setup_pair, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_HUBS(revoked_hub_loses_everything_at_once),
		WITH_HUBS(revoked_hub_does_not_come_back),
		WITH_HUBS(list_goes_on_to_neighbours_first),
		WITH_HUBS(who_missed_a_list_gets_it_with_the_next_session),
		WITH_HUBS(older_list_is_answered_with_ours),
		WITH_HUBS(list_of_nobody_is_counted_and_not_handed_on),
		WITH_HUBS(lists_of_one_neighbour_are_limited),
		WITH_HUBS(revoked_provider_takes_its_services_and_leases_along),
		WITH_HUBS(renewed_certificate_brings_a_hub_back),
	};

	return cmocka_run_group_tests_name("revoking", tests, NULL, NULL);
}
