"""The whole bridge between a pure machine and the reactor: do what it asks for, wake it when it asked to be woken."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from pushsvc.machine import Machine
from pushsvc.net.alarm import Alarm

Output = TypeVar("Output")


class Driver(Generic[Output]):
    """Runs one machine.

    What performing an output leads to (a further input, hence further outputs) is queued, not nested:
    outputs are performed in the order in which the machine wished for them.
    """

    log = Logger()

    def __init__(self, machine: Machine[Output], perform: Callable[[Output], None], clock: IReactorTime) -> None:
        self._machine = machine
        self._perform = perform
        self._clock = clock
        self._alarm = Alarm(clock, self._wake)
        self._wishes: deque[Output] = deque()
        self._performing = False
        self._stopped = False

    def run(self, outputs: Iterable[Output]) -> None:
        """Perform these, then see to the timer."""
        self._wishes.extend(outputs)
        if self._performing:
            return
        self._performing = True
        try:
            while self._wishes:
                self._perform_one(self._wishes.popleft())
        finally:
            self._performing = False
        if not self._stopped:
            self._alarm.set(self._machine.deadline)

    def stop(self) -> None:
        """Never wake the machine again, whatever it is told."""
        self._stopped = True
        self._alarm.clear()

    def _perform_one(self, output: Output) -> None:
        try:
            self._perform(output)
        except Exception:  # one wish that fails must not cost the others theirs
            self.log.failure("a bug: could not perform {output}", output=type(output).__name__)

    def _wake(self) -> None:
        self.run(self._machine.wake(self._clock.seconds()))
