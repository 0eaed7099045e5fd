"""TLS between a transport and a protocol: memory BIOs, handed over in whole buffers.

Twisted's own (`twisted.protocols.tls`) passes on every TLS record of 16 KiB by itself, in both directions, and that
is most of what a transfer costs. Here one write is one pass through OpenSSL and one write below, and one read below
is at most one read above.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IAddress, IHandshakeListener, IProtocol, IProtocolFactory, ITCPTransport
from twisted.internet.main import CONNECTION_DONE
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

RECORD = 16384  # the most octets that one TLS record carries (RFC 8446 §5.1)
RECORD_OVERHEAD = 64  # the most that one adds, and more
# A connection to be, for this transport.
NewConnection = Callable[["TlsTransport"], SSL.Connection]


class TlsTransport(Protocol):
    """A protocol to what is below, a transport to `wrapped`.

        (handshake) --done--> (open) --our close_notify, theirs--> (over)
             |                  |                                    ^
             +---- failed ------+------- failed, aborted, lost ------+

    With `is_client` we begin the handshake. A protocol that is an IHandshakeListener is told when it is done.
    """

    transport: ITCPTransport

    def __init__(self, new_connection: NewConnection, is_client: bool, wrapped: IProtocol) -> None:
        self.wrapped = wrapped
        self.disconnecting = False
        self._new_connection = new_connection
        self._is_client = is_client
        self._open = False
        self._over = False
        self._reason: Failure | None = None
        self._unsent: list[bytes] = []  # written before the handshake was done
        self._producer: Any = None

    # -- below: IProtocol

    def connectionMade(self) -> None:
        self._tls = self._new_connection(self)
        if self._is_client:
            self._tls.set_connect_state()
        else:
            self._tls.set_accept_state()
        self.wrapped.makeConnection(self)
        self._shake_hands()

    def dataReceived(self, data: bytes) -> None:
        if self._over:
            return
        self._tls.bio_write(data)
        if not self._open:
            self._shake_hands()
        if self._open:
            self._read()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._over = True
        self.wrapped.connectionLost(self._reason or reason)

    # -- above: ITCPTransport

    def write(self, data: bytes) -> None:
        if self._over or self.disconnecting:
            return
        if self._open:
            self._write(data)
        else:
            self._unsent.append(data)

    def writeSequence(self, data: list[bytes]) -> None:
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Say goodbye; the connection is closed when the peer has said so, too."""
        if self.disconnecting or self._over:
            return
        self.disconnecting = True
        if self._open:
            self._say_goodbye()
        else:
            self.abortConnection()

    def abortConnection(self) -> None:
        self.disconnecting = self._over = True
        self.transport.abortConnection()

    def failVerification(self, reason: Failure) -> None:
        """OpenSSL tells so, through Twisted, that the peer's certificate is for another name."""
        self._reason = reason
        self.abortConnection()

    def getPeerCertificate(self) -> crypto.X509 | None:
        """The certificate that the peer presented, if it did."""
        return self._tls.get_peer_certificate()

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
        except SSL.WantReadError:
            self._flush()
        except SSL.Error:
            self._fail(Failure())
        else:
            self._opened()

    def _opened(self) -> None:
        self._open = True
        self._flush()
        if IHandshakeListener.providedBy(self.wrapped):
            self.wrapped.handshakeCompleted()
        unsent, self._unsent = self._unsent, []
        for data in unsent:
            self._write(data)

    def _read(self) -> None:
        """All that can be read now, as one piece."""
        pieces: list[bytes] = []
        ended: Callable[[], None] | None = None
        try:
            while True:
                pieces.append(self._tls.recv(RECORD))
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            ended = self._end
        except SSL.Error:
            failure = Failure()
            ended = lambda: self._fail(failure)  # noqa: E731
        if pieces and not self._over:
            self.wrapped.dataReceived(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if ended is not None and not self._over:
            ended()

    def _write(self, data: bytes) -> None:
        try:
            self._tls.sendall(data)
        except SSL.Error:
            self._fail(Failure())
        else:
            records = len(data) // RECORD + 1
            self.transport.write(self._tls.bio_read(len(data) + records * RECORD_OVERHEAD + 4096))

    def _flush(self) -> None:
        """What OpenSSL wants to say."""
        try:
            while True:
                self.transport.write(self._tls.bio_read(RECORD))
        except SSL.WantReadError:
            pass

    def _say_goodbye(self) -> None:
        try:
            self._tls.shutdown()
        except SSL.Error:
            pass
        self._flush()

    def _end(self) -> None:
        """The peer said goodbye."""
        self._say_goodbye()
        self._over = True
        self._close_below()

    def _fail(self, reason: Failure) -> None:
        self._reason, self._over = reason, True
        self._flush()
        self._close_below()

    def _close_below(self) -> None:
        """A transport with a producer that is paused would stay open."""
        if self._producer is not None:
            producer, self._producer = self._producer, None
            self.transport.unregisterProducer()
            producer.stopProducing()
        self.transport.loseConnection()


class TlsFactory(Factory):
    """Puts TLS under the protocols of another factory; where that builds none, neither do we."""

    noisy = False

    def __init__(self, new_connection: NewConnection, is_client: bool, wrapped: IProtocolFactory) -> None:
        self._new_connection = new_connection
        self._is_client = is_client
        self._wrapped = wrapped

    def doStart(self) -> None:
        self._wrapped.doStart()

    def doStop(self) -> None:
        self._wrapped.doStop()

    def buildProtocol(self, addr: IAddress | None) -> TlsTransport | None:
        wrapped = self._wrapped.buildProtocol(addr)
        return None if wrapped is None else TlsTransport(self._new_connection, self._is_client, wrapped)
