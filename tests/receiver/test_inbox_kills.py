"""Every step at which the process can be killed, one after the other, on real files."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

from pushsvc.receiver.inbox import Inbox
from pushsvc.receiver.part import Part
from pushsvc.receiver.partials import FileId, Limits
from pushsvc.receiver.wrapped import wrapping_of
from tests.push.wrappers import cpim
from tests.receiver.inboxes import InboxCase, arriving

LARGE = bytes(range(256)) * 200
SMALL = b"take cover"


class Killed(InboxCase):
    """The directory is copied before every change that a scenario makes; each copy is what a kill would have left."""

    def setUp(self) -> None:
        super().setUp()
        self.copies: list[tuple[str, Path, dict[str, bytes]]] = []
        self.acknowledged: dict[str, bytes] = {}
        self.disk.before = self.copy
        for name in ("begin", "commit"):
            setattr(self.inbox._index, name, self.watched(name, getattr(self.inbox._index, name)))

    def watched(self, name: str, method: Any) -> Any:
        def call() -> None:
            self.copy(name)
            method()
            if name == "commit":
                self.copy("after commit")

        return call

    def copy(self, step: str) -> None:
        path = Path(self.mktemp())
        shutil.copytree(self.path, path)
        self.copies.append((step, path, dict(self.acknowledged)))

    def send(self, inbox: Inbox, name: str, content: bytes, *, whole: bool) -> None:
        """As a sender does: the same key every time, and content counts as sent once it is acknowledged."""
        about = arriving(name=name, key=f"key of {name}", type="message/cpim" if name.endswith(".cpim") else "x/y")
        if whole:
            self.successResultOf(inbox.store(about, content))
        else:
            wrapping = wrapping_of(about, lambda type: True)
            part = inbox.part(about, 1 << 30, wrapping)
            part.write(0, memoryview(cpim(content) if wrapping else content))
            self.successResultOf(part.finish())

    def check_copies(self, all_contents: dict[str, bytes], *, whole: bool) -> None:
        self.assertGreater(len(self.copies), 5)
        for step, path, acknowledged in self.copies:
            inbox = self.new_inbox(path=path)
            self.successResultOf(inbox.start())
            names = {entry.about.name for entry in self.successResultOf(inbox.entries())}
            self.assertLessEqual(acknowledged.keys(), names, step)
            for name in all_contents.keys() - acknowledged.keys():
                self.send(inbox, name, all_contents[name], whole=whole)
            self.assert_in_order(inbox, path, all_contents)
            self.successResultOf(inbox.stop())

    def test_a_kill_at_any_step_of_a_large_content_loses_and_doubles_nothing(self) -> None:
        """The 200 to the last chunk means that the file is in the inbox; a push enters it at most once."""
        contents = {"first.bin": LARGE, "second.bin": LARGE[1:]}
        for name, content in contents.items():
            self.send(self.inbox, name, content, whole=False)
            self.acknowledged[name] = content
        self.check_copies(contents, whole=False)

    def test_a_kill_at_any_step_of_a_wrapped_content_loses_and_doubles_nothing(self) -> None:
        """Nobody ever finds the wrapper, or half of what was in it, in the inbox."""
        contents = {"first.cpim": LARGE, "second.cpim": SMALL, "third.cpim": b""}
        for name, content in contents.items():
            self.send(self.inbox, name, content, whole=False)
            self.acknowledged[name] = content
        self.assertIn("cut", [step for step, _, _ in self.copies])
        self.check_copies(contents, whole=False)

    def test_a_kill_at_any_step_of_a_cut_content_and_its_rest_loses_and_doubles_nothing(self) -> None:
        """After the next start the sender offers the rest, and the whole file where that is not taken."""
        self.limits = Limits(keep_for=3600.0)
        self.inbox.partials.change(self.limits)
        half = len(LARGE) // 2
        wanted = FileId("sip:push@example.com", False, "cut.bin", len(LARGE), hashlib.sha1(LARGE).digest())
        part = self.begin(self.inbox, wanted)
        part.write(0, memoryview(LARGE)[:half])
        part.cut("the connection was lost")
        self.go_on(self.inbox, wanted, half)
        steps = [step for step, _, _ in self.copies]
        self.assertEqual(steps[:6], ["create", "note", "create", "write", "write", "reopen"])
        joined = 0
        for _, path, _ in self.copies:
            inbox = self.new_inbox(path=path)
            self.successResultOf(inbox.start())
            if inbox.partials.has(wanted, half):
                joined += 1
                self.go_on(inbox, wanted, half)
            part = self.begin(inbox, wanted)
            part.write(0, memoryview(LARGE))
            self.successResultOf(part.finish())
            self.assert_in_order(inbox, path, {"cut.bin": LARGE})
            self.successResultOf(inbox.stop())
        self.assertGreater(joined, 5)

    def begin(self, inbox: Inbox, wanted: FileId) -> Part:
        about = arriving(name=wanted.name, key="first", size=wanted.size, sha1=wanted.sha1)
        return inbox.part(about, 1 << 30, file_id=wanted)

    def go_on(self, inbox: Inbox, wanted: FileId, start: int) -> None:
        partial = inbox.partials.claim(wanted, start)
        assert partial is not None
        part = inbox.rest(arriving(name=wanted.name, key="second", size=wanted.size, sha1=wanted.sha1), partial, start)
        part.write(0, memoryview(LARGE)[start:])
        self.successResultOf(part.finish())

    def test_a_kill_at_any_step_of_a_small_content_loses_and_doubles_nothing(self) -> None:
        """The same holds for what came in a MESSAGE."""
        contents = {"first.txt": SMALL, "second.txt": b""}
        for name, content in contents.items():
            self.send(self.inbox, name, content, whole=True)
            self.acknowledged[name] = content
        self.check_copies(contents, whole=True)

    def test_a_kill_while_many_small_contents_share_a_commit_loses_none(self) -> None:
        """They are answered for together, before any of them has its file."""
        contents = {f"{number}.txt": b"%d" % number for number in range(12)}
        self.threads.held = True
        stored = [self.inbox.store(arriving(name=name, key=f"key of {name}"), contents[name]) for name in contents]
        while self.threads.release():
            for name, done in zip(contents, stored, strict=True):
                if done.called:
                    self.acknowledged[name] = contents[name]
        self.threads.held = False
        self.clock.advance(1)
        self.assertEqual(self.acknowledged, contents)
        self.check_copies(contents, whole=True)

    def test_what_becomes_durable_comes_in_the_one_right_order(self) -> None:
        """A power cut keeps what was synced, and of the rest whatever it likes."""
        self.send(self.inbox, "large.bin", LARGE, whole=False)
        steps = [step for step, _, _ in self.copies]
        self.assertEqual(
            steps,
            [
                "create", "write", "sync",  # the content
                "begin", "create", "write", "sync",  # its sidecar
                "publish", "publish", "sync_directory", "commit", "after commit",
            ],
        )  # fmt: skip
        self.copies.clear()
        self.send(self.inbox, "small.txt", SMALL, whole=True)
        steps = [step for step, _, _ in self.copies]
        self.assertEqual(
            steps,
            [
                "begin", "commit", "after commit",  # from here on it is safe
                "drop", "drop", "create", "write", "create", "write", "sync", "sync", "replace", "replace",
                "sync_directory", "begin", "commit", "after commit",
            ],
        )  # fmt: skip

    def test_a_kill_while_an_entry_is_deleted_never_brings_it_back_half(self) -> None:
        """Either it is still whole, or it is gone for good."""
        self.send(self.inbox, "old.bin", LARGE, whole=False)
        entry = self.entries()[0]
        self.copies.clear()
        self.successResultOf(self.inbox.delete(entry.id))
        for _, path, _ in self.copies:
            inbox = self.new_inbox(path=path)
            self.successResultOf(inbox.start())
            left = self.successResultOf(inbox.entries())
            self.assert_in_order(inbox, path, {"old.bin": LARGE} if left else {})
            self.successResultOf(inbox.stop())
