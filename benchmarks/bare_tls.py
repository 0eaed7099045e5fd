"""Bare Twisted TLS as shipped, in two processes: the limit that pushsvc's own transfer is measured against.

`receive CERTIFICATE KEY` prints its port and serves until stdin ends.
`send PORT CA SIZE COUNT AT_ONCE` opens COUNT connections, AT_ONCE at a time, sends SIZE octets over each in
64 KiB writes, waits for one octet of acknowledgement each, and prints `{"seconds": …, "cpu": …}`.
No framing, no hash, no disk.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import ClassVar

from twisted.internet import reactor, ssl, stdio
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import SSL4ServerEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.endpoints import TCP4ClientEndpoint as Endpoint
from twisted.internet.interfaces import IHandshakeListener, IPushProducer
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import cooperate
from zope.interface import implementer

BLOCK = bytes(range(256)) * 256


class Receiver(Protocol):
    """Reads a length of 8 octets, then so many octets, then acknowledges."""

    left = -1
    head = b""

    def dataReceived(self, data: bytes) -> None:
        if self.left < 0:
            self.head += data
            if len(self.head) < 8:
                return
            data, self.left = self.head[8:], int.from_bytes(self.head[:8])
        self.left -= len(data)
        if self.left == 0:
            self.transport.write(b"k")


@implementer(IHandshakeListener, IPushProducer)
class Sender(Protocol):
    """Sends for as long as the transport takes it; `done` fires with the acknowledgement."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.size = size
        self.paused = False
        self.done: Deferred[None] = Deferred()

    def handshakeCompleted(self) -> None:
        self.transport.write(self.size.to_bytes(8))
        self.transport.registerProducer(self, True)
        self.resumeProducing()

    def resumeProducing(self) -> None:
        self.paused = False
        while self.left and not self.paused:
            block = BLOCK[: self.left]
            self.left -= len(block)
            self.transport.write(block)
        if not self.left:
            self.transport.unregisterProducer()

    def pauseProducing(self) -> None:
        self.paused = True

    def stopProducing(self) -> None:
        self.left = 0

    def dataReceived(self, data: bytes) -> None:
        self.transport.loseConnection()
        self.done.callback(None)


class UntilInputEnds(Protocol):
    """Stops the process with the one that started it."""

    def connectionLost(self, reason: object) -> None:
        reactor.stop()


class Receivers(Factory):
    protocol: ClassVar[type[Protocol]] = Receiver
    noisy = False


def receive(certificate: str, key: str) -> None:
    own = ssl.PrivateCertificate.loadPEM(Path(certificate).read_bytes() + Path(key).read_bytes())
    endpoint = SSL4ServerEndpoint(reactor, 0, own.options(), interface="127.0.0.1")
    endpoint.listen(Receivers()).addCallback(
        lambda port: sys.stdout.write(f"{port.getHost().port}\n") and sys.stdout.flush()
    )
    stdio.StandardIO(UntilInputEnds())
    reactor.run()


def send(port: int, ca: str, size: int, count: int, at_once: int) -> None:
    options = ssl.optionsForClientTLS("localhost", ssl.Certificate.loadPEM(Path(ca).read_bytes()))
    endpoint = wrapClientTLS(options, Endpoint(reactor, "127.0.0.1", port))

    async def one() -> None:
        await (await connectProtocol(endpoint, Sender(size))).done

    transfers = (Deferred.fromCoroutine(one()) for _ in range(count))
    start, cpu = time.perf_counter(), time.process_time()
    left = at_once

    def finished(_: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            spent = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}
            sys.stdout.write(json.dumps(spent))
            reactor.stop()

    for _ in range(at_once):
        cooperate(transfers).whenDone().addBoth(finished)
    reactor.run()


if __name__ == "__main__":
    if sys.argv[1] == "receive":
        receive(*sys.argv[2:])
    else:
        send(int(sys.argv[2]), sys.argv[3], *map(int, sys.argv[4:]))
