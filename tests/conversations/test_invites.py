"""What a sender's INVITE says on the wire, read by somebody who is called and answers by hand."""

from __future__ import annotations

import hashlib
from typing import Any

from twisted.internet.defer import Deferred

from pushsvc import push
from pushsvc.errors import Refused, TimedOut
from pushsvc.net import reaching
from pushsvc.sender.job import AttemptResult, FileState
from pushsvc.sip.message import Request, reply_to
from tests.conversations.push_case import PushCase
from tests.conversations.stranger import Stranger

CALLEE = "192.0.2.66"
TO_CALLEE = f"sip:bob@{CALLEE}"
SERVICE = '*;+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.push"'
CONTACT, KIND = ("Contact", f"<{TO_CALLEE}>"), ("Content-Type", "application/sdp")
HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.66\r\ns=-\r\nc=IN IP4 192.0.2.66\r\nt=0 0\r\n"
MESSAGE = "m=message 2855 TCP/TLS/MSRP *\r\na=recvonly\r\na=accept-types:*\r\na=setup:passive\r\n"
PATH = "a=path:msrps://192.0.2.66:2855/s1;tcp\r\n"
APPLICATION = '*;+g.oma.pusheventapp="mms.ua"'


class InviteCase(PushCase):
    """A sender, and a callee that a script plays. SIP goes by datagrams, however large, for the script's sake."""

    def begin(self, **facts: Any) -> None:  # type: ignore[override]
        super().begin(**facts)
        self.patch(reaching, "BIGGEST_DATAGRAM", 65000)
        self.callee = Stranger(self.network, CALLEE)

    def pushed(self, *contents: bytes, **changes: Any) -> Deferred[AttemptResult]:
        """A push on its way; the callee has heard of it."""
        pushed = self.sender.deliver(self.sender.job(*contents, to=TO_CALLEE, **changes))
        self.network.settle(0.1)
        return pushed

    def answer(self, status: int, *headers: tuple[str, str], body: bytes = b"") -> None:
        """Answer the newest INVITE."""
        reply = reply_to(self.callee.requests("INVITE")[-1], status, to_tag="callee", headers=headers, body=body)
        self.callee.say(reply, to="192.0.2.10", settle=0.3)


