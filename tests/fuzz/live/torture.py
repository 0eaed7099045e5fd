"""The torture messages to a real daemon, as they are, over UDP and TCP; after each somebody asks whether it serves."""

from __future__ import annotations

from benchmarks.goals import Goal
from tests.fuzz.live.sip import Told, ask
from tests.fuzz.live.wires import Wire
from tests.sip.samples import TORTURE
from tests.sip.test_torture import NOT_MET, answer_over_stream, answer_to_datagram, meets, rows

MOST_WEAK = 3


def tortured(sip: dict[str, str]) -> Goal:
    """G3. What a message is answered is what the codec and the rules say: its Via may name anybody."""
    told = Told("torture")
    good = Wire("udp", sip["udp"])
    fail = weak = 0
    for row in rows():
        octets = (TORTURE / row["file"]).read_bytes()
        for transport in ("udp", "tcp"):
            wire = Wire(transport, sip[transport])
            wire.write(octets)
            wire.hear(0.01)
            ask(good, told)
            wire.close()
        if not meets((answer_over_stream if row["transport"] == "tcp" else answer_to_datagram)(octets), row["expect"]):
            weak += row["file"] in NOT_MET
            fail += row["file"] not in NOT_MET
    figure = f"{len(rows())} messages: {fail} FAIL, {told.unanswered} DEAD, {weak} WEAK"
    return Goal(
        "G3", "torture: 0 FAIL, 0 DEAD, 3 WEAK at most", figure, not fail + told.unanswered and weak <= MOST_WEAK
    )
