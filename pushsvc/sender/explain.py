"""Why a push went as it went, in words, out of what its attempts recorded. What the words decide is in outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pushsvc.api.fields import time_text
from pushsvc.sender.job import FileState
from pushsvc.sender.outbox_records import Attempt, Push, Recipient
from pushsvc.sender.outcome import FAILED, OPEN, SUCCESS, State, is_given_up, is_parked

Said = tuple[str, str]
"""What it means, and what to try."""

SIP: Mapping[int, Said] = {
    401: (
        "The other side wants credentials, and ours are none, or wrong.",
        "Check sip.auth_user and sip.auth_password.",
    ),
    403: ("The other side does not let us send to this address.", "Ask its operator to allow our identity."),
    404: ("The other side knows no such user.", "Check the address."),
    406: ("The device takes nothing of the kind that was offered.", "Send another media type."),
    407: ("A proxy wants credentials, and ours are none, or wrong.", "Check sip.auth_user and sip.auth_password."),
    408: ("The device did not answer in time.", "It may be off or out of reach; we try again by ourselves."),
    413: ("The content is too large for the other side.", "Send something smaller."),
    415: ("The device does not take this media type.", "Send another media type."),
    416: ("The other side does not understand this kind of address.", "Use a sip: address."),
    420: ("The other side lacks a SIP extension that the push needs.", "Its software may be too old for pushes."),
    480: ("The user is not there at the moment.", "Nothing: we try again by ourselves."),
    486: ("The device is busy.", "Nothing: we try again by ourselves."),
    487: ("The call was given up before it was answered.", "Nothing."),
    488: (
        "The device does not take what was offered: its size, its type, or MSRP as such.",
        "See its rules for pushes.",
    ),
    491: ("The other side was changing the session at the same moment.", "Nothing: we try again by ourselves."),
    500: ("The other side has an error of its own.", "See its logs."),
    501: ("The other side does not know how to take a push.", "It may not support this; check the address."),
    502: ("A gateway on the way got no proper answer.", "See the proxy's logs."),
    503: ("The other side is overloaded or stopping.", "Nothing: we try again by ourselves."),
    504: ("A server on the way waited in vain for another.", "See the proxy's logs."),
    513: ("The request was too large for a server on the way.", 'Send with mode "msrp".'),
    600: ("The user is busy everywhere.", "Try later."),
    603: ("The user, or a rule on the device, declined.", "Ask the user."),
    604: ("This user does not exist anywhere.", "Check the address."),
    606: ("The device cannot take what was offered.", "Send another media type or something smaller."),
}
MSRP: Mapping[int, Said] = {
    403: ("The device refused the content while it came.", "See its rules for pushes."),
    408: ("The device stopped answering while the content came.", "Nothing: we try again by ourselves."),
    413: ("The device stopped the transfer: too large, or it has had enough.", "Send something smaller."),
    415: ("The device does not take this media type.", "Send another media type."),
    481: ("The device ended the session, or had forgotten it.", "Nothing: we try again by ourselves."),
    506: ("The session was bound to another connection.", "Nothing: we try again by ourselves."),
}
_SIP_CLASS: Mapping[int, Said] = {
    3: ("The other side sent us elsewhere, and that did not work.", "Use the address that it gave."),
    4: ("The other side cannot serve this request.", "See its logs."),
    5: ("A server on the way has an error.", "See its logs."),
    6: ("The other side refuses, everywhere.", "Ask the user."),
}
_NO_ANSWER: Said = (
    "Nobody answered, or no connection came about.",
    "Check that the address can be reached from here.",
)
_NO_USE: Said = (
    "What was found there cannot be trusted or used, so it was not tried again.",
    "Put right what the reason names: a certificate, the device's answer, or the address.",
)
_BROKE_OFF: Said = (
    "The device took the push, but the transfer did not come to its end.",
    "Nothing: we try again by ourselves.",
)
_EXCLUDED: Said = (
    "The device's answer leaves out what was offered: its type or its size.",
    "Send another media type or something smaller.",
)
_BY_MESSAGE: Said = (
    "The device has it. If its user has several devices, a MESSAGE goes to each of them and more than one may have it;"
    ' mode "msrp" reaches one.',
    "",
)
_MAY_BE_WHY: Said = (
    "The service ended each time it was being sent, so it may be why, and is not tried by itself any more.",
    "See how the service ended, in its logs; then drive it again: retry.",
)
_STATES: Mapping[State, Said] = {
    State.QUEUED: ("It has not been tried yet.", "Nothing: it is in the queue."),
    State.SENDING: ("It is being sent now.", "Nothing."),
    State.DELIVERED: ("The device has every octet that it accepted.", ""),
    State.ACCEPTED: (
        "It was sent, but nothing proves that it reached the device.",
        "Ask the person before you send it again: it may be there twice then.",
    ),
    State.CANCELLED: ("It was cancelled.", ""),
    State.EXPIRED: ("Its time was over before it could be delivered.", "Submit it again with a later not_after."),
}


def explain(push: Push) -> dict[str, Any]:
    """The story of a push: a summary, and for each recipient why, what to try, and the evidence, attempt by attempt."""
    return {
        "id": push.id,
        "state": push.state,
        "summary": _summary(push),
        "recipients": [_recipient(recipient) for recipient in push.recipients],
    }


def explain_text(push: Push) -> str:
    """The same as lines for people."""
    lines = [_summary(push)]
    for recipient in push.recipients:
        told = _recipient(recipient)
        lines += ["", f"{told['to']}: {told['state']}", f"  {told['why']}"]
        lines += [f"  Try: {told['advice']}"] if told["advice"] else []
        lines += [f"  - {evidence}" for evidence in told["evidence"]]
    return "\n".join(lines) + "\n"


def _summary(push: Push) -> str:
    states = [recipient.state for recipient in push.recipients]
    counted = {
        "was delivered to": sum(state in SUCCESS for state in states),
        "failed for": sum(state in FAILED for state in states),
        "was cancelled for": states.count(State.CANCELLED),
        "is not finished for": sum(state in OPEN for state in states),
    }
    parts = [f"{words} {count}" for words, count in counted.items() if count]
    return f"The push {', '.join(parts)} of {len(states)} {'recipient' if len(states) == 1 else 'recipients'}."


def _recipient(recipient: Recipient) -> dict[str, Any]:
    why, advice = _why(recipient)
    return {
        "to": recipient.to,
        "state": recipient.state.value,
        "why": why,
        "advice": advice,
        "evidence": [*map(_evidence, recipient.attempts), *_left_out(recipient)],
    }


def _why(recipient: Recipient) -> Said:
    last = recipient.attempts[-1] if recipient.attempts else None
    own = _STATES.get(recipient.state)
    if recipient.state is State.EXPIRED and own and last and last.outcome == "retry":
        return f"{own[0]} The last attempt: {_meaning(last)[0]}", own[1]
    if recipient.state is State.DELIVERED and last and last.mode == "message":
        own = _BY_MESSAGE
    said = f" ({recipient.reason})" if recipient.reason else ""
    if own is not None:
        return (own[0] + said, own[1]) if recipient.state in SUCCESS else own
    if is_parked(recipient.reason or ""):
        return _MAY_BE_WHY[0] + said, _MAY_BE_WHY[1]
    why, advice = _meaning(last) if last else _NO_ANSWER
    if recipient.state is State.WAITING:
        return f"{why}{said} It is tried again at {time_text(recipient.due_at)}.", advice
    return why + said, advice.replace("Nothing: we try again by ourselves.", "Drive it again later: retry.")


def _meaning(attempt: Attempt) -> Said:
    if attempt.msrp_status is not None and attempt.msrp_status >= 300:
        return MSRP.get(attempt.msrp_status, ("The device refused the content while it came.", "See its logs."))
    if attempt.sip_status is not None and attempt.sip_status >= 300:
        return SIP.get(attempt.sip_status) or _SIP_CLASS[attempt.sip_status // 100]
    if attempt.sip_status is not None:
        return _EXCLUDED if attempt.outcome == State.REJECTED.value else _BROKE_OFF
    at_once = attempt.outcome == State.UNDELIVERABLE.value and not is_given_up(attempt.reason or "")
    return _NO_USE if at_once else _NO_ANSWER


def _left_out(recipient: Recipient) -> list[str]:
    """The files that the device has not, or not for sure."""
    lacking = [file for file in recipient.files if file is not None and file.result is not FileState.DELIVERED]
    return [f"file {file.name}: {file.result.value}" + (f", {file.code}" if file.code else "") for file in lacking]


def _evidence(attempt: Attempt) -> str:
    """One attempt in a line: when, how, to whom, what came back, what followed."""
    parts = [f"attempt {attempt.number} at {time_text(attempt.started_at)}"]
    parts += [f"by {attempt.mode.upper()}"] if attempt.mode else []
    parts += [f"because {attempt.why_mode}"] if attempt.why_mode else []
    parts += [f"peer {attempt.peer}"] if attempt.peer else []
    parts += [f"SIP {attempt.sip_status} {attempt.sip_reason or ''}".rstrip()] if attempt.sip_status else []
    parts += [f"MSRP {attempt.msrp_status}"] if attempt.msrp_status else []
    parts += [f"{attempt.octets_acknowledged} octets acknowledged"] if attempt.octets_acknowledged else []
    parts += [attempt.outcome or "still running"]
    parts += [attempt.reason] if attempt.reason else []
    parts += [f"next at {time_text(attempt.retry_at)}"] if attempt.retry_at is not None else []
    return "; ".join(parts)
