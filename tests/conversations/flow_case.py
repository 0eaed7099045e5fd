"""What the flows of the specification have in common: two agents, everything that is said, and how it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import push
from pushsvc.net.msrp_connection import MsrpConnection
from pushsvc.net.msrp_sending import Transfer
from pushsvc.sessions import Call, Invitation, Send, Session, Take, Wanted
from tests.agents import Agent, Kept, Octets, left
from tests.conversations.case import ALICE, BOB
from tests.conversations.steady import steady_identity
from tests.conversations.transcript import Transcript, compared
from tests.sim import Network, Weather

SERVICE = "urn:urn-7:3gpp-service.ims.icsi.oma.push"
TYPES = ("text/plain", "image/jpeg", "message/cpim", "multipart/mixed", "multipart/alternative")
TARGET = f"sip:device1@{BOB}"
CREATED_AT = 1772357400.0  # Sun, 01 Mar 2026 09:30:00 +0000


def described(content: Octets, name: str) -> Octets:
    """The content with the headers that describe it."""
    disposition = push.content_disposition("attachment", name, content.size, CREATED_AT)
    return attrs.evolve(content, headers=(("Content-Disposition", disposition),))


class FlowCase(SynchronousTestCase):
    """A sender and a receiver of the specification's examples."""

    maxDiff = None

    def setUp(self) -> None:
        self.begin()

    def begin(self, receiver: Mapping[str, Any] | None = None, **transfer: object) -> None:
        """`receiver` are facts of its agent, `transfer` those of `Transfer` for both."""
        self.transcript = transcript = Transcript({ALICE: "sender", BOB: "receiver"})
        self.network = Network(weather=Weather(segment=1 << 20))  # messages arrive whole
        self.patch(MsrpConnection, "dataReceived", _tapped(MsrpConnection.dataReceived, transcript))
        facts: dict[str, Any] = {"transfer": Transfer(**transfer)}  # type: ignore[arg-type]
        self.sender, self.receiver = (
            Agent(
                self.network,
                address,
                name,
                observers=(transcript.observer(name),),
                identity=steady_identity(name),
                **facts | own,
            )
            for address, name, own in ((ALICE, "sender", {}), (BOB, "receiver", dict(receiver or {})))
        )
        self.sender.targeting = push.Targeting(SERVICE, ("wml.ua",), require=True, explicit=True)
        self.receiver.targeting = push.Targeting(SERVICE, require=True, explicit=True)
        self.kept: list[Kept] = []
        self.receiver.sessions.on_invitation = self.take

    def take(self, invitation: Invitation, *but: int) -> Session:
        """Take every line but these."""

        def make_sink(send: Send) -> Kept:
            self.kept.append(Kept(send))
            return self.kept[-1]

        take = Take(Wanted(lambda type: True, make_sink, 10485760), TYPES, 10485760)
        takes = [None if line.index in but else take for line in invitation.lines]
        return invitation.accept(takes, self.receiver.describe_answer, TYPES)

    def ring(self, invitation: Invitation) -> None:
        """Somebody is being asked; as reception says it."""
        invitation.ring(push.contact(invitation.contact, self.receiver.targeting))

    def call(self, **files: Octets) -> Call:
        call = self.sender.call(TARGET, *files.values())
        named = (
            attrs.evolve(file, name=f"{name}.txt", created_at=CREATED_AT)
            for file, name in zip(call.files, files, strict=True)
        )
        return attrs.evolve(call, files=tuple(named))

    def dialed(self, **files: Octets) -> Session:
        session = self.network.run(self.sender.sessions.dial(self.call(**files)))
        assert isinstance(session, Session)
        return session

    def pushed(self, session: Session, line: int, name: str, content: Octets) -> Deferred[object]:
        return session.lines[line].send(described(content, f"{name}.txt"))

    def assert_flow(self, name: str, *ladder: str) -> None:
        self.assertEqual(self.transcript.ladder, list(ladder))
        self.assertEqual(left(self.network, self.sender, self.receiver), [])
        self.assertEqual(self.transcript.ladder, list(ladder), "afterwards")
        text = self.transcript.text()
        self.assertEqual(text, compared(name, text))


def _tapped(data_received, transcript: Transcript):  # type: ignore[no-untyped-def]
    """`dataReceived` of a connection, with the transcript listening."""

    def dataReceived(connection: MsrpConnection, data: bytes) -> None:
        transcript.msrp(connection, data)
        data_received(connection, data)

    return dataReceived
