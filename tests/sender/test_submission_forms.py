"""How a push comes in: each form by the octets that real clients send, in every piece they may come in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from pushsvc.api.problem import Problem
from pushsvc.sender import content_store
from pushsvc.sender.content_store import SMALL, ContentStore, NoRoom, StoreBroken
from pushsvc.sender.submission import Draft, Rules
from pushsvc.sender.submission_contents import MAX_CONTENTS
from pushsvc.sender.submission_forms import MAX_JSON, Reservations, Reserved, open_form
from pushsvc.sender.submission_multipart import MAX_FIELD
from tests.sender.outbox_case import ALICE, BOB, CountingTokens, at_once

BOUNDARY = "----form1234"
PUSH = json.dumps({"to": [ALICE]})


class Wanted:
    """As much of a request as a form looks at."""

    token = None

    def __init__(self, verb: str = "POST", **fields: str) -> None:
        self.verb = verb
        self.requestHeaders = Headers()
        for name, value in fields.items():
            self.requestHeaders.addRawHeader(name.replace("_", "-"), value)

    def header(self, name: str) -> str | None:
        values = self.requestHeaders.getRawHeaders(name)
        return values[-1] if values else None


class FormCase(SynchronousTestCase):
    rules = Rules(max_content=100_000, time_to_live=60.0)

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.store = ContentStore(self.directory, at_once, CountingTokens(), floor=0)
        self.store.start()
        self.reservations = Reservations()

    def form(self, verb: str = "POST", **fields: str) -> Any:
        return open_form(Wanted(verb, **fields), self.store, self.rules, self.reservations)  # type: ignore[arg-type]

    def problem(self, status: int, call: Any, *args: Any, **fields: str) -> list[str]:
        problem = self.assertRaises(Problem, call, *args, **fields)
        self.assertEqual(problem.status, status)
        return [error.pointer for error in problem.errors]

    def draft(self, form: Any, octets: bytes, step: int | None = None) -> Draft:
        for start in range(0, len(octets), step or max(len(octets), 1)):
            self.assertIsNone(form.write(octets[start : start + (step or len(octets))]))
        draft = form.finish()
        assert isinstance(draft, Draft)
        return draft


class Choosing(FormCase):
    def test_what_is_neither_json_nor_multipart_nor_addressed_is_415(self) -> None:
        for kind in ("text/xml", "text/plain", "application/jsonish", ""):
            self.problem(415, self.form, Content_Type=kind)

    def test_json_with_an_address_in_the_header_is_a_content(self) -> None:
        """A JSON file is a file like any other."""
        draft = self.draft(self.form(Push_To=ALICE, Content_Type="application/json"), b"{}")
        self.assertEqual((draft.door, draft.parts[0].type), ("raw", "application/json"))

    def test_a_full_disk_is_507_before_the_body_is_read(self) -> None:
        self.patch(self.store, "has_room", lambda size: size < 1000)
        self.form(Content_Type="application/json", Content_Length="999")
        self.problem(507, self.form, Content_Type="application/json", Content_Length="1000")

    def test_a_broken_disk_is_503_until_it_is_probed_and_well(self) -> None:
        self.store._broken = True
        self.problem(503, self.form, Content_Type="application/json")
        self.form(Content_Type="application/json")

    def test_the_limits_are_known_before_the_body_is_read(self) -> None:
        self.assertEqual(self.form(Content_Type="application/json").limit, MAX_JSON)
        self.assertEqual(self.form(Push_To=ALICE).limit, 100_000)
        multipart = self.form(Content_Type=f"multipart/form-data; boundary={BOUNDARY}")
        self.assertGreater(multipart.limit, 8 * 100_000 + MAX_FIELD)
        self.assertLess(multipart.limit, 8 * 100_000 + 2 * MAX_FIELD)


class Raw(FormCase):
    def test_the_headers_are_the_push_and_the_body_is_the_content(self) -> None:
        form = self.form(
            "PUT",
            Push_To=f"{ALICE}, <sip:b,ob@example.com>",
            Push_Name="gate.jpg",
            Push_Title="Gate 3",
            Push_Until="2027-01-15T08:00:00Z",
            Push_Mode="msrp",
            Push_Priority="high",
            Push_Labels="a, b",
            Content_Type="image/jpeg",
            Idempotency_Key="k1",
        )
        draft = self.draft(form, b"octets")
        self.assertEqual(
            draft.fields,
            {
                "to": [ALICE, "sip:b,ob@example.com"],
                "title": "Gate 3",
                "not_after": "2027-01-15T08:00:00Z",
                "mode": "msrp",
                "priority": "high",
                "labels": ["a", "b"],
            },
        )
        (part,) = draft.parts
        self.assertEqual((part.name, part.type, part.upload.small()), ("gate.jpg", "image/jpeg", b"octets"))
        self.assertEqual((draft.door, draft.key), ("raw", "k1"))

    def test_a_bracket_that_is_never_closed_takes_all_that_follows(self) -> None:
        """It is no address, whatever it is; and thousands of them are looked at once."""
        draft = self.draft(self.form(Push_To=f"{BOB}, <{ALICE}, {BOB}"), b"x")
        self.assertEqual(draft.fields["to"], [BOB, f"<{ALICE}, {BOB}"])
        draft = self.draft(self.form(Push_To="<" * 16_000), b"x")
        self.assertEqual(draft.fields["to"], ["<" * 16_000])

    def test_curl_without_a_type_has_none(self) -> None:
        """`curl --data-binary` calls everything a form."""
        for kind in ("application/x-www-form-urlencoded", ""):
            draft = self.draft(self.form(Push_To=ALICE, Content_Type=kind), b"x")
            self.assertIsNone(draft.parts[0].type)

    def test_a_header_that_is_misspelt_is_told(self) -> None:
        self.assertEqual(self.problem(422, self.form, Push_To=ALICE, Push_Titel="x"), ["/push-titel"])

    def test_without_an_address_it_is_still_a_raw_push(self) -> None:
        """So that the answer is that `to` is missing, not that the type is wrong."""
        self.assertEqual(self.draft(self.form("PUT"), b"x").fields, {})
        self.assertEqual(self.draft(self.form(Push_Title="x", Content_Type="text/plain"), b"x").fields, {"title": "x"})

    def test_a_client_that_goes_away_leaves_nothing(self) -> None:
        form = self.form(Push_To=ALICE)
        form.write(bytes(SMALL + 1))
        form.abandon()
        self.assertEqual(list(self.directory.iterdir()), [])


def multipart(*parts: tuple[str, str | None, str | None, bytes]) -> bytes:
    """The body with these parts: field, file name, type, octets."""
    body = b""
    for field, name, kind, octets in parts:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"'
        head += f'; filename="{name}"' if name is not None else ""
        head += f"\r\nContent-Type: {kind}" if kind is not None else ""
        body += head.encode() + b"\r\n\r\n" + octets + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


class Multipart(FormCase):
    def open(self) -> Any:
        return self.form(Content_Type=f"multipart/form-data; boundary={BOUNDARY}")

    def read(self, body: bytes, step: int | None = None) -> Draft:
        return self.draft(self.open(), body, step)

    def shape(self, draft: Draft) -> list[Any]:
        parts = [(part.field, part.name, part.type, part.upload.sha256) for part in draft.parts]
        return [draft.door, draft.fields, parts]

    def test_however_it_is_cut_it_is_the_same_push(self) -> None:
        """A boundary may lie across any two packets."""
        nasty = f"\r\n--{BOUNDARY[:-1]}\r\n--".encode() + bytes(range(256))
        body = multipart(
            ("file", "gate.jpg", "image/jpeg", nasty), ("push", None, None, PUSH.encode()), ("file", None, None, b"")
        )
        whole = self.shape(self.read(body))
        self.assertEqual((whole[1], len(whole[2])), ({"to": [ALICE]}, 2))
        self.assertEqual(whole[2][0][:3], ("file", "gate.jpg", "image/jpeg"))
        for cut in range(1, len(body)):
            form = self.open()
            form.write(body[:cut])
            self.assertEqual(self.shape(self.draft(form, body[cut:])), whole, cut)
        self.assertEqual(self.shape(self.read(body, step=1)), whole)

    def test_a_big_part_goes_to_the_disk_as_it_comes(self) -> None:
        octets = bytes(range(256)) * 200
        draft = self.read(multipart(("push", None, None, PUSH.encode()), ("file", "x", None, octets)), step=1000)
        (part,) = draft.parts
        self.assertIsNone(part.upload.small())
        part.upload.publish()
        self.assertEqual(self.store.path(part.upload.sha256).read_bytes(), octets)

    def test_what_is_no_form_is_400(self) -> None:
        push = ("push", None, None, PUSH.encode())
        table = [
            b"",
            b"hello",
            multipart(push)[:-8],
            multipart(push).replace(b"form-data", b"attachment"),
            multipart(("push", None, None, b"{")),
            multipart(("push", None, None, b'{"to": 1, "to": 2}')),
            multipart(push).replace(b"\r\n\r\n", b"\r\n" + b"X: " + b"y" * 9000 + b"\r\n\r\n", 1),
        ]
        for body in table:
            problem = self.assertRaises(Problem, self.read, body)
            self.assertIn(problem.status, (400, 413), body)

    def test_a_boundary_that_cannot_be_is_400(self) -> None:
        for boundary in ("", "; boundary=", "; boundary=" + "x" * 71, "; boundary=ü"):
            self.problem(400, self.form, Content_Type="multipart/form-data" + boundary)

    def test_the_push_must_be_there_and_once(self) -> None:
        push = ("push", None, None, PUSH.encode())
        self.assertEqual(self.problem(422, self.read, multipart(("file", "x", None, b"x" * 20_000))), ["/push"])
        self.assertEqual(self.problem(422, self.read, multipart(push, push)), ["/push"])

    def test_too_much_is_413(self) -> None:
        push = ("push", None, None, PUSH.encode())
        self.problem(413, self.read, multipart(push, ("file", "x", None, bytes(100_001))))
        self.problem(413, self.read, multipart(("push", None, None, b" " * (MAX_FIELD + 1))))
        self.problem(413, self.read, multipart(push, *[("file", "x", None, b"x")] * (2 * MAX_CONTENTS + 1)))

    def test_a_form_that_broke_leaves_nothing(self) -> None:
        form = self.open()
        form.write(multipart(("file", "x", None, bytes(20_000)))[:-8])
        self.assertRaises(Problem, form.finish)
        self.assertEqual(list(self.directory.iterdir()), [])

    def test_a_part_that_waits_for_the_disk_makes_the_client_wait(self) -> None:
        waiting: list[Deferred[None]] = []
        self.patch(self.store, "in_thread", lambda call: waiting.append(Deferred()) or waiting[-1])  # type: ignore[func-returns-value]
        self.patch(content_store, "SYNC_EVERY", 20_000)
        form = self.open()
        written = form.write(multipart(("file", "x", None, bytes(30_000))))
        self.assertNoResult(written)
        waiting[0].errback(NoRoom("full"))
        self.assertEqual(self.failureResultOf(written, Problem).value.status, 507)


class Keys(FormCase):
    def test_a_key_is_held_while_its_request_comes_in(self) -> None:
        """Two uploads of a gigabyte with one key are one too many."""
        first = self.form(Push_To=ALICE, Idempotency_Key="k")
        self.problem(409, self.form, Push_To=ALICE, Idempotency_Key="k")
        self.form(Push_To=ALICE, Idempotency_Key="other")
        first.write(b"x")
        first.finish()
        self.form(Push_To=ALICE, Idempotency_Key="k").abandon()
        self.form(Push_To=BOB, Idempotency_Key="k")

    def test_a_form_that_was_refused_holds_nothing(self) -> None:
        self.problem(422, self.form, Push_Titel="x", Idempotency_Key="k")
        self.form(Push_To=ALICE, Idempotency_Key="k")

    def test_another_client_has_keys_of_its_own(self) -> None:
        self.reservations.take("ops", "k")
        self.reservations.take("billing", "k")
        self.problem(409, self.reservations.take, "ops", "k")


class Disk(FormCase):
    def test_what_the_disk_says_is_told_in_http(self) -> None:
        class Broken:
            limit = 1

            def __init__(self, error: Exception) -> None:
                self.error = error

            def write(self, octets: bytes) -> None:
                raise self.error

            def finish(self) -> None:
                raise self.error

            def abandon(self) -> None:
                """Nothing is held."""

        for error, status in ((NoRoom("full"), 507), (StoreBroken("I/O error"), 503)):
            form = Reserved(Broken(error), lambda: None)
            self.problem(status, form.write, b"x")
            self.problem(status, form.finish)
