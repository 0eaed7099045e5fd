"""What watches a daemon asks: alive, ready, how much. What readiness means is told by who builds these."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pushsvc.api.answer import Answer, json_answer
from pushsvc.api.request import ApiRequest
from pushsvc.api.resource import ApiResource

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class Healthz(ApiResource):
    """Alive: the reactor turns. No token is needed."""

    open_while_draining = True

    def scope(self, method: str) -> None:
        """Anybody may ask."""

    def render_GET(self, request: ApiRequest) -> Answer:
        return json_answer({"status": "ok"})


class Readyz(ApiResource):
    """Ready for work: 200 when nothing is in the way, else 503 and what is.

    `obstacles` gives what is in the way now: a name for programs, words for people; empty when ready.
    """

    open_while_draining = True

    def __init__(self, obstacles: Callable[[], Mapping[str, str]]) -> None:
        super().__init__()
        self._obstacles = obstacles

    def scope(self, method: str) -> None:
        """Anybody may ask."""

    def render_GET(self, request: ApiRequest) -> Answer:
        obstacles = dict(self._obstacles())
        return json_answer({"ready": not obstacles, "obstacles": obstacles}, 503 if obstacles else 200)


class MetricsPage(ApiResource):
    """The counters as Prometheus reads them; `expose` gives them as its text. The scope is `metrics`."""

    open_while_draining = True

    def __init__(self, expose: Callable[[], bytes]) -> None:
        super().__init__()
        self._expose = expose

    def scope(self, method: str) -> str:
        return "metrics"

    def render_GET(self, request: ApiRequest) -> Answer:
        return Answer(200, self._expose(), (("Content-Type", PROMETHEUS),))
