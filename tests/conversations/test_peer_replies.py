"""What other stacks reply and report to our sender, and what it makes of that: PEERS 1 to 37."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pushsvc.errors import Refused
from pushsvc.msrp.chunk import Flag, Send
from pushsvc.net.msrp_sending import Transfer
from pushsvc.sender.job import AttemptResult, FileState
from tests.conversations.foreign import FOREIGN, Frame
from tests.conversations.sending_case import LARGE, SendingCase


class Replies(SendingCase):
    """[R-UP-3] PEERS 15 to 18: a reply is known by its transaction id, whatever else it says."""

    def test_replies_of_all_shapes(self) -> None:
        """PEERS 15: without a comment, with headers of their own, with whole path lists, or with other URIs."""
        relay = "msrp://192.0.2.99:2855/relay;tcp"
        shapes: dict[str, Callable[[str], bytes]] = {
            "msrp-java": lambda tid: self.reply(tid, "200"),
            "msrp-java, the last URI": lambda tid: self.reply(tid, "200", to=relay),
            "tinyMSRP": lambda tid: self.reply(tid, "200 OK", "Byte-Range: 1-5/5\n"),
            "Kamailio": lambda tid: self.reply(tid, "200 OK", "Message-ID: whatever\n"),
            "rcsjta": lambda tid: self.reply(tid, "200 OK", to="{you} " + relay, by="{us} " + relay),
            "AOSP": lambda tid: self.reply(tid, "200 OK", by=f"msrp://{FOREIGN}:9/1795344325913;tcp"),
        }
        for name, shape in shapes.items():
            self.setUp()
            self.begin()
            self.foreigner.react = lambda frame, shape=shape: shape(frame.head.transaction_id)  # type: ignore[misc]
            with self.subTest(name):
                self.assert_delivered(self.pushed(LARGE), LARGE)

    def test_two_replies_to_one_request(self) -> None:
        """PEERS 16: msrp-java says 481 or 400 and then 200. The first counts, either way."""
        self.begin()
        self.foreigner.react = self.replying("200 OK", "", "481 No such session")
        self.assert_delivered(self.pushed())
        self.foreigner.frames.clear()
        self.foreigner.react = self.replying("481", "", "200")
        failure = self.pushed().failure
        assert isinstance(failure, Refused)
        self.assertEqual((failure.status, failure.retry), (481, True))
        self.assert_nothing_left()

    def test_replies_that_nobody_waits_for(self) -> None:
        """PEERS 18: to a request of long ago, or of somebody else."""
        self.begin()
        self.foreigner.react = lambda frame: (
            self.reply("stranger", "413") + self.reply(frame.head.transaction_id, "200") + self.reply("stranger", "200")
        )
        self.assert_delivered(self.pushed())

    def test_a_peer_that_never_replies(self) -> None:
        """Requirements F: 30 s, as a 408; worth another try."""
        self.begin()
        self.foreigner.react = lambda frame: b""
        failure = self.pushed().failure
        assert isinstance(failure, Refused)
        self.assertEqual((failure.status, failure.retry), (408, True))
        self.assert_nothing_left()


class Reports(SendingCase):
    """[F-10] [R-UP-3] PEERS 19 and 20: success reports as each stack sends them."""

    def reporting(self, reports: Callable[[Send, int, bool], Iterable[bytes]]) -> AttemptResult:
        """Push in chunks of 1024; `reports(send, octets so far, whether it is the last)` follow each reply."""
        self.setUp()
        self.begin(transfer=Transfer(chunk=1024, success_report=True, report_timeout=60.0))

        def react(frame: Frame) -> bytes:
            send = frame.head
            if not isinstance(send, Send):
                return b""
            last = frame.flag is Flag.COMPLETE
            return b"".join([self.reply(send.transaction_id, "200 OK"), *reports(send, len(self.got()), last)])

        self.foreigner.react = react
        return self.pushed(bytes(5125))

    def test_they_count_whatever_their_ranges_say(self) -> None:
        """Per chunk (msrplib, tinyMSRP), cumulative with the id of the SEND (FreeSWITCH), once for all (msrp-java),
        once with the last chunk's length (rcsjta), stars and -1 (tinyMSRP), beyond the total (node-lib)."""
        ways: dict[str, Callable[[Send, int, bool], Iterable[bytes]]] = {
            "msrplib": lambda send, sent, last: [self.report(send, str(send.byte_range))],
            "FreeSWITCH": lambda send, sent, last: [self.report(send, f"1-{sent}/5125", send.transaction_id)],
            "msrp-java": lambda send, sent, last: [self.report(send, "1-5125/5125", status="000 200")] * last,
            "rcsjta": lambda send, sent, last: [self.report(send, "1-5/5125", send.transaction_id)] * last,
            "tinyMSRP": lambda send, sent, last: [self.report(send, "1-*/-1")],
            "node-lib": lambda send, sent, last: [self.report(send, "1-10240/5125")] * last,
        }
        for name, reports in ways.items():
            with self.subTest(name):
                self.assert_delivered(self.reporting(reports), bytes(5125))

    def test_none_at_all_leaves_it_unconfirmed(self) -> None:
        """PEERS 19: node-lib, unless Failure-Report: yes is written out. 60 s, and it is not sent again."""
        result = self.reporting(lambda send, sent, last: [])
        self.assertEqual((result.failure, result.files[0].result), (None, FileState.UNCONFIRMED))
        self.assertTrue(60.0 <= self.network.clock.seconds() < 62.0)
        self.assert_nothing_left()

    def test_those_about_something_else_are_ignored(self) -> None:
        """[D-MSRP-1] An unknown Message-ID, or none; no answer either."""
        other = (
            "MSRP r1 REPORT\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: another\nStatus: 000 413\n-------r1$\n"
            "MSRP r2 REPORT\nTo-Path: {you}\nFrom-Path: {us}\nStatus: 000 413\n-------r2$\n"
        )
        result = self.reporting(lambda send, sent, last: [self.foreigner.frame(other)])
        self.assertEqual(result.files[0].result, FileState.UNCONFIRMED)
        self.assertEqual(self.foreigner.statuses(), [])
        self.assert_nothing_left()

    def test_one_that_says_no(self) -> None:
        """[D-MSRP-3] PEERS 36: sipsimple's REPORT 415 after the 200 is that 415."""
        result = self.reporting(lambda send, sent, last: [self.report(send, "1-5/5125", status="000 415 no")] * last)
        assert isinstance(result.failure, Refused)
        self.assertEqual(result.failure.status, 415)
        self.assert_nothing_left()

    def test_reports_that_nobody_asked_for(self) -> None:
        """PEERS 20: node-lib's 200 for an explicit Failure-Report, rcsjta's for everything."""
        self.begin()
        self.foreigner.react = lambda frame: (
            self.report(frame.head, "1-5/5") + self.reply(frame.head.transaction_id, "200 OK")  # type: ignore[arg-type]
        )
        self.assert_delivered(self.pushed())


