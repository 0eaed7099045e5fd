"""A datagram to a message, every value in it that our code reads, and the answer to one that cannot be read."""

from __future__ import annotations

import re

from pushsvc.errors import BadMessage
from pushsvc.sip.challenges import challenges_of
from pushsvc.sip.codec import encode, parse, rejection
from pushsvc.sip.dialog import Dialog
from pushsvc.sip.headers import Address
from pushsvc.sip.hop import Hop, reply_hop, stamped
from pushsvc.sip.message import Message, Request, Response, reply_to
from pushsvc.sip.redirection import Targets
from pushsvc.sip.retry_after import retry_after_of
from pushsvc.sip.session_timer import SessionTimer, min_se_of
from pushsvc.sip.uri import SipUri
from tests.fuzz import samples
from tests.fuzz.target import Frame, Target, holds, words

SOURCE = Hop("udp", "192.0.2.66", 5060, connection=0)
US = SipUri.parse("sip:us@192.0.2.20")
INVITE = samples.wire("flow1/01-*.bin")[0]
LISTED = ("Contact", "Route", "Record-Route", "Accept", "Allow", "Require", "Supported", "P-Asserted-Identity")
_quoted_pair = re.compile(rb"\\.", re.DOTALL).sub
HEAD, _, _ = INVITE.partition(b"\r\n\r\n")


def run(octets: bytes) -> None:
    try:
        message = parse(octets)
    except BadMessage as error:
        reply = rejection(octets, error)
        if reply is not None:
            one_message(encode(stamped(reply, SOURCE)))
        return
    if message is not None:
        head = octets.lstrip(b"\r\n").partition(b"\r\n\r\n")[0]
        holds(head.count(b"\n") == head.count(b"\r\n"), "a line that ends otherwise was read")
        same = parse(encode(message))
        assert same is not None
        holds(_bare(same) == _bare(message), "what was read is not what is written")
        look_at(message)


def _bare(message: Message) -> Message:
    return message.evolve(headers=message.headers.without("Content-Length"))


def one_message(octets: bytes) -> None:
    """What we send has no line that we did not mean, however hostile the one it answers."""
    head = octets.partition(b"\r\n\r\n")[0]
    holds(b"\0" not in _quoted_pair(b"", head), "NUL in a header")  # RFC 3261 §25.1 has it within quotes
    holds(all(line.rstrip(b" \t").count(b"\r") == 0 for line in head.split(b"\r\n")), "CR inside a line")
    holds(head.count(b"\n") == head.count(b"\r\n"), "LF inside a line")


def look_at(message: Message) -> None:
    """Everything that is asked of a message anywhere above the codec."""
    for name in LISTED:
        for value in message.headers.values(name):
            _try(lambda value=value: Address.parse(value))  # type: ignore[misc]
    _try(lambda: message.contact)
    min_se_of(message)
    if isinstance(message, Request):
        there = stamped(message, SOURCE)
        reply_hop(there, SOURCE)
        one_message(encode(reply_to(there, 200, to_tag="ours", headers=[("Contact", str(US))])))
        _try(lambda: Dialog.from_invite(message, "ours", US))
        _try(lambda: SessionTimer.agreed_by_us(message))
    else:
        _look_at_response(message)


def _look_at_response(response: Response) -> None:
    challenges_of(response)
    retry_after_of(response)
    SessionTimer.agreed_by_answer(response)
    Targets(US).redirected(response, SOURCE)


def _try(read: object) -> None:
    try:
        read()  # type: ignore[operator]
    except BadMessage:
        return


TARGET = Target(
    "sip-datagram",
    run,
    samples.sip,
    samples.SIP_WORDS,
    limit=65536,
    frames=(
        Frame(HEAD + b"\r\nX: ", b"\r\n\r\n"),
        Frame(HEAD + b"\r\n", b"\r\n\r\n"),
        Frame(b"INVITE sip:", b" SIP/2.0\r\n" + HEAD.partition(b"\r\n")[2] + b"\r\n\r\n"),
        Frame(HEAD.replace(b"Contact: ", b"X: ") + b"\r\nContact: ", b"\r\n\r\n"),
        Frame(HEAD.replace(b"Via: ", b"X: ") + b"\r\nVia: ", b"\r\n\r\n"),
        Frame(HEAD + b"\r\nRecord-Route: ", b"\r\n\r\n"),
        Frame(b"SIP/2.0 401 x" + HEAD[HEAD.index(b"\r\n") :] + b"\r\nWWW-Authenticate: Digest realm=", b"\r\n\r\n"),
        Frame(b"SIP/2.0 302 x" + HEAD[HEAD.index(b"\r\n") :].replace(b"Contact", b"X") + b"\r\nContact: ", b"\r\n\r\n"),
    ),
    units=words(r"""
    a:\x20b\r\n \x20\r\n\x20 <sip:a>, Via:\x20SIP/2.0/UDP\x20a\r\n "\\" \\" "a", Digest\x20a=b, a=b,
    \r\nContact:\x20<sip:a> \r\n\t
"""),
)
