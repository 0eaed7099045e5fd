"""What DNS says of a domain: an order of places, every place once, whatever names, numbers and weights it gives."""

from __future__ import annotations

import struct
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.names import dns

from pushsvc.errors import Unreachable
from pushsvc.net.locate import MAX_ADDRESSES, Locator
from pushsvc.net.service_lookup import DnsLookup
from pushsvc.sip.service_records import Srv, in_order
from pushsvc.sip.uri import SipUri
from tests.fuzz.target import Frame, Target, holds, words

URI = SipUri.parse("sip:alice@example.com")


class _Resolver:
    """Gives the records of one answer, whatever it is asked."""

    def __init__(self, answers: list[Any]) -> None:
        self._answers = answers

    def lookupService(self, name: str, timeout: object) -> Deferred[Any]:
        return succeed((self._answers, [], []))

    lookupNamingAuthorityPointer = lookupService


def run(octets: bytes) -> None:
    """The octets are an answer as from the wire, or, where they are none, priorities and weights of records."""
    message = dns.Message()
    try:
        message.fromStr(octets)
        answers = message.answers
    except Exception:  # whatever twisted.names raises on octets that are no answer is its own
        answers = []
    if answers:
        _located(answers)
    numbers = [struct.unpack_from("!HHH", octets, at) for at in range(0, len(octets) - 5, 6)][:32]
    records = [
        Srv(priority, weight, port, f"h{index}.example.com") for index, (priority, weight, port) in enumerate(numbers)
    ]
    fraction = (sum(octets) % 100) / 100
    ordered = in_order(records, lambda: fraction)
    holds(sorted(map(str, ordered)) == sorted(map(str, records)), "not every place once")
    holds([each.priority for each in ordered] == sorted(each.priority for each in records), "priorities out of order")


def _located(answers: list[Any]) -> None:
    lookup = DnsLookup(lambda: _Resolver(answers), Clock())
    locator = Locator(lambda host: succeed(["192.0.2.1"]), lookup)
    done: list[Any] = []
    Deferred.fromCoroutine(locator.locate(URI)).addBoth(done.append)
    if isinstance(done[0], list):
        holds(1 <= len(done[0]) <= MAX_ADDRESSES, f"{len(done[0])} hops")
        return
    done[0].trap(Unreachable)


def _answer(*records: Any) -> bytes:
    message = dns.Message(id=1, answer=1)
    message.answers = [dns.RRHeader(b"example.com", each.TYPE, payload=each, ttl=60) for each in records]
    return message.toStr()


def _samples() -> list[bytes]:
    srv = [
        dns.Record_SRV(priority, weight, 5060, b"sip%d.example.com" % weight)
        for priority, weight in ((1, 0), (1, 10), (2, 65535))
    ]
    naptr = [
        dns.Record_NAPTR(order, 50, b"s", service, b"", b"_sip._udp.example.com")
        for order, service in ((1, b"SIP+D2U"), (2, b"SIPS+D2T"))
    ]
    return [
        _answer(*srv),
        _answer(*naptr),
        _answer(*srv, *naptr),
        _answer(dns.Record_SRV(0, 0, 0, b".")),
        struct.pack("!12H", *range(12)),
    ]


TARGET = Target(
    "dns",
    run,
    _samples,
    words(r"""
    \xc0\x0c \xff\xff \x00\x00 \x00! \x00# ? SIP+D2T s
"""),
    longest=1024,
    limit=4096,
    frames=(Frame(), Frame(_answer(dns.Record_SRV(1, 1, 1, b"a.b"))[:12])),
    units=(b"\0\1\0\1\0\1", b"\xc0\x0c", b"\1a"),
)
