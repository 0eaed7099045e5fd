"""Transfers that are damaged on their way, in whole calls over a simulated network: a thousand, and none is published.

Goal G12 of docs/security.md.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from pushsvc import sdp
from tests.conversations.offer_case import HEAD, line
from tests.conversations.stranger import Caller
from tests.conversations.test_bad_content import OWN, ContentCase, selector

EACH = 200  # of each of the five kinds of damage
SIZE = 400  # octets; a chunk has at most `PIECE`
PIECE = 90

Chunk = tuple[str, bytes, str]
"""Byte-Range, octets, and the flag that ends it."""

Damage = Callable[[Random, bytes], tuple[bytes, list[Chunk]]]
"""What is announced and what is sent, for a content."""


class OneOfMany(Caller):
    """Calls again and again, each time with another Call-ID."""

    number = 1  # which is also that of its file-transfer-id

    def request(self, method: str, *lines: str, **more: Any) -> bytes:
        return super().request(method, f"Call-ID: call-{self.number}", *lines, **more)


def chunks(content: bytes, total: int | str, *, last: str = "$") -> list[Chunk]:
    """The content as a sender cuts it."""
    starts = range(0, len(content), PIECE)
    return [
        (f"{start + 1}-{min(start + PIECE, len(content))}/{total}", content[start : start + PIECE], flag)
        for start in starts
        for flag in ("+" if start + PIECE < len(content) else last)
    ]


class Corrupted(ContentCase):
    """[D-MSRP-1] [D-MSRP-4] What is published is what was announced, or there is nothing."""

    caller: OneOfMany

    def transfer(self, announced: bytes, sent: list[Chunk], *, cut: bool) -> list[int | None]:
        """A call, what is sent in it, and its end; the statuses of the chunks' replies."""
        self.caller.number += 1
        body = HEAD + line(selector=selector(announced), path=OWN, number=self.caller.number).replace(
            "TCP/TLS/MSRP", "TCP/MSRP"
        )
        answer = self.caller.call(body=body)
        self.assertEqual(answer.status, 200)
        (view,) = sdp.media(sdp.parse(answer.body))
        self.path, self.wire = view.path[0].text, self.connected()
        statuses: list[int | None] = []
        for byte_range, octets, flag in sent:
            if self.wire.wire.lost is not None or (statuses and statuses[-1] != 200):
                break
            statuses.append(self.send(f"Byte-Range: {byte_range}", body=octets, flag=flag))
        if cut:
            self.wire.wire.transport.loseConnection()
        self.caller.hang_up()
        self.wire.wire.transport.loseConnection()
        self.network.settle(0.1)
        return statuses

    def none_is_published(self, damage: Damage, *, cut: bool = False) -> None:
        """One transfer that is not damaged shows the difference."""
        self.begin()
        self.caller.hang_up()
        self.caller = OneOfMany(self.network, port=5070)
        whole = Random(0).randbytes(SIZE)
        self.assertEqual(self.transfer(whole, chunks(whole, SIZE), cut=False), [200] * 5)
        self.assertEqual(self.receiver.contents(), [whole])
        for seed in range(EACH):
            chance = Random(seed)
            announced, sent = damage(chance, chance.randbytes(SIZE))
            statuses = self.transfer(announced, sent, cut=cut)
            self.assertTrue(cut or statuses[-1] != 200, (seed, statuses))
        self.assertEqual(self.receiver.contents(), [whole])
        self.assertEqual(list((Path(self.receiver.inbox.directory) / "tmp").iterdir()), [])
        self.assert_nothing_left()

    def test_a_flipped_bit(self) -> None:
        """G12: 200 of 1,000."""

        def damage(chance: Random, content: bytes) -> tuple[bytes, list[Chunk]]:
            sent = bytearray(content)
            sent[chance.randrange(SIZE)] ^= 1 << chance.randrange(8)
            return content, chunks(bytes(sent), SIZE)

        self.none_is_published(damage)

    def test_a_wrong_total(self) -> None:
        """G12: 200 of 1,000. Larger or smaller than announced, from the beginning or from some chunk on."""

        def damage(chance: Random, content: bytes) -> tuple[bytes, list[Chunk]]:
            total = chance.choice([chance.randrange(PIECE * 4), SIZE + chance.randint(1, 1 << 40)])
            right, wrong = chunks(content, SIZE), chunks(content, total)
            first = chance.randrange(len(wrong))
            return content, right[:first] + wrong[first:]

        self.none_is_published(damage)

    def test_an_overlap(self) -> None:
        """G12: 200 of 1,000. Other octets for what was sent already."""

        def damage(chance: Random, content: bytes) -> tuple[bytes, list[Chunk]]:
            start = chance.randrange(SIZE - PIECE)
            other = bytes(octet ^ chance.randint(1, 255) for octet in content[start : start + PIECE])
            *before, last = chunks(content, SIZE)
            # Of the last chunk nothing is changed by it, so that the damage is what counts.
            end = min(start + PIECE, SIZE - len(last[1]))
            return content, [*before, (f"{start + 1}-{end}/{SIZE}", other[: end - start], "+"), last]

        self.none_is_published(damage)

    def test_a_truncated_one(self) -> None:
        """G12: 200 of 1,000. The end is missing, and so is the connection, or a part in the middle with its chunk."""

        def damage(chance: Random, content: bytes) -> tuple[bytes, list[Chunk]]:
            sent = chunks(content[: chance.randrange(1, SIZE)], SIZE, last=chance.choice("$+#"))
            return content, sent

        self.none_is_published(damage, cut=True)

    def test_a_wrong_hash(self) -> None:
        """G12: 200 of 1,000. All is well but that another file was announced, of the same size."""

        def damage(chance: Random, content: bytes) -> tuple[bytes, list[Chunk]]:
            return chance.randbytes(SIZE), chunks(content, SIZE)

        self.none_is_published(damage)
