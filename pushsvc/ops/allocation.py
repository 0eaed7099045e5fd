"""How the C library keeps memory for the buffers of a transfer.

As shipped, glibc maps and unmaps every buffer of more than 128 KiB, or gives the end of the heap back as often: a
gigabyte sent in chunks of 1 MiB took 4.1 CPU seconds in the sender with that, and 2.3 without.
"""

from __future__ import annotations

import ctypes

# mallopt(3): the parameters, from <malloc.h>
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
LARGEST = 4 * 1024 * 1024  # octets: what is larger is mapped by itself; chunks, reads and records are not
SPARE = 16 * 1024 * 1024  # octets free at the end of the heap, above which they are given back


def keep_buffers() -> bool:
    """Let buffers come from the heap and stay there for the next; False where this C library cannot be told."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl, macOS
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, LARGEST) and mallopt(_M_TRIM_THRESHOLD, SPARE))
