from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.api.resource import ApiResource
from pushsvc.api.site import ApiSite
from pushsvc.config.receiver import Accept, Action, ReceiverConfig, Registration, Rule
from pushsvc.config.shared import Api, Level, Log, LogFormat, Msrp, Shutdown, Sip, Tls, TlsVersion
from pushsvc.config.values import Listen, Octets, Seconds, Secret
from pushsvc.net.descriptors import Descriptors
from pushsvc.ops.metrics import ReceiverMetrics
from pushsvc.sip.uri import SipUri
from pushsvc.wiring import daemon as wiring
from pushsvc.wiring.daemon import CLOSING_SECONDS, Daemon, Readiness, need_restart
from tests import sim


@attrs.define(eq=False)
class Reactor(sim.Host):
    """A simulated host with the little more that a daemon asks of a reactor."""

    def callWhenRunning(self, function: Any, *args: Any) -> None: ...

    def callFromThread(self, function: Any, *args: Any) -> None: ...


@attrs.define(eq=False)
class Sessions:
    """The session manager, as far as a daemon knows it."""

    story: list[str]
    closing: Deferred[Any]
    refusing: bool = False
    again_after: int = 0

    def close_all(self, why: str) -> Deferred[Any]:
        self.story.append("sessions closed")
        return self.closing


@attrs.frozen
class Identity:
    """A certificate, as far as a daemon looks at it."""

    expires_at: float = 5.0


@attrs.define(eq=False)
class Network:
    """The network side, noting what is done to it."""

    story: list[str]
    sessions: Sessions
    descriptors: Descriptors
    identity: Identity = Identity()

    def listen(self) -> dict[str, dict[str, str]]:
        self.story.append("listening")
        return {"sip": {"udp": "127.0.0.1:5060"}, "msrp": {}}

    def uri(self) -> SipUri:
        return SipUri.parse("sip:alice@127.0.0.1:5060")

    def close(self) -> Deferred[Any]:
        self.story.append("network closed")
        return succeed(None)


@attrs.define(eq=False)
class Work:
    """The daemon's work, noting what is done to it."""

    story: list[str]
    started: Deferred[None]
    drained: Deferred[None]

    def start(self) -> Deferred[None]:
        self.story.append("store opened")
        return self.started

    def drain(self) -> Deferred[None]:
        self.story.append("draining")
        return self.drained

    def stop(self) -> Deferred[None]:
        self.story.append("store closed")
        return succeed(None)

    def apply(self, config: Any) -> None:
        self.story.append("applied")


class DaemonCase(SynchronousTestCase):
    """A daemon whose parts are scripted."""

    def setUp(self) -> None:
        self.simulated = sim.Network()
        self.story: list[str] = []
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.ready_file = self.folder / "ready.json"
        self.started: Deferred[None] = Deferred()
        self.drained: Deferred[None] = Deferred()
        self.ended: Deferred[Any] = Deferred()
        self.readiness = Readiness()
        config = ReceiverConfig(
            api=Api(listen=Listen("tcp", "127.0.0.1", 0)), shutdown=Shutdown(drain=Seconds(10.0)), state_dir=self.folder
        )
        reactor = Reactor(self.simulated, "127.0.0.1")
        self.site = ApiSite(ApiResource(), self.simulated.clock)
        self.work = Work(self.story, self.started, self.drained)
        self.network = Network(self.story, Sessions(self.story, self.ended), Descriptors(reactor, lambda: False))
        self.daemon = Daemon(
            "receiver",
            config,
            reactor,
            self.network,  # type: ignore[arg-type]
            ReceiverMetrics(),
            self.work,
            self.site,
            self.readiness,
            self.ready_file,
        )

    def tearDown(self) -> None:
        self.ended.called or self.ended.callback(None)

    def open(self) -> None:
        self.daemon.startService()
        self.started.callback(None)


