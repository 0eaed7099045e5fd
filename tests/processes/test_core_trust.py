"""A real Kamailio that is not who it should be, and a name that leads nowhere."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping

import attrs

from pushsvc.net.identity import Identity
from pushsvc.pushctl.client import ApiRefused, Json
from pushsvc.pushctl.core import Core
from pushsvc.pushctl.daemon import Daemon
from pushsvc.pushctl.lab import Lab
from tests.identities import identity_of
from tests.net.authorities import authority, key_pem_of, pem_of
from tests.processes.core_case import CoreCase, metric
from tests.processes.pushing import until
from tests.processes.together import ZONE, Together

LONG_AGO = datetime.datetime(2021, 1, 1, tzinfo=datetime.UTC)
# A certificate for everybody who calls the core by this name (RFC 6066 §3).
TLS_SERVER = """\
[server:any]
server_name = {name}
method = TLSv1.2+
certificate = {certificate}
private_key = {private_key}
"""


@attrs.frozen
class Host:
    """What the core shows under one of its names, and why nobody speaks to it there. Without a name in DNS: None."""

    shows: Identity | None
    reason: str
    state: str = "undeliverable"  # of a push to it


class Strangers(CoreCase):
    """[F-18] One Kamailio, which is called by several names. Daemons and a DNS that finds loopback share a process."""

    def test_each_is_refused_for_its_reason(self) -> None:
        """Whoever registers there says so, whoever pushes there, too; and the one who is right is spoken to."""
        hosts: Mapping[str, Host] = {
            "right": Host(authority().issue("right.push.test"), ""),
            "other": Host(authority().issue("another.push.test"), "is for another.push.test, not for other.push.test"),
            "expired": Host(authority().issue("expired.push.test", end=LONG_AGO), "has expired"),
            "alone": Host(identity_of("alone.push.test"), "is signed by nobody but itself"),
            "stranger": Host(
                authority("stranger").issue("stranger.push.test"), "comes from an authority that is not trusted here"
            ),
            "nowhere": Host(None, "the name nowhere.push.test has no address", "waiting"),
        }
        lab = self.prepared(core="tls")
        assert lab.core is not None
        authority().write(lab.ca)
        for name, host in hosts.items():
            if host.shows is not None:
                _show(lab.core, f"{name}.{ZONE}", host.shows)
        where = {name: f"{name}.{ZONE}:{lab.core.tls_port};transport=tls" for name in hosts}
        receivers = {
            name: lab.prepared(name, "receiver", {"sip.outbound_proxy": json.dumps(f"sip:{place}")})
            for name, place in where.items()
        }
        lab.sender = lab.prepared("straight", "sender", {"sip.outbound_proxy": '""'})
        known = [f"{name}.{ZONE}" for name, host in hosts.items() if host.shows is not None]
        together = Together(lab.directory, [*receivers.values(), lab.sender], known)
        self.addCleanup(together.stop)
        lab.core.start()
        together.start()
        right = receivers.pop("right")
        until(lambda: right.api.get("v1", "account")["registered"], "the right one is registered with")
        pushes = {name: self.submit(lab, b"short", Push_To=f"sip:alice@{where[name]}") for name in receivers}
        for name, receiver in receivers.items():
            self.assert_not_registered(receiver, hosts[name].reason)
            self.assert_not_pushed(lab, pushes[name], hosts[name])
        log = together.log.read_text()
        for host in hosts.values():
            self.assertIn(host.reason, log)
        self.assertNotIn("Traceback", log)

    def assert_not_registered(self, receiver: Daemon, reason: str) -> None:
        """In three places: the account, readiness, the metric."""
        account = until(lambda: _account(receiver), f"a try to register where {reason}")
        self.assertFalse(account["registered"])
        self.assertIn(reason, account["reason"])
        refused = self.assertRaises(ApiRefused, receiver.api.get, "readyz")
        self.assertIn(reason, refused.problem["obstacles"]["registration"])
        self.assertEqual(metric(receiver, "pushsvc_registration_up"), 0.0)

    def assert_not_pushed(self, lab: Lab, push_id: str, host: Host) -> None:
        """At once and for good where a certificate is wrong; a name may be found later."""
        push = until(lambda: _tried(self.push_of(lab, push_id)), f"an attempt where {host.reason}")
        (recipient,) = push["recipients"]
        self.assertEqual((recipient["state"], len(recipient["attempts"])), (host.state, 1), push)
        self.assertIn(host.reason, recipient["reason"])
        self.assertIn(host.reason, self.explained(lab, push_id))


def _show(core: Core, name: str, identity: Identity) -> None:
    """From its next start on the core shows this to whoever calls it so."""
    certificate, private_key = core.directory / f"{name}.pem", core.directory / f"{name}.key"
    certificate.write_bytes(pem_of(identity.chain[0].to_cryptography()))
    private_key.write_bytes(key_pem_of(identity))
    with core.tls_config.open("a") as config:
        config.write(TLS_SERVER.format(name=name, certificate=certificate, private_key=private_key))


def _account(receiver: Daemon) -> Json | None:
    """Once it is known how the first try to register ended."""
    account = receiver.api.get("v1", "account")
    return account if account["registered"] or account["reason"] else None


def _tried(push: Json) -> Json | None:
    return push if any(attempt["ended_at"] for attempt in push["recipients"][0]["attempts"]) else None
