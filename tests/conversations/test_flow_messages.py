"""What we say in the flows of the specification, message by message beside what the specification says there."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.trial.unittest import SynchronousTestCase

from tests.conversations import transcript
from tests.conversations.flow import Form, kept, messages_of

Edit = Callable[[list[str]], list[str]]


def _as_it_is(messages: list[str]) -> list[str]:
    return messages


def _replaced(number: int, *changes: tuple[str, str]) -> Edit:
    """The message with this number (from 1) says something else."""

    def edit(messages: list[str]) -> list[str]:
        text = messages[number - 1]
        for before, after in changes:
            assert before in text, before
            text = text.replace(before, after)
        return [*messages[: number - 1], text, *messages[number:]]

    return edit


def _without_description(messages: list[str]) -> list[str]:
    """[R-PRA-INV-1] The capabilities in a 488 are optional (RFC 3261 §21.4.26), and so is its Allow."""
    head = messages[1].partition("\r\n\r\n")[0].split("\r\n")
    left = [line for line in head if not line.startswith(("Allow:", "Content-Type:"))]
    return [messages[0], "\r\n".join(left) + "\r\n\r\n", messages[2]]


def _hash_apart(messages: list[str]) -> list[str]:
    """Our chunks are written whole: the `#` is a chunk of its own, and the flow lets the 200 go first."""
    bye, send, answer = messages
    return [bye, answer, send.replace("1-*/5000", "2501-*/5000").replace("<1500 octets>\r\n", "")]


@attrs.frozen
class Beside:
    """Which of our messages are those of the flow: so many after the first `since`; `edit` is where we differ."""

    since: int = 0
    edit: Edit = _as_it_is


ALLOW = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, MESSAGE"
TIMER, SHORT = "Supported: timer\r\n", "Session-Expires: 90;refresher=uac\r\n"

FLOWS = {
    "flow1": Beside(),
    "flow2": Beside(),
    "flow3": Beside(since=5),
    "flow4": Beside(edit=_without_description),
    "flow5": Beside(),
    "flow6": Beside(),
    "flow7": Beside(),
    # RFC 3311 §5.1: an UPDATE may say what we allow, as every INVITE does.
    "flow8a": Beside(since=5, edit=_replaced(1, (TIMER, f"{TIMER}{ALLOW}\r\n"))),
    # Or there would be no reason for the INVITE.
    "flow8b": Beside(since=5, edit=_replaced(2, (" UPDATE,", ""))),
    "flow8c": Beside(since=5, edit=_replaced(1, (TIMER, f"{TIMER}{ALLOW}\r\n"))),
    "flow8d": Beside(since=5),
    # RFC 4028 §5: 90 is what a Min-SE that is missing means.
    "flow8e": Beside(edit=_replaced(1, (SHORT, f"{SHORT}Min-SE: 90\r\n"))),
    "flow9": Beside(since=4, edit=_hash_apart),
}


class Messages(SynchronousTestCase):
    """Only ids, hosts, fingerprints and names differ."""

    maxDiff = None

    def test_every_flow_says_what_the_specification_says(self) -> None:
        """Same messages, same order, same headers and session descriptions."""
        for flow, beside in FLOWS.items():
            theirs = beside.edit(messages_of(flow))
            ours = kept(flow)[beside.since :][: len(theirs)]
            our_form, their_form = Form(), Form()
            for number, (our, their) in enumerate(zip(ours, theirs, strict=True), 1):
                self.assertEqual(our_form.of(our), their_form.of(their), f"{flow}, message {number}")

    def test_every_transcript_is_compared(self) -> None:
        """A conversation that is kept and that nobody compares proves nothing."""
        self.assertEqual({path.stem for path in transcript.DIRECTORY.iterdir()} - FLOWS.keys(), set())
