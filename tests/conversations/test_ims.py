"""What an IMS core sees of us and does to us (TS 24.229): who we say we are, what it asserts, how it releases."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.digest import Account
from pushsvc.errors import Refused, Unreachable
from pushsvc.net import reaching
from pushsvc.sender.job import AttemptResult, FileState
from pushsvc.sessions import Ended
from tests.agents import Octets
from tests.conversations.case import ALICE, BOB, NOTICE, Said
from tests.conversations.core_case import CoreCase
from tests.core import CORE, PROXY, Core, words
from tests.gate import Gate
from tests.pushing import ICSI, ReceivingSide, SendingSide
from tests.sim import Network

PREFERRED = ("P-Preferred-Identity", "P-Preferred-Service")
PRIVATE = (*PREFERRED, "P-Asserted-Identity", "P-Asserted-Service")


class Establishing(SynchronousTestCase):
    """A push through a core that asks for credentials."""

    def push(self, content: bytes, mode: str, **facts: Any) -> AttemptResult:
        """One push; the core is trusted by the receiver."""
        self.patch(reaching, "BIGGEST_DATAGRAM", 65000)
        self.network = Network()
        directory = Path(self.mktemp())
        (directory / "content").mkdir(parents=True)
        self.core = Core(self.network, gate=Gate())
        sender = SendingSide(
            self.network, directory / "content", account=Account("alice", "secret"), caller={"route": PROXY} | facts
        )
        self.receiver = ReceivingSide(self.network, directory / "inbox", trusted=(ip_network(f"{CORE}/32"),))
        result = self.network.run(sender.deliver(sender.job(content, mode=mode)))
        assert isinstance(result, AttemptResult)
        self.network.settle(1.0)
        return result

    def test_the_core_is_told_who_and_what(self) -> None:
        """[R-PSA-200-5] Before the challenge and after it, with the core's Route, in INVITE and in MESSAGE."""
        for mode, content, method in (("msrp", b"x" * 5000, "INVITE"), ("message", b"Gate 3 is open", "MESSAGE")):
            result = self.push(content, mode, ims=True)
            self.assertEqual([file.result for file in result.files], [FileState.DELIVERED])
            asked = self.core.requests(method)
            self.assertEqual([each.cseq.number for each in asked], [1, 2])
            for request in asked:
                self.assertEqual(
                    [request.headers.all(name) for name in PREFERRED], [["<sip:push@example.com>"], [ICSI]]
                )
                self.assertEqual(request.headers.all("Route"), [f"<{PROXY}>"])
            self.assertTrue(self.receiver.arrived[0].about.asserted)

    def test_others_are_told_nothing_of_that(self) -> None:
        """[R-PSA-200-5] [D-SIP-12] Nothing is preferred without `ims`, nothing ever asserted by us."""
        for ims, silent in ((False, PRIVATE), (True, PRIVATE[2:])):
            self.push(b"x" * 5000, "msrp", ims=ims)
            for message in self.core.heard:
                self.assertEqual([name for name in silent if name in message.headers], [], words(message))

    def test_later_requests_have_no_preferences(self) -> None:
        """[R-PSA-REL-6] [R-PRA-REL-4] The dialog says who it is: a BYE needs no element more than anywhere else."""
        self.push(b"x" * 5000, "msrp", ims=True)
        for request in (*self.core.requests("ACK")[1:], *self.core.requests("BYE")):
            self.assertEqual([name for name in (*PRIVATE, "Reason") if name in request.headers], [], request.method)
        self.assertEqual(len(self.core.requests("BYE")), 1)


class Releasing(CoreCase):
    """The core hangs up for one side, as it does when a bearer is lost or nobody pays any more."""

    def setUp(self) -> None:
        self.begin_with_core(None)
        self.session = self.through_core()
        self.other = self.session_of(self.bob)

    def test_at_both_sides(self) -> None:
        """[R-PSA-REL-6] [R-PRA-REL-4] Each says 200 and nothing more; what it has is let go."""
        for address, session in ((ALICE, self.session), (BOB, self.other)):
            answer = self.core.hang_up(address, session.dialog)
            self.assertEqual((answer.status, answer.cseq.method), (200, "BYE"))
            self.assertEqual(self.successResultOf(session.when_ended()), Ended("the peer hung up", ours=False))
        self.assertEqual((self.alice_said.requests("BYE"), self.bob_said.requests("BYE")), ([], []))
        self.assert_nothing_left()

    def test_in_the_middle_of_a_transfer(self) -> None:
        """[R-PSA-REL-6] [R-PRA-REL-4] The sender does not call it delivered, the receiver keeps no part of it."""
        large = Octets(bytes(5_000_000))
        self.begin_with_core(None)
        session = self.opened(large, route=PROXY)
        sending = session.lines[0].send(large)
        self.network.settle(0.5)
        self.assertEqual(self.core.hang_up(BOB, self.session_of(self.bob).dialog).status, 200)
        self.assertEqual(self.core.hang_up(ALICE, session.dialog).status, 200)
        self.failureResultOf(sending, Unreachable, Refused)
        self.assertEqual((self.received(), self.kept[0].discarded), ([], "the session was closed"))
        self.assert_nothing_left()

    def test_whoever_does_not_know_the_dialog_ends_nothing(self) -> None:
        """[R-PSA-REL-6] [R-PRA-REL-4] 481 for another tag; the session goes on."""
        for address, session in ((ALICE, self.session), (BOB, self.other)):
            answer = self.core.hang_up(address, session.dialog, tag="guessed")
            self.assertEqual((answer.status, session.is_alive), (481, True))
        self.network.run(self.session.lines[0].send(NOTICE))
        self.network.run(self.session.close())
        self.assertEqual(self.received(), [NOTICE.octets])
        self.assert_nothing_left()

    def test_our_own_bye_goes_through_the_core(self) -> None:
        """[R-PSA-REL-6] [R-PSA-REL-3] To the Contact of the peer, by the recorded route."""
        self.network.run(self.session.close())
        self.assert_said_bye(self.alice_said, BOB)

    def test_the_receivers_own_bye_goes_through_the_core(self) -> None:
        """[R-PRA-REL-4]"""
        self.network.run(self.other.close())
        self.assert_said_bye(self.bob_said, ALICE)

    def assert_said_bye(self, said: Said, peer: str) -> None:
        (bye,), (heard,) = said.requests("BYE"), self.core.requests("BYE")
        self.assertEqual((bye.via, bye.headers.all("Route")), (heard.via, [f"<{PROXY}>"]))
        self.assertIn(f"@{peer}", str(bye.uri))
        self.assert_nothing_left()
