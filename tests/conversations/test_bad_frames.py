"""MSRP that is wrong: the code of requirements E.8, one line in the log, and no trace left [D-MSRP-1] [D-MSRP-3].

Each of these is the negative twin of something in test_peer_quirks.
"""

from __future__ import annotations

from tests.conversations.foreign import FOREIGN
from tests.conversations.receiving_case import AOSP, ReceivingCase, file_offer

HELLO = b"hello world"
PEER = f"tcp:{FOREIGN}:40001"

HEAD = "MSRP {id} SEND\nTo-Path: {you}\nFrom-Path: {us}\n"


class BadCase(ReceivingCase):
    """A file of eleven octets was agreed, and is not what comes."""

    def begin(self, offer: str = "", **accept: object) -> None:
        self.called(offer or file_offer(HELLO), **accept)

    def chunk(
        self,
        transaction_id: str,
        octets: bytes = HELLO,
        flag: str = "$",
        message_id: str = "m1",
        written: str = "1-*/*",
        type: str = "text/plain",
        more: str = "",
    ) -> None:
        head = HEAD.replace("{id}", transaction_id) + f"Message-ID: {message_id}\nByte-Range: {written}\n{more}"
        self.send(head + f"Content-Type: {type}\n\n{{body}}\n-------{transaction_id}{flag}\n", octets)

    def assert_refused(self, *statuses: int, why: str | None = None) -> None:
        """These were the replies, this the one line beside the wire's, and nothing is in the inbox or left anywhere."""
        self.assertEqual(self.foreigner.statuses(), list(statuses))
        self.assertEqual(self.logged(), [why] if why is not None else [])
        self.assertEqual(self.receiver.contents(), [])
        self.foreigner.hang_up()
        self.assert_nothing_left()


class Paths(BadCase):
    """[D-MSRP-3] Whose session it is."""

    def test_a_to_path_that_is_not_ours(self) -> None:
        """481, for each."""
        self.begin()
        ours, us = self.foreigner.theirs, self.foreigner.path
        for number, (to, from_) in enumerate(
            (
                (ours.replace("2856/", "2856/x"), us),
                (ours.replace("2856", "2857"), us),
                (f"{ours} {us}", us),
                (ours, us.replace("1795344325913", "stranger")),
            )
        ):
            text = f"MSRP aaaa{number} SEND\nTo-Path: {to}\nFrom-Path: {from_}\nContent-Type: a/b\n\nx\n"
            self.send(f"{text}-------aaaa{number}$\n")
        self.assert_refused(481, 481, 481, 481)

    def test_a_session_that_another_connection_carries(self) -> None:
        """506 over the second; the first goes on."""
        self.begin()
        self.chunk("aa01", b"hello", "+", written="1-*/11")
        first = self.foreigner.wire
        self.foreigner.connect()
        self.chunk("aa02", b" world", "$", written="6-*/11")
        self.assertEqual(self.foreigner.statuses(), [200, 506])
        self.foreigner.wire = first
        self.chunk("aa03", b" world", "$", written="6-*/11")
        self.assertEqual(self.receiver.contents(), [HELLO])
        self.foreigner.hang_up()
        self.assert_nothing_left()

    def test_a_session_that_is_over(self) -> None:
        """481 for whoever goes on after its own BYE."""
        self.begin()
        self.chunk("aa01", b"hello", "+", written="1-*/11")
        self.foreigner.hang_up()
        self.chunk("aa02", b" world", "$", written="6-*/11")
        self.assertEqual((self.foreigner.statuses(), self.receiver.contents()), ([200, 481], []))
        self.assert_nothing_left()


