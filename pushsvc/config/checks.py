"""What the settings must be to each other and to this machine. What one value must look like is in `kinds`.

Each check yields its findings; a finding names the key to change, and the other keys that it was judged by.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

import attrs

from pushsvc.config.certificates import check_authorities, check_pair
from pushsvc.config.lines import KeyPath
from pushsvc.config.receiver import Algorithm, ReceiverConfig
from pushsvc.config.secrets import check_readable
from pushsvc.config.sender import SenderConfig
from pushsvc.config.shared import Config
from pushsvc.config.values import Listen, Wrong, show
from pushsvc.sip.authentication import LONGEST_USER
from pushsvc.sip.uri import SipUri

_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
_URN = re.compile(r"urn:[A-Za-z0-9-]+:[A-Za-z0-9()+,.:=@;$_!*'-]+")
_MEDIA_RANGE = re.compile(r"\*|[A-Za-z0-9!#$&^_.+-]+/(\*|[A-Za-z0-9!#$&^_.+-]+)")
_TOKEN = re.compile(r"[A-Za-z0-9!#$&^_.+:-]+")
_WEBHOOK = re.compile(r"https?://[^\s/]+(/\S*)?")
_PASSWORD_IN_URL = re.compile(r"[A-Za-z+.-]*:?/*[^/]*@")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
IDENTITY_HINT = 'write "sip:user@domain" and nothing more'
PLACEHOLDERS = ("path", "id", "type", "sender")


@attrs.frozen
class Finding:
    """Something does not fit: the key to change first, then those that it does not fit to."""

    keys: tuple[KeyPath, ...]
    wrong: Wrong


def check(config: Config) -> Iterator[Finding]:
    """Everything about this configuration that would fail later."""
    yield from _sip(config)
    yield from _addresses(config)
    yield from _tls(config)
    yield from _msrp(config)
    yield from _api(config)
    if isinstance(config, SenderConfig):
        yield from _sender(config)
    if isinstance(config, ReceiverConfig):
        yield from _receiver(config)


def _finding(what: str, hint: str, *keys: str) -> Finding:
    return Finding(tuple(tuple(key.split(".")) for key in keys), Wrong(what, hint))


def _sip(config: Config) -> Iterator[Finding]:
    sip = config.sip
    if not _is_address(sip.identity):
        yield _finding(f'"{sip.identity}" is not an address of record', IDENTITY_HINT, "sip.identity")
    if sip.advertise and not _is_host(sip.advertise):
        yield _finding(f"{show(sip.advertise)} is not a host", "a name or an address, without port", "sip.advertise")
    if not sip.auth_user.isprintable():
        yield _finding(f"{show(sip.auth_user)} cannot stand in a header", "", "sip.auth_user")
    proxy = sip.outbound_proxy
    if proxy and proxy.transport not in (None, "udp", "tcp", "tls"):
        yield _finding(f'transport "{proxy.transport}" is not known', "udp, tcp or tls", "sip.outbound_proxy")
    if sip.service and not _URN.fullmatch(sip.service):
        yield _finding(f"{show(sip.service)} is not a URN", 'write "urn:urn-7:...", or "" for none', "sip.service")
    if sip.t2 < sip.t1:
        yield _finding("t2 is shorter than t1", "RFC 3261 has 500ms and 4s", "sip.t2", "sip.t1")


def _addresses(config: Config) -> Iterator[Finding]:
    """Listeners that cannot be there at the same time."""
    if not config.sip.listen:
        yield _finding("there is no address to listen on", 'write "udp:127.0.0.1:5060"', "sip.listen")
    if not config.msrp.listen:
        yield _finding("there is no address to listen on", 'write "tls:127.0.0.1:2855"', "msrp.listen")
    places: list[tuple[KeyPath, Listen]] = []
    for section, listens in (("sip", config.sip.listen), ("msrp", config.msrp.listen)):
        places += [((section, "listen", index), listen) for index, listen in enumerate(listens)]
    if isinstance(config.api.listen, Listen):
        places.append((("api", "listen"), config.api.listen))
    for index, (key, listen) in enumerate(places):
        taken = next(((other_key, other) for other_key, other in places[:index] if _collide(listen, other)), None)
        if taken:
            wrong = Wrong(f"{listen} is taken by {taken[0][0]}.listen, {taken[1]}", "one port each")
            yield Finding((key, taken[0]), wrong)


def _collide(one: Listen, other: Listen) -> bool:
    same_family = (":" in one.host) == (":" in other.host)
    return (
        one.port == other.port != 0
        and (one.transport == "udp") == (other.transport == "udp")
        and (one.host == other.host or (same_family and (one.wildcard or other.wildcard)))
    )


def _tls(config: Config) -> Iterator[Finding]:
    tls = config.tls
    if tls.certificate and not tls.private_key:
        yield _finding("is missing beside certificate", "give both or neither", "tls.private_key", "tls.certificate")
    if tls.private_key and not tls.certificate:
        yield _finding("is missing beside private_key", "give both or neither", "tls.certificate", "tls.private_key")
    if tls.certificate and tls.private_key:
        for key, wrong in check_pair(tls.certificate, tls.private_key):
            yield Finding((("tls", key), ("tls", "certificate"), ("tls", "private_key")), wrong)
    if tls.ca:
        try:
            check_authorities(tls.ca)
        except Wrong as wrong:
            yield Finding((("tls", "ca"),), wrong)


def _msrp(config: Config) -> Iterator[Finding]:
    msrp = config.msrp
    for index, listen in enumerate(msrp.listen):
        if listen.transport == "udp":
            wrong = Wrong(f"MSRP cannot listen on {listen}", 'write "tls:..."')
        elif listen.transport == "tcp" and not msrp.allow_plain:
            wrong = Wrong(f"{listen} would carry content in clear text", 'write "tls:...", or set allow_plain = true')
        else:
            continue
        yield Finding((("msrp", "listen", index), ("msrp", "allow_plain")), wrong)
    if msrp.relay and not msrp.relay.secure:
        yield _finding(f'"{msrp.relay}" is not over TLS', 'RFC 4976 §4: write "msrps://..."', "msrp.relay")
    if msrp.relay and msrp.relay_password is None:
        yield _finding("a relay asks for a password", "set relay_password", "msrp.relay", "msrp.relay_password")
    if msrp.relay_user and not msrp.relay:
        yield _finding("there is no relay for this user", "set relay", "msrp.relay_user", "msrp.relay")
    if not msrp.relay_user.isprintable():
        yield _finding(f"{show(msrp.relay_user)} cannot stand in a header", "", "msrp.relay_user")


def _api(config: Config) -> Iterator[Finding]:
    api = config.api
    if isinstance(api.listen, Listen) and not api.listen.loopback and not api.tokens:
        yield _finding(
            f"{api.listen} is open to the network without tokens",
            "set tokens, or listen on loopback",
            "api.listen",
            "api.tokens",
        )
    if api.tokens:
        try:
            check_readable(api.tokens)
        except Wrong as wrong:
            yield Finding((("api", "tokens"),), wrong)


def _sender(config: SenderConfig) -> Iterator[Finding]:
    queue, retry = config.queue, config.delivery.retry
    if not queue.database.startswith("sqlite:"):
        yield _finding(f"{show(queue.database)} is not supported", 'write "sqlite:queue.db"', "queue.database")
    elif not _is_below(queue.database.removeprefix("sqlite:")):
        yield _finding("not a file below the state directory", 'write "sqlite:queue.db"', "queue.database")
    if not _is_below(queue.content):
        yield _finding("not a directory below the state directory", 'write "content"', "queue.content")
    if retry.max < retry.first:
        yield _finding("max is shorter than first", "", "delivery.retry.max", "delivery.retry.first")


def _receiver(config: ReceiverConfig) -> Iterator[Finding]:
    accept = config.accept
    if config.registration.registrar and config.registration.registrar.user:
        yield _finding("a registrar has no user part", 'write "sip:example.com"', "registration.registrar")
    yield from _each(config.registration.applications, _TOKEN, "not an application id", "registration.applications")
    yield from _each(accept.types, _MEDIA_RANGE, 'not a type like "image/*"', "accept.types")
    if not accept.types:
        yield _finding("no content would ever be taken", 'write ["*"]', "accept.types")
    for index, rule in enumerate(config.rule):
        yield from _each(rule.types or (), _MEDIA_RANGE, 'not a type like "image/*"', "rule", index, "types")
    yield from _digest(config)
    yield from _users(config)
    yield from _open_or_bounded(config)
    if not _is_below(config.inbox.directory):
        yield _finding("not a directory below the state directory", 'write "inbox"', "inbox.directory")
    yield from _hooks(config)


def _digest(config: ReceiverConfig) -> Iterator[Finding]:
    algorithms = config.digest.algorithms
    if not algorithms:
        yield _finding("no digest is offered", 'write ["SHA-256"]', "digest.algorithms")
    if len(set(algorithms)) < len(algorithms):
        yield _finding("one of them is there twice", "", "digest.algorithms")
    if Algorithm.MD5 in algorithms[:-1]:
        yield _finding("MD5 is the weakest", "put it last: callers take the first they know", "digest.algorithms")


def _users(config: ReceiverConfig) -> Iterator[Finding]:
    names: set[str] = set()
    for index, user in enumerate(config.user):
        name: KeyPath = ("user", index, "name")
        if not 1 <= len(user.name) <= LONGEST_USER:
            yield Finding((name,), Wrong(f"{show(user.name)} has not 1 to {LONGEST_USER} characters"))
        elif user.name in names:
            yield Finding((name,), Wrong(f"{show(user.name)} is there already", "one [[user]] each"))
        elif user.identity is None and ("@" in user.name or not _is_host(config.realm)):
            wrong = Wrong(f"{show(user.name)} makes no address in the realm {show(config.realm)}", "set identity")
            yield Finding((name, ("digest", "realm")), wrong)
        if user.identity is not None and not _is_address(user.identity):
            wrong = Wrong(f'"{user.identity}" is not an address of record', IDENTITY_HINT)
            yield Finding((("user", index, "identity"),), wrong)
        names.add(user.name)


def _open_or_bounded(config: ReceiverConfig) -> Iterator[Finding]:
    """Beyond loopback, somebody must have said who may send."""
    exposed = [listen for listen in (*config.sip.listen, *config.msrp.listen) if not listen.loopback]
    if exposed and not config.says_who_may_send:
        or_users = "" if config.sip.trusted_peers else ", or a [[user]]"
        yield _finding(
            f"{exposed[0]} is reachable from outside, and nothing says who may send",
            f"set open = true for everybody, or allow, or a [[rule]]{or_users}",
            "accept.open",
            "accept.allow",
            "rule",
            "sip.listen",
            "msrp.listen",
        )


def _hooks(config: ReceiverConfig) -> Iterator[Finding]:
    hooks = config.hooks
    if hooks.command and not PurePath(hooks.command[0]).is_absolute():
        yield _finding(f"{show(hooks.command[0])} is not an absolute path", "no search path is used", "hooks.command")
    for index, argument in enumerate(hooks.command):
        for name in _PLACEHOLDER.findall(argument):
            if name not in PLACEHOLDERS:
                known = " ".join(f"{{{each}}}" for each in PLACEHOLDERS)
                yield Finding((("hooks", "command", index),), Wrong(f"{{{name}}} is not known", f"known: {known}"))
    if _PASSWORD_IN_URL.match(hooks.webhook):
        yield _finding(
            "a user or a password in a URL is not sent, and would be printed", "leave it out", "hooks.webhook"
        )
    elif hooks.webhook and not _WEBHOOK.fullmatch(hooks.webhook):
        yield _finding(f"{show(hooks.webhook)} is not an http or https URL", "", "hooks.webhook")


def _each(values: tuple[str, ...], pattern: re.Pattern[str], what: str, *key: Any) -> Iterator[Finding]:
    path: KeyPath = tuple(key[0].split(".")) + key[1:]
    for index, value in enumerate(values):
        if not pattern.fullmatch(value):
            yield Finding(((*path, index),), Wrong(f"{show(value)} is {what}"))


def _is_address(uri: SipUri) -> bool:
    """Whether it is an address of record: a user, a host, and nothing that says how to get there."""
    return bool(uri.user) and not (uri.parameters or uri.headers or uri.password)


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return _HOST.fullmatch(text) is not None
    return True


def _is_below(name: str) -> bool:
    """Whether this names something inside of the directory it will be joined to."""
    path = PurePath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts
