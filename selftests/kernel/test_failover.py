# SPDX-License-Identifier: GPL-2.0
r"""Liveness: probes, carrier loss, and the flip to the backup next hop.

                 hub 2
               /       \
          hub 1         hub 4
               \       /
                 hub 3

Probes every 50 ms, three misses.  hub 1 reaches hub 4 through 2, backup 3, and the
other way round.
"""

import contextlib
import time

from lib import uapi
from lib.ktap import expect, expect_equal, quick
from lib.mesh import CHACHA, Mesh, run, wait_for
from lib.netlink import Genl, as_dict, attr, number, u32
from lib.pace import scaled
from lib.traffic import Stream, reaches

PROBE_MS, MISSES = 50, 3
SLACK_S = scaled(3)  # an emulated machine shared with others
UP, DOWN = uapi.HUBMESH_LINK_UP, uapi.HUBMESH_LINK_DOWN
mesh = None


def setup():
    global mesh
    mesh = Mesh(4, [(1, 2), (1, 3), (2, 4), (3, 4)], cipher=CHACHA, probe_ms=PROBE_MS)
    mesh.up()
    routes()
    wait_for("every link up", all_up)


def teardown():
    if mesh:
        mesh.down()


def all_up():
    return all(mesh[a].link_state(b) == UP for x, y in mesh.edges for a, b in ((x, y), (y, x)))


def routes():
    mesh.generation += 1
    mesh[1].routes({mesh[4]: ([2], 3), mesh[2]: 2, mesh[3]: 3}, mesh.generation)
    mesh[4].routes({mesh[1]: ([2], 3), mesh[2]: 2, mesh[3]: 3}, mesh.generation)


@contextlib.contextmanager
def silent(*edges):
    """What hubs send over @edges is lost without a trace, both ways; recovers at the end."""
    with mute(*[end for a, b in edges for end in ((a, b), (b, a))]):
        yield


@contextlib.contextmanager
def mute(*ends):
    """What x sends to y is lost, for (x, y) of @ends; recovers at the end."""
    try:
        for x, y in ends:
            run(f"tc -n {mesh[x].netns} qdisc add dev {mesh.veth(x, y)} root netem loss 100%")
        yield
    finally:
        for x, y in ends:
            run(f"tc -n {mesh[x].netns} qdisc del dev {mesh.veth(x, y)} root", check=False)
        wait_for("links to recover", all_up, 10)


def events_of(hub):
    sock = Genl(hub.netns)
    sock.subscribe()
    return sock


