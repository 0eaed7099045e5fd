"""Several files at once, one of which is refused over MSRP: its line is closed, the others go on (E.8, A-20, A-21)."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import sdp
from pushsvc.errors import Unreachable
from pushsvc.msrp.chunk import Send
from pushsvc.net.msrp_receiving import Wanted
from pushsvc.sender.job import AttemptResult, FileState
from pushsvc.sender.outcome import RetryPolicy, State, judge
from pushsvc.sessions import Invitation, Take
from pushsvc.sip.message import Request
from tests.agents import Agent, Kept, left
from tests.conversations.case import Said
from tests.pushing import SendingSide
from tests.sim import Network, Weather

SMALL, LARGE = b"small" * 500, bytes(2_000_000)
FAILED, DELIVERED = FileState.FAILED, FileState.DELIVERED


class GivenUp(SynchronousTestCase):
    """A receiver that takes what it must, and then refuses the first file."""

    def begin(self, **ways: float) -> None:
        self.network = Network(weather=Weather(segment=16384))  # two megabytes need no finer grain
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.sender = SendingSide(self.network, self.directory, **ways)
        self.ladder: list[str] = []
        self.kept: list[Kept] = []
        self.said = Said("bob", self.ladder, self.network.clock)
        self.bob = Agent(self.network, "192.0.2.20", "bob", observers=(self.said,))
        self.bob.sessions.on_invitation = self.take

    def take(self, invitation: Invitation) -> None:
        takes = [Take(self.wanted(line), ("*",)) for line in invitation.lines]
        invitation.accept(takes, self.bob.describe_answer)

    def wanted(self, line: sdp.MediaOffer) -> Wanted:
        first = line.index == 0
        return Wanted(lambda type: not first, self.make_sink)

    def make_sink(self, send: Send) -> Kept:
        self.kept.append(Kept(send))
        return self.kept[-1]

    def pushed(self, *contents: bytes) -> AttemptResult:
        result = self.network.run(self.sender.deliver(self.sender.job(*contents, to="sip:bob@192.0.2.20")))
        assert isinstance(result, AttemptResult)
        return result

    def ports(self, said: Said, which: int) -> list[int]:
        """The ports of the media lines in the INVITE that this one heard then."""
        invites = [each for each in said.heard if getattr(each, "method", "") == "INVITE"]
        return [line.port for line in sdp.media(sdp.parse(invites[which].body))]

    def assert_nothing_left(self) -> None:
        self.assertEqual(left(self.network, self.sender.stack, self.bob), [])

    def test_a_refused_type_closes_its_line_while_another_runs(self) -> None:
        """[D-MSRP-3] [R-PSA-REL-T1] 415: the sender does not send that type again, and says port 0 for the line."""
        self.begin()
        result = self.pushed(SMALL, LARGE)
        self.assertEqual([(file.result, file.code) for file in result.files], [(FAILED, 415), (DELIVERED, 200)])
        self.assertEqual([bool(port) for port in self.ports(self.said, 1)], [False, True])
        self.assertEqual([bytes(kept.octets) for kept in self.kept], [LARGE])
        self.assertEqual(self.ladder.count("bob 415 type not acceptable"), 1)
        self.assert_nothing_left()

    def test_a_file_that_the_answer_excludes_closes_its_line_while_another_runs(self) -> None:
        """[D-MSRP-2] [R-PSA-REL-T1] Nothing of it is sent; the receiver need not keep a session for it."""
        self.begin()
        self.wanted = lambda line: Wanted(lambda type: True, self.make_sink)  # type: ignore[method-assign]
        self.bob.sessions.on_invitation = self.take_small_first
        result = self.pushed(SMALL, LARGE)
        self.assertEqual([file.result for file in result.files], [FileState.REFUSED, DELIVERED])
        self.assertEqual([bool(port) for port in self.ports(self.said, 1)], [False, True])
        self.assertEqual([bytes(kept.octets) for kept in self.kept], [LARGE])
        self.assert_nothing_left()

    def take_small_first(self, invitation: Invitation) -> None:
        sizes = (100, None)
        takes = [Take(self.wanted(line), ("*",), size) for line, size in zip(invitation.lines, sizes, strict=True)]
        invitation.accept(takes, self.bob.describe_answer)

    def test_a_413_closes_its_line_from_the_other_side(self) -> None:
        """[D-MSRP-3] Flow 10 with another file running: the receiver's port 0, and no second one of ours."""
        self.begin()
        self.wanted = lambda line: Wanted(lambda type: True, self.make_sink, None if line.index else 100)  # type: ignore[method-assign]
        result = self.pushed(SMALL, LARGE)
        self.assertEqual([(file.result, file.code) for file in result.files], [(FAILED, 413), (DELIVERED, 200)])
        self.assertEqual(self.ladder.count("bob INVITE"), 1)
        self.assertEqual(len([each for each in self.said.heard if getattr(each, "method", "") == "INVITE"]), 1)
        self.assertLess(self.network.clock.seconds(), 60.0)
        self.assert_nothing_left()

    def test_a_413_and_nothing_that_follows(self) -> None:
        """[D-MSRP-3] A receiver that says 413 and leaves it at that: after delivery.after_413 the sender closes it."""
        self.begin(after_413=0.2)
        self.wanted = lambda line: Wanted(lambda type: True, self.make_sink, None if line.index else 100)  # type: ignore[method-assign]
        session = self.bob.sessions
        self.patch(session, "_remember", lambda made, remember=session._remember: (deaf(made), remember(made)))
        result = self.pushed(SMALL, LARGE)
        self.assertEqual([(file.result, file.code) for file in result.files], [(FAILED, 413), (DELIVERED, 200)])
        self.assertEqual(self.ladder.count("bob INVITE"), 0)
        self.assertEqual([bool(port) for port in self.ports(self.said, 1)], [False, True])
        self.assert_nothing_left()

    def test_an_answer_that_takes_no_file_ends_the_session(self) -> None:
        """[A-38] Port 0 in every line: there is nothing to linger for."""
        self.begin(linger=30.0)
        self.bob.sessions.on_invitation = lambda invitation: invitation.accept(
            [None for _ in invitation.lines], self.bob.describe_answer
        )
        result = self.pushed(SMALL, LARGE)
        self.assertEqual([file.result for file in result.files], [FileState.REFUSED] * 2)
        self.assertEqual((result.failure, result.sip_status, result.peer), (None, 200, None))
        self.network.settle(1.0)
        self.assertEqual(self.ladder[-1], "bob 200 BYE")
        self.assert_nothing_left()

    def test_what_is_told_is_why_a_file_has_to_be_sent_again(self) -> None:
        """The first file is refused for good, the second is cut: the refusal explains no second attempt."""
        self.begin()
        pushing = self.sender.deliver(self.sender.job(SMALL, LARGE, to="sip:bob@192.0.2.20"))
        while not self.kept or len(self.kept[0].octets) < 100_000:
            self.network.step()
        for session in list(self.bob.sessions._sessions.values()):
            session.close("no room")
        result = self.network.run(pushing)
        self.assertEqual([(file.result, file.code) for file in result.files], [(FAILED, 415), (FAILED, None)])
        self.assertIsInstance(result.failure, Unreachable)
        self.assert_nothing_left()

    def test_a_line_that_the_receiver_closes_in_mid_transfer_is_a_refusal(self) -> None:
        """RFC 5547 §8.4: by port 0 it aborts the transfer, and that does not mean "later"."""
        for contents, ends in ((LARGE, LARGE), [FileState.REFUSED, DELIVERED]), ((LARGE,), [FileState.REFUSED]):
            self.begin()
            self.wanted = lambda line: Wanted(lambda type: True, self.make_sink)  # type: ignore[method-assign]
            pushing = self.sender.deliver(self.sender.job(*contents, to="sip:bob@192.0.2.20"))
            while not (self.kept and len(self.kept[0].octets) > 100_000):
                self.network.clock.advance(self.network.weather.delay)
            (session,) = self.bob.sessions._sessions.values()
            Deferred.fromCoroutine(session._own.close_lines([0]))
            result = self.network.run(pushing)
            assert isinstance(result, AttemptResult)
            self.assertEqual([file.result for file in result.files], ends)
            self.assertIsNone(result.failure)
            self.assertRegex(result.why_mode, r"the receiver ended .+ after [0-9]+ octets")
            outcome = judge(result, result.files, tries=1, now=0.0, policy=RetryPolicy(), not_after=1e6, chance=0.5)
            self.assertEqual(outcome.state, State.DELIVERED if DELIVERED in ends else State.REJECTED)
            self.assert_nothing_left()
            heard = [each.method if isinstance(each, Request) else each.status for each in self.said.heard]
            self.assertEqual(
                [each for each in heard[2:] if each != "ACK"], [200, "BYE"]
            )  # its INVITE is answered first

    def test_two_large_files_go_side_by_side(self) -> None:
        """[R-INF-4] [D-MSRP-1] [A-44] Chunk by chunk, over one connection: neither waits for the other to end."""
        self.begin()
        self.wanted = lambda line: Wanted(lambda type: True, self.make_sink)  # type: ignore[method-assign]
        other = bytes(range(250)) * 8000
        pushing = self.sender.deliver(self.sender.job(LARGE, other, to="sip:bob@192.0.2.20"))
        while sum(len(kept.octets) for kept in self.kept) < len(LARGE):
            self.network.step()
        first, second = (len(kept.octets) for kept in self.kept)
        self.assertLess(abs(first - second), 200_000, (first, second))
        result = self.network.run(pushing)
        self.assertEqual([file.result for file in result.files], [DELIVERED, DELIVERED])
        connections = [stream for stream in self.network.streams if stream.remote == ("192.0.2.20", 2855)]
        self.assertEqual(len(connections), 1)
        self.assertCountEqual([bytes(kept.octets) for kept in self.kept], [LARGE, other])
        self.assert_nothing_left()


def deaf(session: object) -> None:
    """It does not hear that one of its lines is to be closed."""
    session._plane._tell_lost = lambda line, error: None  # type: ignore[attr-defined]
