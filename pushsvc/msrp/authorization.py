"""Asking our relay to carry one session, and to go on with that (RFC 4976 §5.1, §5.2; requirements E.13).

    (asking) --401--> (answering) --200--> (allowed) --some time before it ends--> (asking) …
       |                  |                    |
       | another reply    | no reply           | its time is over, whatever came of asking again
       v                  v                    v
     Denied       Unheard or Denied          Denied

Connecting to the relay is the caller's. What the two relays that we know do differently is in PEERS section 6.
"""

from __future__ import annotations

import enum

import attrs

from pushsvc.digest import Account, Challenge, challenges_in, directives_in
from pushsvc.errors import BadChunk
from pushsvc.machine import Timers, Tokens
from pushsvc.msrp.chunk import ID_LENGTH, Fields, OtherRequest, Reply
from pushsvc.msrp.uri import MsrpUri, Path, parse_path

REPLY_SECONDS = 30.0  # for the reply to an AUTH (RFC 4975 §7.1.2 has it for every request)
SILENCE_SECONDS = 5.0  # for the reply to one with credentials, which msrprelay gives up on without a word
RENEW_AFTER = 0.75  # of the time that was allowed
SHORTEST_WAIT = 5.0  # seconds between two AUTHs, however short a time is allowed
UNSAID_EXPIRES = 1800  # seconds; RFC 4976 §5.1 does not let a relay leave out what it allows
MAX_USE_PATH = 3  # URIs; with our own they are as many as a description may have
MAX_STALE = 2  # nonces in a row that were good for nothing; who goes on so would never be done
CNONCE = 16  # characters


@attrs.frozen
class Allowed:
    """The relay carries the session. `use_path` is in the order of a To-Path: the first is the relay's own."""

    use_path: Path


@attrs.frozen
class Denied:
    """The relay does not, or no longer. `status` is what it said, None when it was not that; `reason` is for people."""

    reason: str
    status: int | None = None


@attrs.frozen
class Unheard:
    """There was no reply to our credentials: written in another way, over another connection, there may be one."""


Output = OtherRequest | Allowed | Denied | Unheard


class _Due(enum.Enum):
    REPLY = "the reply is overdue"
    RENEWAL = "ask again"
    END = "what was allowed ends"


@attrs.frozen
class _Answered:
    """What our credentials are made of: the relay may have to prove that it knows the same password."""

    challenge: Challenge
    cnonce: str
    stale: int  # nonces before this one


