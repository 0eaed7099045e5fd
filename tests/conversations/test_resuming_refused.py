"""Rests that other receivers than ours refuse."""

from __future__ import annotations

from pathlib import Path

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import Withdrawn
from pushsvc.sender.job import AttemptResult, FileState
from pushsvc.sessions import Invitation, Send, Take, Wanted
from tests.agents import Agent, Kept, left
from tests.conversations.resume_case import CHUNK, CONTENT
from tests.pushing import SendingSide
from tests.sim import Network


class OtherReceivers(SynchronousTestCase):
    """They say no in other ways than ours does."""

    def begin(self) -> None:
        self.network = Network()
        directory = Path(self.mktemp())
        directory.mkdir()
        self.sender = SendingSide(self.network, directory)
        self.peer = Agent(self.network, "192.0.2.20", "alice")
        self.kept: list[Kept] = []
        self.offered: list[str] = []
        self.peer.sessions.on_invitation = self.invited

    def invited(self, invitation: Invitation) -> None:
        """Whole files are taken; a rest is answered with port 0."""
        (line,) = invitation.lines
        self.offered.append(str(line.file_range or "whole"))
        if line.file_range is None:
            self.peer.accept(invitation, self.kept)
        else:
            invitation.accept([None], self.peer.describe_answer)

    def deliver(self, resume_at: int = 0) -> Deferred[AttemptResult]:
        self.job = self.sender.job(CONTENT)
        content = attrs.evolve(self.job.contents[0], resume_at=resume_at)
        return self.sender.deliver(attrs.evolve(self.job, contents=(content,)))

    def assert_nothing_left(self) -> None:
        self.assertEqual(left(self.network, self.sender.stack, self.peer), [])

    def deliver_and_cut(self) -> AttemptResult:
        delivering = self.deliver()
        while not self.sender.progress or self.sender.progress[-1][1] < 300_000:
            self.network.step()
        (stream,) = (s for s in self.network.streams if s.local == ("192.0.2.20", 2855) and s.connected)
        stream.abortConnection()
        result = self.network.run(delivering)
        assert isinstance(result, AttemptResult)
        return result

    def wrap_please(self, invitation: Invitation) -> None:
        """Whatever is offered is wanted wrapped."""
        self.offered.append(str(invitation.lines[0].file_range or "whole"))

        def make_sink(send: Send) -> Kept:
            self.kept.append(Kept(send))
            return self.kept[-1]

        take = Take(Wanted(lambda type: True, make_sink), ("message/cpim",))
        invitation.accept([take], self.peer.describe_answer)

    def test_a_wrapped_content_is_sent_whole_again(self) -> None:
        """[F-12] Nobody keeps a first part of it."""
        self.begin()
        self.peer.sessions.on_invitation = self.wrap_please
        result = self.deliver_and_cut()
        self.assertEqual((self.offered, result.files[0].resume_at), (["whole"], 0))
        self.assertEqual([each.send.content_type for each in self.kept], ["message/cpim"])
        self.assert_nothing_left()

    def test_a_rest_is_not_wrapped(self) -> None:
        """A peer that has changed its mind about wrapping gets it whole the next time."""
        self.begin()
        self.peer.sessions.on_invitation = self.wrap_please
        result = self.network.run(self.deliver(resume_at=CHUNK))
        self.assertEqual(str(result.failure), "the rest of a file cannot be wrapped")
        self.assertEqual((result.files[0].resume_at, self.kept), (0, []))
        self.assertTrue(result.failure.retry)
        self.assert_nothing_left()

    def test_port_0_in_the_dialog(self) -> None:
        """The next attempt is whole."""
        self.begin()
        result = self.deliver_and_cut()
        self.assertEqual(self.offered, ["whole", f"{5 * CHUNK + 1}-{len(CONTENT)}"])
        self.assertEqual((result.files[0].result, result.files[0].resume_at), (FileState.FAILED, 0))
        assert result.failure is not None
        self.assertTrue(result.failure.retry)
        self.assert_nothing_left()

    def test_port_0_and_nothing_else_in_a_new_dialog(self) -> None:
        """Whole, in the same attempt."""
        self.begin()
        result = self.network.run(self.deliver(resume_at=CHUNK))
        self.assertEqual(self.offered, [f"{CHUNK + 1}-{len(CONTENT)}", "whole"])
        self.assertEqual(result.files[0].result, FileState.DELIVERED)
        self.assertEqual([bytes(each.octets) for each in self.kept if each.finished], [CONTENT])
        self.assert_nothing_left()

    def test_another_refusal_of_a_rest_is_one_of_the_push(self) -> None:
        """486 says nothing about what was kept: the rest is offered again the next time."""
        self.begin()
        self.peer.sessions.on_invitation = lambda invitation: invitation.refuse(486)
        result = self.network.run(self.deliver(resume_at=CHUNK))
        self.assertEqual((result.files, result.sip_status, result.octets_acknowledged), ((), 486, 0))
        self.assert_nothing_left()

    def test_a_withdrawn_rest(self) -> None:
        """Nothing is left of it."""
        self.begin()
        self.peer.sessions.on_invitation = lambda invitation: self.peer.accept(invitation, self.kept) and None
        delivering = self.deliver(resume_at=CHUNK)
        self.network.settle(0.3)
        delivering.cancel()
        self.assertIsInstance(self.network.run(delivering).failure, Withdrawn)
        self.assert_nothing_left()
