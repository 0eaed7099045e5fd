"""[[user]]: a receiver that asks who pushes to it directly, and senders that know the password, or do not."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from twisted.logger import formatEvent

from pushsvc.digest import Account
from pushsvc.errors import Refused
from pushsvc.net import reaching
from pushsvc.sender.job import AttemptResult, FileState
from pushsvc.sip.authentication import User, Users
from pushsvc.sip.codec import encode, parse
from pushsvc.sip.credentials import credentials_of
from pushsvc.sip.failures import MINUTE, MOST
from pushsvc.sip.headers import Via
from pushsvc.sip.message import Request, ack_of
from pushsvc.sip.uri import SipUri
from tests.conversations.push_case import PushCase
from tests.conversations.stranger import Caller, Stranger
from tests.core import PROXY, Core
from tests.log_lines import LogLines
from tests.sim import Weather

SENDER, RECEIVER = "192.0.2.10", "192.0.2.20"
PUSH = SipUri.parse("sip:push@example.com")
USERS = Users("example.com", ("SHA-256",), (User("door", "secret", PUSH),))
ACCOUNT, WRONG = Account("door", "secret"), Account("door", "guess")
LARGE = b"x" * 100_000


class UsersCase(PushCase):
    """A sender whose From is the user's identity, with the right password unless something else is said."""

    def begin(self, *args: Any, udp: bool = False, **facts: Any) -> None:  # type: ignore[override]
        """`udp`: SIP goes by datagrams, however large."""
        self.patch(reaching, "BIGGEST_DATAGRAM", 65000 if udp else 1300)
        super().begin(*args, **({"users": USERS, "account": ACCOUNT} | facts))

    def assert_delivered(self, result: AttemptResult) -> None:
        self.assertEqual([file.result for file in result.files], [FileState.DELIVERED], result)
        about = self.receiver.arrived[-1].about
        self.assertEqual((about.sender, about.asserted), (str(PUSH), True))

    def refused(self, *, mode: str = "msrp") -> Refused:
        """What becomes of a push that is not let in: nothing of it is kept."""
        before = len(self.receiver.arrived)
        result = self.push(self.sender.job(LARGE if mode == "msrp" else b"x", mode=mode))
        assert isinstance(result.failure, Refused), result
        self.assertEqual(len(self.receiver.arrived), before)
        return result.failure

    def statuses(self, method: str) -> list[int]:
        return [response.status for response in self.receiver_said.responses(method)]


