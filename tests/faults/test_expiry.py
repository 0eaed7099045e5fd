"""A certificate that expires while daemons run, and a clock that only seems to say so."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SkipTest

from pushsvc.pushctl.certificates import LIFETIME
from tests.faults.shim import compiled, has_compiler
from tests.faults.victim import Victim
from tests.processes.pushing import LabCase, made_up

TLS_ALONE = {"sip.listen": '["tls:127.0.0.1:0"]'}


class Expiry(LabCase):
    def test_a_push_to_an_expired_certificate_fails_in_words(self) -> None:
        """[G14] At once, since another try finds the same; and the next is delivered when the clock is right again."""
        if not has_compiler():
            raise SkipTest("there is no C compiler")
        lab = self.prepared({"sender": TLS_ALONE, "receiver": TLS_ALONE})
        sender = Victim(lab.sender, compiled(Path(lab.directory)))
        lab.start()
        sender.shim.set_clock(int(LIFETIME.total_seconds()) + 86_400)
        push = self.final(lab, self.submit(lab, made_up(5000)))
        self.assertEqual((push["state"], len(push["recipients"][0]["attempts"])), ("undeliverable", 1), push)
        self.assertIn("has expired", push["recipients"][0]["reason"])
        sender.shim.set_clock(0)
        octets = made_up(5000)
        self.assertEqual(self.final(lab, self.submit(lab, octets))["state"], "delivered")
        self.assert_in_inbox(lab, octets)