class Inviting(InviteCase):
    """The first INVITE, header by header and line by line."""

    def test_its_headers(self) -> None:
        """[R-PSA-EST-1] [R-PSA-EST-2] [R-PSA-EST-3] [R-PSA-EST-4] [R-PSA-EST-5] [R-PSA-EST-6] [R-PSA-EST-7]"""
        self.begin()
        pushed = self.pushed(b"text" * 1000)
        head, _, body = self.callee.came[0].decode().partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        names = [line.partition(": ")[0] for line in lines]
        said = dict(line.split(": ", 1) for line in reversed(lines))
        self.assertEqual(start, f"INVITE {TO_CALLEE} SIP/2.0")
        self.assertEqual([name for name in set(names) if names.count(name) > 1], ["Accept-Contact"])
        self.assertRegex(said["Via"], r"\ASIP/2\.0/UDP 192\.0\.2\.10:5060;branch=z9hG4bK\w{16};rport\Z")
        self.assertEqual((said["Max-Forwards"], said["CSeq"], said["To"]), ("70", "1 INVITE", f"<{TO_CALLEE}>"))
        self.assertRegex(said["From"], r"\A<sip:push@example\.com>;tag=\w{16}\Z")
        self.assertRegex(said["Contact"], r"\A<sip:push@192\.0\.2\.10:5060>;\+g\.3gpp\.icsi-ref=")
        self.assertEqual(
            [line.partition(": ")[2] for line in lines if line.startswith("Accept-Contact")], [SERVICE, APPLICATION]
        )
        self.assertEqual(said["Allow"].split(", "), list(push.SENDER_ALLOW))
        self.assertEqual((said["Supported"], said["Session-Expires"]), ("timer", "1800;refresher=uac"))
        self.assertEqual((said["Content-Type"], int(said["Content-Length"])), ("application/sdp", len(body)))
        self.answer(486)
        self.ended(pushed, 486)

    def test_its_offer(self) -> None:
        """[R-PSA-EST-8] [R-PSA-EST-8a] [R-PSA-EST-9] [R-PSA-EST-10] [R-UP-G1] A line for each file, sendonly, with its
        own path and id, and the SHA-1 of the file."""
        self.begin()
        contents = [b"one" * 100, b"two" * 200, b"three"]
        pushed = self.pushed(*contents)
        session, *media = self.callee.requests("INVITE")[0].body.decode().split("\r\nm=")
        self.assertEqual([line[:2] for line in session.split("\r\n")][:5], ["v=", "o=", "s=", "c=", "t="])
        self.assertIn("s=-", session.split("\r\n"))
        self.assertEqual(len(media), 3)
        paths, ids = set(), set()
        for line, content in zip(media, contents, strict=True):
            first, *attributes = line.rstrip("\r\n").split("\r\n")
            said = dict(each.removeprefix("a=").partition(":")[::2] for each in attributes)
            self.assertEqual(first, "message 2855 TCP/TLS/MSRP *")
            self.assertIn("sendonly", said)
            self.assertRegex(said["path"], r"\Amsrps://192\.0\.2\.10:2855/\w+;tcp\Z")
            sha1 = ":".join(f"{octet:02X}" for octet in hashlib.sha1(content).digest())
            self.assertIn(f"hash:sha-1:{sha1}", said["file-selector"])
            self.assertIn(f"size:{len(content)} ", said["file-selector"] + " ")
            self.assertIn("type:text/plain", said["file-selector"])
            self.assertTrue(said["accept-types"])
            self.assertEqual((said["setup"], said["file-disposition"]), ("actpass", "attachment"))
            paths.add(said["path"])
            ids.add(said["file-transfer-id"])
        self.assertEqual((len(paths), len(ids)), (3, 3))
        self.assertRegex(
            self.callee.requests("INVITE")[0].body, rb"a=fingerprint:sha-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}\r\n"
        )
        self.assertEqual(
            [each for each in self.network.streams if each.local[0] == "192.0.2.10"], []
        )  # nothing guessed
        self.answer(603)
        self.ended(pushed, 603)

    def test_what_the_targets_must_have(self) -> None:
        """[R-PSA-EST-2m] [R-PSA-EST-3] As configured; without an application there is no second value."""
        for caller, application, values in (
            ({"require": True, "explicit": True}, "mms.ua", [f"{SERVICE};require;explicit", APPLICATION]),
            ({"require": True}, None, [f"{SERVICE};require"]),
            ({}, None, [SERVICE]),
        ):
            self.begin(caller=caller)
            pushed = self.pushed(b"text" * 1000, application=application)
            self.assertEqual(self.callee.requests("INVITE")[0].headers.all("accept-contact"), values)
            self.answer(480)
            self.ended(pushed, 480)

    def test_a_core_is_told_who_pushes_and_what_for(self) -> None:
        """[R-PSA-200-5] P-Preferred headers where there is an IMS core, and only there."""
        for ims, expected in (
            (True, ["<sip:push@example.com>", "urn:urn-7:3gpp-service.ims.icsi.oma.push"]),
            (False, []),
        ):
            self.begin(caller={"ims": ims})
            pushed = self.pushed(b"text" * 1000)
            headers = self.callee.requests("INVITE")[0].headers
            self.assertEqual([*headers.all("p-preferred-identity"), *headers.all("p-preferred-service")], expected)
            self.answer(480)
            self.ended(pushed, 480)

    def test_a_longer_interval_is_asked_for_once(self) -> None:
        """[R-PSA-EST-6] [D-SIP-10] 422 with Min-SE: the same call, the next number, what is enough."""
        self.begin()
        pushed = self.pushed(b"text" * 1000)
        self.answer(422, ("Min-SE", "3600"))
        first, second = self.callee.requests("INVITE")
        self.assertEqual((second.call_id, second.cseq.number), (first.call_id, 2))
        self.assertEqual(
            (second.headers.get("session-expires"), second.headers.get("min-se")), ("3600;refresher=uac", "3600")
        )
        self.answer(422, ("Min-SE", "7200"))
        self.assertEqual(len(self.callee.requests("INVITE")), 2)
        self.ended(pushed, 422)

    def ended(self, pushed: Deferred[AttemptResult], status: int) -> None:
        """The attempt failed with this status; the refusal was acknowledged, and nothing is left."""
        failure = self.successResultOf(pushed).failure
        assert isinstance(failure, Refused)
        self.assertEqual(failure.status, status)
        ack = self.callee.heard[-1]
        assert isinstance(ack, Request)
        invite = self.callee.requests("INVITE")[-1]
        self.assertEqual((ack.method, ack.via.branch, ack.to.tag), ("ACK", invite.via.branch, "callee"))
        self.assert_nothing_left()


