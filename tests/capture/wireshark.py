"""dumpcap and tshark: recording, and asking. What their words mean to us is in judge."""

from __future__ import annotations

import os
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

READY_WITHIN = 20.0  # seconds
STOP_WITHIN = 30.0
LAST_PACKETS = 0.5  # seconds until those are in the file that the kernel still has
BUFFER = "256"  # MiB in the kernel: files of 64 MiB rush over loopback
EXPORTED_PDU = 252  # the link type of pcap in which a packet says which dissector is to read it
_TAG_DISSECTOR, _TAG_END = 12, 0
# Header fields of one message may be as long as they like; the strict form finds what is no version of SIP.
# A capture of two processors may have segments in the wrong order: what follows would be left out.
OPTIONS = ("-o", "sip.strict_sip_version:TRUE", "-o", "tcp.reassemble_out_of_order:TRUE", "-n")


class NotThere(Exception):
    """Wireshark's programs are not installed, or may not capture."""


def program(name: str) -> str:
    """Where it is. Raises NotThere."""
    found = shutil.which(name)
    if found is None:
        raise NotThere(f"{name} is not installed (Debian: tshark)")
    return found


@attrs.define(eq=False)
class Recording:
    """Everything on loopback, into `file`, inside of a `with`. Then `lost` is how many packets are missing."""

    file: Path
    lost: int = attrs.field(default=0, init=False)
    _process: subprocess.Popen[bytes] = attrs.field(init=False)

    def __enter__(self) -> Recording:
        """Until it records. Raises NotThere."""
        with self._words.open("wb") as words:
            self._process = subprocess.Popen(
                [program("dumpcap"), "-q", "-i", "lo", "-B", BUFFER, "-w", str(self.file)],
                stdin=subprocess.DEVNULL, stdout=words, stderr=subprocess.STDOUT,
            )  # fmt: skip
        end = time.monotonic() + READY_WITHIN
        while "File:" not in self._said():
            if self._process.poll() is not None or time.monotonic() > end:
                self._process.kill()
                raise NotThere(f"dumpcap: {self._said().strip()}")
            time.sleep(0.02)
        return self

    def __exit__(self, *error: object) -> None:
        time.sleep(LAST_PACKETS)
        self._process.send_signal(signal.SIGINT)
        self._process.wait(STOP_WITHIN)
        counts = re.search(r"on interface '[^']*': \d+/(\d+)", self._said())
        self.lost = int(counts[1]) if counts else 0
        self._words.unlink()

    @property
    def _words(self) -> Path:
        return self.file.with_suffix(".words")

    def _said(self) -> str:
        return self._words.read_text("utf-8", "replace")


def tshark(file: Path, *arguments: str) -> Iterator[str]:
    """The lines that it prints about a capture. Raises CalledProcessError."""
    command = [program("tshark"), "-r", str(file), *OPTIONS, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8") as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield line.rstrip("\n")
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def fields(file: Path, wanted: str, names: Sequence[str], *arguments: str) -> Iterator[list[str]]:
    """A row for each packet that the display filter takes; several values of a field are separated by `|`."""
    columns = [word for name in names for word in ("-e", name)]
    shape = ("-T", "fields", "-E", "separator=/t", "-E", "aggregator=|", "-Y", wanted)
    for line in tshark(file, *arguments, *shape, *columns):
        row = line.split("\t")
        yield [*row, *[""] * (len(names) - len(row))]


def followed(file: Path, kinds: dict[int, str], *arguments: str) -> dict[int, tuple[bytes, bytes]]:
    """What each side of a stream has said, by the stream's number; a kind is "tcp" or "tls"."""
    taps = [word for number, kind in kinds.items() for word in ("-z", f"follow,{kind},raw,{number}")]
    found: dict[int, tuple[list[str], list[str]]] = {number: ([], []) for number in kinds}
    number = -1
    for line in tshark(file, *arguments, "-q", *taps) if taps else ():
        if line.startswith("Filter: tcp.stream eq "):
            number = int(line.rpartition(" ")[2])
        elif re.match(r"\t?[0-9a-f]{2}", line):
            found[number][line.startswith("\t")].append(line.strip())
    return {each: (_octets(one), _octets(other)) for each, (one, other) in found.items()}


def dissected(dissector: str, messages: Sequence[bytes], names: Sequence[str]) -> list[list[str]]:
    """What Wireshark's dissector of this name makes of whole messages: the fields of each."""
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x7FFFFFFF, EXPORTED_PDU))
        tag = dissector.encode().ljust(4, b"\0")
        head = struct.pack(">HH", _TAG_DISSECTOR, len(tag)) + tag + struct.pack(">HH", _TAG_END, 0)
        for message in messages:
            file.write(struct.pack("<IIII", 0, 0, len(head + message), len(head + message)) + head + message)
        file.flush()
        os.fsync(file.fileno())
        return list(fields(Path(file.name), "frame", names))


def _octets(lines: Sequence[str]) -> bytes:
    return bytes.fromhex("".join(lines))
