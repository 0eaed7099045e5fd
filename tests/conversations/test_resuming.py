"""Transfers that are cut: the rest is offered, in the same dialog or a new one, and joined (flow 11)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from pushsvc.errors import Unreachable, Withdrawn
from pushsvc.receiver.inbox import Inbox
from pushsvc.sender.course import MAX_RESUMPTIONS
from pushsvc.sender.job import AttemptResult, FileResult, FileState
from tests.conversations.resume_case import CHUNK, CONTENT, ResumeCase
from tests.pushing import at_once


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


class Storm(ResumeCase):
    def test_in_bad_weather_every_file_arrives_once(self) -> None:
        """Wherever the streams break, as often as they do. A failure names its seed."""
        resumed = 0
        for seed in range(15):
            self.begin_keeping()
            self.network.chance.seed(seed)
            self.network.weather.cut = 0.02
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
