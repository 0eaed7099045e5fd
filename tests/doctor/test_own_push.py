"""Pushes to ourselves: what makes one, and what strangers can do with that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from pushsvc import sdp
from pushsvc.doctor.asking import Ear
from pushsvc.doctor.own_push import TEXT, OwnPushes
from pushsvc.errors import Refused
from pushsvc.sessions import Invitation
from tests.agents import Agent, Octets
from tests.conversations.case import rewrite
from tests.doctor.case import HERE, DoctorCase

MALLORY = "192.0.2.66"


class Strangers(DoctorCase):
    """[F-18] Nobody gets past the rules by looking like a test of ours."""

    def setUp(self) -> None:
        self.begin()
        self.examination = self.receiver()
        self.mallory = Agent(self.net, MALLORY, "mallory")
        self.awaited: list[str] = []

    def dial(self, transfer_id: str, *contents: Octets) -> Deferred[Any]:
        call = self.mallory.call(f"sip:alice@{HERE}", *(contents or (Octets(TEXT),)))
        files = (attrs.evolve(call.files[0], transfer_id=transfer_id), *call.files[1:])
        return self.mallory.sessions.dial(attrs.evolve(call, files=files))

    def assert_declined(self, dialed: Deferred[Any]) -> None:
        """By the rule that wants nobody."""
        with self.assertRaises(Refused) as caught:
            self.net.run(dialed)
        self.assertEqual(caught.exception.status, 603)

    def awaiting(self) -> str:
        """The id of the push that is under way; its INVITE never comes."""
        self.core.deaf = ("INVITE",)
        pushes = self.receiving.examined.own_pushes
        self.pushing = Deferred.fromCoroutine(pushes.push(self.sip.outbound_proxy))
        assert pushes._awaited is not None
        return pushes._awaited

    def test_who_guesses_is_judged_like_anybody(self) -> None:
        """Also while a test is under way, and with the right id in the wrong place."""
        self.assert_declined(self.dial("x" * 32))
        awaited = self.awaiting()
        self.assert_declined(self.dial("x" * 32))
        self.assert_declined(self.dial(awaited[:-1]))
        self.assert_declined(self.dial(awaited, Octets(TEXT), Octets(b"smuggled")))
        self.assertFalse(self.net.run(self.pushing).arrived)
        self.assert_nothing_left()

    def test_who_knows_it_has_won_nothing(self) -> None:
        """It leads to no inbox, it is good once, for so many octets, and not after the test."""
        awaited = self.awaiting()
        session = self.net.run(self.dial(awaited))
        self.net.run(session.lines[0].send(Octets(TEXT)))
        self.assert_declined(self.dial(awaited))
        self.net.run(session.close())
        self.net.run(self.pushing)
        self.assert_declined(self.dial(awaited))
        self.assertEqual(list(Path(self.receiving.inbox.directory).rglob("*")), [])
        self.assert_nothing_left()

    def test_an_offer_that_cannot_be_used(self) -> None:
        """Something on the way has changed it."""
        awaited = self.awaiting()
        rewrite(self.mallory, lambda body: body.replace(b"a=path:", b"a=pfad:"))
        with self.assertRaises(Refused) as caught:
            self.net.run(self.dial(awaited))
        self.assertEqual(caught.exception.status, 488)
        self.net.run(self.pushing)
        self.assert_nothing_left()

    def test_more_than_the_test_has_is_refused(self) -> None:
        """Nobody's memory is filled by that."""
        session = self.net.run(self.dial(self.awaiting()))
        with self.assertRaises(Refused):
            self.net.run(session.lines[0].send(Octets(b"x" * 1000)))
        session.close()
        self.net.run(self.pushing)
        self.assert_nothing_left()

    def test_what_is_not_awaited_goes_on_to_whom_it_is_for(self) -> None:
        """Invitations that offer nothing readable included."""
        heard: list[Invitation] = []
        pushes = OwnPushes(self.network.sessions, self.network.floors, self.sip, Ear(), secure=True)
        invited = pushes.before(heard.append)
        self.network.sessions.on_invitation = invited
        dialed = self.dial("y" * 32)
        self.net.settle(1.0)
        (invitation,) = heard
        self.assertEqual([line.transfer_id for line in invitation.lines], ["y" * 32])
        self.assertIsInstance(invitation.lines[0], sdp.MediaOffer)
        pushes.before(None)(invitation)
        self.assert_declined(dialed)