@attrs.define
class Authorization:
    """One session at one relay. `own` is our URI of it; `with_uri` writes credentials as RFC 7616 has them.

    Nothing comes out after Denied or Unheard.
    """

    relay: MsrpUri
    own: MsrpUri
    account: Account
    tokens: Tokens
    with_uri: bool = True
    over: bool = attrs.field(default=False, init=False)
    _transaction_id: str | None = attrs.field(default=None, init=False)  # of the AUTH that waits for its reply
    _answered: _Answered | None = attrs.field(default=None, init=False)  # the challenge that this AUTH answers
    _ends_at: float | None = attrs.field(default=None, init=False)  # what was allowed
    _why: str = attrs.field(default="", init=False)  # it was not allowed again
    _timers: Timers[_Due] = attrs.field(factory=Timers, init=False)

    def begin(self, now: float) -> list[Output]:
        """There is a connection to the relay."""
        return self._ask(now)

    def owns(self, transaction_id: str) -> bool:
        """Whether a reply with this transaction id is to an AUTH of ours."""
        return transaction_id == self._transaction_id

    def replied(self, reply: Reply, now: float) -> list[Output]:
        """A reply of the relay. One that nobody waits for is ignored."""
        if self.over or not self.owns(reply.transaction_id):
            return []
        self._transaction_id = None
        self._timers.clear(_Due.REPLY)
        if reply.status == 401:
            return self._challenged(reply, now)
        if 200 <= reply.status < 300:
            return self._granted(reply, now)
        return self._denied(now, _refusal(reply), reply.status)

    @property
    def deadline(self) -> float | None:
        return self._timers.deadline

    def wake(self, now: float) -> list[Output]:
        """A reply is overdue, it is time to ask again, or what was allowed is over."""
        outputs: list[Output] = []
        for due in self._timers.take_due(now):
            match due:
                case _ if self.over:
                    break
                case _Due.REPLY:
                    outputs += self._not_replied(now)
                case _Due.RENEWAL:
                    outputs += self._ask(now)
                case _Due.END:
                    outputs += self._finished(Denied(f"what the relay allowed is over: {self._why or 'no reply'}"))
        return outputs

    def _ask(self, now: float, credentials: Fields = (), patience: float = REPLY_SECONDS) -> list[Output]:
        """Without credentials first: a nonce of yesterday is as good as none. No Expires: PEERS 6, always 423."""
        if not credentials:
            self._answered = None
        self._transaction_id = self.tokens.word(ID_LENGTH)
        self._timers.set(_Due.REPLY, now + patience)
        return [OtherRequest(self._transaction_id, "AUTH", (self.relay,), (self.own,), credentials)]

    def _challenged(self, reply: Reply, now: float) -> list[Output]:
        challenges = challenges_in(_values(reply, "WWW-Authenticate"), "Authorization")
        challenge = next((each for each in challenges if each.is_supported), None)
        if challenge is None:
            return self._denied(now, "the relay's challenge cannot be answered", reply.status)
        before = self._answered
        stale = 0 if before is None else before.stale + 1
        if before is not None and (not challenge.stale or before.challenge.nonce == challenge.nonce):
            return self._denied(now, "wrong user or password for the relay", reply.status)
        if stale > MAX_STALE:
            return self._denied(now, "the relay calls every nonce stale", reply.status)
        self._answered = _Answered(challenge, self.tokens.word(CNONCE), stale)
        answer = challenge.answer(
            self.account, "AUTH", str(self.relay), self._answered.cnonce, 1, with_uri=self.with_uri
        )
        patience = SILENCE_SECONDS if self.with_uri else REPLY_SECONDS
        return self._ask(now, ((challenge.header, answer),), patience)

    def _granted(self, reply: Reply, now: float) -> list[Output]:
        try:
            use_path = parse_path(" ".join(_values(reply, "Use-Path")))
        except BadChunk:
            return self._denied(now, "the relay says no path that can be read", reply.status)
        if len(use_path) > MAX_USE_PATH:
            return self._denied(now, "the relay's path is too long", reply.status)
        if not self._is_proven(reply):
            return self._denied(now, "the relay does not know our password", reply.status)
        expires = _seconds(reply)
        self._ends_at, self._why = now + expires, ""
        self._timers.set(_Due.RENEWAL, now + max(expires * RENEW_AFTER, SHORTEST_WAIT))
        self._timers.set(_Due.END, self._ends_at)
        return [Allowed(use_path)]

    def _is_proven(self, reply: Reply) -> bool:
        """RFC 4976 §9.1: whoever sends an `rspauth` sends the right one. Not every relay sends it."""
        said = next((directives_in(value).get("rspauth") for value in _values(reply, "Authentication-Info")), None)
        if said is None or self._answered is None:
            return said is None
        challenge, cnonce = self._answered.challenge, self._answered.cnonce
        return said.lower() == challenge.proof(self.account, str(self.relay), cnonce, 1)

    def _not_replied(self, now: float) -> list[Output]:
        self._transaction_id = None
        if self._ends_at is None and self._answered is not None and self.with_uri:
            return self._finished(Unheard())
        return self._denied(now, "the relay did not reply")

    def _denied(self, now: float, reason: str, status: int | None = None) -> list[Output]:
        """What was allowed before stays so until its end; there is time to ask again."""
        if self._ends_at is None:
            return self._finished(Denied(reason, status))
        self._why = reason
        wait = (self._ends_at - now) / 2
        if wait >= SHORTEST_WAIT:
            self._timers.set(_Due.RENEWAL, now + wait)
        return []

    def _finished(self, output: Denied | Unheard) -> list[Output]:
        self.over = True
        self._transaction_id = None
        self._timers.clear()
        return [output]


def _refusal(reply: Reply) -> str:
    """A status in words; 423 tells its bounds, which only a relay that insists on them does: we ask for nothing."""
    said = f"the relay said {reply.status} {reply.comment}".rstrip()
    bounds = [f"{name} {value}" for name, value in reply.headers if name.lower() in ("min-expires", "max-expires")]
    return ", ".join([said, *bounds]) if reply.status == 423 else said


def _values(reply: Reply, name: str) -> list[str]:
    return [value for each, value in reply.headers if each.lower() == name.lower()]


def _seconds(reply: Reply) -> int:
    """For how long it is allowed."""
    values = [value for value in _values(reply, "Expires") if value.isascii() and value.isdigit() and len(value) < 10]
    return int(values[0]) if values else UNSAID_EXPIRES
