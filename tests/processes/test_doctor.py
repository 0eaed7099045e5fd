"""`pushctl doctor` on real daemons at a real Kamailio, as it should be and as people set it up at first."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.trial.unittest import SkipTest

from pushsvc.pushctl.client import ApiRefused, Json
from pushsvc.pushctl.core import DOMAIN, kamailio
from pushsvc.pushctl.daemon import Daemon
from pushsvc.pushctl.exits import CommandFailed
from tests.processes.pushing import LabCase, until
from tests.pushctl.scripted import run

ALICE = f"sip:alice@{DOMAIN}"


class AtKamailio(LabCase):
    """[F-05] One lab for all: a daemon that is set up in another way is started again."""

    def setUp(self) -> None:
        try:
            kamailio()
        except CommandFailed as missing:
            raise SkipTest(str(missing)) from None

    def examined(self, daemon: Daemon) -> dict[str, Json]:
        def look() -> Json | None:
            try:
                return daemon.api.post("v1", "doctor")
            except ApiRefused as refused:
                self.assertEqual(refused.status, 429)
                return None

        checks = {check["name"]: check for check in until(look, "an examination")["checks"]}
        self.assertNotIn("word-of-", str(checks))
        return checks

    def set_up_with(self, daemon: Daemon, settings: Mapping[str, str]) -> dict[str, Json]:
        """Examined with these settings in addition."""
        daemon.stop()
        before = dict(daemon.settings)
        daemon.settings.update(settings)
        try:
            daemon.start()
            daemon.wait_until_ready()
            return self.examined(daemon)
        finally:
            daemon.settings.clear()
            daemon.settings.update(before)

    def assert_failed(self, found: dict[str, Json], name: str, text: str, step: str) -> None:
        check = found[name]
        self.assertEqual(check["verdict"], "failed", found)
        self.assertIn(text, check["text"])
        self.assertIn(step, check["next"])

    def test_a_system_that_works(self) -> None:
        """Over TLS: exit 0, nothing in the inbox but the push to somebody, and what each daemon says of itself."""
        lab = self.lab(core="tls")
        ran = run("--url", lab.receiver.api.url, "doctor")
        self.assertEqual(ran.code, 0, ran.stdout)
        for words in (
            f"the core believes that we are {ALICE}",
            f"{ALICE} is registered at sip:{DOMAIN}",
            f"a request to {ALICE} comes back to us",
            f"a push to {ALICE} came back whole",
            f"vouches for callers (P-Asserted-Identity: <{ALICE}>)",
        ):
            self.assertIn(words, ran.stdout)
        self.assertEqual(self.inbox(lab), [])
        self.assertNotIn("push received", lab.receiver.log.read_text())
        ran = run("--url", lab.sender.api.url, "doctor", "--to", ALICE, "--mode", "msrp")
        self.assertEqual(ran.code, 0, ran.stdout)
        self.assertIn(f"{ALICE}: delivered", ran.stdout)
        self.assertEqual(len(self.inbox(lab)), 1)

    def test_receivers_as_people_set_them_up(self) -> None:
        """And at last one whose core is away."""
        lab = self.lab(core="tcp")
        assert lab.core is not None
        wrong = self.set_up_with(lab.receiver, {"sip.auth_user": '"bob"'})
        for name in ("credentials", "registration"):
            self.assert_failed(wrong, name, "does not take our password", "sip.auth_password")
        self.assertEqual(wrong["own-push"]["verdict"], "skipped")
        nobody = self.set_up_with(lab.receiver, {"sip.identity": f'"sip:nobody@{DOMAIN}"', "sip.auth_user": '"alice"'})
        self.assert_failed(nobody, "registration", "does not let it be", "sip.identity")
        elsewhere = self.set_up_with(lab.receiver, {"sip.advertise": '"127.0.0.9"'})
        self.assertEqual(elsewhere["address"]["verdict"], "warning", elsewhere)
        # The core reaches us over our connection all the same (RFC 5626); the content would not.
        self.assertEqual(elsewhere["own-address"]["verdict"], "ok", elsewhere)
        self.assert_failed(elsewhere, "own-push", "cannot be reached over MSRP", "sip.advertise")
        unbelieved = self.set_up_with(lab.receiver, {"sip.trusted_peers": "[]"})
        self.assertEqual((unbelieved["own-push"]["verdict"], unbelieved["caller"]["verdict"]), ("ok", "warning"))
        self.assertEqual(unbelieved["caller"]["next"], 'set sip.trusted_peers = ["127.0.0.1/32"]')
        lab.core.stop()
        until(lambda: not lab.receiver.api.get("v1", "account")["registered"], "the receiver has noticed")
        away = self.examined(lab.receiver)
        self.assert_failed(away, "proxy", "nobody listens there", "that the core runs")
        self.assert_failed(away, "registration", "not registered", "proxy")
        lab.core.start()  # so that the receiver can leave

    def test_senders_as_people_set_them_up(self) -> None:
        lab = self.lab(core="tls")
        assert lab.core is not None
        proxy = f'"sip:127.0.0.1:{lab.core.port};transport=tls"'
        no_tls = self.set_up_with(lab.sender, {"sip.outbound_proxy": proxy})
        self.assert_failed(no_tls, "proxy", "speaks no TLS", "TLS port")
        self.assertEqual(no_tls["credentials"]["verdict"], "skipped")
        self.assert_failed(self.set_up_with(lab.sender, {"tls.ca": '"system"'}), "proxy", "no authority", "tls.ca")
        proxy = f'"sip:localhost:{lab.core.tls_port};transport=tls"'
        stranger = self.set_up_with(lab.sender, {"sip.outbound_proxy": proxy})
        self.assertEqual(stranger["options"]["verdict"], "warning")
        self.assertIn("does not know localhost as itself", stranger["options"]["next"])
        elsewhere = self.set_up_with(lab.sender, {"sip.identity": '"sip:push@elsewhere.test"'})
        self.assert_failed(elsewhere, "credentials", "403", "domain of the core")
