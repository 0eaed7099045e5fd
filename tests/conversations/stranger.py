"""Peers that a script plays on the wire: somebody with a socket, and somebody who knows how to call."""

from __future__ import annotations

from typing import Any

from pushsvc.errors import BadMessage
from pushsvc.sip.codec import encode, parse
from pushsvc.sip.headers import Via
from pushsvc.sip.message import Message, Request, Response, ack_of
from tests.sim import Network

BOB = "192.0.2.20"


class Stranger:
    """Somebody with a socket and no manners: says what the test says, and keeps what is said to it.

    `came` are the datagrams, `heard` those of them that can be read.
    """

    def __init__(self, network: Network, address: str = "192.0.2.66", port: int = 5060) -> None:
        self.address, self.port = address, port
        self.heard: list[Message] = []
        self.came: list[bytes] = []
        self._count = 0
        self._network = network
        network.host(address).listenUDP(port, self, interface=address)

    def via(self) -> Via:
        self._count += 1
        branch = ("branch", f"z9hG4bKstranger{self._count}")
        return Via("UDP", self.address, self.port, (branch, ("rport", None)))

    def say(self, message: Message | bytes, to: str = BOB, settle: float = 0.5) -> None:
        """Send it, and give it time to be answered."""
        octets = message if isinstance(message, bytes) else encode(message)
        self._network.carry(octets, (self.address, self.port), (to, 5060))
        self._network.settle(settle)

    def requests(self, method: str = "") -> list[Request]:
        """The requests of this method, or of any, that it has got, repeats left out."""
        came = [each for each in self.heard if isinstance(each, Request) and method in ("", each.method)]
        return list({(each.method, each.via.branch): each for each in came}.values())

    def statuses(self) -> list[int]:
        """The statuses of the responses it has got."""
        return [message.status for message in self.heard if isinstance(message, Response)]

    def datagramReceived(self, datagram: bytes, address: Any) -> None:
        self.came.append(datagram)
        try:
            message = parse(datagram)
        except BadMessage:
            return
        if message is not None:
            self.heard.append(message)

    def makeConnection(self, transport: Any) -> None: ...

    def doStop(self) -> None: ...


class Caller(Stranger):
    """A stranger who writes its requests by hand, line by line, and keeps to the dialog that comes of an INVITE."""

    def request(self, method: str, *lines: str, body: str = "", number: int = 1, to_tag: str = "") -> bytes:
        """A request of one dialog; each of `lines` takes the place of its like, `Name:` that of a line left out."""
        octets = body.replace("\n", "\r\n").encode()
        wanted = {line.partition(":")[0]: line for line in lines}
        usual = {
            "Via": f"Via: SIP/2.0/UDP {self.address}:{self.port};branch={self.via().branch}",
            "Max-Forwards": "Max-Forwards: 70",
            "From": "From: <sip:stranger@example.com>;tag=caller",
            "To": "To: <sip:alice@example.com>" + (f";tag={to_tag}" if to_tag else ""),
            "Call-ID": "Call-ID: by-hand",
            "CSeq": f"CSeq: {number} {method}",
            "Contact": f"Contact: <sip:stranger@{self.address}>",
            "Supported": "Supported: timer",
            "Content-Type": "Content-Type: application/sdp" if body else "Content-Type:",
            "Content-Length": f"Content-Length: {len(octets)}",
        }
        start = wanted.pop("start", f"start:{method} sip:alice@{BOB} SIP/2.0").removeprefix("start:")
        head = [line for line in (usual | wanted).values() if not line.endswith(":")]
        return "\r\n".join([start, *head, "", ""]).encode() + octets

    def call(self, *lines: str, body: str) -> Response:
        """Say an INVITE; its final answer, acknowledged before it is repeated."""
        invite = self.request("INVITE", *lines, body=body)
        self.say(invite, settle=0.3)
        answer = self.last()
        request = parse(invite)
        assert isinstance(request, Request)
        if answer.status >= 300:
            self.say(ack_of(request, answer), settle=0.1)
        else:
            self.say(self.request("ACK", to_tag=answer.to.tag or ""), settle=0.1)
        return answer

    def hang_up(self) -> Response:
        """Say BYE; its answer."""
        self.say(self.request("BYE", number=2, to_tag=self.last().to.tag or ""))
        return self.last()

    def last(self) -> Response:
        """The newest response."""
        return [message for message in self.heard if isinstance(message, Response)][-1]
