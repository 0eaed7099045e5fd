"""Alice, Bob and the SIP/IP core between them: Annex A.6, and what proxies add to messages and get back."""

from __future__ import annotations

from twisted.internet.defer import CancelledError

from pushsvc import sdp
from pushsvc.errors import Refused
from pushsvc.net.observer import Direction
from pushsvc.sender.job import FileState
from pushsvc.sessions import Session
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Message, Request, Response
from pushsvc.sip.uri import SipUri
from tests.agents import MSRP_PORT, Octets
from tests.conversations.case import ALICE, BOB, NOTICE, ConversationCase, Said
from tests.conversations.push_case import PushCase
from tests.core import CORE as HOME
from tests.core import PROXY, Core

FAR = "192.0.2.6"
NAMES = {ALICE: "S", BOB: "R", HOME: "C", FAR: "C2"}
TO_BOB = "sip:bob@example.com"
KINDS = ((True, False), (False, True), (True, True))  # whether the proxy near the caller, and the far one, are strict


class Content:
    """An observer: the MSRP frames that one agent sent, and to whom, into the ladder of the core."""

    def __init__(self, name: str, ladder: list[str]) -> None:
        self._name = name
        self._ladder = ladder

    def sip(self, direction: Direction, message: Message, hop: Hop) -> None: ...

    def sip_unreadable(self, hop: Hop, reason: str) -> None: ...

    def sip_retransmissions(self, count: int) -> None: ...

    def msrp(self, direction: Direction, summary: str, size: int, call_id: str, peer: str) -> None:
        if direction is Direction.OUT:
            host = peer.split(":")[1]
            self._ladder.append(f"{self._name} > {NAMES[host]} {summary}")


class CoreCase(ConversationCase):
    """Alice knows Bob's address of record and her outbound proxy; Bob is registered."""

    def setUp(self) -> None:
        self.legs: list[str] = []
        self.begin(alice={"observers": (Content("S", self.legs),)}, bob={"observers": (Content("R", self.legs),)})
        self.core = Core(self.network, HOME, names=NAMES, ladder=self.legs)
        self.core.registered["sip:bob@example.com"] = f"sip:bob@{BOB}"
        self.kept = self.bob.accept_everything()

    def dial(self, *contents: Octets, target: str = TO_BOB):  # type: ignore[no-untyped-def]
        return self.alice.dial(target, *(contents or (NOTICE,)), route=self.core.route)

    def dialed(self, *contents: Octets) -> Session:
        session = self.network.run(self.dial(*contents))
        assert isinstance(session, Session)
        self.network.settle(0.1)
        return session

    def assert_no_content_in_the_core(self) -> None:
        """MSRP goes from agent to agent."""
        ends = [(stream.local, stream.remote) for stream in self.network.streams]
        hosts = {host for pair in ends for host, _ in pair if MSRP_PORT in (pair[0][1], pair[1][1])}
        self.assertEqual(hosts, {ALICE, BOB})


