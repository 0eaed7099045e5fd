"""The sections that only push-receiver has, and its configuration as a whole."""

from __future__ import annotations

import enum
from pathlib import Path
from urllib.parse import quote

import attrs

from pushsvc.config.shared import DAY, Config, any_time, some_octets, some_time
from pushsvc.config.values import Octets, Seconds, Secret, Wrong, between, setting, write_duration, write_size
from pushsvc.sip.uri import SipUri

_IN_USER = "&=+$,;?/!*'()"  # what a user part holds without escapes, beside what `quote` never escapes (RFC 3261 §25.1)


def some_pattern(pattern: str) -> None:
    """A check that a pattern could match something."""
    if not pattern:
        raise Wrong("an empty pattern matches nothing", "leave the key out to match anything")


class Action(enum.Enum):
    """What a rule does with a push that it matches."""

    ACCEPT = "accept"
    ASK = "ask"
    DECLINE = "decline"


@attrs.frozen
class Registration:
    """[registration]: `registrar` None: not registered anywhere; `gruu`: ask for one and use it (RFC 5627)."""

    registrar: SipUri | None = None
    expires: Seconds = setting(Seconds(3600.0), between(60.0, 30 * DAY, write_duration))
    applications: tuple[str, ...] = ()
    gruu: bool = False
    first_wait: Seconds = setting(Seconds(30.0), some_time)
    longest_wait: Seconds = setting(Seconds(1800.0), some_time)


@attrs.frozen
class Accept:
    """[accept]: the bounds of what is taken, before any rule is asked."""

    open: bool = False
    types: tuple[str, ...] = ("*",)
    max_size: Octets = setting(Octets(1 << 30), some_octets)
    max_sessions: int = setting(100, between(1, 100_000))
    free_min: Octets = setting(Octets(100 << 20), between(0, 1 << 60, write_size))
    allow: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Rule:
    """[[rule]]: the first that matches decides. None matches anything."""

    action: Action
    from_: str | None = setting(None, some_pattern)
    types: tuple[str, ...] | None = None
    max_size: Octets | None = setting(None, some_octets)
    name: str | None = setting(None, some_pattern)
    timeout: Seconds = setting(Seconds(30.0), some_time)


class Algorithm(enum.Enum):
    """A digest algorithm (RFC 8760)."""

    SHA_256 = "SHA-256"
    SHA_512_256 = "SHA-512-256"
    MD5 = "MD5"


@attrs.frozen
class Digest:
    """[digest]: how users prove who they are. `realm` "": the host of our identity."""

    realm: str = ""
    algorithms: tuple[Algorithm, ...] = (Algorithm.SHA_256,)


@attrs.frozen(kw_only=True)
class User:
    """[[user]]: somebody who pushes without a trusted peer in between."""

    name: str
    password: Secret
    identity: SipUri | None = None


@attrs.frozen
class Inbox:
    """[inbox]: `keep_partial` 0: what was cut is not kept; `max_partial` is octets of all that is."""

    directory: str = "inbox"
    keep_partial: Seconds = setting(Seconds(3600.0), any_time)
    max_partial: Octets = setting(Octets(4 << 30), some_octets)


@attrs.frozen
class Hooks:
    """[hooks]: whom to tell about stored content."""

    command: tuple[str, ...] = ()
    webhook: str = ""


@attrs.frozen(kw_only=True)
class ReceiverConfig(Config):
    """Everything push-receiver is told."""

    registration: Registration = Registration()
    accept: Accept = Accept()
    rule: tuple[Rule, ...] = ()
    digest: Digest = Digest()
    user: tuple[User, ...] = ()
    inbox: Inbox = Inbox()
    hooks: Hooks = Hooks()

    @property
    def inbox_dir(self) -> Path:
        """The directory of what was received."""
        return self.state_dir / self.inbox.directory

    @property
    def says_who_may_send(self) -> bool:
        """Whether anybody has said so, be it that everybody may."""
        asked = self.user and not self.sip.trusted_peers  # those are not asked, whoever they bring
        return bool(self.accept.open or self.accept.allow or self.rule or asked)

    @property
    def realm(self) -> str:
        """The realm of our users."""
        return self.digest.realm or self.sip.identity.host

    def identity_of(self, user: User) -> SipUri:
        """Whom a user may push as: its name at our realm where nothing else is said."""
        return user.identity or SipUri(user=quote(user.name, safe=_IN_USER), host=self.realm)
