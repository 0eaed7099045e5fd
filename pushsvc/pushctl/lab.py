"""A whole push system on loopback: a throw-away CA, configurations, a real push-receiver and a real push-sender.

with Lab(directory) as lab:
    lab.start()
    lab.sender.api.post(...)            # to lab.target

With a core, a real Kamailio stands between the two: the receiver registers there, and every request passes it.
"""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from pushsvc.pushctl.certificates import Authority
from pushsvc.pushctl.core import DOMAIN, Core
from pushsvc.pushctl.daemon import LOOK_EVERY, Daemon, DaemonFailed, Role
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
REGISTERED_WITHIN = 60.0  # seconds; a first failure is followed by up to 30 of waiting
# Users of the core, and their passwords: good for loopback, for a week.
USERS: Mapping[Role, str] = {"sender": "push", "receiver": "alice"}
PASSWORDS = {"push": "word-of-push", "alice": "word-of-alice", "bob": "word-of-bob"}


class Lab:
    """Both daemons, below one folder. Whatever happens, leaving the context stops all that was started.

    `max_size` is the largest content in octets; `settings` are configuration keys with TOML values for
    each role; `core` is the transport over which both reach a core ("udp", "tcp", "tls"), None: there is none. Raises
    CommandFailed when `directory` holds something that no lab made.
    """

    def __init__(
        self,
        directory: Path,
        *,
        max_size: int = GIB,
        settings: Mapping[Role, Mapping[str, str]] | None = None,
        core: str | None = None,
    ) -> None:
        self.directory = directory.resolve()
        _clear(self.directory)
        self.authority = Authority.fresh()
        self.ca = self.authority.write(self.directory / "ca.pem")
        self.core = None if core is None else Core.fresh(self.directory / "core", PASSWORDS, self.authority)
        self._by_core = core or ""
        self._max_size = max_size
        wanted = settings or {}
        self.receiver = self.prepared("receiver", "receiver", wanted.get("receiver", {}))
        self.sender = self.prepared("sender", "sender", wanted.get("sender", {}))
        self.others: list[Daemon] = []  # further receivers, to be started and stopped with these two

    def prepared(self, name: str, role: Role, settings: Mapping[str, str]) -> Daemon:
        """A daemon that was never started, with what it reads, below the lab's folder in one of its own."""
        directory = self.directory / name
        directory.mkdir()
        certificate, private_key = directory / "certificate.pem", directory / "key.pem"
        self.authority.issue(f"push-{role}", certificate, private_key)
        daemon = Daemon(role, directory, {**self._at_the_core(role, directory), **settings})
        template = SHARED + OWN[role]
        # JSON writes a string as TOML reads it.
        paths = {"certificate": certificate, "private_key": private_key, "ca": self.ca}
        quoted = {key: json.dumps(str(path)) for key, path in paths.items()}
        daemon.config.write_text(template.format(identity=IDENTITY[role], max_size=self._max_size, **quoted))
        daemon.state.mkdir(mode=0o700)
        return daemon

    def start(self) -> None:
        """Start all and wait for all; the core before them. Raises CommandFailed."""
        if self.core is not None:
            self.core.start()
        daemons = (self.receiver, *self.others, self.sender)
        for daemon in daemons:
            daemon.start()
        for daemon in daemons:
            daemon.wait_until_ready()
        if self.core is not None:
            self.wait_until_registered()

    def wait_until_registered(self) -> None:
        """Until the core knows where the receivers are. Raises CommandFailed."""
        end = time.monotonic() + REGISTERED_WITHIN
        for receiver in (self.receiver, *self.others):
            while not receiver.api.get("v1", "account")["registered"]:
                if time.monotonic() > end:
                    raise DaemonFailed(receiver, f"was not registered within {REGISTERED_WITHIN:.0f} s")
                time.sleep(LOOK_EVERY)

    def stop(self) -> None:
        """Stop all, the sender first. Raises CommandFailed when one of them did not end as it should."""
        ends = [(daemon.role, daemon.stop()) for daemon in (self.sender, *self.others, self.receiver)]
        bad = [(role, code) for role, code in ends if code not in (None, *CLEAN_ENDS)]
        if bad:
            words = ", ".join(f"push-{role} exited with {code}" for role, code in bad)
            raise CommandFailed(words, Exit.SOFTWARE)
        if self.core is not None:
            self.core.stop()

    @property
    def target(self) -> str:
        """The SIP URI to push to: the receiver's, or the user's that is registered."""
        return self.receiver.uri if self.core is None else f"sip:{USERS['receiver']}@{DOMAIN}"

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with ExitStack() as all_of_it:  # the next also when one is interrupted
            if self.core is not None:
                all_of_it.callback(self.core.stop)
            for daemon in (self.receiver, *self.others, self.sender):
                all_of_it.callback(daemon.stop)

    def _at_the_core(self, role: Role, directory: Path) -> Mapping[str, str]:
        if self.core is None:
            return {}
        user, secret = USERS[role], directory / "password"
        secret.touch(mode=0o600)
        secret.write_text(PASSWORDS[user])
        settings = {
            "sip.identity": json.dumps(f"sip:{user}@{DOMAIN}"),
            "sip.listen": json.dumps([f"{transport}:127.0.0.1:0" for transport in ("udp", "tcp", "tls")]),
            "sip.outbound_proxy": json.dumps(self.core.uri(self._by_core)),
            "sip.auth_password": f"{{file = {json.dumps(str(secret))}}}",
        }
        if role == "receiver":
            settings["registration.registrar"] = json.dumps(f"sip:{DOMAIN}")
            settings["sip.trusted_peers"] = '["127.0.0.1/32"]'
        return settings


def _clear(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    mark = directory / MARK
    if not mark.exists() and any(directory.iterdir()):
        raise CommandFailed(f"{directory} is not empty, and no lab made it", Exit.CANNOT_CREATE)
    for path in directory.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    mark.touch()
