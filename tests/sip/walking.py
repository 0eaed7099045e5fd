"""Walk every (state, input) pair of a transaction, and describe what it did in the words of the RFC's figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Message, Request
from pushsvc.sip.transaction import Input, NoAnswer, Output, ResponseArrived, State, Transaction, Transmit

UDP_HOP = Hop("udp", "192.0.2.9", 5060)
TCP_HOP = Hop("tcp", "192.0.2.9", 5060, connection=7)

TIMERS = frozenset(kind for kind in Input if kind.name.startswith("TIMER")) | {
    Input.CANCEL_GUARD,
    Input.TRYING_DUE,
    Input.UNANSWERED,
}

HEARD = [heard for heard in Input if heard not in TIMERS]


def words(outputs: Iterable[Output]) -> str:
    """Outputs as text: `INVITE!` is sent, `INVITE!!` is sent again, `486^` is passed up."""
    return " ".join(_word(output) for output in outputs)


def _word(output: Output) -> str:
    match output:
        case Transmit(message, _, repeated):
            return _name(message) + ("!!" if repeated else "!")
        case ResponseArrived(response, _):
            return f"{response.status}^"
        case NoAnswer(_, why):
            return why.value
        case _:
            return f"{output.request.method}^"


def _name(message: Message) -> str:
    return message.method if isinstance(message, Request) else str(message.status)


def walk(
    make: Callable[[], Transaction], hear: Callable[[Transaction, Input], list[Output]], states: Iterable[State]
) -> list[str]:
    """One line per pair that does something, `state input -> next state: outputs`; checks what holds for all pairs."""
    lines = []
    for state in states:
        for heard in Input:
            machine = make()
            machine.state = state
            outputs = hear(machine, heard)
            if machine.finished and state is not State.TERMINATED:
                assert machine.deadline is None, (state, heard)
            if outputs or machine.state is not state or (state, heard) in machine.TABLE:
                lines.append(f"{state.value} {heard.name} -> {machine.state.value}: {words(outputs)}".rstrip(": "))
    return lines
