"""TLS between a transport and a protocol, by memory BIOs: whole buffers go through it, in both directions.

Twisted's own (`twisted.protocols.tls`) hands on every record of 16 KiB by itself: a transfer costs 5.3 CPU seconds per
GiB with it, sender and receiver together, and 4.2 with this. And it leaves a connection hanging whose peer says goodbye
while our producer is paused. Which certificates are taken is decided in `tls`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import attrs
from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from twisted.internet.interfaces import IAddress, IHandshakeListener, IProtocol, IProtocolFactory, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from pushsvc.net.at_once import fit_reads, write_widely

RECORD = 16384  # the most octets of content in one TLS record (RFC 8446 §5.1)
AT_ONCE = 16 * RECORD  # octets given to OpenSSL together: it keeps room for as many while the connection lasts
RECORD_OVERHEAD = 64  # octets that TLS adds to each record, rounded up


@attrs.frozen
class Side:
    """What a connection begins with, `connect()` as client or server; and what must be true of the peer then.

    `verify(connection)` raises VerificationError or CertificateError of `service_identity` when it is not.
    """

    connect: Callable[[], SSL.Connection]
    verify: Callable[[SSL.Connection], None] = lambda connection: None


class TlsTransport(Protocol):
    """A protocol to what is below it, and a transport (ITransport, IConsumer, IPushProducer) to `wrapped` above.

        (shaking hands) --done--> (open) --close_notify of both--> (over)
               |                    |                                ^
               +--------------------+--- failed, aborted, lost ------+

    If `wrapped` is an IHandshakeListener it is told when the handshake is done; what it writes before that waits.
    `reads_widely`, which it may set, is for a peer that is known to have much to say: see `at_once`.
    """

    transport: ITCPTransport

    def __init__(self, side: Side, wrapped: IProtocol) -> None:
        self.wrapped = wrapped
        self.disconnecting = False
        self.reads_widely = False
        self._side = side
        self._open = False
        self._over = False
        self._reason: Failure | None = None
        self._unsent: list[bytes] = []
        self._producer: Any = None

    # -- below: IProtocol

    def connectionMade(self) -> None:
        write_widely(self.transport)
        self._tls = self._side.connect()
        self.wrapped.makeConnection(self)  # type: ignore[arg-type]
        if not self._over:
            self._shake_hands()

    def dataReceived(self, data: bytes) -> None:
        if self._over:
            return
        if self.reads_widely:
            fit_reads(self.transport, len(data))
        self._tls.bio_write(data)
        if not self._open:
            self._shake_hands()
        if self._open and not self._over:
            self._read()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._over = self.disconnecting = True
        del self._tls  # which may hold us, and much memory
        self.wrapped.connectionLost(self._reason or reason)

    # -- above: ITransport, IConsumer, IPushProducer

    def write(self, data: bytes) -> None:
        if self.disconnecting or self._over:
            return
        if self._open:
            self._write(data)
        else:
            self._unsent.append(data)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Say goodbye. The connection is closed once the peer has said so, too: until then it may be sending."""
        if self.disconnecting or self._over:
            return
        if not self._open:
            self.abortConnection()
        else:
            self.disconnecting = True
            self._say_goodbye()

    def abortConnection(self) -> None:
        self._over = self.disconnecting = True
        self.transport.abortConnection()

    def getPeerCertificate(self) -> crypto.X509 | None:
        """The certificate that the peer presented, if it did."""
        return None if self._over else self._tls.get_peer_certificate()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """OpenSSL takes whatever we write, so it is the transport below that is full or not."""
        self._producer = producer
        self.transport.registerProducer(producer, streaming)  # type: ignore[attr-defined]

    def unregisterProducer(self) -> None:
        self._producer = None
        self.transport.unregisterProducer()  # type: ignore[attr-defined]

    def pauseProducing(self) -> None:
        self.transport.pauseProducing()  # type: ignore[attr-defined]

    def resumeProducing(self) -> None:
        self.transport.resumeProducing()  # type: ignore[attr-defined]

    def stopProducing(self) -> None:
        self.loseConnection()

    def getHost(self) -> IAddress:
        return self.transport.getHost()

    def getPeer(self) -> IAddress:
        return self.transport.getPeer()

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.transport.setTcpNoDelay(enabled)

    # -- ours

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
            self._side.verify(self._tls)
        except SSL.WantReadError:
            self._flush()
        except (SSL.Error, VerificationError, CertificateError):
            self._fail(Failure())
        else:
            self._flush()
            self._opened()

    def _opened(self) -> None:
        self._open = True
        if IHandshakeListener.providedBy(self.wrapped):
            self.wrapped.handshakeCompleted()
        unsent, self._unsent = self._unsent, []
        for data in unsent:
            self.write(data)

    def _read(self) -> None:
        """Hand up all that can be read now, in one piece, and then how it ended, if it did."""
        pieces: list[bytes] = []
        ended: Failure | None = None
        try:
            while True:
                pieces.append(self._tls.recv(RECORD))
        except SSL.WantReadError:
            pass
        except SSL.Error:
            ended = Failure()
        if pieces:
            self.wrapped.dataReceived(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if ended is not None and not self._over:
            self._end(ended)

    def _end(self, ended: Failure) -> None:
        if ended.check(SSL.ZeroReturnError):  # the peer said goodbye
            self._say_goodbye()
            self._over = True
            self._close_below()
        else:
            self._fail(ended)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            for begin in range(0, len(data), AT_ONCE):
                piece = view[begin : begin + AT_ONCE]
                self._tls.sendall(piece)
                self._flush(len(piece) + RECORD_OVERHEAD * (len(piece) // RECORD + 1) + 1)
        except SSL.Error:
            self._fail(Failure())

    def _say_goodbye(self) -> None:
        with suppress(SSL.Error):
            self._tls.shutdown()
        self._flush()

    def _fail(self, reason: Failure) -> None:
        """OpenSSL may have said why to the peer, by an alert."""
        self._flush()
        self._over, self._reason = True, reason
        self._close_below()

    def _flush(self, expected: int = RECORD) -> None:
        """Send what OpenSSL has to send: about so many octets."""
        with suppress(SSL.WantReadError):  # nothing
            while True:
                ready = self._tls.bio_read(expected)
                self.transport.write(ready)
                if len(ready) < expected:
                    return

    def _close_below(self) -> None:
        """A transport stays open for as long as it has a producer that is paused."""
        producer, self._producer = self._producer, None
        if producer is not None:
            self.transport.unregisterProducer()  # type: ignore[attr-defined]
            producer.stopProducing()
        self.transport.loseConnection()


class TlsFactory(Factory):
    """Puts TLS under the protocols of another factory; where that builds none, neither do we."""

    noisy = False

    def __init__(self, side: Side, wrapped: IProtocolFactory) -> None:
        self._side = side
        self._wrapped = wrapped

    def doStart(self) -> None:
        self._wrapped.doStart()

    def doStop(self) -> None:
        self._wrapped.doStop()

    def buildProtocol(self, addr: IAddress | None) -> TlsTransport | None:
        wrapped = self._wrapped.buildProtocol(addr)  # type: ignore[arg-type]
        return None if wrapped is None else TlsTransport(self._side, wrapped)