class Opening(DaemonCase):
    """Ready means: everything that was promised works now."""

    def test_nothing_is_taken_before_the_store_is_open(self) -> None:
        """A 200 for a push that cannot be kept would be a lie."""
        self.daemon.startService()
        self.assertEqual(self.story, ["listening", "store opened"])
        self.assertTrue(self.network.sessions.refusing)
        self.assertEqual(self.network.sessions.again_after, wiring.STARTING_SECONDS, "it is over in a moment")
        self.assertEqual(self.readiness.obstacles(), {"starting": "the service is starting"})
        self.assertFalse(self.ready_file.exists())

    def test_ready_is_said_everywhere_at_once(self) -> None:
        self.open()
        self.assertFalse(self.network.sessions.refusing)
        self.assertEqual(self.readiness.obstacles(), {})
        facts = json.loads(self.ready_file.read_text())
        self.assertEqual((facts["role"], facts["uri"]), ("receiver", "sip:alice@127.0.0.1:5060"))
        self.assertRegex(facts["api"], r"^http://127\.0\.0\.1:[1-9][0-9]*$")
        self.assertEqual(facts["sip"], {"udp": "127.0.0.1:5060"})

    def test_a_store_that_cannot_be_opened_ends_the_process(self) -> None:
        """systemd must see why, and not a service that answers 503 for ever."""
        given_up: list[tuple[int, str]] = []
        self.patch(wiring, "give_up", lambda reactor, code, why: given_up.append((int(code), why)))
        self.daemon.startService()
        self.started.errback(OSError(5, "Input/output error"))
        self.assertEqual([code for code, _ in given_up], [74])
        self.assertFalse(self.ready_file.exists())


class Reloading(SynchronousTestCase):
    """What HUP cannot do is said, instead of leaving an operator to believe that it was done."""

    def changed(self, **sections: Any) -> list[str]:
        return need_restart(attrs.evolve(ReceiverConfig(), **sections), ReceiverConfig())

    def test_what_is_taken_over_at_once(self) -> None:
        """Passwords, certificates, tokens, rules: what has to be changed while everything runs."""
        changes: dict[str, Any] = {
            "sip": Sip(auth_user="a", auth_password=Secret("b"), realm="c"),
            "tls": Tls(Path("certificate.pem"), Path("key.pem"), Path("ca.pem"), min_version=TlsVersion.TLS_1_3),
            "api": Api(tokens=Path("tokens")),
            "log": Log(level=Level.DEBUG, format=LogFormat.JSON),
            "accept": Accept(open=True, types=("image/*",), max_size=Octets(7), free_min=Octets(7), allow=("sip:*",)),
            "rule": (Rule(action=Action.ASK),),
        }
        self.assertEqual(self.changed(**changes), [])

    def test_what_needs_a_restart(self) -> None:
        changes: dict[str, Any] = {
            "sip": Sip(auth_user="a", t1=Seconds(1.0)),
            "msrp": Msrp(cema=True),
            "api": Api(listen=None),
            "accept": Accept(max_sessions=7),
            "registration": Registration(first_wait=Seconds(1.0)),
        }
        self.assertCountEqual(self.changed(**changes), changes)


class Closing(DaemonCase):
    """The way out, in order."""

    def test_draining_takes_nothing_new_and_waits_for_what_runs(self) -> None:
        self.open()
        drained = self.daemon.drain()
        self.assertTrue(self.network.sessions.refusing and self.site.draining)
        # Who calls meanwhile finds the next process, also when this one needs all of its ten seconds.
        self.assertEqual(self.network.sessions.again_after, 10 + wiring.STARTING_SECONDS)
        self.assertNoResult(drained)
        self.drained.callback(None)
        self.successResultOf(drained)
        self.assertEqual(self.readiness.obstacles(), {"stopping": "the service is stopping"})

    def test_draining_has_an_end(self) -> None:
        self.open()
        drained = self.daemon.drain()
        self.simulated.settle(10.1)
        self.successResultOf(drained)

    def test_work_that_cannot_drain_does_not_keep_the_process(self) -> None:
        self.open()
        self.work.drained = fail(RuntimeError("a bug"))
        self.successResultOf(self.daemon.drain())

    def test_stopping_closes_from_the_outside_in(self) -> None:
        """The store is closed last: what is acknowledged until then is kept."""
        self.open()
        stopped = self.daemon.stopService()
        self.assertNoResult(stopped)
        self.ended.callback([])
        self.successResultOf(stopped)
        self.assertEqual(self.story[2:], ["sessions closed", "network closed", "store closed"])
        self.assertFalse(self.ready_file.exists())

    def test_a_peer_that_never_answers_a_bye_does_not_keep_the_process(self) -> None:
        self.open()
        stopped = self.daemon.stopService()
        self.simulated.settle(CLOSING_SECONDS + 0.1)
        self.successResultOf(stopped)
        self.assertEqual(self.story[-1], "store closed")
