# SPDX-License-Identifier: GPL-2.0
"""Replay windows of hop sequences and seal counters, per lane and phase.

      peer 2 (Python) ---- veth ---- hub 1 (kernel)
"""

import functools
import random

from lib import uapi
from lib.ktap import expect, expect_equal, quick
from lib.lab import DropsExactly, Lab
from lib.netlink import number as to_int

WINDOW = uapi.HM_WINDOW_BITS
HOP, SEAL = "hop_seq", "counter"
REASON = {HOP: "rx_hop_replay", SEAL: "rx_seal_replay"}
lab = None


def setup():
    global lab
    lab = Lab(peers=(2,))
    lab.up()


def teardown():
    if lab:
        lab.down()


class Lane:
    """A lane of peer 2 in which one kind of number is chosen and the other is fresh."""

    used = 0

    def __init__(self, kind):
        # Both numbers of a lane move on, so each test starts above what was used.
        self.kind, self.peer = kind, lab[2]
        self.lane = Lane.used % uapi.HM_LANES
        Lane.used += 1
        self.base = max(self.peer.hop_seq, self.peer.counter) + 3 * WINDOW
        self.other = self.base + 50 * WINDOW

    def send(self, number):
        """Frame with number base + @number; the other number is always new."""
        self.other += 1
        fresh = SEAL if self.kind == HOP else HOP
        fields = {self.kind: self.base + number, fresh: self.other}
        self.peer.send(self.peer.build(self.peer.inner(b"%d" % number), lane=self.lane, **fields))
        self.peer.hop_seq = self.peer.counter = self.other + 10 * WINDOW

    def accepts(self, *numbers):
        with DropsExactly(lab.hub):
            for number in numbers:
                self.send(number)
                got = lab.delivered()
                expect(got and got[14:] == b"%d" % number, f"{self.kind} {number} not delivered")

    def refuses(self, *numbers):
        with DropsExactly(lab.hub, **{REASON[self.kind]: len(numbers)}):
            for number in numbers:
                self.send(number)
        expect(lab.delivered(0) is None, f"one of {numbers} was delivered")


def both(test):
    """Run @test with chosen hop sequences, then with chosen seal counters."""
    @functools.wraps(test)
    def for_both():
        for kind in (HOP, SEAL):
            lab.drain()
            test(Lane(kind))
    return for_both


@quick
@both
def test_out_of_order_within_the_window_is_delivered_once(lane):
    order = list(range(64))
    random.Random(1).shuffle(order)
    lane.accepts(*order)
    lane.refuses(*order)


@both
def test_edges_of_the_window(lane):
    lane.accepts(WINDOW, 1)
    lane.refuses(0, 1)
    lane.accepts(2)
    lane.accepts(WINDOW + 1)
    lane.refuses(1, 2)
    lane.accepts(3)


@both
def test_older_than_the_window_is_refused_though_never_seen(lane):
    lane.accepts(3 * WINDOW)
    lane.refuses(0, WINDOW, 2 * WINDOW - 64, 2 * WINDOW)
    lane.accepts(2 * WINDOW + 1)


@both
def test_big_jump_forgets_the_old_and_keeps_the_new(lane):
    lane.accepts(1, 2, 10 * WINDOW, 10 * WINDOW - 1, 10 * WINDOW - WINDOW + 1)
    lane.refuses(1, 2, 3, 10 * WINDOW, 10 * WINDOW - 1, 10 * WINDOW - WINDOW)


@both
def test_steps_of_a_word_and_of_a_window_keep_their_duplicates_out(lane):
    marks = [64 * n for n in range(1, 40)]
    lane.accepts(*marks)
    lane.refuses(*marks[8:])
    lane.accepts(*[m + 1 for m in marks[8:16]])


@quick
def test_number_zero_is_refused_even_first():
    for kind in (HOP, SEAL):
        with Lab(peers=(2,)) as fresh, DropsExactly(fresh.hub, **{REASON[kind]: 1}):
            fresh[2].send(fresh[2].build(**{kind: 0}))


def test_highest_numbers_are_accepted_and_then_only_the_window():
    for kind, top in ((HOP, (1 << 32) - 1), (SEAL, (1 << 64) - 1)):
        with Lab(peers=(2,)) as fresh:
            with DropsExactly(fresh.hub):
                for value in (top, top - 1, top - WINDOW + 1):
                    fresh[2].send(fresh[2].build(**{kind: value}))
                    expect(fresh.delivered(), f"{kind} {value} not delivered")
            with DropsExactly(fresh.hub, **{REASON[kind]: 3}):
                for value in (top, top - WINDOW, 5):
                    fresh[2].send(fresh[2].build(**{kind: value}))


@quick
def test_lanes_have_windows_of_their_own():
    fresh = Lab(peers=(2,))
    with fresh, DropsExactly(fresh.hub):
        for lane in range(uapi.HM_LANES):
            fresh[2].send(fresh[2].build(lane=lane, hop_seq=5, counter=5))
            expect(fresh.delivered(), f"lane {lane} was not delivered")


def test_hop_losses_are_counted_when_they_leave_the_window():
    with Lab(peers=(2,)) as fresh:
        lost = lambda: to_int(fresh.hub.links()[2][uapi.HUBMESH_A_LINK_LOST])
        for seq in range(1, 11):
            fresh[2].send(fresh[2].build(hop_seq=seq))
        expect_equal(lost(), 0, "lost")
        fresh[2].send(fresh[2].build(hop_seq=20))
        fresh[2].send(fresh[2].build(hop_seq=2 * WINDOW))
        fresh[2].send(fresh[2].build(hop_seq=6 * WINDOW))
        total = lost()
        wanted = 5 * WINDOW - 12
        expect(abs(total - wanted) <= 2 * 64, f"{total} lost, wanted about {wanted}")
