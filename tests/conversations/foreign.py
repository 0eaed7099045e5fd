"""A peer of another make: the session descriptions and MSRP frames that it writes are the test's, octet for octet.

Its SIP is ours, cut short, and goes by datagrams: how other stacks speak SIP is not the question here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.protocol import ClientFactory, DatagramProtocol, ServerFactory
from twisted.logger import formatEvent
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import sdp
from pushsvc.msrp.chunk import Flag, Head, Reply, Report, Send
from pushsvc.msrp.framer import Begun, Data, Ended, Framer, StreamBroken
from pushsvc.net import reaching
from pushsvc.net.tls import Tls
from pushsvc.sessions import opening_request
from pushsvc.sip.codec import encode, parse
from pushsvc.sip.dialog import Dialog
from pushsvc.sip.headers import Via
from pushsvc.sip.message import Message, Request, Response, reply_to
from pushsvc.sip.uri import SipUri
from tests.agents import Agent, left
from tests.log_lines import LogLines
from tests.pushing import ReceivingSide, SendingSide
from tests.sim import Network
from tests.wires import Wire

FOREIGN = "192.0.2.30"
MSRP_PORT = 2855


@attrs.frozen
class Frame:
    """One frame that it was sent."""

    head: Head
    body: bytes
    flag: Flag


class Foreigner(DatagramProtocol):
    """Listens for SIP and MSRP at its address; calls as well. `session_id` is the last part of its path.

    `describe(offer)` is its answer to an INVITE, lines with LF; `react(frame)` what it writes when a frame came.
    `tls`: MSRP goes over that.
    """

    def __init__(self, network: Network, session_id: str = "s3ss10n", *, tls: Tls | None = None) -> None:
        self.describe: Callable[[str], str] = lambda offer: ""
        self.react: Callable[[Frame], bytes] = lambda frame: b""
        self.is_hostile = False  # what it gets repeats what it said, and need not be readable
        self.path = f"msrp{'s' if tls else ''}://{FOREIGN}:{MSRP_PORT}/{session_id};tcp"
        self.heard: list[Message] = []
        self.frames: list[Frame] = []
        self.wire: Wire | None = None
        self.theirs = ""  # the other side's path
        self._network = network
        self._tls = tls
        self._count = 0
        self._invite: Request | None = None
        self._dialog: Dialog | None = None
        self.host = network.host(FOREIGN)
        self._port = self.host.listenUDP(5060, self, interface=FOREIGN)

    def stop(self) -> None:
        """Somebody else lives at its address."""
        self._port.stopListening()

    # -- SIP

    def invite(self, target: str, body: str, *headers: tuple[str, str]) -> Response:
        """Call, acknowledge a 200, and give the answer."""
        uri = SipUri.parse(target)
        parties = [("From", "<sip:push@example.com>"), ("To", f"<{target}>")]
        others = [("Contact", f"<sip:push@{FOREIGN}>"), ("Content-Type", "application/sdp"), *headers]
        self._count += 1
        call_id = f"call{self._count}"
        self._invite = opening_request(
            "INVITE", uri, self._via(), "foreign", call_id, 1, [*parties, *others], crlf(body)
        )
        self._send(self._invite, (uri.host, 5060))
        self._network.settle(1.0)
        answer = self.responses()[-1]
        if answer.status == 200:
            self.theirs = path_in(answer.body.decode())
            self._dialog = Dialog.from_answer(self._invite, answer)
            self._send(self._dialog.ack(1, self._via()), (uri.host, 5060))
        return answer

    def hang_up(self) -> None:
        assert self._dialog is not None
        bye, _ = self._dialog.request("BYE", self._via())
        self._send(bye, (self._dialog.next_hop_uri().host, 5060))
        self._network.settle(1.0)

    def offer_again(self, body: str) -> None:
        """As callee, a later INVITE; its 200 is acknowledged."""
        (invite,) = self.requests("INVITE")
        dialog = Dialog.from_invite(invite, "foreign", SipUri.parse(f"sip:alice@{FOREIGN}"))
        fields = [("Contact", f"<sip:alice@{FOREIGN}>"), ("Content-Type", "application/sdp")]
        request, dialog = dialog.request("INVITE", self._via(), fields, crlf(body))
        place = (dialog.next_hop_uri().host, 5060)
        self._send(request, place)
        self._network.settle(0.1)
        self._send(dialog.ack(dialog.local_cseq, self._via()), place)

    def requests(self, method: str) -> list[Request]:
        """The requests of this method that it got."""
        return [each for each in self.heard if isinstance(each, Request) and each.method == method]

    def responses(self) -> list[Response]:
        """The final responses that it got."""
        return [each for each in self.heard if isinstance(each, Response) and each.status >= 200]

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        message = parse(datagram)
        assert message is not None
        self.heard.append(message)
        if isinstance(message, Response) or message.method == "ACK":
            return
        body = crlf(self.describe(message.body.decode())) if message.method == "INVITE" else b""
        if body:
            self.theirs = path_in(message.body.decode())
        fields = [("Contact", f"<sip:alice@{FOREIGN}>"), *([("Content-Type", "application/sdp")] if body else [])]
        self._send(reply_to(message, 200, to_tag="foreign", headers=fields, body=body), addr)

    # -- MSRP

    def listen(self) -> None:
        """As the passive side."""
        factory = ServerFactory()
        factory.buildProtocol = lambda addr: self._built()  # type: ignore[method-assign]
        self.host.listenTCP(MSRP_PORT, self._tls.server(factory) if self._tls else factory)

    def connect(self, port: int | None = None) -> None:
        """As the active side, from this port of its own."""
        factory = ClientFactory()
        factory.buildProtocol = lambda addr: self._built()  # type: ignore[method-assign]
        factory = self._tls.client(factory, FOREIGN) if self._tls else factory  # type: ignore[assignment]
        host, _, theirs = self.theirs.split("/")[2].partition(":")
        self.host.connectTCP(host, int(theirs), factory, bindAddress=(FOREIGN, port) if port else None)
        self._network.settle(0.2)

    def say(self, *texts: str, body: bytes | None = None, settle: float = 1.0) -> None:
        """Write these frames at once, in one piece, and give the other side time; see `frame`."""
        assert self.wire is not None
        self.wire.transport.write(b"".join(self.frame(text, body) for text in texts))
        self._network.settle(settle)

    def frame(self, text: str, body: bytes | None = None) -> bytes:
        """The frame that the text stands for: LF is CRLF, `{us}` and `{you}` are the paths, `{body}` the octets."""
        written = text.replace("\n", "\r\n").replace("{us}", self.path).replace("{you}", self.theirs).encode()
        return written.replace(b"{body}", body or b"")

    def statuses(self) -> list[int]:
        """The statuses of the replies that it got."""
        return [frame.head.status for frame in self.frames if isinstance(frame.head, Reply)]

    def reports(self) -> list[Report]:
        return [frame.head for frame in self.frames if isinstance(frame.head, Report)]

    def sends(self) -> list[Send]:
        """The SENDs that it got."""
        return [frame.head for frame in self.frames if isinstance(frame.head, Send)]

    # -- its own

    def _built(self) -> Wire:
        self.wire = _Listening(self)
        return self.wire

    def _via(self) -> Via:
        self._count += 1
        return Via("UDP", FOREIGN, 5060, (("branch", f"z9hG4bKforeign{self._count}"), ("rport", None)))

    def _send(self, message: Message, to: Any) -> None:
        self._network.carry(encode(message), (FOREIGN, 5060), (to[0], to[1]))


class _Listening(Wire):
    """The wire of a foreigner, who reacts to what comes."""

    def __init__(self, foreigner: Foreigner) -> None:
        super().__init__()
        self._foreigner = foreigner
        self._framer = Framer()
        self._head: Head | None = None
        self._body = b""

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        try:
            events = self._framer.feed(data)
        except StreamBroken as error:
            if not self._foreigner.is_hostile:
                raise
            events = error.events
            self.transport.loseConnection()
        for event in events:
            match event:
                case Begun():
                    self._head, self._body = event.head, b""
                case Data():
                    self._body += bytes(event.octets)
                case Ended():
                    assert self._head is not None
                    frame = Frame(self._head, self._body, event.flag)
                    self._foreigner.frames.append(frame)
                    answer = self._foreigner.react(frame)
                    if answer:
                        self.transport.write(answer)


def crlf(text: str) -> bytes:
    """Lines of text as they travel."""
    return text.replace("\n", "\r\n").encode()


def path_in(description: str) -> str:
    """The path of its first media line."""
    (line, *_) = sdp.media(sdp.parse(description.encode()))
    return str(line.path[0])


def selectors_in(offer: str) -> str:
    """What an answer mirrors of its first media line: the lines that say which file it is."""
    lines = [line for line in offer.split("\r\n") if line.startswith(("a=file-selector", "a=file-transfer-id"))]
    return "\n".join(lines[:2])


class ForeignCase(SynchronousTestCase):
    """Our receiver with its inbox, or our sender, and a foreigner, without TLS."""

    def setUp(self) -> None:
        self.patch(reaching, "BIGGEST_DATAGRAM", 65000)
        self.network = Network()
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.log = LogLines(self)
        self.foreigner = Foreigner(self.network)

    def receiving(self, **accept: Any) -> ReceivingSide:
        """Our receiver."""
        self.receiver = ReceivingSide(self.network, self.directory, plain=True, **accept)
        self.ours: Agent = self.receiver.stack
        return self.receiver

    def sending(self, **facts: Any) -> SendingSide:
        """Our sender."""
        self.sender = SendingSide(self.network, self.directory, **{"secure": False} | facts)
        self.ours = self.sender.stack
        return self.sender

    def logged(self) -> list[str]:
        """What was logged of MSRP, at info and above."""
        return [
            formatEvent(event) for event in self.log.events if event["log_namespace"].startswith("pushsvc.net.msrp")
        ]

    def assert_nothing_left(self) -> None:
        """Promise 5, a while later: no session, no transaction, no connection, no timer, no part of a file."""
        self.assertEqual(left(self.network, self.ours), [])
        self.assertEqual(list((self.directory / "tmp").glob("*")), [])
        self.assertEqual(self.flushLoggedErrors(), [])
