"""The header lists, compared with the recorded flows."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.push import (
    PUSH_ID,
    RECEIVER_ALLOW,
    SENDER_ALLOW,
    Targeting,
    answer_headers,
    content_headers,
    fits_message,
    invite_headers,
    message_headers,
)
from pushsvc.sip.uri import SipUri

WIRE = Path(__file__).parents[1] / "wire"
FLOW_ALLOW = ["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE", "MESSAGE", "SUBSCRIBE", "NOTIFY"]
ICSI = "urn:urn-7:3gpp-service.ims.icsi.oma.push"

SENDER = SipUri.parse("sip:push-sender@example.com")
SENDER_CONTACT = SipUri.parse("sip:push-sender@sender.example.com:5060;transport=tcp")
DEVICE = SipUri.parse("sip:device1@receiver.example.com")
DEVICE_CONTACT = SipUri.parse("sip:device1@receiver.example.com:5060;transport=tcp")
TARGETING = Targeting(ICSI, ("wml.ua",), require=True, explicit=True)

OWNED_BELOW = ("Via", "Max-Forwards", "Call-ID", "CSeq", "Content-Length")


def recorded(name: str) -> list[tuple[str, str]]:
    """The headers of a recorded message that are the push's own, without tags."""
    head = (WIRE / name).read_text().partition("\n\n")[0]
    fields = [line.split(": ", 1) for line in head.splitlines()[1:]]
    return [(name, value.partition(";tag=")[0]) for name, value in fields if name not in OWNED_BELOW]


class Invite(SynchronousTestCase):
    """What the core and the receiver see of a push before its content."""

    def test_the_headers_are_those_of_flow_1(self) -> None:
        """[R-PSA-EST-1, R-PSA-EST-2, R-PSA-EST-3, R-PSA-EST-4, R-PSA-EST-5, R-PSA-EST-6] In the same order."""
        self.assertEqual(
            invite_headers(
                identity=SENDER,
                display_name="Push Sender",
                target=DEVICE,
                contact_uri=SENDER_CONTACT,
                targeting=TARGETING,
                session_expires=1800,
                min_se=90,
                allow=FLOW_ALLOW,
            ),
            recorded("flow1/01-sip-INVITE-offer-sendonly.bin"),
        )

    def test_what_is_not_configured_is_not_sent(self) -> None:
        """No service, no timer, no IMS: a plain SIP INVITE."""
        self.assertEqual(
            invite_headers(identity=SENDER, target=DEVICE, contact_uri=SENDER_CONTACT, targeting=Targeting()),
            [
                ("From", f"<{SENDER}>"),
                ("To", f"<{DEVICE}>"),
                ("Contact", f"<{SENDER_CONTACT}>"),
                ("Allow", ", ".join(SENDER_ALLOW)),
                ("Supported", "timer"),
                ("Content-Type", "application/sdp"),
            ],
        )

    def test_an_ims_core_is_told_who_and_what(self) -> None:
        """[R-PSA-200-5] The service as a plain URN here, encoded only in tags."""
        fields = invite_headers(
            identity=SENDER, target=DEVICE, contact_uri=SENDER_CONTACT, targeting=TARGETING, ims=True
        )
        self.assertIn(("P-Preferred-Identity", f"<{SENDER}>"), fields)
        self.assertIn(("P-Preferred-Service", ICSI), fields)
        fields = invite_headers(
            identity=SENDER, target=DEVICE, contact_uri=SENDER_CONTACT, targeting=Targeting(), ims=True
        )
        self.assertNotIn("P-Preferred-Service", dict(fields))


class Answer(SynchronousTestCase):
    """What the sender sees of the receiver."""

    def test_the_headers_are_those_of_flow_1(self) -> None:
        """[R-PRA-INV-5, R-PRA-INV-5m, R-PRA-INV-6, R-PRA-INV-9] The service is named, in the seed's way and 3GPP's."""
        expected = recorded("flow1/02-sip-200-OK-answer-recvonly.bin")[2:]
        timer = [("Require", "timer"), ("Session-Expires", "1800;refresher=uac")]
        targeting = Targeting(ICSI, (), require=True, explicit=True)
        self.assertEqual(
            answer_headers(contact_uri=DEVICE_CONTACT, targeting=targeting, timer=timer, allow=FLOW_ALLOW), expected
        )

    def test_accept_contact_can_be_left_out(self) -> None:
        """[R-PRA-INV-5] A-05: no other document puts it into a response."""
        fields = answer_headers(
            contact_uri=DEVICE_CONTACT,
            targeting=Targeting(ICSI, ("mms.ua",)),
            accept_contact_in_response=False,
        )
        self.assertEqual([name for name, _ in fields], ["Contact", "Allow", "Supported", "Content-Type"])
        self.assertTrue(fields[0][1].endswith(';+g.oma.pusheventapp="mms.ua"'))
        self.assertEqual(fields[1][1], ", ".join(RECEIVER_ALLOW))


class Message(SynchronousTestCase):
    """A push that is small enough to be one request."""

    def test_the_headers_say_what_it_is_and_whose(self) -> None:
        """As in flow 12; the push's id lets a receiver store it once."""
        self.assertEqual(
            message_headers(
                identity=SENDER,
                display_name="Push Sender",
                target=DEVICE,
                targeting=Targeting("", ("wml.ua",), require=True, explicit=True),
                push_id="psh_1",
                content_type="text/vnd.wap.si",
                now=1772357400.0,
                expires_in=3600,
                content=content_headers("attachment", "n.txt"),
                subject="Gate\r\n3",
            ),
            [
                ("From", f'"Push Sender" <{SENDER}>'),
                ("To", f"<{DEVICE}>"),
                ("Accept-Contact", '*;+g.oma.pusheventapp="wml.ua";require;explicit'),
                ("Date", "Sun, 01 Mar 2026 09:30:00 GMT"),
                ("Expires", "3600"),
                ("Subject", "Gate 3"),
                (PUSH_ID, "psh_1"),
                ("Content-Disposition", 'attachment; filename="n.txt"'),
                ("Content-Type", "text/vnd.wap.si"),
            ],
        )

    def test_it_has_neither_contact_nor_empty_headers(self) -> None:
        """[R-INF-3] A MESSAGE makes no dialog."""
        fields = message_headers(
            identity=SENDER,
            target=DEVICE,
            targeting=Targeting(ICSI),
            push_id="psh_1",
            content_type="text/plain",
            now=0.0,
            ims=True,
        )
        self.assertEqual(
            [name for name, _ in fields],
            [
                "From",
                "To",
                "Accept-Contact",
                "P-Preferred-Identity",
                "P-Preferred-Service",
                "Date",
                PUSH_ID,
                "Content-Type",
            ],
        )

    def test_the_whole_request_counts(self) -> None:
        """[R-GEN-1] 1300 octets with all headers, not one more (A-01)."""
        self.assertTrue(fits_message(1300))
        self.assertFalse(fits_message(1301))
