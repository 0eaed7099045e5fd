"""Pushes between two real twistd processes, over real sockets."""

from __future__ import annotations

import base64
import os
import signal
from pathlib import Path

from pushsvc.pushctl.client import Body
from pushsvc.pushctl.submission import json_body
from tests.processes.pushing import LabCase, json_of, made_up, sha256, until

MIB = 1 << 20


class Pushing(LabCase):
    """What users do all day."""

    def test_a_file_arrives_and_its_ladder_can_be_read(self) -> None:
        """[R-FLOW-8] [R-FLOW-9] [F-01]"""
        lab = self.lab()
        octets = made_up(3 * MIB)
        push_id = self.submit(lab, octets, "picture.bin")
        push = self.final(lab, push_id)
        self.assertEqual(push["state"], "delivered", push)
        self.assertEqual(push["recipients"][0]["progress"]["acknowledged"], len(octets))
        self.assert_in_inbox(lab, octets)
        self.assertEqual(self.inbox(lab)[0]["name"], "picture.bin")
        ladder = until(lambda: _whole(lab.sender.api.text("v1", "pushes", push_id, "trace")), "the BYE in the trace")
        for word in ("INVITE", "ACK", "SEND", "BYE"):
            self.assertIn(word, ladder)

    def test_three_files_in_one_invite(self) -> None:
        """[R-PSA-EST-10] Multipart in, three media lines out, three entries in the inbox."""
        lab = self.lab()
        contents = [made_up(size) for size in (200_000, 70_000, 5000)]
        push_id = json_of(lab.sender.api.request("POST", "/v1/pushes", _multipart(lab.receiver.uri, contents)))["id"]
        push = self.final(lab, push_id)
        self.assertEqual(push["state"], "delivered", push)
        self.assert_in_inbox(lab, *contents)
        self.assertEqual(len({entry["call_id"] for entry in self.inbox(lab)}), 1)
        attempt = push["recipients"][0]["attempts"][0]
        self.assertEqual([file["result"] for file in push["recipients"][0]["files"]], ["delivered"] * 3)
        self.assertEqual((attempt["sip_status"], attempt["msrp_status"]), (200, 200))

    def test_a_picture_of_a_text(self) -> None:
        """[R-PSA-EST-8] [F-13] However small the content is: an icon makes a session of it, and comes out as it was."""
        lab = self.lab()
        icon = made_up(16_000)
        content = {"text": "Gate 3", "icon": {"type": "image/png", "base64": base64.b64encode(icon).decode()}}
        body = json_body({"to": [lab.receiver.uri], "content": content})
        push = self.final(lab, json_of(lab.sender.api.request("POST", "/v1/pushes", body))["id"])
        self.assertEqual((push["state"], push["recipients"][0]["attempts"][0]["mode"]), ("delivered", "msrp"), push)
        (entry,) = self.inbox(lab)
        self.assertEqual(entry["icon"], {"type": "image/png", "size": len(icon)})
        self.assertEqual(lab.receiver.api.request("GET", f"/v1/inbox/{entry['id']}/icon"), icon)

    def test_files_of_the_daemons_are_for_nobody_else(self) -> None:
        """What people push is in them, and who to: whatever the umask is that a daemon was started with."""
        umask = os.umask(0)
        self.addCleanup(os.umask, umask)
        lab = self.lab()
        for octets in (made_up(MIB), b"short"):
            self.assertEqual(self.final(lab, self.submit(lab, octets))["state"], "delivered")
        for daemon in (lab.sender, lab.receiver):
            made = [path for path in daemon.state.rglob("*") if not path.is_symlink()]
            self.assertEqual([str(path) for path in made if path.stat().st_mode & 0o077], [])
            self.assertGreater(len(made), 4)

    def test_signalling_over_tls_alone(self) -> None:
        """Both daemons listen on nothing but TLS: INVITE, ACK and BYE each way find it, MESSAGE too; also as sips:."""
        settings = {"sip.listen": '["tls:127.0.0.1:0"]'}
        lab = self.lab({"sender": settings, "receiver": settings})
        large, small = made_up(MIB), b"short"
        self.assertIn(";transport=tls", lab.receiver.uri)
        secure = lab.receiver.uri.replace("sip:", "sips:").replace(";transport=tls", "")
        pushes = [self.submit(lab, large), self.submit(lab, small), self.submit(lab, large[1:], Push_To=secure)]
        for push_id in pushes:
            push = self.final(lab, push_id)
            self.assertEqual(push["state"], "delivered", push)
        self.assert_in_inbox(lab, large, small, large[1:])

    def test_a_receiver_that_our_authority_has_not_confirmed(self) -> None:
        """Undeliverable at once, with the reason in words: another try finds the same certificate."""
        settings = {"sip.listen": '["tls:127.0.0.1:0"]'}
        lab = self.lab({"sender": {**settings, "tls.ca": '"system"'}, "receiver": settings})
        push_id = self.submit(lab, b"short")
        push = self.final(lab, push_id)
        self.assertEqual((push["state"], len(push["recipients"][0]["attempts"])), ("undeliverable", 1), push)
        self.assertIn("comes from an authority that is not trusted here", push["recipients"][0]["reason"])
        self.assertIn("certificate", lab.sender.api.text("v1", "pushes", push_id, "explain"))
        self.assert_in_inbox(lab)

    def test_a_hundred_pushes_at_once(self) -> None:
        lab = self.lab()
        contents = [b"%d " % number + made_up(2000) for number in range(100)]
        ids = [self.submit(lab, octets, f"{number}.bin") for number, octets in enumerate(contents)]
        states = {self.final(lab, push_id)["state"] for push_id in ids}
        self.assertEqual(states, {"delivered"})
        entries = []
        cursor = None
        while True:
            page = lab.receiver.api.get("v1", "inbox", limit=50, cursor=cursor)
            entries += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
        self.assertCountEqual([entry["sha256"] for entry in entries], [sha256(octets) for octets in contents])

    def test_small_text_goes_by_message(self) -> None:
        """[F-02] [F-04]"""
        lab = self.lab()
        push = self.final(lab, self.submit(lab, b"Gate 3 is open"))
        self.assertEqual(push["recipients"][0]["attempts"][0]["mode"], "message", push)
        self.assert_in_inbox(lab, b"Gate 3 is open")

    def test_term_finishes_what_runs(self) -> None:
        """A restart of the receiver in the middle of a transfer costs nobody a second try."""
        lab = self.lab()
        octets = made_up(64 * MIB)
        push_id = self.submit(lab, octets)
        until(lambda: self.push_of(lab, push_id)["recipients"][0]["progress"]["sent"], "the transfer has begun")
        self.assertIn(lab.receiver.stop(), (0, -signal.SIGTERM))
        self.assertEqual(len(self.final(lab, push_id)["recipients"][0]["attempts"]), 1)
        lab.receiver.start()
        lab.receiver.wait_until_ready()
        self.assert_in_inbox(lab, octets)


