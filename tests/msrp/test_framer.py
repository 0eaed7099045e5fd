"""The framer: every sample whole, in every two pieces, octet by octet, cut at random, and with more behind it."""

from __future__ import annotations

from itertools import pairwise

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.msrp.chunk import Flag, Head, OtherRequest, encode
from pushsvc.msrp.framer import Begun, Data, Ended, Framer, Limits, StreamBroken

from .values import RECEIVER, SENDER, heard, joined, make_reply, make_report, make_send, msrp_files, wire

KEEP_ALIVE = make_send(content_type=None, byte_range=(1, 0, 0))
HEAD = wire(b"")[: -len(b"\r\n-------tid1$\r\n")]
DONE = Ended(Flag.COMPLETE)
NEARLY = (b"\r\n-------tid1", b"\r\n-------tid1?", b"\r\n-------tid1$", b"\r\n-------tid1$\r", b"\r\n-------tid", b"\r")

# A name, octets, and what is to be heard. What is not listed here is not needed to see the rule.
SAMPLES: dict[str, tuple[bytes, list[Begun | bytes | Ended]]] = {
    "content": (wire(), [Begun(make_send()), b"hello", DONE]),
    "more to come": (wire(flag=Flag.MORE), [Begun(make_send()), b"hello", Ended(Flag.MORE)]),
    "given up": (wire(flag=Flag.ABORTED), [Begun(make_send()), b"hello", Ended(Flag.ABORTED)]),
    "no content": (encode(KEEP_ALIVE), [Begun(KEEP_ALIVE), DONE]),
    "no content, yet a blank line": (
        encode(KEEP_ALIVE).replace(b"\r\n----", b"\r\n\r\n----"),
        [Begun(KEEP_ALIVE), DONE],
    ),
    "empty content": (wire(b""), [Begun(make_send()), DONE]),
    "empty content, one line end missing": (HEAD + b"-------tid1$\r\n", [Begun(make_send()), DONE]),
    "empty content, no blank line": (HEAD[:-2] + b"-------tid1$\r\n", [Begun(make_send()), DONE]),
    "content that is a line end": (wire(b"\r\n"), [Begun(make_send()), b"\r\n", DONE]),
    "content that ends with a CR": (wire(b"a\r"), [Begun(make_send()), b"a\r", DONE]),
    "content that looks like a frame": (
        wire(wire(transaction_id="b")),
        [Begun(make_send()), wire(transaction_id="b"), DONE],
    ),
    "content that nearly ends": (wire(b"x".join(NEARLY)), [Begun(make_send()), b"x".join(NEARLY), DONE]),
    "line ends of the wrong kind": (
        wire(b"\n-------tid1$\r\n\r-------tid1$\r\n"),
        [Begun(make_send()), b"\n-------tid1$\r\n\r-------tid1$\r\n", DONE],
    ),
    "reply": (encode(make_reply()), [Begun(make_reply()), DONE]),
    "report": (encode(make_report()), [Begun(make_report()), DONE]),
    "several": (
        encode(make_reply()) + encode(KEEP_ALIVE) + wire() + encode(make_report()),
        [
            *(Begun(make_reply()), DONE, Begun(KEEP_ALIVE), DONE),
            *(Begun(make_send()), b"hello", DONE, Begun(make_report()), DONE),
        ],
    ),
    "line ends between frames": (
        b"\r\n\r\n" + encode(make_reply()) + b"\r\n\n" + wire() + b"\r\n",
        [Begun(make_reply()), DONE, Begun(make_send()), b"hello", DONE],
    ),
}