class Flow(CoreCase):
    """Annex A.6, with its directions corrected."""

    def test_a_push_through_the_core(self) -> None:
        """[R-FLOW-1] [R-FLOW-3] [R-FLOW-4] [R-FLOW-5] [R-FLOW-6] [R-FLOW-7] [R-FLOW-8] [R-FLOW-9] [R-FLOW-10]
        [R-FLOW-11] [R-FLOW-12] [R-FLOW-13] Each leg once, in this order; the content does not go through the core."""
        session = self.dialed()
        self.network.run(session.lines[0].send(NOTICE))
        self.network.run(session.close())
        self.assertEqual(
            self.legs,
            [
                "S > C INVITE",  # R-FLOW-1, steps 1 and 2
                "C > R INVITE",  # R-FLOW-3
                "R > C 200 INVITE",  # R-FLOW-4
                "C > S 200 INVITE",  # R-FLOW-5
                "S > C ACK",  # R-FLOW-6
                "C > R ACK",  # R-FLOW-7
                "S > R SEND 1-62/62",  # R-FLOW-8
                "R > S 200 OK",  # R-FLOW-9
                "S > C BYE",  # R-FLOW-10
                "C > R BYE",  # R-FLOW-11
                "R > C 200 BYE",  # R-FLOW-12
                "C > S 200 BYE",  # R-FLOW-13
            ],
        )
        offered, answered = self.alice_said.requests("INVITE")[0], self.bob_said.responses("INVITE")[0]
        for message, direction in ((offered, "sendonly"), (answered, "recvonly")):
            (line,) = sdp.media(sdp.parse(message.body))
            self.assertEqual(line.direction, direction)
        self.assertEqual(self.received(), [NOTICE.octets])
        self.assert_no_content_in_the_core()
        self.assert_nothing_left()

    def test_a_call_that_is_withdrawn_through_the_core(self) -> None:
        """[R-PSA-CAN-1] [R-PSA-CAN-2] CANCEL carries the Route of the INVITE, and goes where that went."""
        self.bob.sessions.on_invitation = lambda invitation: None
        dialing = self.dial()
        self.network.settle(1.0)
        dialing.cancel()
        self.network.settle(1.0)
        self.failureResultOf(dialing, CancelledError)
        self.assertEqual(
            self.legs,
            [
                *("S > C INVITE", "C > R INVITE", "R > C 100 INVITE", "C > S 100 INVITE"),
                *("S > C CANCEL", "C > R CANCEL", "R > C 200 CANCEL", "C > S 200 CANCEL"),
                *("R > C 487 INVITE", "C > S 487 INVITE"),
                *("S > C ACK", "C > R ACK"),
            ],
        )
        (invite,), (cancel,) = self.alice_said.requests("INVITE"), self.alice_said.requests("CANCEL")
        self.assertEqual(cancel.headers.all("route"), invite.headers.all("route"))
        self.assertEqual((cancel.uri, cancel.via), (invite.uri, invite.via))
        self.assert_nothing_left()

    def test_a_refusal_comes_back_through_the_core(self) -> None:
        """[R-PRA-INV-2] ACK goes hop by hop."""
        self.bob.sessions.on_invitation = lambda invitation: invitation.refuse(486)
        self.assertEqual(self.failed(self.dial(), Refused).status, 486)
        self.network.settle(0.1)
        self.assertEqual(self.legs[2:], ["R > C 486 INVITE", "C > S 486 INVITE", "S > C ACK", "C > R ACK"])
        self.assert_nothing_left()

    def test_users_that_the_core_does_not_know_or_cannot_find(self) -> None:
        """Nobody else is asked, and nothing is left of the call."""
        self.core.registered["sip:carol@example.com"] = ""
        for user, status, retry in (("nobody", 404, False), ("carol", 480, True)):
            self.legs.clear()
            error = self.failed(self.dial(target=f"sip:{user}@example.com"), Refused)
            self.assertEqual((error.status, error.retry), (status, retry))
            self.network.settle(0.1)
            self.assertEqual(self.legs, ["S > C INVITE", f"C > S {status} INVITE", "S > C ACK"])
        self.assert_nothing_left()


