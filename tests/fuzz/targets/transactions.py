"""The transaction layer, told any messages in any order: it never raises, its tables are bounded, and empty again."""

from __future__ import annotations

from pushsvc.errors import BadMessage
from pushsvc.sip.codec import encode, parse
from pushsvc.sip.dialog import Dialog
from pushsvc.sip.message import Message, Request, ack_of, cancel_of, reply_to
from pushsvc.sip.transaction import Output, RequestArrived, Settings, Transmit
from pushsvc.sip.transaction_layer import TransactionLayer
from tests.fuzz import samples
from tests.fuzz.target import SEPARATOR, Target, holds
from tests.fuzz.targets.sip_datagram import INVITE, SOURCE, US, one_message
from tests.tokens import CountedTokens

MOST = 8  # server transactions at once
FOREVER = 600.0  # seconds: every timer of RFC 3261 is over
STATUSES = (100, 180, 200, 302, 404, 487, 503)


def run(octets: bytes) -> None:
    layer = TransactionLayer(Settings(), CountedTokens("fuzz"), max_server=MOST)
    dialog: Dialog | None = None
    now = 0.0
    if not octets:
        return
    for number, part in enumerate(octets[1:].split(SEPARATOR)[:40]):
        message = _read(part)
        if message is None:
            continue
        now += octets[0] * (number % 3)
        outputs = _told(layer, message, now, octets[0] + number)
        dialog = _within(dialog, message)
        while layer.deadline is not None and layer.deadline <= now:
            outputs += layer.wake(now)
        for output in outputs:
            if isinstance(output, Transmit):
                one_message(encode(output.message))
        holds(layer.counts()[1] <= MOST, "more server transactions than are allowed")
    _forget(layer, now)


def _told(layer: TransactionLayer, message: Message, now: float, choice: int) -> list[Output]:
    if isinstance(message, Request) and choice % 5 == 0 and message.method != "ACK":
        key = (message.via.branch, message.method)
        return [] if key in layer._clients else layer.request(message, SOURCE, now)
    outputs = layer.received(message, SOURCE, now)
    for output in list(outputs):
        if isinstance(output, RequestArrived) and output.request.method != "ACK":
            if output.request.method == "CANCEL":
                layer.invite_cancelled_by(output.request)
            status = STATUSES[choice % len(STATUSES)]
            outputs += layer.respond(reply_to(output.request, status, to_tag="ours"), now)
    return outputs


def _within(dialog: Dialog | None, message: Message) -> Dialog | None:
    """A dialog of the first INVITE, told of everything else."""
    try:
        if isinstance(message, Request):
            if dialog is None and message.method == "INVITE":
                one_message(encode(cancel_of(message)))
                one_message(encode(ack_of(message, reply_to(message, 404, to_tag="x"))))
                return Dialog.from_invite(message, "ours", US)
            return None if dialog is None else dialog.accepts(message)
        if dialog is not None:
            dialog = dialog.retargeted(message)
            bye, dialog = dialog.request("BYE", message.via)
            one_message(encode(bye))
    except BadMessage:
        return dialog
    return dialog


def _forget(layer: TransactionLayer, now: float) -> None:
    for client in list(layer._clients.values()):
        # An INVITE that is ringing rings until somebody cancels it.
        if client.request.method == "INVITE" and (client.request.via.branch, "CANCEL") not in layer._clients:
            layer.request(cancel_of(client.request), SOURCE, now)
        layer.unreachable(client.request, now)
    for step in range(1, 40):
        layer.wake(now + FOREVER * step)
    clients, servers = layer.counts()
    waiting = [server for server in layer._servers.values() if server.deadline is not None]
    holds(clients == 0 and not waiting, f"{clients} client and {servers} server transactions are left")


def _read(part: bytes) -> Message | None:
    try:
        return parse(part)
    except BadMessage:
        return None


def _samples() -> list[bytes]:
    flows = [samples.wire(f"flow{number}/*-sip-*.bin") for number in (1, 2, 6, 9, 10, 12, 14)]
    torture = samples.sip()[-62:]
    mixed = [[INVITE, *torture[at : at + 4], INVITE] for at in range(0, 60, 4)]
    return [bytes([at]) + SEPARATOR.join(flow) for at, flow in enumerate([*flows, *mixed]) if flow]


TARGET = Target("transactions", run, _samples, (*samples.SIP_WORDS, SEPARATOR), longest=16384, weight=4)