BROKEN: dict[str, tuple[bytes, list[Begun | bytes | Ended]]] = {
    "not MSRP": (b"GET / HTTP/1.1\r\n\r\n", []),
    "not MSRP after a frame": (wire() + b"MSRQ", [Begun(make_send()), b"hello", DONE]),
    "start-line without an end": (b"MSRP tid1 200 " + b"x" * 300, []),
    "start-line without blanks": (b"MSRP tid1\r\n-------tid1$\r\n", []),
    "another transaction's end-line": (HEAD[:-2] + b"-------tid2$\r\n", []),
    "an end-line without a flag": (HEAD[:-2] + b"-------tid1\r\n", []),
    "an end-line of LF": (HEAD[:-2] + b"-------tid1$\n\n", []),
    "LF only": (wire().replace(b"\r\n", b"\n") + b"x" * 300, []),
    "a head too long": (HEAD[:-2] + b"X: yyyyyyyyyyyy\r\n" * 1024, []),
    "a bad header": (HEAD[:-4] + b"\r\nnonsense\r\n\r\n", []),
    "text between frames": (wire() + b"\r\nhello", [Begun(make_send()), b"hello", DONE]),
    "only line ends": (b"\r\n" * 2049, []),
}


def joined_content(events: list[Begun | bytes | Ended]) -> bytes:
    return b"".join(event for event in events if isinstance(event, bytes))


class ReadingStreams(SynchronousTestCase):
    """[D-MSRP-1] How TCP cuts a stream must never be seen: a published library mis-frames a cut end-line."""

    def check(self, name: str, *reads: bytes) -> None:
        self.assertEqual(heard(*reads), (SAMPLES[name][1], True), (name, reads))

    def test_whole(self) -> None:
        """Every form that other stacks write."""
        for name, (octets, _) in SAMPLES.items():
            self.check(name, octets)

    def test_in_every_two_pieces(self) -> None:
        """A read may end anywhere."""
        for name, (octets, _) in SAMPLES.items():
            for cut in range(len(octets)):
                self.check(name, octets[:cut], octets[cut:])

    def test_octet_by_octet(self) -> None:
        """The worst of all networks."""
        for name, (octets, _) in SAMPLES.items():
            self.check(name, *(octets[at : at + 1] for at in range(len(octets))))

    def test_with_the_next_frame_behind_it(self) -> None:
        """Frames are pipelined; what belongs to the next one is not touched."""
        for name, (octets, events) in SAMPLES.items():
            for cut in range(len(octets)):
                found = heard(octets[:cut], octets[cut:] + encode(make_reply()))
                self.assertEqual(found, ([*events, Begun(make_reply()), DONE], True), (name, cut))

    @settings(derandomize=True, deadline=None, max_examples=150)
    @given(st.lists(st.sampled_from(sorted(SAMPLES)), min_size=1, max_size=4), st.data())
    def test_cut_at_random(self, names: list[str], data: st.DataObject) -> None:
        """Long streams, few or many cuts."""
        octets = b"".join(SAMPLES[name][0] for name in names)
        cuts = data.draw(st.lists(st.integers(0, len(octets)), max_size=12).map(sorted))
        reads = [octets[start:end] for start, end in pairwise([0, *cuts, len(octets)])]
        self.assertEqual(heard(*reads), ([event for name in names for event in SAMPLES[name][1]], True))

    @settings(derandomize=True, deadline=None, max_examples=300)
    @given(st.lists(st.sampled_from([*NEARLY, b"x", b"\n", b"-"]), max_size=8).map(b"".join), st.integers(1, 40))
    def test_content_that_nearly_ends(self, content: bytes, size: int) -> None:
        """Every beginning of an end-line may be content; the first whole end-line is the end."""
        octets = HEAD + content + b"\r\n-------tid1$\r\n"
        reads = [octets[at : at + size] for at in range(0, len(octets), size)]
        events, readable = heard(octets)
        self.assertEqual(heard(*reads)[0], events)
        end = (b"\r\n" + octets[len(HEAD) :]).index(b"\r\n-------tid1$\r\n")
        self.assertEqual(joined_content(events[:2]), content[: max(end - 2, 0)])
        self.assertTrue(readable or end < len(content) + 2)

    def test_what_other_methods_carry_is_framed_too(self) -> None:
        """A method we do not know may have content; its octets are passed over like any."""
        request = OtherRequest("tid1", "NICKNAME", (RECEIVER,), (SENDER,), (("Content-Type", "x/y"),))
        octets = HEAD.replace(b" SEND", b" NICKNAME").replace(b"text/plain", b"x/y") + b"abc\r\n-------tid1$\r\n"
        events, _ = heard(octets)
        self.assertEqual(events[1:], [b"abc", DONE])
        self.assertEqual(heard(encode(request)), ([Begun(request), DONE], True))

    def test_every_frame_of_the_flows(self) -> None:
        """[D-MSRP-1] The specification's own octets, cut anywhere near an edge."""
        for name, octets in msrp_files().items():
            whole = heard(octets)
            self.assertTrue(whole[1], name)
            self.assertIsInstance(whole[0][-1], Ended)
            for cut in [*range(min(500, len(octets))), *range(max(len(octets) - 40, 0), len(octets))]:
                self.assertEqual(heard(octets[:cut], octets[cut:]), whole, (name, cut))


