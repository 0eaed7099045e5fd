"""How connections of other stacks end over TLS: without close_notify, by an alert, or in no way at all (PEERS 33)."""

from __future__ import annotations

from typing import Any

from pushsvc.errors import Unreachable
from pushsvc.msrp.chunk import Flag, Send
from pushsvc.net.msrp_sending import Transfer
from pushsvc.net.tls import Tls, fingerprint
from pushsvc.sdp import Fingerprint
from tests.conversations.foreign import FOREIGN, Foreigner, Frame
from tests.conversations.sending_case import LARGE, SendingCase
from tests.identities import identity_of

ALERT = bytes.fromhex("15030300020250")  # a record: alert, fatal, internal_error; nobody has to be able to decrypt it


class Endings(SendingCase):
    """[D-TLS-1] A receiver over TLS, as rcsjta and msrplib are, that ends in the middle or after the end."""

    def begin(self, **facts: Any) -> None:  # type: ignore[override]
        identity = identity_of("foreigner")
        self.foreigner.stop()
        self.foreigner = Foreigner(self.network, tls=Tls(identity))
        self.print = Fingerprint("sha-256", fingerprint(identity.der))
        super().begin(secure=True, **facts)

    def answer(self, offer: str) -> str:
        answer = super().answer(offer).replace("TCP/MSRP", "TCP/TLS/MSRP")
        return answer + f"a=fingerprint:SHA-256 {str(self.print).partition(' ')[2]}\n"

    def end_by(self, way: str) -> None:
        """The wire under the TLS of the peer: `cut`, `fin` without close_notify, or an `alert`."""
        assert self.foreigner.wire is not None
        below = self.foreigner.wire.transport.transport  # type: ignore[attr-defined]
        match way:
            case "cut":
                below.abortConnection()
            case "fin":
                below.loseConnection()
            case "alert":
                below.write(ALERT)
                below.loseConnection()

    def test_after_the_last_reply(self) -> None:
        """Delivered: octets and replies count, not manners."""
        for way in ("fin", "alert"):
            with self.subTest(way):
                self.setUp()
                self.begin()

                def react(frame: Frame, way: str = way) -> bytes:
                    if isinstance(frame.head, Send) and self.foreigner.wire is not None:
                        self.foreigner.wire.transport.write(self.reply(frame.head.transaction_id, "200 OK"))
                        if frame.flag is Flag.COMPLETE:
                            self.network.clock.callLater(0.1, self.end_by, way)
                    return b""

                self.foreigner.react = react
                self.assert_delivered(self.pushed(LARGE), LARGE)

    def test_in_the_middle(self) -> None:
        """E.10 rule 9: failed, and worth another try, which the peer gets."""
        for way in ("cut", "fin", "alert"):
            with self.subTest(way):
                self.setUp()
                self.begin(transfer=Transfer(chunk=2048, window=2048))
                self.foreigner.react = lambda frame, way=way: self.end_by(way) or b""  # type: ignore[misc,func-returns-value]
                failure = self.pushed(LARGE).failure
                assert isinstance(failure, Unreachable)
                self.assertTrue(failure.retry)
                self.network.settle(1.0)
                self.assertEqual(self.flushLoggedErrors(), [])
                self.foreigner.frames.clear()
                self.foreigner.react = self.replying("200")
                self.assert_delivered(self.pushed(LARGE), LARGE)

    def test_a_receiver_without_close_notify_after_our_bye(self) -> None:
        """msrp-java does not notice that the other side closed: our timers end what it leaves open."""
        self.begin()
        self.assertEqual(self.foreigner.path, f"msrps://{FOREIGN}:2855/s3ss10n;tcp")
        self.assert_delivered(self.pushed())
