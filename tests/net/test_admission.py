"""How many may come in."""

from __future__ import annotations

import select
import socket
from contextlib import ExitStack

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.net.admission import BACKLOG, MAX_CONNECTIONS, MAX_CONNECTIONS_PER_SOURCE, Admission, Guest
from tests.net.msrp_sides import Side as MsrpSide
from tests.net.sides import Side
from tests.sim import Network


class Crowds(SynchronousTestCase):
    """Many that connect before anybody is let in."""

    def test_a_crowd_waits_in_the_system_and_not_for_its_next_syn(self) -> None:
        """[F-18] Whoever does not fit into the backlog comes a second later, or two, or four."""
        with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as server, ExitStack() as stack:
            for _ in range(200):
                peer = stack.enter_context(socket.socket())
                peer.setblocking(False)
                peer.connect_ex(server.getsockname())
                self.assertEqual(select.select([], [peer], [], 0.5)[1], [peer])

    def test_every_listener_has_room_for_one(self) -> None:
        """SIP and MSRP."""
        network = Network()
        Side(network, "192.0.2.1")
        MsrpSide(network, "192.0.2.2", "bob")
        self.assertEqual({listener.backlog for listener in network.listeners.values()}, {BACKLOG})


class OneSource(SynchronousTestCase):
    """A peer that opens too many connections."""

    def test_one_source_gets_its_share_and_no_more(self) -> None:
        """One broken client must not use up the file descriptors of all."""
        admission = Admission()
        admitted = [admission.admit("192.0.2.1") for _ in range(MAX_CONNECTIONS_PER_SOURCE + 1)]
        self.assertEqual(admitted, [True] * MAX_CONNECTIONS_PER_SOURCE + [False])

    def test_others_are_still_let_in(self) -> None:
        """The share of one is not the share of all."""
        admission = Admission(most_per_source=1)
        self.assertTrue(admission.admit("192.0.2.1"))
        self.assertFalse(admission.admit("192.0.2.1"))
        self.assertTrue(admission.admit("192.0.2.2"))

    def test_whoever_leaves_makes_room(self) -> None:
        """A long-lived client connects again and again."""
        admission = Admission(most_per_source=1)
        for _ in range(3):
            self.assertTrue(admission.admit("192.0.2.1"))
            admission.left("192.0.2.1")
        self.assertEqual(admission.inside, 0)

    def test_a_refused_one_is_not_counted(self) -> None:
        """It never leaves, so counting it would close the door for good."""
        admission = Admission(most_per_source=1)
        admission.admit("192.0.2.1")
        admission.admit("192.0.2.1")
        admission.left("192.0.2.1")
        self.assertTrue(admission.admit("192.0.2.1"))

    def test_an_ipv6_network_is_one_source(self) -> None:
        """Everybody has 2**64 addresses there."""
        admission = Admission(most_per_source=1)
        self.assertTrue(admission.admit("2001:db8::1"))
        self.assertFalse(admission.admit("2001:db8::2"))
        self.assertTrue(admission.admit("2001:db8:0:1::1"))
        admission.left("2001:db8::1")
        self.assertTrue(admission.admit("2001:db8::2"))

    def test_an_ipv4_peer_of_a_socket_for_both_families_is_itself(self) -> None:
        """Else all IPv4 peers would share one share."""
        admission = Admission(most_per_source=1)
        self.assertTrue(admission.admit("::ffff:192.0.2.1"))
        self.assertTrue(admission.admit("::ffff:192.0.2.2"))
        self.assertFalse(admission.admit("192.0.2.1"))

    def test_a_link_local_address_has_a_zone(self) -> None:
        """As Twisted gives it."""
        self.assertTrue(Admission().admit("fe80::1%eth0"))


class Guests(SynchronousTestCase):
    """Those that are admitted, and turn out to have something to do here."""

    def guest(self, admission: Admission) -> Guest:
        self.assertTrue(admission.admit("192.0.2.1"))
        return Guest(admission, "192.0.2.1")

    def test_a_known_one_leaves_its_place_to_others(self) -> None:
        """Once, however often it is said."""
        admission = Admission(most_per_source=1)
        guest = self.guest(admission)
        guest.is_known()
        guest.is_known()
        other = self.guest(admission)
        guest.left()
        self.assertEqual(admission.inside, 1)
        other.left()
        self.assertEqual(admission.inside, 0)

    def test_it_comes_back_if_there_is_a_place(self) -> None:
        """And is not counted if there is none: it leaves then."""
        admission = Admission(most_per_source=1)
        guest = self.guest(admission)
        guest.is_known()
        other = self.guest(admission)
        self.assertFalse(guest.is_stranger())
        other.left()
        self.assertTrue(guest.is_stranger())
        self.assertTrue(guest.is_stranger())
        guest.left()
        self.assertEqual(admission.inside, 0)


class AllSources(SynchronousTestCase):
    """The limit of the listener."""

    def test_the_whole_is_limited(self) -> None:
        """SECURITY part 5: 2,000 connections."""
        admission = Admission()
        admitted = sum(admission.admit(f"10.0.{number % 250}.{number // 250}") for number in range(2100))
        self.assertEqual((admitted, admission.inside), (MAX_CONNECTIONS, MAX_CONNECTIONS))
        admission.left("10.0.0.0")
        self.assertTrue(admission.admit("192.0.2.1"))
        self.assertFalse(admission.admit("192.0.2.1"))
