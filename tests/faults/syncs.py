"""Whether anything was acknowledged before it was on the disk: read from what the shim wrote down (SECURITY 4, G8).

Holds where one push follows the other: with several at once the file of the next may be half written at any moment.
Of a database's log it can only be said that something was committed since the last acknowledgement: what is written
there at that moment may be the next step already.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

# What says that something is kept: the sender's HTTP, the receiver's answer to MESSAGE, and to an MSRP chunk.
ACKNOWLEDGEMENT = re.compile(r"HTTP/1\.1 202 |SIP/2\.0 200 OK.*CSeq: \d+ MESSAGE|MSRP \w+ 200 ")
# The database's shared memory is none of its octets, a copy is laid out to be sent, a probe is no content.
LOG = "-wal"
NEVER_SYNCED = re.compile(r".*(?:-shm|\.copy|/probe)")


def unsynced(trace: Iterable[str]) -> tuple[int, list[str]]:
    """How many acknowledgements there were, and what was not on the disk at one of them.

    That is a file's path, or the directory's of a name, or "no commit".
    """
    acknowledged, committed, dirty, found = 0, False, dict[str, None](), dict[str, None]()
    broken: set[str] = set()
    for line in trace:
        kind, _, what = line.partition(" ")
        match kind:
            case "write":
                if not NEVER_SYNCED.fullmatch(what) and not what.endswith(LOG):
                    dirty[what] = None
            case "rename":
                if posixpath.basename(what) in map(posixpath.basename, broken):
                    found[what] = None
                dirty[posixpath.dirname(what)] = None
            case "failed-sync" if not what.endswith(LOG):
                # What was written may be gone, and another sync that succeeds does not say so. It promises nothing as
                # long as it is not given its name.
                failed = {path for path in dirty if posixpath.dirname(path) == posixpath.dirname(what)}
                broken |= failed
                dirty = {path: None for path in dirty if path not in failed}
            case "sync":
                committed = committed or what.endswith(LOG)
                dirty.pop(what, None)
            case "unlink":
                broken.discard(what)
                dirty.pop(what, None)
            case "send" if ACKNOWLEDGEMENT.match(what):
                acknowledged += 1
                found |= dirty if committed else {**dirty, "no commit": None}
                committed = False
    return acknowledged, list(found)
