"""The sender's API before a real HTTP client; only the wire is in memory, and attempts end by the test's hand."""

from __future__ import annotations

import json
from typing import Any

from pushsvc.sender.http_api import PushApi
from pushsvc.sender.submission import Rules
from tests.api.client import ApiClient, no_doctor
from tests.sender.dispatch_case import DispatchCase
from tests.sender.outbox_case import ALICE

JSON = {"Content-Type": "application/json"}


class Ladder:
    def ladder(self) -> str:
        return "a -> b\n"

    def to_json(self) -> Any:
        return {"events": []}


class Traces:
    def of(self, push_id: str) -> Ladder | None:
        return self.kept.get(push_id)

    def __init__(self) -> None:
        self.kept: dict[str, Ladder] = {}


class ApiCase(DispatchCase):
    def open(self, *threads: Any) -> None:
        super().open(*threads)
        self.traces = Traces()
        self.obstacles: dict[str, str] = {}
        rules = Rules(max_content=100_000_000, time_to_live=3600.0)
        self.api = PushApi(
            self.outbox, self.store, self.dispatch, self.traces, self.clock, self.tokens, self.metrics, rules
        )
        self.client = ApiClient(self, self.api.root(lambda: self.obstacles, no_doctor("sender", self.clock)))

    def post(self, value: Any = None, headers: dict[str, str] | None = None, **fields: Any) -> tuple[int, Any, Any]:
        """Status, header fields and JSON of the answer to a submission."""
        value = {"to": [ALICE], "content": {"text": "hello"}} | fields if value is None else value
        data = json.dumps(value).encode()
        status, found, body = self.client.ask("POST", "/v1/pushes", data=data, headers=JSON | (headers or {}))
        return status, found, json.loads(body)

    def get(self, path: str) -> tuple[int, Any]:
        return self.client.ask_json("GET", path)
