"""Whose session a connection may carry by its certificate (E.10), and which connections are shared."""

from __future__ import annotations

import hashlib

from pushsvc.errors import Unreachable
from pushsvc.net.msrp_session import MsrpSession
from pushsvc.net.tls import fingerprint
from tests.identities import identity_of
from tests.net.msrp_sides import ALICE_6, BOB_6, CAROL, PORT, MsrpTest, Octets, Print, Shelf, Side

NOTE = Octets(b"Maintenance tonight.")
MALLORY = (Print(fingerprint(identity_of("mallory").der)),)


class Certificates(MsrpTest):
    """[D-TLS-1] Fingerprints on both sides, with real certificates (requirements E.10)."""

    def refused(self, near: MsrpSession) -> Unreachable:
        with self.assertRaises(Unreachable) as raised:
            self.network.run(self.alice.connect(near))
        return raised.exception

    def test_the_server_is_not_the_announced_one(self) -> None:
        """[D-TLS-1] Active side: nothing is sent, the connection ends, and trying again is no use."""
        near, far = self.agreed(Shelf())
        near.fingerprints = MALLORY
        self.assertFalse(self.refused(near).retry)
        self.assertEqual(self.bob.bound, [])
        self.network.settle(0.1)
        self.assertEqual(self.wires(), [])
        self.assert_nothing_left(near, far)

    def test_the_client_is_not_the_announced_one(self) -> None:
        """[D-TLS-1] Passive side: found out by the first SEND; 481 or nothing for it, the owner is told."""
        shelf = Shelf()
        near, far = self.connected(shelf)
        far.fingerprints = MALLORY
        sent = near.send(NOTE)
        self.network.settle(1)
        self.assertTrue(self.failureResultOf(sent, Unreachable).value.retry)  # all that it knows: the line is cut
        (error,) = self.bob.failed
        assert isinstance(error, Unreachable)
        self.assertFalse(error.retry)
        self.assertEqual((shelf.kept, self.bob.bound, self.wires()), ([], [], []))
        self.assert_nothing_left(near, far)

    def test_any_certificate_will_do_where_nothing_was_announced_by_the_active_side(self) -> None:
        """The session-id is a secret of the signalling; E.10 rule 4 asks for no more."""
        near, far = self.agreed(Shelf())
        far.fingerprints = ()
        self.network.run(self.alice.connect(near))
        self.delivered(near.send(NOTE))
        self.assert_nothing_left(near, far)

    def test_a_client_without_certificate(self) -> None:
        """tls.client_certificate: optional takes it, and says so in the log; required does not."""
        for required in (False, True):
            self.setUp()
            self.bob = Side(self.network, CAROL, "bob")
            self.bob.tls.insists = required
            near, far = self.agreed(Shelf())
            self.network.run(self.alice.connect(near))
            self.network.settle(1)
            for connection in self.bob.endpoint._connections:
                connection.certificate = None  # as if it had presented none
            sent = near.send(NOTE)
            self.network.settle(1)
            if required:
                self.failureResultOf(sent, Unreachable)
                self.assertEqual(len(self.bob.failed), 1)
            else:
                self.successResultOf(sent)
            self.assert_nothing_left(near, far)

    def test_sha1_by_switch(self) -> None:
        """tls.sha1_fingerprints, for old peers."""
        old = (Print(hashlib.sha1(identity_of("bob").der).digest(), "sha-1"),)
        for allowed in (False, True):
            self.setUp()
            self.alice = Side(self.network, CAROL, "alice", sha1_fingerprints=allowed)
            near, far = self.agreed(Shelf())
            near.fingerprints = old
            if allowed:
                self.network.run(self.alice.connect(near))
            else:
                self.assertFalse(self.refused(near).retry)
            self.assert_nothing_left(near, far)


