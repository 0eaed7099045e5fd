"""Submissions to be read, and the shortest of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.api.problem import Problem
from pushsvc.sender.content_store import ContentStore
from pushsvc.sender.outbox_records import Submission
from pushsvc.sender.submission import Draft, Rules, read_submission
from pushsvc.sender.submission_contents import Part
from tests.sender.outbox_case import ALICE, NOW, CountingTokens, at_once

RULES = Rules(max_content=100_000, time_to_live=259_200.0)
HELLO = {"text": "hello"}


class SubmissionCase(SynchronousTestCase):
    rules = RULES

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.store = ContentStore(self.directory, at_once, CountingTokens(), floor=0)
        self.store.start()

    def part(
        self, field: str = "file", octets: bytes = b"octets", name: str | None = None, type: str | None = None
    ) -> Part:
        upload = self.store.receive()
        upload.write(octets)
        return Part(field, upload, name, type)

    def read(self, value: Any = None, *parts: Part, key: str | None = None, **fields: Any) -> Submission:
        whole = {"to": [ALICE], "content": HELLO} | fields if value is None else value
        draft = Draft("json", {name: each for name, each in whole.items() if each is not ...}, parts, key)
        return read_submission(draft, self.rules, self.store, CountingTokens(), client="ops", now=NOW)

    def refused(self, status: int, *parts: Part, **fields: Any) -> list[tuple[str, str]]:
        problem = self.assertRaises(Problem, self.read, None, *parts, **fields)
        self.assertEqual(problem.status, status)
        return [(error.pointer, error.code) for error in problem.errors]