class Contents(BadCase):
    """[D-MSRP-3] [D-MSRP-4] [D-MSRP-5] What was not agreed."""

    def test_another_type(self) -> None:
        """415, before its first octet is kept."""
        self.begin()
        self.chunk("aa01", type="image/png")
        self.chunk("aa02", type="image/png")
        self.assert_refused(415, 415, why="content declined: type not acceptable")

    def test_a_type_that_changes_from_chunk_to_chunk(self) -> None:
        """400 (E.9 rule 7)."""
        self.begin()
        self.chunk("aa01", b"hello", "+", written="1-*/11")
        self.chunk("aa02", b" world", written="6-*/11", type="text/html")
        self.assert_refused(200, 400, why="content declined: Content-Type changed")

    def test_another_hash(self) -> None:
        """[D-MSRP-4] 400: what does not have the announced hash is not the file."""
        self.begin()
        self.chunk("aa01", b"hellO world")
        self.assert_refused(400, why="content declined: Hash mismatch")

    def test_another_size(self) -> None:
        """[D-MSRP-4] Fewer octets than announced, and it says that this is all: 400."""
        self.begin()
        self.chunk("aa01", b"hello")
        self.assert_refused(400, why="content declined: Size mismatch")

    def test_more_octets_than_announced(self) -> None:
        """413 at the octet too many."""
        self.begin()
        self.chunk("aa01", b"hello world!")
        self.assert_refused(413, why="content declined: larger than agreed")

    def test_absurd_ranges(self) -> None:
        """[D-MSRP-5] Start 0, a start or a total beyond what was agreed: nothing is allocated for them."""
        for written, status, why in (
            ("0-5/11", 400, "range starts before the first octet"),
            ("13-13/*", 413, "larger than agreed"),
            ("1-*/999999999999999999", 413, "larger than agreed"),
            ("999999999999999999-*/*", 413, "larger than agreed"),
            ("12-*/11", 413, "larger than agreed"),
        ):
            with self.subTest(written):
                self.setUp()
                self.begin()
                self.chunk("aa01", b"x" if written == "12-*/11" else HELLO, written=written)
                self.assert_refused(status, why=f"content declined: {why}")

    def test_a_total_that_changes(self) -> None:
        """400: one of the two is wrong."""
        self.begin()
        self.chunk("aa01", b"hello", "+", written="1-*/11")
        self.chunk("aa02", b" worl", written="6-*/10")
        self.assert_refused(200, 400, why="content declined: total size changed")

    def test_a_second_content_beside_a_file(self) -> None:
        """[R-FLOW-N] 403 (E.9 rule 5): beside a file selector there is that file only, which is not disturbed."""
        self.begin()
        self.chunk("aa01", b"hello", "+", written="1-*/11")
        self.chunk("aa02", b"second", message_id="m2")
        self.chunk("aa03", b" world", written="6-*/11")
        self.chunk("aa04", b"third", message_id="m3")
        self.assertEqual(self.foreigner.statuses(), [200, 403, 200, 403])
        self.assertEqual(self.logged(), ["content declined: one content per session"] * 2)
        self.assertEqual(self.receiver.contents(), [HELLO])
        self.foreigner.hang_up()
        self.assert_nothing_left()

    def test_a_name_that_leads_elsewhere(self) -> None:
        """[D-MSRP-5] The name is shown without its path; no file is written by it."""
        self.begin(AOSP)
        self.chunk("aa01", type="text/plain", more='Content-Disposition: attachment; filename="../../etc/passwd"\n')
        (entry,) = self.receiver.arrived
        self.assertNotIn("/", entry.file)
        self.assertNotIn("/", entry.about.name)
        self.assertEqual(self.receiver.contents(), [HELLO])
        self.foreigner.hang_up()
        self.assert_nothing_left()

    def test_too_many_contents_at_once(self) -> None:
        """[D-MSRP-5] SECURITY part 5: 16 open ones on a session; the next hears 413, those before it end with it."""
        self.begin(AOSP)
        for number in range(17):
            self.chunk(f"aa{number:02}", b"begun", "+", f"m{number}")
        self.assert_refused(*[200] * 16, 413, why="content declined: too many contents at once")


