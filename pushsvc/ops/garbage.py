"""The collector of reference cycles, told what a server is: nearly all that it holds long goes by reference counts."""

from __future__ import annotations

import gc

YOUNG = 10_000  # objects more than there were: a transaction is thirty, and none of them is in a cycle


def look_seldom() -> None:
    """Never again look through what is there now, and through what comes less often than Python's 700 objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
