"""What may happen to a daemon while it works: each fault is made of a random number, and happens to a victim."""

from __future__ import annotations

import enum
import errno
import random
import resource
import signal
import time
from collections.abc import Callable, Sequence

import attrs

from tests.faults.shim import ON_DISK, Action, Kind, descriptors
from tests.faults.victim import Victim

COMES_WITHIN = 1.5  # seconds for an armed call to be made; else the fault did not happen
SOON = 0.5  # seconds in which it should be made
DISK_ERRORS = (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EMFILE)
SOCKET_ERRORS = (errno.ENOBUFS, errno.ENOMEM, errno.ECONNRESET, errno.EPIPE)
TWO_HOURS, TEN_YEARS = 7200, 10 * 365 * 86_400
CLOCKS = (-TWO_HOURS, TWO_HOURS, -TEN_YEARS, TEN_YEARS, 0)  # seconds ahead
AT_START = 60  # system calls below the state that a start makes, about
MINUTE = 60.0
DISK_KINDS = sorted(ON_DISK, key=lambda kind: kind.value)  # in an order that a seed can rely on


def killed_at_a_call(victim: Victim, chance: random.Random) -> bool:
    """The process ends before its nth system call of one kind."""
    kind = chance.choice(list(Kind))
    victim.shim.arm(_call(victim, chance, kind), [kind], Action.KILL)
    return victim.struck_within(COMES_WITHIN) and victim.is_new_point()


def torn_write(victim: Victim, chance: random.Random) -> bool:
    """The process ends when its nth write, or what it sends, is half done."""
    kind = chance.choice((Kind.WRITE, Kind.SEND))
    victim.shim.arm(_call(victim, chance, kind), [kind], Action.TEAR)
    return victim.struck_within(COMES_WITHIN) and victim.is_new_point()


def killed_anywhere(victim: Victim, chance: random.Random) -> bool:
    """Kill -9 at some moment, whatever it does."""
    time.sleep(chance.uniform(0.0, 0.3))
    victim.kill()
    return True


def killed_at_start(victim: Victim, chance: random.Random) -> bool:
    """Kill -9, and again while it repairs what the first one left."""
    victim.kill()
    victim.shim.arm(chance.randint(1, AT_START), ON_DISK, Action.KILL)
    victim.start()
    return victim.struck_within(5 * COMES_WITHIN) and victim.is_new_point()


def call_fails(victim: Victim, chance: random.Random) -> bool:
    """The nth system call of one kind on the disk fails, once."""
    kind = chance.choice(DISK_KINDS)
    victim.shim.arm(_call(victim, chance, kind), [kind], Action.FAIL, chance.choice(DISK_ERRORS))
    return victim.struck_within(COMES_WITHIN)


def disk_fails(victim: Victim, chance: random.Random) -> bool:
    """Nothing can be written for a while."""
    kinds = ON_DISK - {Kind.UNLINK} if chance.random() < 0.5 else {Kind.WRITE, Kind.SYNC}
    victim.shim.arm(_call(victim, chance, Kind.WRITE), kinds, Action.FAIL, chance.choice(DISK_ERRORS), lasting=True)
    struck = victim.struck_within(COMES_WITHIN)
    time.sleep(chance.uniform(0.1, 1.0))
    return struck


def no_descriptors(victim: Victim, chance: random.Random) -> bool:
    """The real EMFILE: the process may open next to nothing more for a while."""
    try:
        usual = resource.prlimit(victim.pid, resource.RLIMIT_NOFILE)
        few = descriptors(victim.pid) + chance.randint(0, 3)
        resource.prlimit(victim.pid, resource.RLIMIT_NOFILE, (few, usual[1]))
        time.sleep(chance.uniform(0.2, 1.0))
        resource.prlimit(victim.pid, resource.RLIMIT_NOFILE, usual)
    except OSError:
        return False  # it has ended, by an earlier fault that came about a moment too late
    return True


def send_fails(victim: Victim, chance: random.Random) -> bool:
    """What is sent at some step of a push meets an error: the peer is gone, or the kernel has no room."""
    victim.shim.arm(_call(victim, chance, Kind.SEND), [Kind.SEND], Action.FAIL, chance.choice(SOCKET_ERRORS))
    return victim.struck_within(COMES_WITHIN)


