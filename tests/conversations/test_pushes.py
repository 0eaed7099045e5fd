"""Whole pushes: a sender's delivery, a receiver's policy and inbox, and the simulated network between them."""

from __future__ import annotations

import errno
from unittest import mock

from pushsvc.config.receiver import Action, Rule
from pushsvc.errors import Refused, TimedOut, Unreachable, Withdrawn
from pushsvc.receiver.inbox import PROBE_EVERY
from pushsvc.receiver.inbox_disk import Disk
from pushsvc.sender.delivery import TRY_MSRP_INSTEAD
from pushsvc.sender.job import FileState, Job
from pushsvc.sender.outcome import RetryPolicy, State, judge
from pushsvc.sip.codec import encode
from pushsvc.sip.message import Request, Response, reply_to
from tests.conversations.case import intercept
from tests.conversations.push_case import PushCase
from tests.sim import Weather


class OverMsrp(PushCase):
    """Files by INVITE and MSRP."""

    def test_a_file_is_in_the_inbox_when_it_is_called_delivered(self) -> None:
        """[R-GEN-1] [R-GEN-2] [F-01] The sender may delete its copy."""
        self.begin()
        content = bytes(range(256)) * 2000
        result = self.push(self.sender.job(content))
        self.assertEqual([file.result for file in result.files], [FileState.DELIVERED])
        self.assertEqual((result.mode, result.sip_status, result.msrp_status), ("msrp", 200, 200))
        self.assertEqual(result.octets_acknowledged, len(content))
        self.assertEqual(self.receiver.contents(), [content])
        about = self.receiver.arrived[0].about
        self.assertEqual((about.sender, about.name, about.title), ("sip:push@example.com", "file0.txt", "Gate 3"))
        self.assertEqual((about.application, about.disposition, about.asserted), ("mms.ua", "attachment", False))
        self.assertEqual(self.sender.progress[-1], (len(content), len(content)))
        self.assert_nothing_left()

    def test_three_files_go_in_one_session(self) -> None:
        """[R-PSA-EST-10] [R-INF-4]"""
        self.begin()
        contents = [b"one" * 50_000, b"two", b"three" * 20_000]
        result = self.push(self.sender.job(*contents))
        self.assertEqual([file.result for file in result.files], [FileState.DELIVERED] * 3)
        self.assertCountEqual(self.receiver.contents(), contents)
        invites = [line for line in self.network.transcript if "INVITE sip" in line]
        self.assertEqual(len({entry.about.call_id for entry in self.receiver.arrived}), 1, invites)
        self.assert_nothing_left()

    def test_an_empty_file_arrives(self) -> None:
        self.begin()
        self.assertEqual([file.result for file in self.push(self.sender.job(b"")).files], [FileState.DELIVERED])
        self.assertEqual(self.receiver.contents(), [b""])
        self.assert_nothing_left()

    def test_the_second_time_the_same_transfer_is_acknowledged_and_not_stored(self) -> None:
        """Promise 3: an attempt whose last 200 was lost is made again."""
        self.begin()
        job = self.sender.job(b"x" * 100_000)
        self.push(job)
        self.assertEqual([file.result for file in self.push(job).files], [FileState.DELIVERED])
        self.assertEqual(len(self.receiver.arrived), 1)
        self.assert_nothing_left()

    def test_the_session_lingers_and_then_ends(self) -> None:
        """[R-GEN-2] [R-PSA-REL-0] [R-PSA-REL-1] BYE, and no port 0 before it; the next push makes its own session."""
        self.begin(linger=30.0)
        self.push(self.sender.job(b"x" * 2000))
        self.network.settle(29.0)
        self.assertEqual((self.receiver.stack.sessions.alive, self.sender_said.requests("BYE")), (1, []))
        self.network.settle(2.0)
        self.assertEqual(self.receiver.stack.sessions.alive, 0)
        (invite,), (bye,) = self.sender_said.requests("INVITE"), self.sender_said.requests("BYE")
        self.assertEqual((bye.call_id, bye.cseq.number), (invite.call_id, 2))
        self.network.settle(61.0)  # the connection idles for a minute
        self.assertEqual([stack.msrp.connections for stack in (self.sender.stack, self.receiver.stack)], [0, 0])
        self.push(self.sender.job(b"y" * 2000))
        self.assertNotEqual(self.sender_said.requests("INVITE")[1].call_id, invite.call_id)
        self.assert_nothing_left()

    def test_the_next_push_goes_by_the_session_that_lingers(self) -> None:
        """[R-PSA-REL-0] [R-INF-4] [F-16] A re-INVITE in the dialog: no second INVITE from nothing, no handshake."""
        self.begin(linger=30.0)
        contents = [b"one" * 2000, b"two" * 3000, b"three" * 1000]
        for content in contents:
            result = self.push(self.sender.job(content))
            self.assertEqual([file.result for file in result.files], [FileState.DELIVERED])
            self.network.settle(20.0)
        self.assertEqual(self.receiver.contents(), contents)
        self.assertEqual(len({entry.about.call_id for entry in self.receiver.arrived}), 1)
        invites = self.sender_said.requests("INVITE")
        tag = self.receiver_said.responses("INVITE")[0].to.tag
        self.assertEqual([(each.call_id, each.to.tag) for each in invites[1:]], [(invites[0].call_id, tag)] * 2)
        self.network.settle(31.0)
        self.assertEqual(self.receiver.stack.sessions.alive, 0)
        self.assert_nothing_left()

    def test_withdrawn_while_it_is_offered_in_a_session_that_lingers(self) -> None:
        """[R-PSA-CAN-1] That session is ended: nobody knows what holds in it."""
        self.begin(linger=300.0)
        self.push(self.sender.job(b"one" * 2000))
        pushed = self.sender.deliver(self.sender.job(b"two" * 2000))
        self.network.settle(0.02)
        self.assertEqual(len(self.sender_said.requests("INVITE")), 2)
        pushed.cancel()
        self.assertIsInstance(self.network.run(pushed).failure, Withdrawn)
        self.network.settle(5.0)
        self.assertEqual((self.sender.stack.sessions.alive, self.receiver.stack.sessions.alive), (0, 0))
        self.assertEqual(self.receiver.contents(), [b"one" * 2000])
        self.assert_nothing_left()

    def test_another_application_has_a_session_of_its_own(self) -> None:
        """[A-23]"""
        self.begin(linger=30.0)
        self.push(self.sender.job(b"one" * 2000))
        self.push(self.sender.job(b"two" * 2000, application="wml.ua"))
        self.assertEqual(len({entry.about.call_id for entry in self.receiver.arrived}), 2)
        self.assert_nothing_left()

    def test_a_session_that_is_of_no_more_use_costs_no_push(self) -> None:
        """The receiver was restarted, or does not want this file: a session of its own finds out."""
        self.begin(linger=300.0, max_size=10_000)
        self.push(self.sender.job(b"one" * 2000))
        refused = self.push(self.sender.job(bytes(20_000)))
        assert isinstance(refused.failure, Refused)
        self.assertEqual(refused.failure.status, 488)
        self.push(self.sender.job(b"two" * 2000))
        for session in list(self.receiver.stack.sessions._sessions.values()):
            session._life.hung_up("forgotten")
        self.assertEqual(
            [file.result for file in self.push(self.sender.job(b"three" * 2000)).files], [FileState.DELIVERED]
        )

    def test_the_trace_shows_what_went_over_the_wire(self) -> None:
        self.begin()
        self.push(self.sender.job(b"x" * 200_000))
        self.network.settle(5.0)
        trace = self.sender.traces.of("psh_1")
        assert trace is not None
        texts = [event.text.split(" ")[0] for event in trace.events]
        self.assertEqual(texts, ["INVITE", "200", "ACK", "SEND", "200", "BYE", "200"])
        self.assertIn("SEND 1-200000/200000 x4", trace.ladder())


