"""HTTPS upload to Twisted Web that stores what comes: what a user would otherwise send a file by.

`CERTIFICATE KEY FOLDER` prints its port and serves until stdin ends: PUT any path, 201 when the file is durable.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor, ssl, stdio
from twisted.internet.endpoints import SSL4ServerEndpoint
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import Request as SiteRequest
from twisted.web.server import Site

from benchmarks.bare_tls import UntilInputEnds


class Upload(SiteRequest):
    """Its content goes into a file of the folder, without the temporary one that Twisted Web would use."""

    folder = Path()

    def gotLength(self, length: int | None) -> None:
        self.content = (self.folder / "upload.bin").open("w+b")


class Kept(Resource):
    """Everything that is put anywhere is kept."""

    isLeaf = True

    def render_PUT(self, request: Request) -> bytes:
        content: Any = request.content
        content.flush()
        os.fsync(content.fileno())
        request.setResponseCode(201)
        return b""


def main(certificate: str, key: str, folder: str) -> None:
    Upload.folder = Path(folder)
    own = ssl.PrivateCertificate.loadPEM(Path(certificate).read_bytes() + Path(key).read_bytes())
    site = Site(Kept(), requestFactory=Upload)
    SSL4ServerEndpoint(reactor, 0, own.options(), interface="127.0.0.1").listen(site).addCallback(
        lambda port: sys.stdout.write(f"{port.getHost().port}\n") and sys.stdout.flush()
    )
    stdio.StandardIO(UntilInputEnds())
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
