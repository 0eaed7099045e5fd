"""What every resource of the APIs is: which methods, which scope, which body. Routing is Twisted's resource tree.

A resource declares itself in a few lines:

    class Opened(ApiResource):
        async def render_POST(self, request):
            await self._inbox.opened(self._id)
            return NO_CONTENT

    class Pushes(ApiResource):
        def open_body(self, request):
            return JsonBody(request, limit=MiB) if ... else Upload(self._outbox, limit=...)

        async def render_POST(self, request):
            return json_answer(await self._outbox.put(request.body), 202, [("Location", ...)])

`render_*` methods take the request and return an `Answer`, a `Streamed`, a Deferred of one, or are coroutines. Raise
`Problem` anywhere for anything else. The methods that exist are the ones that are allowed; HEAD comes with GET.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource

from pushsvc.api.answer import Handled
from pushsvc.api.body import BodyConsumer, NoBody
from pushsvc.api.problem import Problem, not_found

if TYPE_CHECKING:
    from pushsvc.api.request import ApiRequest

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class ApiResource(Resource):
    """One path of an API. Children are put with `putChild`, or made by `child` when their names are not known."""

    # Answered as ever while the daemon drains: what watches us must go on seeing.
    open_while_draining = False

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def scope(self, method: str) -> str | None:
        """What a token must be allowed for this method; None: anybody may."""
        return "read" if method in ("GET", "HEAD") else "write"

    def open_body(self, request: ApiRequest) -> BodyConsumer:
        """Who takes the body of this POST, PUT or PATCH; its headers are there, nothing of it is read yet.

        Raises Problem to refuse it unread.
        """
        return NoBody()

    def child(self, name: str) -> IResource | None:
        """The resource below this one for a name that was not put, None when there is none."""
        return None

    def getChild(self, path: bytes, request: IRequest) -> IResource:
        found = self.child(path.decode("utf-8", "replace"))
        if found is None:
            raise not_found()
        return found

    def methods(self) -> tuple[str, ...]:
        """The methods that this resource has, HEAD among them when GET is."""
        own = tuple(method for method in _METHODS if hasattr(self, f"render_{method}"))
        return (*own, "HEAD") if "GET" in own else own

    def check_method(self, method: str) -> None:
        """Raises Problem 404 when nothing is here, 405 with Allow when something is but not this."""
        methods = self.methods()
        if not methods:
            raise not_found()
        if method not in methods:
            allowed = ", ".join(methods)
            raise Problem(405, "method-not-allowed", f"only {allowed} is allowed here", headers=[("Allow", allowed)])

    def handle(self, request: ApiRequest) -> Handled:
        """Answer; the method was checked."""
        method = "GET" if request.verb == "HEAD" else request.verb
        return cast(Handled, getattr(self, f"render_{method}")(request))
