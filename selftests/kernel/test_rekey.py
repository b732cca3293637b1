# SPDX-License-Identifier: GPL-2.0
"""Make-before-break rekeying of links and seals, with traffic that must not notice.

      hub 1 ---- hub 2 ---- hub 3         peer 2 (Python) ---- hub 1 (kernel)
      source     relay      sink
"""

from lib import frame, uapi
from lib.ktap import expect, expect_equal, quick
from lib.lab import DropsExactly, Lab
from lib.mesh import CHACHA, GCM, hub_ref, line, link_ref, material, wait_for
from lib.netlink import Genl, as_dict, attr, number, u64
from lib.traffic import Stream


def rotate(mesh, install, phases_of, epoch, pairs, proof):
    """One epoch: both ends install, one moves, the other follows its proof, old is deleted."""
    new, old = epoch % 4, (epoch - 1) % 4
    for a, b in pairs:
        install(a, b, new, epoch, use=False)
        install(b, a, new, epoch, use=False)
        expect(phases_of(a, b)[0] == phases_of(b, a)[0] == old, "moved before any proof")
        proof(a, b, new)
        wait_for(f"{b} to follow {a} to phase {new}", lambda: phases_of(b, a)[0] == new)
        expect_equal(phases_of(a, b)[0], new, "transmit phase of the first mover")


def hub_phases(mesh, a, b):
    fields = mesh[a].hubs_known()[mesh[b].id]
    tx = fields.get(uapi.HUBMESH_A_HUB_TX_PHASE)
    return tx and number(tx), number(fields[uapi.HUBMESH_A_HUB_RX_PHASES])


def link_phases(mesh, a, b):
    fields = mesh[a].links()[b]
    tx = fields.get(uapi.HUBMESH_A_LINK_TX_PHASE)
    return tx and number(tx), number(fields[uapi.HUBMESH_A_LINK_RX_PHASES])


def rekey_epochs(mesh, epochs, stream):
    """Rotate every seal and link of a line of three through @epochs."""
    for epoch in range(1, epochs + 1):
        gone = (epoch - 2) % 4
        rotate(mesh, mesh.seal, lambda a, b: hub_phases(mesh, a, b), epoch, [(1, 3)],
               lambda a, b, p: mesh[a].key_use(hub_ref(mesh[b].id), p))
        rotate(mesh, mesh.link_key, lambda a, b: link_phases(mesh, a, b), epoch, [(1, 2), (2, 3)],
               lambda a, b, p: mesh[a].key_use(link_ref(b), p))
        stream.wait_progress(5)
        if epoch >= 2:
            for a, b in ((1, 3), (3, 1)):
                mesh[a].key_del(hub_ref(mesh[b].id), gone)
            for a, b in ((1, 2), (2, 1), (2, 3), (3, 2)):
                mesh[a].key_del(link_ref(b), gone)


def rekey_under_load(cipher, epochs):
    with line(3, cipher=cipher) as mesh:
        with Stream(mesh[1], mesh[3], mesh[1].ipv4, mesh[3].ipv4, pause=0.003) as there, \
                Stream(mesh[3], mesh[1], mesh[3].ipv4, mesh[1].ipv4, pause=0.003) as back:
            there.wait_progress(5)
            rekey_epochs(mesh, epochs, there)
            there.wait_progress(5)
            back.wait_progress(5)
        for stream in (there, back):
            expect_equal(stream.lost, [], f"datagrams lost of {stream.sent}; drops "
                         f"{ {i: mesh[i].drops() for i in (1, 2, 3)} }")
            expect_equal(len(stream.received), stream.sent, "datagrams, duplicates counted")


@quick
def test_rekey_through_six_epochs_under_load_loses_nothing_chacha():
    rekey_under_load(CHACHA, 6)


def test_rekey_through_six_epochs_under_load_loses_nothing_gcm():
    rekey_under_load(GCM, 6)


@quick
def test_three_receive_phases_are_live_at_once_and_the_fourth_is_not():
    with Lab(peers=(2,)) as lab:
        keys = {p: frame.Material(material("phase", p)[:44]) for p in range(4)}
        lab.hub.key_del(hub_ref(lab[2].id), 0)
        for p in (0, 1, 2):
            lab.hub.key_set(hub_ref(lab[2].id), p, CHACHA, keys[p].raw, material("t", p)[:44], p == 0)
        with DropsExactly(lab.hub):
            for p in (2, 0, 1, 0, 2):
                lab[2].send(lab[2].build(phase=p, key=keys[p]))
                expect(lab.delivered(), f"phase {p} was not delivered")
        with DropsExactly(lab.hub, rx_seal_no_key=1):
            lab[2].send(lab[2].build(phase=3, key=keys[3]))
        lab.hub.key_del(hub_ref(lab[2].id), 1)
        with DropsExactly(lab.hub, rx_seal_no_key=1):
            lab[2].send(lab[2].build(phase=1, key=keys[1]))


