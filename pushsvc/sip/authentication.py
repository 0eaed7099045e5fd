"""Is somebody who it says it is? Digest as the server sees it (RFC 3261 §22.2, RFC 7616, RFC 8760).

Who is asked at all is in `trust_domain`, what a challenge and an answer look like in `pushsvc.digest`.
"""

from __future__ import annotations

import enum

import attrs

from pushsvc.digest import Answer, answers_in, secret_of
from pushsvc.errors import BadMessage
from pushsvc.machine import Tokens
from pushsvc.quoting import quoted
from pushsvc.sip.failures import Failures
from pushsvc.sip.headers import Field
from pushsvc.sip.hop import Hop, network_of
from pushsvc.sip.message import Request
from pushsvc.sip.nonces import Nonces
from pushsvc.sip.uri import SipUri, Uri, parse_uri

SECRET = 43  # letters: 256 bits
LONGEST_USER = 255  # characters of a user's name

WRONG = "wrong user or password"

Fields = tuple[Field, ...]


class Kind(enum.Enum):
    """How it can fail, but for what is asked for the first time, or under a nonce that is over."""

    MALFORMED = "malformed"
    PASSWORD = "password"
    LOCKED = "locked"
    REPLAYED = "replayed"
    FROM = "from"


@attrs.frozen
class Failure:
    """For our own people. `user` is "" for one that nobody knows: it may be a password, typed into the wrong field."""

    kind: Kind
    reason: str
    user: str = ""


@attrs.frozen
class TurnedAway:
    """The status and headers to answer with; `failure` None: it was only asked who it is."""

    status: int
    headers: Fields = ()
    failure: Failure | None = None


@attrs.frozen
class User:
    """Somebody who may prove that it is `identity`, an address of record."""

    name: str
    password: str = attrs.field(repr=False)
    identity: SipUri


@attrs.frozen
class Users:
    """Who there is. `algorithms`, as RFC 8760 spells them, are offered in their order (§2.3)."""

    realm: str
    algorithms: tuple[str, ...]
    each: tuple[User, ...]


@attrs.frozen
class _Known:
    user: User
    secrets: dict[str, str] = attrs.field(repr=False)  # by algorithm


class Authentication:
    """Asks who sent a request, and judges the answer. `admit` says who there is; without users nobody is asked.

    Only a right password leaves something behind, or a wrong one under a nonce of ours, which whoever forges its
    address never gets to see.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._nonces = Nonces(tokens.word(SECRET))
        self._failures = Failures()
        self._realm = ""
        self._algorithms: tuple[str, ...] = ()
        self._known: dict[str, _Known] = {}
        self._nobody: dict[str, str] = {}

    @property
    def has_users(self) -> bool:
        return bool(self._known)

    def admit(self, users: Users) -> None:
        """These, and no others, from now on."""
        self._realm, self._algorithms = users.realm, users.algorithms
        self._known = {user.name: _Known(user, self._secrets(user.name, user.password)) for user in users.each}
        # Compared with for whom nobody knows: it takes as long, and nothing fits.
        self._nobody = self._secrets("", self._tokens.word(SECRET))

    def judge(self, request: Request, source: Hop, now: float) -> SipUri | TurnedAway:
        """Who sent this request, as an address of record, or what it gets instead."""
        place = network_of(source.host)
        answer = self._answer(request)
        if answer is None:
            return self._asked(place, now)
        if isinstance(answer, str):
            return _refused(400, Failure(Kind.MALFORMED, f"bad Authorization: {answer}"))
        serial = self._nonces.serial(answer.nonce, place, now)
        if serial is None:
            return self._asked(place, now, stale=True)
        return self._proved(request, answer, serial, place, now)

    # -- ours

    def _answer(self, request: Request) -> Answer | str | None:
        """The answer to our challenge; what is wrong with it, in words; None: there is none."""
        ours = [each for each in answers_in(request.headers.all("Authorization")) if self._is_for_us(each)]
        if not ours:
            return None
        if len(ours) > 1:
            return "there is more than one for this realm"
        answer = Answer.read(ours[0])
        return answer if isinstance(answer, str) else self._unfit(answer, request) or answer

    def _proved(self, request: Request, answer: Answer, serial: int, place: str, now: float) -> SipUri | TurnedAway:
        """The same as `judge`, for an answer that can be read, under a nonce that is good."""
        key = (answer.user[: LONGEST_USER + 1], place)
        known = self._known.get(answer.user)
        name = known.user.name if known is not None else ""
        rest = self._failures.locked_for(key, now)
        if rest:
            return _refused(403, Failure(Kind.LOCKED, f"too many wrong passwords, again in {rest} s", name))
        secrets = known.secrets if known is not None else self._nobody
        if not answer.is_right(secrets[answer.algorithm], request.method) or known is None:
            counted = self._failures.failed(key, answer.response, now)
            failure = Failure(Kind.PASSWORD, WRONG, name) if counted else None
            return self._asked(place, now, failure, more=(_warning(WRONG),))
        if not self._nonces.use(serial, answer.count, now):
            return self._asked(place, now, Failure(Kind.REPLAYED, "nc was used before", name), stale=True)
        self._failures.succeeded(key)
        if not _is(known.user.identity, request.from_.uri):
            return _refused(403, Failure(Kind.FROM, "From is not the address of this user", name))
        return known.user.identity

    def _is_for_us(self, directives: dict[str, str]) -> bool:
        """Whether it may be an answer to us: what cannot be read may be."""
        return directives.get("realm", self._realm) == self._realm

    def _unfit(self, answer: Answer, request: Request) -> str | None:
        """What is wrong with an answer that can be read, in words."""
        if answer.algorithm not in self._algorithms:
            return "its algorithm was not offered"
        # RFC 7616 §3.4.6: the same resource. A proxy on the way may have put our Contact in its place; To stays.
        if not any(_means(answer.uri, uri) for uri in (request.uri, request.to.uri)):
            return "its uri is not the Request-URI"
        return None

    def _asked(
        self, place: str, now: float, failure: Failure | None = None, *, stale: bool = False, more: Fields = ()
    ) -> TurnedAway:
        nonce = self._nonces.make(place, now)
        mark = ", stale=true" if stale else ""
        challenges = [
            f'Digest realm={quoted(self._realm)}, nonce="{nonce}", algorithm={algorithm}, qop="auth"{mark}'
            for algorithm in self._algorithms
        ]
        fields = [("WWW-Authenticate", challenge) for challenge in challenges]
        return TurnedAway(401, (*fields, *more), failure)

    def _secrets(self, name: str, password: str) -> dict[str, str]:
        return {algorithm: secret_of(algorithm, name, self._realm, password) for algorithm in self._algorithms}


def _refused(status: int, failure: Failure) -> TurnedAway:
    return TurnedAway(status, (_warning(failure.reason),), failure)


def _warning(text: str) -> Field:
    return "Warning", f"399 pushsvc {quoted(text)}"


def _means(text: str, uri: Uri) -> bool:
    """Whether the text is this URI, however it is written (RFC 3261 §19.1.4), or all of its host, as SIPp writes it."""
    try:
        given = parse_uri(text)
    except BadMessage:
        return False
    if not isinstance(uri, SipUri) or not isinstance(given, SipUri):
        return text == str(uri)
    return uri.equivalent(given) or attrs.evolve(uri.aor(), user=None, password=None).equivalent(given)


def _is(identity: SipUri, claimed: Uri) -> bool:
    """Whether a From is this address of record; SIP or SIPS, whatever its parameters."""
    return isinstance(claimed, SipUri) and attrs.evolve(claimed.aor(), scheme=identity.scheme).equivalent(identity)
