"""Dialogs: who we talk to inside a session, by which way, and in which order (RFC 3261 §12). Sessions are not here."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from pushsvc.errors import BadMessage
from pushsvc.sip.headers import Address, CSeq, Field, Headers, Via
from pushsvc.sip.inside import leads_inside
from pushsvc.sip.message import Core, Message, Request, Response
from pushsvc.sip.uri import SipUri, Uri

DialogId = tuple[str, str | None, str | None]
"""Call-ID, our tag, the peer's tag. A peer of RFC 2543 has none (None)."""

_MAX_FORWARDS = "70"
_TARGET_REFRESH = frozenset({"INVITE", "UPDATE"})
# These carry the number of the INVITE that they belong to (RFC 3261 §12.2.2).
_NUMBERED_BY_INVITE = frozenset({"ACK", "CANCEL"})


def dialog_id(arrived: Message) -> DialogId:
    """The id of the dialog that a message which has arrived belongs to."""
    if isinstance(arrived, Request):
        return arrived.call_id, arrived.to.tag, arrived.from_.tag
    return arrived.call_id, arrived.from_.tag, arrived.to.tag


@attrs.frozen
class Dialog:
    """One dialog as it stands; whatever changes it makes a new value.

    `target` is where the peer is (the seed's Session Identity), `contact` where it finds us, `route_set` the proxies
    on the way in the order we pass them. `secure`: made by a `sips:` request over TLS, to stay on TLS
    (RFC 3261 §12.1.1). `foreign`: the peer, or the proxy before it, is another machine, and leads us nowhere inside of
    this one.
    """

    call_id: str
    local: Address
    remote: Address
    target: SipUri
    contact: SipUri
    local_cseq: int = 0
    remote_cseq: int | None = None
    route_set: tuple[Address, ...] = ()
    secure: bool = False
    we_called: bool = True
    foreign: bool = False

    @classmethod
    def from_invite(cls, request: Request, our_tag: str, contact: SipUri, *, foreign: bool = False) -> Dialog:
        """The dialog that our answer to an INVITE makes, with our tag and Contact in it (RFC 3261 §12.1.1).

        Raises BadMessage: 400 without a usable Contact, or for a Record-Route that cannot be followed; 403 where a
        `foreign` peer leads us inside.
        """
        return cls(
            call_id=request.call_id,
            local=_tagged(request.to, our_tag),
            remote=_tagged(request.from_, request.from_.tag),
            target=_target(request.contact),
            contact=contact,
            remote_cseq=request.cseq.number,
            route_set=_routes(request.headers),
            secure=isinstance(request.uri, SipUri) and request.uri.secure and request.via.transport == "TLS",
            we_called=False,
            foreign=foreign,
        )._checked()

    @classmethod
    def from_answer(cls, invite: Request, response: Response, *, foreign: bool = False) -> Dialog:
        """The dialog that a response to our INVITE makes (RFC 3261 §12.1.2).

        A 2xx without Contact is wrong but makes a dialog all the same, which has to be acknowledged and ended: its
        target is then the INVITE's. Raises BadMessage for a Contact or Record-Route that cannot be followed, or leads
        inside where it may not.
        """
        theirs = response.contact
        return cls(
            call_id=invite.call_id,
            local=_tagged(invite.from_, invite.from_.tag),
            remote=_tagged(response.to, response.to.tag),
            target=_sip(invite.uri) if theirs is None else _target(theirs),
            contact=_target(invite.contact),
            local_cseq=invite.cseq.number,
            route_set=_routes(response.headers)[::-1],
            secure=isinstance(invite.uri, SipUri) and invite.uri.secure and invite.via.transport == "TLS",
            foreign=foreign,
        )._checked()

    @property
    def local_tag(self) -> str | None:
        return self.local.tag

    @property
    def remote_tag(self) -> str | None:
        return self.remote.tag

    @property
    def id(self) -> DialogId:
        return self.call_id, self.local_tag, self.remote_tag

    def next_hop_uri(self) -> SipUri:
        """The URI that says where our requests go first: the first proxy's, else the peer's own."""
        return _sip(self.route_set[0].uri) if self.route_set else self.target

    def request(
        self, method: str, via: Via, headers: Iterable[Field] = (), body: bytes = b""
    ) -> tuple[Request, Dialog]:
        """The next request of ours, and the dialog after it. Content-Length is left to the codec."""
        number = self.local_cseq + 1
        return self._made(method, number, via, headers, body), attrs.evolve(self, local_cseq=number)

    def ack(self, invite_cseq: int, via: Via, headers: Iterable[Field] = ()) -> Request:
        """The ACK of a 2xx: the number of its INVITE, the INVITE's credentials in `headers` (RFC 3261 §13.2.2.4)."""
        return self._made("ACK", invite_cseq, via, headers, b"")

    def accepts(self, request: Request) -> Dialog:
        """The dialog after a request of the peer.

        Raises BadMessage: 481 when the request belongs to no such dialog, 500 when it is older than one we had
        (RFC 3261 §12.2.2), 400 for a Contact that cannot be followed, 403 for one that leads inside where it may not.
        """
        if dialog_id(request) != self.id:
            raise BadMessage("no such dialog", 481)
        if request.method in _NUMBERED_BY_INVITE:
            return self
        number = request.cseq.number
        # Repeats have been absorbed by the transaction: an equal number is a replay.
        if self.remote_cseq is not None and number <= self.remote_cseq:
            raise BadMessage("CSeq is not higher than the last", 500)
        return attrs.evolve(self, remote_cseq=number)._refreshed(request, request.method)

    def retargeted(self, response: Response) -> Dialog:
        """The dialog after a response to a later request: a 2xx may move the target (RFC 3261 §12.2.1.2).

        Raises BadMessage for a Contact that cannot be followed.
        """
        return self._refreshed(response, response.cseq.method) if 200 <= response.status < 300 else self

    def _refreshed(self, arrived: Message, method: str) -> Dialog:
        if method not in _TARGET_REFRESH or arrived.contact is None:
            return self
        return attrs.evolve(self, target=_target(arrived.contact))._checked()

    def _checked(self) -> Dialog:
        """This dialog, unless it leads where its peer may not lead us."""
        if self.foreign and leads_inside(self.next_hop_uri()):
            raise BadMessage(f"{self.next_hop_uri().host} is inside of this machine, and was named from outside", 403)
        return self

    def _made(self, method: str, number: int, via: Via, headers: Iterable[Field], body: bytes) -> Request:
        uri, routes = self._way()
        cseq = CSeq(number, method)
        fields = (
            ("Via", str(via)),
            ("Max-Forwards", _MAX_FORWARDS),
            *(("Route", str(route)) for route in routes),
            ("From", str(self.local)),
            ("To", str(self.remote)),
            ("Call-ID", self.call_id),
            ("CSeq", str(cseq)),
            *headers,
        )
        return Request(method, uri, Headers(fields), body, Core(via, self.local, self.remote, self.call_id, cseq))

    def _way(self) -> tuple[SipUri, tuple[Address, ...]]:
        """Request-URI and Route headers (RFC 3261 §12.2.1.1)."""
        if not self.route_set or self.next_hop_uri().parameter("lr") is not None:
            return self.target, self.route_set
        # A strict router looks for itself in the Request-URI, and puts there what it finds last in Route.
        return self.next_hop_uri().as_target(), (*self.route_set[1:], Address(self.target))


def _tagged(address: Address, tag: str | None) -> Address:
    """The address with its tag and no other parameter."""
    return Address(address.uri, address.display_name, () if tag is None else (("tag", tag),))


def _sip(uri: Uri) -> SipUri:
    if not isinstance(uri, SipUri):
        raise BadMessage("not a SIP URI where one has to be followed")
    return uri


def _target(contact: Address | None) -> SipUri:
    if contact is None:
        raise BadMessage("no Contact")
    return _sip(contact.uri).as_target()


def _routes(headers: Headers) -> tuple[Address, ...]:
    routes = tuple(Address.parse(value) for value in headers.values("record-route"))
    for route in routes:
        _sip(route.uri)
    return routes
