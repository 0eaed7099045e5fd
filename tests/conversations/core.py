"""A SIP core between agents: a proxy that records its route, and gates that ask for credentials."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

from pushsvc.sip.codec import encode, parse
from pushsvc.sip.dialog import Dialog
from pushsvc.sip.headers import Headers, Via
from pushsvc.sip.message import Message, Request, Response, reply_to
from pushsvc.sip.uri import SipUri
from tests.sim import Network

CORE = "192.0.2.1"
ROUTE = f"<sip:{CORE};lr>"

_HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
_directive = re.compile(r'(\w+)=(?:"([^"]*)"|([^ ,"]+))').findall


class Gate:
    """Asks for credentials and checks them (RFC 7616 §3.4), with arithmetic of its own.

    A nonce is good for so many `uses`, in order; then it is stale. `asked` are the methods that are let through only
    with credentials; `passed` what was let through with them.
    """

    def __init__(
        self,
        status: int = 407,
        realm: str = "example.com",
        password: str = "secret",
        algorithms: tuple[str, ...] = ("SHA-256", "MD5"),
        uses: int = 1000,
        asked: tuple[str, ...] = ("INVITE", "BYE", "UPDATE", "MESSAGE", "OPTIONS"),
    ) -> None:
        self.status, self.realm, self.password, self.algorithms = status, realm, password, algorithms
        self.uses, self.asked = uses, asked
        self.challenges = 0
        self.passed: list[Request] = []
        self.extra = ""  # directives that a challenge has, too
        self.always_stale = False
        self.fixed_nonce: str | None = None
        self._counts: dict[str, int] = {}
        self._ask, self.header = {
            401: ("WWW-Authenticate", "Authorization"),
            407: ("Proxy-Authenticate", "Proxy-Authorization"),
        }[status]

    def refuses(self, request: Request) -> Response | None:
        """The challenge to this request; None: it may pass."""
        if request.method not in self.asked:
            return None
        given = self.given(request)
        if given is not None and self._is_right(request, given):
            count = self._counts[given["nonce"]] = self._counts[given["nonce"]] + 1
            if count <= self.uses and int(given["nc"], 16) == count:
                self.passed.append(request)
                return None
            return self._challenge(request, stale=True)
        return self._challenge(request, stale=self.always_stale)

    def given(self, request: Request) -> dict[str, str] | None:
        """The directives for our realm."""
        for value in request.headers.all(self.header):
            directives = {name: quoted or plain for name, quoted, plain in _directive(value)}
            if directives.get("realm") == self.realm:
                return directives
        return None

    def _is_right(self, request: Request, given: dict[str, str]) -> bool:
        def hashed(text: str) -> str:
            return hashlib.new(_HASHES[given["algorithm"]], text.encode()).hexdigest()

        secret = hashed(f"{given['username']}:{self.realm}:{self.password}")
        line = hashed(f"{request.method}:{request.uri}")
        expected = hashed(f"{secret}:{given['nonce']}:{given['nc']}:{given['cnonce']}:{given['qop']}:{line}")
        right = given["response"] == expected and given["uri"] == str(request.uri)
        return right and given["nonce"] in self._counts and given["algorithm"] == self.algorithms[0]

    def _challenge(self, request: Request, *, stale: bool) -> Response:
        self.challenges += 1
        nonce = self.fixed_nonce or f"{self.realm}-{self.challenges}"
        self._counts[nonce] = 0
        mark = ", stale=true" if stale else ""
        fields = [
            (self._ask, f'Digest realm="{self.realm}", nonce="{nonce}", algorithm={each}, qop="auth"{mark}{self.extra}')
            for each in self.algorithms
        ]
        return reply_to(request, self.status, to_tag=f"gate{self.challenges}", headers=fields)


class Core:
    """A stateless proxy on datagrams at `CORE`. `gate` says what may pass; `heard` are the requests that came.

    It vouches for whom it lets through, as an IMS core does; `answers` are those to requests of its own.

    `route(request)` gives where it goes from here: to its Request-URI, where nobody says otherwise.
    """

    def __init__(self, network: Network, gate: Gate | None = None) -> None:
        self.gate = gate
        self.heard: list[Request] = []
        self.answers: list[Response] = []
        self.route: Callable[[Request], SipUri] = lambda request: request.uri  # type: ignore[assignment,return-value]
        self._network = network
        self._count = 0
        self._turned_away: set[str] = set()
        network.host(CORE).listenUDP(5060, self, interface=CORE)

    def requests(self, method: str) -> list[Request]:
        """Those of this method that came, repeats left out."""
        return list({each.via.branch: each for each in self.heard if each.method == method}.values())

    def hang_up(self, at: str, dialog: Dialog, *, tag: str | None = None) -> Response:
        """Say BYE to the agent at this address for the other end of its dialog, or for who has this tag."""
        self._count += 1
        peer = dialog.remote if tag is None else dialog.remote.with_parameter("tag", tag)
        fields = {
            "Via": f"SIP/2.0/UDP {CORE}:5060;branch=z9hG4bKnetwork{self._count}",
            "From": str(peer),
            "To": str(dialog.local),
            "Call-ID": dialog.call_id,
            "CSeq": f"{100 + self._count} BYE",
            "Reason": 'SIP;cause=503;text="bearer lost"',
        }
        self._send(Request("BYE", dialog.contact, Headers(fields.items())), at, 5060)
        self._network.settle(0.5)
        return self.answers[-1]

    def datagramReceived(self, datagram: bytes, source: Any) -> None:
        message = parse(datagram)
        if isinstance(message, Request):
            self.heard.append(message)
            self._requested(message, source)
        elif isinstance(message, Response):
            below = message.headers.values("via")[1:]
            if below:
                via = Via.parse(below[0])
                self._send(message.evolve(headers=message.headers.replaced("Via", *below)), via.host, via.port)
            else:
                self.answers.append(message)

    def _requested(self, request: Request, source: Any) -> None:
        if request.method == "ACK" and request.via.branch in self._turned_away:
            return
        response = self.gate.refuses(request) if self.gate is not None else None
        if response is None:
            self._forward(request)
        else:
            self._turned_away.add(request.via.branch)
            self._send(response, *source)

    def _forward(self, request: Request) -> None:
        # A CANCEL has the branch of its INVITE on the next hop as well (RFC 3261 §16.11).
        branch = f"z9hG4bKcore{request.via.branch[7:]}"
        headers = request.headers.without("Route", "Proxy-Authorization", "P-Preferred-Identity", "P-Preferred-Service")
        for name in ("Identity", "Service"):
            for value in request.headers.all(f"P-Preferred-{name}"):
                headers = headers.added(f"P-Asserted-{name}", value)
        headers = headers.replaced("Via", f"SIP/2.0/UDP {CORE}:5060;branch={branch}", *request.headers.all("Via"))
        if request.method == "INVITE" and request.to.tag is None:
            headers = headers.added("Record-Route", ROUTE)
        target = self.route(request)
        self._send(request.evolve(headers=headers, uri=target), target.host, target.port)

    def _send(self, message: Message, host: str, port: int | None) -> None:
        self._network.carry(encode(message), (CORE, 5060), (host, port or 5060))

    def makeConnection(self, transport: Any) -> None: ...

    def doStop(self) -> None: ...