class Routes(CoreCase):
    """Two proxies, so that an order can be told; two files: the INVITE goes by TCP, and Alice's ACK and BYE by UDP."""

    def setUp(self) -> None:
        super().setUp()
        self.far = Core(self.network, FAR, names=NAMES, ladder=self.legs)
        self.far.registered = self.core.registered
        self.core.beyond["example.com"] = f"sip:{FAR}"
        self.session = self.dialed(NOTICE, NOTICE)
        self.network.settle(0.1)

    def heard(self, method: str, of: str = "bob") -> list[Request]:
        """The requests of this method that somebody has got."""
        said = self.bob_said if of == "bob" else self.alice_said
        return [each for each in said.heard if isinstance(each, Request) and each.method == method]

    def test_the_invite_goes_to_the_proxy_that_is_configured(self) -> None:
        """[R-PSA-EST-7] [R-PSA-EST-11] With it as Route, and Bob's address of record in the Request-URI."""
        invite = self.core.heard[0]
        assert isinstance(invite, Request)
        self.assertEqual(invite.headers.values("route"), [f"<sip:{HOME};lr>"])
        self.assertEqual((str(invite.uri), str(invite.to.uri), invite.to.tag), (TO_BOB, TO_BOB, None))
        (arrived,) = self.heard("INVITE")
        self.assertEqual((arrived.headers.values("route"), str(arrived.uri)), ([], f"sip:bob@{BOB}"))
        self.assertEqual(self.legs[:3], ["S > C INVITE", "C > C2 INVITE", "C2 > R INVITE"])
        transports = [each.via.transport for each in (invite, arrived, self.alice_said.requests("ACK")[0])]
        self.assertEqual(transports, ["TCP", "TCP", "UDP"])

    def test_the_200_carries_every_via_and_record_route_back(self) -> None:
        """[R-PRA-INV-7] As they came, in order; only the top Via has been told where it came from."""
        (invite,), (answer,) = self.heard("INVITE"), self.bob_said.responses("INVITE")
        self.assertEqual(_hosts(answer), [FAR, HOME, ALICE])
        self.assertEqual(_branches(answer), _branches(invite))
        self.assertEqual(answer.headers.values("record-route"), [f"<sip:{FAR};lr>", f"<sip:{HOME};lr>"])
        self.assertEqual(self.legs[3:6], ["R > C2 200 INVITE", "C2 > C 200 INVITE", "C > S 200 INVITE"])
        (heard,) = [each for each in self.alice_said.heard if isinstance(each, Response)]
        self.assertEqual(_hosts(heard), [ALICE])

    def test_the_ack_goes_to_the_contact_of_the_200_along_the_recorded_route(self) -> None:
        """[R-PSA-200-1a] The set reversed, the number of the INVITE, a branch of its own."""
        (invite,), (answer,), (ack,) = (
            self.alice_said.requests("INVITE"),
            self.bob_said.responses("INVITE"),
            self.alice_said.requests("ACK"),
        )
        assert answer.contact is not None
        self.assertEqual(ack.uri, answer.contact.uri)
        self.assertEqual(ack.headers.values("route"), [f"<sip:{HOME};lr>", f"<sip:{FAR};lr>"])
        self.assertEqual((ack.cseq.number, str(ack.cseq)), (invite.cseq.number, "1 ACK"))
        self.assertNotEqual(ack.via.branch, invite.via.branch)
        self.assertEqual(self.legs[6:], ["S > C ACK", "C > C2 ACK", "C2 > R ACK"])
        self.assertEqual([each.headers.values("route") for each in self.heard("ACK")], [[]])

    def test_the_senders_bye_goes_to_the_session_identity_along_the_recorded_route(self) -> None:
        """[R-PSA-REL-2] [R-PSA-REL-3] The next number, the dialog's tags."""
        self.network.run(self.session.close())
        (invite,), (answer,), (bye,) = (
            self.alice_said.requests("INVITE"),
            self.bob_said.responses("INVITE"),
            self.alice_said.requests("BYE"),
        )
        assert answer.contact is not None
        self.assertEqual(bye.uri, answer.contact.uri)
        self.assertEqual(bye.headers.values("route"), [f"<sip:{HOME};lr>", f"<sip:{FAR};lr>"])
        self.assertEqual((bye.call_id, str(bye.cseq)), (invite.call_id, "2 BYE"))
        self.assertEqual((bye.from_.tag, bye.to.tag), (invite.from_.tag, answer.to.tag))
        self.assert_nothing_left()

    def test_the_200_to_a_bye_follows_the_vias(self) -> None:
        """[R-PRA-REL-1] [R-PRA-REL-2]"""
        self.legs.clear()
        self.network.run(self.session.close())
        (bye,), (answer,) = self.heard("BYE"), self.bob_said.responses("BYE")
        self.assertEqual((answer.status, _hosts(answer)), (200, [FAR, HOME, ALICE]))
        self.assertEqual(_branches(answer), _branches(bye))
        self.assertEqual(
            self.legs,
            ["S > C BYE", "C > C2 BYE", "C2 > R BYE", "R > C2 200 BYE", "C2 > C 200 BYE", "C > S 200 BYE"],
        )
        self.assert_nothing_left()

    def test_the_receivers_bye_goes_to_the_contact_of_the_invite_in_received_order(self) -> None:
        """[R-PRA-INV-3] [R-PRA-INV-9] The called side does not reverse Record-Route (RFC 3261 §12.1.1)."""
        self.legs.clear()
        self.network.run(self.session_of(self.bob).close())
        (invite,), (bye,) = self.heard("INVITE"), self.bob_said.requests("BYE")
        assert invite.contact is not None
        self.assertEqual(bye.uri, invite.contact.uri)
        self.assertEqual(bye.headers.values("route"), invite.headers.values("record-route"))
        self.assertEqual(
            self.legs,
            ["R > C2 BYE", "C2 > C BYE", "C > S BYE", "S > C 200 BYE", "C > C2 200 BYE", "C2 > R 200 BYE"],
        )
        self.assert_nothing_left()


