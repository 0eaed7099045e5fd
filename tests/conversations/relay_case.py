"""What pushes through MSRP relays have in common: relays before the sender, before the receiver, before both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pushsvc import sdp
from pushsvc.msrp.chunk import Send
from pushsvc.net.tls import Tls
from pushsvc.sender.job import AttemptResult, FileState
from pushsvc.sessions import Invitation
from tests.conversations.push_case import PushCase
from tests.identities import identity_of
from tests.log_lines import LogLines
from tests.net.authorities import authority
from tests.pushing import ReceivingSide, SendingSide
from tests.relays import Habits, RelayServer
from tests.sim import Network, Weather

NEAR, FAR = "192.0.2.50", "192.0.2.60"  # the sender's relay, the receiver's
CONTENT = bytes(range(256)) * 400
SLOW = Weather(delay=0.03)  # some 23 KB in a second


class RelayCase(PushCase):
    """A sender and a receiver that trust one authority, which the relays' certificates are from."""

    def begin_with(
        self,
        *,
        sender: str = "",
        receiver: str = "",
        certified: str = "",
        active: bool = False,
        linger: float = 0.0,
        weather: Weather | None = None,
        **habits: Any,
    ) -> None:
        """Where the relays of the two are; "" is none. `certified` is whom their certificates are for, else themselves.

        `active`: the receiver wants to connect.
        """
        self.network = Network(weather=weather)
        self.log = LogLines(self)
        self.habits = Habits(**habits)
        self.directory = Path(self.mktemp())
        for name in ("content", "inbox"):
            (self.directory / name).mkdir(parents=True)
        self.authority = authority().write(self.directory / "ca.pem")
        self.relays = {
            address: RelayServer(self.network, address, authority().issue(certified or address), self.habits)
            for address in {sender, receiver} - {""}
        }
        self.sender = SendingSide(
            self.network, self.directory / "content", linger=linger, agent=self.stack("push", sender)
        )
        self.receiver = ReceivingSide(
            self.network, self.directory / "inbox", agent=self.stack("alice", receiver) | {"prefer_active": active}
        )

    def stack(self, name: str, address: str) -> dict[str, Any]:
        relay = self.relays.get(address)
        tls = Tls(identity_of(name), authority=self.authority)
        return {"tls": tls, "relay": relay.ours if relay is not None else None}

    def assert_delivered(self, *contents: bytes) -> AttemptResult:
        result = self.push(self.sender.job(*contents))
        self.assertIsNone(result.failure)
        self.assertEqual([file.result for file in result.files], [FileState.DELIVERED] * len(contents))
        self.assertCountEqual(self.receiver.contents(), contents)
        return result

    def assert_nothing_left(self) -> None:
        super().assert_nothing_left()
        for relay in self.relays.values():
            self.assertEqual(relay.clients, {})

    def sends(self, address: str) -> list[Send]:
        """The SENDs that a relay passed on."""
        return [head for head in self.relays[address].passed if isinstance(head, Send)]

    def offers(self) -> list[sdp.MediaOffer]:
        """The lines that the receiver is going to be offered."""
        lines: list[sdp.MediaOffer] = []
        decide = self.receiver.stack.sessions.on_invitation
        assert decide is not None

        def invited(invitation: Invitation) -> None:
            lines.extend(invitation.lines)
            decide(invitation)

        self.receiver.stack.sessions.on_invitation = invited
        return lines
