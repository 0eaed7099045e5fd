"""Pushes through a real MSRP relay: Kamailio with its module msrp."""

from __future__ import annotations

import json
from pathlib import Path

from pushsvc.pushctl.certificates import Authority
from pushsvc.pushctl.daemon import Role
from pushsvc.pushctl.lab import Lab
from tests.processes.pushing import LabCase, made_up, until
from tests.processes.second_kamailio import HOST, program, started

PASSWORD = "relay-secret"
MIB = 1 << 20
TLS_CONFIG = """\
[server:default]
method = TLSv1.2+
certificate = {certificate}
private_key = {private_key}
[client:default]
method = TLSv1.2+
"""


class Relayed(LabCase):
    """[F-19] What a relay that others have written makes of us, and we of it."""

    def setUp(self) -> None:
        program()
        self.directory = Path(self.mktemp()).resolve()
        self.directory.mkdir()
        authority = Authority.fresh()
        certificate, private_key = self.directory / "certificate.pem", self.directory / "key.pem"
        authority.issue(HOST, certificate, private_key)
        self.ca = authority.write(self.directory / "ca.pem")
        tls = self.directory / "tls.cfg"
        tls.write_text(TLS_CONFIG.format(certificate=certificate, private_key=private_key))
        defines = {"HOST": HOST, "PASSWORD": PASSWORD, "TLS_CONFIG": str(tls)}
        self.port = started(self, "relay.cfg", self.directory, "tls", defines)

    def settings(self, *relayed: Role, password: str = PASSWORD) -> dict[Role, dict[str, str]]:
        """These have the relay; all trust whoever has signed its certificate."""
        settings: dict[Role, dict[str, str]] = {}
        roles: tuple[Role, ...] = ("sender", "receiver")
        for role in roles:
            settings[role] = {"tls.ca": json.dumps(str(self.ca))}
            if role in relayed:
                settings[role] |= {
                    "allow_inline_secrets": "true",
                    "msrp.relay": f'"msrps://{HOST}:{self.port};tcp"',
                    "msrp.relay_password": json.dumps(password),
                }
        return settings

    def delivered(self, *relayed: Role) -> str:
        """A large push arrives; gives its ladder."""
        lab = self.lab(self.settings(*relayed))
        octets = made_up(5 * MIB)
        push_id = self.submit(lab, octets)
        push = self.final(lab, push_id)
        self.assertEqual(push["state"], "delivered", push)
        self.assert_in_inbox(lab, octets)
        return lab.sender.api.text("v1", "pushes", push_id, "trace")

    def reason(self, lab: Lab, push_id: str) -> str:
        """Why the first attempt failed, once it has."""
        attempts = self.push_of(lab, push_id)["recipients"][0]["attempts"]
        return next((attempt["reason"] or "" for attempt in attempts), "")

    def test_before_the_sender(self) -> None:
        """Delivered when the receiver's own report has come back the same way."""
        ladder = self.delivered("sender")
        for words in ("MSRP AUTH", "401 Unauthorized", f"REPORT 1-{5 * MIB}/{5 * MIB} 200"):
            self.assertIn(words, ladder)

    def test_before_the_receiver(self) -> None:
        """Whose report comes by a connection that the relay opens."""
        ladder = self.delivered("receiver")
        self.assertNotIn("AUTH", ladder)
        self.assertIn("REPORT", ladder)

    def test_before_both(self) -> None:
        self.delivered("sender", "receiver")

    def test_a_wrong_password(self) -> None:
        """Asked twice, not for ever; words that say what to mend, and not the password."""
        lab = self.lab(self.settings("sender", password="another"))
        push_id = self.submit(lab, b"x" * MIB)
        reason = until(lambda: self.reason(lab, push_id), "an attempt")
        self.assertIn("wrong user or password for the relay", reason)
        ladder = lab.sender.api.text("v1", "pushes", push_id, "trace")
        self.assertIn("401 Unauthorized x2", ladder)
        self.assertNotIn("another", lab.sender.log.read_text())
