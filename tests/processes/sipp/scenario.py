"""A scenario of SIPp, written step by step: XML, in which the texts of the messages are SIPp's templates."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import dedent
from xml.sax.saxutils import escape

import attrs

REASONS = {
    180: "Ringing",
    200: "OK",
    401: "Unauthorized",
    404: "Not Found",
    415: "Unsupported Media Type",
    480: "Temporarily Unavailable",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    503: "Service Unavailable",
}


@attrs.frozen
class Check:
    """What a message must say: an extended regular expression (POSIX) for a header's value, the body, or all of it.

    A name for `keep` makes `[$name]` of what the first pair of parentheses matched.
    """

    pattern: str
    where: str = "msg"
    keep: str = ""
    absent: bool = False
    occurrence: int = 1

    def action(self, name: str) -> str:
        """As XML. `name` is of a variable that nobody reads."""
        place = (
            f'search_in="{self.where}"'
            if self.where in ("msg", "body")
            else f'search_in="hdr" header="{self.where}:" occurrence="{self.occurrence}"'
        )
        verdict = "check_it_inverse" if self.absent else "check_it"
        assigned = f"{name},{self.keep}" if self.keep else name
        return f'      <ereg regexp={_quoted(self.pattern)} {place} {verdict}="true" assign_to="{assigned}"/>'


def header(name: str, pattern: str, *, keep: str = "", occurrence: int = 1) -> Check:
    """One header's value."""
    return Check(pattern, name, keep, occurrence=occurrence)


def body(pattern: str, *, keep: str = "") -> Check:
    """Something in the body."""
    return Check(pattern, "body", keep)


def without(name: str) -> Check:
    """No header of this name."""
    return Check(f"[[:cntrl:]]{name} *:", absent=True)


class Scenario:
    """The steps so far. Each method adds one and gives the scenario back."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._steps: list[str] = []
        self._names: list[str] = []
        self._invited = 0

    def send(self, text: str, *, again: bool = True, is_invite: bool = False) -> Scenario:
        """A message; over UDP it is sent until the next one comes, if `again`. `{invite}`: the INVITE's branch."""
        if is_invite:
            self._invited = len(self._steps)
        back = len(self._steps) - self._invited
        written = dedent(text).strip("\n").replace("{invite}", f"[branch-{back}]")
        written += "\n" if "\n\n" in written else "\n\n"
        retrans = ' retrans="500"' if again else ""
        self._steps.append(f"  <send{retrans}><![CDATA[\n{written}]]></send>")
        return self

    def reply(self, status: int, *lines: str, content: str = "", tag: str = "", again: bool = True) -> Scenario:
        """An answer to the request that came last; `tag` is put into its To, `lines` are headers, one in each."""
        head = [
            f"SIP/2.0 {status} {REASONS[status]}",
            "[last_Via:]\n[last_From:]",
            "[last_To:]" + (f";tag={tag}" if tag else ""),
            "[last_Call-ID:]\n[last_CSeq:]",
            *lines,
            *(["Content-Type: application/sdp\nContent-Length: [len]"] if content else ["Content-Length: 0"]),
        ]
        return self.send("\n".join([*head, "", content]), again=again)

    def expect(self, what: int | str, *checks: Check, optional: bool = False, challenge: bool = False) -> Scenario:
        """A response (its status) or a request (its method). From a `challenge` SIPp makes `[authentication]`.

        The route set of a dialog is taken from it.
        """
        kind = f'response="{what}"' if isinstance(what, int) else f'request="{what}"'
        traits = ' optional="true"' * optional + ' auth="true"' * challenge
        traits += ' rrs="true"' if what in (200, "INVITE") else ""
        actions = []
        for check in checks:
            name = f"v{len(self._names)}"
            self._names += [name, *([check.keep] if check.keep else [])]
            actions.append(check.action(name))
        inner = "\n".join(["", "    <action>", *actions, "    </action>", "  "]) if actions else ""
        self._steps.append(f"  <recv {kind}{traits}>{inner}</recv>")
        return self

    def ringing(self, statuses: Sequence[int] = (100, 180, 183)) -> Scenario:
        """Provisional responses, or none."""
        for status in statuses:
            self.expect(status, optional=True)
        return self

    def pause(self, milliseconds: int) -> Scenario:
        """Say nothing for a while; repeats of what was said before are still answered."""
        self._steps.append(f'  <pause milliseconds="{milliseconds}"/>')
        return self

    @property
    def xml(self) -> str:
        """All of it."""
        used = f'  <Reference variables="{",".join(self._names)}"/>' if self._names else ""
        head = ['<?xml version="1.0" encoding="UTF-8" ?>', f"<scenario name={_quoted(self.name)}>"]
        return "\n".join([*head, *self._steps, used, "</scenario>", ""])


def _quoted(text: str) -> str:
    return '"{}"'.format(escape(text, {'"': "&quot;"}))
