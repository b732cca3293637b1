// SPDX-License-Identifier: GPL-2.0
/* DOC: session room: dialling, session rules and key phases */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "daemon/session/dialer.h"
#include "daemon/session/keyring.h"
#include "daemon/session/session.h"

#define S NSEC_PER_SEC

static const struct hub_id low = {{0x02, 0, 0, 0, 0, 1}}, high = {{0x02, 0, 0, 0, 0, 2}};

static void lower_id_dials_at_once_and_higher_yields(void **state)
{
	struct dialer d;

	dialer_init(&d);
	dialer_want(&d, S, &low, &high);
	assert_int_equal(d.next_at, S);
	dialer_init(&d);
	dialer_want(&d, S, &high, &low);
	assert_int_equal(d.next_at, S + DIALER_YIELD_NS);
	dialer_want(&d, 5 * S, &high, &low); /* keeps the plan */
	assert_int_equal(d.next_at, S + DIALER_YIELD_NS);
}

static void backoff_doubles_to_its_limit_and_restarts(void **state)
{
	struct prng prng = {3};
	struct dialer d;

	dialer_init(&d);
	dialer_failed(&d, 0, &prng);
	assert_in_range(d.next_at, S / 2 * 3 / 4, S / 2 * 5 / 4 + 1);
	dialer_failed(&d, 0, &prng);
	assert_in_range(d.next_at, S * 3 / 4, S * 5 / 4 + 1);
	for (int i = 0; i < 50; i++)
		dialer_failed(&d, 0, &prng);
	assert_in_range(d.next_at, 22 * S, 38 * S);
	dialer_restart(&d, 7 * S, &low, &high);
	assert_int_equal(d.next_at, 7 * S);
	assert_int_equal(d.failures, 0);
}

static void both_ends_keep_the_session_of_the_lower_id(void **state)
{
	assert_true(dialer_prefers(&low, &high, true));
	assert_true(dialer_prefers(&high, &low, false));
	assert_false(dialer_prefers(&low, &high, false));
	assert_false(dialer_prefers(&high, &low, true));
}

static void session_allows_hello_first_and_once(void **state)
{
	struct session s = {.state = SESSION_GREETING};

	assert_true(session_allows(&s, CONTROL_HELLO, 0, NULL));
	assert_false(session_allows(&s, CONTROL_RECORD, 0, NULL));
	s.state = SESSION_READY;
	assert_false(session_allows(&s, CONTROL_HELLO, 0, NULL));
	assert_true(session_allows(&s, CONTROL_RECORD, 0, NULL));
}

static void mesh_session_refuses_records_and_link_keys(void **state)
{
	struct session s = {.state = SESSION_READY, .kind = SESSION_MESH};
	struct control_key link = {.owner = 0}, seal = {.owner = 1};

	assert_false(session_allows(&s, CONTROL_RECORD, 0, NULL));
	assert_false(session_allows(&s, CONTROL_KEY_OFFER, 0, &link));
	assert_true(session_allows(&s, CONTROL_KEY_OFFER, 0, &seal));
}

static void serials_of_both_ends_never_meet(void **state)
{
	struct session client = {.is_client = true}, server = {.is_client = false};

	for (int i = 0; i < 10; i++) {
		assert_int_equal(session_next_serial(&client) % 2, 1);
		assert_int_equal(session_next_serial(&server) % 2, 0);
	}
}

static void cipher_is_the_preferred_common_one(void **state)
{
	assert_int_equal(session_pick_cipher(2, 6, 6), 2);
	assert_int_equal(session_pick_cipher(2, 6, 2), 1);
	assert_int_equal(session_pick_cipher(2, 6, 8), 0);
}

static void sessions_table_finds_and_refuses_twins(void **state)
{
	struct sessions t = {0};
	struct session *a = sessions_add(&t, 4);

	assert_non_null(sessions_add(&t, 2));
	assert_null(sessions_add(&t, 4));
	assert_ptr_equal(sessions_find(&t, 4), a);
	sessions_remove(&t, a);
	assert_null(sessions_find(&t, 4));
	sessions_fini(&t);
}

