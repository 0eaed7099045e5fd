"""Transfers that are cut: the rest is offered, in the same dialog or a new one, and joined (flow 11)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import sdp
from pushsvc.config.receiver import Action, Rule
from pushsvc.errors import Refused, Unreachable, Withdrawn
from pushsvc.net.msrp_session import MsrpSession
from pushsvc.receiver.inbox import Inbox
from pushsvc.receiver.partials import Limits
from pushsvc.sender.course import MAX_RESUMPTIONS
from pushsvc.sender.job import AttemptResult, FileResult, FileState, Job
from pushsvc.sessions import Invitation, Send, Session, Take, Wanted
from tests.agents import Agent, Kept, Octets, left
from tests.conversations.push_case import PushCase
from tests.pushing import SendingSide, at_once
from tests.sim import Network

CONTENT = bytes(range(256)) * 4096  # 1 MiB, 16 chunks
CHUNK = 65536


class ResumeCase(PushCase):
    """A receiver that keeps first parts, a sender that can be cut off at any octet."""

    def begin_keeping(self, *rules: Rule, **limits: Any) -> None:
        self.limits = Limits(**{"keep_for": 3600.0, **limits})
        self.begin(rules=rules, limits=self.limits)

    def close_everything(self) -> None:
        """Sooner or later; what is kept has its time."""
        if self.network is not None:
            for stack in (self.sender.stack, self.receiver.stack):
                stack.sessions.close_all("the test is over")
            self.network.settle(self.limits.keep_for + 1.0)
        super().close_everything()

    def offers(self) -> list[sdp.MediaOffer]:
        """The first line of each offer of the sender's."""
        return [sdp.media(sdp.parse(invite.body))[0] for invite in self.sender_said.requests("INVITE")]

    def ladder(self) -> str:
        trace = self.sender.traces.of("psh_1")
        return "" if trace is None else trace.ladder()

    def ranges(self) -> list[str]:
        return [str(offer.file_range or "whole") for offer in self.offers()]

    def cut(self) -> None:
        """The MSRP connection breaks."""
        (stream,) = (s for s in self.network.streams if s.local == ("192.0.2.20", 2855) and s.connected)
        stream.abortConnection()

    def until(self, happened: Callable[[], object]) -> None:
        end = self.network.clock.seconds() + 100.0
        while not happened():
            self.assertLess(self.network.clock.seconds(), end, "it never happens")
            self.network.step()

    def acknowledged(self, octets: int) -> Callable[[], bool]:
        return lambda: bool(self.sender.progress) and self.sender.progress[-1][1] >= octets

    def again(self, job: Job, result: AttemptResult) -> AttemptResult:
        """The next attempt, as the outbox would ask for it."""
        contents = [
            attrs.evolve(content, resume_at=file.resume_at)
            for content, file in zip(job.contents, result.files, strict=True)
        ]
        return self.push(attrs.evolve(job, contents=tuple(contents), attempt=job.attempt + 1))

    def gone(self, **facts: Any) -> AttemptResult:
        """An attempt that ended with the dialog, after a third of the content; `facts` are of its file."""
        job = self.sender.job(CONTENT)
        self.job = attrs.evolve(job, contents=tuple(attrs.evolve(content, **facts) for content in job.contents))
        self.sender.progress.clear()
        delivering = self.sender.deliver(self.job)
        self.until(self.acknowledged(len(CONTENT) // 3))
        (session,) = self.receiver.stack.sessions._sessions.values()
        session.close("no room")
        result = self.network.run(delivering)
        assert isinstance(result, AttemptResult)
        self.network.settle(1.0)
        return result

    def forget_ranges(self) -> None:
        """The receiver's answers do not repeat the range of the file."""

        def forgetful(answered: Callable[..., sdp.Description]) -> Callable[..., sdp.Description]:
            def answer(*args: Any) -> sdp.Description:
                lines = sdp.format(answered(*args)).split(b"\r\n")
                return sdp.parse(b"\r\n".join(line for line in lines if not line.startswith(b"a=file-range")))

            return answer

        for name in ("answer", "answer_again"):
            self.patch(sdp, name, forgetful(getattr(sdp, name)))

    def tmp(self) -> list[str]:
        return sorted(path.name for path in (Path(self.receiver.inbox.directory) / "tmp").iterdir())

    def assert_delivered_once(self, result: AttemptResult) -> None:
        self.assertEqual([file.result for file in result.files], [FileState.DELIVERED], result)
        self.assertEqual(self.receiver.contents(), [CONTENT])
        self.assertEqual(result.octets_acknowledged, len(CONTENT))
        self.assert_nothing_left()


class InTheDialog(ResumeCase):
    """The connection breaks, the dialog lives."""

    def pushed(self, *when: Callable[[], object], size: int = len(CONTENT)) -> AttemptResult:
        """Push, and cut the connection as often as something happens."""
        self.job = self.sender.job(CONTENT[:size])
        delivering = self.sender.deliver(self.job)
        for happened in when:
            self.until(happened)
            self.cut()
        result = self.network.run(delivering)
        assert isinstance(result, AttemptResult)
        return result

    def test_the_rest_follows_in_the_same_dialog(self) -> None:
        """[F-14] [D-MSRP-1] One attempt, one entry, and every octet is counted once."""
        self.begin_keeping()
        result = self.pushed(self.acknowledged(300_000))
        first, second = self.offers()
        self.assertEqual(str(second.file_range), f"{5 * CHUNK + 1}-{len(CONTENT)}")
        self.assertEqual(first.selector, second.selector)
        self.assertNotEqual(first.transfer_id, second.transfer_id)
        self.assertNotEqual(first.path, second.path)
        self.assertEqual(len({invite.call_id for invite in self.sender_said.requests("INVITE")}), 1)
        self.assertEqual(result.why_mode, f"MSRP was asked for; file0.txt resumed at octet {5 * CHUNK + 1}")
        acknowledged = [known for _, known in self.sender.progress]
        self.assertEqual(acknowledged, sorted(acknowledged))
        self.assertEqual(self.sender.progress[-1], (len(CONTENT), len(CONTENT)))
        self.assertEqual(self.receiver.arrived[0].about.key, first.transfer_id)
        self.assert_delivered_once(result)

    def test_the_ladder_and_the_range_on_the_wire(self) -> None:
        """E.16: Byte-Range counts from 1 again."""
        self.begin_keeping()
        self.pushed(self.acknowledged(300_000))
        rest = len(CONTENT) - 5 * CHUNK
        self.assertIn(f"SEND 1-{rest}/{rest} x11", self.ladder())

    def test_again_and_again(self) -> None:
        """As long as there is progress."""
        self.begin_keeping()
        result = self.pushed(*(self.acknowledged(number * 150_000) for number in range(1, 6)))
        self.assertEqual(result.why_mode.count("resumed"), 5)
        self.assert_delivered_once(result)

    def test_not_for_ever(self) -> None:
        """A connection that breaks after every chunk had better wait for the next attempt."""
        self.begin_keeping()
        result = self.pushed(*(self.acknowledged(number * CHUNK) for number in range(1, MAX_RESUMPTIONS + 2)))
        self.assertIsInstance(result.failure, Unreachable)
        self.assertEqual(result.why_mode.count("resumed"), MAX_RESUMPTIONS)
        self.assertEqual(result.files[0].resume_at, result.octets_acknowledged)
        self.assertGreater(result.files[0].resume_at, MAX_RESUMPTIONS * CHUNK)
        self.assert_delivered_once(self.again(self.job, result))

    def test_before_the_first_acknowledgement_there_is_nothing_to_go_on_with(self) -> None:
        self.begin_keeping()
        result = self.pushed(lambda: "SEND" in self.ladder())
        self.assertIsInstance(result.failure, Unreachable)
        self.assertEqual((self.ranges(), result.files[0].resume_at), (["whole"], 0))
        self.assert_delivered_once(self.again(self.job, result))
        self.assertEqual(self.ranges(), ["whole"] * 2)

    def test_after_the_last_octet_before_its_200(self) -> None:
        """Promise 3: the file is in the inbox; what comes again is acknowledged and dropped."""
        self.begin_keeping()
        result = self.pushed(lambda: self.receiver.arrived)
        self.assertEqual(len(self.ranges()), 2)
        self.assert_delivered_once(result)

    def test_while_the_last_octets_are_made_durable(self) -> None:
        """The offer of the rest waits until it is clear that nothing is missing."""
        self.begin_keeping()
        held: list[Callable[[], None]] = []
        self.hold_threads(held)
        self.job = self.sender.job(CONTENT)
        delivering = self.sender.deliver(self.job)
        self.until(lambda: held)
        self.cut()
        self.until(lambda: len(self.offers()) == 2)
        self.network.settle(0.1)
        self.receiver.inbox.parts._in_thread = at_once
        for work in held:
            work()
        self.assert_delivered_once(self.network.run(delivering))

    def hold_threads(self, held: list[Callable[[], None]]) -> None:
        def later(function: Callable[..., Any], *args: Any) -> Deferred[Any]:
            done: Deferred[Any] = Deferred()
            held.append(lambda: at_once(function, *args).chainDeferred(done))
            return done

        self.receiver.inbox.parts._in_thread = later

    def test_a_connection_that_only_the_sender_has_lost(self) -> None:
        """The receiver learns from the offer that what it still waits for comes another way."""
        self.begin_keeping()
        delivering = self.sender.deliver(self.sender.job(CONTENT))
        self.until(self.acknowledged(300_000))
        (near,) = (s for s in self.network.streams if s.remote == ("192.0.2.20", 2855) and s.connected)
        near._lost(ConnectionResetError())
        near.peer.peer = near  # nothing tells the other end
        self.assert_delivered_once(self.network.run(delivering))

    def test_several_files_each_go_on(self) -> None:
        self.begin_keeping()
        contents = [CONTENT, CONTENT[1:], b"small"]
        delivering = self.sender.deliver(self.sender.job(*contents))
        self.until(self.acknowledged(700_000))
        self.cut()
        result = self.network.run(delivering)
        self.assertEqual([file.result for file in result.files], [FileState.DELIVERED] * 3)
        self.assertCountEqual(self.receiver.contents(), contents)
        self.assertEqual(result.octets_acknowledged, sum(map(len, contents)))
        self.assert_nothing_left()

    def test_a_receiver_that_keeps_nothing_gets_it_whole_the_next_time(self) -> None:
        """488, as nothing else is offered."""
        self.begin_keeping(keep_for=0.0)
        result = self.pushed(self.acknowledged(300_000))
        self.assertEqual([answer.status for answer in self.receiver_said.responses("INVITE")], [200, 488])
        self.assertIsInstance(result.failure, Unreachable)
        self.assertEqual(result.files[0].resume_at, 0)
        self.assertEqual(self.tmp(), [])
        self.assert_delivered_once(self.again(self.job, result))
        self.assertEqual(self.ranges()[-1], "whole")

    def test_a_peer_that_takes_the_rest_for_a_file_gets_none_of_it(self) -> None:
        """RFC 5547 §8.3.1: its answer does not repeat the range. In this dialog the whole has been offered already."""
        self.begin_keeping()
        self.forget_ranges()
        result = self.pushed(self.acknowledged(300_000))
        self.assertEqual((self.receiver.arrived, result.files[0].resume_at), ([], 0))
        self.assertIsInstance(result.failure, Unreachable)
        self.assertEqual(self.ladder().count("SEND 1-"), 1)
        self.network.settle(3700.0)
        self.assert_nothing_left()

    def test_withdrawn_while_the_rest_is_offered(self) -> None:
        """[R-PSA-CAN-1] The session ends; what is kept may be gone on with."""
        self.begin_keeping()
        self.job = self.sender.job(CONTENT)
        delivering = self.sender.deliver(self.job)
        self.until(self.acknowledged(300_000))
        self.cut()
        self.until(lambda: len(self.offers()) == 2)
        delivering.cancel()
        result = self.network.run(delivering)
        self.assertIsInstance(result.failure, Withdrawn)
        self.network.settle(5.0)
        self.assertEqual((self.sender.stack.sessions.alive, self.receiver.stack.sessions.alive), (0, 0))
        self.assertEqual(result.files[0].resume_at, 5 * CHUNK)
        self.assert_delivered_once(self.again(self.job, result))

    def test_the_service_stops_and_goes_on(self) -> None:
        """What came is there for the next process, and for no longer than its time."""
        self.begin_keeping()
        delivering = self.sender.deliver(self.sender.job(CONTENT))
        self.until(self.acknowledged(300_000))
        self.receiver.inbox.stop()
        kept = self.tmp()
        self.assertEqual([name.partition(".")[2] for name in kept], ["txt", "txt.part"])
        self.network.run(delivering)
        inbox = Inbox(
            Path(self.receiver.inbox.directory), self.receiver.stack.host, self.receiver.stack.tokens, at_once,
            limits=self.limits,
        )  # fmt: skip
        inbox.start()
        self.assertEqual(self.tmp(), kept)
        self.network.settle(3700.0)
        self.assertEqual(self.tmp(), [])
        inbox.stop()


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


async def _cannot(session: MsrpSession) -> None:
    raise Unreachable("no route")


class Ranges(ResumeCase):
    """Offers of rests on the wire, good and absurd; the receiver has kept a third of the file."""

    def begin_with_a_third(self) -> None:
        self.begin_keeping()
        self.kept = self.gone().files[0].resume_at

    def dialing(self, *files: sdp.FileOffer) -> Deferred[Session]:
        call = self.sender.stack.call("sip:alice@192.0.2.20", Octets(CONTENT))
        return self.sender.stack.sessions.dial(attrs.evolve(call, files=files))

    def dial(self, *files: sdp.FileOffer) -> Session:
        session = self.network.run(self.dialing(*files))
        assert isinstance(session, Session)
        return session

    def failed(self, deferred: Deferred[Any]) -> Refused:
        with self.assertRaises(Refused) as caught:
            self.network.run(deferred)
        return caught.exception

    def file(self, first: int, last: int | None = None, **facts: Any) -> sdp.FileOffer:
        """The content's rest, as a media line offers it."""
        content = self.job.contents[0]
        tokens = self.sender.stack.tokens
        offer = sdp.FileOffer(content.name, content.type, content.size, content.sha1, tokens.word(32), ())
        return attrs.evolve(offer, file_range=sdp.FileRange(first, last), **facts)

    def answer(self) -> sdp.MediaOffer:
        return sdp.media(sdp.parse(self.receiver_said.responses("INVITE")[-1].body))[0]

    def assert_refused(self, file: sdp.FileOffer) -> None:
        self.assertEqual(self.failed(self.dialing(file)).status, 488, file.file_range)

    def test_what_is_not_there_is_refused(self) -> None:
        """488 with the reason, and what is kept stays kept."""
        self.begin_with_a_third()
        before = self.tmp()
        size = len(CONTENT)
        for first in (self.kept * 2, size, size + 1):
            self.assert_refused(self.file(first))
        for first, last in ((0, 5), (3, 2), (CHUNK, size - 1), (CHUNK, size + 1)):
            self.assert_refused(self.file(first, last))
        warning = self.receiver_said.responses("INVITE")[-1].headers.get("warning")
        self.assertEqual(warning, '399 pushsvc "The first part of the file is not kept"')
        self.assertEqual(self.tmp(), before)

    def test_another_hash_size_or_name_is_another_file(self) -> None:
        self.begin_with_a_third()
        for facts in ({"sha1": bytes(20)}, {"size": len(CONTENT) + 1}, {"name": "other.txt"}):
            self.assert_refused(self.file(CHUNK + 1, **facts))  # type: ignore[arg-type]

    def test_fewer_octets_than_are_kept_and_an_open_end(self) -> None:
        """[R-PRA-INV-4b] The range is repeated as it was offered; what comes again replaces what was kept."""
        self.begin_with_a_third()
        session = self.dial(self.file(CHUNK + 1))
        self.assertEqual(str(self.answer().file_range), f"{CHUNK + 1}-*")
        self.assertTrue(session.lines[0].takes_range)
        self.network.run(session.lines[0].send(Octets(CONTENT[CHUNK:])))
        self.network.run(session.close())
        self.assertEqual(self.receiver.contents(), [CONTENT])
        self.assert_nothing_left()

    def test_a_range_of_the_whole_file(self) -> None:
        """E.2: taken without anything kept, and repeated."""
        self.begin_with_a_third()
        session = self.dial(self.file(1, len(CONTENT)))
        self.assertEqual(str(self.answer().file_range), f"1-{len(CONTENT)}")
        self.network.run(session.lines[0].send(Octets(CONTENT)))
        self.network.run(session.close())
        self.assertEqual(self.receiver.contents(), [CONTENT])

    def test_beside_a_file_that_is_taken_port_0(self) -> None:
        self.begin_with_a_third()
        other = sdp.FileOffer("other.txt", "text/plain", 5, bytes(20), "other", ())
        session = self.dial(self.file(self.kept * 2), other)
        self.assertEqual([line.is_open for line in session.lines], [False, True])
        self.assertIsNone(self.answer().file_range)
        self.network.run(session.close())

    def test_the_same_rest_twice_is_joined_once(self) -> None:
        self.begin_with_a_third()
        session = self.dial(self.file(CHUNK + 1), self.file(CHUNK + 1))
        self.assertEqual([line.is_open for line in session.lines], [True, False])
        self.assert_refused(self.file(CHUNK + 1))
        self.network.run(session.close())
        self.network.settle(1.0)
        self.assertEqual(len(self.tmp()), 2)

    def test_byte_ranges_that_go_on_at_the_files_offset_are_too_large(self) -> None:
        """E.16: a range in MSRP counts from 1 again. 413, and the first part is gone with what came."""
        self.begin_with_a_third()
        session = self.dial(self.file(CHUNK + 1))
        refused = self.failed(session.lines[0].send(Octets(CONTENT)))
        self.assertEqual((refused.status, refused.protocol), (413, "msrp"))
        self.network.run(session.close())
        self.assertEqual(self.receiver.contents(), [])
        self.network.settle(1.0)

    def test_whoever_is_asked_may_think_until_the_first_part_is_gone(self) -> None:
        """488, when it is decided."""
        self.begin_keeping(Rule(action=Action.ASK, timeout=100.0), keep_for=60.0)
        self.job = self.sender.job(CONTENT)
        delivering = self.sender.deliver(self.job)
        self.answer_the_question()
        self.until(self.acknowledged(len(CONTENT) // 3))
        (session,) = self.receiver.stack.sessions._sessions.values()
        session.close("no room")
        result = self.network.run(delivering)
        dialing = self.dialing(self.file(result.files[0].resume_at + 1))
        self.network.settle(70.0)
        self.answer_the_question()
        self.assertEqual(self.failed(dialing).status, 488)

    def answer_the_question(self) -> None:
        self.until(self.receiver.decisions.pending)
        (pending,) = self.receiver.decisions.pending()
        self.receiver.decisions.answer(pending.id, True)


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


class Storm(ResumeCase):
    def test_in_bad_weather_every_file_arrives_once(self) -> None:
        """Wherever the streams break, as often as they do. A failure names its seed."""
        resumed = 0
        for seed in range(15):
            self.begin_keeping()
            self.network.chance.seed(seed)
            self.network.weather.cut = 0.002
            self.job = self.sender.job(CONTENT)
            result = self.push(self.job)
            files = list(result.files)
            for _ in range(60):
                if files and files[0].result is FileState.DELIVERED:
                    break
                result = self.again(self.job, attrs.evolve(result, files=tuple(files) or self.nothing()))
                files = list(result.files) or files
                resumed += "resumed" in result.why_mode
            self.network.weather.cut = 0.0
            self.assertEqual([file.result for file in files], [FileState.DELIVERED], seed)
            self.assertEqual(self.receiver.contents(), [CONTENT], seed)
            self.network.settle(4000.0)
            self.assert_nothing_left()
        self.assertGreater(resumed, 5)

    def nothing(self) -> tuple[FileResult, ...]:
        return tuple(FileResult(content.name, FileState.FAILED) for content in self.job.contents)
