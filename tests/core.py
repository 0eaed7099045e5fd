"""A SIP/IP core on the simulated network: the proxy that stands between the agents, and judges what they say to it.

It reads and writes messages with our codec and shares nothing else with the agents: no transactions, no dialogs. Of a
request it keeps the way back and nothing more (RFC 3261 §16.11, a stateless proxy); it stays on the way of what follows
an INVITE by Record-Route (§16.6). It may ask for credentials (tests/gate.py), and vouches for whom it lets through, as
an IMS core does (RFC 3325 §5).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol

from pushsvc.net import reaching
from pushsvc.sip.codec import KeepAlive, StreamParser, encode, parse
from pushsvc.sip.dialog import Dialog
from pushsvc.sip.headers import Address, Headers, Via
from pushsvc.sip.message import Message, Request, Response, reply_to
from pushsvc.sip.uri import SipUri
from tests.gate import Gate
from tests.sim import Network

CORE = "192.0.2.5"
PROXY = SipUri(CORE).with_parameter("lr", None)
PORT = 5060


def words(message: Message) -> str:
    """A message in a few words, as `INVITE` or `200 INVITE`."""
    return message.method if isinstance(message, Request) else f"{message.status} {message.cseq.method}"


# RFC 3325 §9.2: what a trusted proxy makes of it (and RFC 6050 §4.2, for services).
_PREFERRED = {"P-Preferred-Identity": "P-Asserted-Identity", "P-Preferred-Service": "P-Asserted-Service"}


@attrs.frozen
class Neighbour:
    """Where a message came from, or goes to; `say` puts octets on the way there."""

    host: str
    transport: str
    say: Callable[[bytes], object] = attrs.field(eq=False, repr=False)


class Core:
    """One proxy. `registered` is where the users of its domain are, by their address of record: a Contact, or "" for
    one that is known and not there. `beyond` are other domains, and the proxy of each. The URIs in both have literal
    addresses.

    `gate` says what may pass. `strict`: it routes as RFC 2543 did, and knows no `lr`. `heard` is all that came;
    `answers` those of it to requests of its own. `ladder` gets a line for each leg, in which hosts are called by their
    `names`.
    """

    def __init__(
        self,
        network: Network,
        address: str = CORE,
        *,
        gate: Gate | None = None,
        strict: bool = False,
        names: Mapping[str, str] | None = None,
        ladder: list[str] | None = None,
    ) -> None:
        self.registered: dict[str, str] = {}
        self.beyond: dict[str, str] = {}
        self.address = address
        self.route = SipUri(address) if strict else SipUri(address).with_parameter("lr", None)
        self.gate = gate
        self._strict = strict
        self.heard: list[Message] = []
        self.options = 200  # the status for those to itself
        self.outbound = False  # whether it calls over the connection of a REGISTER (RFC 5626)
        self.vouches = False  # for whoever it lets through, as From says
        self.deaf: tuple[str, ...] = ()  # methods that it does not hear
        self.answers: list[Response] = []
        self._names = names or {}
        self._ladder = [] if ladder is None else ladder
        self._network = network
        self._host = network.host(address)
        self._back: dict[str, Neighbour] = {}
        self._turned_away: set[str] = set()
        self._flows: dict[tuple[str, int], Neighbour] = {}
        self._wires: dict[tuple[str, int], Deferred[_Wire]] = {}
        self._udp = self._host.listenUDP(PORT, _Datagrams(self), interface=address)
        factory = Factory()
        factory.buildProtocol = lambda addr: _Wire(self, addr.host)  # type: ignore[method-assign]
        self._host.listenTCP(PORT, factory, interface=address)

    def requests(self, method: str) -> list[Request]:
        """Those of this method that came, repeats left out."""
        came = [each for each in self.heard if isinstance(each, Request) and each.method == method]
        return list({each.via.branch: each for each in came}.values())

    def hang_up(self, at: str, dialog: Dialog, *, tag: str | None = None) -> Response:
        """Say BYE to the agent at this address for the other end of its dialog, or for who has this tag."""
        number = 100 + len(self.answers)
        peer = dialog.remote if tag is None else dialog.remote.with_parameter("tag", tag)
        fields = {
            "Via": str(Via("UDP", self.address, PORT, (("branch", f"z9hG4bKnetwork{number}"),))),
            "From": str(peer),
            "To": str(dialog.local),
            "Call-ID": dialog.call_id,
            "CSeq": f"{number} BYE",
            "Reason": 'SIP;cause=503;text="bearer lost"',
        }
        self.datagram(encode(Request("BYE", dialog.contact, Headers(fields.items()))), (at, PORT))
        self._network.settle(0.5)
        return self.answers[-1]

    def arrived(self, message: Message, source: Neighbour) -> None:
        """From a transport, which answers by the same way."""
        if isinstance(message, Request) and message.method in self.deaf:
            return
        self.heard.append(message)
        self._note(source.host, self.address, message)
        if isinstance(message, Response):
            self._return(message)
        elif message.method == "ACK" and message.via.branch in self._turned_away:
            return  # of an answer of our own
        elif message.max_forwards == 0:
            self._answer(reply_to(message, 483, to_tag="core"), source)
        elif self.gate is not None and (challenge := self.gate.refuses(message)) is not None:
            self._answer(challenge, source)
        elif (answer := self._own_answer(message, source)) is not None:
            self._answer(answer, source)
        else:
            self._forward(message, source)

    def _own_answer(self, request: Request, source: Neighbour) -> Response | None:
        """What it says for itself: as a registrar, and to whoever asks whether it is there."""
        if request.method == "REGISTER":
            contact = request.headers.get("contact") or ""
            place = Address.parse(contact).uri
            assert isinstance(place, SipUri)
            self.registered[str(request.to.uri)] = str(place)
            headers = [("Contact", contact)]
            if self.outbound:
                self._flows[place.host, place.port or PORT] = source
                headers.append(("Require", "outbound"))
            return reply_to(request, 200, to_tag="core", headers=headers)
        uri = request.uri
        if request.method == "OPTIONS" and isinstance(uri, SipUri) and (uri.host, uri.user) == (self.address, None):
            return reply_to(request, self.options, to_tag="core")
        return None

    def datagram(self, octets: bytes, place: tuple[str, int]) -> None:
        self._udp.write(octets, place)

    # -- requests (§16.4 to §16.6)

    def _forward(self, request: Request, source: Neighbour) -> None:
        routes = request.headers.values("route")
        uri = request.uri
        assert isinstance(uri, SipUri)
        if routes and _uri_in(routes[0]).host == self.address:
            routes = routes[1:]
        elif routes and uri.host == self.address and self._strict:
            uri, routes = _uri_in(routes[0]), routes[1:]
        elif routes and uri.host == self.address:  # §16.4: from a strict router
            uri, routes = _uri_in(routes[-1]), routes[:-1]
        if routes and not self._strict:
            next_hop = _uri_in(routes[0])
            if next_hop.parameter("lr") is None:  # §16.6 step 6: to a strict router
                uri, routes = next_hop, [*routes[1:], f"<{uri}>"]
        elif uri.host in self.beyond:
            next_hop = SipUri.parse(self.beyond[uri.host])
        elif _is_literal(uri.host):
            next_hop = uri
        else:
            contact = self.registered.get(str(uri.aor()))
            if not contact:
                self._answer(reply_to(request, 404 if contact is None else 480, to_tag="core"), source)
                return
            next_hop = uri = SipUri.parse(contact)
        assert isinstance(next_hop, SipUri)
        self._say(lambda transport: self._passed(request, uri, routes, transport), next_hop, source)

    def _passed(self, request: Request, uri: SipUri, routes: list[str], transport: str) -> Request:
        """One hop further: our Via on top, ourselves in front of Record-Route, one hop less left."""
        # Of the same request always the same branch: ACK and CANCEL have to find the INVITE (§16.11).
        branch = "z9hG4bK" + hashlib.sha256(f"{self.address} {request.via.branch}".encode()).hexdigest()[:20]
        fields = [("Via", str(Via(transport.upper(), self.address, PORT, (("branch", branch),))))]
        if request.method == "INVITE":
            fields.append(("Record-Route", f"<{self.route}>"))
        fields += request.headers.without("Route", "Max-Forwards", "Proxy-Authorization", *_PREFERRED).fields
        for preferred, asserted in _PREFERRED.items():
            fields += [(asserted, value) for value in request.headers.all(preferred)]
        fields += [("P-Asserted-Identity", f"<{request.from_.uri}>")] if self.vouches else []
        fields += [("Max-Forwards", str(request.max_forwards - 1)), *(("Route", route) for route in routes)]
        return Request(request.method, uri, Headers(fields), request.body)

    def _say(self, make: Callable[[str], Request], next_hop: SipUri, source: Neighbour) -> None:
        transport = next_hop.transport or ("tcp" if len(encode(make("udp"))) > reaching.BIGGEST_DATAGRAM else "udp")
        request = make(transport)
        self._back[request.via.branch] = source
        self._note(self.address, next_hop.host, request)
        place = (next_hop.host, next_hop.port or PORT)
        if transport == "udp":
            self.datagram(encode(request), place)
            return
        if place in self._flows:
            self._flows[place].say(encode(request))
            return
        if place not in self._wires:
            factory = Factory()
            factory.buildProtocol = lambda addr: _Wire(self, place[0])  # type: ignore[method-assign]
            self._wires[place] = TCP4ClientEndpoint(self._host, *place).connect(factory)
        self._wires[place].addCallback(lambda wire: wire.say(encode(request)))
        self._wires[place].addErrback(lambda _: None)  # whoever asked hears nothing

    def _answer(self, response: Response, source: Neighbour) -> None:
        self._turned_away.add(response.via.branch)
        self._note(self.address, source.host, response)
        source.say(encode(response))

    # -- responses (§16.7)

    def _return(self, response: Response) -> None:
        """By the way that the request came, without our Via."""
        source = self._back.get(response.via.branch)
        if source is None:
            self.answers.append(response)
            return
        above, *below = response.headers.values("via")
        assert Via.parse(above).host == self.address
        passed = response.evolve(headers=response.headers.replaced("Via", *below))
        self._note(self.address, source.host, passed)
        source.say(encode(passed))

    def _note(self, source: str, target: str, message: Message) -> None:
        """Each leg once: what another proxy noted when it sent is not noted again."""
        sender, hearer = (self._names.get(host, host) for host in (source, target))
        if source == self.address or not sender.startswith("C"):
            self._ladder.append(f"{sender} > {hearer} {words(message)}")


def _uri_in(route: str) -> SipUri:
    uri = Address.parse(route).uri
    assert isinstance(uri, SipUri)
    return uri


def _is_literal(host: str) -> bool:
    return host.replace(".", "").isdigit()


class _Datagrams(DatagramProtocol):
    def __init__(self, core: Core) -> None:
        self._core = core

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        message = parse(datagram)
        assert message is not None
        self._core.arrived(message, Neighbour(addr[0], "udp", lambda octets: self._core.datagram(octets, addr)))


class _Wire(Protocol):
    """A stream, whoever opened it."""

    def __init__(self, core: Core, peer: str) -> None:
        self._core = core
        self._peer = peer
        self._parser = StreamParser()

    def say(self, octets: bytes) -> _Wire:
        assert self.transport is not None
        self.transport.write(octets)
        return self

    def dataReceived(self, data: bytes) -> None:
        for event in self._parser.feed(data):
            if isinstance(event, KeepAlive):
                self.say(b"\r\n" * event.ping)  # RFC 5626 §4.4.1
                continue
            assert isinstance(event, Message), event
            self._core.arrived(event, Neighbour(self._peer, "tcp", self.say))
