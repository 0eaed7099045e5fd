"""What is to be said of the way to the core: its name, who is there, what it answers, how its clock goes."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from email.utils import parsedate_to_datetime

import attrs

from pushsvc.doctor.judgement.verdicts import Check, Verdict, days, failed, ok, shown, skipped, warning

CORE_SOON = 14 * 86400.0  # seconds before the end of a core's certificate that are worth a warning
CLOCKS_APART = 60.0  # seconds; nonces, deadlines and certificates go wrong beyond that
SLOW = 1.0  # seconds for an answer to OPTIONS

# X509_V_ERR_* of OpenSSL (verify(1)).
NOT_YET_VALID, EXPIRED = 9, 10
WITHOUT_AUTHORITY = frozenset({2, 18, 19, 20, 21})


@attrs.frozen
class Step:
    """A question to DNS: `kind` is NAPTR, SRV or "address". `lives`: seconds until it is asked again, if known."""

    kind: str
    name: str
    found: tuple[str, ...] = ()
    lives: float | None = None
    error: str = ""


def judge_steps(uri: str, key: str, steps: Sequence[Step], failure: str) -> list[Check]:
    """Each step on the way from the name in `key` to addresses; `failure` is why it leads nowhere, "" if it does."""
    name = "dns"
    checks = [_step(step) for step in steps]
    if failure:
        hint = f"check the name in {key}, and this machine's name servers (/etc/resolv.conf)"
        return [*checks, failed(name, shown(failure), hint)]
    return checks or [skipped(name, f"{uri} has a literal address")]


def _step(step: Step) -> Check:
    what = f"{step.kind} {step.name}"
    if step.error:
        return warning("dns", shown(f"{what}: {step.error}"), "check the name servers of this machine")
    if not step.found:
        return ok("dns", f"{what}: none")
    kept = "" if step.lives is None else f" (asked again in {step.lives:.0f} s)"
    return ok("dns", shown(f"{what}: {', '.join(step.found)}{kept}"))


class Trouble(enum.Enum):
    """How a connection failed."""

    REFUSED = "nobody listens there"
    SILENT = "no answer"
    NO_TLS = "no TLS there"
    OTHER = "it failed"


@attrs.frozen
class PeerCertificate:
    """A certificate as presented. `wrong_name` "" when it is for whom it should be, `chain` errors of OpenSSL."""

    begins_at: float
    ends_at: float
    wrong_name: str = ""
    chain: tuple[int, ...] = ()


@attrs.frozen
class Look:
    """A connection that was opened and closed again; `place` is as `tls:192.0.2.1:5061`."""

    place: str
    seconds: float = 0.0
    trouble: Trouble | None = None
    error: str = ""
    certificate: PeerCertificate | None = None
    spare: bool = False
    """Only what is too large for a datagram goes this way."""


def judge_looks(looks: Sequence[Look], key: str, now: float) -> list[Check]:
    """Whether our requests can go to one of these places; the others are spare ones then."""
    checks = [_judge_look(look, key, now) for look in looks]
    if all(check.verdict is Verdict.FAILED for check in checks):
        return checks
    return [
        attrs.evolve(check, verdict=Verdict.WARNING) if check.verdict is Verdict.FAILED else check for check in checks
    ]


def _judge_look(look: Look, key: str, now: float) -> Check:
    name = "proxy"
    if look.trouble is not None and look.spare:
        text = f"{look.place}: {look.trouble.value}; invitations are too large for UDP and go by TCP"
        return warning(name, text, "let the core listen on TCP on the same port, and open it in the firewall")
    match look.trouble:
        case Trouble.REFUSED:
            step = f"check port and transport in {key}, and that the core runs"
            return failed(name, f"{look.place}: nobody listens there", step)
        case Trouble.SILENT:
            step = f"check the address in {key}, and the firewalls on the way"
            return failed(name, f"{look.place}: no answer", step)
        case Trouble.NO_TLS:
            step = f"give the core's TLS port in {key} (mostly 5061), or another transport"
            return failed(name, f"{look.place}: who listens there speaks no TLS: {shown(look.error)}", step)
        case Trouble.OTHER:
            step = f"check {key}, and the routes of this machine"
            return failed(name, f"{look.place}: {shown(look.error)}", step)
        case None:
            return _who(look, look.certificate, key, now)


def _who(look: Look, certificate: PeerCertificate | None, key: str, now: float) -> Check:
    name, took = "proxy", f"connected in {look.seconds * 1000:.0f} ms"
    if certificate is None:
        return ok(name, f"{look.place}: {took}{', for what is too large for UDP' if look.spare else ''}")
    wrong = _what_is_wrong(certificate, key, now)
    if wrong is not None:
        return failed(name, f"{look.place}: {wrong[0]}", wrong[1])
    left = certificate.ends_at - now
    if left < CORE_SOON:
        return warning(name, f"{look.place}: its certificate ends in {days(left)}", "renew the core's certificate")
    return ok(name, f"{look.place}: {took}, name and chain are good, for {days(left)}")


def _what_is_wrong(certificate: PeerCertificate, key: str, now: float) -> tuple[str, str] | None:
    """In words, with the next step; the worst first."""
    chain = set(certificate.chain)
    if EXPIRED in chain or certificate.ends_at <= now:
        return "its certificate has expired", "renew the core's certificate"
    if NOT_YET_VALID in chain or certificate.begins_at > now:
        return "its certificate is not valid yet", "check this machine's clock, and the core's"
    if chain & WITHOUT_AUTHORITY:
        step = "set tls.ca to the PEM file of the authority that signed the core's certificate"
        return "no authority that we know has signed its certificate", step
    if chain:
        return f"its certificate cannot be verified (OpenSSL error {min(chain)})", "look that number up in verify(1)"
    if certificate.wrong_name:
        step = f"write a name of the certificate into {key}, or have one issued for that name (RFC 5922)"
        return shown(certificate.wrong_name), step
    return None


@attrs.frozen
class Asked:
    """What became of a request of ours. `status` 0: no answer came, and `error` says why.

    `realms` are those that were named when credentials were asked for; `supported`: a digest of one is known here.
    `proved`: credentials of ours went with it. `said` is our address as we gave it, `seen_as` as the other end sees it,
    if it tells; `date` is its clock.
    """

    status: int = 0
    reason: str = ""
    seconds: float = 0.0
    hop: str = ""
    error: str = ""
    realms: tuple[str, ...] = ()
    supported: bool = True
    proved: bool = False
    said: str = ""
    seen_as: str | None = None
    date: str | None = None

    @property
    def answer(self) -> str:
        """Status and reason, or why there is none."""
        return shown(f"{self.status} {self.reason}" if self.status else self.error)


def judge_options(asked: Asked, host: str, key: str) -> Check:
    """Of the core at `host`. Any answer shows that requests arrive: many cores have something against OPTIONS."""
    name = "options"
    if not asked.status:
        step = f"check port and transport in {key}, the firewalls on the way, and that the core runs"
        return failed(name, f"no answer to OPTIONS: {asked.answer}", step)
    took = f"{asked.hop} answers {asked.answer} in {asked.seconds * 1000:.0f} ms"
    if asked.status in (500, 503):
        step = f"see the core's log: it is overloaded or stopping, or does not know {host} as itself (Kamailio: alias)"
        return warning(name, took, step)
    if asked.seconds > SLOW:
        return warning(name, took, "that is slow: see the core's load, and the network in between")
    return ok(name, took)


def judge_clock(date: str | None, now: float) -> Check:
    """Our clock by the core's Date."""
    name = "clock"
    try:
        told = parsedate_to_datetime(date or "").timestamp()
    except (ValueError, OverflowError):
        return skipped(name, "the core does not tell the time")
    apart = now - told
    if abs(apart) > CLOCKS_APART:
        which = "ahead of" if apart > 0 else "behind"
        step = "let both keep time by NTP: timedatectl set-ntp true"
        return warning(name, f"our clock is {abs(apart):.0f} s {which} the core's", step)
    return ok(name, f"{abs(apart):.0f} s from the core's")
