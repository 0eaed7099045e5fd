"""One registration, kept alive: asked for, refreshed, tried again after failures, given back (RFC 3261 §10, F-05).

      start          answered 2xx                 half of it is over
    ---------> trying ------------> registered --------------------> trying
                 |  ^                  |  connection lost: soon
        refused, |  | after a while    |
        no answer v  |                  v stop: Register(0)
               waiting                 leaving ----answered, or not----> over

Whoever can, registers with `reg-id` (RFC 5626), to be reached over the connection that the REGISTER went by; the core
says whether it does so (`Require: outbound`), how often that connection must be pinged (`Flow-Timer`), and by which
URI others may name us (GRUU, RFC 5627). `again` tries at once where it is trying or waiting. What is sent, and to whom,
is the business of `net`.
"""

from __future__ import annotations

import enum

import attrs

from pushsvc.errors import BadMessage
from pushsvc.machine import Timers, Tokens
from pushsvc.quoting import unquoted
from pushsvc.sip.headers import Address
from pushsvc.sip.message import Response
from pushsvc.sip.retry_after import retry_after_of
from pushsvc.sip.uri import SipUri

FIRST_WAIT = 30.0  # seconds after a first failure; each further one doubles it (RFC 5626 §4.5)
LONGEST_WAIT = 1800.0  # and so long a Retry-After counts at most
AFTER_A_LOSS = 4.0  # seconds at most: a core that restarts loses all its connections at once
LONG = 1200.0  # a registration longer than that is refreshed `BEFORE_THE_END`, a shorter one at half (TS 24.229)
BEFORE_THE_END = 600.0
SHORTEST = 2.0  # seconds between two refreshes, however little was granted
SHORTEST_PING = 5.0  # seconds between two pings, however little Flow-Timer says
REG_ID = "1"  # we have one flow at a time (RFC 5626 §4.2)
NO_OUTBOUND = 439  # the first proxy does not know RFC 5626, and another way is wanted


class State(enum.Enum):
    """How far it is."""

    OFF = "off"
    TRYING = "trying"
    REGISTERED = "registered"
    WAITING = "waiting"
    LEAVING = "leaving"
    OVER = "over"


@attrs.frozen
class Register:
    """Send a REGISTER for so many seconds; 0 ends the registration.

    `outbound`: ask to be reached over the connection that it goes by, if it goes by one (RFC 5626 §4.2).
    """

    expires: int
    outbound: bool = True


@attrs.frozen
class Registered:
    """It holds, for so many seconds. Routes are Service-Route values (RFC 3608), identities P-Associated-URI ones.

    `outbound`: the core reaches us over our connection, which it wants pinged each `ping_after` seconds (None: it does
    not say). `gruu` is the public one that it gave us.
    """

    expires: int
    service_route: tuple[str, ...] = ()
    identities: tuple[str, ...] = ()
    outbound: bool = False
    ping_after: float | None = None
    gruu: SipUri | None = None


@attrs.frozen
class NotRegistered:
    """It failed. `wait` is how many seconds until the next try."""

    reason: str
    wait: float


@attrs.frozen
class Left:
    """It was given back, or nobody answered that: nothing more will happen."""


Output = Register | Registered | NotRegistered | Left


class _Timer(enum.Enum):
    NEXT = enum.auto()


