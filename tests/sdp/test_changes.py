"""What a later offer changes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import NotAcceptable
from pushsvc.sdp import Change, Description, changes
from tests.sdp.values import FILE, PATH, SESSION, SHA1, changed, described

CLOSED = "message 0 TCP/TLS/MSRP *"
OTHER_FILE = f"type:text/plain size:63 hash:sha-1:{SHA1}"


def offered(*lines: list[str]) -> Description:
    return described(*SESSION, *(row for line in lines for row in line))


SECOND = changed(FILE, file_transfer_id="second", path=PATH.replace("V6u", "Second"))
PLAIN = changed(FILE, file_transfer_id=None, file_selector=None)


class LaterOffers(SynchronousTestCase):
    """A refresh must not start a transfer again, and a new file must not be taken for an old one."""

    def test_table_of_repeated_lines(self) -> None:
        """[D-SDP-2] E.5, row by row."""
        before = offered(FILE, SECOND)
        for change, line in (
            (Change.KEPT, FILE),
            (Change.KEPT, changed(FILE, file_selector="size:62")),
            (Change.KEPT, changed(FILE, accept_types="*", setup="active")),
            (Change.CLOSED, changed(FILE, m=CLOSED)),
            (Change.CLOSED, changed(FILE, m=CLOSED, file_transfer_id="new")),
            (Change.CONFLICT, changed(FILE, file_selector=OTHER_FILE)),
            (Change.CONFLICT, changed(FILE, direction="inactive")),
            (Change.CONFLICT, changed(FILE, path="sip:h.example")),
            (Change.REPLACED, changed(FILE, file_transfer_id="new")),
            (Change.REPLACED, changed(FILE, file_transfer_id="new", file_selector=OTHER_FILE)),
            (Change.REPLACED, changed(FILE, file_transfer_id=None, file_selector=None)),
        ):
            self.assertEqual(changes(before, offered(line, SECOND)), [change, Change.KEPT], line)

    def test_a_new_line_at_the_end_is_new(self) -> None:
        """[D-SDP-1, D-SDP-2] And one that comes with port 0 is nothing."""
        self.assertEqual(changes(offered(FILE), offered(FILE, SECOND)), [Change.KEPT, Change.NEW])
        unused = changed(SECOND, m=CLOSED)
        self.assertEqual(changes(offered(FILE), offered(FILE, unused)), [Change.KEPT, Change.CLOSED])

    def test_a_closed_line_stays_closed_or_is_used_again(self) -> None:
        """[D-SDP-1] The same id is the same transfer, which is over."""
        before = offered(changed(FILE, m=CLOSED), SECOND)
        for change, line in (
            (Change.KEPT, changed(FILE, m=CLOSED)),
            (Change.KEPT, FILE),
            (Change.NEW, changed(FILE, file_transfer_id="new")),
        ):
            self.assertEqual(changes(before, offered(line, SECOND)), [change, Change.KEPT])

    def test_without_files_the_path_is_the_session(self) -> None:
        """A plain MSRP session has no transfer id to go by."""
        moved = changed(PLAIN, path=PATH.replace("V6u", "New"))
        self.assertEqual(changes(offered(PLAIN), offered(PLAIN)), [Change.KEPT])
        self.assertEqual(changes(offered(PLAIN), offered(moved)), [Change.REPLACED])

    def test_a_missing_or_moved_line_is_refused(self) -> None:
        """[D-SDP-1, D-SDP-2] The old session goes on, the new offer gets 488."""
        before = offered(FILE, SECOND)
        for after in (
            offered(FILE),
            offered(),
            offered(SECOND, FILE),
            offered(SECOND, changed(FILE, file_transfer_id="new")),
            offered(changed(FILE, file_transfer_id="new"), SECOND, FILE),
        ):
            with self.assertRaises(NotAcceptable) as caught:
                changes(before, after)
            self.assertEqual(caught.exception.status, 488)

    def test_a_line_that_never_could_be_served_stays_as_it_is(self) -> None:
        """What was answered with port 0 is answered so again, and nothing ends by it."""
        pulled = changed(FILE, direction="recvonly")
        self.assertEqual(changes(offered(pulled), offered(pulled)), [Change.KEPT])

    def test_one_id_on_two_lines_can_be_repeated(self) -> None:
        """The first offer got port 0 for the second; its refresh is still a refresh."""
        self.assertEqual(changes(offered(FILE, FILE), offered(FILE, FILE)), [Change.KEPT, Change.KEPT])
