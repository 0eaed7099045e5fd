"""What `pushctl doctor` can say of a daemon that does not answer: its file, its ports, and why it is not reached."""

from __future__ import annotations

import errno
import os
import socket
import stat
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pushsvc.config.shared import Config
from pushsvc.config.source import NotPermitted
from pushsvc.config.values import Listen, UnixListen, Wrong, read_api_listen
from pushsvc.errors import ConfigError, ConfigErrors
from pushsvc.pushctl.client import DEFAULT_URL, Api, Json
from pushsvc.pushctl.configuration import LOADERS
from pushsvc.pushctl.exits import CommandFailed

FROM_HERE = ("may not be read by this user", "not started by systemd")  # what is wrong with us, and not with the file


def described(name: str, verdict: str, text: str, step: str = "") -> Json:
    """A check as the daemons give them."""
    return {"name": name, "verdict": verdict, "text": text, "next": step}


def listen_of(file: Path, token: str | None) -> Api | None:
    """Where the daemon of this file answers, whatever else is in it; None: its API is switched off."""
    listen: Listen | UnixListen | None = None
    try:
        listen = read_api_listen(tomllib.loads(file.read_text("utf-8"))["api"]["listen"])
    except (OSError, ValueError, Wrong, KeyError, TypeError):
        return Api(DEFAULT_URL, token=token)
    match listen:
        case None:
            return None
        case UnixListen(path=path):
            return Api(unix=path, token=token)
        case _:
            host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listen.host, listen.host)
            return Api(f"http://[{host}]:{listen.port}" if ":" in host else f"http://{host}:{listen.port}", token=token)


def unreachable(failure: CommandFailed, place: str, role: str) -> Json:
    """Why a daemon does not answer there."""
    unit = f"push-{role}" if role else "push-sender or push-receiver"
    cause = failure.__cause__
    if isinstance(cause, ConnectionRefusedError | FileNotFoundError):
        step = f"start it: systemctl start {unit}; why it stopped is in journalctl -u {unit}"
        return described("api", "failed", f"nothing listens at {place}: {unit} does not run, or elsewhere", step)
    if isinstance(cause, PermissionError):
        step = f"ask as a user who may use {place}"
        return described("api", "failed", f"{place} may not be opened by this user", step)
    if isinstance(cause, TimeoutError):
        step = f"see journalctl -u {unit}; beyond loopback check the firewall"
        return described("api", "failed", f"{place} does not answer", step)
    if cause is None or not isinstance(cause, OSError):
        step = "name the daemon's API by --url, and see who listens there: ss -lptn"
        return described("api", "failed", f"who listens at {place} is no pushsvc daemon", step)
    return described("api", "failed", failure.reason, "name the daemon's API by --url")


def check_file(file: Path, role: str) -> list[Json]:
    """The configuration, who may change it, and whether its addresses are free."""
    checks = list(_modes(file, "644", stat.S_IWOTH, "configuration", "can be changed by anybody"))
    try:
        config: Config = LOADERS[role](file)
    except ConfigErrors as found:
        return [*checks, *map(_mistake, found.errors)]
    checks.append(described("configuration", "ok", f"{file} has no mistakes"))
    if config.api.tokens is not None:
        others = stat.S_IRWXO | stat.S_IWGRP
        checks += _modes(config.api.tokens, "600", others, "tokens", "can be read or changed by others")
    return checks + list(_ports(config))


def _mistake(error: ConfigError) -> Json:
    if isinstance(error, NotPermitted) or any(words in error.what for words in FROM_HERE):
        ours = any(words in error.what for words in FROM_HERE)
        step = "ask as root, or as the user that the daemon runs as" if ours else error.hint
        return described("configuration", "warning" if ours else "failed", f"{error.where}: {error.what}", step)
    step = error.hint or f"put it right, and see: pushctl config check {error.where.partition(':')[0]}"
    return described("configuration", "failed", f"{error.where}: {error.key}: {error.what}", step)


def _modes(file: Path, wanted: str, bad: int, name: str, what: str) -> Iterator[Json]:
    with suppress(OSError):
        if stat.S_IMODE(file.stat().st_mode) & bad:
            yield described(name, "failed", f"{file} {what}", f"chmod {wanted} {file}")


def _ports(config: Config) -> Iterator[Json]:
    """Whether the daemon could listen where it is told to."""
    api = config.api.listen
    listens = [*config.sip.listen, *config.msrp.listen, *([api] if isinstance(api, Listen) else [])]
    free = True
    for listen in listens:
        wrong = _why_not(listen)
        if wrong is not None:
            free = False
            yield described("listeners", *wrong)
    if free:
        yield described("listeners", "ok", f"{', '.join(map(str, listens))} are free to listen on")


def _why_not(listen: Listen) -> tuple[str, str, str] | None:
    kind = socket.SOCK_DGRAM if listen.transport == "udp" else socket.SOCK_STREAM
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    try:
        with socket.socket(family, kind) as trying:
            if kind == socket.SOCK_STREAM:
                trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trying.bind((listen.host, listen.port))
            if kind == socket.SOCK_STREAM:
                trying.listen(1)
    except OSError as error:
        match error.errno:
            case errno.EADDRINUSE:
                step = f"see who it is: ss -lptun 'sport = :{listen.port}'"
                return "warning", f"{listen} is in use, by the daemon itself or by another program", step
            case errno.EADDRNOTAVAIL:
                return "failed", f"{listen} is not an address of this machine", "see: ip address"
            case errno.EACCES:
                step = "take a port above 1023, or give the daemon CAP_NET_BIND_SERVICE"
                return "warning", f"{listen}: this user may not listen there", step
            case _:
                return "failed", f"{listen}: {os.strerror(error.errno or 0)}", "see the daemon's log"
    return None
