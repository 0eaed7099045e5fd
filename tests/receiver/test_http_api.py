from __future__ import annotations

import errno
import json
from typing import Any

from pushsvc.api.events import EventLog
from pushsvc.receiver.decisions import Decisions
from pushsvc.receiver.events import Events
from pushsvc.receiver.http_api import receiver_api
from pushsvc.receiver.policy import Caller, FileAsked
from pushsvc.sessions import Icon
from tests.api.client import ApiClient, no_doctor
from tests.receiver.inboxes import InboxCase

LARGE = bytes(range(256)) * 500
CALLER = Caller("sip:push@example.com", asserted=True)


class ApiCase(InboxCase):
    """The receiver's API over a real inbox, by a real client."""

    def setUp(self) -> None:
        super().setUp()
        self.log = EventLog(self.clock)
        self.events = Events(self.log, self.inbox.directory, [])
        self.decisions = Decisions(self.clock, self.tokens, self.events.decision)
        self.obstacles: dict[str, str] = {}
        root = receiver_api(
            inbox=self.inbox,
            decisions=self.decisions,
            events=self.events,
            event_log=self.log,
            account=lambda: {"registered": False},
            obstacles=lambda: self.obstacles,
            metrics=lambda: b"pushsvc_inbox_received_total 1\n",
            doctor=no_doctor("receiver", self.clock),
        )
        self.api = ApiClient(self, root)

    def get(self, path: str) -> tuple[int, Any]:
        return self.api.ask_json("GET", path)


class Entries(ApiCase):
    def test_an_entry_is_shown_as_the_contract_says(self) -> None:
        entry = self.put(LARGE, title="Gate 3", asserted=True, application="mms.ua", disposition="attachment")
        status, value = self.get(f"/v1/inbox/{entry.id}")
        self.assertEqual(status, 200)
        self.assertEqual(
            list(value),
            [
                "id", "from", "asserted", "to", "name", "type", "size", "sha1", "sha256", "title", "description",
                "disposition", "application", "mode", "call_id", "received_at", "path", "state",
            ],
        )  # fmt: skip
        self.assertEqual((value["from"], value["asserted"], value["state"]), ("sip:push@example.com", True, "new"))
        self.assertEqual(value["path"], f"{self.path.absolute()}/{entry.file}")
        self.assertEqual(self.get("/v1/inbox"), (200, {"items": [value], "next": None}))

    def test_lists_come_in_pages(self) -> None:
        for number in range(5):
            self.put(b"x", name=f"{number}")
        names, path = [], "/v1/inbox?limit=2"
        while path:
            status, value = self.get(path)
            self.assertEqual(status, 200)
            names += [item["name"] for item in value["items"]]
            path = f"/v1/inbox?limit=2&cursor={value['next']}" if value["next"] else ""
        self.assertEqual(names, ["4", "3", "2", "1", "0"])

    def test_lists_can_be_of_one_state(self) -> None:
        opened, new = self.put(b"a"), self.put(b"b")
        self.api.ask("POST", f"/v1/inbox/{opened.id}/opened")
        self.assertEqual([item["id"] for item in self.get("/v1/inbox?state=new")[1]["items"]], [new.id])
        self.assertEqual([item["id"] for item in self.get("/v1/inbox?state=opened")[1]["items"]], [opened.id])

    def test_a_question_that_means_nothing_is_refused(self) -> None:
        for query in ("state=old", "limit=0", "cursor=x", "cursor=eA", "cursor=LTE", "since=1"):
            self.assertEqual(self.get(f"/v1/inbox?{query}")[0], 422, query)

    def test_opened_and_deleted_answer_204_and_are_told(self) -> None:
        entry = self.put(LARGE)
        self.assertEqual(self.api.ask("POST", f"/v1/inbox/{entry.id}/opened")[0], 204)
        self.assertEqual(self.get(f"/v1/inbox/{entry.id}")[1]["state"], "opened")
        self.assertEqual(self.api.ask("DELETE", f"/v1/inbox/{entry.id}")[0], 204)
        self.assertEqual((self.get("/v1/inbox")[1]["items"], self.files()), ([], set()))
        self.assertEqual(self.log.next_number, 3)

    def test_unknown_ids_are_404(self) -> None:
        for method, path in (
            ("GET", "/v1/inbox/inb_none"),
            ("DELETE", "/v1/inbox/inb_none"),
            ("GET", "/v1/inbox/inb_none/content"),
            ("POST", "/v1/inbox/inb_none/opened"),
            ("GET", "/v1/inbox/inb_none/other"),
            ("GET", "/v1/inbox/..%2f..%2fetc%2fpasswd"),
        ):
            self.assertEqual(self.api.ask(method, path)[0], 404, path)

    def test_wrong_methods_are_405(self) -> None:
        entry = self.put(b"x")
        for method, path in (("POST", "/v1/inbox"), ("PUT", f"/v1/inbox/{entry.id}"), ("GET", "/v1/decisions/dec_1")):
            self.assertEqual(self.api.ask(method, path)[0], 405, path)

    def test_a_disk_that_fails_is_a_503(self) -> None:
        entry = self.put(b"x")
        self.disk.fail("remove", OSError(errno.EIO, "Input/output error"))
        status, headers, _ = self.api.ask("DELETE", f"/v1/inbox/{entry.id}")
        self.assertEqual((status, headers["retry-after"]), (503, "10"))


