// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: twin: another machine that has our identity
 *
 * A copied disk, mostly.  Nobody can tell the two apart but they themselves: each
 * knows what it has said.  A beacon or record that our key has signed and that is
 * ahead of ours is not ours, with one exception: a record of an earlier life whose
 * boot epoch was lost, which is ahead once and never again, as we go past it.
 * What is behind ours may be an echo, or replayed: it says nothing.
 *
 * It is only told: who of the two is the right one is a person's decision.
 */
#include "daemon/hub/internal.h"

#include <string.h>

/* Anybody may send a beacon with our key in it: few are worth a check of the signature. */
#define TWIN_CHECK_NS NSEC_PER_SEC
#define TWIN_SAY_NS (60 * NSEC_PER_SEC) /* between two log lines */

static void note(struct hub *hub, uint64_t now_ns, const char *from, struct effects *fx)
{
	struct twin *twin = &hub->twin;

	hub->counters.twins_heard++;
	twin->heard_ns = now_ns;
	if (twin->said_ns && now_ns - twin->said_ns < TWIN_SAY_NS)
		return;
	twin->said_ns = now_ns;
	effects_log(fx, LOG_CLASS_LOCAL,
		    "event=identity-used-twice from=%s effect=\"neither of the two has links that "
		    "last\" hint=\"give the copy an identity of its own: meshctl ca issue\"",
		    from);
}

static bool is_ahead(const struct hub *hub, const struct beacon *beacon, const uint8_t *bytes,
		     size_t len)
{
	if (beacon->boot_epoch != hub->settings.boot_epoch)
		return beacon->boot_epoch > hub->settings.boot_epoch;
	if (beacon->seq != hub->beacon_seq)
		return beacon->seq > hub->beacon_seq;
	return len != hub->beacon_len || memcmp(bytes, hub->beacon, len) != 0;
}

void twin_on_beacon(struct hub *hub, uint64_t now_ns, const struct endpoint *from,
		    const uint8_t *bytes, size_t len, struct effects *fx)
{
	char text[ENDPOINT_STRLEN];
	struct beacon beacon;

	if (beacon_decode(bytes, len, &beacon) || !is_ahead(hub, &beacon, bytes, len) ||
	    now_ns < hub->twin.check_at_ns)
		return;
	hub->twin.check_at_ns = now_ns + TWIN_CHECK_NS;
	if (beacon_verify(bytes, len) == 0)
		note(hub, now_ns, endpoint_format(from, text), fx);
}

void twin_on_record(struct hub *hub, uint64_t now_ns, const struct record *record,
		    struct effects *fx)
{
	bool is_of_earlier_life = record->boot_epoch > hub->settings.boot_epoch &&
				  !hub->twin.was_behind;

	hub->twin.was_behind = true;
	if (!is_of_earlier_life)
		note(hub, now_ns, "record", fx);
}

bool hub_has_twin(const struct hub *hub, uint64_t now_ns, uint64_t *ago_ns)
{
	if (!hub->twin.heard_ns || now_ns - hub->twin.heard_ns > HUB_TWIN_NS)
		return false;
	*ago_ns = now_ns - hub->twin.heard_ns;
	return true;
}
