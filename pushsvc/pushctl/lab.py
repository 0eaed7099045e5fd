"""A whole push system on loopback: a throw-away CA, configurations, a real push-receiver and a real push-sender.

with Lab(directory) as lab:
    lab.start()
    lab.sender.api.post(...)            # to lab.receiver.uri
"""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from pushsvc.pushctl.certificates import Authority
from pushsvc.pushctl.daemon import Daemon, Role
from pushsvc.pushctl.exits import CommandFailed, Exit

MARK = ".pushsvc-lab"  # a folder that has it was made by a lab, and a later lab may clear it
CLEAN_ENDS = (0, -signal.SIGTERM)  # twistd ends by the signal that stopped it

SHARED = """\
[sip]
identity = "{identity}"
listen = ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"]
[tls]
certificate = {certificate}
private_key = {private_key}
ca = {ca}
[msrp]
listen = "tls:127.0.0.1:0"
[api]
listen = "tcp:127.0.0.1:0"
[log]
format = "text"
"""
# No linger: a lab's push ends with its BYE, so that the ladder is whole when the file is there.
SENDER = """\
[queue]
max_content = {max_size}
[delivery]
linger = "0s"
"""
RECEIVER = """\
[accept]
max_size = {max_size}
"""
IDENTITY: Mapping[Role, str] = {"sender": "sip:push@127.0.0.1", "receiver": "sip:alice@127.0.0.1"}
OWN: Mapping[Role, str] = {"sender": SENDER, "receiver": RECEIVER}
GIB = 1 << 30


class Lab:
    """Both daemons, below one folder. Whatever happens, leaving the context stops both.

    `max_size` is the largest content in octets; `settings` are configuration keys with TOML values for
    each role. Raises CommandFailed when `directory` holds something that no lab made.
    """

    def __init__(
        self, directory: Path, *, max_size: int = GIB, settings: Mapping[Role, Mapping[str, str]] | None = None
    ) -> None:
        self.directory = directory.resolve()
        _clear(self.directory)
        authority = Authority.fresh()
        self.ca = authority.write(self.directory / "ca.pem")
        wanted = settings or {}
        self.receiver = self._prepared("receiver", authority, max_size, wanted.get("receiver", {}))
        self.sender = self._prepared("sender", authority, max_size, wanted.get("sender", {}))

    def start(self) -> None:
        """Start both and wait for both. Raises DaemonFailed."""
        self.receiver.start()
        self.sender.start()
        self.receiver.wait_until_ready()
        self.sender.wait_until_ready()

    def stop(self) -> None:
        """Stop both, the sender first. Raises CommandFailed when one of them did not end as it should."""
        ends = {daemon.role: daemon.stop() for daemon in (self.sender, self.receiver)}
        bad = {role: code for role, code in ends.items() if code not in (None, *CLEAN_ENDS)}
        if bad:
            words = ", ".join(f"push-{role} exited with {code}" for role, code in bad.items())
            raise CommandFailed(words, Exit.SOFTWARE)

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with ExitStack() as both:  # the second also when the first is interrupted
            both.callback(self.receiver.stop)
            both.callback(self.sender.stop)

    def _prepared(self, role: Role, authority: Authority, max_size: int, settings: Mapping[str, str]) -> Daemon:
        directory = self.directory / role
        directory.mkdir()
        certificate, private_key = directory / "certificate.pem", directory / "key.pem"
        authority.issue(f"push-{role}", certificate, private_key)
        daemon = Daemon(role, directory, dict(settings))
        template = SHARED + OWN[role]
        # JSON writes a string as TOML reads it.
        paths = {"certificate": certificate, "private_key": private_key, "ca": self.ca}
        quoted = {key: json.dumps(str(path)) for key, path in paths.items()}
        daemon.config.write_text(template.format(identity=IDENTITY[role], max_size=max_size, **quoted))
        daemon.state.mkdir(mode=0o700)
        return daemon


def _clear(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    mark = directory / MARK
    if not mark.exists() and any(directory.iterdir()):
        raise CommandFailed(f"{directory} is not empty, and no lab made it", Exit.CANNOT_CREATE)
    for path in directory.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    mark.touch()
