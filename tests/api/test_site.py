"""Who may ask, by a real HTTP client."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from pushsvc.api.answer import Answer, json_answer, text_answer
from pushsvc.api.body import JsonBody
from pushsvc.api.problem import Problem
from pushsvc.api.request import ApiRequest
from pushsvc.api.resource import ApiResource
from pushsvc.api.tokens import BearerTokens, Token
from tests.api.client import ApiClient, tree


class Pets(ApiResource):
    """A resource as they are: a list, a form, children by name."""

    def child(self, name: str) -> ApiResource | None:
        return Pet(name) if name != "nobody" else None

    def open_body(self, request: ApiRequest) -> JsonBody:
        return JsonBody(request, limit=100)

    def render_GET(self, request: ApiRequest) -> Answer:
        return json_answer({"pets": []})

    async def render_POST(self, request: ApiRequest) -> Answer:
        return json_answer(request.body, 201, [("Location", "/v1/pets/rex")])


class Pet(ApiResource):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def render_GET(self, request: ApiRequest) -> Answer:
        return text_answer(self.name)

    def render_DELETE(self, request: ApiRequest) -> Answer:
        raise Problem(409, "loved", "this pet is needed")


class Open(ApiResource):
    open_while_draining = True

    def scope(self, method: str) -> None:
        """Anybody."""

    def render_GET(self, request: ApiRequest) -> Answer:
        return json_answer("open")


def token(secret: bytes, *scopes: str) -> Token:
    return Token("someone", frozenset(scopes), hashlib.sha256(secret).digest())


class SiteCase(SynchronousTestCase):
    def client(self, **options: Any) -> ApiClient:
        return ApiClient(self, tree(v1_pets=Pets(), open=Open()), **options)


class Routing(SiteCase):
    def test_a_path_that_means_nothing_is_a_404_problem(self) -> None:
        for path in ("/", "/v1", "/v1/", "/v2/pets", "/v1/pets/nobody", "/v1/pets/rex/tail", "/%2e%2e/etc"):
            status, headers, body = self.client().ask("GET", path)
            self.assertEqual((status, headers["content-type"]), (404, "application/problem+json"), path)
            self.assertEqual(json.loads(body)["type"].rpartition("/")[2], "not-found")

    def test_a_method_that_is_not_there_is_a_405_with_allow(self) -> None:
        for method in ("PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "FROB"):
            status, headers, _ = self.client().ask(method, "/v1/pets")
            self.assertEqual((status, headers["allow"]), (405, "GET, POST, HEAD"), method)

    def test_a_name_may_hold_anything(self) -> None:
        self.assertEqual(self.client().ask("GET", "/v1/pets/r%C3%A9x%2F")[2], "réx/".encode())

    def test_head_is_get_without_the_body(self) -> None:
        client = self.client()
        _, get, _ = client.ask("GET", "/v1/pets/rex")
        status, head, body = client.ask("HEAD", "/v1/pets/rex")
        self.assertEqual((status, head["content-type"], body), (200, get["content-type"], b""))
        self.assertEqual(head["content-length"], "3")

    def test_a_problem_reaches_the_client_as_it_was_raised(self) -> None:
        status, problem = self.client().ask_json("DELETE", "/v1/pets/rex")
        self.assertEqual((status, problem["status"], problem["detail"]), (409, 409, "this pet is needed"))

    def test_a_json_body_is_read_and_answered(self) -> None:
        status, headers, body = self.client().ask("POST", "/v1/pets", json={"name": "rex"})
        self.assertEqual((status, headers["location"], json.loads(body)), (201, "/v1/pets/rex", {"name": "rex"}))

    def test_a_json_body_of_another_type_is_refused(self) -> None:
        """A web page can send text/plain to anybody without asking."""
        for type in ("text/plain", "application/jsonx", "application/json, text/plain", ""):
            status, headers, _ = self.client().ask("POST", "/v1/pets", data=b"{}", headers={"Content-Type": type})
            self.assertEqual((status, headers["accept"]), (415, "application/json"), type)

    def test_a_type_with_parameters_is_the_same_type(self) -> None:
        headers = {"Content-Type": "Application/JSON; charset=utf-8"}
        self.assertEqual(self.client().ask("POST", "/v1/pets", data=b"{}", headers=headers)[0], 201)

    def test_answers_are_not_cached_and_not_sniffed(self) -> None:
        _, headers, _ = self.client().ask("GET", "/v1/pets")
        self.assertEqual((headers["cache-control"], headers["x-content-type-options"]), ("no-store", "nosniff"))

    def test_a_resource_that_is_none_of_ours_is_not_there(self) -> None:
        """Twisted's own answer by other rules."""
        root = tree()
        root.putChild(b"foreign", Resource())
        self.assertEqual(ApiClient(self, root).ask("GET", "/foreign")[0], 404)

    def test_our_own_mistake_is_a_500(self) -> None:
        class Broken(ApiResource):
            async def render_GET(self, request: ApiRequest) -> Answer:
                raise ZeroDivisionError("secret")

        status, problem = ApiClient(self, tree(broken=Broken())).ask_json("GET", "/broken")
        self.assertEqual(status, 500)
        self.assertNotIn("secret", json.dumps(problem))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class Tokens(SiteCase):
    """Bearer tokens, when there are any."""

    def setUp(self) -> None:
        tokens = BearerTokens((token(b"looks", "read"), token(b"does", "read", "write"), token(b"root", "*")))
        self.api = self.client(tokens=tokens)

    def ask(self, method: str, path: str, secret: str | None, **options: Any) -> int:
        headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        return self.api.ask(method, path, headers=headers, **options)[0]

    def test_without_a_token_nothing_is_told(self) -> None:
        status, headers, _ = self.api.ask("GET", "/v1/pets")
        self.assertEqual((status, headers["www-authenticate"]), (401, "Bearer"))

    def test_a_wrong_token_is_none(self) -> None:
        for header in ("Bearer wrong", "Basic bG9va3M6", "Bearer", "looks", "Bearer looks looks"):
            self.assertEqual(self.api.ask("GET", "/v1/pets", headers={"Authorization": header})[0], 401, header)

    def test_a_token_may_do_what_its_scopes_say(self) -> None:
        self.assertEqual(self.ask("GET", "/v1/pets", "looks"), 200)
        self.assertEqual(self.ask("POST", "/v1/pets", "looks", json={}), 403)
        self.assertEqual(self.ask("POST", "/v1/pets", "does", json={}), 201)
        self.assertEqual(self.ask("POST", "/v1/pets", "root", json={}), 201)

    def test_a_body_is_not_read_for_who_may_not_send_it(self) -> None:
        self.assertEqual(self.ask("POST", "/v1/pets", None, data=b"x" * 100_000), 401)

    def test_what_is_open_needs_no_token(self) -> None:
        self.assertEqual(self.ask("GET", "/open", None), 200)


