"""What the end of an attempt means for its recipient. Pure; INTERFACES 4 "Outcomes" and SECURITY 4 as tables.

    queued ──> sending ──> delivered | accepted | rejected | undeliverable | expired | cancelled
                  │  ^
                  v  │ when due
                waiting ──> expired | cancelled

How a state is kept is in the outbox; what is said about it to people is in explain.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence

import attrs

from pushsvc.errors import DeliveryError, Refused, Withdrawn
from pushsvc.sender.job import AttemptResult, FileResult, FileState

MAX_REASON = 200  # characters: enough for any honest reason phrase, and a line of a table


class State(enum.Enum):
    """Where a recipient stands."""

    QUEUED = "queued"
    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNDELIVERABLE = "undeliverable"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


OPEN = frozenset({State.QUEUED, State.WAITING, State.SENDING})
SUCCESS = frozenset({State.DELIVERED, State.ACCEPTED})
FAILED = frozenset({State.REJECTED, State.UNDELIVERABLE, State.EXPIRED})
CANCELLED = "cancelled by its owner"  # the reason, whoever finds out
_USED_UP = "attempts were made"
_PARKED = "parked: "
_TOO_LATE = "; no time for another attempt before the deadline"
PARTIAL = "partial"  # the state of a push that ended well for some recipients only


@attrs.frozen
class Outcome:
    """What happens to the recipient now; `retry_at` (seconds since 1970) only when it waits."""

    state: State
    reason: str | None = None
    retry_at: float | None = None

    @property
    def word(self) -> str:
        """How the attempt that led here is called."""
        return "retry" if self.state is State.WAITING else self.state.value


@attrs.frozen
class RetryPolicy:
    """When to try again: seconds, and how many attempts in all (the first counts)."""

    first: float = 5.0
    factor: float = 3.0
    max: float = 1800.0
    jitter: float = 0.2
    attempts: int = 12

    def delay(self, tries: int) -> float:
        """The pause after `tries` attempts, without jitter."""
        delay = self.first
        for _ in range(tries - 1):
            if delay >= self.max:
                break
            delay *= self.factor
        return min(delay, self.max)


# What a final status means. A status that is missing means what x00 of its class means (RFC 3261 §8.1.3.2).
_LATER = State.WAITING
SIP: Mapping[int, State] = {
    300: State.UNDELIVERABLE,
    400: State.UNDELIVERABLE,
    403: State.REJECTED,
    404: State.UNDELIVERABLE,
    406: State.REJECTED,
    408: _LATER,
    413: State.REJECTED,
    415: State.REJECTED,
    416: State.REJECTED,
    420: State.REJECTED,
    429: _LATER,
    480: _LATER,
    482: _LATER,  # our own INVITE, by TCP and again by UDP after the stream broke
    486: _LATER,
    488: State.REJECTED,
    491: _LATER,
    494: _LATER,
    500: _LATER,
    501: State.UNDELIVERABLE,
    505: State.UNDELIVERABLE,
    513: State.REJECTED,
    580: State.UNDELIVERABLE,
    600: State.REJECTED,
    604: State.UNDELIVERABLE,
}
MSRP: Mapping[int, State] = {
    400: State.UNDELIVERABLE,
    403: State.REJECTED,
    408: _LATER,
    413: State.REJECTED,
    415: State.REJECTED,
    481: _LATER,
    500: _LATER,
    501: State.UNDELIVERABLE,
    506: _LATER,
}
_SAID = {"sip": "{} ", "msrp": "MSRP {} ", "local": ""}
_SENT = (FileState.DELIVERED, FileState.UNCONFIRMED)


def judge(
    result: AttemptResult,
    files: Sequence[FileResult | None],
    *,
    tries: int,
    now: float,
    policy: RetryPolicy,
    not_after: float,
    chance: float,
    cancelled: bool = False,
) -> Outcome:
    """What this attempt means.

    `files` are the results of all contents so far (None: nothing yet), this attempt's merged in. `tries` counts the
    attempts with this one. `now` and `not_after` are seconds since 1970, `chance` is from 0 to 1. `cancelled`: its
    owner has withdrawn the push meanwhile.
    """
    if end := _settled(result, files):
        return end
    state, reason = _failure(result, files)
    if cancelled:
        return Outcome(State.CANCELLED, CANCELLED)
    if state is State.REJECTED and any(file and file.result is FileState.DELIVERED for file in files):
        return Outcome(State.DELIVERED, one_line(f"the other files were refused: {reason}"))
    if state is not _LATER:
        return Outcome(state, reason)
    if now >= not_after:
        withdrawn = isinstance(result.failure, Withdrawn)
        return Outcome(State.EXPIRED, "its deadline came while it was being sent" if withdrawn else reason)
    return _again(result, reason, tries, now, policy, not_after, chance)


def merged(earlier: Sequence[FileResult | None], result: AttemptResult) -> tuple[FileResult | None, ...]:
    """The results of all contents: an attempt speaks about those that were not settled before it, in their order."""
    news = iter(result.files)
    return tuple(known if is_settled(known) else next(news, known) for known in earlier)


def is_settled(result: FileResult | None) -> bool:
    """Whether the file needs no further attempt."""
    return result is not None and (result.result is FileState.DELIVERED or _refused(result))


def is_given_up(reason: str) -> bool:
    """Whether this reason is of a recipient that was tried as long as it could be."""
    return reason.endswith((_USED_UP, _TOO_LATE))


def parked(crashes: int) -> str:
    """The reason of a recipient that was being sent to at so many crashes in a row."""
    return f"{_PARKED}the service ended {crashes} times in a row while this was being sent"


def is_parked(reason: str) -> bool:
    """Whether this reason is of a recipient that is not tried any more because it may be what makes us crash."""
    return reason.startswith(_PARKED)


def push_state(counts: Mapping[State, int]) -> str:
    """One word for all recipients of a push: the least finished one's, later the weakest success, or `partial`."""
    present = {state for state, count in counts.items() if count}
    for state in (State.SENDING, State.WAITING, State.QUEUED):
        if state in present:
            return str(state.value)
    if present & SUCCESS and present - SUCCESS:
        return PARTIAL
    for state in (State.ACCEPTED, State.UNDELIVERABLE, State.REJECTED, State.EXPIRED, State.CANCELLED):
        if state in present:
            return str(state.value)
    return str(State.DELIVERED.value)


