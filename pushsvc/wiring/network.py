"""The network side of a daemon: user agent, MSRP endpoint and session manager as the configuration wants them."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from pushsvc.config import NotPermitted
from pushsvc.config.shared import ClientCertificate, Config, Setup
from pushsvc.config.values import Listen
from pushsvc.digest import Account
from pushsvc.errors import ConfigError, ConfigErrors
from pushsvc.machine import Tokens
from pushsvc.net.descriptors import Descriptors, is_short
from pushsvc.net.identity import Identity, load_identity, self_signed
from pushsvc.net.key_log import KeyLog
from pushsvc.net.locate import Locator, resolve_with
from pushsvc.net.msrp_endpoint import MsrpEndpoint, MsrpSettings
from pushsvc.net.msrp_relay import Relay
from pushsvc.net.msrp_sending import Transfer
from pushsvc.net.observer import Observer
from pushsvc.net.service_lookup import system_lookup
from pushsvc.net.tls import Tls
from pushsvc.net.tokens import RandomTokens
from pushsvc.net.user_agent import UserAgent
from pushsvc.sessions import Floors, Sessions
from pushsvc.sip.authentication import Authentication
from pushsvc.sip.shares import Shares
from pushsvc.sip.transaction import Settings
from pushsvc.sip.trust_domain import TrustDomain
from pushsvc.sip.uri import SipUri


@attrs.frozen
class Product:
    """Where the two daemons differ on the wire: methods, how many sessions, and how chunks are confirmed."""

    allow: Sequence[str]
    max_sessions: int
    success_report: bool = False
    report_timeout: float = 60.0


KEY_LOG_VARIABLE = "SSLKEYLOGFILE"  # what curl, browsers and Python call it, too


class Network:
    """Everything that has a socket but the API. `listen` opens it, `close` ends it.

    Who has to prove who it is, and how, `authentication` is told.
    """

    log = Logger()

    def __init__(self, config: Config, reactor: Any, observer: Observer, product: Product) -> None:
        if config.tls.certificate is None and any(each.transport == "tls" for each in config.sip.listen):
            self.log.warn("SIP over TLS with a certificate that nobody has signed: callers that check it stay away")
        for listen in in_clear(config):
            self.log.warn(
                "SIP on {listen} is not encrypted: who can change it on its way can change fingerprints of MSRP peers",
                listen=str(listen),
            )
        if config.sip.auth_password is not None and not config.sip.realm:
            self.log.warn(
                "sip.realm is not set: whoever asks gets a digest of our password, from which it may be guessed"
            )
        self._key_log = key_log_of(os.environ)
        if self._key_log is not None:  # an error, so that no log level hides it
            self.log.error(
                "TLS session keys go to {file}: who reads that file reads every push; unset {variable} when done",
                file=str(self._key_log.path),
                variable=KEY_LOG_VARIABLE,
            )
        self.tokens: Tokens = RandomTokens()
        self.identity = identity_of(config, reactor.seconds())
        self._config = config
        self.resolve = resolve = resolve_with(reactor.nameResolver, reactor)
        self.lookup = lookup = system_lookup(reactor)
        locator = Locator(resolve, lookup, self.tokens.fraction)
        settings = Settings(t1=config.sip.t1, t2=config.sip.t2, t4=config.sip.t4)
        self.tls = tls_of(config, self.identity, self._key_log)
        advertise = advertised(config, config.sip.listen)
        self.descriptors = descriptors = Descriptors(reactor, is_short)
        self.authentication = Authentication(self.tokens)
        domain = TrustDomain(config.sip.trusted_peers, self.authentication)
        self.agent = UserAgent(
            reactor,
            self.tokens,
            locator,
            observer,
            settings,
            advertise,
            self.tls,
            account_of(config),
            Shares(config.sip.source_rate, config.sip.source_burst, config.sip.trusted_peers),
            domain,
            descriptors,
        )
        self.msrp = MsrpEndpoint(
            reactor,
            self.tls,
            self.tokens,
            observer,
            resolve,
            msrp_settings(config, product),
            advertised(config, config.msrp.listen),
            lookup,
            descriptors,
        )
        self.floors = Floors(
            self.agent,
            self.msrp,
            self.tokens,
            reactor,
            settings,
            bind_timeout=config.msrp.bind_timeout,
            session_expires=int(config.sip.session_expires),
            cema=config.msrp.cema,
            prefer_active=config.msrp.setup is Setup.ACTIVE,
        )
        self.sessions = Sessions(self.floors, allow=product.allow, max_sessions=product.max_sessions)
        transports = {each.transport for each in config.msrp.listen}
        # Whether we offer MSRP over TLS: always, unless there is nothing but a plain listener, and no relay.
        self.secure = not transports or "tls" in transports or config.msrp.relay is not None

    def listen(self) -> dict[str, dict[str, str]]:
        """Open every listener; where each really is, for the ready file. Raises CannotListenError."""
        sip = {each.transport: _text(self.agent.listen(*_parts(each))) for each in self._config.sip.listen}
        msrp = {each.transport: _text(self.msrp.listen(*_parts(each))) for each in self._config.msrp.listen}
        return {"sip": sip, "msrp": msrp}

    def close(self) -> Deferred[Any]:
        """Close every listener and connection; fires when the last replies are out."""
        closing = [self.agent.stop(), *self.msrp.stop_listening(), self.msrp.stop()]
        closed = gatherResults(closing, consumeErrors=True)
        return closed if self._key_log is None else closed.addBoth(_passed_by, self._key_log.close)

    def renew(self, config: Config, tls: Tls) -> None:
        """Present this certificate, trust those authorities, be that account from now on; what is up stays as it is."""
        self.identity = tls.identity
        self.tls.become(tls)
        self.agent.account = account_of(config)

    def uri(self) -> SipUri:
        """Where a peer without a core reaches us: over TCP where that is listened on, since INVITEs are large."""
        transport = next(name for name in ("tcp", "udp", "tls") if name in self.agent.addresses)
        return self.agent.contact(self._config.sip.identity.user, transport)


def _passed_by(result: Any, call: Callable[[], None]) -> Any:
    call()
    return result


def identity_of(config: Config, now: float) -> Identity:
    """The configured certificate, or one of our own. Raises OSError, ValueError."""
    if config.tls.certificate is not None and config.tls.private_key is not None:
        return load_identity(config.tls.certificate, config.tls.private_key)
    return self_signed(config.state_dir / "tls", advertised(config, config.msrp.listen) or "localhost", now)


def key_log_of(environ: Mapping[str, str]) -> KeyLog | None:
    """Where the environment wants TLS keys written. Raises ConfigErrors: who asked for keys should not miss them."""
    name = environ.get(KEY_LOG_VARIABLE)
    if not name:
        return None
    try:
        return KeyLog.open(Path(name).absolute())
    except OSError as error:
        kind = NotPermitted if isinstance(error, PermissionError) else ConfigError
        hint = "name a file that only this user can read, or unset the variable"
        raise ConfigErrors([kind("environment", KEY_LOG_VARIABLE, f"{name}: {error.strerror}", hint)]) from error


def tls_of(config: Config, identity: Identity, key_log: KeyLog | None = None) -> Tls:
    """The section [tls]. Raises OSError or ValueError where its authorities cannot be used."""
    return Tls(
        identity,
        ask_client=config.tls.client_certificate is not ClientCertificate.NONE,
        insist=config.tls.client_certificate is ClientCertificate.REQUIRED,
        min_version=config.tls.min_version.value,
        authority=str(config.tls.ca) if config.tls.ca is not None else None,
        key_log=key_log,
    )


def in_clear(config: Config) -> list[Listen]:
    """Where fingerprints come in that only the network vouches for (requirements E.10 rule 5)."""
    return [listen for listen in config.sip.listen if listen.transport != "tls" and not listen.loopback]


def account_of(config: Config) -> Account | None:
    """Who we are to whoever challenges us; None without a password."""
    sip = config.sip
    if sip.auth_password is None:
        return None
    return Account(sip.credentials_user, sip.auth_password.value(), sip.realm)


def relay_of(config: Config) -> Relay | None:
    """Our MSRP relay, and who we are there."""
    msrp = config.msrp
    if msrp.relay is None or msrp.relay_password is None:
        return None
    user = msrp.relay_user or config.sip.identity.user or ""
    return Relay(msrp.relay, Account(user, msrp.relay_password.value()))


def advertised(config: Config, listen: Sequence[Listen]) -> str:
    """The host for Via, Contact and MSRP paths: "" leaves it to each listener. Raises ConfigErrors."""
    if config.sip.advertise or not any(_is_wildcard(each.host) for each in listen):
        return config.sip.advertise
    where = str(config.origin.path or "configuration")
    hint = 'name the address that peers reach this machine at, as advertise = "192.0.2.10"'
    raise ConfigErrors([ConfigError(where, "sip.advertise", "needed when listening on every address", hint)])


def msrp_settings(config: Config, product: Product) -> MsrpSettings:
    """The section [msrp] as the endpoint takes it."""
    msrp = config.msrp
    transfer = Transfer(
        chunk=min(msrp.chunk, msrp.window),
        window=msrp.window,
        response_timeout=msrp.response_timeout,
        report_timeout=product.report_timeout,
        success_report=product.success_report,
        stall_timeout=msrp.stall_timeout,
    )
    return MsrpSettings(
        bind_timeout=msrp.bind_timeout,
        idle_timeout=msrp.idle_timeout,
        connect_timeout=msrp.connect_timeout,
        sha1_fingerprints=msrp.sha1_fingerprints,
        transfer=transfer,
        relay=relay_of(config),
    )


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return not host


def _parts(listen: Listen) -> tuple[str, str, int]:
    return listen.transport, listen.host, listen.port


def _text(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
