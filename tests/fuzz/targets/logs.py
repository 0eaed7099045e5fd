"""Log lines: whatever a peer has put into a field, one line, no control character, no longer than a line may be."""

from __future__ import annotations

import json

from twisted.logger import LogLevel

from pushsvc.errors import BadMessage
from pushsvc.ops.log_lines import MAX_LINE, json_line, text_line
from tests.fuzz.target import Frame, Target, holds, text_of, words
from tests.fuzz.targets.contents import NAMES


def run(octets: bytes) -> None:
    text = text_of(octets)
    event = {
        "log_namespace": "pushsvc.net",
        "log_level": LogLevel.info,
        "log_time": 1.8e9,
        "log_format": "unreadable {reason} from {peer}",
        "reason": BadMessage(text),
        "peer": text,
        "name": octets,
        "from": text,
        "code": 400,
    }
    for line in (text_line(event), json_line(event)):
        holds(len(line) <= MAX_LINE and line.count(b"\n") == 1 and line.endswith(b"\n"), "not one line")
        shown = line[:-1].decode("utf-8")
        holds(shown.isprintable(), f"{shown!r} has something that cannot be printed")
    json.loads(json_line(event))


TARGET = Target(
    "log-lines",
    run,
    lambda: [*NAMES, b'a" code=200', b"\x1b[2J\x1b[31m", b"a=b c=d", b"{peer}", b"\xc2\x85\xc2\x9b31m"],
    words(r"""
    \x1b[31m \r\n \n \x00 " \\ = \xe2\x80\xa8 \xe2\x80\xae \xff { } \x7f \xf3\xa0\x80\x81
"""),
    longest=4096,
    limit=65536,
    frames=(Frame(),),
    units=(b'\\"', "\u202e".encode()),
)
