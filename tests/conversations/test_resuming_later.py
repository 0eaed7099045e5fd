"""Transfers that were cut with their dialog: the rest is offered by a new one, and joined (flow 11)."""

from __future__ import annotations

from pathlib import Path

import attrs

from pushsvc.errors import Unreachable
from pushsvc.net.msrp_session import MsrpSession
from pushsvc.sender.job import AttemptResult, FileState, Job
from tests.conversations.resume_case import CHUNK, CONTENT, ResumeCase


async def _cannot(session: MsrpSession, *, foreign: bool) -> None:
    raise Unreachable("no route")


class InANewDialog(ResumeCase):
    """Dialog and connection are gone; the next attempt begins with an INVITE."""

    def test_the_rest_is_offered_at_once(self) -> None:
        """[F-14] The same offer in a fresh INVITE is equally valid (flow 11)."""
        self.begin_keeping()
        result = self.gone()
        self.assertIsInstance(result.failure, Unreachable)
        start = result.files[0].resume_at
        self.assertEqual((start, result.octets_acknowledged), (6 * CHUNK, 6 * CHUNK))
        again = self.again(self.job, result)
        self.assertEqual(self.ranges(), ["whole", f"{start + 1}-{len(CONTENT)}"])
        self.assertIn(f"resumed at octet {start + 1}", again.why_mode)
        self.assert_delivered_once(again)

    def test_a_receiver_that_has_not_kept_it_gets_it_whole_in_the_same_attempt(self) -> None:
        """488 to the rest, as nothing else is offered; then a second INVITE."""
        self.begin_keeping(keep_for=60.0)
        result = self.gone()
        self.network.settle(61.0)
        self.assertEqual(self.tmp(), [])
        again = self.again(self.job, result)
        self.assertEqual([each.partition("-")[0] for each in self.ranges()], ["whole", "393217", "whole"])
        whole = [offer.transfer_id for offer in self.offers() if offer.file_range is None]
        self.assertEqual(len(set(whole)), 1, "so that a repetition is known")
        self.assert_delivered_once(again)

    def test_one_rest_of_two_is_not_there(self) -> None:
        """Port 0 for that one; it is offered whole, the other's rest again."""
        self.begin_keeping()
        contents = [CONTENT, CONTENT[1:]]
        job = self.sender.job(*contents)
        delivering = self.sender.deliver(job)
        self.until(self.acknowledged(700_000))
        (session,) = self.receiver.stack.sessions._sessions.values()
        session.close("no room")
        result = self.network.run(delivering)
        self.network.settle(1.0)
        (lost, *_) = self.receiver.inbox.partials._kept.values()
        claimed = self.receiver.inbox.partials.claim(lost.file_id, 1)
        assert claimed is not None
        again = self.again(job, result)
        self.assertEqual([file.result for file in again.files], [FileState.DELIVERED] * 2)
        self.assertCountEqual(self.receiver.contents(), contents)
        self.assertEqual(again.why_mode.count("resumed"), 1)
        self.receiver.inbox.partials.give_back(claimed)

    def test_two_pushes_of_the_same_file_that_were_both_cut(self) -> None:
        """Nobody can tell whose first part a rest belongs to: both come whole, and both are in the inbox."""
        self.begin_keeping()
        cut = []
        for transfer_id in ("one", "two"):
            result = self.gone(transfer_id=transfer_id)
            cut.append((self.job, result))
        self.assertEqual(self.tmp(), [])
        for job, result in cut:
            self.assertEqual([file.result for file in self.again(job, result).files], [FileState.DELIVERED])
        self.assertEqual(self.receiver.contents(), [CONTENT, CONTENT])
        self.assertEqual([entry.about.key for entry in self.receiver.arrived], ["one", "two"])
        self.assert_nothing_left()

    def test_the_last_200_was_lost_with_everything(self) -> None:
        """Promise 3: in a new dialog nothing says which push the rest is of; the whole is known by its id."""
        self.begin_keeping()
        job = self.sender.job(CONTENT)
        delivering = self.sender.deliver(job)
        self.until(lambda: self.receiver.arrived)
        (session,) = self.receiver.stack.sessions._sessions.values()
        self.cut()
        session.close("no room")
        result = self.network.run(delivering)
        self.assertGreater(result.files[0].resume_at, 0)
        again = self.again(job, result)
        self.assertEqual(self.ranges()[1:][-1], "whole")
        self.assert_delivered_once(again)

    def test_another_sender_finds_nothing(self) -> None:
        """Who knows a hash does not get at what somebody else has begun."""
        self.begin_keeping()
        result = self.gone()
        ways = self.sender.delivery._ways
        other = attrs.evolve(ways.caller, identity=attrs.evolve(ways.caller.identity, user="mallory"))
        self.sender.delivery._ways = attrs.evolve(ways, caller=other)
        self.again(self.job, result)
        self.assertEqual(self.ranges()[-1], "whole")
        self.assertEqual(len(self.receiver.inbox.partials._kept), 1)

    def test_what_is_joined_must_be_the_file(self) -> None:
        """[D-MSRP-4] 400, the first part goes, and the next attempt is whole."""
        self.begin_keeping()
        result = self.gone()
        name = next(name for name in self.tmp() if name.endswith(".txt"))
        path = Path(self.receiver.inbox.directory) / "tmp" / name
        with path.open("r+b") as file:
            file.write(b"torn")
        again = self.again(self.job, result)
        self.assertEqual(str(again.failure), "the rest was refused: MSRP 400 Hash mismatch")
        self.assertEqual((again.files[0].result, again.files[0].resume_at), (FileState.FAILED, 0))
        assert again.failure is not None
        self.assertTrue(again.failure.retry)
        self.assertEqual((self.tmp(), self.receiver.arrived), ([], []))
        self.assert_delivered_once(self.again(self.job, again))

    def test_a_peer_that_does_not_know_ranges_gets_no_rest_for_a_file(self) -> None:
        """RFC 5547 §8.3.1: its answer would repeat the range."""
        self.begin_keeping()
        result = self.gone()
        self.forget_ranges()
        again = self.again(self.job, result)
        self.assertEqual([each.partition("-")[0] for each in self.ranges()], ["whole", "393217", "whole"])
        self.assertEqual([file.result for file in again.files], [FileState.DELIVERED])
        self.assertEqual(self.receiver.contents(), [CONTENT])

    def test_a_rest_that_is_accepted_and_never_comes_is_kept_on(self) -> None:
        """The connection cannot be made this time."""
        self.begin_keeping()
        result = self.gone()
        before = self.tmp()
        self.patch(self.sender.stack.msrp, "connect", _cannot)
        again = self.push(self.rest(result))
        self.assertIsInstance(again.failure, Unreachable)
        self.network.settle(1.0)
        self.assertEqual(self.tmp(), before)
        self.assertTrue(self.receiver.inbox.partials._kept)

    def rest(self, result: AttemptResult) -> Job:
        content = attrs.evolve(self.job.contents[0], resume_at=result.files[0].resume_at)
        return attrs.evolve(self.job, contents=(content,))

    def test_after_its_time_nothing_is_left(self) -> None:
        """Promise 5, an hour later."""
        self.begin_keeping()
        self.gone()
        self.network.settle(3500.0)
        self.assertEqual(len(self.tmp()), 2)
        self.network.settle(101.0)
        self.assert_nothing_left()
