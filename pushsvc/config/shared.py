"""The sections that both daemons have. Every default is here and nowhere else."""

from __future__ import annotations

import enum
import math
from pathlib import Path
from typing import TypeVar

import attrs

from pushsvc.config.values import (
    AUTHORITIES,
    Listen,
    Network,
    Octets,
    Seconds,
    Secret,
    UnixListen,
    between,
    setting,
    write_duration,
    write_size,
)
from pushsvc.msrp.uri import MsrpUri
from pushsvc.sip.uri import SipUri

DAY = 86400.0
some_time = between(0.001, 366 * DAY, write_duration)  # a time limit: nothing may wait for ever
any_time = between(0.0, 366 * DAY, write_duration)  # the same where 0 switches it off
some_octets = between(1, math.inf, lambda size: "any size" if size == math.inf else write_size(size))


class ClientCertificate(enum.Enum):
    """What is asked of a peer that connects to us over TLS."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


class TlsVersion(enum.Enum):
    """The oldest TLS that is spoken."""

    TLS_1_2 = "1.2"
    TLS_1_3 = "1.3"


class Setup(enum.Enum):
    """Who connects for MSRP (RFC 4145): ACTPASS leaves it to the peer, ACTIVE wants to be us."""

    ACTPASS = "actpass"
    ACTIVE = "active"


class Level(enum.Enum):
    """The least important events that are logged."""

    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class LogFormat(enum.Enum):
    """How events are logged; AUTO is text on a terminal and JSON elsewhere."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


@attrs.frozen
class Sip:
    """[sip]: who we are and how SIP is spoken."""

    identity: SipUri = setting(SipUri(user="push", host="example.com"))
    display_name: str = ""
    listen: tuple[Listen, ...] = (Listen("udp", "127.0.0.1", 5060), Listen("tcp", "127.0.0.1", 5060))
    advertise: str = ""
    outbound_proxy: SipUri | None = None
    auth_user: str = ""
    auth_password: Secret | None = None
    realm: str = ""
    trusted_peers: tuple[Network, ...] = ()
    source_rate: int = setting(20, between(0, 1_000_000))
    source_burst: int = setting(100, between(1, 1_000_000))
    service: str = "urn:urn-7:3gpp-service.ims.icsi.oma.push"
    service_require: bool = False
    service_explicit: bool = False
    accept_contact_in_response: bool = True
    session_expires: Seconds = setting(Seconds(1800.0), between(90.0, 30 * DAY, write_duration))  # RFC 4028 §5
    t1: Seconds = setting(Seconds(0.5), between(0.01, 10.0, write_duration))
    t2: Seconds = setting(Seconds(4.0), between(0.01, 60.0, write_duration))
    t4: Seconds = setting(Seconds(5.0), between(0.01, 60.0, write_duration))

    @property
    def credentials_user(self) -> str:
        """The user name for digest: `auth_user`, else the user part of the identity."""
        return self.auth_user or self.identity.user or ""


@attrs.frozen
class Tls:
    """[tls]: without a certificate a self-signed one is made and its fingerprint offered; `ca` None: the system's."""

    certificate: Path | None = None
    private_key: Path | None = None
    ca: Path | None = setting(None, kind=AUTHORITIES)
    client_certificate: ClientCertificate = ClientCertificate.OPTIONAL
    min_version: TlsVersion = TlsVersion.TLS_1_2


@attrs.frozen
class Msrp:
    """[msrp]: where and how content is transferred."""

    listen: tuple[Listen, ...] = (Listen("tls", "127.0.0.1", 2855),)
    allow_plain: bool = False
    setup: Setup = Setup.ACTPASS
    cema: bool = False
    relay: MsrpUri | None = None
    relay_user: str = ""
    relay_password: Secret | None = None
    chunk: Octets = setting(Octets(1 << 20), between(128, 1 << 30, write_size))
    window: Octets = setting(Octets(4 << 20), between(128, 1 << 40, write_size))
    sha1_fingerprints: bool = False
    bind_timeout: Seconds = setting(Seconds(30.0), some_time)
    idle_timeout: Seconds = setting(Seconds(60.0), some_time)
    connect_timeout: Seconds = setting(Seconds(30.0), some_time)
    response_timeout: Seconds = setting(Seconds(30.0), some_time)
    stall_timeout: Seconds = setting(Seconds(60.0), some_time)


@attrs.frozen
class Api:
    """[api]: the HTTP API. `listen` None: switched off; `tokens` None: no tokens, so loopback and unix sockets only."""

    listen: Listen | UnixListen | None = Listen("tcp", "127.0.0.1", 8480)
    tokens: Path | None = None


@attrs.frozen
class Log:
    """[log]"""

    level: Level = Level.INFO
    format: LogFormat = LogFormat.AUTO


@attrs.frozen
class Shutdown:
    """[shutdown]"""

    drain: Seconds = setting(Seconds(30.0), any_time)


@attrs.frozen
class Override:
    """A key that was set outside of the file; `where` says how, for the error line."""

    key: tuple[str, ...]
    value: object
    where: str = "--set"


@attrs.frozen
class Origin:
    """Where a configuration came from, so that it can be read again."""

    path: Path | None = None
    overrides: tuple[Override, ...] = ()
    state_dir: Path | None = None


@attrs.frozen(kw_only=True)
class Config:
    """What the configurations of both daemons have in common."""

    allow_inline_secrets: bool = False
    sip: Sip = Sip()
    tls: Tls = Tls()
    msrp: Msrp = Msrp()
    api: Api = Api()
    log: Log = Log()
    shutdown: Shutdown = Shutdown()
    state_dir: Path = Path("state")
    origin: Origin = Origin()


AnyConfig = TypeVar("AnyConfig", bound=Config)