class Sharing(MsrpTest):
    """[D-TLS-1] Several sessions over one connection (requirements E.10 rule 6, E.11)."""

    def push(self, near: MsrpSession) -> None:
        self.network.run(self.alice.connect(near))
        self.delivered(near.send(NOTE))

    def pairs(self) -> int:
        """How many connections are up."""
        return len(self.wires()) // 2

    def test_a_later_session_to_the_same_peer_uses_the_connection(self) -> None:
        """Also after the first has ended: no handshake for each push."""
        first, first_far = self.agreed(Shelf())
        self.push(first)
        self.close(first, first_far)
        self.network.settle(30)
        second, second_far = self.agreed(Shelf())
        self.push(second)
        self.assertEqual(len(self.network.streams), 2)
        self.assert_nothing_left(second, second_far)

    def test_sessions_that_start_together_wait_for_one_connection(self) -> None:
        """Three files in one offer."""
        sessions = [self.agreed(Shelf()) for _ in range(3)]
        connecting = [self.alice.connect(near) for near, _ in sessions]
        self.network.settle(1)
        for each in connecting:
            self.successResultOf(each)
        self.assertEqual(self.pairs(), 1)
        self.assert_nothing_left(*(session for pair in sessions for session in pair))

    def test_a_later_session_with_another_fingerprint_gets_its_own_connection(self) -> None:
        """The peer has renewed its certificate; the old connection still shows the old one."""
        first, first_far = self.agreed(Shelf())
        self.push(first)
        self.bob.tls.renew(identity_of("carol"))
        second, second_far = self.agreed(Shelf())
        self.push(second)
        self.assertEqual(self.pairs(), 2)
        third, third_far = self.agreed(Shelf())
        self.push(third)
        self.assertEqual(self.pairs(), 2)
        self.assert_nothing_left(first, first_far, second, second_far, third, third_far)

    def test_so_does_a_session_after_we_have_renewed_ours(self) -> None:
        """Our description announces the new one, and the peer compares."""
        first, first_far = self.agreed(Shelf())
        self.push(first)
        self.alice.tls.renew(identity_of("carol"))
        second, second_far = self.agreed(Shelf())
        self.push(second)
        self.assertEqual(self.pairs(), 2)
        self.assert_nothing_left(first, first_far, second, second_far)

    def test_somebody_else_on_that_address_is_refused_all_the_same(self) -> None:
        """A new connection is made to look again; the old one, which is right for its sessions, stays."""
        first, first_far = self.agreed(Shelf())
        self.push(first)
        second, second_far = self.agreed(Shelf())
        second.fingerprints = MALLORY
        with self.assertRaises(Unreachable) as raised:
            self.network.run(self.alice.connect(second))
        self.assertFalse(raised.exception.retry)
        self.network.settle(1)
        self.assertEqual(self.pairs(), 1)
        self.assert_nothing_left(first, first_far, second, second_far)

    def test_a_session_that_does_not_fit_the_connection_it_comes_on_costs_the_others_nothing(self) -> None:
        """Passive side: 481 for it, and the connection stays."""
        first, _ = self.agreed(Shelf())
        self.push(first)
        second, second_far = self.agreed(Shelf())
        self.network.run(self.alice.connect(second))
        second_far.fingerprints = MALLORY
        sent = second.send(NOTE)
        self.network.settle(1)
        self.failureResultOf(sent)
        self.assertEqual(len(self.bob.failed), 1)
        self.network.run(self.alice.connect(self.third()))
        self.assertEqual((self.pairs(), first.is_over), (1, False))

    def third(self) -> MsrpSession:
        return self.agreed(Shelf())[0]

    def test_proof_by_name_is_not_shared_with_proof_by_fingerprint(self) -> None:
        """[D-TLS-1] Where nothing was announced the chain must have been checked, whoever opened the connection."""
        first, first_far = self.agreed(Shelf())
        self.push(first)
        second, second_far = self.agreed(Shelf())
        second.fingerprints = ()
        with self.assertRaises(Unreachable):  # Bob's certificate is self-signed
            self.network.run(self.alice.connect(second))
        self.assert_nothing_left(first, first_far, second, second_far)

    def test_ipv6(self) -> None:
        """The same over the other family."""
        self.alice, self.bob = Side(self.network, ALICE_6, "alice"), Side(self.network, BOB_6, "bob")
        shelf = Shelf()
        near, far = self.agreed(shelf)
        self.push(near)
        self.assertEqual(near.link.peer if near.link else "", f"tls:[{BOB_6}]:{PORT}")
        self.assertEqual(bytes(shelf.kept[0].octets), NOTE.octets)
        self.assert_nothing_left(near, far)
