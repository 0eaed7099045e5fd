from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.api.answer import Answer
from pushsvc.api.lists import MAX_LIMIT, cursor_of, cursor_parts, list_answer, page_limit, read_query
from pushsvc.api.problem import Problem
from pushsvc.api.request import ApiRequest
from pushsvc.api.resource import ApiResource
from tests.api.client import ApiClient, tree


class Listing(ApiResource):
    """A list that shows how it was asked."""

    def render_GET(self, request: ApiRequest) -> Answer:
        query = read_query(request, ("state", "limit", "cursor"))
        page_limit(query)
        return list_answer([query], "next")


class Queries(SynchronousTestCase):
    def ask(self, query: str) -> tuple[int, object]:
        status, value = ApiClient(self, tree(list=Listing())).ask_json("GET", f"/list{query}")
        return status, value if status != 200 else value["items"][0]

    def test_known_parameters_are_read(self) -> None:
        self.assertEqual(self.ask(""), (200, {}))
        self.assertEqual(self.ask("?"), (200, {}))
        self.assertEqual(self.ask("?state=a%20b&limit=5&cursor="), (200, {"state": "a b", "limit": "5", "cursor": ""}))

    def test_an_unknown_parameter_is_refused(self) -> None:
        """Who asks for `?states=new` must not get everything instead."""
        status, problem = self.ask("?states=new")
        assert isinstance(problem, dict)
        self.assertEqual((status, problem["errors"]), (422, [{"pointer": "?states", "code": "unknown"}]))

    def test_a_parameter_that_is_there_twice_is_refused(self) -> None:
        self.assertEqual(self.ask("?state=a&state=b")[0], 400)

    def test_a_query_that_cannot_be_read_is_refused(self) -> None:
        for query in ("?state", "?=", "?state=%ff", "?" + "&".join(f"a{number}=1" for number in range(100))):
            self.assertIn(self.ask(query)[0], (400, 422), query)

    def test_a_limit_is_a_number_from_1(self) -> None:
        for text in ("0", "-1", "+1", str(MAX_LIMIT + 1), "x", "", "9" * 5000, "٣"):
            self.assertRaises(Problem, page_limit, {"limit": text})
        self.assertEqual(page_limit({"limit": str(MAX_LIMIT)}), MAX_LIMIT)
        self.assertEqual(page_limit({}), 50)

    def test_a_list_says_what_comes_next(self) -> None:
        self.assertEqual(json.loads(list_answer([1], None).body), {"items": [1], "next": None})


class Cursors(SynchronousTestCase):
    def test_a_cursor_gives_back_what_it_stands_for(self) -> None:
        self.assertEqual(cursor_parts(cursor_of("12", "né"), 2), ["12", "né"])

    def test_a_cursor_of_another_list_is_refused(self) -> None:
        self.assertEqual(self.assertRaises(Problem, cursor_parts, cursor_of("1", "2"), 1).status, 422)

    @settings(derandomize=True, deadline=None, max_examples=100)
    @given(st.text(max_size=30))
    def test_a_made_up_cursor_is_refused_or_read(self, cursor: str) -> None:
        try:
            cursor_parts(cursor, 1)
        except Problem as problem:
            self.assertEqual(problem.status, 422)
