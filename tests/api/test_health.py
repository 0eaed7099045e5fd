from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.api.health import Healthz, MetricsPage, Readyz
from pushsvc.api.tokens import BearerTokens
from tests.api.client import ApiClient, tree


class Health(SynchronousTestCase):
    """What a supervisor asks."""

    def setUp(self) -> None:
        self.obstacles: dict[str, str] = {}
        root = tree(
            healthz=Healthz(), readyz=Readyz(lambda: self.obstacles), metrics=MetricsPage(lambda: b"pushsvc_ready 1\n")
        )
        self.api = ApiClient(self, root)
        self.guarded = ApiClient(self, root, tokens=BearerTokens(()))

    def test_a_daemon_that_turns_is_alive(self) -> None:
        self.assertEqual(self.api.ask_json("GET", "/healthz"), (200, {"status": "ok"}))

    def test_a_daemon_says_what_keeps_it_from_work(self) -> None:
        self.assertEqual(self.api.ask_json("GET", "/readyz"), (200, {"ready": True, "obstacles": {}}))
        self.obstacles["inbox"] = "the disk is full"
        expected = {"ready": False, "obstacles": {"inbox": "the disk is full"}}
        self.assertEqual(self.api.ask_json("GET", "/readyz"), (503, expected))

    def test_metrics_are_prometheus_text(self) -> None:
        status, headers, body = self.api.ask("GET", "/metrics")
        self.assertEqual((status, body), (200, b"pushsvc_ready 1\n"))
        self.assertIn("version=0.0.4", headers["content-type"])

    def test_health_needs_no_token_and_metrics_do(self) -> None:
        statuses = [self.guarded.ask("GET", path)[0] for path in ("/healthz", "/readyz", "/metrics")]
        self.assertEqual(statuses, [200, 200, 401])

    def test_what_watches_goes_on_seeing_while_the_daemon_stops(self) -> None:
        self.api.site.draining = True
        self.assertEqual(self.api.ask("GET", "/metrics")[0], 200)
