"""What the API shows and does once a push is submitted."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred

from pushsvc.api.fields import time_text
from pushsvc.errors import Refused
from pushsvc.sender.http_api import wanted_wait
from pushsvc.sender.job import AttemptResult
from pushsvc.sender.outbox_records import Backlog
from tests.sender.api_case import JSON, ApiCase, Ladder
from tests.sender.outbox_case import ALICE, NOW


class Waiting(ApiCase):
    def wait(self, prefer: str = "wait=30", **headers: str) -> Deferred[Any]:
        self.start()
        data = json.dumps({"to": [ALICE], "content": {"text": "hello"}}).encode()
        answer = self.client.start("POST", "/v1/pushes", data=data, headers=JSON | {"Prefer": prefer} | headers)
        self.client.flush()
        return answer

    def test_200_once_it_is_final(self) -> None:
        answer = self.wait()
        self.assertNoResult(answer)
        self.attempts[0].deliver()
        status, headers, body = self.client.finish(answer)
        self.assertEqual(
            (status, headers["preference-applied"], json.loads(body)["state"]), (200, "wait=30", "delivered")
        )

    def test_202_when_it_takes_longer(self) -> None:
        answer = self.wait()
        self.advance(29)
        self.client.flush()
        self.assertNoResult(answer)
        self.advance(1)
        status, _, body = self.client.finish(answer)
        self.assertEqual((status, json.loads(body)["state"]), (202, "sending"))

    def test_waiting_for_a_push_that_is_over_already(self) -> None:
        answer = self.wait(**{"Idempotency-Key": "k"})
        self.attempts[0].deliver()
        self.client.finish(answer)
        self.assertEqual(self.client.finish(self.wait(**{"Idempotency-Key": "k"}))[0], 200)

    def test_what_prefer_may_say(self) -> None:
        table = {
            None: 0.0,
            "": 0.0,
            "respond-async": 0.0,
            "wait=30": 30.0,
            "respond-async, wait = 5": 5.0,
            'Wait="7"; x=y': 7.0,
            "wait=9999": 300.0,
            "wait=-1": 0.0,
            "wait=1e3": 0.0,
            "await=3": 0.0,
        }
        for prefer, seconds in table.items():
            self.assertEqual(wanted_wait(prefer), seconds, prefer)


class Looking(ApiCase):
    def test_progress_and_the_attempt_while_it_goes_on(self) -> None:
        self.start()
        _, headers, _ = self.post()
        self.attempts[0].moved(4, 2)
        _, push = self.get(headers["location"])
        (recipient,) = push["recipients"]
        self.assertEqual((push["state"], push["counts"]), ("sending", {"sending": 1}))
        self.assertEqual(recipient["progress"], {"sent": 4, "acknowledged": 2, "size": 5})
        self.assertEqual((recipient["attempts"][0]["number"], recipient["attempts"][0]["outcome"]), (1, None))

    def test_a_finished_attempt(self) -> None:
        self.start()
        _, headers, _ = self.post()
        failure = Refused(486, "Busy Here")
        self.attempts[0].done.callback(
            AttemptResult((), "msrp", "asked for", "c1", "tls:h:5061", 486, "Busy Here", failure=failure)
        )
        _, push = self.get(headers["location"])
        (recipient,) = push["recipients"]
        self.assertEqual((recipient["state"], recipient["reason"]), ("waiting", "486 Busy Here"))
        expected = {
            "number": 1,
            "started_at": time_text(NOW),
            "ended_at": time_text(NOW),
            "mode": "msrp",
            "why_mode": "asked for",
            "call_id": "c1",
            "peer": "tls:h:5061",
            "sip_status": 486,
            "sip_reason": "Busy Here",
            "msrp_status": None,
            "octets_acknowledged": 0,
            "outcome": "retry",
            "reason": "486 Busy Here",
            "retry_at": time_text(NOW + 5),
        }
        self.assertEqual(recipient["attempts"], [expected])

    def test_a_delivered_push_names_its_files(self) -> None:
        self.start()
        _, headers, _ = self.post()
        self.attempts[0].deliver()
        _, push = self.get(headers["location"])
        (recipient,) = push["recipients"]
        self.assertEqual(recipient["files"], [{"name": "content.txt", "result": "delivered", "code": 200}])
        self.assertEqual(recipient["progress"], {"sent": 5, "acknowledged": 5, "size": 5})

    def test_lists_go_on_by_their_cursor(self) -> None:
        ids = [self.post(labels=["x"])[2]["id"] for _ in range(5)]
        seen: list[str] = []
        cursor = ""
        while cursor is not None:
            status, page = self.get("/v1/pushes?limit=2" + (f"&cursor={cursor}" if cursor else ""))
            self.assertEqual(status, 200)
            seen += [push["id"] for push in page["items"]]
            cursor = page["next"]
        self.assertEqual(seen, ids[::-1])
        self.assertEqual(self.get("/v1/pushes?label=y")[1], {"items": [], "next": None})
        self.assertEqual(len(self.get("/v1/pushes?label=x&state=queued&to=sip:alice%40example.com")[1]["items"]), 5)

    def test_queries_that_mean_nothing(self) -> None:
        for query in ("state=flying", "limit=0", "limit=x", "cursor=!", "cursor=eA", "colour=red"):
            self.assertEqual(self.get(f"/v1/pushes?{query}")[0], 422, query)

    def test_what_is_not_there_is_404(self) -> None:
        for path in ("", "/explain", "/trace"):
            self.assertEqual(self.get(f"/v1/pushes/psh_9{path}")[0], 404)
        for method, path in (("DELETE", ""), ("POST", "/retry")):
            self.assertEqual(self.client.ask(method, f"/v1/pushes/psh_9{path}")[0], 404)
        self.assertEqual(self.get("/v1/pushes/psh_9/fax")[0], 404)

    def test_methods_that_are_not_there_are_405(self) -> None:
        _, headers, _ = self.post()
        for method, path, allow in (
            ("PATCH", "/v1/pushes", "GET, POST, PUT, HEAD"),
            ("PUT", headers["location"], "GET, DELETE, HEAD"),
            ("GET", headers["location"] + "/retry", "POST"),
        ):
            status, found, _ = self.client.ask(method, path)
            self.assertEqual((status, found["allow"]), (405, allow))


class Wishes(ApiCase):
    def test_cancel(self) -> None:
        _, headers, _ = self.post()
        status, push = self.client.ask_json("DELETE", headers["location"])
        self.assertEqual((status, push["state"]), (202, "cancelled"))
        status, problem = self.client.ask_json("DELETE", headers["location"])
        self.assertEqual((status, problem["type"].rpartition("/")[2]), (409, "final"))

    def test_cancel_what_is_being_sent(self) -> None:
        self.start()
        _, headers, _ = self.post()
        self.assertEqual(self.client.ask("DELETE", headers["location"])[0], 202)
        self.assertTrue(self.attempts[0].withdrawn)
        self.assertEqual(self.get(headers["location"])[1]["state"], "cancelled")

    def test_retry(self) -> None:
        self.start()
        _, headers, _ = self.post()
        self.assertEqual(self.client.ask("POST", headers["location"] + "/retry")[0], 409)
        self.attempts[0].done.callback(AttemptResult(failure=Refused(603, "Decline")))
        status, push = self.client.ask_json("POST", headers["location"] + "/retry")
        self.assertEqual((status, push["state"], len(self.attempts)), (202, "sending", 2))

    def test_retry_when_the_contents_are_gone(self) -> None:
        self.start()
        _, headers, _ = self.post()
        self.attempts[0].done.callback(AttemptResult(failure=Refused(603, "Decline")))
        self.done(self.outbox.sweep(NOW + 8 * 86400))
        status, problem = self.client.ask_json("POST", headers["location"] + "/retry")
        self.assertEqual((status, problem["type"].rpartition("/")[2]), (409, "content-gone"))


class Stories(ApiCase):
    def test_explain_as_json_and_as_text(self) -> None:
        _, headers, push = self.post()
        path = headers["location"] + "/explain"
        status, told = self.get(path)
        self.assertEqual((status, told["id"], told["recipients"][0]["to"]), (200, push["id"], ALICE))
        status, found, body = self.client.ask("GET", path, headers={"Accept": "text/plain"})
        self.assertEqual((status, found["content-type"]), (200, "text/plain; charset=utf-8"))
        self.assertIn(b"It has not been tried yet.", body)

    def test_trace_as_json_and_as_a_ladder(self) -> None:
        _, headers, push = self.post()
        path = headers["location"] + "/trace"
        self.assertEqual(self.get(path)[0], 404)
        self.traces.kept[push["id"]] = Ladder()
        self.assertEqual(self.get(path), (200, {"events": []}))
        _, _, body = self.client.ask("GET", path, headers={"Accept": "text/plain"})
        self.assertEqual(body, b"a -> b\n")


class Watching(ApiCase):
    def test_alive_ready_and_counted(self) -> None:
        self.post()
        self.clock.advance(7)
        self.assertEqual(self.get("/healthz")[0], 200)
        self.assertEqual(self.get("/readyz")[0], 200)
        self.assertEqual(self.client.ask_json("POST", "/v1/doctor"), (200, {"role": "sender", "checks": []}))
        status, _, body = self.client.ask("GET", "/metrics")
        self.assertEqual((status, body[:18]), (200, b"pushsvc_build_info"))
        self.assertEqual(self.metrics.counted[-1], ("queue", {"queued": 1}, 7.0))

    def test_a_long_queue_is_not_counted_for_everybody_who_asks(self) -> None:
        """[P12] Counting a million takes a tenth of a second of the thread that everything else waits for."""
        backlog, counted = self.outbox.backlog, []

        def slow() -> Deferred[Backlog]:
            counted.append(self.clock.seconds())
            self.clock.advance(0.1)
            return backlog()

        self.patch(self.outbox, "backlog", slow)
        for _ in range(40):
            self.client.ask("GET", "/metrics")
            self.clock.advance(0.24)
        self.assertEqual(len(counted), 2)
        self.post()
        self.clock.advance(-3600.0)  # somebody sets it back
        self.client.ask("GET", "/metrics")
        self.assertEqual((len(counted), self.metrics.counted[-1][1]), (3, {"queued": 1}))

    def test_what_is_in_the_way_is_said(self) -> None:
        self.obstacles["sip"] = "no listener"
        self.patch(self.store, "has_room", lambda size: False)
        status, told = self.get("/readyz")
        self.assertEqual((status, set(told["obstacles"])), (503, {"sip", "disk"}))
        self.store._broken = True
        self.assertEqual(set(self.get("/readyz")[1]["obstacles"]), {"sip", "content"})
        self.assertFalse(self.store.is_broken)

    def test_nothing_is_taken_while_draining(self) -> None:
        self.client.site.draining = True
        status, headers, _ = self.post()
        self.assertEqual((status, "retry-after" in headers), (503, True))
        self.assertEqual(self.get("/healthz")[0], 200)
