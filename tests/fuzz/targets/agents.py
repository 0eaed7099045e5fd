"""A whole receiver and a whole sender in a simulated network, and somebody who says whatever he likes to them.

What must hold: no root catches a bug of ours, nothing is answered 500 but what is out of order in its dialog, and when
all is over nothing is left: no session, no transaction, no connection, no timer, no part of a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure

from pushsvc.errors import BadMessage
from pushsvc.net import reaching
from pushsvc.sip.codec import parse
from pushsvc.sip.message import Request, Response
from tests.agents import Agent, left
from tests.conversations.foreign import FOREIGN, Foreigner, selectors_in
from tests.conversations.receiving_case import AOSP, TO_ALICE
from tests.conversations.stranger import Stranger
from tests.fuzz import samples
from tests.fuzz.target import SEPARATOR, Target, holds, scratch
from tests.fuzz.targets.msrp import WORDS
from tests.fuzz.targets.sip_datagram import one_message
from tests.pushing import ReceivingSide, SendingSide
from tests.sim import Network

OVER = 400.0  # seconds after which everything has had its time
ANSWER = f"""v=0
o=- 1 1 IN IP4 {FOREIGN}
s=-
c=IN IP4 {FOREIGN}
t=0 0
m=message 2855 TCP/MSRP *
a=recvonly
a=accept-types:*
a=setup:passive
a=path:msrp://{FOREIGN}:2855/s3ss10n;tcp
"""
OK = b"SIP/2.0 200 OK\r\n{head}Contact: <sip:alice@%s>\r\nContent-Type: application/sdp\r\n\r\n" % FOREIGN.encode()


@contextmanager
def _watched() -> Iterator[Path]:
    """A directory; what is logged as a bug meanwhile is one."""
    bugs: list[str] = []

    def heard(event: LogEvent) -> None:
        failure = event.get("log_failure")
        if isinstance(failure, Failure):
            bugs.append(f"{formatEvent(event)}\n{failure.getTraceback()}")

    biggest, reaching.BIGGEST_DATAGRAM = reaching.BIGGEST_DATAGRAM, 65000
    globalLogPublisher.addObserver(heard)
    try:
        with scratch() as directory:
            yield Path(directory)
    finally:
        globalLogPublisher.removeObserver(heard)
        reaching.BIGGEST_DATAGRAM = biggest
    holds(not bugs, "\n".join(bugs))


def _nothing_left(network: Network, directory: Path, agent: Agent) -> None:
    agent.sessions.close_all("it is over")
    network.settle(OVER)
    still = left(network, agent)
    holds(not still, f"left: {still}")
    holds(not list((directory / "tmp").glob("*")), "a part of a file is left")


def run_receiver(octets: bytes) -> None:
    """Datagrams to a receiver that takes everything."""
    with _watched() as directory:
        network = Network()
        receiver = ReceivingSide(network, directory, plain=True)
        stranger = Stranger(network)
        for datagram in octets.split(SEPARATOR)[:10]:
            stranger.say(datagram[:65000])
        answers = [message for message in stranger.heard if isinstance(message, Response)]
        for came in stranger.came:
            one_message(came)
        for answer in answers:
            holds(answer.status != 500 or answer.to.tag is not None, "answered 500")
        _nothing_left(network, directory, receiver.stack)
        receiver.inbox.stop()


def run_msrp(octets: bytes) -> None:
    """A peer whose call was taken and who has connected says these octets instead of a content."""
    with _watched() as directory:
        network = Network()
        receiver = ReceivingSide(network, directory, plain=True)
        foreigner = Foreigner(network)
        foreigner.is_hostile = True
        foreigner.path = f"msrp://{FOREIGN}:9/1795344325913;tcp"
        foreigner.invite(TO_ALICE, AOSP)
        foreigner.connect()
        assert foreigner.wire is not None
        said = octets.replace(b"{us}", foreigner.path.encode()).replace(b"{you}", foreigner.theirs.encode())
        foreigner.wire.transport.write(said)
        network.settle(1.0)
        holds(
            all(b"\0" not in entry.about.name.encode("utf-8", "replace") for entry in receiver.arrived),
            "a name with NUL",
        )
        holds(sum(map(len, receiver.contents())) <= len(said), "more in the inbox than was sent")
        _nothing_left(network, directory, receiver.stack)
        receiver.inbox.stop()


def run_sender(octets: bytes) -> None:
    """A sender's INVITE is answered with these octets, and what it sends as well."""
    answers = octets.split(SEPARATOR)[:10]
    with _watched() as directory:
        network = Network()
        sender = SendingSide(network, directory, secure=False)
        foreigner = _Hostile(network, answers)
        foreigner.listen()
        done: list[Any] = []
        delivery: Deferred[Any] = sender.deliver(sender.job(b"Gate 3", to=f"sip:alice@{FOREIGN}"))
        delivery.addBoth(done.append)
        network.settle(OVER * 2)
        holds(bool(done), "a delivery that does not end")
        holds(not isinstance(done[0], Failure), f"a delivery that raises: {done[0]}")
        _nothing_left(network, directory, sender.stack)


