"""What is logged of the traffic."""

from __future__ import annotations

from typing import Any

from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.net.observer import Direction
from pushsvc.net.wirelog import WireLog
from tests.sip.values import UDP_PEER, make_invite, make_request, make_response


class Logged(SynchronousTestCase):
    """Log events, as the formats of ops turn them into lines."""

    def setUp(self) -> None:
        self.events: list[dict[str, Any]] = []
        observer = self.events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.log = WireLog(unlimited=False)

    def test_a_request_is_one_line_at_info(self) -> None:
        """Who called whom, by which Call-ID, from where."""
        self.log.sip(Direction.IN, make_invite(), UDP_PEER)
        (event,) = self.events
        facts = {name: event[name] for name in ("method", "dir", "call_id", "from", "to", "peer")}
        self.assertEqual(
            facts,
            {
                "method": "INVITE",
                "dir": "in",
                "call_id": "call1",
                "from": "sip:alice@example.com",
                "to": "sip:bob@example.com",
                "peer": "udp:192.0.2.1:5060",
            },
        )
        self.assertEqual((event["log_level"], event["log_format"]), (LogLevel.info, "sip req"))

    def test_a_final_answer_is_one_line_and_a_provisional_one_is_detail(self) -> None:
        """Two lines per transaction, not five."""
        for status in (100, 180, 200, 486):
            self.log.sip(Direction.OUT, make_response(make_invite(), status), UDP_PEER)
        self.assertEqual(
            [(event["code"], event["method"], event["log_level"]) for event in self.events],
            [
                (100, "INVITE", LogLevel.debug),
                (180, "INVITE", LogLevel.debug),
                (200, "INVITE", LogLevel.info),
                (486, "INVITE", LogLevel.info),
            ],
        )

    def test_a_refusal_says_why(self) -> None:
        """The words of its Warning, which whoever was refused has got as well."""
        refusal = make_response(make_invite(), 488, headers=[("Warning", '305 pushsvc "Incompatible media format"')])
        self.log.sip(Direction.OUT, refusal, UDP_PEER)
        self.assertEqual([event["reason"] for event in self.events], ['305 pushsvc "Incompatible media format"'])

    def test_neither_bodies_nor_credentials(self) -> None:
        """Logs are read by others than pushes are."""
        secret = [("Authorization", 'Digest response="secret"')]
        self.log.sip(Direction.OUT, make_request("MESSAGE", headers=secret, body=b"secret"), UDP_PEER)
        self.assertNotIn("secret", str([value for event in self.events for value in event.values()]))

    def test_what_cannot_be_read_is_a_warning(self) -> None:
        """It may be an attack, or a peer with a bug."""
        self.log.sip_unreadable(UDP_PEER, "no Call-ID")
        (event,) = self.events
        self.assertEqual((event["log_level"], event["reason"]), (LogLevel.warn, "no Call-ID"))

    def test_a_refusal_in_msrp_is_one_line_at_info(self) -> None:
        """Whatever way it goes, and also where nobody asked for a chunk to be answered well."""
        for frame in ("400 hash mismatch", "506 bound elsewhere", "200 OK"):
            self.log.msrp(Direction.OUT, frame, 0, "call1", "tls:192.0.2.1:2855")
        self.assertEqual([event["log_level"] for event in self.events], [LogLevel.info, LogLevel.info, LogLevel.debug])

    def test_frames_are_detail_and_repeats_are_none(self) -> None:
        """16,000 chunks per GiB."""
        self.log.msrp(Direction.IN, "SEND 1-5/5", 5, "call1", "tls:192.0.2.1:2855")
        self.log.sip_retransmissions(3)
        (event,) = self.events
        self.assertEqual((event["log_level"], event["frame"], event["size"]), (LogLevel.debug, "SEND 1-5/5", 5))

    def test_where_detail_is_not_kept_frames_cost_nothing_and_refusals_are_told_all_the_same(self) -> None:
        """Making an event that nobody keeps takes longer than anything else about a chunk of 2 KiB."""
        log = WireLog(unlimited=False, is_wanted=lambda name, level, words, unlimited: level > LogLevel.debug)
        for frame in ("SEND 1-5/5", "200 OK", "413 Stop sending"):
            log.msrp(Direction.IN, frame, 5, "call1", "tls:192.0.2.1:2855")
        self.assertEqual([event["frame"] for event in self.events], ["413 Stop sending"])

    def test_what_would_not_be_written_is_not_made(self) -> None:
        """A flood of MESSAGEs is ten lines a second and a count; what it is asked by is what would be logged."""
        asked: list[tuple[Any, ...]] = []

        def refuse(*kind: Any, unlimited: bool) -> bool:
            asked.append((*kind, unlimited))
            return False

        log = WireLog(unlimited=True, is_wanted=refuse)
        log.sip(Direction.IN, make_invite(), UDP_PEER)
        log.sip(Direction.OUT, make_response(make_invite(), 180), UDP_PEER)
        log.sip(Direction.OUT, make_response(make_invite(), 200), UDP_PEER)
        name = "pushsvc.net.wirelog.WireLog"
        self.assertEqual(
            asked,
            [
                (name, LogLevel.info, "sip req", True),
                (name, LogLevel.debug, "sip resp", True),
                (name, LogLevel.info, "sip resp", True),
            ],
        )
        self.assertEqual(self.events, [])