def send_swallowed(victim: Victim, chance: random.Random) -> bool:
    """From some step of a push on nothing arrives of what is sent on that connection: half-open TCP, a lost 200."""
    victim.shim.arm(_call(victim, chance, Kind.SEND), [Kind.SEND], Action.SWALLOW)
    return victim.struck_within(COMES_WITHIN)


def stopped(victim: Victim, chance: random.Random) -> bool:
    """SIGSTOP, and SIGCONT after a while: for its peers a machine that hangs."""
    return _stopped(victim, chance.uniform(0.1, 3.0))


def stopped_for_a_minute(victim: Victim, chance: random.Random) -> bool:
    """As long as nobody's patience lasts."""
    return _stopped(victim, MINUTE)


def terminated(victim: Victim, chance: random.Random) -> bool:
    """SIGTERM in whatever state, sometimes twice: it ends in order, within its time."""
    time.sleep(chance.uniform(0.0, 0.2))
    victim.signal(signal.SIGTERM)
    if chance.random() < 0.2:
        time.sleep(chance.uniform(0.0, 0.3))
        victim.signal(signal.SIGTERM)
    return victim.ends_in_order()


def clock_set(victim: Victim, chance: random.Random) -> bool:
    """Somebody sets it, by hours or by years, and sets it right after a while; sometimes a kill comes with it."""
    victim.shim.set_clock(chance.choice(CLOCKS))
    time.sleep(chance.uniform(0.0, 1.0))
    if chance.random() < 0.3:
        victim.kill()
        victim.revive()
        time.sleep(chance.uniform(0.0, 1.0))
    victim.shim.set_clock(0)
    return True


def certificate_replaced(victim: Victim, chance: random.Random) -> bool:
    """Another key and certificate, and HUP, in the middle of transfers."""
    victim.renew()
    victim.signal(signal.SIGHUP)
    return True


class Group(enum.Enum):
    """What G6 counts together; the value is for people."""

    POINT = "SIGKILL at distinct system-call points"
    ERROR = "EIO, ENOSPC, EDQUOT, EMFILE"
    RANDOM = "SIGKILL at random"
    OTHER = "other faults"


@attrs.frozen
class Fault:
    """`happen` gives whether it came about; `planned` is how often it does in 20 minutes, to both daemons together."""

    name: str
    group: Group
    planned: int
    happen: Callable[[Victim, random.Random], bool]


FAULTS: Sequence[Fault] = (
    Fault("kill before a system call", Group.POINT, 540, killed_at_a_call),
    Fault("kill in the middle of a write", Group.POINT, 60, torn_write),
    Fault("kill at start", Group.POINT, 30, killed_at_start),
    Fault("kill at some moment", Group.RANDOM, 206, killed_anywhere),
    Fault("a call on the disk fails", Group.ERROR, 140, call_fails),
    Fault("calls on the disk fail for a while", Group.ERROR, 46, disk_fails),
    Fault("no descriptors left", Group.ERROR, 20, no_descriptors),
    Fault("a send fails", Group.OTHER, 20, send_fails),
    Fault("sends are swallowed", Group.OTHER, 20, send_swallowed),
    Fault("SIGSTOP and SIGCONT", Group.OTHER, 16, stopped),
    Fault("SIGSTOP for a minute", Group.OTHER, 2, stopped_for_a_minute),
    Fault("SIGTERM", Group.OTHER, 16, terminated),
    Fault("clock set and set right", Group.OTHER, 20, clock_set),
    Fault("certificate replaced", Group.OTHER, 10, certificate_replaced),
)
PLANNED = sum(fault.planned for fault in FAULTS)


def deck(chance: random.Random, count: int) -> list[Fault]:
    """About so many for one daemon, in any order; each kind at least once where there are that many.

    A minute's stop is only for who has 20 minutes.
    """
    shares = [(fault, fault.planned * count / PLANNED) for fault in FAULTS]
    cards = [
        fault
        for fault, share in shares
        for _ in range(round(share) if fault.happen is stopped_for_a_minute else max(round(share), 1))
    ]
    chance.shuffle(cards)
    return cards


def _call(victim: Victim, chance: random.Random, kind: Kind) -> int:
    """Any of those that are made soon, the next ones more likely: a quiet daemon makes few."""
    return int(max(2.0, victim.rate(kind) * SOON) ** chance.random())


def _stopped(victim: Victim, seconds: float) -> bool:
    victim.signal(signal.SIGSTOP)
    time.sleep(seconds)
    victim.signal(signal.SIGCONT)
    return True
