"""Where peers find us, as Via and Contact say it: our listeners, our ends of connections, what a core gave us."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from pushsvc.machine import Tokens
from pushsvc.sip.headers import Via
from pushsvc.sip.hop import Hop
from pushsvc.sip.uri import SipUri


@attrs.frozen
class Flow:
    """What a registration has brought us: the core at `host` sends us requests.

    They come over the connection of this number, and no other way is sure to work (RFC 5626); None: the core looks for
    us at our Contact. `gruu` is a name for this device that the core knows (RFC 5627).
    """

    host: str
    connection: int | None = None
    gruu: SipUri | None = None


class Places:
    """Our addresses. `near_end` gives the address of our end of the connection to a hop, if there is one."""

    def __init__(self, tokens: Tokens, advertise: str, near_end: Callable[[Hop], tuple[str, int] | None]) -> None:
        self.flow: Flow | None = None
        self._tokens = tokens
        self._advertise = advertise
        self._near_end = near_end
        self._listening: list[tuple[str, str, int]] = []

    def add(self, transport: str, host: str, port: int) -> None:
        """We listen there."""
        self._listening.append((transport, host, port))

    @property
    def addresses(self) -> dict[str, tuple[str, int]]:
        """Where we listen: the first address of each transport."""
        return {transport: (host, port) for transport, host, port in reversed(self._listening)}

    def via(self, hop: Hop) -> Via:
        """A Via with a fresh branch for a request over this hop (RFC 3261 §8.1.1.7)."""
        host, port = self._sent_by(hop.transport, hop)
        branch = ("branch", "z9hG4bK" + self._tokens.word(16))
        return Via(
            hop.transport.upper(), host, port, (branch, ("rport", None)) if hop.transport == "udp" else (branch,)
        )

    def contact(self, user: str | None, transport: str, *, secure: bool = False, hop: Hop | None = None) -> SipUri:
        """Where we can be reached over this transport; `secure`: over TLS all the way (RFC 3261 §8.1.1.8).

        `hop` is who will read it, where that is known.
        """
        return _uri(user, transport, *self._sent_by(transport, hop), secure=secure)

    @staticmethod
    def asking(user: str | None, via: Via, *, secure: bool = False) -> SipUri:
        """The Contact of a request of ours with this Via: both name one place."""
        return _uri(user, via.transport.lower(), via.host, via.port, secure=secure)

    def answering(self, user: str | None, source: Hop, *, secure: bool = False) -> SipUri:
        """The Contact of a dialog that a request from there begins: what follows has to find us, too.

        The GRUU that the core gave us; else our address, for requests over the same connection where the core promised
        that (RFC 5626 §4.3).
        """
        flow = self.flow
        if flow is not None and flow.gruu is not None and (flow.host, flow.gruu.user) == (source.host, user):
            return attrs.evolve(flow.gruu, scheme="sips" if secure else flow.gruu.scheme)
        uri = self.contact(user, source.transport, secure=secure, hop=source)
        is_theirs = flow is not None and flow.connection is not None and flow.connection == source.connection
        return uri.with_parameter("ob", None) if is_theirs and source.reliable else uri

    def _sent_by(self, transport: str, hop: Hop | None) -> tuple[str, int | None]:
        """The address that peers of this kind see us at, or the nearest to it.

        Over streams of a kind that we do not listen for that is our end of the connection: whoever has it open finds
        it by that.
        """
        if hop is not None and transport not in self.addresses:
            near = self._near_end(hop)
            if near is not None:
                return _bracketed(near[0]), near[1]
        if not self._listening:
            return self._advertise or "127.0.0.1", 5060
        ipv6 = None if hop is None else ":" in hop.host
        _, host, port = min(self._listening, key=lambda place: (place[0] != transport, (":" in place[1]) is not ipv6))
        return _bracketed(self._advertise or host), port


def _uri(user: str | None, transport: str, host: str, port: int | None, *, secure: bool) -> SipUri:
    if secure:
        return SipUri(scheme="sips", host=host, port=port, user=user)
    uri = SipUri(host=host, port=port, user=user)
    return uri if transport == "udp" else uri.with_parameter("transport", transport)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