class Killing(LabCase):
    """kill -9 in mid-transfer: nothing accepted is lost, nothing half is in the inbox, everything comes once."""

    SIZE = 64 * MIB
    RETRY = {"sender": {"delivery.retry": '{ first = "1s", factor = 1.0, max = "1s", jitter = 0.0, attempts = 60 }'}}

    def begin(self) -> tuple[str, bytes]:
        self.system = self.lab({**self.RETRY, "receiver": {}})
        octets = made_up(self.SIZE)
        push_id = self.submit(self.system, octets)
        until(self.moving(push_id), "the transfer has begun")
        return push_id, octets

    def moving(self, push_id: str) -> object:
        return lambda: self.push_of(self.system, push_id)["recipients"][0]["progress"]["acknowledged"] > 0

    def test_the_receiver_is_killed(self) -> None:
        """[F-14] Promises 2 and 3; what had come before is not sent again."""
        push_id, octets = self.begin()
        self.system.receiver.kill()
        found = list((self.system.receiver.state / "inbox").glob("*.bin"))
        self.assertEqual(found, [], "it was too fast, or half of it is there")
        self.system.receiver.start()
        self.system.receiver.wait_until_ready()
        push = self.final(self.system, push_id)
        self.assertEqual(push["state"], "delivered", push)
        self.assert_in_inbox(self.system, octets)
        first, *_, last = push["recipients"][0]["attempts"]
        resumed_at = first["octets_acknowledged"] + 1
        self.assertGreater(resumed_at, 1)
        self.assertIn(f"resumed at octet {resumed_at}", last["why_mode"])

    def test_the_sender_is_killed(self) -> None:
        """Promise 1: 202 means that a restart does not lose the push."""
        push_id, octets = self.begin()
        self.system.sender.kill()
        self.system.sender.start()
        self.system.sender.wait_until_ready()
        push = self.final(self.system, push_id)
        self.assertEqual(push["state"], "delivered", push)
        self.assert_in_inbox(self.system, octets)


def _whole(ladder: str) -> str | None:
    return ladder if "BYE" in ladder else None


def _multipart(target: str, contents: list[bytes]) -> Body:
    import json

    edge = b"lab-boundary"
    push = json.dumps(
        {"to": [target], "contents": [{"upload": f"f{i}", "name": f"{i}.bin"} for i in range(len(contents))]}
    ).encode()
    parts = [b'Content-Disposition: form-data; name="push"\r\nContent-Type: application/json\r\n\r\n' + push]
    parts += [
        b'Content-Disposition: form-data; name="f%d"; filename="%d.bin"\r\n' % (i, i)
        + b"Content-Type: application/octet-stream\r\n\r\n"
        + octets
        for i, octets in enumerate(contents)
    ]
    body = b"".join(b"--" + edge + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + edge + b"--\r\n"
    return Body([body], len(body), f"multipart/form-data; boundary={edge.decode()}")


__all__ = ["Killing", "Path", "Pushing"]