def sent_phase(lab):
    """(hop phase, seal phase) of the next frame hub 1 sends to peer 2."""
    lab[2].drain()
    lab.transmit(lab[2].inner(dst=lab[2].id, src=lab.hub.id))
    header = frame.Header.parse(lab[2].receive())
    return header.hop_phase, header.phase


@quick
def test_transmit_moves_only_after_the_peers_proof():
    with Lab(peers=(2,)) as lab:
        lab.key_seal(lab[2], phase=1, use=False)
        lab.key_link(lab[2], phase=1, use=False)
        expect_equal(sent_phase(lab), (0, 0), "phases before any proof")
        lab[2].send(lab[2].build())
        expect_equal(sent_phase(lab), (0, 0), "phases after a frame under the old keys")
        forged = bytearray(lab[2].build(phase=1, hop_phase=1))
        forged[35] ^= 1
        lab[2].send(bytes(forged))
        unauthentic = bytearray(lab[2].build(phase=1))
        unauthentic[-1] ^= 1
        lab[2].send(bytes(unauthentic))
        expect_equal(sent_phase(lab), (0, 0), "phases after forged proofs")
        lab[2].send(lab[2].build(phase=0, hop_phase=1))
        expect_equal(sent_phase(lab), (1, 0), "phases after proof of the link key")
        lab[2].send(lab[2].build(phase=1, hop_phase=1))
        expect_equal(sent_phase(lab), (1, 1), "phases after proof of the seal key")
        lab[2].send(lab[2].build(phase=0, hop_phase=0))
        expect_equal(sent_phase(lab), (1, 1), "late frames under the old keys do not move back")


def test_replayed_proof_does_not_move_transmit():
    """A frame under the new seal key whose counter was used cannot be told from a replay."""
    with Lab(peers=(2,)) as lab:
        lab.key_seal(lab[2], phase=1, use=False)
        lab[2].send(lab[2].build(phase=1, counter=0))
        expect_equal(sent_phase(lab), (0, 0), "phases after a replayed number")


def test_transmit_moves_at_once_by_key_use():
    with Lab(peers=(2,)) as lab:
        lab.key_seal(lab[2], phase=2, use=False)
        lab.key_link(lab[2], phase=3, use=False)
        lab.hub.key_use(hub_ref(lab[2].id), 2)
        lab.hub.key_use(link_ref(2), 3)
        expect_equal(sent_phase(lab), (3, 2), "phases after KEY_USE")


def test_counters_start_again_only_with_a_new_key():
    with Lab(peers=(2,)) as lab:
        def number_sent():
            lab[2].drain()
            lab.transmit(lab[2].inner(dst=lab[2].id, src=lab.hub.id))
            header = frame.Header.parse(lab[2].receive())
            return header.phase, header.lane, header.counter
        seen = set()
        for phase in (0, 0, 1, 1, 0, 0):
            if phase == 1 and not any(p == 1 for p, _, _ in seen):
                lab.key_seal(lab[2], phase=1, use=False)
            lab.hub.key_use(hub_ref(lab[2].id), phase)
            got = number_sent()
            expect(got not in seen, f"phase, lane and counter {got} used twice: nonce reuse")
            seen.add(got)


def test_key_needed_event_comes_before_the_limit_and_asks_once_per_phase():
    with Lab(peers=(2,)) as lab:
        events = Genl(lab.hub.netns)
        events.subscribe()
        lab.hub.device_set(attr(uapi.HUBMESH_A_DEVICE_REKEY_FRAMES, u64(3)))
        asked = []
        for phase in (0, 1):
            if phase:
                lab.key_seal(lab[2], phase=1, use=True)
            for _ in range(6):
                sent_phase(lab)
        while True:
            got = events.event(0.2)
            if not got:
                break
            if number(got[1][uapi.HUBMESH_A_EVENT]) == uapi.HUBMESH_EVENT_KEY_NEEDED and (
                    uapi.HUBMESH_A_HUB in got[1]):
                asked.append(number(as_dict(got[1][uapi.HUBMESH_A_KEY])[uapi.HUBMESH_A_KEY_PHASE]))
        events.close()
        expect_equal(asked, [0, 1], "phases asked for")


def test_seal_key_deleted_holds_frames_until_the_next_key():
    with Lab(peers=(2,)) as lab:
        lab.hub.key_del(hub_ref(lab[2].id), 0)
        lab.transmit(lab[2].inner(b"waits", dst=lab[2].id, src=lab.hub.id))
        expect(lab[2].receive(0.05) is None, "sent without a key")
        lab.key_seal(lab[2], phase=1)
        _, plain = lab[2].open_frame(lab[2].receive())
        expect(plain.endswith(b"waits"), "held frame was not sent")
