"""[D-SIP-3] A caller without a listener, or behind a NAT: its peer finds it by the connection of its INVITE alone."""

from __future__ import annotations

from pushsvc.net.sip_transport import IDLE_SECONDS, PING_SECONDS
from pushsvc.sessions import Session
from tests.agents import SIP_PORT
from tests.conversations.case import ALICE, NOTICE, ConversationCase


class Held(ConversationCase):
    """Two files: the INVITE goes by TCP."""

    def setUp(self) -> None:
        self.begin()
        self.bob.accept_everything()
        del self.network.listeners[ALICE, SIP_PORT]
        self.alice.agent.places._listening = [("udp", ALICE, SIP_PORT)]

    def lingering(self) -> Session:
        """A session whose files have arrived."""
        session = self.opened(NOTICE, NOTICE)
        for line in session.lines:
            self.network.run(line.send(NOTICE))
        return session

    def test_the_callees_bye_finds_the_caller_after_a_long_silence(self) -> None:
        """A transfer may take an hour, in which nobody says anything in SIP."""
        session = self.lingering()
        contact = session.dialog.contact
        self.assertNotEqual(contact.port, SIP_PORT)
        self.network.settle(5 * IDLE_SECONDS)
        self.network.run(self.session_of(self.bob).close())
        (bye,) = self.bob_said.requests("BYE")
        self.assertEqual((bye.uri, [answer.status for answer in self.alice_said.responses("BYE")]), (contact, [200]))
        self.successResultOf(session.when_ended())

    def test_after_the_session_it_is_a_connection_like_others(self) -> None:
        """It is closed when it has been idle for its time."""
        session = self.lingering()
        self.network.settle(2 * PING_SECONDS)
        self.network.run(session.close())
        self.network.settle(IDLE_SECONDS - 1)
        self.assertEqual(len(self.alice.agent._streams), 1)
        self.network.settle(2)
        self.assertEqual(len(self.alice.agent._streams), 0)
        self.assert_nothing_left()