class Proved(UsersCase):
    """The right password."""

    def test_a_file(self) -> None:
        """[D-SIP-9] [D-SIP-12] [F-18] Over both transports: asked once, and as good as asserted by a core."""
        for udp in (False, True):
            self.begin(udp=udp)
            self.assert_delivered(self.push(self.sender.job(LARGE)))
            self.network.settle(1.0)
            self.assertEqual(self.statuses("INVITE"), [401, 200])
            first, second = self.sender_said.requests("INVITE")
            self.assertEqual((first.via.transport, second.cseq.number), ("UDP" if udp else "TCP", 2))
            self.assertIn("algorithm=SHA-256", credentials_of(second)[0][1])
            self.assertEqual(self.statuses("BYE"), [200])  # what belongs to the dialog is not asked for
            self.assertEqual((self.receiver.contents(), self.receiver.unauthenticated), ([LARGE], []))
            self.assert_nothing_left()

    def test_a_message(self) -> None:
        for udp in (False, True):
            self.begin(udp=udp)
            self.assert_delivered(self.push(self.sender.job(b"short", mode="auto")))
            self.assertEqual((self.statuses("MESSAGE"), self.receiver.contents()), ([401, 200], [b"short"]))
            self.assert_nothing_left()

    def test_in_any_weather(self) -> None:
        """Whatever is lost, repeated or late: in once, under its name, and nobody is taken for a thief."""
        for seed in range(12):
            self.begin(Weather(loss=0.2, duplicate=0.3, jitter=0.3), seed, udp=True)
            for mode, content in (("msrp", LARGE), ("message", b"short")):
                result = self.push(self.sender.job(content, mode=mode))
                self.assert_delivered(result)
            self.assertEqual(self.receiver.contents(), [LARGE, b"short"], seed)
            self.assertEqual(set(self.receiver.unauthenticated) - {"replayed"}, set(), seed)
            self.assert_nothing_left()

    def test_further_pushes_in_a_session(self) -> None:
        """[R-PSA-REL-0] Whoever opened it has proved it; the next file belongs to the same sender."""
        self.begin(linger=30.0)
        for content in (LARGE, LARGE[::2]):
            self.assert_delivered(self.push(self.sender.job(content)))
        self.assertEqual(self.statuses("INVITE"), [401, 200, 200])

    def test_the_list_goes_by_who_it_is(self) -> None:
        """[R-PRA-INV-2b]"""
        self.begin(allow=("sip:push@example.com",))
        self.assert_delivered(self.push(self.sender.job(LARGE)))
        self.begin(allow=("sip:boss@example.com",))
        self.assertEqual(self.refused().status, 403)

    def test_a_trusted_peer_is_not_asked(self) -> None:
        """[D-SIP-12] It answers for whom it brings; one whom it says nothing of stays unproved."""
        self.begin(account=None, trusted=(ip_network(f"{SENDER}/32"),))
        self.push(self.sender.job(LARGE))
        self.assertEqual((self.statuses("INVITE")[:1], self.receiver.arrived[0].about.asserted), ([200], False))

    def test_through_a_proxy_that_nobody_trusts(self) -> None:
        """It puts our Contact into the Request-URI and asserts nothing: we ask ourselves, and it carries the answer."""
        for udp in (False, True):
            self.begin(udp=udp, caller={"route": PROXY})
            core = Core(self.network)
            core.registered = {"sip:alice@example.com": f"sip:alice@{RECEIVER}"}
            for mode, content in (("msrp", LARGE), ("message", b"short")):
                result = self.push(self.sender.job(content, mode=mode, to="sip:alice@example.com"))
                self.assert_delivered(result)
            self.assertEqual((self.statuses("INVITE"), self.statuses("MESSAGE")), ([401, 200], [401, 200]))
            self.assert_nothing_left()

    def test_an_old_caller_may_use_what_it_knows(self) -> None:
        """RFC 8760: MD5 where the operator offers it."""
        users = Users("example.com", ("MD5",), USERS.each)
        self.begin(users=users)
        self.assert_delivered(self.push(self.sender.job(LARGE)))


class Unproved(UsersCase):
    """Everybody else."""

    def test_a_wrong_password(self) -> None:
        """[D-SIP-9] [F-18] The push ends at once with a reason; our log says who it was, and not what was tried."""
        for mode in ("msrp", "message"):
            self.begin(account=WRONG)
            error = self.refused(mode=mode)
            self.assertEqual((error.status, error.retry), (401, False))
            self.assertEqual(error.why, 'wrong user or password for realm "example.com"')
            self.assertEqual(self.receiver.unauthenticated, ["password"])
            (line,) = [each for each in self.log.events if "authentication failed" in formatEvent(each)]
            self.assertEqual((line["user"], line["from"]), ("door", str(PUSH)))
            for event in self.log.events:
                for word in ("secret", "guess", "response="):
                    self.assertNotIn(word, str(event))
            self.assert_nothing_left()

    def test_no_password(self) -> None:
        self.begin(account=None)
        error = self.refused()
        self.assertEqual((error.status, error.why), (401, 'no password is set for realm "example.com"'))
        self.assertEqual(self.receiver.unauthenticated, [])

    def test_somebody_elses_from(self) -> None:
        """[D-SIP-12] A user is nobody but itself."""
        users = Users("example.com", ("SHA-256",), (User("door", "secret", SipUri.parse("sip:door@example.com")),))
        self.begin(users=users)
        error = self.refused()
        self.assertEqual((error.status, self.receiver.unauthenticated), (403, ["from"]))
        self.assertIn("From is not the address of this user", error.why)

    def test_guessing(self) -> None:
        """[F-18] Five in a minute, then 403 for this user from there; a minute later it goes on."""
        self.begin(account=WRONG)
        for _ in range(MOST):
            self.assertEqual(self.refused(mode="message").status, 401)
        error = self.refused(mode="message")
        self.assertEqual(error.status, 403)
        self.assertIn("too many wrong passwords", error.why)
        self.assertEqual(self.receiver.unauthenticated, ["password"] * MOST + ["locked"])
        self.network.settle(MINUTE)
        self.assertEqual(self.refused(mode="message").status, 401)

    def test_what_was_overheard(self) -> None:
        """Said again from there or from elsewhere, it is asked anew, and nothing comes in twice."""
        self.begin(udp=True)
        self.push(self.sender.job(b"short", mode="message"))
        overheard = self.sender_said.requests("MESSAGE")[-1]
        self.network.settle(40.0)  # its transaction is forgotten
        for address, kinds in (("192.0.2.66", []), (SENDER, ["replayed"])):
            self.receiver.unauthenticated.clear()
            stranger = Stranger(self.network, address, 5070)
            via = str(Via("UDP", address, 5070, (("branch", "z9hG4bKagain"),)))
            stranger.say(overheard.evolve(headers=overheard.headers.replaced("Via", via)))
            self.assertEqual(stranger.statuses(), [401])
            self.assertIn("stale=true", str(stranger.heard[0].headers.get("www-authenticate")))
            self.assertEqual((self.receiver.unauthenticated, len(self.receiver.arrived)), (kinds, 1))


