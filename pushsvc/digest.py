"""Digest access authentication (RFC 7616, RFC 8760): challenges and their answers, as either side sees them.

SIP and MSRP relays use the same. Which challenges are answered, and how often, is in `sip.credentials` and
`msrp.authorization`; which answers are believed, in `sip.authentication`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable

import attrs

from pushsvc.quoting import TOKEN, quoted, split_list, unquoted

_HASHES = {
    name: ours
    for name, ours in (("MD5", "md5"), ("SHA-256", "sha256"), ("SHA-512-256", "sha512_256"))
    if ours in hashlib.algorithms_available
}
_SESSION = "-SESS"
_BROKEN = ""  # the name of what could not be read

_is_token = re.compile(rf"[{TOKEN}]++").fullmatch
_item = re.compile(
    rf"(?:([{TOKEN}]++)[ \t]++)?([{TOKEN}]++)[ \t]*+=[ \t]*+"
    r'("[^"\\]*+(?:\\.[^"\\]*+)*+"|[^\x00-\x20\x7f",;<>\\]++)',
    re.DOTALL,
).fullmatch

_is_count = re.compile(r"[0-9a-fA-F]{8}").fullmatch
_is_digest = re.compile(r"[0-9a-f]{32,64}").fullmatch

Directives = dict[str, str]


@attrs.frozen
class Account:
    """Who we are to whoever challenges us. `realm` is the only one that is answered; "" answers any."""

    user: str
    password: str = attrs.field(repr=False)
    realm: str = ""


@attrs.frozen
class Challenge:
    """One Digest challenge. `header` is the one that answers it, `algorithm` is as written, "" where none is."""

    header: str
    realm: str
    nonce: str
    algorithm: str = ""
    qop: tuple[str, ...] = ()
    opaque: str | None = None
    stale: bool = False

    @classmethod
    def read(cls, header: str, directives: Directives) -> Challenge | None:
        """None for one that nobody can answer: without realm or nonce, or partly unreadable."""
        if _BROKEN in directives or not directives.keys() >= {"realm", "nonce"}:
            return None
        options = tuple(each.lower() for each in split_list(directives.get("qop", "")))
        return cls(
            header,
            directives["realm"],
            directives["nonce"],
            directives.get("algorithm", ""),
            options,
            directives.get("opaque"),
            directives.get("stale", "").lower() == "true",
        )

    @property
    def is_supported(self) -> bool:
        """Whether we know the algorithm, and how to protect what has to be protected: the request's line alone."""
        if self._hash not in _HASHES:
            return False
        # What RFC 2069 had no word for needs a cnonce, and that there is only with qop.
        return "auth" in self.qop if self.qop else not self._is_session

    @property
    def _hash(self) -> str:
        return (self.algorithm.upper() or "MD5").removesuffix(_SESSION)

    @property
    def _is_session(self) -> bool:
        return self.algorithm.upper().endswith(_SESSION)

    def answer(self, account: Account, method: str, uri: str, cnonce: str, count: int, *, with_uri: bool = True) -> str:
        """The value of its header, for a challenge that is supported. `count`: requests with this nonce, this included.

        One nonce, one cnonce: with it the `-sess` algorithms have one session key as well (RFC 7616 §3.4.2).
        `with_uri` False leaves the uri unsaid; it is hashed all the same.
        """
        response = self._digest(account, method, uri, cnonce, count)
        directives = [
            f"username={quoted(account.user)}",
            f"realm={quoted(self.realm)}",
            f"nonce={quoted(self.nonce)}",
            *([f"uri={quoted(uri)}"] if with_uri else []),
            *([f"algorithm={self.algorithm}"] if self.algorithm else []),
            f'response="{response}"',
            *([f"qop=auth, nc={count:08x}", f"cnonce={quoted(cnonce)}"] if self.qop else []),
            *([f"opaque={quoted(self.opaque)}"] if self.opaque is not None else []),
        ]
        return f"Digest {', '.join(directives)}"

    def proof(self, account: Account, uri: str, cnonce: str, count: int) -> str:
        """The `rspauth` of a server that knows the password, too (RFC 7616 §3.5)."""
        return self._digest(account, "", uri, cnonce, count)

    def _digest(self, account: Account, method: str, uri: str, cnonce: str, count: int) -> str:
        algorithm = self._hash
        secret = secret_of(algorithm, account.user, self.realm, account.password)
        if self._is_session:
            secret = _hashed(algorithm, secret, self.nonce, cnonce)
        guarded = (f"{count:08x}", cnonce, "auth") if self.qop else ()
        return _hashed(algorithm, secret, self.nonce, *guarded, _hashed(algorithm, method, uri))