/* Two rings through one complete negotiation; returns the phase. */
static uint8_t negotiate(struct keyring *a, struct keyring *b, uint64_t now, uint64_t session,
			 uint32_t serial)
{
	uint8_t phase, drop = 0, suggest = 0;

	assert_true(keyring_can_offer(a));
	phase = keyring_offer(a, now, session, serial);
	assert_int_equal(keyring_on_offer(b, now, session, phase, serial, true, &drop, &suggest),
			 0);
	assert_int_equal(keyring_on_accept(a, now, session, phase, serial), 0);
	assert_int_equal(a->tx, phase);
	assert_int_equal(keyring_on_confirm(b, now, phase, serial), 0);
	assert_int_equal(b->tx, phase);
	return phase;
}

static void keyring_moves_phases_and_deletes_the_old_after_linger(void **state)
{
	struct keyring a, b;

	keyring_init(&a);
	keyring_init(&b);
	assert_int_equal(negotiate(&a, &b, S, 1, 1), 0);
	assert_int_equal(negotiate(&a, &b, 20 * S, 2, 1), 1);
	assert_int_equal(keyring_deadline(&a), 20 * S + KEYRING_LINGER_NS);
	assert_int_equal(keyring_expire(&a, 29 * S), 0);
	assert_int_equal(keyring_expire(&a, 30 * S), 1u << 0);
	assert_int_equal(keyring_expire(&b, 30 * S), 1u << 0);
	assert_false(a.unproved);
}

static void keyring_sole_key_is_proved_by_a_session_that_lives(void **state)
{
	struct keyring a, b;

	keyring_init(&a);
	keyring_init(&b);
	negotiate(&a, &b, S, 1, 1);
	assert_int_equal(keyring_deadline(&a), S + KEYRING_LINGER_NS);
	assert_int_equal(keyring_expire(&a, S + KEYRING_LINGER_NS), 0);
	assert_int_equal(keyring_deadline(&a), NEVER);
	keyring_on_session_down(&a, 1);
	assert_false(keyring_repeat_confirm(&a, 20 * S, 2)); /* nothing to say again */
}

static void keyring_sole_key_is_not_proved_by_a_session_that_dies(void **state)
{
	struct keyring a, b;

	keyring_init(&a);
	keyring_init(&b);
	negotiate(&a, &b, S, 1, 1);
	keyring_on_session_down(&a, 1);
	assert_int_equal(keyring_deadline(&a), NEVER);
	keyring_expire(&a, 100 * S);
	assert_true(keyring_repeat_confirm(&a, 100 * S, 2));
	assert_int_equal(keyring_deadline(&a), 100 * S + KEYRING_LINGER_NS);
	keyring_expire(&a, 109 * S); /* the second session has had no time yet */
	keyring_on_session_down(&a, 2);
	assert_true(keyring_repeat_confirm(&a, 110 * S, 3));
}

static void keyring_offer_lost_with_its_session_is_deleted(void **state)
{
	struct keyring a;

	keyring_init(&a);
	assert_int_equal(keyring_offer(&a, S, 1, 1), 0);
	assert_int_equal(keyring_on_session_down(&a, 99), 0);
	assert_int_equal(keyring_on_session_down(&a, 1), 1u << 0);
	assert_int_equal(keyring_on_accept(&a, S, 1, 0, 1), -ENOENT);
}

static void keyring_keeps_old_phase_until_lost_confirm_is_repeated(void **state)
{
	struct keyring a, b;
	uint8_t phase, drop = 0, suggest = 0;

	keyring_init(&a);
	keyring_init(&b);
	negotiate(&a, &b, S, 1, 1);
	phase = keyring_offer(&a, 20 * S, 2, 3);
	assert_int_equal(keyring_on_offer(&b, 20 * S, 2, phase, 3, false, &drop, &suggest), 0);
	assert_int_equal(keyring_on_accept(&a, 20 * S, 2, phase, 3), 0);
	keyring_on_session_down(&a, 2); /* CONFIRM never arrives */
	keyring_on_session_down(&b, 2);
	assert_int_equal(b.tx, 0);
	assert_int_equal(keyring_expire(&a, 100 * S), 0); /* b still uses phase 0 */
	assert_true(keyring_repeat_confirm(&a, 100 * S, 3));
	assert_false(keyring_repeat_confirm(&a, 100 * S, 3));
	assert_int_equal(keyring_on_confirm(&b, 100 * S, phase, 3), 0);
	assert_int_equal(keyring_expire(&a, 110 * S), 1u << 0);
}