class Unwell(InviteCase):
    """Callees that do not keep to the rules."""

    def test_silence(self) -> None:
        """[R-PSA-CAN-1] No CANCEL for what nobody has heard of: 32 s, and nothing is left."""
        self.begin()
        pushed = self.pushed(b"text" * 1000)
        self.network.settle(33.0)
        self.assertIsInstance(self.successResultOf(pushed).failure, TimedOut)
        self.assertEqual({each.method for each in self.callee.heard if isinstance(each, Request)}, {"INVITE"})
        self.assert_nothing_left()

    def test_200s_that_cannot_be_used(self) -> None:
        """[R-PSA-200-1a] Each is acknowledged, since it is a 200, and ended by BYE; the push fails and says why."""
        for headers, body in (
            ([CONTACT], ""),
            ([CONTACT, KIND], "nonsense"),
            ([CONTACT, KIND], HEAD),
            ([CONTACT, KIND], HEAD + MESSAGE),
            ([CONTACT, KIND], HEAD + MESSAGE + "a=path:nonsense\r\n"),
            ([CONTACT, KIND], HEAD + MESSAGE + PATH + MESSAGE + PATH),
            ([CONTACT, KIND], HEAD + "m=audio 4000 RTP/AVP 0\r\n"),
            ([CONTACT, KIND], HEAD + (MESSAGE + PATH).replace("recvonly", "sendonly")),
        ):
            self.begin()
            pushed = self.pushed(b"text" * 1000)
            self.answer(200, *headers, body=body.encode())
            self.network.settle(1.0)
            methods = [each.method for each in self.callee.heard if isinstance(each, Request)]
            self.assertEqual(methods[:3], ["INVITE", "ACK", "BYE"], body)
            failure = self.successResultOf(pushed).failure
            assert failure is not None, body
            self.assertFalse(failure.retry, body)
            self.assertTrue(failure.reason)
            self.assertEqual([each for each in self.network.streams if each.local[0] == "192.0.2.10"], [])
            self.assert_nothing_left()

    def test_a_200_that_takes_no_file(self) -> None:
        """[A-42] It is no failure of the call: ACK, BYE, and the file is told to be refused."""
        self.begin()
        pushed = self.pushed(b"text" * 1000)
        self.answer(200, CONTACT, KIND, body=(HEAD + MESSAGE.replace("2855", "0") + PATH).encode())
        self.network.settle(1.0)
        methods = [each.method for each in self.callee.heard if isinstance(each, Request)]
        self.assertEqual(methods[:3], ["INVITE", "ACK", "BYE"])
        result = self.successResultOf(pushed)
        self.assertEqual(([file.result for file in result.files], result.failure), ([FileState.REFUSED], None))
        self.assert_nothing_left()
