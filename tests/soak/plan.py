"""What happens in one world, all of it made of the seed before anything begins."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

import attrs

from pushsvc.config.receiver import Action, Rule
from pushsvc.net.msrp_sending import Transfer
from tests.sim import Weather

SENDER, RECEIVER = "192.0.2.10", "192.0.2.20"
SIZES = (0, 1, 90, 900, 1300, 5000, 20_000, 70_000, 200_000)
LIKELY = (2, 2, 6, 4, 4, 6, 4, 3, 1)
WORTH_KEEPING = 4000  # octets of a file, less than in life: of most of these files, a first part would be too little
SMALL = 4000  # octets: what a receiver takes that does not take everything
SLOW = 15_000  # octets a second: a chunk of 65536 is answered in time by a network that is faster
SHORT = 20.0  # seconds to live: too few when somebody is asked, or others come first
EVENTFUL = 40.0  # seconds from the start in which most of it happens

Anything = TypeVar("Anything")


@attrs.frozen
class PushPlan:
    """One push to one recipient. Times are seconds; None: its owner never cancels it, or wants it tried again."""

    at: float
    sizes: tuple[int, ...]
    mode: str
    transport: str
    application: str | None
    time_to_live: float
    cancel_at: float | None
    again_at: float | None


@attrs.frozen
class Away:
    """A machine that cannot be reached, or whose process does not run, from one moment to another.

    `announced` seconds before a process is killed it is told to come to an end.
    """

    address: str
    at: float
    until: float
    announced: float = 0.0


@attrs.frozen
class Plan:
    """Everything that is decided before the world begins. Times are seconds from its start."""

    seed: int
    pushes: tuple[PushPlan, ...]
    weather: Weather
    biggest_datagram: int
    secure: bool
    setup: str
    timers: bool  # whether the receiver knows session timers, too
    session_expires: int
    min_se: int
    transfer: Transfer
    max_sessions: int
    linger: float
    close_at_once: bool
    concurrency: int
    attempts: int
    rules: tuple[Rule, ...]
    answer: tuple[float, bool] | None  # of who is asked: after so long; None: nobody answers
    max_size: int
    keep_partial: float  # for so long the receiver keeps the first part of a file whose transfer was cut
    hang_ups: tuple[float, ...]
    cuts: tuple[tuple[float, str], ...]  # when which streams break: "sip", "msrp" or "all"
    unplugged: tuple[Away, ...]
    kills: tuple[Away, ...]
    disk_trouble: tuple[float, float, str] | None  # from, until, and the call that fails
    thread_latency: float

    @property
    def calm(self) -> bool:
        """Nothing goes wrong in it: every push comes to where it was decided that it comes."""
        weather = self.weather
        troubles = (self.hang_ups, self.cuts, self.unplugged, self.kills, self.disk_trouble, weather.loss, weather.cut)
        octets_a_second = weather.segment / 2 / (weather.delay + weather.jitter / 2)
        return not any(troubles) and octets_a_second > SLOW and self.max_sessions > len(self.pushes)


def plan_of(seed: int) -> Plan:
    """The same seed gives the same plan."""
    chance = random.Random(f"plan {seed}")

    def sometimes(odds: float, made: Callable[[], Anything], otherwise: Anything) -> Anything:
        return made() if chance.random() < odds else otherwise

    def moments(odds: float) -> tuple[float, ...]:
        return sometimes(odds, lambda: tuple(_soon(chance) for _ in range(chance.choice((1, 1, 2, 4)))), ())

    transport = chance.choice(("", ";transport=tcp"))
    return Plan(
        seed=seed,
        pushes=tuple(_push(chance, transport) for _ in range(chance.choice((1, 1, 2, 3, 5)))),
        weather=_weather(chance),
        biggest_datagram=chance.choice((1300, 1300, 65000)),
        secure=chance.random() < 0.25,
        setup=chance.choice(("actpass", "actpass", "actpass", "active", "passive")),
        timers=chance.random() < 0.8,
        session_expires=chance.choice((90, 90, 300, 1800)),
        min_se=chance.choice((90, 90, 90, 200)),
        transfer=_transfer(chance),
        max_sessions=chance.choice((1, 2, 2000, 2000)),
        linger=chance.choice((0.0, 0.0, 10.0, 200.0)),
        close_at_once=chance.random() < 0.7,
        concurrency=chance.choice((1, 2, 5)),
        attempts=chance.choice((1, 2, 4, 8)),
        rules=_rules(chance),
        answer=sometimes(0.8, lambda: (chance.random() * 20, chance.random() < 0.8), None),
        max_size=chance.choice((1 << 30, 1 << 30, 1 << 30, SMALL)),
        keep_partial=chance.choice((0.0, 5.0, 300.0)),
        hang_ups=moments(0.15),
        cuts=tuple((at, chance.choice(("sip", "msrp", "all"))) for at in moments(0.3)),
        unplugged=_away(chance, 0.15),
        kills=_away(chance, 0.2, announced=(0.0, 0.0, 12.0)),
        disk_trouble=sometimes(0.08, lambda: _disk_trouble(chance), None),
        thread_latency=chance.choice((0.0, 0.0, 0.02, 0.5)),
    )


def _soon(chance: random.Random) -> float:
    """A moment, more likely an early one: most pushes are over after a second or two."""
    return EVENTFUL * chance.random() ** 3


def _push(chance: random.Random, transport: str) -> PushPlan:
    at = _soon(chance)
    return PushPlan(
        at=at,
        sizes=tuple(chance.choices(SIZES, LIKELY, k=chance.choice((1, 1, 1, 2, 3)))),
        mode=chance.choice(("auto", "msrp")),
        transport=transport,
        application=chance.choice((None, "wml.ua")),
        time_to_live=chance.choice((SHORT, 600.0, 3600.0)),
        cancel_at=at + _soon(chance) if chance.random() < 0.1 else None,
        again_at=at + 20 * _soon(chance) if chance.random() < 0.1 else None,
    )


def _weather(chance: random.Random) -> Weather:
    bad = chance.random() < 0.7
    return Weather(
        loss=chance.choice((0.05, 0.3, 0.5)) if bad else 0.0,
        duplicate=chance.choice((0.05, 0.3)) if bad else 0.0,
        delay=chance.choice((0.001, 0.01, 0.01, 0.1, 2.0)),
        jitter=chance.choice((0.0, 0.05, 0.5)),
        segment=chance.choice((200, 1400, 16_000)),
        window=chance.choice((2000, 65536)),
        cut=chance.choice((0.0, 0.0, 0.002, 0.02)),
    )


def _transfer(chance: random.Random) -> Transfer:
    """The daemons' settings, or success reports, or chunks so small that every file has several."""
    reports = chance.random() < 0.3
    return chance.choice((Transfer(success_report=reports), Transfer(success_report=reports, chunk=2048, window=4096)))


def _rules(chance: random.Random) -> tuple[Rule, ...]:
    match chance.random():
        case draw if draw < 0.6:
            return ()
        case draw if draw < 0.9:
            return (Rule(action=Action.ASK, timeout=15.0),)
        case _:
            return (Rule(action=Action.DECLINE, name="*-0.txt"), Rule(action=Action.ACCEPT))


def _away(chance: random.Random, odds: float, announced: tuple[float, ...] = (0.0,)) -> tuple[Away, ...]:
    """Once or twice, one after the other; some stay away until long after every deadline."""
    found: list[Away] = []
    until = 0.0
    while len(found) < 2 and chance.random() < odds:
        notice = chance.choice(announced)
        at = until + _soon(chance) + notice
        until = at + chance.choice((0.5, 5.0, 60.0, 8000.0))
        found.append(Away(chance.choice((SENDER, RECEIVER)), at, until, notice))
    return tuple(found)


def _disk_trouble(chance: random.Random) -> tuple[float, float, str]:
    at = _soon(chance)
    calls = ("create", "write", "sync", "publish", "sync_directory")
    return at, at + chance.choice((1.0, 30.0)), chance.choice(calls)
