"""A receiver that nobody can connect to, behind a real Kamailio: all goes over the connection that it registered on."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pushsvc.pushctl.lab import Lab
from tests.processes.pushing import LabCase, made_up, until
from tests.processes.second_kamailio import program, started

MIB = 1 << 20
NOWHERE = '"127.255.0.1"'  # an address of loopback where nobody listens
LINGERING = {"delivery.linger": '"60s"'}
ESTABLISHED = "01"  # in /proc/net/tcp


class BehindNat(LabCase):
    """[F-05] [F-19] RFC 5626, RFC 5627, and what a core does for clients that know neither."""

    def setUp(self) -> None:
        program()

    def begin(self, core: str, **receiver: str) -> Lab:
        """The Contact says what leads nowhere; MSRP is connected to from inside, as that needs."""
        settings = {
            "sip.advertise": NOWHERE,
            "msrp.setup": '"active"',
            "shutdown.drain": '"0s"',
            **{key.replace("__", "."): value for key, value in receiver.items()},
        }
        return self.lab({"receiver": settings, "sender": LINGERING}, core=core)

    def push(self, lab: Lab) -> str:
        """1 MB arrives; gives the id of its push."""
        octets = made_up(MIB)
        push_id = self.submit(lab, octets)
        push = self.final(lab, push_id)
        self.assertEqual(push["state"], "delivered", push)
        return push_id

    def assert_one_connection(self, lab: Lab) -> None:
        assert lab.core is not None
        self.assertEqual(sum(connections(lab.receiver.pid, port) for port in (lab.core.port, lab.core.tls_port)), 1)

    def assert_its_bye_arrives(self, lab: Lab, push_id: str) -> None:
        """A receiver that stops ends the session that lingers: a request of its own, by the same connection."""
        self.assertIsNone(answered_bye(self.trace(lab, push_id)))
        lab.receiver.stop()
        until(lambda: answered_bye(self.trace(lab, push_id)), "the receiver's BYE, answered by the sender")

    def expires_at(self, lab: Lab) -> str | None:
        """Until when it is registered."""
        at: str | None = lab.receiver.api.get("v1", "account")["expires_at"]
        return at

    def trace(self, lab: Lab, push_id: str) -> str:
        return lab.sender.api.text("v1", "pushes", push_id, "trace")

    def through(self, core: str, **receiver: str) -> None:
        """Reached over its connection; after that was cut over the next one."""
        lab = self.begin(core, **receiver)
        assert lab.core is not None
        self.assertTrue(lab.receiver.api.get("v1", "account")["outbound"])
        self.push(lab)
        before = self.expires_at(lab)
        lab.core.stop()
        lab.core.start()
        until(lambda: self.expires_at(lab) not in (None, before), "registered again", 60.0)
        push_id = self.push(lab)
        self.assert_one_connection(lab)
        self.assert_its_bye_arrives(lab, push_id)

    def test_over_tcp(self) -> None:
        self.through("tcp")

    def test_over_tls(self) -> None:
        """Kamailio asks for a certificate, and gets ours."""
        self.through("tls")

    def test_over_udp(self) -> None:
        """RFC 3581: answers, and requests, go to where datagrams came from."""
        lab = self.begin("udp")
        self.assertFalse(lab.receiver.api.get("v1", "account")["outbound"])
        self.push(lab)

    def test_a_sender_that_nobody_can_connect_to(self) -> None:
        """What the receiver asks in a session comes by the connection that the INVITE went by."""
        settings = {**LINGERING, "sip.advertise": NOWHERE, "msrp.setup": '"active"'}
        lab = self.lab({"receiver": {"shutdown.drain": '"0s"'}, "sender": settings}, core="tls")
        self.assert_its_bye_arrives(lab, self.push(lab))

    def test_by_an_edge_in_front_of_the_registrar(self) -> None:
        """RFC 3327. It does not know RFC 5626, which the registrar says (439): we register without that."""
        directory = Path(self.mktemp()).resolve()
        directory.mkdir()
        settings = {"sip.listen": '["udp:127.0.0.1:0"]', "shutdown.drain": '"0s"'}
        lab = Lab(Path(self.mktemp()), settings={"receiver": settings, "sender": LINGERING}, core="tcp")
        self.addCleanup(lab.__exit__, None, None, None)
        assert lab.core is not None
        port = started(self, "edge.cfg", directory, "tcp", {"CORE": lab.core.uri("tcp")})
        lab.receiver.settings["sip.outbound_proxy"] = f'"sip:127.0.0.1:{port};transport=tcp"'
        lab.start()
        self.assertIn("code=439", lab.receiver.log.read_text())
        push_id = self.push(lab)
        ports = (port, lab.core.port)
        self.assertEqual([connections(lab.receiver.pid, each) for each in ports], [1, 0])
        self.assert_its_bye_arrives(lab, push_id)

    def test_without_a_listener_and_by_a_gruu(self) -> None:
        """The Contact is the near end of its connection; sessions go by the name that the core gave it."""
        lab = self.begin("tcp", sip__listen='["udp:127.0.0.1:0"]', sip__advertise='""', registration__gruu="true")
        gruu = lab.receiver.api.get("v1", "account")["gruu"]
        self.assertRegex(gruu, r"^sip:alice@push\.test;gr=urn:uuid:[0-9a-f-]{36}$")
        push_id = self.push(lab)
        self.assert_one_connection(lab)
        self.assertIn(f"SIP ACK {gruu[:40]}", self.trace(lab, push_id))
        self.assert_its_bye_arrives(lab, push_id)


# In a ladder whose left side is the sender.
answered_bye = re.compile(r"SIP 200 OK \(BYE\) -+>").search


def connections(pid: int, port: int) -> int:
    """How many TCP connections to this port a process holds."""
    held = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            held.add(os.readlink(descriptor))
        except OSError:  # it was closed just now
            continue
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(
        fields[3] == ESTABLISHED and fields[2].endswith(f":{port:04X}") and f"socket:[{fields[9]}]" in held
        for fields in lines
    )