class Strangers(UsersCase):
    """Requests that are written by hand."""

    def test_they_leave_nothing_behind(self) -> None:
        """RFC 3261 §26.3.2.4: each is answered once; no transaction, no timer, and its ACK is the end of it."""
        self.begin()
        caller = Caller(self.network)
        for number in range(500):
            invite = caller.request("INVITE", f"Call-ID: flood{number}", body="v=0\n")
            caller.say(invite, settle=0.0)
        self.network.settle(0.2)
        self.assertEqual((caller.statuses(), self.receiver.stack.agent.transactions), ([401] * 500, 0))
        request = parse(invite)
        assert isinstance(request, Request)
        caller.say(ack_of(request, caller.last()), settle=100.0)
        self.assertEqual(len(caller.heard), 500)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
        sent = sum(len(encode(message)) for message in caller.heard)
        self.assertLess(sent, 500 * (len(invite) + 200))

    def test_what_they_may_say(self) -> None:
        """OPTIONS, as to everybody; the rest is asked for, or means nothing."""
        self.begin()
        caller = Caller(self.network)
        for method, status in (("OPTIONS", 200), ("MESSAGE", 401), ("REGISTER", 401), ("FOO", 401), ("CANCEL", 481)):
            caller.say(caller.request(method, f"Call-ID: {method}"))
            self.assertEqual(caller.statuses()[-1], status, method)
        for method, status in (("BYE", 481), ("MESSAGE", 401), ("INVITE", 481)):
            caller.say(caller.request(method, f"Call-ID: inside-{method}", to_tag="made-up"))
            self.assertEqual(caller.statuses()[-1], status, method)

    def test_credentials_that_nobody_can_read(self) -> None:
        """[F-18] Answered, logged, and no worse for anybody else."""
        self.begin()
        caller = Caller(self.network)
        log = LogLines(self)
        for value, status in (
            ("\udcff\udcfe", 401),
            ('Digest realm="example.com"', 400),
            ('Digest realm="example.com', 401),
            (f'Digest realm="example.com", username="{"x" * 5000}"', 400),
        ):
            request = caller.request("MESSAGE", "Authorization: #", f"Call-ID: {len(caller.heard)}")
            caller.say(request.replace(b"#", value.encode("utf-8", "surrogateescape")))
            self.assertEqual(caller.statuses()[-1], status, value)
        self.assertEqual(self.receiver.unauthenticated, ["malformed"] * 2)
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(len([text for text in log.troubles() if text.startswith("sip resp 4")]), 4)
        self.assert_delivered(self.push(self.sender.job(LARGE)))