class StrictRouters(ConversationCase):
    """RFC 3261 §12.2.1.1, §16.12: a proxy as old as RFC 2543 wants itself in the Request-URI."""

    def through(self, *, near: bool, far: bool) -> Session:
        """A session through two proxies, the strict ones among them as told"""
        self.legs = []
        self.begin()
        self.core = Core(self.network, HOME, strict=near, names=NAMES, ladder=self.legs)
        self.far = Core(self.network, FAR, strict=far, names=NAMES, ladder=self.legs)
        self.far.registered["sip:bob@example.com"] = f"sip:bob@{BOB}"
        self.core.beyond["example.com"] = f"sip:{FAR}"
        self.kept = self.bob.accept_everything()
        session = self.network.run(self.alice.dial(TO_BOB, NOTICE, route=PROXY))
        assert isinstance(session, Session)
        self.network.run(session.lines[0].send(NOTICE))
        self.network.settle(0.1)
        self.legs.clear()
        return session

    def assert_arrived_at(self, said: Said, method: str, uri: object) -> None:
        """With what its Contact says, and no Route: as if all had been loose."""
        request = next(each for each in said.heard if isinstance(each, Request) and each.method == method)
        self.assertEqual((str(request.uri), request.headers.all("route")), (str(uri), []))

    def test_the_callers_requests(self) -> None:
        for near, far in KINDS:
            session = self.through(near=near, far=far)
            self.network.run(session.close())
            self.assertEqual(self.legs[:3], ["S > C BYE", "C > C2 BYE", "C2 > R BYE"])
            for method in ("ACK", "BYE"):
                self.assert_arrived_at(self.bob_said, method, session.dialog.target)
            self.assertEqual(self.received(), [NOTICE.octets])
            self.assert_nothing_left()

    def test_the_callees_requests(self) -> None:
        for near, far in KINDS:
            session = self.through(near=near, far=far)
            ours = self.session_of(self.bob)
            self.network.run(ours.close())
            self.assertEqual(self.legs[:3], ["R > C2 BYE", "C2 > C BYE", "C > S BYE"])
            self.assert_arrived_at(self.alice_said, "BYE", session.dialog.contact)
            self.assert_nothing_left()


class WholePushes(PushCase):
    """The product on both sides of the core."""

    def setUp(self) -> None:
        self.begin(caller={"route": SipUri(HOME).with_parameter("lr", None)})
        self.legs: list[str] = []
        self.core = Core(self.network, HOME, names=NAMES, ladder=self.legs)
        self.core.registered["sip:alice@example.com"] = f"sip:alice@{BOB}"

    def test_a_file(self) -> None:
        """[R-PSA-EST-11] [R-PSA-REL-3] Everything of SIP goes by the configured proxy, and back."""
        result = self.push(self.sender.job(b"text" * 1000, to="sip:alice@example.com"))
        self.assertEqual([file.result for file in result.files], [FileState.DELIVERED])
        self.network.settle(1.0)
        away = ["INVITE", "ACK", "BYE"]
        self.assertEqual([leg for leg in self.legs if leg.startswith("S >")], [f"S > C {method}" for method in away])
        self.assertEqual([leg for leg in self.legs if leg.endswith(" BYE")][:2], ["S > C BYE", "C > R BYE"])
        self.assert_nothing_left()

    def test_a_message(self) -> None:
        """[R-PSA-EST-11] [R-INF-3] By the same way; no Record-Route, since nothing follows."""
        result = self.push(self.sender.job(b"Gate 3 is open", mode="message", to="sip:alice@example.com"))
        self.assertEqual([file.result for file in result.files], [FileState.DELIVERED])
        self.assertEqual(self.legs, ["S > C MESSAGE", "C > R MESSAGE", "R > C 200 MESSAGE", "C > S 200 MESSAGE"])
        self.assertEqual(self.receiver_said.responses("MESSAGE")[0].headers.all("record-route"), [])
        self.assert_nothing_left()

    def test_a_user_who_is_not_there(self) -> None:
        """480 from the core: another try can help."""
        self.core.registered["sip:alice@example.com"] = ""
        failure = self.push(self.sender.job(b"text" * 1000, to="sip:alice@example.com")).failure
        assert isinstance(failure, Refused)
        self.assertEqual((failure.status, failure.retry), (480, True))
        self.assert_nothing_left()


def _hosts(message: Message) -> list[str]:
    return [via.split(";")[0].split(" ")[1].split(":")[0] for via in message.headers.values("via")]


def _branches(message: Message) -> list[str]:
    return [via.partition("branch=")[2].partition(";")[0] for via in message.headers.values("via")]
