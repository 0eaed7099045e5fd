"""Opens a connection, sees who is there, and closes it again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cryptography import x509
from service_identity import CertificateError
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectError, ConnectionRefusedError, TimeoutError
from twisted.internet.interfaces import IAddress, IHandshakeListener, IProtocolFactory
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pushsvc.doctor.judgement.way import Look, PeerCertificate, Trouble
from pushsvc.doctor.patience import in_time
from pushsvc.errors import TimedOut, Unreachable
from pushsvc.net.tls import Tls, in_words, verify_sip_domain
from pushsvc.sip.hop import Hop

SECONDS = 4.0  # for a connection, and for a handshake


async def look_at(hop: Hop, reactor: Any, tls: Tls, *, spare: bool = False) -> Look:
    """What a connection to this hop finds: over TLS with the certificate, whatever is wrong with it."""
    began, place = reactor.seconds(), str(hop)
    found: list[PeerCertificate] = []

    def seen(certificate: x509.Certificate | None, errors: Sequence[int]) -> None:
        if certificate is not None:
            found.append(_described(certificate, errors, hop.name or hop.host))

    visitor = _Visitor(secure=hop.transport == "tls")
    factory: IProtocolFactory = _Calling(visitor)
    if visitor.secure:
        factory = tls.client_for_a_look(factory, hop.name or hop.host, seen)
    make = TCP6ClientEndpoint if ":" in hop.host else TCP4ClientEndpoint
    try:
        await make(reactor, hop.host, hop.port, SECONDS).connect(factory)
    except ConnectionRefusedError:
        return Look(place, trouble=Trouble.REFUSED, spare=spare)
    except TimeoutError:
        return Look(place, trouble=Trouble.SILENT, spare=spare)
    except ConnectError as error:
        return Look(place, trouble=Trouble.OTHER, error=str(error), spare=spare)
    try:
        await in_time(visitor.met, SECONDS, reactor, "no handshake in time")
    except (Unreachable, TimedOut) as error:
        return Look(place, trouble=Trouble.NO_TLS, error=error.reason, spare=spare)
    finally:
        visitor.leave()
    return Look(place, reactor.seconds() - began, certificate=found[0] if found else None, spare=spare)


def _described(certificate: x509.Certificate, errors: Sequence[int], domain: str) -> PeerCertificate:
    try:
        verify_sip_domain(certificate, domain)
        wrong = ""
    except CertificateError as error:
        wrong = str(error)
    begins, ends = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
    return PeerCertificate(begins, ends, wrong, tuple(dict.fromkeys(errors)))


class _Calling(Factory):
    """Makes the one visitor of a call."""

    noisy = False

    def __init__(self, visitor: _Visitor) -> None:
        self._visitor = visitor

    def buildProtocol(self, addr: IAddress | None) -> _Visitor:
        return self._visitor


@implementer(IHandshakeListener)
class _Visitor(Protocol):
    """`met` fires when somebody is there: connected, or with TLS when the handshake is done."""

    def __init__(self, *, secure: bool) -> None:
        self.secure = secure
        self.met: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        if not self.secure:
            self.met.callback(None)

    def handshakeCompleted(self) -> None:
        self.met.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.met.called:
            self.met.errback(Failure(Unreachable(in_words(reason))))

    def leave(self) -> None:
        if self.transport is not None:
            self.transport.abortConnection()  # type: ignore[attr-defined]