static void keyring_late_confirm_does_not_move_back(void **state)
{
	struct keyring a, b;

	keyring_init(&a);
	keyring_init(&b);
	negotiate(&a, &b, S, 1, 1);
	negotiate(&a, &b, 2 * S, 2, 3);
	assert_int_equal(keyring_on_confirm(&b, 3 * S, 0, 1), -EALREADY);
	assert_int_equal(b.tx, 1);
	assert_int_equal(keyring_on_confirm(&b, 3 * S, 3, 1), -ENOENT);
}

static void keyring_of_crossing_offers_only_one_stands(void **state)
{
	struct keyring winner, loser;
	uint8_t drop = 0, suggest = 9;

	keyring_init(&winner);
	keyring_init(&loser);
	assert_int_equal(keyring_offer(&winner, S, 1, 1), 0);
	assert_int_equal(keyring_offer(&loser, S, 2, 2), 0);
	assert_int_equal(keyring_on_offer(&winner, S, 2, 0, 2, true, &drop, &suggest), -EBUSY);
	assert_int_equal(keyring_on_offer(&loser, S, 1, 0, 1, false, &drop, &suggest), 0);
	assert_int_equal(drop, 1u << 0); /* its own offer */
	assert_int_equal(keyring_on_refuse(&loser, 2, 2, 0), KEYRING_NO_PHASE);
	assert_int_equal(keyring_on_accept(&winner, S, 1, 0, 1), 0);
}

static void keyring_refuses_the_phase_it_transmits_with(void **state)
{
	struct keyring a, b;
	uint8_t drop = 0, suggest = 0;

	keyring_init(&a);
	keyring_init(&b);
	negotiate(&a, &b, S, 1, 1);
	assert_int_equal(keyring_on_offer(&b, S, 2, 0, 1, false, &drop, &suggest), -EBUSY);
	assert_int_equal(suggest, 1);
}

static void keyring_never_holds_more_than_three(void **state)
{
	struct keyring a, b;

	keyring_init(&a);
	keyring_init(&b);
	negotiate(&a, &b, S, 1, 1);
	negotiate(&a, &b, S, 2, 1);
	negotiate(&a, &b, S, 3, 1);
	assert_false(keyring_can_offer(&a));
	keyring_expire(&a, S + KEYRING_LINGER_NS);
	assert_true(keyring_can_offer(&a));
	assert_int_equal(keyring_clear(&a), 1u << 2);
	assert_false(keyring_is_usable(&a));
}

static void keyring_unanswered_offer_times_out(void **state)
{
	struct keyring a;

	keyring_init(&a);
	keyring_offer(&a, S, 1, 1);
	assert_int_equal(keyring_expire(&a, S + KEYRING_STEP_NS), 1u << 0);
	assert_true(keyring_can_offer(&a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lower_id_dials_at_once_and_higher_yields),
		cmocka_unit_test(backoff_doubles_to_its_limit_and_restarts),
		cmocka_unit_test(both_ends_keep_the_session_of_the_lower_id),
		cmocka_unit_test(session_allows_hello_first_and_once),
		cmocka_unit_test(mesh_session_refuses_records_and_link_keys),
		cmocka_unit_test(serials_of_both_ends_never_meet),
		cmocka_unit_test(cipher_is_the_preferred_common_one),
		cmocka_unit_test(sessions_table_finds_and_refuses_twins),
		cmocka_unit_test(keyring_moves_phases_and_deletes_the_old_after_linger),
		cmocka_unit_test(keyring_sole_key_is_proved_by_a_session_that_lives),
		cmocka_unit_test(keyring_sole_key_is_not_proved_by_a_session_that_dies),
		cmocka_unit_test(keyring_offer_lost_with_its_session_is_deleted),
		cmocka_unit_test(keyring_keeps_old_phase_until_lost_confirm_is_repeated),
		cmocka_unit_test(keyring_late_confirm_does_not_move_back),
		cmocka_unit_test(keyring_of_crossing_offers_only_one_stands),
		cmocka_unit_test(keyring_refuses_the_phase_it_transmits_with),
		cmocka_unit_test(keyring_never_holds_more_than_three),
		cmocka_unit_test(keyring_unanswered_offer_times_out),
	};

	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