def _settled(result: AttemptResult, files: Sequence[FileResult | None]) -> Outcome | None:
    """Delivered, accepted, or refused altogether; None when something is left to judge."""
    wanted = [file for file in files if not _refused(file)]
    if not wanted and files:
        codes = sorted({str(file.code) for file in files if file and file.code})
        of_file = isinstance(result.failure, Refused) and result.failure.protocol != "sip"
        why = f": {result.failure}" if of_file and str(result.failure) else ""
        return Outcome(State.REJECTED, one_line(f"every file was refused {' '.join(codes)}{why}"))
    if wanted and all(file is not None and file.result is FileState.DELIVERED for file in wanted):
        return Outcome(State.DELIVERED)
    if wanted and all(file is not None and file.result in _SENT for file in wanted):
        if result.mode == "message":
            return Outcome(State.ACCEPTED, "202: taken by a server; nothing proves that it reached the device")
        return Outcome(State.ACCEPTED, "everything was sent; the receiver's report did not come")
    return None


def _refused(file: FileResult | None) -> bool:
    if file is None:
        return False
    refusal = file.result is FileState.FAILED and file.code is not None and _status("msrp", file.code) is State.REJECTED
    return file.result is FileState.REFUSED or refusal


def _failure(result: AttemptResult, files: Sequence[FileResult | None]) -> tuple[State, str]:
    """What the failure means by itself, before anybody asks for the time."""
    match result.failure:
        case Refused() as refused if not _explains_settled(refused, files):
            state = _status(refused.protocol, refused.status)
            # RFC 3261 §21.4.11: with a Retry-After it is too large for the moment only.
            if refused.status == 413 and _wish(result) is not None:
                state = _LATER
            why = f": {refused.why}" if refused.why else ""
            return state, one_line(f"{_SAID[refused.protocol].format(refused.status)}{refused.reason}{why}")
        case Withdrawn() as withdrawn:
            return _LATER, one_line(withdrawn.reason)
        case DeliveryError() as error if not isinstance(error, Refused):
            return _LATER if error.retry else State.UNDELIVERABLE, one_line(error.reason)
    codes = [file.code for file in files if file and not is_settled(file) and file.code]
    if codes:
        return _status("msrp", codes[0]), f"MSRP {codes[0]}"
    return _LATER, "the transfer did not finish"


def _explains_settled(refused: Refused, files: Sequence[FileResult | None]) -> bool:
    """Whether this is the refusal of one file, when others failed for reasons of their own."""
    return refused.protocol != "sip" and any(
        file is not None and _refused(file) and file.code == refused.status for file in files
    )


def _status(protocol: str, status: int) -> State:
    table = MSRP if protocol == "msrp" else SIP
    return table.get(status) or table.get(status // 100 * 100, State.UNDELIVERABLE)


def _again(
    result: AttemptResult, reason: str, tries: int, now: float, policy: RetryPolicy, not_after: float, chance: float
) -> Outcome:
    if tries >= policy.attempts:
        return Outcome(State.UNDELIVERABLE, one_line(reason, f"; {tries} {_USED_UP}"))
    pause = policy.delay(tries) * (1 + policy.jitter * (2 * chance - 1))
    # Retry-After: never sooner than the peer wished, hence jitter one way only.
    wished = (_wish(result) or 0.0) * (1 + policy.jitter * chance)
    at = now + max(pause, wished)
    if at < not_after:
        return Outcome(State.WAITING, reason, at)
    # The deadline comes first: one last chance shortly before it, unless the peer wishes not to hear from us by then.
    last_chance = not_after - policy.first
    if last_chance > now + (_wish(result) or 0.0):
        return Outcome(State.WAITING, reason, last_chance)
    return Outcome(State.UNDELIVERABLE, one_line(reason, _TOO_LATE))


def _wish(result: AttemptResult) -> float | None:
    return result.failure.retry_after if isinstance(result.failure, Refused) else None


def one_line(text: str, ending: str = "") -> str:
    """The peer's words as one bounded line without control characters, with an ending of ours."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(plain.split())[: MAX_REASON - len(ending)] + ending