class Contents(ApiCase):
    def test_a_content_is_its_octets(self) -> None:
        for content in (LARGE, b"small", b""):
            entry = self.put(content, type="text/html", name="é.html")
            status, headers, body = self.api.ask("GET", f"/v1/inbox/{entry.id}/content")
            self.assertEqual((status, body, headers["etag"]), (200, content, f'"{entry.sha256}"'))
            self.assertIn("attachment", headers["content-disposition"])

    def test_a_part_of_a_content(self) -> None:
        entry = self.put(LARGE)
        status, headers, body = self.api.ask("GET", f"/v1/inbox/{entry.id}/content", headers={"Range": "bytes=10-19"})
        self.assertEqual((status, body), (206, LARGE[10:20]))
        self.assertEqual(headers["content-range"], f"bytes 10-19/{len(LARGE)}")

    def test_a_content_that_somebody_took_away_is_404(self) -> None:
        entry = self.put(LARGE)
        (self.path / entry.file).unlink()
        self.assertEqual(self.get(f"/v1/inbox/{entry.id}/content")[0], 404)

    def test_a_content_that_cannot_be_opened_is_503(self) -> None:
        entry = self.put(LARGE)
        (self.path / entry.file).unlink()
        (self.path / entry.file).symlink_to("/etc/passwd")
        self.assertEqual(self.get(f"/v1/inbox/{entry.id}/content")[0], 503)


class Icons(ApiCase):
    """[F-13]"""

    def test_an_icon_is_named_with_its_entry_and_given_for_itself(self) -> None:
        """A list of pictures must not carry the pictures."""
        for content in (LARGE, b"small"):
            entry = self.put(content, icon=Icon("image/svg+xml", b"<svg/>"))
            self.assertEqual(self.get(f"/v1/inbox/{entry.id}")[1]["icon"], {"type": "image/svg+xml", "size": 6})
            status, headers, body = self.api.ask("GET", f"/v1/inbox/{entry.id}/icon")
            self.assertEqual((status, body, headers["content-type"]), (200, b"<svg/>", "image/svg+xml"))
            self.assertIn("attachment", headers["content-disposition"])
            self.assertIn("sandbox", headers["content-security-policy"])

    def test_an_entry_without_one(self) -> None:
        entry = self.put(LARGE)
        self.assertNotIn("icon", self.get(f"/v1/inbox/{entry.id}")[1])
        self.assertEqual(self.api.ask("GET", f"/v1/inbox/{entry.id}/icon")[0], 404)
        self.assertEqual(self.api.ask("GET", "/v1/inbox/inb_none/icon")[0], 404)

    def test_an_icon_goes_with_its_entry(self) -> None:
        entry = self.put(LARGE, icon=Icon("image/png", b"x"))
        self.assertEqual(self.api.ask("DELETE", f"/v1/inbox/{entry.id}")[0], 204)
        self.assertEqual((self.api.ask("GET", f"/v1/inbox/{entry.id}/icon")[0], self.files()), (404, set()))


