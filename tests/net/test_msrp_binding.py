"""Whose session a connection may carry by its path (requirements E.11); by its certificate: test_msrp_certificates."""

from __future__ import annotations

import attrs

from pushsvc.msrp.chunk import FailureReport, Reply, encode
from pushsvc.msrp.framer import Begun
from pushsvc.msrp.uri import MsrpUri
from pushsvc.net.msrp_connection import EARLY_SECONDS
from tests.msrp.values import heard, make_send
from tests.net.msrp_sides import BOB, CAROL, PORT, MsrpTest, Shelf
from tests.wires import Calling, Wire

PLAIN = PORT + 1
PEER = MsrpUri.parse("msrp://192.0.2.1:9/peer;tcp")


class BindingTest(MsrpTest):
    """A peer that writes what a test wants, to the plain listener."""

    secure = False

    def setUp(self) -> None:
        super().setUp()
        self.session = self.bob.open(secure=False)
        self.session.peer_path = (PEER,)
        self.session.receive(Shelf().wanted())
        self.peer = self.call()

    def call(self) -> Wire:
        calling = Calling()
        self.network.host(CAROL).connectTCP(BOB, PLAIN, calling)
        self.network.settle(0.05)
        return calling.wire

    def send(self, peer: Wire | None = None, to: str = "", from_: str = "", **facts: object) -> int | None:
        """Send a note; the status of the reply, None where there is none."""
        peer = peer or self.peer
        head = make_send(
            f"tid{len(peer.octets)}",
            content_type=None,
            byte_range=(1, 0, 0),
            **facts,  # type: ignore[arg-type]
        )
        to_path = tuple(MsrpUri.parse(uri) for uri in (to or self.session.own.text).split(" "))
        head = attrs.evolve(head, to_path=to_path, from_path=(MsrpUri.parse(from_ or PEER.text),))
        before = len(peer.octets)
        peer.transport.write(encode(head))
        self.network.settle(1)
        (events, _) = heard(peer.octets[before:])
        return events[0].head.status if events else None  # type: ignore[union-attr]

    def statuses(self) -> list[int]:
        """Those of all replies so far."""
        (events, _) = heard(self.peer.octets)
        return [event.head.status for event in events if isinstance(event, Begun) and isinstance(event.head, Reply)]


class Binding(BindingTest):
    """The first SEND says which session it is for."""

    def test_the_first_send_binds_the_session(self) -> None:
        """[R-PRA-INV-8] Before the ACK, if it likes."""
        self.assertEqual(self.send(), 200)
        self.assertEqual(self.bob.bound, [self.session])
        self.assertEqual(self.send(), 200)
        self.assertEqual(self.bob.bound, [self.session])

    def test_paths_that_are_not_ours(self) -> None:
        """[D-MSRP-3] 481: unknown or differing To-Path, or more than one URI: we are no relay."""
        own = self.session.own.text
        for to in (
            "msrp://192.0.2.2:2856/unknown;tcp",
            own.replace(str(PLAIN), "2857"),
            own.replace("msrp:", "msrps:"),
            own.upper().replace("MSRP", "msrp"),
            "msrp://192.0.2.2:2856;tcp",
            f"{own} {PEER.text}",
            f"{PEER.text} {own}",
        ):
            self.assertEqual(self.send(to=to), 481, to)
        self.assertEqual(self.bob.bound, [])

    def test_a_peer_that_is_not_the_announced_one(self) -> None:
        """[D-MSRP-3] 481 for a From-Path of another session, also after the right peer has come."""
        stranger = PEER.text.replace("peer", "stranger")
        self.assertEqual(self.send(from_=stranger), 481)
        self.assertEqual(self.send(from_=PEER.text.replace(":9/", ":2855/")), 200)
        self.assertEqual(self.send(from_=stranger), 481)

    def test_a_session_is_bound_to_one_connection(self) -> None:
        """[D-MSRP-3] 506 over any other, and nothing changes for the first."""
        self.assertEqual(self.send(), 200)
        other = self.call()
        self.assertEqual(self.send(other), 506)
        self.assertEqual(self.send(), 200)

    def test_a_lost_session_is_not_bound_again(self) -> None:
        """E.11: no silent reconnect on the same URIs. The peer hears 481 and starts over."""
        self.assertEqual(self.send(), 200)
        self.peer.transport.abortConnection()
        self.network.settle(1)
        self.assertEqual(len(self.bob.failed), 1)
        self.assertEqual(self.send(self.call()), 481)

    def test_a_closed_session_is_unknown(self) -> None:
        """[D-MSRP-3] Whatever still comes after the BYE."""
        self.assertEqual(self.send(), 200)
        self.bob.endpoint.close(self.session)
        self.bob.endpoint.close(self.session)
        self.assertEqual(self.send(), 481)

    def test_two_sessions_over_one_connection(self) -> None:
        """[D-TLS-1] Each bound by its own first SEND."""
        second = self.bob.open(secure=False)
        second.peer_path = (PEER,)
        self.assertEqual((self.send(), self.send(to=second.own.text)), (200, 200))
        self.assertEqual((self.bob.bound, self.bob.endpoint.connections), ([self.session, second], 1))

    def test_a_refusal_that_nobody_wants_to_hear(self) -> None:
        """[D-MSRP-3] Failure-Report: no."""
        self.assertEqual(self.send(to="msrp://192.0.2.2:2856/unknown;tcp", failure_report=FailureReport.NO), None)

    def test_a_session_over_tls_is_not_taken_in_clear_text(self) -> None:
        """[D-TLS-1] Else anybody could deliver in the name of a fingerprint without having any certificate."""
        self.session = self.bob.open()
        self.session.peer_path, self.session.fingerprints = (PEER,), self.alice.prints()
        self.assertEqual((self.send(), self.bob.bound, len(self.bob.failed)), (None, [], 1))
        self.assertNotEqual(self.peer.lost, None)


