"""A real SIP core for a lab: Kamailio with the configuration beside this file, on loopback ports of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

import attrs

from pushsvc.pushctl.certificates import Authority
from pushsvc.pushctl.exits import CommandFailed, Exit

CONFIGURATION = Path(__file__).with_name("kamailio.cfg")
DOMAIN = "push.test"
HOST = "127.0.0.1"
READY_WITHIN = 20.0  # seconds
STOP_WITHIN = 10.0
ASK_EVERY = 0.1  # seconds between two questions whether it is there
MEMORY = ("-m", "64", "-M", "8")  # MiB, shared and of each process

TLS_CONFIG = """\
[server:default]
method = TLSv1.2+
certificate = {certificate}
private_key = {private_key}
ca_list = {ca}
verify_certificate = yes
require_certificate = yes
[client:default]
method = TLSv1.2+
certificate = {certificate}
private_key = {private_key}
ca_list = {ca}
verify_certificate = yes
require_certificate = yes
"""


def kamailio() -> str:
    """The program. Raises CommandFailed when it is not installed."""
    found = shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin")
    if found is None:
        raise CommandFailed("kamailio is not installed (Debian: kamailio, kamailio-tls-modules)", Exit.UNAVAILABLE)
    return found


@attrs.define(eq=False)
class Core:
    """One Kamailio. When it is started again it has the ports that it had before, and knows of nobody any more.

    `configuration` may be set to another file before a start.
    """

    directory: Path
    algorithm: str
    port: int
    tls_port: int
    configuration: Path = attrs.field(default=CONFIGURATION, init=False)
    _process: subprocess.Popen[bytes] | None = attrs.field(default=None, init=False)

    @classmethod
    def fresh(cls, directory: Path, users: Mapping[str, str], authority: Authority, algorithm: str = "SHA-256") -> Core:
        """One that was never started; `users` are names and passwords in `DOMAIN`, `directory` becomes its own."""
        directory.mkdir()
        certificate, private_key = directory / "certificate.pem", directory / "key.pem"
        authority.issue(DOMAIN, certificate, private_key)
        ca = authority.write(directory / "ca.pem")
        core = cls(directory, algorithm, *_free_ports())
        core.tls_config.write_text(TLS_CONFIG.format(certificate=certificate, private_key=private_key, ca=ca))
        core._users.parent.mkdir()
        core.know(users)
        return core

    def know(self, users: Mapping[str, str]) -> None:
        """These are its users, and their passwords, from its next start on."""
        rows = [f"{number}:{name}:{DOMAIN}:{word}:x:x" for number, (name, word) in enumerate(users.items(), 1)]
        head = "id(int,auto) username(string) domain(string) password(string) ha1(string) ha1b(string) "
        self._users.write_text("\n".join([head, *rows, ""]))

    def start(self) -> None:
        """Until it answers. Raises CommandFailed, with the end of its log, when it does not."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [kamailio(), *self._arguments()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
            )
        end = time.monotonic() + READY_WITHIN
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise CommandFailed(
                    f"Kamailio did not start; {self.log} ends with:\n{self._log_tail()}", Exit.UNAVAILABLE
                )

    def stop(self) -> None:
        """End it; no error when it never ran."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_WITHIN)
            process.kill()
            process.wait()

    def answers(self, *fields: str) -> bool:
        """Whether it answers OPTIONS with these header fields over UDP; asks once, for `ASK_EVERY` seconds."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(ASK_EVERY)
            asking.connect((HOST, self.port))
            here = "{}:{}".format(*asking.getsockname())
            lines = [
                f"OPTIONS sip:{HOST}:{self.port} SIP/2.0",
                f"Via: SIP/2.0/UDP {here};branch=z9hG4bK{time.monotonic_ns()}",
                "Max-Forwards: 5",
                f"From: <sip:lab@{here}>;tag=lab",
                f"To: <sip:{HOST}:{self.port}>",
                f"Call-ID: lab-{time.monotonic_ns()}",
                "CSeq: 1 OPTIONS",
                *fields,
                "Content-Length: 0",
            ]
            try:
                asking.send("\r\n".join([*lines, "", ""]).encode())
                return asking.recv(4096).startswith(b"SIP/2.0 200")
            except TimeoutError:
                return False
            except OSError:  # nobody listens yet: without a pause the next question would come at once
                time.sleep(ASK_EVERY)
                return False

    def uri(self, transport: str = "tcp") -> str:
        """Where agents send their requests."""
        port = self.tls_port if transport == "tls" else self.port
        return f"sip:{HOST}:{port};transport={transport}"

    @property
    def pid(self) -> int:
        """Of the process that all others of it are children of. Raises CommandFailed when it does not run."""
        if self._process is None:
            raise CommandFailed("Kamailio does not run", Exit.SOFTWARE)
        return self._process.pid

    @property
    def log(self) -> Path:
        return self.directory / "log.txt"

    @property
    def tls_config(self) -> Path:
        return self.directory / "tls.cfg"

    # -- ours

    def _arguments(self) -> list[str]:
        defines = {
            "DOMAIN": DOMAIN,
            "DATABASE": f"text://{self._users.parent}",
            "TLS_CONFIG": self.tls_config,
            "ALGORITHM": self.algorithm,
        }
        here = str(self.directory)
        listeners = (f"udp:{HOST}:{self.port}", f"tcp:{HOST}:{self.port}", f"tls:{HOST}:{self.tls_port}")
        return [
            *("-f", str(self.configuration), "-DD", "-E", "-Y", here, "-w", here, *MEMORY),
            *("--alias", DOMAIN, "--debug=0", "-A", "WITH_TLS"),
            *(word for name, value in defines.items() for word in ("-A", f'{name}="{value}"')),
            *(word for listener in listeners for word in ("-l", listener)),
        ]

    @property
    def _users(self) -> Path:
        return self.directory / "db" / "subscriber"

    def _log_tail(self) -> str:
        return self.log.read_text("utf-8", "replace")[-4000:]


def _free_ports() -> tuple[int, int]:
    """One that is free for UDP and TCP, and one for TLS. Kamailio takes no port 0."""
    with ExitStack() as held:
        tls = held.enter_context(socket.socket())
        tls.bind((HOST, 0))
        for _ in range(100):
            tcp = held.enter_context(socket.socket())
            tcp.bind((HOST, 0))
            udp = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            with suppress(OSError):
                udp.bind((HOST, tcp.getsockname()[1]))
                return tcp.getsockname()[1], tls.getsockname()[1]
    raise CommandFailed("no free port on loopback", Exit.UNAVAILABLE)
