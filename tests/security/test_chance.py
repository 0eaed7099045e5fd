"""What nobody can guess: the random letters of everything by which somebody proves that it was told."""

from __future__ import annotations

from math import log2

from pushsvc.msrp.chunk import ID_LENGTH
from pushsvc.sip.authentication import SECRET
from pushsvc.sip.credentials import CNONCE
from tests.conversations.case import NOTICE, ConversationCase

BITS = log2(62)  # of each letter: tests/net/test_tokens.py


class Chance(ConversationCase):
    """As it is on the wire of a whole call. The words of these tests are counted, and as long as real ones."""

    def assert_bits(self, text: str | None, bits: int) -> None:
        self.assertGreaterEqual(len(text or "") * BITS, bits, text)

    def test_sessions_and_dialogs(self) -> None:
        """[D-MSRP-3] RFC 4975 §14.1: 80 bits for a session id, here 128; RFC 3261 §19.3: 32 for a tag, here 64."""
        self.begin()
        session = self.opened()
        for line in (*session.lines, *self.session_of(self.bob).lines):
            assert line.msrp is not None
            self.assert_bits(line.msrp.own.session_id, 128)
        invite, answer = self.alice_said.requests("INVITE")[0], self.bob_said.responses("INVITE")[-1]
        for text, bits in (
            (invite.from_.tag, 64),
            (answer.to.tag, 64),
            (invite.call_id, 64),
            (invite.via.branch.removeprefix("z9hG4bK"), 64),
        ):
            self.assert_bits(text, bits)
        self.network.run(session.lines[0].send(NOTICE))
        self.network.run(session.close())
        self.assert_nothing_left()

    def test_other_words(self) -> None:
        """Transaction ids and Message-IDs, by which an end-line is told from content; the secret of nonces; cnonces."""
        for length, bits in ((ID_LENGTH, 64), (SECRET, 256), (CNONCE, 64)):
            self.assert_bits("x" * length, bits)