@attrs.define
class Registration:
    """One contact at one registrar. `expires` is how many seconds to ask for.

    `contact` is the URI in the last REGISTER, to be set when another is sent; `instance` the device's URN, "" for none.
    `first_wait` and `longest_wait` are seconds after a first failure, and after however many.
    """

    contact: SipUri
    expires: int
    tokens: Tokens
    instance: str = ""
    first_wait: float = FIRST_WAIT
    longest_wait: float = LONGEST_WAIT
    state: State = attrs.field(default=State.OFF, init=False)
    _asked: int = attrs.field(default=0, init=False)
    _failures: int = attrs.field(default=0, init=False)
    _was_up: bool = attrs.field(default=False, init=False)
    _outbound: bool = attrs.field(default=True, init=False)
    _timers: Timers[_Timer] = attrs.field(factory=Timers, init=False)

    @property
    def deadline(self) -> float | None:
        return self._timers.deadline

    def start(self, now: float) -> list[Output]:
        """Register, and stay registered."""
        return self._try() if self.state is State.OFF else []

    def wake(self, now: float) -> list[Output]:
        """A refresh or another try is due."""
        return self._try() if self._timers.take_due(now) else []

    def answered(self, response: Response, now: float, why: str = "") -> list[Output]:
        """The final answer to the last `Register`; `why` a challenge could not be answered."""
        if self.state is State.LEAVING:
            return self._gone()
        if self.state is not State.TRYING:
            return []
        if response.status < 300:
            return self._holds(response, now)
        if response.status == NO_OUTBOUND and self._outbound:
            self._outbound = False
            return [Register(self._asked, outbound=False)]
        longer = _seconds(response.headers.get("min-expires")) if response.status == 423 else None
        if longer is not None and longer > self._asked:  # RFC 3261 §10.2.8
            self._asked = longer
            return [Register(longer, self._outbound)]
        reason = f"{response.status} {response.reason}" + (f": {why}" if why else "")
        return self._failed(reason, now, retry_after_of(response))

    def unanswered(self, reason: str, now: float) -> list[Output]:
        """The last `Register` was not answered, or could not be sent."""
        if self.state is State.LEAVING:
            return self._gone()
        return self._failed(reason, now, None) if self.state is State.TRYING else []

    def lost(self, now: float) -> list[Output]:
        """The connection that we registered over is gone: whoever looks for us there finds nobody."""
        if self.state is State.REGISTERED:
            self._timers.set(_Timer.NEXT, now + AFTER_A_LOSS * self.tokens.fraction())
        return []

    def again(self, now: float) -> list[Output]:
        """What was in the way may be no more: try at once, as if nothing had failed. What holds is left alone."""
        if self.state not in (State.TRYING, State.WAITING):
            return []
        self._timers.clear()
        self._failures = 0
        return self._try()

    def stop(self, now: float) -> list[Output]:
        """Give it back, if there is any."""
        self._timers.clear()
        if self.state in (State.LEAVING, State.OVER):
            return []
        if not self._was_up:
            return self._gone()
        self.state = State.LEAVING
        return [Register(0, self._outbound)]

    # -- ours

    def _try(self) -> list[Output]:
        self.state = State.TRYING
        self._asked = max(self._asked, self.expires)
        return [Register(self._asked, self._outbound)]

    def _holds(self, response: Response, now: float) -> list[Output]:
        ours = own_binding(response, self.contact, self.instance)
        granted = granted_by(response, ours, self._asked)
        if not granted:
            return self._failed("the registrar grants no time", now, None)
        self.state = State.REGISTERED
        self._failures = 0
        self._was_up = True
        self._timers.set(_Timer.NEXT, now + refresh_after(granted))
        headers = response.headers
        outbound = self._outbound and "outbound" in (option.lower() for option in headers.values("require"))
        flow_timer = _seconds(headers.get("flow-timer")) if outbound else None
        return [
            Registered(
                granted,
                tuple(headers.values("service-route")),
                tuple(headers.values("p-associated-uri")),
                outbound,
                None if flow_timer is None else ping_after(flow_timer, self.tokens.fraction()),
                None if ours is None else gruu_of(ours),
            )
        ]

    def _failed(self, reason: str, now: float, retry_after: float | None) -> list[Output]:
        """Longer and longer, and never in step with others that the same failure hit."""
        self.state = State.WAITING
        wait = min(self.longest_wait, self.first_wait * 2.0 ** min(self._failures, 16))
        wait *= 0.5 + 0.5 * self.tokens.fraction()
        wait = max(wait, min(retry_after or 0.0, LONGEST_WAIT))
        self._failures += 1
        self._timers.set(_Timer.NEXT, now + wait)
        return [NotRegistered(reason, wait)]

    def _gone(self) -> list[Output]:
        self.state = State.OVER
        return [Left()]


def refresh_after(expires: float) -> float:
    """Seconds after which a registration of so many seconds is refreshed."""
    return max(SHORTEST, expires - BEFORE_THE_END if expires > LONG else expires / 2)


def ping_after(flow_timer: int, fraction: float) -> float:
    """Seconds between two pings: 80 to 100 percent of what the core waits for one (RFC 5626 §4.4)."""
    return max(SHORTEST_PING, flow_timer * (0.8 + 0.2 * fraction))


def own_binding(response: Response, contact: SipUri, instance: str) -> Address | None:
    """Our Contact in a 2xx, which lists every device of the user; None: it is not there.

    A device is known by its instance (RFC 5626 §4.1): behind NATs two may have the same address, and a core may write
    another than ours. What is left of an address that this device had before is the last choice.
    """
    best: tuple[int, Address | None] = (0, None)
    for value in response.headers.values("contact"):
        try:
            found = Address.parse(value)
        except BadMessage:
            continue
        best = max(best, (_kinship(found, contact, instance), found), key=lambda ranked: ranked[0])
    return best[1]


def _kinship(found: Address, contact: SipUri, instance: str) -> int:
    """How sure it is that this binding is ours: 0, it is another's."""
    named = found.parameter("+sip.instance") if instance else None
    is_here = isinstance(found.uri, SipUri) and _place(found.uri) == _place(contact)
    if named is None:
        return int(is_here)
    if unquoted(named).lower() != f"<{instance}>".lower():
        return 0
    return 2 + is_here + 2 * (found.parameter("reg-id") == REG_ID)


def granted_by(response: Response, ours: Address | None, asked: int) -> int:
    """For how many seconds a 2xx registers us."""
    for text in (None if ours is None else ours.parameter("expires"), response.headers.get("expires")):
        granted = _seconds(text)
        if granted is not None:
            return granted
    return asked


def gruu_of(ours: Address) -> SipUri | None:
    """The public GRUU in our Contact of a 2xx (RFC 5627 §4.2)."""
    try:
        return SipUri.parse(unquoted(ours.parameter("pub-gruu") or ""))
    except BadMessage:
        return None


def _place(uri: SipUri) -> tuple[str | None, str, int | None]:
    return uri.user, uri.host.lower(), uri.port


def _seconds(text: str | None) -> int | None:
    digits = (text or "").strip(" \t")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None
