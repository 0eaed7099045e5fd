"""Ends of wires for tests: they keep what comes in and do nothing by themselves."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import ClientFactory, DatagramProtocol, Factory, Protocol
from twisted.python.failure import Failure

from tests.sim import Host


class Collecting(DatagramProtocol):
    """Keeps the datagrams that come in."""

    def __init__(self) -> None:
        self.came: list[bytes] = []

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.came.append(datagram)


class Wire(Protocol):
    """Keeps what comes in, and how it ended; a producer that only counts."""

    def __init__(self) -> None:
        self._octets = bytearray()
        self.pieces: list[int] = []
        self.lost: type[BaseException] | None = None
        self.signals: list[str] = []

    @property
    def octets(self) -> bytes:
        """All that came in so far."""
        return bytes(self._octets)

    def dataReceived(self, data: bytes) -> None:
        self._octets += data
        self.pieces.append(len(data))

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.lost = reason.type

    def pauseProducing(self) -> None:
        self.signals.append("pause")

    def resumeProducing(self) -> None:
        self.signals.append("resume")

    def stopProducing(self) -> None:
        self.signals.append("stop")


class Calling(ClientFactory):
    """Connects once; keeps why it could not."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.failed: type[BaseException] | None = None

    def buildProtocol(self, addr: object) -> Wire:
        return self.wire

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        self.failed = reason.type


def listening(host: Host, port: int) -> Wire:
    """The called end of a stream, once somebody connects to this port."""
    factory = Factory()
    wire = Wire()
    factory.buildProtocol = lambda addr: wire  # type: ignore[method-assign]
    host.listenTCP(port, factory)
    return wire
