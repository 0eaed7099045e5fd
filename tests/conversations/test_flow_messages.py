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


def _stopped_between_chunks(messages: list[str]) -> list[str]:
    """The same of a content that is refused, whose `#` is answered; a closed line of ours keeps all that it said."""
    stop, send, offer, answer, *rest = messages
    id = send.split()[1]
    apart = send.replace(id, "apart").replace("1-*/5000", "4201-*/5000").replace("<2600 octets>\r\n", "")
    done = stop.replace(id, "apart").replace("413 Stop sending", "200 OK")
    offer = offer.replace("a=path:", "a=max-size:10485760\r\na=setup:passive\r\na=path:")
    answer = answer.replace("a=path:", "a=setup:actpass\r\na=path:")
    answer += f"a=file-disposition:attachment\r\na=file-date:{CREATED}\r\n"
    return [stop, apart, done, offer, answer, *rest]


def _explained(messages: list[str]) -> list[str]:
    """RFC 4028 §5: 90 is what a Min-SE that is missing means. Our refusals say why."""
    messages = _replaced(1, (SHORT, f"{SHORT}Min-SE: 90\r\n"))(messages)
    return _replaced(2, ("Min-SE: 300\r\n", f"Min-SE: 300\r\n{TOO_SMALL}\r\n"))(messages)


@attrs.frozen
class Beside:
    """Which of our messages are those of the flow: so many after the first `since`; `edit` is where we differ."""

    since: int = 0
    edit: Edit = _as_it_is


CREATED = 'creation:"Sun, 01 Mar 2026 09:30:00 +0000"'
ALLOW = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, MESSAGE"
TOO_SMALL = 'Warning: 399 pushsvc "Session-Expires too small"'
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
    "flow8e": Beside(edit=_explained),
    "flow9": Beside(since=4, edit=_hash_apart),
    "flow10": Beside(since=6, edit=_stopped_between_chunks),
    "flow11": Beside(since=3),
}


class Messages(SynchronousTestCase):
    """Only ids, hosts, fingerprints and names differ."""

    maxDiff = None

    def test_every_flow_says_what_the_specification_says(self) -> None:
        """Same messages, same order, same headers and session descriptions."""
        for flow in sorted(path.stem for path in transcript.DIRECTORY.iterdir()):
            beside = FLOWS[flow]
            theirs = beside.edit(messages_of(flow))
            ours = kept(flow)[beside.since :][: len(theirs)]
            our_form, their_form = Form(), Form()
            for number, (our, their) in enumerate(zip(ours, theirs, strict=True), 1):
                self.assertEqual(our_form.of(our), their_form.of(their), f"{flow}, message {number}")
