"""How a session lives: from the answer to its end. What is done in each state is `Session`'s; when, is here.

    Connecting --opened--> Open
         |                  |
         +------close-------+----> Closing --bye_over--> Closed
         |                  |         |                    ^
         +-----hung_up------+---------+-----hung_up--------+

An input that is not drawn here, in a state that is not drawn here, is a bug of ours and raises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from automat import TypeMachineBuilder


class Life(Protocol):
    """What happens to a session."""

    def opened(self) -> None:
        """The peer can be spoken to over MSRP."""

    def close(self, why: str) -> None:
        """We want it to end. Closing twice is closing once."""

    def hung_up(self, why: str) -> None:
        """The peer's BYE came, or the dialog turned out to be gone."""

    def bye_over(self) -> None:
        """Our BYE was answered, whatever the answer, or given up (rule A-27)."""


class Deeds(Protocol):
    """What a session does when its state changes."""

    def send_bye(self) -> None:
        """Say BYE; `bye_over` follows within the time of a transaction."""

    def release(self) -> None:
        """Let go of the user plane and of every timer."""

    def tell_ended(self) -> None:
        """Everyone who waits for the end hears of it, and the session is forgotten."""

    def note_why(self, why: str, ours: bool) -> None:
        """The reason for the end: the first one counts."""


def _build() -> Callable[[Deeds], Life]:
    machine = TypeMachineBuilder(Life, Deeds)  # type: ignore[type-abstract]
    connecting = machine.state("Connecting")
    open_ = machine.state("Open")
    closing = machine.state("Closing")
    closed = machine.state("Closed")

    connecting.upon(Life.opened).to(open_).returns(None)
    open_.upon(Life.opened).loop().returns(None)
    closing.upon(Life.opened).loop().returns(None)
    closing.upon(Life.close).loop().returns(None)
    closed.upon(Life.opened).loop().returns(None)
    closed.upon(Life.close).loop().returns(None)
    closed.upon(Life.hung_up).loop().returns(None)
    closed.upon(Life.bye_over).loop().returns(None)  # the peer's BYE had crossed ours

    @connecting.upon(Life.close).to(closing)
    @open_.upon(Life.close).to(closing)
    def say_bye(life: Life, deeds: Deeds, why: str) -> None:
        deeds.note_why(why, ours=True)
        deeds.send_bye()

    @connecting.upon(Life.hung_up).to(closed)
    @open_.upon(Life.hung_up).to(closed)
    @closing.upon(Life.hung_up).to(closed)
    def end(life: Life, deeds: Deeds, why: str) -> None:
        deeds.note_why(why, ours=False)
        deeds.release()
        deeds.tell_ended()

    @closing.upon(Life.bye_over).to(closed)
    def finish(life: Life, deeds: Deeds) -> None:
        deeds.release()
        deeds.tell_ended()

    return machine.build()


live: Callable[[Deeds], Life] = _build()
