"""pushsvc.sip.codec: messages out of streams that cut them anywhere, and octets that are damaged."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import BadMessage
from pushsvc.sip.codec import DEFAULT_LIMITS, KeepAlive, Limits, Malformed, StreamParser, encode, parse, rejection
from pushsvc.sip.hop import stamped
from pushsvc.sip.message import Message, Request, Response
from tests.sip.reading import feed, plain, read
from tests.sip.samples import INVITE, SAMPLES, made
from tests.sip.strategies import damaged, messages, modest
from tests.sip.values import UDP_PEER, make_invite, make_request, make_response


class StreamTests(SynchronousTestCase):
    """[D-SIP-3] Messages out of a stream that cuts them anywhere."""

    first = encode(make_invite(body=b"one\r\n\r\ntwo"))
    second = encode(make_response(make_invite(), 200, body=b"\0" * 9))
    unreadable = encode(make_invite(body=b"xyz")).replace(b"CSeq: 1 INVITE", b"CSeq: 1 MESSAGE")
    stream = b"\r\n\r\n" + first + second + b"\r\n" + unreadable + encode(make_request("BYE")) + b"\r\n\r\n\r\n"

    def test_everything_at_once(self) -> None:
        """[D-SIP-3] Several messages in one segment, empty lines between them."""
        events = StreamParser().feed(self.stream)
        once, ping = KeepAlive(ping=False), KeepAlive(ping=True)
        self.assertEqual(events[:2], [once, ping])
        self.assertEqual([type(event) for event in events[2:4]], [Request, Response])
        self.assertEqual(events[4], once)
        malformed = events[5]
        assert isinstance(malformed, Malformed)
        self.assertFalse(malformed.fatal)
        self.assertEqual(malformed.error.reason, "CSeq names another method")
        assert malformed.reply is not None
        self.assertEqual(malformed.reply.status, 400)
        bye = events[6]
        assert isinstance(bye, Request)
        self.assertEqual(bye.method, "BYE")
        self.assertEqual(events[7:], [once, ping, once])

    def test_cut_in_two_anywhere(self) -> None:
        """[D-SIP-3] TCP cuts where it likes."""
        whole = feed(self.stream)
        for cut in range(len(self.stream)):
            self.assertEqual(feed(self.stream[:cut], self.stream[cut:]), whole, cut)

    def test_octet_by_octet(self) -> None:
        """[D-SIP-3] The slowest of all peers."""
        self.assertEqual(feed(*(bytes([octet]) for octet in self.stream)), feed(self.stream))

    @settings(modest, max_examples=60)
    @given(st.lists(messages, max_size=3), st.data())
    def test_any_messages_cut_anywhere(self, sent: list[Message], data: st.DataObject) -> None:
        """[D-SIP-3] No message, no cut and no neighbour makes a difference."""
        wire = b"".join(map(encode, sent))
        cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
        pieces = [wire[start:end] for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
        self.assertEqual([encode(event) for event in feed(*pieces)], [encode(message) for message in sent])

    def test_partial_says_whether_more_must_come(self) -> None:
        """A peer that stops in the middle has a deadline; one that is silent between messages has not."""
        parser = StreamParser()
        self.assertFalse(parser.partial)
        for octet in self.first[:-1]:
            self.assertEqual(parser.feed(bytes([octet])), [])
            self.assertTrue(parser.partial)
        self.assertEqual(len(parser.feed(self.first[-1:])), 1)
        self.assertFalse(parser.partial)
        parser.feed(b"\r\n")
        self.assertFalse(parser.partial)

    def test_only_a_double_empty_line_asks_for_an_answer(self) -> None:
        """[D-SIP-3] RFC 5626 §4.4.1; a message in between starts over."""
        once, ping = KeepAlive(ping=False), KeepAlive(ping=True)
        self.assertEqual(feed(b"\r\n"), [once])
        self.assertEqual(feed(b"\r\n\r\n\r\n\r\n"), [once, ping, once, ping])
        events = feed(b"\r\n" + self.first + b"\r\n")
        self.assertEqual([events[0], events[2]], [once, once])

    def test_a_message_without_content_length_ends_the_stream(self) -> None:
        """[D-SIP-3] Mandatory there: nothing else says where the next one begins."""
        parser = StreamParser()
        events = parser.feed(made() + self.first)
        self.assertEqual(plain(events), [("no Content-Length", 400, rejection(made(), BadMessage("x")), True)])
        self.assertEqual(parser.feed(self.first), [])
        self.assertFalse(parser.partial)

    def test_headers_that_are_no_headers_end_the_stream(self) -> None:
        for junk in (b"GET / HTTP/1.1\r\n\r\n", b"\0\0\r\n\r\n", b"\x16\x03\x01\r\n\r\n", b"a\nb\r\n\r\n"):
            parser = StreamParser()
            (event,) = parser.feed(junk + self.first)
            assert isinstance(event, Malformed)
            self.assertTrue(event.fatal)
            self.assertEqual(parser.feed(self.first), [])

    def test_a_line_without_an_end_is_given_up(self) -> None:
        """Or a stranger could make us hold a megabyte for nothing."""
        parser = StreamParser()
        self.assertEqual(parser.feed(b"x" * 2050), [])
        (event,) = parser.feed(b"x")
        assert isinstance(event, Malformed)
        self.assertEqual((event.error.status, event.reply, event.fatal), (414, None, True))

    def test_headers_without_an_end_are_given_up(self) -> None:
        parser = StreamParser(Limits(stream_message=5000))
        parser.feed(INVITE)
        events = [event for _ in range(500) for event in parser.feed(b"X-Filler: x\r\n")]
        (event,) = events
        assert isinstance(event, Malformed)
        assert event.reply is not None
        self.assertEqual((event.error.status, event.reply.status, event.fatal), (513, 513, True))

    def test_a_longer_body_than_allowed_is_not_waited_for(self) -> None:
        (event,) = StreamParser(Limits(stream_message=65536)).feed(made(b"Content-Length: 65536\r\n"))
        assert isinstance(event, Malformed)
        self.assertEqual((event.error.status, event.fatal), (513, True))

    def test_limits_may_grow_on_the_way(self) -> None:
        """Once a peer is known, more of it is read."""
        parser = StreamParser(Limits(stream_message=300))
        self.assertEqual(len(parser.feed(encode(make_request("OPTIONS")))), 1)
        parser.limits = DEFAULT_LIMITS
        wire = encode(make_request("MESSAGE", body=b"x" * 1000))
        self.assertEqual(len(parser.feed(wire)), 1)

    def test_a_flood_of_empty_lines_costs_little(self) -> None:
        self.assertEqual(len(feed(b"\r\n" * 100_000)), 100_000)


class DamageTests(SynchronousTestCase):
    """The torture messages with octets changed, taken out and put in."""

    def read_somehow(self, datagram: bytes) -> None:
        try:
            message = parse(datagram)
        except BadMessage as error:
            self.assertIn(error.status, (400, 414, 505, 513))
            reply = rejection(datagram, error)
            if reply is not None:
                head, _, body = encode(reply).partition(b"\r\n\r\n")
                self.assertEqual(body, b"")
                self.assertEqual(head.count(b"\n"), head.count(b"\r\n"))
                stamped(reply, UDP_PEER)
            return
        if message is not None:
            self.assertEqual(encode(read(encode(message))), encode(message))

    @modest
    @given(damaged(SAMPLES))
    def test_a_damaged_message_is_read_or_refused(self, datagram: bytes) -> None:
        self.read_somehow(datagram)
        plain(StreamParser().feed(datagram))

    @modest
    @given(st.binary(max_size=200))
    def test_random_octets_are_refused(self, datagram: bytes) -> None:
        self.read_somehow(datagram)
        StreamParser().feed(datagram)
        StreamParser().feed(made() + datagram)

    @modest
    @given(damaged(SAMPLES), st.integers(0, 2000))
    def test_a_damaged_stream_is_the_same_in_two_pieces(self, octets: bytes, cut: int) -> None:
        self.assertEqual(feed(octets[:cut], octets[cut:]), feed(octets))

    def test_long_nonsense_takes_no_time(self) -> None:
        """A pattern that tries again from every octet needs minutes for these."""
        for filler in (b" ", b"\t", b"\r\n ", b" \r\n", b'"', b'"\\', b"a", b":", b",", b";", b"\r", b"<", b"\\\x07"):
            many = filler * (60000 // len(filler))
            for datagram in (
                made(b"X: a" + many + b"\r\n"),
                made(b"X" + many + b": a\r\n"),
                made(b"X: a" + many + b"x\r\n"),
                made().replace(b"z9hG4bKone", b"z" + many),
                made().replace(b"tag=a1", b"tag=a" + many),
                made().replace(b"bob@192", b"bob" + many + b"@192"),
                made(b"X: a\r\n" * 9000),
            ):
                self.read_somehow(datagram)
