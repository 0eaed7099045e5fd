"""What is to be said of us at the core: whether it believes us, knows where we are, and brings us what is ours."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from pushsvc.doctor.judgement.verdicts import Check, failed, ok, shown, skipped, warning
from pushsvc.doctor.judgement.way import Asked

CHALLENGES = (401, 407)


@attrs.frozen
class Claim:
    """Who we say that we are: identity, and the user, realm ("" for any) and password of our credentials."""

    identity: str
    user: str
    realm: str = ""
    has_password: bool = False


def judge_credentials(asked: Asked, claim: Claim) -> Check:
    """By a request to our own address of record through the core; its answer may be any but a new challenge."""
    name = "credentials"
    if not asked.status:
        return failed(name, f"no answer to a request to {claim.identity}: {asked.answer}", "see the core's log")
    refused = _refused(name, asked, claim)
    if refused is not None:
        return refused
    if asked.proved:
        return ok(name, f"the core believes that we are {claim.identity}")
    if asked.status >= 500:
        return skipped(name, f"the core did not come to asking for them: {asked.answer}", "see the core's log")
    return ok(name, f"the core asks {claim.identity} for no credentials")


def _refused(name: str, asked: Asked, claim: Claim) -> Check | None:
    if asked.status in CHALLENGES:
        return _challenged(name, asked, claim)
    if asked.status == 403:
        if asked.proved:
            text = f"the core knows {claim.user}, and does not let it be {claim.identity}: {asked.answer}"
        else:
            text = f"the core does not let us be {claim.identity}: {asked.answer}"
        step = "check that sip.identity is of a domain of the core, and that sip.auth_user is its user"
        return failed(name, text, step)
    return None


def _challenged(name: str, asked: Asked, claim: Claim) -> Check:
    realms = ", ".join(f'"{shown(realm, 60)}"' for realm in asked.realms) or "that cannot be read"
    if not claim.has_password:
        text = f"the core wants credentials for realm {realms}, and there is no password"
        return failed(name, text, 'set sip.auth_password = { file = "..." }, and sip.auth_user if it is not our user')
    if asked.realms and claim.realm and claim.realm not in asked.realms:
        text = f'the core\'s realm is {realms}, and ours is "{claim.realm}"'
        return failed(name, text, f"set sip.realm = {realms}, or leave it empty")
    if not asked.supported:
        text = f"the core asks for a digest that is not known here, for realm {realms}"
        return failed(name, text, "let the core ask for SHA-256, SHA-512-256 or MD5")
    text = f"the core does not take our password: wrong, or {claim.user} is no user of realm {realms}"
    step = f"check that the core has the user {claim.user}, and sip.auth_user and sip.auth_password against it"
    return failed(name, text, step)


@attrs.frozen
class Standing:
    """The registration now. Times are seconds from now; `answer` is to the last REGISTER, None: not answered."""

    registrar: str | None
    registered: bool = False
    expires_in: float | None = None
    reason: str | None = None
    retry_in: float | None = None
    answer: Asked | None = None


def judge_registration(standing: Standing, claim: Claim) -> Check:
    """Whether the core knows where we are."""
    name = "registration"
    if standing.registrar is None:
        return skipped(name, "there is no registrar", 'with a core, set registration.registrar = "sip:example.com"')
    if standing.registered:
        left = "" if standing.expires_in is None else f", for {standing.expires_in:.0f} s"
        return ok(name, f"{claim.identity} is registered at {standing.registrar}{left}")
    if standing.reason is None:
        return warning(name, f"{standing.registrar} has not answered yet", "ask again in a few seconds")
    again = "" if standing.retry_in is None else f"; next try in {max(0.0, standing.retry_in):.0f} s, or after HUP"
    answer = standing.answer
    refused = _refused(name, answer, claim) if answer is not None else None
    if refused is not None:
        return attrs.evolve(refused, text=refused.text + again)
    text = f"not registered at {standing.registrar}: {shown(standing.reason)}{again}"
    return failed(name, text, _registration_step(answer))


def _registration_step(answer: Asked | None) -> str:
    if answer is None:
        return "see what is said of dns, proxy and options"
    if answer.status == 404:
        return "check that registration.registrar is a domain of the core, and that it has the user of sip.identity"
    if answer.status == 405:
        return "what is asked there is no registrar: check registration.registrar and sip.outbound_proxy"
    return "see the core's log"


def judge_return(asked: Asked, arrived: bool, claim: Claim) -> Check:
    """A request to our own address of record, which should have come back to us."""
    name = "own-address"
    if arrived and asked.status and asked.status < 300:
        return ok(name, f"a request to {claim.identity} comes back to us in {asked.seconds * 1000:.0f} ms")
    if arrived:
        text = f"a request to {claim.identity} came to us, and our answer was lost: {asked.answer}"
        return failed(name, text, "see the core's log: it must send answers back to where the request came from")
    if asked.status in (405, 501):
        step = "no harm, where the push to ourselves goes well"
        return warning(name, f"the core does not pass OPTIONS on: {asked.answer}", step)
    return _astray(name, asked, claim)


def _astray(name: str, asked: Asked, claim: Claim) -> Check:
    """It did not come."""
    identity = claim.identity
    if asked.status in CHALLENGES or asked.status == 403:
        return skipped(
            name, f"the core does not pass our requests on: {asked.answer}", "see what is said of credentials"
        )
    if asked.status == 404:
        step = "add the user to the core, and check the domain of sip.identity"
        return failed(name, f"the core knows no {identity}: {asked.answer}", step)
    if asked.status == 480:
        step = "see what is said of registration; a core that was restarted may have forgotten us"
        return failed(name, f"the core does not know where {identity} is: {asked.answer}", step)
    if 200 <= asked.status < 300:
        step = "no harm where the user has several devices; else see where the core sends such requests"
        return warning(name, f"somebody else answered for {identity}: another device, or the core", step)
    step = "check sip.advertise, sip.listen and the firewall: the core must reach the Contact that we registered"
    return failed(name, f"the core cannot bring requests for {identity} to us: {asked.answer}", step)


@attrs.frozen
class OwnPush:
    """A push to ourselves through the core: what became of its INVITE, and of its content (`error` "": all well).

    `came`: the INVITE came to us; `arrived`: so far that it could be taken. `asserted` are the identities that came
    with it, from `source`, which is `trusted` or not.
    """

    invite: Asked
    came: bool = False
    arrived: bool = False
    error: str = ""
    seconds: float = 0.0
    asserted: tuple[str, ...] = ()
    source: str = ""
    trusted: bool = False


def judge_own_push(push: OwnPush, claim: Claim, places: Sequence[str]) -> list[Check]:
    """INVITE, MSRP and BYE, from us to us. `places` is where content is brought to."""
    name = "own-push"
    if push.came and not push.arrived:
        return [_refused_here(name, push), judge_caller(push)]
    if not push.arrived:
        return [_lost_invite(name, push, claim)]
    if push.error:
        text = f"our INVITE came back to us, and the push failed: {shown(push.error)}"
        step = f"check sip.advertise, msrp.listen and the firewall: {' or '.join(places)} must be reached over MSRP"
        return [failed(name, text, step), judge_caller(push)]
    text = f"a push to {claim.identity} came back whole in {push.seconds * 1000:.0f} ms"
    return [ok(name, text), judge_caller(push)]


def _lost_invite(name: str, push: OwnPush, claim: Claim) -> Check:
    invite = push.invite
    if invite.status and invite.status not in (408, 500, 502, 503, 504):
        return _astray(name, invite, claim)
    text = f"OPTIONS gets through, and an INVITE with a file offer does not: {invite.answer}"
    step = "it is too large for UDP: check that the core and our sip.listen have TCP or TLS, and that it takes 64 KiB"
    return failed(name, text, step)


def _refused_here(name: str, push: OwnPush) -> Check:
    """By ourselves, before the self-test could have it."""
    if push.invite.status in CHALLENGES and not push.trusted:
        text = f"our INVITE came back to us, and we asked {push.source} who it is: there are [[user]]s"
        return warning(name, text, f"{_trust(push.source)}, if it vouches for callers; else only users get in")
    text = f"our INVITE came back to us, and was refused here: {push.invite.answer}"
    return failed(name, text, "see the log of this daemon")


def _trust(source: str) -> str:
    return f'set sip.trusted_peers = ["{source}/{128 if ":" in source else 32}"]'


def judge_caller(push: OwnPush) -> Check:
    """Whom the inbox shows as sender."""
    name = "caller"
    who = ", ".join(shown(each, 80) for each in push.asserted)
    if push.asserted and push.trusted:
        return ok(name, f"{push.source} vouches for callers (P-Asserted-Identity: {who})")
    if push.asserted:
        text = f"{push.source} vouches for callers, and is not among sip.trusted_peers: `from` is what callers write"
        return warning(name, text, _trust(push.source))
    if push.trusted:
        text = f"{push.source} is trusted, and vouches for nobody: there is no P-Asserted-Identity"
        return warning(name, text, "let the core add it for callers that proved who they are (docs/kamailio.md)")
    return ok(name, "the core vouches for nobody: `from` in the inbox is what callers write")


def judge_relay(relay: str | None, error: str | None) -> Check:
    """AUTH at our MSRP relay; `error` None: it went well."""
    name = "relay"
    if relay is None:
        return skipped(name, "there is no MSRP relay")
    if error is None:
        return ok(name, f"{relay} gives us a path")
    step = "check msrp.relay, msrp.relay_user and msrp.relay_password, and that tls.ca signed the relay's certificate"
    return failed(name, shown(error), step)