class Silence(BadCase):
    """[D-MSRP-3] E.8: what a sender that wants no replies, or only bad ones, is told of the same."""

    def test_no(self) -> None:
        """Nothing: not of success, nor of 481, 415 or 400."""
        self.begin(AOSP, types=("text/*",))
        more = "Failure-Report: no\n"
        self.chunk("aa01", b"one", message_id="m1", more=more)
        self.chunk("aa02", b"two", message_id="m2", more=more, type="image/png")
        self.chunk("aa03", b"three", message_id="m3", more=more, written="0-5/5")
        ours = self.foreigner.theirs
        self.foreigner.theirs = ours.replace("2856/", "2856/x")
        self.chunk("aa04", b"four", message_id="m4", more=more)
        self.assertEqual((self.foreigner.frames, self.receiver.contents()), ([], [b"one"]))
        self.assertEqual(len(self.logged()), 2)
        self.foreigner.hang_up()
        self.assert_nothing_left()

    def test_no_and_too_much(self) -> None:
        """[R-PRA-REL-3] Flow 10: no 413 may be sent, so the receiver goes straight to the re-INVITE with port 0."""
        self.begin()
        self.foreigner.describe = lambda offer: file_offer(HELLO).replace("m=message 9", "m=message 0")
        self.chunk("aa01", b"hello", "+", written="1-*/*", more="Failure-Report: no\n")
        self.chunk("aa02", b" world and more", "+", written="6-*/*", more="Failure-Report: no\n")
        self.assertEqual(self.foreigner.frames, [])
        (again,) = self.foreigner.requests("INVITE")
        self.assertIn("m=message 0 TCP/MSRP *", again.body.decode())
        self.assert_refused(why="content declined: larger than agreed")

    def test_partial(self) -> None:
        """Only what went wrong."""
        self.begin(AOSP, types=("text/*",))
        more = "Failure-Report: partial\n"
        self.chunk("aa01", b"one", message_id="m1", more=more)
        self.chunk("aa02", b"two", message_id="m2", more=more, type="image/png")
        self.assertEqual((self.foreigner.statuses(), self.receiver.contents()), ([415], [b"one"]))
        self.foreigner.hang_up()
        self.assert_nothing_left()


class Unintelligible(BadCase):
    """[D-MSRP-1] E.8: 400 where it can be said, and the end of the connection: what follows may be anything."""

    def gone(self, text: str, *statuses: int, why: str) -> None:
        self.begin()
        self.chunk("aa01", b"hello", "+", written="1-*/11")
        self.send(text)
        self.assertEqual(self.foreigner.statuses(), [200, *statuses])
        self.assertEqual(self.logged(), [f"unreadable MSRP from {PEER}: {why}"])
        assert self.foreigner.wire is not None
        self.assertNotEqual(self.foreigner.wire.lost, None)
        self.assertEqual(self.receiver.contents(), [])
        self.assert_nothing_left()

    def test_a_range_that_is_none(self) -> None:
        """400, with the reason as its comment."""
        self.gone(HEAD.replace("{id}", "b1") + "Byte-Range: x\n-------b1$\n", 400, why="Byte-Range is not a range")
        self.assertEqual(self.foreigner.frames[-1].head.comment, "Byte-Range is not a range")  # type: ignore[union-attr]

    def test_a_header_twice(self) -> None:
        """Which of them counts? Another method is told so, too."""
        twice = "Message-ID: a\nmessage-id: b\n"
        self.gone(HEAD.replace("{id}", "b1") + twice + "-------b1$\n", 400, why="Message-ID twice")

    def test_another_method(self) -> None:
        """It is not known to be unknown before it can be read."""
        head = HEAD.replace("{id}", "b1").replace("SEND", "AUTH")
        self.gone(head + "no colon\n-------b1$\n", 400, why="not a header line")

    def test_who_wants_no_reply_gets_none(self) -> None:
        """Failure-Report: no, as far as it can be read."""
        more = "Failure-Report: no\nByte-Range: x\n"
        self.gone(HEAD.replace("{id}", "b1") + more + "-------b1$\n", why="Byte-Range is not a range")

    def test_paths_that_are_missing_or_none(self) -> None:
        """Nobody knows whom to tell."""
        for lines, why in (
            ("From-Path: {us}\n", "no To-Path"),
            ("To-Path: {you}\n", "no From-Path"),
            ("To-Path: nonsense\nFrom-Path: {us}\n", "not an MSRP URI"),
        ):
            self.setUp()
            self.gone(f"MSRP b1 SEND\n{lines}-------b1$\n", why=why)

    def test_reports_and_replies_are_never_answered(self) -> None:
        """Not even to say that they are wrong."""
        for start in ("MSRP b1 REPORT", "MSRP b1 200 OK"):
            self.setUp()
            text = f"{start}\nTo-Path: {{you}}\nFrom-Path: {{us}}\nno colon\n-------b1$\n"
            self.gone(text, why="not a header line")

    def test_more_headers_than_anybody_needs(self) -> None:
        """[D-MSRP-5] PEERS 29: 32 of them, 2048 octets each."""
        many = "".join(f"X{number}: y\n" for number in range(40))
        self.gone(HEAD.replace("{id}", "b1") + many + "-------b1$\n", 400, why="too many or too long headers")
