"""POST /v1/doctor: one examination at a time. What is looked at is for who runs it to say."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from pushsvc.api.answer import Answer, json_answer
from pushsvc.api.lists import read_query
from pushsvc.api.problem import Problem
from pushsvc.api.request import ApiRequest
from pushsvc.api.resource import ApiResource

REST = 3  # seconds between two examinations: each asks the core, and pushes

Checks = list[dict[str, str]]


class DoctorPage(ApiResource):
    """/v1/doctor: `examine` begins an examination and gives its verdicts as JSON objects; it has a time limit itself.

    Whoever asks while one is going on gets the verdicts of that one.
    """

    def __init__(self, role: str, examine: Callable[[], Deferred[Checks]], clock: IReactorTime) -> None:
        super().__init__()
        self._role = role
        self._examine = examine
        self._clock = clock
        self._waiting: list[Deferred[Checks]] | None = None
        self._rested_at = 0.0

    async def render_POST(self, request: ApiRequest) -> Answer:
        read_query(request, ())
        checks = await self._checks()
        return json_answer({"role": self._role, "checks": checks})

    def _checks(self) -> Deferred[Checks]:
        now = self._clock.seconds()
        if self._waiting is None and now < self._rested_at:
            headers = [("Retry-After", str(REST))]
            raise Problem(429, "too-soon", "the last examination has just ended", headers=headers)
        waiting: Deferred[Checks] = Deferred()
        if self._waiting is not None:
            self._waiting.append(waiting)
        else:
            self._waiting = [waiting]
            self._examine().addBoth(self._done)
        return waiting

    def _done(self, result: Checks | Failure) -> None:
        waiting, self._waiting = self._waiting or [], None
        self._rested_at = self._clock.seconds() + REST
        for each in waiting:
            each.callback(result)
