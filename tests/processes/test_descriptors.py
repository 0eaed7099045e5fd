"""A real receiver that may open next to nothing more, while strangers hold its connections."""

from __future__ import annotations

import resource
import socket
import time
from contextlib import ExitStack

from pushsvc.net.descriptors import PAUSE, SPARE
from tests.faults.shim import descriptors
from tests.processes.pushing import LabCase, made_up

ROOM = 12  # connections that are let in before descriptors are short
STRANGERS = 3 * ROOM
SOON = '{ first = "300ms", factor = 1.0, max = "300ms", jitter = 0.0, attempts = 60 }'


class Short(LabCase):
    def test_strangers_cannot_have_the_last_descriptors(self) -> None:
        """[G6] Pushes come in and are kept meanwhile: connections that do nothing give way, files have theirs."""
        lab = self.lab({"sender": {"delivery.retry": SOON}, "receiver": {}})
        pid = lab.receiver.pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (descriptors(pid) + SPARE + ROOM, hard))
        host, _, port = lab.receiver.ready["msrp"]["tls"].rpartition(":")
        contents = [b"small", made_up(60_000), made_up(2_000_000)]
        began = time.monotonic()
        with ExitStack() as strangers:
            for _ in range(STRANGERS):
                strangers.enter_context(socket.create_connection((host, int(port))))
            for octets in contents:
                push = self.final(lab, self.submit(lab, octets))
                self.assertEqual(push["state"], "delivered", push)
            self.assertLess(descriptors(pid), resource.prlimit(pid, resource.RLIMIT_NOFILE)[0] - SPARE / 2)
        self.assert_in_inbox(lab, *contents)
        log = lab.receiver.log.read_text()
        said = log.count("too few file descriptors are left")
        self.assertTrue(1 <= said <= (time.monotonic() - began) / PAUSE + 1, said)
        self.assertNotIn("EMFILE", log)