@attrs.frozen
class Answer:
    """What an Authorization field with qop=auth says (RFC 7616 §3.4): `algorithm` in upper case, `nc` as written."""

    user: str
    realm: str
    nonce: str
    uri: str
    algorithm: str
    cnonce: str
    nc: str
    response: str

    @classmethod
    def read(cls, directives: Directives) -> Answer | str:
        """The answer, or what is wrong with it, in words."""
        missing = {"username", "realm", "nonce", "uri", "response"} - directives.keys()
        if _BROKEN in directives:
            return "it cannot be read"
        if missing:
            return f"it has no {min(missing)}"
        if directives.get("qop", "").lower() != "auth" or not directives.get("cnonce"):
            return "it has no qop=auth with a cnonce"
        if not _is_count(directives.get("nc", "")) or int(directives["nc"], 16) == 0:
            return "its nc is no count"
        if not _is_digest(directives["response"]):
            return "its response is no digest"
        return cls(
            directives["username"],
            directives["realm"],
            directives["nonce"],
            directives["uri"],
            directives.get("algorithm", "MD5").upper(),
            directives["cnonce"],
            directives["nc"],
            directives["response"],
        )

    @property
    def count(self) -> int:
        """Which request with this nonce it is, from 1."""
        return int(self.nc, 16)

    def is_right(self, secret: str, method: str) -> bool:
        """Whether it was made with this secret (`secret_of`), for an algorithm that is known here; in constant time."""
        line = _hashed(self.algorithm, method, self.uri)
        expected = _hashed(self.algorithm, secret, self.nonce, self.nc, self.cnonce, "auth", line)
        return hmac.compare_digest(expected, self.response)


def secret_of(algorithm: str, user: str, realm: str, password: str) -> str:
    """What both sides know (RFC 7616 §3.4.2, `H(A1)`): as good as the password, in this realm."""
    return _hashed(algorithm, user, realm, password)


def challenges_in(values: Iterable[str], header: str) -> list[Challenge]:
    """Every Digest challenge that can be read in these fields, in their order; `header` is what answers them.

    Other schemes are passed over.
    """
    found = [Challenge.read(header, directives) for directives in _read(values)]
    return [challenge for challenge in found if challenge is not None]


def answers_in(values: Iterable[str]) -> list[Directives]:
    """The directives of each answer to a Digest challenge in these fields, without quotes; see `Answer.read`."""
    return _read(values)


def directives_in(value: str) -> Directives:
    """The directives of an Authentication-Info field, without quotes; what cannot be read is left out."""
    found = [_parts(item) for item in split_list(value)]
    return {name: text for _, name, text in found if name is not None and name != _BROKEN}


def _hashed(algorithm: str, *parts: str) -> str:
    octets = ":".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.new(_HASHES[algorithm], octets, usedforsecurity=False).hexdigest()


def _read(values: Iterable[str]) -> list[Directives]:
    """The directives of each Digest challenge, without quotes; several may stand in one field (RFC 9110 §11.6.1)."""
    challenges: list[Directives] = []
    for value in values:
        current: Directives = {}
        for item in split_list(value):
            scheme, name, text = _parts(item)
            if scheme is not None:
                current = {}
                if scheme.lower() == "digest":
                    challenges.append(current)
            if name is not None:
                current[_BROKEN if name in current else name] = text
    return challenges


def _parts(item: str) -> tuple[str | None, str | None, str]:
    """The scheme that begins here, and one directive; `_BROKEN` names what is neither."""
    found = _item(item)
    if found is None:
        return (item, None, "") if _is_token(item) else (None, _BROKEN, "")
    return found[1], found[2].lower(), unquoted(found[3])