class Draining(SiteCase):
    def test_while_the_daemon_stops_only_what_watches_it_is_answered(self) -> None:
        client = self.client()
        client.site.draining = True
        status, headers, _ = client.ask("GET", "/v1/pets")
        self.assertEqual((status, headers["retry-after"]), (503, "30"))
        self.assertEqual(client.ask("GET", "/open")[0], 200)


class Browsers(SiteCase):
    """A web page must not make its reader's browser push for it."""

    def test_a_request_from_another_sites_page_is_refused(self) -> None:
        for origin in ("http://evil.example", "null", "https://127.0.0.1.evil.example", "http://127.0.0.1:1"):
            self.assertEqual(self.client().ask("GET", "/v1/pets", headers={"Origin": origin})[0], 403, origin)

    def test_our_own_pages_may_ask(self) -> None:
        self.assertEqual(self.client().ask("GET", "/v1/pets", headers={"Origin": "http://127.0.0.1"})[0], 200)

    def test_a_name_that_was_bent_to_our_address_is_refused(self) -> None:
        for host in ("evil.example", "evil.example:8480", "localhost.evil.example", "127.0.0.1.evil.example"):
            self.assertEqual(self.client().ask("GET", "/v1/pets", headers={"Host": host})[0], 403, host)

    def test_local_names_and_addresses_are_fine(self) -> None:
        for host in ("localhost", "LOCALHOST:8480", "127.0.0.1:8480", "[::1]:8480", "192.0.2.1"):
            self.assertEqual(self.client().ask("GET", "/v1/pets", headers={"Host": host})[0], 200, host)

    def test_with_tokens_any_name_is_fine(self) -> None:
        """Then a page would need the token, too."""
        client = self.client(tokens=BearerTokens((token(b"root", "*"),)))
        headers = {"Host": "push.example.com", "Authorization": "Bearer root"}
        self.assertEqual(client.ask("GET", "/v1/pets", headers=headers)[0], 200)