class DecisionsByHttp(ApiCase):
    FILES = (FileAsked("t1", "a.jpg", "image/jpeg", 5), FileAsked("t2", "b.jpg", "image/jpeg", None))

    def setUp(self) -> None:
        super().setUp()
        self.answers = self.decisions.ask(CALLER, self.FILES, 30.0)
        self.decision = self.decisions.pending()[0].id

    def answer(self, body: object) -> int:
        return self.api.ask("POST", f"/v1/decisions/{self.decision}", data=json.dumps(body).encode(),
                            headers={"Content-Type": "application/json"})[0]  # fmt: skip

    def test_what_is_pending_is_shown(self) -> None:
        expected = {
            "id": self.decision, "from": "sip:push@example.com", "asserted": True,
            "asked_at": "2026-09-21T14:13:20.000Z", "expires_at": "2026-09-21T14:13:50.000Z",
            "files": [
                {"file_transfer_id": "t1", "name": "a.jpg", "type": "image/jpeg", "size": 5},
                {"file_transfer_id": "t2", "name": "b.jpg", "type": "image/jpeg", "size": None},
            ],
        }  # fmt: skip
        self.assertEqual(self.get("/v1/decisions"), (200, {"items": [expected], "next": None}))

    def test_what_a_file_looks_like_is_shown_to_who_decides(self) -> None:
        """[F-13] RFC 5547 §6: that is what icons are for."""
        drawn = FileAsked("t/3 ", "c.mp4", "video/mp4", 7, icon=Icon("image/png", b"x"))
        self.decisions.ask(CALLER, (drawn, self.FILES[0]), 30.0)
        asked = self.get("/v1/decisions")[1]["items"][1]
        self.assertEqual([file.get("icon") for file in asked["files"]], [{"type": "image/png", "size": 1}, None])
        status, headers, body = self.api.ask("GET", f"/v1/decisions/{asked['id']}/icon?file=t%2f3%20")
        self.assertEqual((status, body, headers["content-type"]), (200, b"x", "image/png"))
        self.assertIn("sandbox", headers["content-security-policy"])
        for path in (f"{asked['id']}/icon?file=t1", f"{asked['id']}/icon", f"{self.id}/icon?file=t1", "x/icon?file=t1"):
            self.assertEqual(self.api.ask("GET", f"/v1/decisions/{path}")[0], 404, path)
        self.decisions.answer(asked["id"], True)
        self.assertEqual(self.api.ask("GET", f"/v1/decisions/{asked['id']}/icon?file=t%2f3%20")[0], 404)

    def test_one_answer_for_all(self) -> None:
        self.assertEqual(self.answer({"answer": "accept"}), 204)
        self.assertEqual(self.successResultOf(self.answers), [True, True])
        self.assertEqual(self.get("/v1/decisions")[1]["items"], [])

    def test_one_answer_a_file(self) -> None:
        self.assertEqual(self.answer({"answers": {"t1": "decline", "t2": "accept"}}), 204)
        self.assertEqual(self.successResultOf(self.answers), [False, True])

    def test_the_second_answer_is_409_and_a_late_one_too(self) -> None:
        self.answer({"answer": "decline"})
        self.assertEqual(self.answer({"answer": "accept"}), 409)
        late = self.decisions.ask(CALLER, self.FILES, 30.0)
        self.decision = self.decisions.pending()[0].id
        self.clock.advance(30)
        self.successResultOf(late)
        self.assertEqual(self.answer({"answer": "accept"}), 409)

    def test_an_unknown_decision_is_404(self) -> None:
        self.decision = "dec_none"
        self.assertEqual(self.answer({"answer": "accept"}), 404)

    def test_answers_that_mean_nothing_are_422(self) -> None:
        for body in (
            {}, {"answer": "maybe"}, {"answer": None},
            {"answer": "accept", "answers": {"t1": "accept", "t2": "accept"}},
            {"answers": {"t1": "accept"}}, {"answers": {"t1": "accept", "t2": "yes"}}, {"answers": {}}, [],
            {"answer": "accept", "why": "x"}, {"answers": {"t1": True, "t2": True}},
        ):  # fmt: skip
            self.assertEqual(self.answer(body), 422, body)
        self.assertNoResult(self.answers)


class Others(ApiCase):
    def test_the_account_health_and_metrics_are_there(self) -> None:
        self.assertEqual(self.get("/v1/account"), (200, {"registered": False}))
        self.assertEqual(self.get("/healthz")[0], 200)
        self.assertEqual(self.get("/readyz")[0], 200)
        self.obstacles["inbox"] = "full"
        self.assertEqual(self.get("/readyz")[0], 503)
        self.assertEqual(self.api.ask_json("POST", "/v1/doctor"), (200, {"role": "receiver", "checks": []}))
        self.assertEqual(self.api.ask("GET", "/metrics")[2], b"pushsvc_inbox_received_total 1\n")
