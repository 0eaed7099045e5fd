"""What whole pushes have in common: one sender, one receiver, the network between them, and what is left of it all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.digest import Account
from pushsvc.net.wirelog import WireLog
from pushsvc.sender.job import AttemptResult, Job
from tests.agents import left
from tests.conversations.case import Said
from tests.log_lines import LogLines
from tests.pushing import ReceivingSide, SendingSide
from tests.sim import Network, Weather


class PushCase(SynchronousTestCase):
    """A sender's delivery to a receiver's policy and inbox. When all is closed nothing of it is left."""

    network: Network = None  # type: ignore[assignment]

    def begin(
        self,
        weather: Weather | None = None,
        seed: int = 0,
        linger: float = 0.0,
        caller: dict[str, Any] | None = None,
        account: Account | None = None,
        sending: dict[str, Any] | None = None,
        **accept: Any,
    ) -> None:
        """`caller` is what the sender says of itself, `account` its password, `sending` those of its agent, `accept`
        what the receiver takes.

        See tests/pushing.py.
        """
        self.close_everything()
        self.network = Network(seed, weather)
        self.log = LogLines(self)
        directory = Path(self.mktemp())
        for name in ("content", "inbox"):
            (directory / name).mkdir(parents=True)
        ladder: list[str] = []
        self.sender_said, self.receiver_said = (
            Said(name, ladder, self.network.clock) for name in ("sender", "receiver")
        )
        self.sender = SendingSide(
            self.network,
            directory / "content",
            linger=linger,
            observers=(self.sender_said,),
            caller=caller,
            account=account,
            agent=sending,
        )
        observers = (self.receiver_said, WireLog(unlimited=True))
        self.receiver = ReceivingSide(self.network, directory / "inbox", observers=observers, **accept)

    def tearDown(self) -> None:
        self.close_everything()

    def close_everything(self) -> None:
        """End what a push has left open, and see that it can be ended."""
        if self.network is not None:
            for stack in (self.sender.stack, self.receiver.stack):
                stack.sessions.close_all("the test is over")
            self.assert_nothing_left()
            self.log.stop()

    def push(self, job: Job) -> AttemptResult:
        """Let time pass until the attempt is over."""
        result = self.network.run(self.sender.deliver(job))
        assert isinstance(result, AttemptResult)
        return result

    def assert_nothing_left(self) -> None:
        """Promise 5: no timer, no part file, no table entry, no question that nobody waits for."""
        self.assertEqual(left(self.network, self.sender.stack, self.receiver.stack), [])
        self.assertEqual(list((Path(self.receiver.inbox.directory) / "tmp").iterdir()), [])
        self.assertEqual(self.receiver.decisions.pending(), [])
