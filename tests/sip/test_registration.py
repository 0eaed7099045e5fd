"""The registration machine: what it asks for, and when."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sip.message import Response, reply_to
from pushsvc.sip.registration import (
    AFTER_A_LOSS,
    BEFORE_THE_END,
    FIRST_WAIT,
    LONGEST_WAIT,
    SHORTEST,
    SHORTEST_PING,
    Left,
    NotRegistered,
    Register,
    Registered,
    Registration,
    State,
    granted_by,
    own_binding,
    ping_after,
    refresh_after,
)
from pushsvc.sip.uri import SipUri
from tests.sip.values import make_request

CONTACT = SipUri.parse("sip:alice@192.0.2.20:5060;transport=tcp")


class HalfChance:
    """Tokens whose fraction is always a half."""

    def word(self, length: int) -> str:
        return "x" * length

    def fraction(self) -> float:
        return 0.5


def answer(status: int = 200, **headers: str) -> Response:
    """An answer to a REGISTER; underscores in names are hyphens."""
    fields = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return reply_to(make_request("REGISTER"), status, headers=fields)


def granting(expires: int) -> Response:
    return answer(contact=f"<{CONTACT}>;expires={expires}")


class MachineTest(SynchronousTestCase):
    """Alice registers for an hour."""

    def setUp(self) -> None:
        self.machine = Registration(CONTACT, 3600, HalfChance())

    def up(self, expires: int = 3600) -> None:
        self.assertEqual(self.machine.start(0.0), [Register(3600)])
        self.assertEqual(self.machine.answered(granting(expires), 0.0), [Registered(expires)])


class Living(MachineTest):
    """[F-05] Register, refresh, leave."""

    def test_it_registers_and_refreshes(self) -> None:
        """Ten minutes before the end of an hour, and again from the answer to that."""
        self.up()
        self.assertEqual(self.machine.deadline, 3600 - BEFORE_THE_END)
        self.assertEqual(self.machine.wake(2999.0), [])
        self.assertEqual(self.machine.wake(3000.0), [Register(3600)])
        self.assertIsNone(self.machine.deadline)
        self.assertEqual(self.machine.answered(granting(3600), 3001.0), [Registered(3600)])
        self.assertEqual(self.machine.deadline, 6001.0)

    def test_when_a_registration_is_refreshed(self) -> None:
        """TS 24.229: half of a short one, ten minutes before the end of a long one; never in a tight loop."""
        rows = {3600: 3000.0, 1201: 601.0, 1200: 600.0, 60: 30.0, 1: SHORTEST}
        for expires, after in rows.items():
            self.assertEqual(refresh_after(expires), after, expires)

    def test_it_starts_once(self) -> None:
        self.up()
        self.assertEqual(self.machine.start(1.0), [])

    def test_it_tells_what_the_core_says_besides(self) -> None:
        """Service-Route (RFC 3608) and P-Associated-URI."""
        self.machine.start(0.0)
        response = answer(
            contact=f"<{CONTACT}>;expires=60",
            service_route="<sip:s1.example.com;lr>, <sip:s2.example.com;lr>",
            p_associated_uri="<sip:alice@example.com>",
        )
        self.assertEqual(
            self.machine.answered(response, 0.0),
            [Registered(60, ("<sip:s1.example.com;lr>", "<sip:s2.example.com;lr>"), ("<sip:alice@example.com>",))],
        )

    def test_it_leaves(self) -> None:
        self.up()
        self.assertEqual(self.machine.stop(1.0), [Register(0)])
        self.assertEqual(self.machine.stop(1.0), [])
        self.assertEqual(self.machine.answered(answer(), 2.0), [Left()])
        self.assertEqual((self.machine.state, self.machine.deadline), (State.OVER, None))

    def test_it_leaves_though_nobody_answers(self) -> None:
        """A service that stops does not wait for a core that is gone."""
        self.up()
        self.machine.stop(1.0)
        self.assertEqual(self.machine.unanswered("no answer", 33.0), [Left()])

    def test_it_leaves_what_a_lost_answer_may_have_granted(self) -> None:
        """A refresh is under way: the registration before it still stands."""
        self.up()
        self.machine.wake(3000.0)
        self.assertEqual(self.machine.stop(3001.0), [Register(0)])

    def test_without_a_registration_there_is_nothing_to_give_back(self) -> None:
        self.assertEqual(self.machine.stop(0.0), [Left()])
        self.assertEqual(self.machine.answered(granting(60), 1.0), [])
        self.assertEqual(self.machine.unanswered("late", 1.0), [])
        self.assertEqual(self.machine.lost(1.0), [])


class Failing(MachineTest):
    """[F-05] Refused, unanswered, cut."""

    def test_each_failure_waits_longer_than_the_one_before(self) -> None:
        """Not in step with others (three quarters of the wait, by chance), never more than half an hour, never over."""
        now = 0.0
        outputs = self.machine.start(now)
        for wait in (22.5, 45.0, 90.0, 180.0, 360.0, 720.0, 1350.0, 1350.0):
            self.assertEqual(outputs, [Register(3600)])
            self.assertEqual(self.machine.answered(answer(403), now), [NotRegistered("403 Forbidden", wait)])
            self.assertEqual(self.machine.deadline, now + wait)
            now += wait
            outputs = self.machine.wake(now)
        self.assertEqual(0.75 * FIRST_WAIT, 22.5)
        self.assertEqual(0.75 * LONGEST_WAIT, 1350.0)

    def test_a_success_forgets_the_failures(self) -> None:
        self.machine.start(0.0)
        self.machine.unanswered("no answer", 32.0)
        self.machine.wake(100.0)
        self.machine.answered(granting(60), 100.0)
        self.machine.wake(130.0)
        self.assertEqual(self.machine.unanswered("no answer", 162.0), [NotRegistered("no answer", 22.5)])

    def test_retry_after_is_kept_within_bounds(self) -> None:
        """A core that is overloaded says for how long; nobody is sent away for a day."""
        for text, wait in (("120", 120.0), ("5", 22.5), ("86400", LONGEST_WAIT)):
            machine = Registration(CONTACT, 3600, HalfChance())
            machine.start(0.0)
            self.assertEqual(
                machine.answered(answer(503, retry_after=text), 0.0), [NotRegistered("503 Service Unavailable", wait)]
            )

    def test_a_longer_registration_where_that_is_asked_for(self) -> None:
        """423 (RFC 3261 §10.2.8); it stays that long. A 423 that asks for nothing more is a refusal like others."""
        self.machine.start(0.0)
        self.assertEqual(self.machine.answered(answer(423, min_expires="7200"), 0.0), [Register(7200)])
        self.assertEqual(self.machine.answered(granting(7200), 0.0), [Registered(7200)])
        self.assertEqual(self.machine.wake(6600.0), [Register(7200)])
        for text in ("7200", "60", "soon", ""):
            outputs = self.machine.answered(answer(423, min_expires=text), 6600.0)
            self.assertIsInstance(outputs[0], NotRegistered, text)
            self.machine.wake(self.machine.deadline or 0.0)

    def test_a_lost_connection_is_soon_made_up_for(self) -> None:
        """A core that restarts has forgotten where we are, and all come back at once: at moments of their own."""
        self.up()
        self.assertEqual(self.machine.lost(10.0), [])
        self.assertEqual(self.machine.deadline, 10.0 + AFTER_A_LOSS / 2)
        self.assertEqual(self.machine.wake(12.0), [Register(3600)])

    def test_waits_of_another_length(self) -> None:
        machine = Registration(CONTACT, 3600, HalfChance(), first_wait=2.0, longest_wait=4.0)
        machine.start(0.0)
        for wait in (1.5, 3.0, 3.0):
            self.assertEqual(machine.unanswered("no answer", 0.0), [NotRegistered("no answer", wait)])
            machine.wake(wait)
        self.assertEqual(
            machine.answered(answer(503, retry_after="9"), 0.0), [NotRegistered("503 Service Unavailable", 9.0)]
        )

    def test_somebody_has_mended_it(self) -> None:
        """The next try comes at once, whether one is waited for or under way, and then it is as if none had failed."""
        self.assertEqual(self.machine.again(0.0), [])
        self.machine.start(0.0)
        for _ in range(3):
            self.machine.answered(answer(401), 0.0)
            self.machine.wake(self.machine.deadline or 0.0)
        self.assertEqual(self.machine.again(400.0), [Register(3600)])
        self.assertEqual(self.machine.answered(answer(401), 400.0), [NotRegistered("401 Unauthorized", 22.5)])
        self.assertEqual(self.machine.again(401.0), [Register(3600)])
        self.assertIsNone(self.machine.deadline)
        self.assertEqual(self.machine.answered(granting(3600), 402.0), [Registered(3600)])
        self.assertEqual((self.machine.again(403.0), self.machine.deadline), ([], 3402.0))
        self.machine.stop(404.0)
        self.assertEqual(self.machine.again(405.0), [])

    def test_no_time_is_no_registration(self) -> None:
        """A registrar that grants nothing is not asked again at once."""
        self.machine.start(0.0)
        self.assertEqual(self.machine.answered(granting(0), 0.0), [NotRegistered("the registrar grants no time", 22.5)])


class Outbound(MachineTest):
    """[F-05] RFC 5626: over the connection that the REGISTER went by."""

    def granted(self, **headers: str) -> Registered:
        self.machine.start(0.0)
        (output,) = self.machine.answered(answer(contact=f"<{CONTACT}>;expires=600", **headers), 0.0)
        assert isinstance(output, Registered)
        return output

    def test_the_core_says_whether_it_does_so(self) -> None:
        for require, outbound in (("outbound", True), ("path, Outbound", True), ("path", False), ("", False)):
            self.setUp()
            self.assertIs(self.granted(require=require).outbound, outbound, require)

    def test_the_core_says_how_often_it_wants_pings(self) -> None:
        """80 to 100 percent of that, here in the middle; not without end, and nothing where it says nothing."""
        rows = {"100": 90.0, "0": SHORTEST_PING, "soon": None, "": None, "9" * 10: None}
        for text, after in rows.items():
            self.setUp()
            self.assertEqual(self.granted(require="outbound", flow_timer=text).ping_after, after, text)
        self.setUp()
        self.assertIsNone(self.granted(flow_timer="100").ping_after)
        self.assertEqual((ping_after(100, 0.0), ping_after(100, 1.0)), (80.0, 100.0))

    def test_a_proxy_on_the_way_that_does_not_know_it(self) -> None:
        """439 (RFC 5626 §11.6): without it then, at once, for good; a second 439 is a refusal like others."""
        self.machine.start(0.0)
        self.assertEqual(self.machine.answered(answer(439), 0.0), [Register(3600, outbound=False)])
        self.assertEqual(self.machine.answered(answer(423, min_expires="7200"), 0.0), [Register(7200, outbound=False)])
        self.assertIsInstance(self.machine.answered(answer(439), 0.0)[0], NotRegistered)
        self.assertEqual(self.machine.wake(self.machine.deadline or 0.0), [Register(7200, outbound=False)])
        (output,) = self.machine.answered(answer(require="outbound", flow_timer="9"), 99.0)
        self.assertEqual(output, Registered(7200))
        self.assertEqual(self.machine.stop(100.0), [Register(0, outbound=False)])

    def test_the_name_that_the_core_gives_us(self) -> None:
        """RFC 5627 §4.2: a URI in quotes; what is none is left out."""
        gruu = "sip:alice@example.com;gr=urn:uuid:0"
        for text, expected in ((f'"{gruu}"', SipUri.parse(gruu)), ('"tel:1"', None), ('"<"', None), ("x", None)):
            self.setUp()
            self.machine.start(0.0)
            (output,) = self.machine.answered(answer(contact=f"<{CONTACT}>;pub-gruu={text}"), 0.0)
            assert isinstance(output, Registered)
            self.assertEqual(output.gruu, expected)


class Ours(SynchronousTestCase):
    """[F-05] Several devices of one user: the answer lists them all."""

    URN = "urn:uuid:00000000-0000-4000-8000-00000000000a"

    def ours(self, *contacts: str, instance: str = URN) -> str | None:
        found = own_binding(answer(contact=", ".join(contacts)), CONTACT, instance)
        return None if found is None else found.parameter("expires")

    def test_a_device_is_known_by_its_instance(self) -> None:
        """Two behind NATs may have one address, and a core may write another than ours."""
        other = f'<{CONTACT}>;+sip.instance="<urn:uuid:1>";expires=1'
        ours = f'<sip:alice@198.51.100.7:4711>;+sip.instance="<{self.URN.upper()}>";expires=2'
        self.assertEqual(self.ours(other, ours), "2")
        self.assertEqual(self.ours(ours, other), "2")
        self.assertIsNone(self.ours(other))

    def test_what_is_left_of_an_earlier_connection_does_not_count(self) -> None:
        """The one that we just sent does, or the one with our reg-id."""
        before = f'<sip:alice@192.0.2.20:41000>;+sip.instance="<{self.URN}>";expires=1'
        now = f'<{CONTACT}>;+sip.instance="<{self.URN}>";expires=2'
        flow = f'<sip:alice@198.51.100.7>;+sip.instance="<{self.URN}>";reg-id=1;expires=3'
        for first, second, expected in ((before, now, "2"), (before, flow, "3"), (now, flow, "3")):
            self.assertEqual((self.ours(first, second), self.ours(second, first)), (expected, expected))

    def test_without_an_instance_it_is_known_by_its_address(self) -> None:
        """Cores that keep no parameters."""
        self.assertEqual(self.ours(f"<{CONTACT}>;expires=1"), "1")
        named = f'<{CONTACT}>;+sip.instance="<urn:uuid:1>";expires=1'
        self.assertEqual(self.ours(named, instance=""), "1")
        self.assertIsNone(self.ours("<sip:alice@192.0.2.21:5060>;expires=1", "<tel:1>", "nonsense <"))


class Granted(SynchronousTestCase):
    """How long a 2xx holds for us."""

    def test_our_contact_among_others(self) -> None:
        """A user has several devices, and all are listed."""
        others = "<sip:alice@192.0.2.99:5060>;expires=7, nonsense <, <tel:1>;expires=3"
        response = answer(contact=f'{others}, <sip:alice@192.0.2.20:5060>;expires=90;+sip.instance="x"')
        self.assertEqual(granted_by(response, own_binding(response, CONTACT, ""), 3600), 90)

    def test_else_the_header_and_else_what_was_asked_for(self) -> None:
        rows = (
            (answer(contact=f"<{CONTACT}>", expires="80"), 80),
            (answer(expires="80"), 80),
            (answer(contact=f"<{CONTACT}>;expires=x", expires="-4"), 3600),
        )
        for response, granted in rows:
            self.assertEqual(granted_by(response, own_binding(response, CONTACT, ""), 3600), granted)