class _Hostile(Foreigner):
    """Answers each request with the next of its answers, the last one for ever."""

    def __init__(self, network: Network, answers: list[bytes]) -> None:
        super().__init__(network)
        self.is_hostile = True
        self._answers = [each for each in answers if not each.startswith(b"MSRP ")] or [b""]
        frames = [each for each in answers if each.startswith(b"MSRP ")]
        self.react = lambda frame: frames.pop(0) if frames else b""

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        try:
            request = parse(datagram)
        except BadMessage:  # an answer that repeats what could not be read
            return
        if not isinstance(request, Request) or request.method == "ACK":
            return
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        mirrored = selectors_in(request.body.decode()).replace("\n", "\r\n").encode()
        fields = [field for field in request.headers if field[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
        tagged = ((name, f"{value};tag=x" if name == "To" and "tag=" not in value else value) for name, value in fields)
        head = "".join(f"{name}: {value}\r\n" for name, value in tagged).encode("utf-8", "surrogateescape")
        written = answer.replace(b"{head}", head).replace(b"{mirror}", mirrored)
        self._network.carry(written[:65000], (FOREIGN, 5060), addr)


def _to_receiver() -> list[bytes]:
    flows = [samples.wire(f"flow{number}/*-sip-*.bin") for number in (1, 2, 9, 12)]
    messages = samples.sip()
    mixed = [messages[at : at + 3] for at in range(0, len(messages), 3)]
    for_alice = samples.wire("cheatsheet/multi_invite.bin")
    return [SEPARATOR.join(flow) for flow in [*filter(None, flows), *mixed, for_alice]]


def to_msrp() -> list[bytes]:
    send = b"MSRP tid%d SEND\r\nTo-Path: {you}\r\nFrom-Path: {us}\r\nMessage-ID: %d\r\n"
    body = b"Byte-Range: 1-%d/%d\r\nContent-Type: text/plain\r\n\r\n%s\r\n-------tid%d%s\r\n"
    whole = send % (1, 1) + body % (5, 5, b"hello", 1, b"$")
    first, rest = (
        send % (1, 1) + body % (2, 5, b"he", 1, b"+"),
        send % (2, 1) + body.replace(b"1-", b"3-") % (5, 5, b"llo", 2, b"$"),
    )
    empty = send % (3, 3) + b"-------tid3$\r\n"
    report = (
        b"MSRP tid4 REPORT\r\nTo-Path: {you}\r\nFrom-Path: {us}\r\nMessage-ID: 1\r\nByte-Range: 1-5/5\r\n"
        b"Status: 000 200 OK\r\n-------tid4$\r\n"
    )
    wrapped = (
        send % (5, 5) + b"Content-Type: message/cpim\r\n\r\nFrom: <sip:a>\r\n\r\nContent-Type: text/plain\r\n\r\nx\r\n"
        b"-------tid5$\r\n"
    )
    named = whole.replace(
        b"Byte-Range", b'Content-Disposition: attachment; filename="../a.jpg"\r\nContent-Description: x\r\nByte-Range'
    )
    return [
        whole,
        first + rest,
        empty + whole,
        report + whole,
        wrapped,
        named,
        first,
        whole.replace(b"-tid1$", b"-tid1#"),
        *samples.msrp(),
    ]


def _to_sender() -> list[bytes]:
    answer = ANSWER.replace("\n", "\r\n").encode() + b"{mirror}\r\n"
    reply = b"MSRP fuzz 200 OK\r\nTo-Path: a\r\nFrom-Path: b\r\n-------fuzz$\r\n"
    plain = b"SIP/2.0 %s\r\n{head}%sContent-Length: 0\r\n\r\n"
    moved = plain % (b"302 Moved", b"Contact: <sip:bob@192.0.2.30:5060>;q=0.5, <sip:c@192.0.2.31>\r\n")
    asked = plain % (b"401 x", b'WWW-Authenticate: Digest realm="a", nonce="b", qop="auth", algorithm=SHA-256\r\n')
    small = plain % (b"422 x", b"Min-SE: 4000\r\n")
    return [
        OK + answer,
        OK + answer + SEPARATOR + reply,
        moved + SEPARATOR + OK + answer,
        asked + SEPARATOR + OK + answer,
        small + SEPARATOR + OK + answer,
        plain % (b"503 x", b"Retry-After: 5\r\n"),
        plain % (b"183 x", b"") + SEPARATOR + OK,
        plain % (b"488 x", b'Warning: 305 a "b"\r\n'),
    ]


_HOSTILE: tuple[tuple[str, Callable[[bytes], None], Callable[[], list[bytes]], tuple[bytes, ...]], ...] = (
    ("receiver", run_receiver, _to_receiver, (*samples.SIP_WORDS, SEPARATOR)),
    ("receiver-msrp", run_msrp, to_msrp, WORDS),
    (
        "sender",
        run_sender,
        _to_sender,
        (*samples.SIP_WORDS, SEPARATOR, b"{head}", b"{mirror}", b"SIP/2.0 500 x\r\n", b"SIP/2.0 487 x\r\n"),
    ),
)
TARGETS = [Target(name, run, given, words, longest=16384, weight=12) for name, run, given, words in _HOSTILE]