class Refusals(PushCase):
    """What the receiver does not want is told in the word that fits, and leaves nothing behind."""

    def refused(self, job: Job) -> Refused:
        result = self.push(job)
        assert isinstance(result.failure, Refused), result
        self.assertEqual((result.sip_status, result.files), (result.failure.status, ()))
        self.assertEqual(result.peer, "tcp:192.0.2.20:5060")  # who said so
        self.assertEqual(self.receiver.arrived, [])
        self.assert_nothing_left()
        return result.failure

    def test_types_that_are_not_taken(self) -> None:
        """[R-PRA-INV-1]"""
        self.begin(types=("image/*",))
        self.assertEqual(self.refused(self.sender.job(b"text" * 1000)).status, 488)
        self.assertEqual(self.receiver.declined, ["type"])

    def test_a_sender_that_is_not_on_the_list(self) -> None:
        """[R-PRA-INV-2b]"""
        self.begin(allow=("sip:*@elsewhere.example",))
        self.assertEqual(self.refused(self.sender.job(b"text" * 1000)).status, 403)

    def test_a_user_that_does_not_live_here(self) -> None:
        self.begin()
        self.assertEqual(self.refused(self.sender.job(b"text" * 1000, to="sip:bob@192.0.2.20")).status, 404)

    def test_a_rule_declines(self) -> None:
        self.begin(rules=(Rule(action=Action.DECLINE),))
        self.assertEqual(self.refused(self.sender.job(b"text" * 1000)).status, 603)

    def test_some_files_are_taken_and_others_are_not(self) -> None:
        """[R-PRA-INV-4a]"""
        self.begin(max_size=1000)
        result = self.push(self.sender.job(b"small", b"large" * 1000, b"tiny"))
        self.assertEqual(
            [file.result for file in result.files], [FileState.DELIVERED, FileState.REFUSED, FileState.DELIVERED]
        )
        self.assertCountEqual(self.receiver.contents(), [b"small", b"tiny"])
        self.assertEqual(self.receiver.declined, ["size"])
        self.assert_nothing_left()

    def test_somebody_is_asked_and_says_yes(self) -> None:
        """[D-SIP-13]"""
        self.begin(rules=(Rule(action=Action.ASK),))
        pushed = self.sender.deliver(self.sender.job(b"text" * 1000))
        self.network.settle(3.0)
        (pending,) = self.receiver.decisions.pending()
        self.receiver.decisions.answer(pending.id, True)
        self.assertIsNone(self.network.run(pushed).failure)
        self.assert_nothing_left()

    def test_a_file_that_is_not_what_was_announced_is_not_published(self) -> None:
        """[D-MSRP-4] A flipped octet must not reach anybody."""
        self.begin()
        job = self.sender.job(b"text" * 1000)
        job.contents[0].path.write_bytes(b"tex!" * 1000)
        result = self.push(job)
        assert isinstance(result.failure, Refused)
        self.assertEqual((result.failure.protocol, result.failure.status), ("msrp", 400))
        self.assertEqual(self.receiver.arrived, [])
        self.assert_nothing_left()


