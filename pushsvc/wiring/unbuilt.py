"""Settings whose feature is not built yet: what would be unsafe to ignore is refused, the rest is said at the start."""

from __future__ import annotations

from collections.abc import Iterator

from pushsvc.config.receiver import ReceiverConfig
from pushsvc.config.shared import Config
from pushsvc.errors import ConfigError, ConfigErrors


def refuse_unsafe(config: Config) -> None:
    """Raises ConfigErrors: an address that says TLS must not be served in clear text."""
    where = str(config.origin.path or "configuration")
    errors = [
        ConfigError(where, "sip.listen", f"{listen}: SIP over TLS is not built yet", 'write "tcp:..." or "udp:..."')
        for listen in config.sip.listen
        if listen.transport == "tls"
    ]
    if errors:
        raise ConfigErrors(errors)


def ignored(config: Config) -> Iterator[str]:
    """The keys that are set and have no effect in this version."""
    if config.sip.auth_password is not None:
        yield "sip.auth_password"
    if config.msrp.relay is not None:
        yield "msrp.relay"
    if isinstance(config, ReceiverConfig) and config.registration.registrar is not None:
        yield "registration.registrar"