class Refusals(SendingCase):
    """[D-MSRP-3] Requirements E.8: what the sender does for each code."""

    def refused(self, words: str, **ways: object) -> tuple[Refused, float]:
        """Push in chunks of 2048, the second refused; gives the failure, and the seconds until the BYE."""
        self.setUp()
        self.begin(transfer=Transfer(chunk=2048, window=2048), **ways)
        said: list[float] = []

        def react(frame: Frame) -> bytes:
            if frame.flag is Flag.ABORTED:
                return self.reply(frame.head.transaction_id, "200 OK")
            if len(self.foreigner.sends()) < 2:
                return self.reply(frame.head.transaction_id, "200 OK")
            said.append(self.network.clock.seconds())
            return self.reply(frame.head.transaction_id, words)

        self.foreigner.react = react
        result = self.pushed(LARGE)
        failure = result.failure
        assert isinstance(failure, Refused)
        self.assertEqual((result.files[0].code, result.octets_acknowledged), (failure.status, 2048))
        self.network.settle(1.0)
        self.assertEqual([frame.flag for frame in self.foreigner.frames], [Flag.MORE, Flag.MORE, Flag.ABORTED])
        self.assertEqual(len(self.foreigner.requests("BYE")), 1)
        seconds = self.network.clock.seconds() - said[0]
        self.assert_nothing_left()
        return failure, seconds

    def test_each_code(self) -> None:
        """The message is ended with `#`, nothing more of it is sent, the session is ended, and whether another attempt
        makes sense depends on the code. After a 413 the peer gets its time to close the line."""
        codes = {400: False, 403: False, 408: True, 413: False, 415: False, 423: False, 481: True, 501: False}
        for status, retry in (codes | {506: True, 599: False}).items():
            failure, seconds = self.refused(f"{status} because")
            self.assertEqual((failure.status, failure.reason, failure.retry), (status, "because", retry))
            self.assertEqual(seconds > 5.0, status == 413, (status, seconds))

    def test_a_413_without_patience(self) -> None:
        """delivery.after_413 = 0: we hang up at once."""
        self.assertLess(self.refused("413", after_413=0.0)[1], 3.0)

    def test_a_413_and_the_port_0_that_follows(self) -> None:
        """[R-FLOW-10] Flow 10: the peer closes the line within its time; 200, and then the BYE is ours."""
        self.begin(transfer=Transfer(chunk=2048, window=2048))
        self.foreigner.react = self.replying("413 Stop sending")
        pushing = self.pushing(LARGE)
        self.network.settle(2.0)
        self.assertEqual(self.foreigner.requests("BYE"), [])
        closed = self.answer(self.foreigner.requests("INVITE")[0].body.decode()).replace(
            "m=message 2855", "m=message 0"
        )
        self.foreigner.offer_again(closed)
        self.network.settle(0.5)
        (response,) = self.foreigner.responses()
        self.assertEqual((response.status, response.body.count(b"m=message 0 ")), (200, 1))
        self.assertEqual(self.foreigner.heard[-2:], [response, *self.foreigner.requests("BYE")])
        failure = self.network.run(pushing).failure
        assert isinstance(failure, Refused)
        self.assertEqual(failure.status, 413)
        self.assertLess(self.network.clock.seconds(), 4.0)
        self.assert_nothing_left()