class ByMessage(PushCase):
    """Small content in one MESSAGE."""

    def test_small_content_goes_in_a_message(self) -> None:
        """[R-GEN-1] [R-INF-3] [F-02]"""
        self.begin()
        result = self.push(self.sender.job(b"Gate 3 is open", mode="auto"))
        self.assertEqual((result.mode, result.sip_status), ("message", 200))
        self.assertEqual([file.result for file in result.files], [FileState.DELIVERED])
        self.assertEqual(self.receiver.contents(), [b"Gate 3 is open"])
        self.assertEqual(self.receiver.arrived[0].about.mode, "message")
        self.assertEqual(self.receiver.stack.sessions.alive, 0)
        self.assert_nothing_left()

    def test_how_large_a_content_decides_the_way_it_goes(self) -> None:
        """[R-GEN-1] More than 1300 octets never by MESSAGE; 1290 would make a request of more than 1300."""
        self.begin()
        for size, method in ((100, "MESSAGE"), (1290, "INVITE"), (1301, "INVITE")):
            self.sender_said.sent.clear()
            self.push(self.sender.job(bytes(size), mode="auto"))
            methods = {each.method for each in self.sender_said.sent if isinstance(each, Request)} - {"ACK", "BYE"}
            self.assertEqual(methods, {method}, size)
            first = self.sender_said.sent[0]
            if method == "MESSAGE":
                self.assertLessEqual(len(encode(first)), 1300)
            else:
                self.assertIn(b"\r\nm=message ", first.body)

    def test_a_message_whose_answer_was_lost_is_kept_once(self) -> None:
        self.begin()
        job = self.sender.job(b"Gate 3 is open", mode="message")
        self.push(job)
        self.push(job)
        self.assertEqual(len(self.receiver.arrived), 1)

    def test_a_message_of_a_type_that_is_not_taken(self) -> None:
        self.begin(types=("image/*",))
        result = self.push(self.sender.job(b"Gate 3 is open", mode="message"))
        assert isinstance(result.failure, Refused)
        self.assertEqual(result.failure.status, 415)
        self.assert_nothing_left()

    def test_who_takes_no_message_gets_the_same_by_msrp(self) -> None:
        """In the same attempt, which says why it went so (INTERFACES §4); not when MESSAGE was asked for."""
        for status in TRY_MSRP_INSTEAD:
            self.begin()
            self.refuse_messages(status)
            result = self.push(self.sender.job(b"Gate 3 is open", mode="auto"))
            self.assertEqual([file.result for file in result.files], [FileState.DELIVERED], status)
            self.assertEqual((result.mode, result.sip_status), ("msrp", 200))
            self.assertEqual(result.why_mode, f"MESSAGE was refused with {status}")
            self.assertEqual(self.receiver.contents(), [b"Gate 3 is open"])
        result = self.push(self.sender.job(b"Gate 3 is open", mode="message"))
        self.assertEqual((result.mode, result.sip_status, result.peer), ("message", status, "udp:192.0.2.20:5060"))
        self.assertEqual(len(self.receiver.arrived), 1)

    def test_who_declines_a_message_is_not_asked_by_invite(self) -> None:
        """A person said no to the content, not to the way it came."""
        self.begin()
        self.refuse_messages(603)
        result = self.push(self.sender.job(b"Gate 3 is open", mode="auto"))
        self.assertEqual((result.mode, result.sip_status, self.sender_said.requests("INVITE")), ("message", 603, []))

    def refuse_messages(self, status: int) -> None:
        def answer(request: Request) -> Response | None:
            return reply_to(request, status, to_tag="a") if request.method == "MESSAGE" else None

        intercept(self.receiver.stack, answer)

    def test_a_message_that_nobody_answers_may_be_withdrawn(self) -> None:
        """Nothing of it is left to be sent again."""
        self.begin()
        self.network.unplug("192.0.2.20")
        for withdrawn in (False, True):
            pushed = self.sender.deliver(self.sender.job(b"Gate 3 is open", mode="message"))
            self.network.settle(1.0)
            if withdrawn:
                pushed.cancel()
            failure = self.network.run(pushed).failure
            self.assertIsInstance(failure, Withdrawn if withdrawn else TimedOut | Unreachable)
            self.assert_nothing_left()


