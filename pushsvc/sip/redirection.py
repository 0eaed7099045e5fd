"""Where a request goes that is answered 3xx: the target set of RFC 3261 §8.1.3.4."""

from __future__ import annotations

import re

import attrs

from pushsvc.errors import BadMessage
from pushsvc.sip.headers import Address
from pushsvc.sip.hop import Hop
from pushsvc.sip.inside import is_foreign, leads_inside
from pushsvc.sip.message import Response
from pushsvc.sip.uri import SipUri

MAX_TARGETS = 5  # beside the first: who is sent on for longer is led by the nose

FOLLOWED = (300, 301, 302)  # 305 is about the way and 380 about another service: those are for people

_q = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?").fullmatch


@attrs.frozen
class Target:
    """Whom to ask. `foreign`: named by somebody outside of this machine, so it may not be inside (SECURITY 2)."""

    uri: SipUri
    foreign: bool = False


class Targets:
    """Each URI is a target once. What is not tried when somebody takes the request is forgotten."""

    def __init__(self, first: SipUri) -> None:
        self._secure = first.secure
        self._known = [first]
        self._left: list[tuple[float, Target]] = [(1.0, Target(first))]

    def next(self) -> Target | None:
        """The next one to try, the highest q value first; None: all were tried."""
        return self._left.pop(0)[1] if self._left else None

    def redirected(self, response: Response, source: Hop) -> str | None:
        """A target answered 3xx from there. Gives why that leads nowhere; None: there is more to try."""
        if response.status not in FOLLOWED:
            return "this kind of redirection is not followed"
        found = [(q, uri) for q, uri in _contacts(response) if self._is_fit(uri, source)]
        for q, uri in found:
            if len(self._known) <= MAX_TARGETS and not any(uri.equivalent(known) for known in self._known):
                self._known.append(uri)
                self._left.append((q, Target(uri, foreign=is_foreign(source))))
        self._left.sort(key=lambda each: -each[0])
        return None if self._left else "it sends us to nowhere else that we can go to"

    def _is_fit(self, uri: SipUri, source: Hop) -> bool:
        """Nobody takes us off TLS, or has us speak to this machine's own services from outside of it."""
        return uri.secure >= self._secure and not (is_foreign(source) and leads_inside(uri))


def _contacts(response: Response) -> list[tuple[float, SipUri]]:
    """Each Contact that is a SIP URI, with its q value."""
    found = []
    for value in response.headers.values("contact"):
        try:
            contact = Address.parse(value)
        except BadMessage:
            continue
        if isinstance(contact.uri, SipUri):
            q = contact.parameter("q")
            found.append((1.0 if q is None else float(q) if _q(q) else 0.0, contact.uri.as_target()))
    return found
