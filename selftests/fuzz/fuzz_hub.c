// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: fuzzer for hub.c: a neighbour with a session says anything at all
 *
 * Input is a list of [kind, length, bytes]: a beacon, a control message of
 * any number, time passing, a link report, a lost session.  The other hub is
 * real and takes part; nothing may crash, leak or assert, and the hub's
 * deadline may never stand still in the past.
 */
#include "selftests/unit/hub_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one(struct fixture *f, uint8_t kind, const uint8_t *bytes, size_t len)
{
	struct hub *hub = f->h[0].hub;
	struct endpoint from = f->h[1].address;
	uint64_t session = f->h[0].last_session;

	switch (kind % 6) {
	case 0:
		from.port = 4878;
		hub_on_beacon(hub, f->now, &from, bytes, len, &f->fx);
		break;
	case 1:
	case 2:
		hub_on_message(hub, f->now, session, kind / 6 % 13, bytes, len, &f->fx);
		break;
	case 3:
		fixture_pass(f, (kind / 6 + 1) * 200 * NSEC_PER_MSEC);
		return;
	case 4:
		hub_on_link_report(hub, f->now, 1,
				   &(struct link_report){
					   .state = kind / 6 % 2 ? LINK_REPORT_DOWN
								 : LINK_REPORT_UP,
					   .rtt_us = len ? bytes[0] * 100u : 0,
					   .frame_max = len > 1 ? bytes[1] * 100u : 0,
				   },
				   &f->fx);
		break;
	default:
		hub_on_session_down(hub, f->now, session, -1, &f->fx);
		break;
	}
	fixture_run(f, 0);
	fixture_settle(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fixture *f = fixture_new(true);
	int events = 0;

	fixture_pass(f, NSEC_PER_SEC);
	while (size >= 3 && events++ < 32) {
		size_t len = (size_t)data[1] << 8 | data[2];

		if (len > size - 3)
			len = size - 3;
		one(f, data[0], data + 3, len);
		data += 3 + len;
		size -= 3 + len;
	}
	fixture_pass(f, NSEC_PER_SEC);
	for (int who = 0; who < 2; who++) {
		if (hub_next_deadline(f->h[who].hub) < f->now)
			abort(); /* the loop would spin */
	}
	fixture_free(f);
	return 0;
}
