"""Hostile file names, through both doors of a whole receiver: nothing leaves the inbox, nothing in it is lost.

Goal G13 of docs/security.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

from pushsvc import sdp
from pushsvc.receiver.inbox_entry import STORED_NAME
from tests.conversations.offer_case import HEAD, line
from tests.conversations.test_bad_content import OWN, ContentCase, selector
from tests.security.hostile_names import hostile_names
from tests.security.test_corrupted import OneOfMany


class HostileNames(ContentCase):
    """A name is something to show; where a file lies is for us to say."""

    def setUp(self) -> None:
        self.begin()
        self.assertEqual(self.send(), 200)
        self.caller.hang_up()
        self.caller = self.calls = OneOfMany(self.network, port=5070)
        self.inbox = Path(self.receiver.inbox.directory).resolve()
        (first,) = self.receiver.arrived
        self.outside = self.inbox.parent.parent / "outside"
        self.outside.mkdir()
        self.names = hostile_names(self.outside, first.file)
        self.before = self.everything_else()

    def offered(self, selector: str) -> str:
        return HEAD + line(selector=selector, path=OWN, number=self.calls.number).replace("TCP/TLS/MSRP", "TCP/MSRP")

    def everything_else(self) -> set[Path]:
        """Every file below the test's own directory that is not in the inbox, whatever made it."""
        root = self.inbox.parent.parent
        return {path for path in root.rglob("*") if not path.is_relative_to(self.inbox)}

    def test_there_are_sixty(self) -> None:
        """G13 counts them."""
        self.assertEqual((len(self.names), len(set(self.names))), (60, 60))

    def test_of_files(self) -> None:
        """[D-MSRP-5] By file-selector: every one is taken, or refused with its offer."""
        for name in self.names:
            content = f"a file named {name!a}".encode()
            self.calls.number += 1
            named = selector(content, quote(name, safe="/:~$`;|<>()=-"))
            answer = self.caller.call(body=self.offered(named))
            if answer.status == 200:
                (view,) = sdp.media(sdp.parse(answer.body))
                self.path, self.wire = view.path[0].text, self.connected()
                self.assertEqual(self.send(body=content), 200, name)
                self.caller.hang_up()
                self.wire.wire.transport.loseConnection()
            else:
                self.assertEqual((answer.status, name), (488, ""))
        self.assert_all_is_well([name for name in self.names if name])

    def test_of_messages(self) -> None:
        """[D-MSRP-5] By Content-Disposition."""
        for name in self.names:
            self.calls.number += 1
            disposition = f"Content-Disposition: attachment; filename*=UTF-8''{quote(name, safe='')}"
            content = f"a file named {name!a}"
            self.caller.say(self.calls.request("MESSAGE", disposition, "Content-Type: text/plain", body=content))
            self.assertEqual(self.caller.last().status, 200, name)
        self.assert_all_is_well(self.names)

    def assert_all_is_well(self, names: list[str]) -> None:
        """Each content has a file of its own name in the inbox, and what is told of it is one harmless line."""
        _, *entries = self.receiver.arrived
        self.assertEqual(len(entries), len(names))
        self.assertEqual(len({entry.file for entry in self.receiver.arrived}), len(names) + 1)
        for name, entry in zip(names, entries, strict=True):
            self.assertRegex(entry.file, STORED_NAME)
            self.assertEqual((self.inbox / entry.file).read_bytes(), f"a file named {name!a}".encode())
            shown = entry.about.name
            self.assertTrue(shown.isprintable() and 0 < len(shown.encode()) <= 255, (name, shown))
            self.assertFalse(set(shown) & set("/\\") or shown in ("..", "."), shown)
            told = json.loads((self.inbox / f"{entry.file}.json").read_text("utf-8"))
            self.assertEqual(told["name"], shown)
        self.assertEqual((self.inbox / self.receiver.arrived[0].file).read_bytes()[:11], b"Maintenance")
        self.assertEqual(self.everything_else(), self.before)
        files = [path for path in self.inbox.rglob("*") if path.is_file()]
        self.assertEqual([path.name for path in files if path.stat().st_mode & 0o777 != 0o600], [])