class WritingWhatWasRead(SynchronousTestCase):
    """[D-MSRP-1] Our writer and the specification agree to the octet, so peers that are picky will like us."""

    def test_the_flows_are_written_as_they_were_read(self) -> None:
        """All 40 and more of them: there is none that we would write differently."""
        files = msrp_files()
        self.assertGreater(len(files), 40)
        for name, octets in files.items():
            begun, *content, ended = heard(octets)[0]
            assert isinstance(begun, Begun)
            assert isinstance(ended, Ended)
            body = joined_content(content) if content else None
            self.assertEqual(encode(begun.head, body, ended.flag), octets, name)

    @settings(derandomize=True, deadline=None, max_examples=100)
    @given(st.sampled_from([make_send(), KEEP_ALIVE, make_reply(), make_report()]), st.binary(max_size=60))
    def test_what_we_write_we_read(self, head: Head, body: bytes) -> None:
        """Both ends may be ours."""
        content = body.replace(b"-------tid1", b"") if head == make_send() else b""
        octets = encode(head, content or None)
        self.assertEqual(heard(octets)[0], [Begun(head), *([content] if content else []), DONE])


class LosingTheFrame(SynchronousTestCase):
    """[D-MSRP-1] Once the framing is lost, nothing that follows can be believed."""

    def test_whole_and_in_every_two_pieces(self) -> None:
        """What came before is heard all the same, however the stream was cut."""
        for name, (octets, events) in BROKEN.items():
            self.assertEqual(heard(octets), (events, False), name)
            for cut in {*range(0, len(octets), 41), *range(min(len(octets), 320)), len(octets) - 1}:
                self.assertEqual(heard(octets[:cut], octets[cut:]), (events, False), (name, cut))

    def test_octet_by_octet(self) -> None:
        """Slowly, it is the same."""
        for name, (octets, events) in BROKEN.items():
            self.assertEqual(heard(*(octets[at : at + 1] for at in range(len(octets)))), (events, False), name)

    def test_it_says_which_request_could_not_be_understood(self) -> None:
        """Its sender may be told; where the frame itself is lost, or an earlier request was fine, there is none."""
        asked = make_send(message_id=None, byte_range=None, content_type=None)
        twice = HEAD[:-4] + b"\r\nmessage-id: b\r\n\r\n"
        for octets, request in (
            (twice, asked),
            (wire(transaction_id="tid2") + twice, asked),
            (wire() + b"GET / HTTP/1.1\r\n", None),
            (HEAD[:-2] + b"-------tid2$\r\n", None),
        ):
            with self.assertRaises(StreamBroken) as caught:
                Framer().feed(octets)
            self.assertEqual(caught.exception.request, request)

    def test_what_follows_is_ignored(self) -> None:
        """The connection is being closed; the peer may not have noticed."""
        framer = Framer()
        with self.assertRaises(StreamBroken):
            framer.feed(b"nonsense")
        self.assertEqual(framer.feed(wire()), [])

    @settings(derandomize=True, deadline=None, max_examples=400)
    @given(st.lists(st.one_of(st.binary(max_size=30), st.sampled_from([*NEARLY, HEAD, wire(), b"MSRP ", b"\r\n\r\n"]))))
    def test_random_octets_raise_nothing_else(self, reads: list[bytes]) -> None:
        """A peer's octets are traffic, never a traceback; and cutting them otherwise changes nothing."""
        self.assertEqual(heard(*reads), heard(b"".join(reads)))


