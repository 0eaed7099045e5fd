"""Certificates are renewed, and a real daemon is told by HUP."""

from __future__ import annotations

import signal
import socket
import ssl
from typing import Any

from pushsvc.pushctl.certificates import Authority
from pushsvc.pushctl.daemon import Daemon
from pushsvc.pushctl.lab import Lab
from tests.processes.pushing import LabCase, made_up, until

MIB = 1 << 20
# So little is under way at once that a transfer takes seconds.
SLOWLY = {"msrp.window": '"4KiB"', "msrp.chunk": '"2KiB"'}
LISTEN = '["tcp:127.0.0.1:0", "tls:127.0.0.1:0"]'
OPTIONS = """\
OPTIONS sip:127.0.0.1 SIP/2.0
Via: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bKrenewal
Max-Forwards: 70
From: <sip:test@127.0.0.1>;tag=test
To: <sip:127.0.0.1>
Call-ID: renewal
CSeq: 1 OPTIONS
Content-Length: 0

"""


class Renewal(LabCase):
    """[D-TLS-1] Whoever comes after the reload sees the new certificate; who is there notices nothing."""

    def test_a_certificate_is_renewed_while_a_transfer_runs(self) -> None:
        lab = self.lab({"receiver": {"sip.listen": LISTEN}, "sender": SLOWLY})
        before = self.connect(lab)
        first = before.getpeercert(binary_form=True)
        octets = made_up(3 * MIB)
        push_id = self.submit(lab, octets)
        until(lambda: 0 < self.acknowledged(lab, push_id) < MIB, "the transfer has begun")
        new = [self.renew(daemon) for daemon in (lab.receiver, lab.sender)]
        self.assertLess(self.acknowledged(lab, push_id), 3 * MIB)
        after = self.connect(lab)
        self.assertEqual(after.getpeercert(binary_form=True), new[0])
        self.assertNotEqual(first, new[0])
        before.sendall(OPTIONS.replace("\n", "\r\n").encode())
        self.assertTrue(before.recv(64).startswith(b"SIP/2.0 200 "))
        push = self.final(lab, push_id, 60.0)
        self.assertEqual((push["state"], len(push["recipients"][0]["attempts"])), ("delivered", 1), push)
        further = made_up(MIB)
        self.assertEqual(self.final(lab, self.submit(lab, further))["state"], "delivered")
        self.assert_in_inbox(lab, octets, further)

    def connect(self, lab: Lab) -> ssl.SSLSocket:
        """A SIP client of the receiver that takes any certificate."""
        host, port = lab.receiver.ready["sip"]["tls"].split(":")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        wire = context.wrap_socket(socket.create_connection((host, int(port)), 10.0))
        self.addCleanup(wire.close)
        return wire

    def renew(self, daemon: Daemon) -> bytes:
        """Another certificate where the first was; gives it when the daemon has it in use."""
        certificate, private_key = daemon.directory / "certificate.pem", daemon.directory / "key.pem"
        Authority.fresh().issue(f"push-{daemon.role}", certificate, private_key)
        daemon.signal(signal.SIGHUP)
        until(lambda: "configuration reloaded" in daemon.log.read_text(), "it has reloaded")
        return ssl.PEM_cert_to_DER_cert(certificate.read_text())

    def acknowledged(self, lab: Lab, push_id: str) -> int:
        """Octets of it that the receiver has, as the sender knows."""
        progress: dict[str, Any] = self.push_of(lab, push_id)["recipients"][0]["progress"] or {}
        return int(progress.get("acknowledged") or 0)
