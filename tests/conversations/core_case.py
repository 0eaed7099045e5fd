"""Two agents with a core between them, which may ask for credentials."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from pushsvc.digest import Account
from pushsvc.errors import Refused
from pushsvc.sessions import Session
from tests.conversations.case import NOTICE, ConversationCase
from tests.core import PROXY, Core
from tests.gate import Gate

ACCOUNT = Account("alice", "secret")


class CoreCase(ConversationCase):
    """Alice's way to Bob goes through a core."""

    def begin_with_core(self, gate: Gate | None, account: Account | None = ACCOUNT) -> None:
        """The core asks by this gate."""
        self.begin(udp=True, alice={"account": account}, bob={"account": Account("bob", "secret")})
        self.core = Core(self.network, gate=gate)

    def through_core(self) -> Session:
        return self.opened(NOTICE, NOTICE, route=PROXY)

    def refused(self, dialed: Deferred[Session]) -> Refused:
        """How it ends for whoever dialed; nothing is left of it."""
        error = self.failed(dialed, Refused)
        assert isinstance(error, Refused)
        self.assert_nothing_left()
        return error