def next_state(sock, index, seconds):
    """(state, when) of the next link event about @index."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        got = sock.event(deadline - time.monotonic())
        if got and number(got[1][uapi.HUBMESH_A_EVENT]) == uapi.HUBMESH_EVENT_LINK:
            link = as_dict(got[1][uapi.HUBMESH_A_LINK])
            if number(link[uapi.HUBMESH_A_LINK_INDEX]) == index:
                return number(link[uapi.HUBMESH_A_LINK_STATE]), time.monotonic()
    raise TimeoutError(f"no event of link {index} within {seconds} s")


@quick
def test_probes_bring_links_up_and_measure_the_round_trip():
    link = wait_for("round trip", lambda: number(
        mesh[1].links()[2][uapi.HUBMESH_A_LINK_RTT_US]) and mesh[1].links()[2])
    rtt = number(link[uapi.HUBMESH_A_LINK_RTT_US])
    expect(0 < rtt < 1_000_000, f"round trip {rtt} us")


@quick
def test_silent_link_is_down_within_its_misses_and_recovers():
    sock = events_of(mesh[1])
    with silent((1, 2)):
        start = time.monotonic()
        state, when = next_state(sock, 2, 5)
        expect_equal(state, DOWN, "state")
        took = when - start
        expect(took < PROBE_MS * (MISSES + 1) / 1000 + SLACK_S, f"took {took:.3f} s")
        expect_equal(mesh[1].link_state(3), UP, "the other link")
    state, _ = next_state(sock, 2, 5)
    expect_equal(state, UP, "state after the repair")
    sock.close()


@quick
def test_line_cut_in_one_direction_is_down_at_both_ends():
    """Hub 1 hears hub 2 all the time; hub 2 tells that it hears nothing."""
    sock = events_of(mesh[1])
    with mute((1, 2)):
        start = time.monotonic()
        state, when = next_state(sock, 2, 5)
        expect_equal(state, DOWN, "state where frames still come in")
        took = when - start
        expect(took < PROBE_MS * (MISSES + 1) / 1000 + SLACK_S, f"took {took:.3f} s")
        expect_equal(mesh[2].link_state(1), DOWN, "state where none do")
        begin = number(as_dict(mesh[1].links()[2][uapi.HUBMESH_A_LINK_STATS])[
            uapi.HUBMESH_A_STATS_RX_FRAMES])
        wait_for("hub 1 hears more of hub 2", lambda: number(as_dict(
            mesh[1].links()[2][uapi.HUBMESH_A_LINK_STATS])[uapi.HUBMESH_A_STATS_RX_FRAMES]) > begin + 5)
        expect_equal(mesh[1].link_state(2), DOWN, "state after more frames")
    expect_equal(next_state(sock, 2, 5)[0], UP, "state after the repair")
    sock.close()


def test_link_with_little_loss_stays_up():
    for x, y in ((1, 2), (2, 1)):
        run(f"tc -n {mesh[x].netns} qdisc add dev {mesh.veth(x, y)} root netem loss 10% delay 5ms")
    sock = events_of(mesh[1])
    probes = lambda: number(as_dict(mesh[1].links()[2][uapi.HUBMESH_A_LINK_STATS])[
        uapi.HUBMESH_A_STATS_RX_FRAMES])
    try:
        before = probes()
        wait_for("twenty probes", lambda: probes() >= before + 20, 10)
        down = sock.event(0.01)
        expect(down is None or mesh[1].link_state(2) == UP, "down at 10 % loss")
        rtt = number(mesh[1].links()[2][uapi.HUBMESH_A_LINK_RTT_US])
        expect(rtt >= 5000, f"round trip {rtt} us though each way takes 5 ms")
    finally:
        sock.close()
        for x, y in ((1, 2), (2, 1)):
            run(f"tc -n {mesh[x].netns} qdisc del dev {mesh.veth(x, y)} root")
        wait_for("links to recover", all_up, 10)


@quick
def test_backup_carries_traffic_while_the_next_hop_is_silent():
    with Stream(mesh[1], mesh[4], mesh[1].ipv4, mesh[4].ipv4, pause=0.005) as stream:
        stream.wait_progress()
        with silent((1, 2)):
            cut = time.monotonic()
            stream.wait_progress(50)
            arrived = min(t for t in stream.got_at.values() if t > cut + PROBE_MS * MISSES / 1000)
            expect(arrived - cut < PROBE_MS * (MISSES + 1) / 1000 + SLACK_S,
                   f"no traffic for {arrived - cut:.2f} s")
            through = lambda n: number(as_dict(mesh[n].device()[uapi.HUBMESH_A_DEVICE_STATS])[
                uapi.HUBMESH_A_STATS_FORWARDED])
            before = through(3)
            stream.wait_progress(20)
            expect(through(3) > before, "the backup's relay forwards nothing")
        before = through(2)
        stream.wait_progress(20)
        wait_for("traffic on the repaired path", lambda: through(2) > before)
    lost = len(stream.lost)
    expect(lost * 0.005 < PROBE_MS * (MISSES + 1) / 1000 + SLACK_S, f"{lost} of {stream.sent} lost")


def test_both_next_hops_silent_counts_link_down_and_recovers():
    before = mesh[1].drops().get("tx-link-down", 0)
    with silent((1, 2), (1, 3)):
        wait_for("both down", lambda: mesh[1].link_state(2) == mesh[1].link_state(3) == DOWN)
        expect(not reaches(mesh[1], mesh[4], mesh[1].ipv4, mesh[4].ipv4, seconds=0.1), "reached")
        expect(mesh[1].drops().get("tx-link-down", 0) > before, "drop was not counted")
    expect(reaches(mesh[1], mesh[4], mesh[1].ipv4, mesh[4].ipv4), "not reached after the repair")


@quick
def test_carrier_loss_of_the_underlay_interface_is_down_at_once():
    """The link is bound to its interface; probes are slow, so only the carrier can tell."""
    def bind(a, b, oif, probe_ms):
        mesh[a].request(uapi.HUBMESH_CMD_LINK_SET, attr(uapi.HUBMESH_A_LINK, [
            attr(uapi.HUBMESH_A_LINK_INDEX, u32(b)), attr(uapi.HUBMESH_A_LINK_OIF, u32(oif)),
            attr(uapi.HUBMESH_A_LINK_PROBE_MISSES, u32(100 if oif else MISSES)),
            attr(uapi.HUBMESH_A_LINK_PROBE_MS, u32(probe_ms))]))
    shown = run(f"ip -n {mesh[1].netns} -o link show {mesh.veth(1, 2)}")
    oif = int(shown.split(":")[0])
    bind(1, 2, oif, 1000)
    sock = events_of(mesh[1])
    try:
        start = time.monotonic()
        run(f"ip -n {mesh[2].netns} link set {mesh.veth(2, 1)} down")
        state, when = next_state(sock, 2, 20)
        expect_equal(state, DOWN, "state")
        expect(when - start < 10, f"took {when - start:.2f} s; probes would take 100 s")
        expect(reaches(mesh[1], mesh[4], mesh[1].ipv4, mesh[4].ipv4), "backup not used")
    finally:
        run(f"ip -n {mesh[2].netns} link set {mesh.veth(2, 1)} up")
        bind(1, 2, 0, PROBE_MS)
        sock.close()
    wait_for("links to recover", all_up, 10)


def test_probes_off_leaves_a_silent_link_as_it_is():
    quiet = lambda ms: [mesh[a].request(uapi.HUBMESH_CMD_LINK_SET, attr(uapi.HUBMESH_A_LINK, [
        attr(uapi.HUBMESH_A_LINK_INDEX, u32(b)), attr(uapi.HUBMESH_A_LINK_PROBE_MS, u32(ms))]))
        for a, b in ((1, 2), (2, 1))]
    quiet(0)
    sock = events_of(mesh[1])
    with silent((1, 2)):
        try:
            next_state(sock, 2, PROBE_MS * MISSES * 3 / 1000)
        except TimeoutError:
            pass
        else:
            raise AssertionError("state changed though probes are off")
        finally:
            quiet(PROBE_MS)
            sock.close()


def test_link_removed_flips_to_the_backup():
    mesh[1].link_del(2)
    expect(reaches(mesh[1], mesh[4], mesh[1].ipv4, mesh[4].ipv4), "backup not used")
    mesh[2].link_del(1)
    mesh.join(1, 2)
    routes()
    wait_for("links to recover", all_up, 10)
    expect(reaches(mesh[1], mesh[4], mesh[1].ipv4, mesh[4].ipv4), "not reached")
