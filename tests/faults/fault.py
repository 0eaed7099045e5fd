"""What may happen to a daemon while it works: each fault is made of a random number, and happens to a victim."""

from __future__ import annotations

import errno
import random
import resource
import signal
import time
from collections.abc import Callable, Sequence

import attrs

from tests.faults.shim import ON_DISK, Action, Kind, descriptors
from tests.faults.victim import Victim

COMES_WITHIN = 0.7  # seconds for an armed call to be made; else the fault did not happen
DISK_ERRORS = (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EMFILE)
SOCKET_ERRORS = (errno.ENOBUFS, errno.ENOMEM, errno.ECONNRESET, errno.EPIPE)
CLOCKS = (-200, 0, 3600, 36_000)  # seconds ahead; further behind, certificates that were just made would not hold yet
AT_START = 60  # system calls below the state that a start makes, about
AT_WORK = 200  # and those of a second of work


def killed_at_a_call(victim: Victim, chance: random.Random) -> bool:
    """The process ends before its nth system call of one kind."""
    victim.shim.arm(_call(chance), [chance.choice(list(Kind))], Action.KILL)
    return victim.struck_within(COMES_WITHIN)


def torn_write(victim: Victim, chance: random.Random) -> bool:
    """The process ends when its nth write, or what it sends, is half done."""
    victim.shim.arm(_call(chance), [chance.choice((Kind.WRITE, Kind.SEND))], Action.TEAR)
    return victim.struck_within(COMES_WITHIN)


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
    return victim.struck_within(5 * COMES_WITHIN)


def call_fails(victim: Victim, chance: random.Random) -> bool:
    """The nth system call of one kind fails, once: the disk's errors, or a socket's."""
    kind = chance.choice(list(Kind))
    errors = SOCKET_ERRORS if kind is Kind.SEND else DISK_ERRORS
    victim.shim.arm(_call(chance), [kind], Action.FAIL, chance.choice(errors))
    return victim.struck_within(COMES_WITHIN)


def disk_fails(victim: Victim, chance: random.Random) -> bool:
    """Nothing can be written for a while."""
    kinds = ON_DISK - {Kind.UNLINK} if chance.random() < 0.5 else {Kind.WRITE, Kind.SYNC}
    victim.shim.arm(_call(chance), kinds, Action.FAIL, chance.choice(DISK_ERRORS), lasting=True)
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


def stopped(victim: Victim, chance: random.Random) -> bool:
    """SIGSTOP, and SIGCONT after a while: for its peers a machine that hangs."""
    victim.signal(signal.SIGSTOP)
    time.sleep(chance.uniform(0.1, 2.0))
    victim.signal(signal.SIGCONT)
    return True


def terminated(victim: Victim, chance: random.Random) -> bool:
    """SIGTERM in whatever state, sometimes twice: it ends in order, within its time."""
    time.sleep(chance.uniform(0.0, 0.2))
    victim.signal(signal.SIGTERM)
    if chance.random() < 0.2:
        time.sleep(chance.uniform(0.0, 0.3))
        victim.signal(signal.SIGTERM)
    return victim.ends_in_order()


def clock_set(victim: Victim, chance: random.Random) -> bool:
    """Somebody sets it and it stays so, for this daemon; sometimes a kill comes with it."""
    victim.shim.set_clock(chance.choice(CLOCKS))
    if chance.random() < 0.3:
        time.sleep(chance.uniform(0.0, 0.3))
        victim.kill()
    return True


@attrs.frozen
class Fault:
    """`happen` gives whether it came about; it is chosen as often as `weight` says."""

    name: str
    weight: int
    happen: Callable[[Victim, random.Random], bool]


FAULTS: Sequence[Fault] = (
    Fault("kill at a system call", 36, killed_at_a_call),
    Fault("kill in a write", 10, torn_write),
    Fault("kill at random", 8, killed_anywhere),
    Fault("kill at start", 4, killed_at_start),
    Fault("EIO, ENOSPC, EDQUOT, EMFILE once", 24, call_fails),
    Fault("EIO, ENOSPC, EDQUOT, EMFILE for a while", 8, disk_fails),
    Fault("no descriptors left", 3, no_descriptors),
    Fault("SIGSTOP and SIGCONT", 3, stopped),
    Fault("SIGTERM", 2, terminated),
    Fault("clock set", 3, clock_set),
)


def chosen(chance: random.Random) -> Fault:
    """One of them."""
    return chance.choices(FAULTS, [fault.weight for fault in FAULTS])[0]


def _call(chance: random.Random) -> int:
    """Early calls more often than late ones: a quiet daemon makes few."""
    return int(AT_WORK ** chance.random())
