"""Generic, trusted and selective push: who may push at all, who is believed, and which application it is for."""

from __future__ import annotations

from ipaddress import ip_network

from tests.conversations.foreign import FOREIGN, ForeignCase
from tests.conversations.receiving_case import TO_ALICE, file_offer

HELLO = b"hello world"
ASSERTED = ("P-Asserted-Identity", "<sip:news@trusted.example>")


class Kinds(ForeignCase):
    """[R-INF-1] What the receiver makes of one INVITE."""

    def pushed(self, *headers: tuple[str, str], trusted: bool = False, **accept: object) -> int:
        """Push a file; the status of the answer."""
        self.setUp()
        receiver = self.receiving(trusted=(ip_network(f"{FOREIGN}/32"),) if trusted else (), **accept)
        self.foreigner.path = f"msrp://{FOREIGN}:9/1795344325913;tcp"
        status = self.foreigner.invite(TO_ALICE, file_offer(HELLO), *headers).status
        if status == 200:
            self.foreigner.connect()
            self.foreigner.say(
                "MSRP aa11 SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: m1\nByte-Range: 1-*/11\n"
                "Content-Type: text/plain\n\nhello world\n-------aa11$\n"
            )
            self.assertEqual((self.foreigner.statuses(), receiver.contents()), ([200], [HELLO]))
            self.about = receiver.arrived[0].about
            self.foreigner.hang_up()
        self.assertEqual(len(receiver.arrived), int(status == 200))
        self.assert_nothing_left()
        return status

    def test_generic(self) -> None:
        """[F-22] Without a list anybody may push; what a stranger says of itself is kept as such."""
        self.assertEqual(self.pushed(ASSERTED), 200)
        self.assertEqual((self.about.sender, self.about.asserted), ("sip:push@example.com", False))

    def test_trusted(self) -> None:
        """[F-18] [F-22] The list goes by what a trusted core asserts, and by nothing that a stranger writes."""
        allow = ("sip:*@trusted.example",)
        self.assertEqual(self.pushed(ASSERTED, trusted=True, allow=allow), 200)
        self.assertEqual((self.about.sender, self.about.asserted), ("sip:news@trusted.example", True))
        self.assertEqual(self.pushed(ASSERTED, allow=allow), 403)
        self.assertEqual(self.pushed(trusted=True, allow=allow), 403)

    def test_selective(self) -> None:
        """A feature tag names the application; without one, or with one that nobody can read, it is for all."""
        wanted = ("Accept-Contact", '*;+g.oma.pusheventapp="mms.ua"')
        self.assertEqual(self.pushed(wanted), 200)
        self.assertEqual(self.about.application, "mms.ua")
        for headers in ((), (("Accept-Contact", '*;+g.oma.pusheventapp="'),)):
            self.assertEqual(self.pushed(*headers), 200)
            self.assertIsNone(self.about.application)