class HoldingLittle(SynchronousTestCase):
    """[D-MSRP-5] A real peer sends 100 MB in one chunk; nobody can make us keep it."""

    def test_content_comes_back_as_views_of_what_was_fed(self) -> None:
        """Content is never copied on its way in."""
        framer = Framer()
        data = HEAD + b"x" * 5000
        _, first = framer.feed(data)
        more = b"y" * 5000
        (second,) = framer.feed(more)
        assert isinstance(first, Data)
        assert isinstance(second, Data)
        self.assertIs(first.octets.obj, data)
        self.assertIs(second.octets.obj, more)
        self.assertEqual((len(first.octets), len(second.octets)), (5000, 5000))

    def test_only_what_may_begin_an_end_line_is_held_back(self) -> None:
        """At most an end-line without its last octet."""
        framer = Framer()
        framer.feed(HEAD + b"x")
        end = b"\r\n-------tid1$\r\n"
        for size in range(1, len(end)):
            self.assertEqual(joined(framer.feed(b"y" + end[:size])), [b"y"])
            self.assertEqual(joined(framer.feed(b"z")), [end[:size] + b"z"])

    def test_it_knows_when_a_frame_is_unfinished(self) -> None:
        """A peer that stops in the middle of a frame is waited for, but not for ever."""
        framer = Framer()
        octets = wire()
        self.assertFalse(framer.partial)
        for at in range(len(octets)):
            framer.feed(octets[at : at + 1])
            self.assertEqual(framer.partial, at < len(octets) - 1, at)
        framer.feed(b"\r\n")
        self.assertFalse(framer.partial)


class Limiting(SynchronousTestCase):
    """[D-MSRP-5] Each limit is met exactly, whole and octet by octet."""

    def check(self, limits: Limits, good: bytes, bad: bytes) -> None:
        for octets, readable in ((good, True), (bad, False)):
            self.assertEqual(heard(octets, framer=Framer(limits))[1], readable, octets)
            single = [octets[at : at + 1] for at in range(len(octets))]
            self.assertEqual(heard(*single, framer=Framer(limits))[1], readable, octets)

    def test_the_start_line(self) -> None:
        """256 octets unless said otherwise."""
        start = encode(make_reply()).index(b"\r\n")
        self.check(Limits(start_line=start), encode(make_reply()), encode(make_reply(comment="OKK")))

    def test_the_head(self) -> None:
        """The hyphens must begin within it."""
        reply = encode(make_reply())
        size = reply.index(b"-------")
        longer = encode(attrs.evolve(make_reply(), to_path=(SENDER, SENDER)))
        self.check(Limits(head=size + 7), reply, longer)
        send = wire()
        self.check(Limits(head=send.index(b"\r\n\r\n") + 4), send, send.replace(b"mid1", b"mid12"))

    def test_headers_and_their_lines(self) -> None:
        """They are checked by the reader of heads."""
        reply = encode(make_reply())
        line = max(map(len, reply.split(b"\r\n")))
        self.check(Limits(header=line), reply, reply.replace(b"rrr", b"rrrr"))
        self.check(Limits(headers=2), reply, reply.replace(b"-------", b"X: y\r\n-------"))

    def test_line_ends_between_frames(self) -> None:
        """A keep-alive of some old stack, but not for ever without a frame."""
        reply = encode(make_reply())
        blank = b"\r\n" * 3
        self.check(Limits(between=6), blank + reply + blank + reply + blank, reply + blank + b"\n" + reply)
