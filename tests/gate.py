"""What a proxy or a server asks before it lets a request through: digest credentials."""

from __future__ import annotations

import hashlib
import re

from pushsvc.sip.message import Request, Response, reply_to

_HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
_directive = re.compile(r'(\w+)=(?:"([^"]*)"|([^ ,"]+))').findall


class Gate:
    """Asks for credentials and checks them (RFC 7616 §3.4), with arithmetic of its own.

    A nonce is good for so many `uses`, in order; then it is stale. `asked` are the methods that are let through only
    with credentials; `passed` what was let through with them.
    """

    def __init__(
        self,
        status: int = 407,
        realm: str = "example.com",
        password: str = "secret",
        algorithms: tuple[str, ...] = ("SHA-256", "MD5"),
        uses: int = 1000,
        asked: tuple[str, ...] = ("INVITE", "BYE", "UPDATE", "MESSAGE", "OPTIONS"),
    ) -> None:
        self.status, self.realm, self.password, self.algorithms = status, realm, password, algorithms
        self.uses, self.asked = uses, asked
        self.challenges = 0
        self.passed: list[Request] = []
        self.extra = ""  # directives that a challenge has, too
        self.always_stale = False
        self.fixed_nonce: str | None = None
        self._counts: dict[str, int] = {}
        self._ask, self.header = {
            401: ("WWW-Authenticate", "Authorization"),
            407: ("Proxy-Authenticate", "Proxy-Authorization"),
        }[status]

    def refuses(self, request: Request) -> Response | None:
        """The challenge to this request; None: it may pass."""
        if request.method not in self.asked:
            return None
        given = self.given(request)
        if given is not None and self._is_right(request, given):
            count = self._counts[given["nonce"]] = self._counts[given["nonce"]] + 1
            if count <= self.uses and int(given["nc"], 16) == count:
                self.passed.append(request)
                return None
            return self._challenge(request, stale=True)
        return self._challenge(request, stale=self.always_stale)

    def given(self, request: Request) -> dict[str, str] | None:
        """The directives for our realm."""
        for value in request.headers.all(self.header):
            directives = {name: quoted or plain for name, quoted, plain in _directive(value)}
            if directives.get("realm") == self.realm:
                return directives
        return None

    def _is_right(self, request: Request, given: dict[str, str]) -> bool:
        def hashed(text: str) -> str:
            return hashlib.new(_HASHES[given["algorithm"]], text.encode()).hexdigest()

        secret = hashed(f"{given['username']}:{self.realm}:{self.password}")
        line = hashed(f"{request.method}:{request.uri}")
        expected = hashed(f"{secret}:{given['nonce']}:{given['nc']}:{given['cnonce']}:{given['qop']}:{line}")
        right = given["response"] == expected and given["uri"] == str(request.uri)
        return right and given["nonce"] in self._counts and given["algorithm"] == self.algorithms[0]

    def _challenge(self, request: Request, *, stale: bool) -> Response:
        self.challenges += 1
        nonce = self.fixed_nonce or f"{self.realm}-{self.challenges}"
        self._counts[nonce] = 0
        mark = ", stale=true" if stale else ""
        fields = [
            (self._ask, f'Digest realm="{self.realm}", nonce="{nonce}", algorithm={each}, qop="auth"{mark}{self.extra}')
            for each in self.algorithms
        ]
        return reply_to(request, self.status, to_tag=f"gate{self.challenges}", headers=fields)
