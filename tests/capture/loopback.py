"""A loopback of our own, on which nobody else speaks: a network namespace (Linux)."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys

APART = "PUSHSVC_APART"  # set once we are
# baresip wants an address that is none of loopback's; RFC 5737 has this one for nobody.
SECOND = "192.0.2.2"
_SET_FLAGS, _SET_ADDRESS = 0x8914, 0x8916  # SIOCSIFFLAGS, SIOCSIFADDR
_UP_AND_RUNNING = 0x41


def go_apart(*command: str) -> None:
    """Begin again as this command on a loopback of our own. Returns where that is not permitted, or has been done."""
    unshare = shutil.which("unshare")
    if APART in os.environ or unshare is None:
        return
    if subprocess.run([unshare, "--net", "true"], capture_output=True, check=False).returncode == 0:
        os.execve(unshare, [unshare, "--net", sys.executable, *command], {**os.environ, APART: "1"})


def is_apart() -> bool:
    """Whether this loopback is ours alone."""
    return APART in os.environ


def bring_up() -> None:
    """In a new namespace loopback is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sH22x", b"lo", _UP_AND_RUNNING))
        address = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(SECOND))
        fcntl.ioctl(control, _SET_ADDRESS, struct.pack("16s16s8x", b"lo:1", address))
