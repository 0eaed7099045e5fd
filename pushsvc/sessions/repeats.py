"""Making sure of 200 and ACK on real transports: runs the machines of `sip.invite`."""

from __future__ import annotations

from collections.abc import Callable

from pushsvc.net.driver import Driver
from pushsvc.net.user_agent import UserAgent
from pushsvc.sessions.floors import Floors
from pushsvc.sip.hop import Hop
from pushsvc.sip.invite import Acknowledgement, Answer, AnswerOutput, NoAck, Repeat, RepeatAck, Stray
from pushsvc.sip.message import Request, Response


class Answering:
    """Our 2xx to an INVITE, sent until its ACK comes; then `acked` is called, or `never_acked` instead."""

    def __init__(
        self, floors: Floors, response: Response, acked: Callable[[], None], never_acked: Callable[[], None]
    ) -> None:
        self._floors = floors
        self._tell_acked = acked
        self._tell_never_acked = never_acked
        self._answer = Answer(response, floors.settings)
        self._driver = Driver(self._answer, self._perform, floors.clock)
        self._driver.run(self._answer.start(floors.clock.seconds()))

    @property
    def over(self) -> bool:
        """Acknowledged, or given up."""
        return self._answer.deadline is None

    def acked(self, ack: Request) -> None:
        if not self.over:
            self._driver.run(self._answer.acked(ack, self._floors.clock.seconds()))
            if self.over:
                self._tell_acked()

    def stop(self) -> None:
        self._driver.stop()

    def _perform(self, output: AnswerOutput) -> None:
        match output:
            case Repeat():
                self._floors.agent.respond(output.response)
            case NoAck():
                self._tell_never_acked()


class Acknowledging:
    """Our ACK to a 2xx, sent again whenever the 2xx comes again (RFC 3261 §13.2.2.4)."""

    def __init__(self, agent: UserAgent) -> None:
        self._agent = agent
        self._owed = Acknowledgement()
        self._hop: Hop | None = None

    def won(self, response: Response) -> None:
        """This 2xx is the one that we go on with."""
        self._owed.answered(response)

    def acknowledged(self, ack: Request, hop: Hop) -> None:
        """Its ACK went out."""
        self._hop = hop
        self._owed.acknowledged(ack)

    def repeated(self, response: Response) -> Response | None:
        """A 2xx came (again); gives it back when it is the first of another fork."""
        for output in self._owed.answered(response):
            match output:
                case RepeatAck() if self._hop is not None:
                    self._agent.transmit(output.ack, self._hop)
                case Stray():
                    return output.response
        return None
