"""Nothing is acknowledged that a power cut could take away."""

from __future__ import annotations

import errno
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from pushsvc.pushctl.client import ApiRefused
from pushsvc.pushctl.lab import Lab
from tests.faults.shim import Action, Kind, compiled, has_compiler
from tests.faults.syncs import unsynced
from tests.faults.victim import Victim
from tests.processes.pushing import LabCase, sha256

# One chunk each, so that every 200 is the last one: by MESSAGE, small and large by MSRP, which is plain to be read.
SIZES = (200, 5_000, 60_000)
COMMIT = ("write /s/db-wal", "sync /s/db-wal")
PLAIN = {"msrp.listen": '"tcp:127.0.0.1:0"', "msrp.allow_plain": "true"}


class Reading(SynchronousTestCase):
    """Made-up traces."""

    def test_what_was_synced_is_no_matter(self) -> None:
        trace = [
            "open /s/f",
            "write /s/f",
            "sync /s/f",
            "rename /s/g",
            "sync /s",
            *COMMIT,
            "send HTTP/1.1 202 Accepted|",
        ]
        self.assertEqual(unsynced(trace), (1, []))

    def test_what_was_not_is_told(self) -> None:
        """Octets, and names."""
        trace = ["write /s/f", "rename /s/g", *COMMIT, "send MSRP abc 200 OK|"]
        self.assertEqual(unsynced(trace), (1, ["/s/f", "/s"]))

    def test_every_acknowledgement_needs_a_commit(self) -> None:
        trace = [
            *COMMIT,
            "send SIP/2.0 200 OK|CSeq: 1 MESSAGE|",
            "write /s/db-wal",
            "send SIP/2.0 200 OK|CSeq: 2 MESSAGE|",
        ]
        self.assertEqual(unsynced(trace), (2, ["no commit"]))

    def test_a_sync_that_failed_is_not_made_good_by_another(self) -> None:
        """The kernel may have thrown the octets away, and tells of it once."""
        failed = ["write /s/tmp/f", "failed-sync /s/tmp/f"]
        published = ["sync /s/tmp/f", "rename /s/f", "sync /s", *COMMIT, "send MSRP abc 200 OK|"]
        self.assertEqual(unsynced([*failed, *published]), (1, ["/s/f"]))
        self.assertEqual(unsynced([*failed, "unlink /s/tmp/f", "write /s/tmp/f", *published]), (1, []))

    def test_what_is_sent_otherwise_promises_nothing(self) -> None:
        trace = ["write /s/f", "send SIP/2.0 200 OK|CSeq: 1 INVITE|", "send MSRP abc 413 no|", "send HTTP/1.1 503 x|"]
        self.assertEqual(unsynced(trace), (0, []))


class Promising(LabCase):
    """Real daemons, one push after the other."""

    def setUp(self) -> None:
        if not has_compiler():
            raise SkipTest("there is no C compiler")

    def test_what_is_acknowledged_is_on_the_disk(self) -> None:
        """[G8] 202, the 200 to MESSAGE and the 200 to the last chunk; and no 202 after a sync that failed."""
        lab = Lab(Path(self.mktemp()), settings={"sender": PLAIN, "receiver": PLAIN})
        self.addCleanup(lab.__exit__, None, None, None)
        library = compiled(lab.directory)
        sender, receiver = Victim(lab.sender, library), Victim(lab.receiver, library)
        lab.start()
        for victim in (sender, receiver):
            victim.shim.trace()
        contents = [bytes([number]) * size for number, size in enumerate(SIZES * 2)]
        for octets in contents:
            push = self.final(lab, self.submit(lab, octets))
            self.assertEqual(push["state"], "delivered", push)
        for victim in (sender, receiver):
            acknowledged, found = unsynced(victim.shim.traced())
            self.assertEqual(found, [])
            self.assertGreaterEqual(acknowledged, len(contents))
        sender.shim.arm(1, [Kind.SYNC], Action.FAIL, errno.EIO, lasting=True)
        for octets in (b"small", b"large" * 10_000):
            refused = self.assertRaises(ApiRefused, self.submit, lab, octets)
            self.assertGreaterEqual(refused.status, 500)
        sender.shim.disarm()
        entries = self.inbox(lab)
        self.assertEqual([entry["sha256"] for entry in entries], [sha256(octets) for octets in contents])
