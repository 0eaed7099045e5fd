"""Session descriptions as a peer may write them, to a whole receiver and to a whole sender [D-SDP-4] [D-SDP-5].

Each is changed on its way; the other side answers as E.12 says, and keeps nothing of what it refuses.
"""

from __future__ import annotations

from collections.abc import Callable

from pushsvc import sdp
from pushsvc.sender.job import AttemptResult, FileState
from pushsvc.sip.message import Response
from tests.conversations.case import rewrite
from tests.conversations.push_case import PushCase

AUDIO = b"m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
IMAGE = b"m=image 5000 udptl t38\r\n"

Change = Callable[[bytes], bytes]


def swapped(*pairs: tuple[bytes, bytes]) -> Change:
    """A change of these octets to those; each has to be there."""

    def change(body: bytes) -> bytes:
        for old, new in pairs:
            assert old in body, (old, body)
            body = body.replace(old, new)
        return body

    return change


def behind(*more: bytes) -> Change:
    """A change that appends lines."""
    return lambda body: body + b"".join(more)


class DescriptionCase(PushCase):
    """One push, and the descriptions that were sent for it."""

    def pushed(self, offer: Change | None = None, answer: Change | None = None, files: int = 1) -> AttemptResult:
        """A push whose offers or answers are changed on their way."""
        self.begin()
        for side, change in ((self.sender, offer), (self.receiver, answer)):
            if change is not None:
                rewrite(side.stack, change)
        respond = self.receiver.stack.agent.respond
        self.answers: list[Response] = []

        def responding(response: Response) -> None:
            if response.cseq.method == "INVITE" and response.status >= 200:
                self.answers.append(response)
            respond(response)

        self.receiver.stack.agent.respond = responding  # type: ignore[method-assign]
        return self.push(self.sender.job(*(b"Gate %d" % number for number in range(files))))

    def assert_refused(self, result: AttemptResult, status: int, warning: str) -> None:
        """In these words, and nothing is left of it on either side."""
        self.assertEqual((result.sip_status, [response.status for response in self.answers]), (status, [status]))
        self.assertIn(warning, self.answers[0].headers.get("warning") or "")
        self.assertEqual(self.receiver.contents(), [])
        self.assert_nothing_left()

    def assert_failed_for_good(self, result: AttemptResult) -> None:
        assert result.failure is not None
        self.assertEqual((result.failure.retry, result.failure.reason[:25]), (False, "the answer cannot be used"))

    def answered(self) -> sdp.Description:
        return sdp.parse(self.answers[0].body)


