"""The SIP messages of the specification, octet by octet."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sip.codec import StreamParser, encode, parse
from pushsvc.sip.message import Message

WIRE = Path(__file__).parent.parent / "wire"


def is_sip(octets: bytes) -> bool:
    """MSRP begins its lines with its own name, and session descriptions with `v=`."""
    line = octets.partition(b"\r\n")[0]
    return line.startswith(b"SIP/2.0 ") or line.endswith(b" SIP/2.0")


SAMPLES = {path: octets for path in sorted(WIRE.glob("*/*.bin")) if is_sip(octets := path.read_bytes())}


class WireTests(SynchronousTestCase):
    def test_there_are_samples(self) -> None:
        self.assertGreater(len(SAMPLES), 50)

    def test_every_message_comes_out_as_it_went_in(self) -> None:
        """[D-SIP-4] What we forward, log or compare is what was sent."""
        for path, octets in SAMPLES.items():
            message = parse(octets)
            assert message is not None
            self.assertEqual(encode(message), octets, path)

    def test_every_message_is_the_same_over_a_stream(self) -> None:
        """[D-SIP-3] In one piece, in two, and with the next one behind it."""
        for path, octets in SAMPLES.items():
            message = parse(octets)
            self.assertEqual(StreamParser().feed(octets + octets), [message, message], path)
            for cut in range(0, len(octets), 7):
                parser = StreamParser()
                self.assertEqual(parser.feed(octets[:cut]) + parser.feed(octets[cut:]), [message], (path, cut))

    def test_core_headers_are_typed_without_loss(self) -> None:
        """[D-SIP-4] The parsed values write the same text that they were read from."""
        for path, octets in SAMPLES.items():
            message = parse(octets)
            assert isinstance(message, Message)
            for name, value in (
                ("Via", message.via),
                ("From", message.from_),
                ("To", message.to),
                ("CSeq", message.cseq),
                ("Contact", message.contact),
            ):
                if value is not None:
                    self.assertEqual(str(value), message.headers.get(name), path)
