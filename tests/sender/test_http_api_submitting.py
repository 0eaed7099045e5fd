"""Submitting by the three forms: durable before 202, streamed to the disk, and once for each key."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sqlalchemy.exc import OperationalError
from twisted.internet.defer import Deferred, fail

from pushsvc.api.fields import time_text
from pushsvc.api.tokens import BearerTokens, Token
from pushsvc.sender.content_store import SMALL
from pushsvc.sender.http_api import PushApi
from pushsvc.sender.submission import Rules
from pushsvc.sender.submission_contents import MAX_CONTENTS
from tests.api.client import ApiClient, RawClient, no_doctor
from tests.sender.api_case import JSON, ApiCase
from tests.sender.outbox_case import ALICE, BOB, NOW


class Submitting(ApiCase):
    def test_the_first_push_after_the_clock_was_set_is_tried_at_once(self) -> None:
        """It has the time of the new clock: to move it with the others would keep it for two hours more."""
        self.start()
        for jump in (7200.0, -7200.0):
            self.clock.rightNow += jump
            self.post()
            self.assertEqual(len(self.tried()), 1)

    def test_json(self) -> None:
        """[F-20]"""
        status, headers, push = self.post(title="Gate 3", correlation={"alarm": 4711})
        self.assertEqual((status, headers["location"]), (202, f"/v1/pushes/{push['id']}"))
        self.assertRegex(push["id"], "^psh_")
        digest = hashlib.sha256(b"hello").hexdigest()
        expected = {
            "id": push["id"],
            "state": "queued",
            "submitted_at": time_text(NOW),
            "title": "Gate 3",
            "description": None,
            "application": None,
            "mode": "auto",
            "disposition": "attachment",
            "priority": "normal",
            "not_after": time_text(NOW + 3600),
            "correlation": {"alarm": 4711},
            "labels": [],
            "contents": [{"name": "content.txt", "type": "text/plain;charset=utf-8", "size": 5, "sha256": digest}],
            "counts": {"queued": 1},
            "recipients": [
                {
                    "to": ALICE,
                    "state": "queued",
                    "reason": None,
                    "progress": {"sent": 0, "acknowledged": 0, "size": 5},
                    "files": [],
                    "attempts": [],
                }
            ],
        }
        self.assertEqual(push, expected)
        self.assertEqual(self.get(headers["location"]), (200, expected))
        self.assertEqual(self.metrics.counted, [("submitted", "json")])

    def test_a_content_with_an_icon(self) -> None:
        """[F-13] The push shows that there is one; what no MESSAGE can carry is not asked of one."""
        content = {"text": "hello", "icon": {"type": "image/png", "base64": "eA=="}}
        status, _, push = self.post(content=content)
        self.assertEqual((status, push["contents"][0]["icon"]), (202, {"type": "image/png"}))
        self.assertEqual(self.get(f"/v1/pushes/{push['id']}")[1]["contents"], push["contents"])

    def test_a_form_with_eight_files_and_their_icons(self) -> None:
        """[F-13] As many as there can be."""
        pieces = []
        contents = [{"upload": f"f{index}", "icon": {"upload": f"i{index}"}} for index in range(MAX_CONTENTS)]
        fields = [("push", "", json.dumps({"to": [ALICE], "contents": contents}))]
        for index in range(MAX_CONTENTS):
            fields += [(f"f{index}", "text/plain", "file"), (f"i{index}", "image/png", "icon")]
        for name, kind, text in fields:
            pieces.append(f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="x"\r\n')
            pieces.append(f"Content-Type: {kind or 'application/json'}\r\n\r\n{text}\r\n")
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        body = "".join([*pieces, "--b--\r\n"]).encode()
        status, push = self.client.ask_json("POST", "/v1/pushes", data=body, headers=headers)
        self.assertEqual((status, [each["icon"] for each in push["contents"]]), (202, [{"type": "image/png"}] * 8))

    def test_raw_by_post_and_by_put_as_curl_does_it(self) -> None:
        """[F-20] `curl -T gate.jpg -H 'Push-To: sip:alice@example.com' http://…/v1/pushes`"""
        for verb in ("POST", "PUT"):
            headers = {"Push-To": f"{ALICE}, {BOB}", "Push-Name": "gate.jpg"}
            status, push = self.client.ask_json(verb, "/v1/pushes", data=b"\xff\xd8", headers=headers)
            self.assertEqual((status, push["counts"], push["contents"][0]["type"]), (202, {"queued": 2}, "image/jpeg"))
        self.assertEqual(self.metrics.counted, [("submitted", "raw")] * 2)

    def test_multipart(self) -> None:
        """[F-20]"""
        body = (
            b'--b\r\nContent-Disposition: form-data; name="push"\r\n\r\n{"to": ["sip:alice@example.com"]}\r\n'
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nA\r\n'
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="b.png"\r\n'
            b"Content-Type: image/png\r\n\r\nB\r\n--b--\r\n"
        )
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        status, push = self.client.ask_json("POST", "/v1/pushes", data=body, headers=headers)
        self.assertEqual((status, [content["name"] for content in push["contents"]]), (202, ["a.txt", "b.png"]))

    def test_it_is_tried_at_once(self) -> None:
        self.start()
        self.post()
        self.assertEqual(len(self.attempts), 1)

    def test_202_comes_only_after_the_commit(self) -> None:
        """[promise 1] The client may forget the push when it hears 202."""
        held: list[tuple[Any, Deferred[Any]]] = []

        def in_thread(call: Any) -> Deferred[Any]:
            held.append((call, Deferred()))
            return held[-1][1]

        self.database.close()
        self.open(in_thread)
        data = json.dumps({"to": [ALICE], "content": {"text": "hello"}}).encode()
        answer = self.client.start("POST", "/v1/pushes", data=data, headers=JSON)
        self.client.flush()
        self.assertNoResult(answer)
        call, done = held.pop()
        committed = call()
        self.client.flush()
        self.assertNoResult(answer)
        done.callback(committed)
        self.assertEqual(self.client.finish(answer)[0], 202)

    def test_a_refusal_names_the_member_and_the_mistake(self) -> None:
        status, headers, problem = self.post(to=["alice"], colour="red")
        self.assertEqual((status, headers["content-type"]), (422, "application/problem+json"))
        self.assertTrue(problem["type"].endswith("bad-field"))
        self.assertEqual(
            problem["errors"], [{"pointer": "/to/0", "code": "uri"}, {"pointer": "/colour", "code": "unknown"}]
        )
        self.assertEqual(self.metrics.counted, [])

    def test_what_is_not_json_is_400_and_what_is_no_form_is_415(self) -> None:
        for kind, body, expected in (
            ("application/json", b"{", 400),
            ("application/json", b"", 400),
            ("application/json", b'{"to": NaN}', 400),
            ("text/xml", b"<push/>", 415),
            ("multipart/form-data", b"x", 400),
        ):
            status, _ = self.client.ask_json("POST", "/v1/pushes", data=body, headers={"Content-Type": kind})
            self.assertEqual(status, expected, body)

    def test_a_broken_disk_is_503_and_a_full_one_507(self) -> None:
        self.patch(self.store, "has_room", lambda size: False)
        self.assertEqual(self.post()[0], 507)
        self.patch(self.store, "has_room", lambda size: True)
        self.store._broken = True
        status, headers, _ = self.post()
        self.assertEqual((status, headers["retry-after"]), (503, "10"))
        self.assertEqual(self.post()[0], 202)

    def test_a_database_that_cannot_be_written_is_503(self) -> None:
        self.patch(self.outbox, "put", lambda *args: fail(OperationalError("", {}, OSError("disk I/O error"))))
        self.assertEqual(self.post()[0], 503)
        self.assertEqual(len(self.flushLoggedErrors(OperationalError)), 1)


class Streaming(ApiCase):
    def begin(self, size: int) -> RawClient:
        raw = RawClient(self.client.site)
        head = f"PUT /v1/pushes HTTP/1.1\r\nHost: 127.0.0.1\r\nPush-To: {ALICE}\r\nContent-Length: {size}\r\n\r\n"
        self.assertEqual(raw.send(head.encode()), b"")
        return raw

    def parts(self) -> list[Any]:
        return [entry for entry in (self.state / "content").iterdir() if entry.suffix == ".part"]

    def test_a_big_body_is_on_the_disk_while_it_comes(self) -> None:
        """[P10] A gigabyte must not be in memory, not even for a moment."""
        size, piece = 20_000_000, bytes(50_000)
        raw = self.begin(size)
        for count in range(1, 400):
            self.assertEqual(raw.send(piece), b"")
            (part,) = self.parts()
            self.assertEqual(part.stat().st_size, count * len(piece))
        self.assertIn(b"202 Accepted", raw.send(piece))
        self.assertEqual(self.parts(), [])

    def test_a_client_that_goes_away_leaves_nothing(self) -> None:
        raw = self.begin(1_000_000)
        raw.send(bytes(SMALL + 1))
        self.assertEqual(len(self.parts()), 1)
        raw.lose()
        self.assertEqual(self.parts(), [])

    def test_a_body_that_is_too_long_is_refused_unread(self) -> None:
        raw = RawClient(self.client.site)
        head = f"PUT /v1/pushes HTTP/1.1\r\nHost: 127.0.0.1\r\nPush-To: {ALICE}\r\nContent-Length: 100000001\r\n\r\n"
        self.assertIn(b" 413 ", raw.send(head.encode()))

    def test_a_body_of_unknown_length_is_cut_at_the_limit(self) -> None:
        self.api = PushApi(
            self.outbox,
            self.store,
            self.dispatch,
            self.traces,
            self.clock,
            self.tokens,
            self.metrics,
            Rules(max_content=1000, time_to_live=1.0),
        )
        raw = RawClient(ApiClient(self, self.api.root(dict, no_doctor("sender", self.clock))).site)
        head = f"PUT /v1/pushes HTTP/1.1\r\nHost: 127.0.0.1\r\nPush-To: {ALICE}\r\nTransfer-Encoding: chunked\r\n\r\n"
        raw.send(head.encode())
        self.assertIn(b" 413 ", raw.send(b"3e9\r\n" + bytes(1001) + b"\r\n"))


class Keys(ApiCase):
    def test_asking_again_gives_the_first_answer(self) -> None:
        first = self.post(headers={"Idempotency-Key": "k"})
        self.clock.advance(5)
        again = self.post(headers={"Idempotency-Key": "k"})
        self.assertEqual((again[0], again[2], again[1]["location"]), (202, first[2], first[1]["location"]))
        self.assertEqual(again[1]["idempotency-replayed"], "true")
        self.assertEqual(self.metrics.counted, [("submitted", "json")])

    def test_the_key_may_be_in_the_body(self) -> None:
        first, again = self.post(idempotency="k"), self.post(idempotency="k")
        self.assertEqual(first[2]["id"], again[2]["id"])

    def test_another_push_with_the_same_key_is_422(self) -> None:
        self.post(headers={"Idempotency-Key": "k"})
        status, _, problem = self.post(headers={"Idempotency-Key": "k"}, title="other")
        self.assertEqual((status, problem["errors"]), (422, [{"pointer": "/idempotency", "code": "reused"}]))

    def test_409_only_while_the_first_is_still_coming_in(self) -> None:
        raw = RawClient(self.client.site)
        head = f"POST /v1/pushes HTTP/1.1\r\nHost: 127.0.0.1\r\nPush-To: {ALICE}\r\nIdempotency-Key: k\r\n"
        raw.send(f"{head}Content-Length: 5\r\n\r\nhel".encode())
        headers = {"Push-To": ALICE, "Idempotency-Key": "k"}
        self.assertEqual(self.client.ask("POST", "/v1/pushes", data=b"hello", headers=headers)[0], 409)
        self.assertIn(b" 202 ", raw.send(b"lo"))
        self.assertEqual(self.client.ask("POST", "/v1/pushes", data=b"hello", headers=headers)[0], 202)


class Tokens(ApiCase):
    def test_each_client_has_its_own_keys_and_scopes(self) -> None:
        tokens = BearerTokens(
            tuple(
                Token(name, frozenset(scopes), hashlib.sha256(name.encode()).digest())
                for name, scopes in (("ops", ["read", "write"]), ("billing", ["write"]), ("wall", ["read"]))
            )
        )
        self.client = ApiClient(self, self.api.root(dict, no_doctor("sender", self.clock)), tokens=tokens)
        ids = []
        for name in ("ops", "billing"):
            headers = {"Authorization": f"Bearer {name}", "Idempotency-Key": "k"}
            status, _, push = self.post(headers=headers)
            self.assertEqual(status, 202)
            ids.append(push["id"])
        self.assertEqual(len(set(ids)), 2)
        self.assertEqual([self.post(headers={"Authorization": "Bearer wall"})[0], self.post()[0]], [403, 401])