class Offers(DescriptionCase):
    """What a receiver makes of an offer."""

    def test_what_cannot_be_served_is_refused_with_488_and_why(self) -> None:
        """[D-SDP-4] [R-PRA-INV-1] E.12; 304 for other media, 305 for other types, 399 for all else."""
        for change, warning in (
            (lambda body: body[: body.index(b"m=")] + AUDIO, "304"),
            (lambda body: body[: body.index(b"m=")] + AUDIO + IMAGE, "304"),
            (swapped((b"a=sendonly", b"a=recvonly")), '399 pushsvc "The direction'),
            (swapped((b"a=sendonly", b"a=inactive")), '399 pushsvc "The direction'),
            (
                swapped((b"a=sendonly\r\n", b""), (b"t=0 0\r\n", b"t=0 0\r\na=inactive\r\n")),
                '399 pushsvc "The direction',
            ),
            (swapped((b"TCP/TLS/MSRP", b"TCP/MSRP")), '399 pushsvc "a=path and'),
            (swapped((b"TCP/TLS/MSRP", b"UDP/TLS/MSRP")), '399 pushsvc "Incompatible transport'),
            (swapped((b"a=path:", b"a=pfad:")), '399 pushsvc "No a=path'),
            (swapped((b"a=path:msrps", b"a=path:sip")), '399 pushsvc "a=path cannot'),
            (swapped((b"a=accept-types:", b"a=accepts:")), '305 pushsvc "No a=accept-types'),
            (swapped((b"a=file-transfer-id:", b"a=file-id:")), '399 pushsvc "a=file-selector without'),
            (swapped((b" size:6", b" size:six")), '399 pushsvc "a=file-selector cannot'),
            (swapped((b"a=fingerprint:sha-256 ", b"a=fingerprint:sha-256 0")), '399 pushsvc "a=fingerprint'),
            (behind(b"a=file-range:7-3\r\n"), '399 pushsvc "a=file-range'),
        ):
            self.assert_refused(self.pushed(change), 488, warning)

    def test_ports_that_are_0_offer_nothing(self) -> None:
        """[D-SDP-4] All of them at once: there is nothing to accept."""
        self.assert_refused(self.pushed(swapped((b"m=message 2855", b"m=message 0")), files=2), 488, "")

    def test_a_description_that_cannot_be_read(self) -> None:
        """[D-SDP-4] 400 where it is broken, 488 where it asks for more than a session may have."""
        for change, status in (
            (swapped((b"v=0", b"v=1")), 400),
            (swapped((b"m=message 2855", b"m=message 99999")), 400),
            (swapped((b"o=- ", b"o=")), 400),
            (behind(*[b"m=message 2855 TCP/TLS/MSRP *\r\n"] * sdp.MAX_MEDIA), 488),
        ):
            result = self.pushed(change)
            self.assertEqual(result.sip_status, status)
            self.assertEqual(self.receiver.contents(), [])
            self.assert_nothing_left()

    def test_other_media_beside_a_file_get_port_0_and_keep_their_words(self) -> None:
        """[D-SDP-4] [R-PRA-INV-6] Transport and formats as they were offered (RFC 3264 §6)."""
        result = self.pushed(behind(AUDIO, IMAGE))
        self.assertEqual(
            [section.value("m") for section in self.answered().sections],
            ["message 2855 TCP/TLS/MSRP *", "audio 0 RTP/AVP 0 8", "image 0 udptl t38"],
        )
        self.assertIsNone(self.answered().sections[1].attribute("rtpmap"))
        self.assert_failed_for_good(result)  # our sender has not asked for audio
        self.assert_nothing_left()

    def test_what_nobody_knows_is_passed_over(self) -> None:
        """[D-SDP-5] [A-36] Attributes, selectors, hashes; a direction of the session holds for its lines."""
        for change in (
            behind(b"a=x-rabbit:white\r\na=connection:new\r\na=curr:qos local none\r\n", b"b=AS:128\r\n"),
            swapped((b"t=0 0\r\n", b"b=CT:1000\r\nt=0 0\r\na=x-y\r\na=fingerprint:sha3-256 AA:BB\r\n")),
            swapped((b"a=file-selector:", b'a=file-selector:colour:red shape:"a b" ')),
            swapped((b" hash:sha-1:", b" hash:sha-256:AA:BB hash:sha-1:")),
            swapped((b"a=sendonly\r\n", b""), (b"t=0 0\r\n", b"t=0 0\r\na=sendonly\r\n")),
            swapped((b"a=sendonly", b"a=sendrecv")),
        ):
            result = self.pushed(change)
            self.assertEqual([file.result for file in result.files], [FileState.DELIVERED])
            self.assertEqual(self.receiver.contents(), [b"Gate 0"])
            self.assertIn(b"\r\na=recvonly\r\n", self.answers[0].body)
            self.assert_nothing_left()


class Answers(DescriptionCase):
    """What a sender makes of an answer."""

    def test_what_nobody_knows_is_passed_over(self) -> None:
        """[D-SDP-5] [A-36] The same on this side."""
        for change in (
            behind(b"a=x-rabbit:white\r\na=connection:existing\r\n"),
            swapped((b"a=file-selector:", b"a=file-selector:colour:red ")),
            swapped((b"a=recvonly\r\n", b""), (b"t=0 0\r\n", b"t=0 0\r\na=recvonly\r\n")),
            swapped((b"a=recvonly\r\n", b"")),
            swapped((b"a=recvonly", b"a=sendrecv")),
        ):
            result = self.pushed(answer=change)
            self.assertEqual([file.result for file in result.files], [FileState.DELIVERED])
            self.assert_nothing_left()

    def test_what_cannot_be_sent_by_ends_the_call(self) -> None:
        """[D-SDP-4] [D-SDP-1] ACK and BYE, for good: the same answer would come again."""
        for change in (
            swapped((b"a=recvonly", b"a=sendonly")),
            swapped((b"a=recvonly", b"a=inactive")),
            swapped((b"a=path:", b"a=pfad:")),
            swapped((b"TCP/TLS/MSRP", b"TCP/MSRP")),
            behind(AUDIO),
            lambda body: body[: body.index(b"m=")],
        ):
            result = self.pushed(answer=change)
            self.assert_failed_for_good(result)
            self.assertEqual(self.receiver.contents(), [])
            self.assert_nothing_left()
