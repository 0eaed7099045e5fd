"""Which challenges are answered, and for how long an answer is used again (RFC 3261 §22). Digests are in `digest`."""

from __future__ import annotations

import attrs

from pushsvc.digest import Account, Challenge
from pushsvc.machine import Tokens
from pushsvc.sip.challenges import ANSWERED_BY, challenges_of
from pushsvc.sip.header_names import header_key
from pushsvc.sip.headers import CSeq, Field, Headers
from pushsvc.sip.message import Request, Response

CHALLENGED = (401, 407)
MAX_ROUNDS = 5  # of one request: two proxies and a server, and two nonces that became stale meanwhile
MAX_INVITES = 8  # whose ACK may still be asked for, as many as `sessions.own_requests` remembers
CNONCE = 16  # characters
LONGEST_SHOWN = 60  # characters of a realm, for people

Key = tuple[str, str]
"""What a challenge is for: the header that answers it, and the realm."""


@attrs.define
class _Held:
    """A challenge that we can answer, and how often its nonce was used."""

    challenge: Challenge
    cnonce: str
    count: int = 0


class Credentials:
    """What one account has been asked for under one Call-ID; sent ahead with every later request of it.

    RFC 3261 §22.3 keeps them within a dialog: another one is asked anew. Without an account nothing is answered.
    `foreign`: a redirection leads to whoever asks. An answer is something to guess the password from, so there is one
    only where the realm is set.
    """

    def __init__(self, account: Account | None, tokens: Tokens, *, foreign: bool = False) -> None:
        self._foreign = foreign
        self._account = account
        self._tokens = tokens
        self._held: dict[Key, _Held] = {}
        self._of_invites: dict[int, list[Field]] = {}

    def fields(self, request: Request, number: int) -> list[Field]:
        """The headers for this request under this CSeq number; each nonce counts it."""
        account = self._account
        if account is None:
            return []
        fields: list[Field] = []
        for (header, _), held in self._held.items():
            held.count += 1
            answer = held.challenge.answer(account, request.method, str(request.uri), held.cnonce, held.count)
            fields.append((header, answer))
        if fields and request.method == "INVITE":
            self._of_invites[number] = fields
            if len(self._of_invites) > MAX_INVITES:
                del self._of_invites[min(self._of_invites)]
        return fields

    def of_invite(self, number: int) -> list[Field]:
        """What the INVITE of this CSeq number carried: its ACK carries the same (RFC 3261 §13.2.2.4)."""
        return self._of_invites.get(number, [])

    def hold(self, challenge: Challenge) -> None:
        """Answer this one from now on. A nonce that comes again goes on being counted."""
        key = challenge.header, challenge.realm
        before = self._held.get(key)
        if before is not None and before.challenge.nonce == challenge.nonce:
            before.challenge = challenge
        else:
            self._held[key] = _Held(challenge, self._tokens.word(CNONCE))

    def drop(self, challenge: Challenge) -> None:
        """These credentials are wrong: nobody is sent them again."""
        self._held.pop((challenge.header, challenge.realm), None)

    def lack(self, challenge: Challenge) -> str | None:
        """Why we cannot answer it; None: we can."""
        realm, account = _shown(challenge), self._account
        if account is None:
            return f"no password is set for {realm}"
        if self._foreign and not account.realm:
            return f"we were sent on to {realm}, and no realm is set for our password"
        if account.realm not in ("", challenge.realm):
            return f'{realm} is not "{account.realm}", which our password is for'
        if not challenge.is_supported:
            return f"{realm} asks for a digest that is not known here"
        return None


class Attempt:
    """One request of ours, from its first sending to the answer that is no challenge, or one too many."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._answered: dict[Key, str] = {}  # the nonces that this request was challenged with, and answered
        self._rounds = 0
        self._number: int | None = None
        self._fields: list[Field] | None = None

    def dressed(self, request: Request) -> Request:
        """The request as it goes out now. Over every hop that is tried it has the same number and credentials."""
        number = request.cseq.number if self._number is None else self._number
        if self._fields is None:
            self._fields = self._credentials.fields(request, number)
        if not self._fields and number == request.cseq.number:
            return request
        return _dressed(request, number, self._fields)

    def renumber(self, number: int) -> None:
        """It is sent again, under this CSeq number (RFC 3261 §22.2)."""
        self._number, self._fields = number, None

    def challenged(self, response: Response) -> str | None:
        """A 401 or 407 came. Gives why it is of no use to send the request again; None: it is."""
        self._rounds += 1
        topmost = _topmost(challenges_of(response))
        for challenge in topmost:
            if self._is_refused(challenge):
                self._credentials.drop(challenge)
                return f"wrong user or password for {_shown(challenge)}"
        if self._rounds > MAX_ROUNDS:
            return f"it was challenged {self._rounds} times running"
        lacks = [self._credentials.lack(challenge) for challenge in topmost]
        if None not in lacks:
            return next(iter(lacks), "its challenge cannot be read")
        for challenge, lack in zip(topmost, lacks, strict=True):
            if lack is None:
                self._credentials.hold(challenge)
                self._answered[challenge.header, challenge.realm] = challenge.nonce
        return None

    def _is_refused(self, challenge: Challenge) -> bool:
        """Whether it is a second one: an answer to the first came, and was not merely late."""
        before = self._answered.get((challenge.header, challenge.realm))
        return before is not None and (not challenge.stale or challenge.nonce == before)


def credentials_of(request: Request) -> list[Field]:
    """The credentials that a request carries."""
    return [(name, value) for name in ANSWERED_BY.values() for value in request.headers.all(name)]


def _shown(challenge: Challenge) -> str:
    """The realm as it can be shown to people, whatever is in it."""
    name = "".join(letter if letter.isprintable() else "?" for letter in challenge.realm[:LONGEST_SHOWN])
    return f'realm "{name}"'


def _topmost(challenges: list[Challenge]) -> list[Challenge]:
    """For each realm the first one that is supported (RFC 8760 §2.4), else its first."""
    chosen: dict[Key, Challenge] = {}
    for challenge in challenges:
        key = challenge.header, challenge.realm
        if key not in chosen or (challenge.is_supported and not chosen[key].is_supported):
            chosen[key] = challenge
    return list(chosen.values())


def _dressed(request: Request, number: int, credentials: list[Field]) -> Request:
    fields: list[Field] = []
    for name, value in request.headers:
        if header_key(name) == "CSeq":
            fields += [(name, str(CSeq(number, request.method))), *credentials]
        else:
            fields.append((name, value))
    return request.evolve(headers=Headers(fields))
