"""What is to be said of this machine: configuration, listeners, our certificate, how others see our address."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import attrs

from pushsvc.doctor.judgement.verdicts import Check, days, failed, ok, shown, skipped, warning

SOON = 30 * 86400.0  # seconds before its end at which a certificate is worth a warning
MAX_MISTAKES = 10  # of a configuration, that are listed


@attrs.frozen
class File:
    """The configuration file as it is now: its path, its mistakes, and what in it is not in use yet."""

    path: str
    mistakes: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


@attrs.frozen
class OwnCertificate:
    """Unix times of its life; whether it is from a file, and whether SIP peers have to believe it."""

    begins_at: float
    ends_at: float
    configured: bool
    for_sip: bool


@attrs.frozen
class Listener:
    """One of ours: what for ("SIP", "MSRP"), `udp`, `tcp` or `tls`, and where."""

    what: str
    transport: str
    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        return ipaddress.ip_address(self.host).is_loopback

    def __str__(self) -> str:
        return f"{self.transport}:{self.host}:{self.port}"


def judge_file(found: File | None) -> list[Check]:
    """Whether a restart would go well, and whether one is due."""
    name = "configuration"
    if found is None:
        return [skipped(name, "there is no configuration file")]
    if found.mistakes:
        step = f"put {found.path} right: the configuration in use is an older one, and a restart would fail"
        return [failed(name, shown(each), step) for each in found.mistakes[:MAX_MISTAKES]]
    if found.waiting:
        text = f"{', '.join(found.waiting)} in {found.path} changed since the start"
        return [warning(name, text, "restart the daemon to apply it, then ask again")]
    return [ok(name, f"{found.path} has no mistakes and is in use")]


def judge_own_certificate(found: OwnCertificate, now: float) -> Check:
    """Self-signed is good enough for MSRP, whose fingerprints go with SIP; not for SIP over TLS."""
    name, left = "certificate", found.ends_at - now
    if now < found.begins_at:
        return failed(name, "our certificate is not valid yet", "check this machine's clock, or wait")
    if left <= 0:
        return failed(name, "our certificate has expired", "renew tls.certificate, then send HUP")
    if not found.configured and found.for_sip:
        text = "SIP over TLS with a certificate that nobody signed: a core that checks it does not call us"
        return warning(name, text, "set tls.certificate and tls.private_key, from an authority that the core knows")
    if found.configured and left < SOON:
        return warning(name, f"our certificate ends in {days(left)}", "renew tls.certificate, then send HUP")
    if not found.configured:
        return ok(name, f"self-signed, peers compare its fingerprint; good for {days(left)}")
    return ok(name, f"our certificate is good for {days(left)}")


@attrs.frozen
class Reached:
    """How others come to us, where it is not by our listeners.

    `receives`: they call us. `by_connection`: calls come over our own connection to the core. `connects`: it is us who
    connect for content; `relayed`: a relay brings it.
    """

    receives: bool
    by_connection: bool = False
    connects: bool = False
    relayed: bool = False


def judge_listeners(listeners: Sequence[Listener], core: Sequence[str], reached: Reached) -> Check:
    """Whether a core at these addresses (none: there is no core) can call us, and peers bring content."""
    name = "listeners"
    where = ", ".join(f"{each.what} {each}" for each in listeners)
    sip = [each for each in listeners if each.what == "SIP"]
    msrp = [each for each in listeners if each.what == "MSRP"]
    elsewhere = next((host for host in core if not ipaddress.ip_address(host).is_loopback), None)
    if elsewhere is not None and not reached.by_connection and all(each.is_loopback for each in sip):
        text = f"SIP listens on loopback only ({', '.join(map(str, sip))}), and the core is at {elsewhere}"
        return failed(name, text, 'listen on an address of this machine: sip.listen = ["tcp:192.0.2.20:5060", ...]')
    brought = reached.receives and not reached.relayed and not reached.connects
    if elsewhere is not None and brought and all(each.is_loopback for each in msrp):
        text = f"MSRP listens on loopback only ({', '.join(map(str, msrp))}): nobody elsewhere can bring content"
        step = 'msrp.listen = "tls:192.0.2.20:2855", or msrp.setup = "active" behind a NAT'
        return failed(name, text, step)
    if reached.by_connection:
        return ok(name, f"calls come over our connection to the core; {where}")
    if reached.receives and all(each.transport == "udp" for each in sip):
        text = f"SIP listens on UDP only ({', '.join(map(str, sip))}): offers of files are too large for it"
        return warning(name, text, 'add a TCP or TLS address to sip.listen: "tcp:192.0.2.20:5060"')
    return ok(name, where)


@attrs.frozen
class Knock:
    """An attempt to connect from here to where peers are told to: `error` "" when it went well."""

    listener: Listener
    place: str
    error: str = ""


def judge_knocks(knocks: Sequence[Knock]) -> list[Check]:
    """Whether the addresses that we tell others are ours."""
    name = "address"
    shut = [knock for knock in knocks if knock.error]
    checks = []
    for knock in shut:
        text = f"peers are told {knock.place} for {knock.listener.what}, and from here it fails: {shown(knock.error)}"
        step = "check sip.advertise and the firewall; behind a NAT that is not seen from inside, try from outside"
        checks.append(warning(name, text, step))
    if knocks and not shut:
        places = ", ".join(f"{knock.listener.what} {knock.place}" for knock in knocks)
        checks.append(ok(name, f"peers are told {places}, which answers here; a firewall must let them in"))
    return checks


def judge_seen_as(said: str, seen: str | None) -> Check | None:
    """Our address as we say it and as the core sees it; None where the core does not tell, or both are one."""
    if seen is None or seen == said or not _is_address(said):
        return None
    text = f"we say that we are {said}, and the core sees {seen}: there is a NAT, or another way out of this machine"
    return warning("address", text, f'if peers reach this machine at it, set sip.advertise = "{shown(seen)}"')


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
