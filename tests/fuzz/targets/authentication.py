"""Challenges of servers and relays, and what we answer to them: nothing of theirs breaks out of our header field."""

from __future__ import annotations

from pushsvc.digest import Account, challenges_in, directives_in
from pushsvc.msrp.authorization import Authorization
from pushsvc.msrp.chunk import OtherRequest, Reply
from pushsvc.msrp.uri import MsrpUri
from pushsvc.sip.headers import is_sendable
from tests.fuzz import samples
from tests.fuzz.target import Frame, Target, holds, text_of, words
from tests.tokens import CountedTokens

ACCOUNT = Account("alice", "secret", "")
RELAY, OWN = MsrpUri.parse("msrps://relay.example.com;tcp"), MsrpUri.parse("msrps://192.0.2.1:9/abc;tcp")


def run(octets: bytes) -> None:
    text = text_of(octets)
    directives_in(text)
    for challenge in challenges_in(text.split("\n"), "Authorization"):
        if challenge.is_supported:
            answer = challenge.answer(ACCOUNT, "INVITE", "sip:a@b", "cnonce", 1)
            holds(is_sendable(answer) or not is_sendable(text), "an answer that cannot be sent")
            challenge.proof(ACCOUNT, "sip:a@b", "cnonce", 1)
    _relay(text)


def _relay(text: str) -> None:
    machine = Authorization(RELAY, OWN, ACCOUNT, CountedTokens("fuzz"))
    (asked,) = machine.begin(0.0)
    for now, line in enumerate(text.split("\n")[:4], 1):
        if not isinstance(asked, OtherRequest):
            return
        status = 200 if line.startswith("2") else 401
        names = ("WWW-Authenticate", "Use-Path", "Expires", "Authentication-Info")
        reply = Reply(asked.transaction_id, (OWN,), (RELAY,), status, "", tuple((name, line) for name in names))
        asked = next(iter(machine.replied(reply, float(now))), None)  # type: ignore[assignment]
    machine.wake(1e6)


def _samples() -> list[bytes]:
    named = (b"WWW-Authenticate:", b"Proxy-Authenticate:", b"Authorization:", b"Authentication-Info:", b"Use-Path:")
    messages = [*samples.sip(), *samples.msrp()]
    lines = {
        line.partition(b":")[2].strip() for each in messages for line in each.split(b"\r\n") if line.startswith(named)
    }
    return [
        *sorted(lines),
        b'Digest realm="a", nonce="b", qop="auth,auth-int", algorithm=SHA-256-sess, opaque="", stale=TRUE\nDigest '
        b"realm=b",
        b'2msrps://a:1/b;tcp\nBasic realm="x", Digest nonce="\\"", realm=""',
    ]


TARGET = Target(
    "authentication",
    run,
    _samples,
    words(r"""
    Digest\x20 realm= nonce=" qop= algorithm= MD5 SHA-256-sess stale=true , \\" " \n =
"""),
    longest=2048,
    limit=65536,
    frames=(Frame(b"Digest "), Frame(b'Digest realm="'), Frame(b"Digest realm=a, nonce=b, qop="), Frame()),
    units=words(r"""
    Digest\x20realm=a,\x20nonce=b,\x20 a=b, \\" "", < Digest\x20 auth, a="",
"""),
)
