"""Receiving contents: what is refused, what is given up, and who is told."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.msrp.chunk import FailureReport, Flag, Reply, Send
from pushsvc.msrp.contents import MAX_OPEN, MAX_REMEMBERED
from pushsvc.msrp.incoming import (
    Abandoned,
    Completed,
    Declined,
    Incoming,
    Output,
    Started,
    Unwanted,
)
from tests.msrp.taking import OK, give, make_incoming, refusal, store

from .values import make_reply, make_send


class Refusing(SynchronousTestCase):
    """[D-MSRP-3] What is not wanted is refused at its first octet, and the rest of the chunk passed over."""

    def check(self, incoming: Incoming, send: Send, *expected: Output) -> None:
        self.assertEqual(incoming.begun(send, 0.0), list(expected))
        self.assertEqual(incoming.data(memoryview(b"hello"), 0.0), [])
        self.assertEqual(incoming.ended(Flag.COMPLETE, 0.0), [])

    def check_later(self, incoming: Incoming, send: Send, expected: Output) -> None:
        """A later chunk of what was refused hears so with its first octet, or at its end; a "#" is what was wanted."""
        self.assertEqual(incoming.begun(send, 0.0), [])
        self.assertEqual(incoming.data(memoryview(b"hello"), 0.0), [expected])
        self.assertEqual(incoming.data(memoryview(b"hello"), 0.0), [])
        self.assertEqual(incoming.ended(Flag.MORE, 0.0), [])
        self.assertEqual(give(incoming, send), [expected])
        ok = make_reply(send.transaction_id)
        self.assertEqual(give(incoming, send, flag=Flag.ABORTED), [ok])
        keep_alive = attrs.evolve(send, content_type=None)
        self.assertEqual(give(incoming, keep_alive), [ok])

    def declined(self, status: int, why: str, transaction_id: str = "tid1", message_id: str = "mid1") -> list[Output]:
        return [Declined(why, status, message_id), refusal(status, why, transaction_id)]

    def test_a_type_that_was_not_offered(self) -> None:
        """415; the value of the header is judged as it came."""
        judged = []

        def accepts(content_type: str) -> bool:
            judged.append(content_type)
            return False

        incoming = make_incoming(accepts)
        send = make_send(content_type="image/png;x=y")
        self.check(incoming, send, *self.declined(415, "type not acceptable"))
        self.assertEqual(judged, ["image/png;x=y"])
        self.check_later(incoming, make_send("t2"), refusal(415, "stop sending", "t2"))

    def test_content_without_a_type(self) -> None:
        """It is only known to be content when octets come."""
        incoming = make_incoming()
        self.assertEqual(incoming.begun(make_send(content_type=None), 0.0), [])
        outputs = incoming.data(memoryview(b"hello"), 0.0)
        self.assertEqual(outputs, self.declined(415, "type not acceptable"))
        self.assertEqual(incoming.ended(Flag.COMPLETE, 0.0), [])

    def test_a_second_content_where_one_file_was_agreed(self) -> None:
        """403, while the first is untouched (E.9 rule 5)."""
        incoming = make_incoming()
        give(incoming, make_send("t1", byte_range=(1, None, 5)), b"he", flag=Flag.MORE)
        second = make_send("t2", message_id="mid2")
        self.check(incoming, second, *self.declined(403, "one content per session", "t2", "mid2"))
        outputs = give(incoming, make_send("t3", byte_range=(3, None, 5)), b"llo")
        self.assertEqual(outputs, [store(2, b"llo"), Completed(5, "mid1")])

    def test_a_size_that_is_too_large_as_it_says(self) -> None:
        """[D-MSRP-5] The smaller of what we announced and what was agreed counts; later chunks hear the same."""
        for max_size, expected_size in ((4, None), (None, 4), (4, 9)):
            incoming = make_incoming(max_size=max_size, expected_size=expected_size)
            why = "larger than agreed"
            self.check(incoming, make_send(byte_range=(1, None, 5)), *self.declined(413, why), Unwanted(why))
            self.check_later(incoming, make_send("t2", byte_range=(1, 2, None)), refusal(413, "stop sending", "t2"))

    def test_a_wrapper_has_room_beside_the_size_of_its_file(self) -> None:
        """[D-MSRP-5] E.7: Byte-Range counts it, the selector does not; max-size bounds both."""
        room = {"message/cpim": 3}
        for type, total, refused in (
            ("message/cpim", 7, False), ("message/cpim", 8, True), ("text/plain", 4, False), ("text/plain", 5, True),
        ):  # fmt: skip
            incoming = make_incoming(max_size=100, expected_size=4, room=lambda type: room.get(type, 0))
            send = make_send(byte_range=(1, None, total), content_type=type)
            why = "larger than agreed"
            outputs = [*self.declined(413, why), Unwanted(why)] if refused else [Started("mid1", send)]
            self.assertEqual(incoming.begun(send, 0.0), outputs)
        incoming = make_incoming(max_size=6, expected_size=4, room=lambda type: 3)
        self.check(incoming, make_send(byte_range=(1, None, 7)), *self.declined(413, why), Unwanted(why))

    def test_a_size_that_turns_out_too_large(self) -> None:
        """[D-MSRP-5] Discarded and answered at the octet too many, before the chunk has ended (flow 10)."""
        incoming, send = make_incoming(max_size=4), make_send(byte_range=(1, None, None))
        self.assertEqual(incoming.begun(send, 0.0), [Started("mid1", send)])
        self.assertEqual(incoming.data(memoryview(b"hell"), 0.0), [store(0, b"hell")])
        why = "larger than agreed"
        outputs = [Abandoned(why, 413, "mid1"), refusal(413, why), Unwanted(why)]
        self.assertEqual(incoming.data(memoryview(b"o"), 0.0), outputs)
        self.assertEqual(incoming.data(memoryview(b"o"), 0.0), [])
        self.assertEqual(incoming.ended(Flag.ABORTED, 0.0), [])

    def test_more_octets_than_it_said(self) -> None:
        """[D-MSRP-5] One of the two is a lie."""
        incoming, send = make_incoming(), make_send(byte_range=(1, None, 4))
        outputs = give(incoming, send, b"hello")
        why = "larger than said"
        self.assertEqual(
            outputs, [Started("mid1", send), Abandoned(why, 413, "mid1"), refusal(413, why), Unwanted(why)]
        )

    def test_fewer_octets_than_it_said(self) -> None:
        """[D-MSRP-5] A cut content is not published as a whole one."""
        incoming, send = make_incoming(), make_send(byte_range=(1, 9, 9))
        why = "size is not the total that was said"
        outputs = [Started("mid1", send), store(0, b"hello"), Abandoned(why, 400, "mid1"), refusal(400, why)]
        self.assertEqual(give(incoming, send, b"hello"), outputs)

    def test_a_total_that_changes(self) -> None:
        """In the middle of a content, too."""
        incoming = make_incoming()
        give(incoming, make_send("t1", byte_range=(1, None, 9)), b"hello", flag=Flag.MORE)
        why = "total size changed"
        send = make_send("t2", byte_range=(6, None, 8))
        self.check(incoming, send, Abandoned(why, 400, "mid1"), refusal(400, why, "t2"))

    def test_a_type_that_changes(self) -> None:
        """[D-MSRP-1] E.9 rule 7: later chunks have the type of the first, in any spelling, or none."""
        for content_type in ("TEXT/Plain; charset=utf-8", "text/plain", None):
            incoming = make_incoming()
            give(incoming, make_send("t1", byte_range=(1, None, 9)), b"hello", flag=Flag.MORE)
            send = make_send("t2", byte_range=(6, None, 9), content_type=content_type)
            self.assertEqual(give(incoming, send, b"more"), [store(5, b"more"), Completed(9, "mid1")])
        incoming = make_incoming()
        give(incoming, make_send("t1", byte_range=(1, None, 9)), b"hello", flag=Flag.MORE)
        why = "Content-Type changed"
        send = make_send("t2", byte_range=(6, None, 9), content_type="text/html")
        self.check(incoming, send, Abandoned(why, 400, "mid1"), refusal(400, why, "t2"))

    def test_who_may_not_be_told_is_stopped_by_signalling(self) -> None:
        """[D-MSRP-3] Flow 10: with Failure-Report: no there is no 413, only the port 0 that follows it."""
        incoming = make_incoming(one_content=False, max_size=4)
        silent = make_send("t1", failure_report=FailureReport.NO)
        outputs = [
            Started("mid1", silent),
            Abandoned("larger than agreed", 413, "mid1"),
            Unwanted("larger than agreed"),
        ]
        self.assertEqual(give(incoming, silent, b"hello"), outputs)

    def test_where_others_may_follow_the_413_is_all(self) -> None:
        """Without a file selector the session is of use for the next content."""
        incoming = make_incoming(one_content=False, max_size=4)
        why = "larger than agreed"
        outputs = give(incoming, make_send(), b"hello")
        self.assertEqual(outputs[1:], [Abandoned(why, 413, "mid1"), refusal(413, why)])

    def test_a_range_before_the_first_octet(self) -> None:
        """Octets are counted from 1; FreeSWITCH aborts over a 0, we say 400."""
        send = make_send(byte_range=(0, 5, 5))
        self.check(make_incoming(), send, *self.declined(400, "range starts before the first octet"))

    def test_too_many_contents_at_once(self) -> None:
        """SECURITY part 5: 16."""
        incoming = make_incoming(one_content=False)
        for number in range(MAX_OPEN):
            give(incoming, make_send(message_id=f"m{number}"), b"x", flag=Flag.MORE)
        self.check(incoming, make_send(), *self.declined(413, "too many contents at once"))

    def test_only_so_many_ended_contents_are_remembered(self) -> None:
        """A peer must not fill our memory with names."""
        incoming = make_incoming(one_content=False)
        for number in range(MAX_REMEMBERED + 1):
            give(incoming, make_send(message_id=f"m{number}"), b"x")
            incoming.stored(0.0)
        send = make_send(message_id="m1")
        self.assertEqual(give(incoming, send, b"x"), [OK])
        forgotten = make_send(message_id="m0")
        self.assertEqual(incoming.begun(forgotten, 0.0), [Started("m0", forgotten)])

    def test_we_may_stop_it_ourselves(self) -> None:
        """A full disk: the sender hears 413 in the middle of its chunk."""
        incoming = make_incoming()
        incoming.begun(make_send(), 0.0)
        incoming.data(memoryview(b"he"), 0.0)
        why = "disk full"
        self.assertEqual(incoming.failed(413, why, 0.0), [refusal(413, why), Unwanted(why)])
        self.assertEqual(incoming.data(memoryview(b"llo"), 0.0), [])
        self.assertEqual(incoming.ended(Flag.COMPLETE, 0.0), [])
        self.assertEqual(incoming.failed(413, "disk full", 0.0), [])

    def test_we_may_stop_it_between_two_chunks(self) -> None:
        """The next chunk hears of it."""
        incoming = make_incoming()
        give(incoming, make_send("t1", byte_range=(1, None, 9)), b"hello", flag=Flag.MORE)
        self.assertEqual(incoming.failed(413, "disk full", 0.0), [Unwanted("disk full")])
        self.check_later(incoming, make_send("t2", byte_range=(6, None, 9)), refusal(413, "stop sending", "t2"))


class BeingSilent(SynchronousTestCase):
    """[D-MSRP-3] Failure-Report: no is never answered, partial only with errors."""

    def replies(self, wish: FailureReport) -> list[int]:
        """The statuses said to: a first chunk, a keep-alive, the last chunk, its repetition, and a wrong type."""
        incoming = make_incoming(lambda content_type: content_type == "text/plain", one_content=False)

        def send(**about: Any) -> Send:
            return make_send(failure_report=wish, **about)

        outputs = give(incoming, send(byte_range=(1, None, 5)), b"hel", flag=Flag.MORE)
        outputs += give(incoming, send(content_type=None, message_id="k"))
        outputs += give(incoming, send(byte_range=(4, None, 5)), b"lo")
        outputs += incoming.stored(0.0)
        outputs += give(incoming, send(), b"hello")
        outputs += give(incoming, send(content_type="image/png", message_id="m2"), b"hello")
        outputs += give(incoming, send(message_id="m3"), b"hello")
        outputs += incoming.failed(400, "", 0.0)
        return [output.status for output in outputs if isinstance(output, Reply)]

    def test_each_wish_is_honoured(self) -> None:
        """An unasked answer makes msrp-java drop the connection."""
        self.assertEqual(self.replies(FailureReport.YES), [200, 200, 200, 200, 415, 400])
        self.assertEqual(self.replies(FailureReport.PARTIAL), [415, 400])
        self.assertEqual(self.replies(FailureReport.NO), [])


class GivingUp(SynchronousTestCase):
    """[D-MSRP-1] "#" ends a content that will never be complete."""

    gone = Abandoned("given up by its sender", 200, "mid1")

    def test_the_partial_content_is_abandoned_and_the_chunk_acknowledged(self) -> None:
        """The sender knows what it did."""
        incoming, send = make_incoming(), make_send(byte_range=(1, None, 9))
        outputs = [Started("mid1", send), store(0, b"hello"), self.gone, OK]
        self.assertEqual(give(incoming, send, b"hello", flag=Flag.ABORTED), outputs)

    def test_even_when_every_octet_is_there(self) -> None:
        """The sender did not mean it to count."""
        incoming, send = make_incoming(), make_send(byte_range=(1, None, 5))
        self.assertEqual(give(incoming, send, b"hello", flag=Flag.ABORTED)[2:], [self.gone, OK])

    def test_in_a_chunk_of_its_own_with_or_without_a_type(self) -> None:
        """Our own sender ends a content by an empty chunk."""
        for content_type in ("text/plain", None):
            incoming = make_incoming()
            give(incoming, make_send("t1", byte_range=(1, None, 9)), b"hello", flag=Flag.MORE)
            end = make_send(byte_range=(6, None, 9), content_type=content_type)
            self.assertEqual(give(incoming, end, flag=Flag.ABORTED), [self.gone, OK])

    def test_nothing_more_of_it_is_taken(self) -> None:
        """Whoever goes on sending is told to stop."""
        incoming = make_incoming()
        give(incoming, make_send(), b"hello", flag=Flag.ABORTED)
        why = "stop sending"
        self.assertEqual(give(incoming, make_send("t2"), b"hello"), [refusal(413, why, "t2"), Unwanted(why)])
        self.assertEqual(give(incoming, make_send("t3"), b"hello"), [refusal(413, why, "t3")])

    def test_what_is_complete_cannot_be_given_up(self) -> None:
        """It is being published; the repetition waits like any other."""
        incoming = make_incoming()
        give(incoming, make_send("t1"), b"hello")
        self.assertEqual(give(incoming, make_send("t2"), flag=Flag.ABORTED), [])
        self.assertEqual(incoming.stored(0.0), [make_reply("t1"), make_reply("t2")])
