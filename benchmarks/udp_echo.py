"""A bare Twisted UDP echo: prints its port, sends back what comes, until stdin ends."""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet import reactor, stdio
from twisted.internet.protocol import DatagramProtocol

from benchmarks.bare_tls import UntilInputEnds


class Echo(DatagramProtocol):
    """Twisted's own example."""

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.transport.write(datagram, addr)


if __name__ == "__main__":
    port = reactor.listenUDP(0, Echo(), interface="127.0.0.1")
    sys.stdout.write(f"{port.getHost().port}\n")
    sys.stdout.flush()
    stdio.StandardIO(UntilInputEnds())
    reactor.run()