class Early(BindingTest):
    """The peer's answer made it active, and its SEND is here before that answer: we know no path of it yet."""

    def setUp(self) -> None:
        super().setUp()
        self.session.peer_path = ()

    def test_a_send_that_overtakes_the_answer_waits_for_it(self) -> None:
        """[R-UP-G1] [D-MSRP-3] Nothing is said, and nothing delivered, before it is known whose it is."""
        self.assertEqual(self.send(), None)
        self.assertEqual(self.send(), None)
        self.assertEqual(self.bob.bound, [])
        self.session.agreed((PEER,))
        self.network.settle(1)
        self.assertEqual((self.statuses(), self.bob.bound), ([200, 200], [self.session]))

    def test_it_does_not_wait_for_ever(self) -> None:
        """[D-MSRP-3] 481 after all; and a second try waits as long again."""
        for number in (1, 2):
            self.send()
            self.network.settle(EARLY_SECONDS - 2)
            self.assertEqual(self.statuses(), [481] * (number - 1))
            self.network.settle(2)
            self.assertEqual(self.statuses(), [481] * number)
        self.assertEqual(self.bob.bound, [])

    def test_the_answer_says_that_it_is_somebody_else(self) -> None:
        """[D-MSRP-3] 481 as soon as that is known."""
        self.send()
        self.session.agreed((MsrpUri.parse("msrp://192.0.2.1:9/another;tcp"),))
        self.network.settle(1)
        self.assertEqual((self.statuses(), self.bob.bound), ([481], []))

    def test_the_answer_is_no(self) -> None:
        """[D-MSRP-3] There is no such session any more."""
        self.send()
        self.bob.endpoint.close(self.session)
        self.network.settle(1)
        self.assertEqual((self.statuses(), self.bob.bound), ([481], []))

    def test_one_that_waits_may_go_away(self) -> None:
        """It is forgotten, and the answer finds nobody."""
        self.send()
        self.peer.transport.abortConnection()
        self.network.settle(EARLY_SECONDS)
        self.session.agreed((PEER,))
        self.assertEqual(self.bob.bound, [])
        self.assert_nothing_left(self.session)

    def test_what_comes_behind_it_is_not_even_read(self) -> None:
        """So an early peer makes us hold no more than one read."""
        self.send()
        self.peer.transport.write(bytes(1_000_000))
        self.network.settle(1)
        (far,) = [stream for stream in self.network.streams if stream.local == (BOB, PLAIN)]
        self.assertEqual(far.unread, 1_000_000)
        self.network.settle(EARLY_SECONDS)
        self.assertEqual(far.unread, 0)
