"""Programs in C that do a part of the same: nginx storing what curl uploads, and `openssl s_time` shaking hands.

Each is measured where it is installed (`make bench` installs nginx and curl where it may).
"""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import attrs

from benchmarks.processes import Spent, cpu_seconds
from pushsvc.pushctl.certificates import Authority

NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}
http {{
  access_log off; client_max_body_size 0; client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/a; fastcgi_temp_path {folder}/b; uwsgi_temp_path {folder}/c; scgi_temp_path {folder}/d;
  server {{
    listen 127.0.0.1:{port} ssl; ssl_certificate {folder}/certificate.pem; ssl_certificate_key {folder}/key.pem;
    ssl_protocols TLSv1.3; root {folder}/stored; dav_methods PUT;
  }}
}}
"""
PATIENCE = 10.0  # seconds for a server to be there
HANDSHAKES_FOR = 3  # seconds


@attrs.frozen
class Nginx:
    """A process that stores what is put there. It does not sync."""

    pid: int
    port: int

    def put(self, file: Path) -> Spent:
        """The whole file by curl, whose own processor time is not counted."""
        start, before = time.perf_counter(), cpu_seconds(self.pid)
        url = f"https://127.0.0.1:{self.port}/{file.name}"
        subprocess.run(["curl", "-sSfk", "--http1.1", "-H", "Expect:", "-T", file, url], check=True)
        return Spent(time.perf_counter() - start, cpu_seconds(self.pid) - before)


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[Nginx | None]:
    """One below `folder`; None where nginx or curl is missing."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if program is None or shutil.which("curl") is None:
        yield None
        return
    folder = folder.absolute()
    (folder / "stored").mkdir(parents=True)
    _identity(folder)
    port = _free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, port=port))
    with subprocess.Popen([program, "-p", folder, "-e", folder / "error.log", "-c", configuration]) as process:
        try:
            _await(port)
            yield Nginx(process.pid, port)
        finally:
            process.terminate()


def openssl_handshakes(folder: Path) -> float | None:
    """New TLS 1.3 connections in each second, between two processes of OpenSSL; None where it is missing."""
    if shutil.which("openssl") is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    _identity(folder)
    port = _free_port()
    identity = ["-cert", folder / "certificate.pem", "-key", folder / "key.pem"]
    server = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-quiet", "-www", "-tls1_3", *identity]
    with subprocess.Popen(server, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            _await(port)
            client = ["openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-new", "-time", str(HANDSHAKES_FOR)]
            said = subprocess.run(client, capture_output=True, text=True, check=True).stdout
        finally:
            process.terminate()
    found = re.search(r"(\d+) connections in (\d+) real seconds", said)
    if found is None:
        raise AssertionError(f"s_time said {said!r}")
    return int(found[1]) / int(found[2])


def _identity(folder: Path) -> None:
    Authority.fresh().issue("localhost", folder / "certificate.pem", folder / "key.pem")


def _free_port() -> int:
    """These programs cannot be told to choose."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _await(port: int) -> None:
    """Raises AssertionError when nobody shakes hands at the port in time."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as plain:
            trusting.wrap_socket(plain).close()
            return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens at port {port}")
