"""What an HTTP client is told when its request fails (RFC 9457). Raised anywhere below a request, written there."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

import attrs

from pushsvc.api.answer import Answer, HeaderFields, json_answer
from pushsvc.errors import PushsvcError

TYPES = "/problems/"


@attrs.frozen
class FieldError:
    """One thing that is wrong in a JSON body: where (RFC 6901 pointer, `""` is the whole) and what (a word)."""

    pointer: str
    code: str


class Problem(PushsvcError):
    """The request is refused: `status` and `slug` for programs, `detail` for people, `errors` for forms."""

    def __init__(
        self,
        status: int,
        slug: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        headers: HeaderFields = (),
    ) -> None:
        super().__init__(f"{status} {slug}: {detail}")
        self.status = status
        self.slug = slug
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = tuple(headers)


def problem_answer(problem: Problem) -> Answer:
    """The answer that says so, as application/problem+json."""
    value: dict[str, object] = {
        "type": TYPES + problem.slug,
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.errors:
        value["errors"] = [attrs.asdict(error) for error in problem.errors]
    return json_answer(value, problem.status, problem.headers, type="application/problem+json")


def not_found(what: str = "nothing is here") -> Problem:
    """404, for a path or an id that means nothing."""
    return Problem(404, "not-found", what)


def too_large(limit: int) -> Problem:
    """413, for a body of more than `limit` octets."""
    return Problem(413, "too-large", f"the body may have {limit} octets at most")


def unsupported_type(*types: str) -> Problem:
    """415, for a body that is none of these media types."""
    headers = [("Accept", ", ".join(types))]
    return Problem(415, "unsupported-type", f"the body must be {' or '.join(types)}", headers=headers)
