"""What reception makes of single requests. Whole pushes: tests/conversations."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.config.receiver import Action, Rule
from pushsvc.errors import Refused
from pushsvc.net.reaching import Exchange
from pushsvc.push.wrapping import WRAPPERS
from pushsvc.receiver.reception import MAX_MESSAGE_BODY
from pushsvc.sessions import opening_request
from pushsvc.sip.message import Response
from pushsvc.sip.uri import SipUri
from tests.agents import Agent
from tests.push.wrappers import cpim, kind, multipart
from tests.pushing import ReceivingSide
from tests.sim import Network


class Messages(SynchronousTestCase):
    """Content in a MESSAGE: 200 means that it is in the inbox, everything else says why not."""

    def setUp(self) -> None:
        self.network = Network()
        self.alice = Agent(self.network, "192.0.2.10", "push")

    def receiver(self, **accept: object) -> ReceivingSide:
        directory = Path(self.mktemp())
        directory.mkdir()
        return ReceivingSide(self.network, directory, **accept)  # type: ignore[arg-type]

    def send(self, *fields: tuple[str, str], body: bytes = b"Gate 3", user: str = "alice") -> Response:
        target = SipUri.parse(f"sip:{user}@192.0.2.20;transport=tcp")
        parties = [("From", "<sip:push@example.com>"), ("To", f"<sip:{user}@example.com>")]
        call_id = self.alice.tokens.word(16)
        asked: Deferred[Exchange] = self.alice.sessions.ask(
            lambda via: opening_request("MESSAGE", target, via, "tag", call_id, 1, [*parties, *fields], body), target
        )
        exchange = self.network.run(asked)
        assert isinstance(exchange, Exchange)
        return exchange.response

    def test_everything_it_says_is_kept(self) -> None:
        """[F-07]"""
        receiver = self.receiver()
        response = self.send(
            ("Content-Type", "text/plain"),
            ("Subject", "Gate 3"),
            ("Content-Disposition", 'render; filename="gate.txt"'),
            ("Accept-Contact", '*;+g.oma.pusheventapp="mms.ua"'),
        )
        self.assertEqual(response.status, 200)
        about = receiver.arrived[0].about
        self.assertEqual((about.type, about.title, about.name), ("text/plain", "Gate 3", "gate.txt"))
        self.assertEqual((about.disposition, about.application, about.mode), ("render", "mms.ua", "message"))

    def test_answers_that_refuse(self) -> None:
        """[D-SIP-5]"""
        self.receiver(types=("text/*",), allow=("sip:*@example.com",))
        text = ("Content-Type", "text/plain")
        self.assertEqual(self.send(text, user="bob").status, 404)
        self.assertEqual(self.send().status, 415)
        self.assertEqual(self.send(text, body=bytes(MAX_MESSAGE_BODY + 1)).status, 413)
        refused = self.send(("Content-Type", "image/png"))
        wrappers = ", ".join(WRAPPERS)
        self.assertEqual((refused.status, refused.headers.get("accept")), (415, f"text/*, {wrappers}"))

    def test_a_wrapped_message_is_kept_without_its_wrapper(self) -> None:
        """[D-MSRP-6] The same rules as over MSRP."""
        receiver = self.receiver(types=("text/plain", "text/html"))
        body = multipart(("text/plain", b"plain"), ("text/html", b"<p>"), ("image/png", b"png"))
        disposition = ("Content-Disposition", 'attachment; filename="a.html"')
        for type, octets in (
            ("message/cpim", cpim(b"<p>", "text/html", disposition)),
            (kind("alternative"), body),
            ("Message/CPIM", cpim(multipart(("text/html", b"<p>")), kind("mixed"))),
        ):
            self.assertEqual(self.send(("Content-Type", type), body=octets).status, 200, type)
        self.assertEqual(receiver.contents(), [b"<p>"] * 3)
        self.assertEqual([entry.about.type for entry in receiver.arrived], ["text/html"] * 3)
        about = receiver.arrived[0].about
        self.assertEqual(
            (about.name, about.disposition, about.sender), ("a.html", "attachment", "sip:push@example.com")
        )

    def test_wrapped_messages_that_are_refused(self) -> None:
        """[D-MSRP-6] Each with its status, and nothing is kept."""
        receiver = self.receiver(types=("text/plain",), rules=(Rule(action=Action.ACCEPT, max_size=3),))
        for type, octets, status in (
            ("message/cpim", cpim(b"x", "image/png"), 415),
            ("message/cpim", b"Require: Vital\r\n\r\n\r\nx", 415),
            ("message/cpim", b"rubbish", 400),
            ("message/cpim", b"", 400),
            ("multipart/mixed", b"--edge--", 400),
            (kind("mixed"), multipart(("text/plain", b"x"), ("image/png", b"x")), 415),
            ("message/cpim", cpim(b"four", "text/plain"), 603),
            ("message/cpim", cpim(bytes(MAX_MESSAGE_BODY), "text/plain"), 413),
        ):
            refused = self.send(("Content-Type", type), body=octets)
            self.assertEqual(refused.status, status, octets[:60])
            self.assertEqual("message/cpim" in (refused.headers.get("accept") or ""), status == 415)
        self.assertEqual((receiver.arrived, receiver.declined), ([], ["type", "type", "type", "policy"]))
        self.assertEqual(list((Path(receiver.inbox.directory) / "tmp").iterdir()), [])

    def test_a_disk_that_takes_nothing_says_come_back(self) -> None:
        """The sender keeps it and tries again: nothing is lost, nothing is said that did not happen."""
        receiver = self.receiver()
        receiver.inbox.store = lambda about, content: fail(OSError(28, "No space left on device"))  # type: ignore[method-assign]
        refused = self.send(("Content-Type", "text/plain"))
        self.assertEqual((refused.status, refused.headers.get("retry-after")), (503, "10"))

    def test_other_content_under_a_known_id(self) -> None:
        """[R-INF-3]"""
        receiver = self.receiver()
        fields = (("Content-Type", "text/plain"), ("Push-ID", "one"))
        self.assertEqual(self.send(*fields).status, 200)
        self.assertEqual(self.send(*fields, body=b"another").status, 413)
        self.assertEqual(len(receiver.arrived), 1)
        self.assertEqual(Refused(413, "").status, 413)

    def test_somebody_is_asked(self) -> None:
        receiver = self.receiver(rules=(Rule(action=Action.ASK, timeout=5.0),))  # type: ignore[arg-type]
        self.assertEqual(self.send(("Content-Type", "text/plain")).status, 603)
        self.assertEqual(receiver.declined, ["policy"])
