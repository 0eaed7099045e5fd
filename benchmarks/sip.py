"""SIP parsing and formatting: one INVITE with its core headers read, beside twisted.protocols.sip doing the same.

And beside sippy and aiosipua, where they are installed (extra "bench").
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from twisted.protocols import sip as twisted_sip

from benchmarks.measure import Figure, Ratio, Result, interleaved, seconds
from pushsvc.sip.codec import encode, parse
from pushsvc.sip.message import Request

try:
    from sippy.SipRequest import SipRequest
except ImportError:
    SipRequest = None
try:
    from aiosipua import SipMessage
except ImportError:
    SipMessage = None

SAMPLE = Path(__file__).parent.parent / "tests" / "wire" / "flow1" / "01-sip-INVITE-offer-sendonly.bin"
INVITE = SAMPLE.read_bytes()
TIMES = 2000


def ours() -> tuple[object, ...]:
    """Parse, and read what every request is matched and routed by."""
    request = parsed_by_us()
    return request.via.branch, request.from_.tag, request.to, request.call_id, request.cseq.number, request.contact


def theirs() -> tuple[object, ...]:
    """The same from Twisted's parser."""
    headers = parsed_by_twisted().headers
    via = twisted_sip.parseViaHeader(headers["via"][0])
    addresses = [twisted_sip.parseAddress(headers[name][0]) for name in ("from", "to", "contact")]
    return via.branch, *addresses, headers["call-id"][0], int(headers["cseq"][0].split()[0])


def sippy() -> tuple[object, ...]:
    """The same from sippy's."""
    request = SipRequest(INVITE.decode())
    body = request.getHFBody
    addresses = [body(name).getUri() for name in ("from", "to", "contact")]
    return body("via").getBranch(), *addresses, body("call-id"), body("cseq").getCSeqNum()


def aiosipua() -> tuple[object, ...]:
    """The same from aiosipua's."""
    request = SipMessage.parse(INVITE)
    return request.via[0].branch, request.from_addr, request.to_addr, request.contact, request.call_id, request.cseq


def peers() -> dict[str, Callable[[], object]]:
    """Those that are installed."""
    return {**({"sippy": sippy} if SipRequest else {}), **({"aiosipua": aiosipua} if SipMessage else {})}


def microseconds(work: Callable[[], object]) -> float:
    """Of one call, on average over many."""
    return seconds(lambda: [work() for _ in range(TIMES)]) / TIMES * 1e6


def parsed_by_twisted() -> twisted_sip.Request:
    """The sample as Twisted's request."""
    messages: list[twisted_sip.Request] = []
    parser = twisted_sip.MessagesParser(messages.append)
    parser.dataReceived(INVITE)
    parser.dataDone()
    return messages[0]


def parsed_by_us() -> Request:
    """The sample as ours."""
    request = parse(INVITE)
    if not isinstance(request, Request):
        raise AssertionError("the sample is an INVITE")
    return request


def run(rounds: int) -> Result:
    """Parse and format, ours and Twisted's in turn."""
    request, twisted_request = parsed_by_us(), parsed_by_twisted()
    found = interleaved(
        {
            "parse, pushsvc": lambda: microseconds(ours),
            "parse, twisted.protocols.sip": lambda: microseconds(theirs),
            **{f"parse, {name}": partial(microseconds, work) for name, work in peers().items()},
            "format, pushsvc": lambda: microseconds(lambda: encode(request)),
            "format, twisted.protocols.sip": lambda: microseconds(twisted_request.toString),
        },
        rounds,
    )
    figures = {name: Figure(name, "µs", samples) for name, samples in found.items()}
    ratios = [
        Ratio(f"{verb}, to Twisted's", figures[f"{verb}, pushsvc"], figures[f"{verb}, twisted.protocols.sip"], target)
        for verb, target in (("parse", "≤ 0.4"), ("format", ""))
    ]
    return Result(f"SIP codec, INVITE of {len(INVITE)} octets", list(figures.values()), ratios)
