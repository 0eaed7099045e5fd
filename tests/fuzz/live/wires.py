"""Sockets that say what they are given, and keep what comes back; a daemon that closes them is called again."""

from __future__ import annotations

import contextlib
import socket
import ssl

PATIENCE = 5.0  # seconds for anything that has to come


class Wire:
    """One transport to one address. Octets are written at once; what came back is in `came`."""

    def __init__(self, transport: str, address: str) -> None:
        host, _, port = address.rpartition(":")
        self.transport = transport
        self.came = bytearray()
        self.datagrams: list[bytes] = []
        self.calls = 0
        self._place = (host.strip("[]"), int(port))
        self._socket: socket.socket | None = None

    def write(self, octets: bytes) -> bool:
        """Whether it could be written; over a stream a second time, where the daemon had closed the first one."""
        for _ in range(2):
            try:
                self._open().sendall(octets)
            except OSError:
                self.close()
            else:
                return True
        return False

    def hear(self, seconds: float = 0.0) -> bool:
        """Take what has come, or comes within so many seconds; False: nothing, or it was closed."""
        if self._socket is None:
            return False
        self._socket.settimeout(seconds)
        try:
            octets = self._socket.recv(65536)
        except (TimeoutError, BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            octets = b""
        finally:
            self._socket.settimeout(PATIENCE)
        if self.transport == "udp":
            self.datagrams.append(octets)
        elif not octets:
            self.close()
        self.came += octets
        return bool(octets)

    def drain(self) -> None:
        """Take all that is there."""
        while self.hear():
            pass

    def close(self) -> None:
        """The next octets go by a new connection."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        if self._socket is None:
            self.calls += 1
            kind = socket.SOCK_DGRAM if self.transport == "udp" else socket.SOCK_STREAM
            plain = socket.socket(socket.AF_INET, kind)
            plain.settimeout(PATIENCE)
            plain.connect(self._place)
            if kind == socket.SOCK_STREAM:
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = _CONTEXT.wrap_socket(plain) if self.transport == "tls" else plain
        return self._socket


_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_CONTEXT.check_hostname = False  # the daemon proves nothing to somebody who means it ill
_CONTEXT.verify_mode = ssl.CERT_NONE