class Trouble(PushCase):
    """What may go wrong on the way."""

    def test_a_content_that_is_gone(self) -> None:
        """Our own trouble: the other file arrives, and this one waits for somebody to mend the disk."""
        self.begin()
        job = self.sender.job(b"text" * 1000, b"more" * 1000)
        job.contents[0].path.unlink()
        result = self.push(job)
        self.assertEqual([file.result for file in result.files], [FileState.FAILED, FileState.DELIVERED])
        self.assertEqual(str(result.failure), "content cannot be read: No such file or directory")
        self.assertEqual(self.receiver.contents(), [b"more" * 1000])
        self.assert_nothing_left()

    def test_a_small_content_that_cannot_be_read_for_now(self) -> None:
        """No descriptor is left, say: it is tried again, and is no bug."""
        self.begin()
        job = self.sender.job(b"text", mode="auto")
        job.contents[0].path.unlink()
        result = self.push(job)
        assert isinstance(result.failure, Refused)
        self.assertEqual(str(result.failure), "content cannot be read: No such file or directory")
        self.assertEqual((result.mode, result.failure.status, result.failure.protocol), ("message", 500, "local"))
        self.assert_nothing_left()

    def test_nobody_is_there(self) -> None:
        self.begin()
        result = self.push(self.sender.job(b"x" * 2000, to="sip:alice@192.0.2.99;transport=tcp"))
        assert isinstance(result.failure, Unreachable)
        self.assertTrue(result.failure.retry)
        self.assert_nothing_left()

    def test_the_receiver_vanishes_before_it_answers(self) -> None:
        self.begin()
        self.network.unplug("192.0.2.20")
        result = self.push(self.sender.job(b"x" * 2000))
        assert result.failure is not None
        self.assertTrue(result.failure.retry)
        self.assert_nothing_left()

    def test_the_receiver_vanishes_in_mid_transfer(self) -> None:
        self.begin()
        pushed = self.sender.deliver(self.sender.job(bytes(5_000_000)))
        self.network.settle(0.5)
        self.network.unplug("192.0.2.20")
        result = self.network.run(pushed)
        assert isinstance(result.failure, TimedOut | Unreachable | Refused), result
        self.assertTrue(result.failure.retry)
        self.assertEqual(self.receiver.arrived, [])
        self.assert_nothing_left()

    def test_a_receiver_whose_disk_takes_nothing_for_now(self) -> None:
        """Nothing is wrong with the push: 481, the end of the session, leaves it for later; 413 would reject it."""
        full = OSError(errno.ENOSPC, "No space left on device")
        for call in ("create", "write", "sync"):
            self.begin()
            contents = bytes(100_000), bytes(100_001)
            job = self.sender.job(*contents)
            with mock.patch.object(Disk, call, side_effect=full):
                result = self.push(job)
            self.assertEqual([file.result for file in result.files], [FileState.FAILED] * 2, call)
            self.assertEqual(result.files[0].code, 481)  # the other may only have seen the session end
            self.assertEqual(self.receiver_said.requests("INVITE"), [], "by port 0 it would be refused for good")
            outcome = judge(result, result.files, tries=1, now=0.0, policy=RetryPolicy(), not_after=9.0, chance=0.5)
            self.assertEqual(outcome.state, State.WAITING)
            self.assertIn("No space left on device", outcome.reason)
            self.network.settle(2 * PROBE_EVERY)
            self.assertEqual([file.result for file in self.push(job).files], [FileState.DELIVERED] * 2)
            self.assertCountEqual(self.receiver.contents(), contents)

    def test_a_withdrawn_push_is_not_delivered(self) -> None:
        """[R-PSA-CAN-1]"""
        self.begin(rules=(Rule(action=Action.ASK),))
        pushed = self.sender.deliver(self.sender.job(b"text" * 1000))
        self.network.settle(3.0)
        pushed.cancel()
        self.assertIsInstance(self.network.run(pushed).failure, Withdrawn)
        self.network.settle(3.0)
        self.assertEqual(self.receiver.decisions.pending(), [])
        self.assert_nothing_left()

    def test_a_push_withdrawn_in_mid_transfer_leaves_nothing(self) -> None:
        """[F-15]"""
        self.begin()
        pushed = self.sender.deliver(self.sender.job(bytes(5_000_000)))
        self.network.settle(0.5)
        pushed.cancel()
        self.assertIsInstance(self.network.run(pushed).failure, Withdrawn)
        self.assertEqual(self.receiver.arrived, [])
        self.assert_nothing_left()

    def test_every_attempt_ends_in_any_weather(self) -> None:
        """Promises 4 and 5, for sixty seeds: loss, repeats, disorder, small segments, streams that break."""
        for seed in range(60):
            weather = Weather(loss=0.3, duplicate=0.1, jitter=0.05, segment=700, cut=0.02 if seed % 2 else 0.0)
            self.begin(weather, seed)
            to = "sip:alice@192.0.2.20" + (";transport=tcp" if seed % 3 else "")
            job = self.sender.job(bytes(3000), mode=("auto", "msrp")[seed % 2], to=to)
            result = self.push(job)
            if result.failure is None:
                self.assertEqual(self.receiver.contents(), [bytes(3000)], f"seed {seed}")
            else:
                self.assertTrue(result.failure.retry, f"seed {seed}: {result.failure}")
            self.assert_nothing_left()
