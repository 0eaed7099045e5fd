"""Rests and first parts that do not fit each other, or what the receiver takes."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.defer import Deferred

from pushsvc import sdp
from pushsvc.config.receiver import Action, Rule
from pushsvc.errors import Refused
from pushsvc.sessions import Session
from tests.agents import Octets
from tests.conversations.resume_case import CHUNK, CONTENT, ResumeCase


class Ranges(ResumeCase):
    """Offers of rests on the wire, good and absurd; the receiver has kept a third of the file."""

    def begin_with_a_third(self) -> None:
        self.begin_keeping()
        self.kept = self.gone().files[0].resume_at

    def dialing(self, *files: sdp.FileOffer) -> Deferred[Session]:
        call = self.sender.stack.call("sip:alice@192.0.2.20", Octets(CONTENT))
        return self.sender.stack.sessions.dial(attrs.evolve(call, files=files))

    def dial(self, *files: sdp.FileOffer) -> Session:
        session = self.network.run(self.dialing(*files))
        assert isinstance(session, Session)
        return session

    def failed(self, deferred: Deferred[Any]) -> Refused:
        with self.assertRaises(Refused) as caught:
            self.network.run(deferred)
        return caught.exception

    def file(self, first: int, last: int | None = None, **facts: Any) -> sdp.FileOffer:
        """The content's rest, as a media line offers it."""
        content = self.job.contents[0]
        tokens = self.sender.stack.tokens
        offer = sdp.FileOffer(content.name, content.type, content.size, content.sha1, tokens.word(32), ())
        return attrs.evolve(offer, file_range=sdp.FileRange(first, last), **facts)

    def answer(self) -> sdp.MediaOffer:
        return sdp.media(sdp.parse(self.receiver_said.responses("INVITE")[-1].body))[0]

    def assert_refused(self, file: sdp.FileOffer) -> None:
        self.assertEqual(self.failed(self.dialing(file)).status, 488, file.file_range)

    def test_what_is_not_there_is_refused(self) -> None:
        """488 with the reason, and what is kept stays kept."""
        self.begin_with_a_third()
        before = self.tmp()
        size = len(CONTENT)
        for first in (self.kept * 2, size, size + 1):
            self.assert_refused(self.file(first))
        for first, last in ((0, 5), (3, 2), (CHUNK, size - 1), (CHUNK, size + 1)):
            self.assert_refused(self.file(first, last))
        warning = self.receiver_said.responses("INVITE")[-1].headers.get("warning")
        self.assertEqual(warning, '399 pushsvc "The first part of the file is not kept"')
        self.assertEqual(self.tmp(), before)

    def test_another_hash_size_or_name_is_another_file(self) -> None:
        self.begin_with_a_third()
        for facts in ({"sha1": bytes(20)}, {"size": len(CONTENT) + 1}, {"name": "other.txt"}):
            self.assert_refused(self.file(CHUNK + 1, **facts))  # type: ignore[arg-type]

    def test_fewer_octets_than_are_kept_and_an_open_end(self) -> None:
        """[R-PRA-INV-4b] The range is repeated as it was offered; what comes again replaces what was kept."""
        self.begin_with_a_third()
        session = self.dial(self.file(CHUNK + 1))
        self.assertEqual(str(self.answer().file_range), f"{CHUNK + 1}-*")
        self.assertTrue(session.lines[0].takes_range)
        self.network.run(session.lines[0].send(Octets(CONTENT[CHUNK:])))
        self.network.run(session.close())
        self.assertEqual(self.receiver.contents(), [CONTENT])
        self.assert_nothing_left()

    def test_a_range_of_the_whole_file(self) -> None:
        """E.2: taken without anything kept, and repeated."""
        self.begin_with_a_third()
        session = self.dial(self.file(1, len(CONTENT)))
        self.assertEqual(str(self.answer().file_range), f"1-{len(CONTENT)}")
        self.network.run(session.lines[0].send(Octets(CONTENT)))
        self.network.run(session.close())
        self.assertEqual(self.receiver.contents(), [CONTENT])

    def test_beside_a_file_that_is_taken_port_0(self) -> None:
        self.begin_with_a_third()
        other = sdp.FileOffer("other.txt", "text/plain", 5, bytes(20), "other", ())
        session = self.dial(self.file(self.kept * 2), other)
        self.assertEqual([line.is_open for line in session.lines], [False, True])
        self.assertIsNone(self.answer().file_range)
        self.network.run(session.close())

    def test_the_same_rest_twice_is_joined_once(self) -> None:
        self.begin_with_a_third()
        session = self.dial(self.file(CHUNK + 1), self.file(CHUNK + 1))
        self.assertEqual([line.is_open for line in session.lines], [True, False])
        self.assert_refused(self.file(CHUNK + 1))
        self.network.run(session.close())
        self.network.settle(1.0)
        self.assertEqual(len(self.tmp()), 2)

    def test_byte_ranges_that_go_on_at_the_files_offset_are_too_large(self) -> None:
        """E.16: a range in MSRP counts from 1 again. 413, and the first part is gone with what came."""
        self.begin_with_a_third()
        session = self.dial(self.file(CHUNK + 1))
        refused = self.failed(session.lines[0].send(Octets(CONTENT)))
        self.assertEqual((refused.status, refused.protocol), (413, "msrp"))
        self.network.run(session.close())
        self.assertEqual(self.receiver.contents(), [])
        self.network.settle(1.0)

    def test_whoever_is_asked_may_think_until_the_first_part_is_gone(self) -> None:
        """488, when it is decided."""
        self.begin_keeping(Rule(action=Action.ASK, timeout=100.0), keep_for=60.0)
        self.job = self.sender.job(CONTENT)
        delivering = self.sender.deliver(self.job)
        self.answer_the_question()
        self.until(self.acknowledged(len(CONTENT) // 3))
        (session,) = self.receiver.stack.sessions._sessions.values()
        session.close("no room")
        result = self.network.run(delivering)
        dialing = self.dialing(self.file(result.files[0].resume_at + 1))
        self.network.settle(70.0)
        self.answer_the_question()
        self.assertEqual(self.failed(dialing).status, 488)

    def answer_the_question(self) -> None:
        self.until(self.receiver.decisions.pending)
        (pending,) = self.receiver.decisions.pending()
        self.receiver.decisions.answer(pending.id, True)
