"""What further files in a session have in common: a session whose first one has arrived."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from pushsvc import sdp
from pushsvc.sessions import Line, Session
from tests.agents import Octets
from tests.conversations.case import NOTICE, TO_BOB, ConversationCase

DONE = Octets(b"Maintenance finished 02:40 UTC. Service is normal.")


class ReuseCase(ConversationCase):
    """A session whose file has arrived."""

    def lingering(self, *contents: Octets, **options: object) -> Session:
        self.begin(**options)  # type: ignore[arg-type]
        contents = contents or (NOTICE,)
        session = self.opened(*contents)
        for line, content in zip(session.lines, contents, strict=True):
            self.network.run(line.send(content))
        self.ladder.clear()
        return session

    def more(self, session: Session, *contents: Octets) -> Deferred[list[Line]]:
        """Offer these as further files."""
        return self.start(session.offer_more(self.alice.call(TO_BOB, *contents).files))

    def ports(self) -> list[list[int]]:
        """The ports of each offer that Alice made."""
        return [[line.port for line in sdp.media(sdp.parse(each.body))] for each in self.alice_said.requests("INVITE")]

    def answered_ports(self) -> list[list[int]]:
        return [
            [line.port for line in sdp.media(sdp.parse(each.body))]
            for each in self.bob_said.responses("INVITE")
            if each.status == 200
        ]

    def end(self, session: Session) -> None:
        bob = self.session_of(self.bob).when_ended()
        self.network.run(session.close())
        self.successResultOf(bob)
        self.assert_nothing_left()
