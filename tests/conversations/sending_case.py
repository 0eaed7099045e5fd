"""A foreigner that our sender pushes to, which answers and replies as its stack does."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from pushsvc.msrp.chunk import Send
from pushsvc.net.msrp_sending import Transfer
from pushsvc.sender.job import AttemptResult, FileState
from tests.conversations.foreign import FOREIGN, ForeignCase, Frame, selectors_in

TO_FOREIGNER = f"sip:alice@{FOREIGN}"
LARGE = bytes(range(256)) * 800  # four chunks of 65536, the last one short


class SendingCase(ForeignCase):
    """A foreigner that takes what it is offered, and replies as its stack does."""

    setup = "passive"
    port = 2855

    def begin(self, *, replies: str = "200 OK", transfer: Transfer | None = None, **ways: object) -> None:
        self.sending(transfer=transfer, **ways)
        self.foreigner.describe = self.answer
        self.foreigner.react = self.replying(replies)
        self.foreigner.listen()

    def answer(self, offer: str) -> str:
        """As FreeSWITCH: the offerer's own types back; with the selectors, as RFC 5547 wants them."""
        return f"""v=0
o=FreeSWITCH 1732440000 1732440001 IN IP4 {FOREIGN}
s=FreeSWITCH
c=IN IP4 {FOREIGN}
t=0 0
m=message {self.port} TCP/MSRP *
a=accept-types:text/plain message/cpim
a=setup:{self.setup}
a=path:{self.foreigner.path}
{selectors_in(offer)}
"""

    def replying(self, words: str, then: str = "", *more: str) -> Callable[[Frame], bytes]:
        """Reply so to each SEND; `then` are further header lines, `more` the words of further replies to it."""

        def react(frame: Frame) -> bytes:
            if not isinstance(frame.head, Send):
                return b""
            return b"".join(self.reply(frame.head.transaction_id, each, then) for each in (words, *more))

        return react

    def reply(self, transaction_id: str, words: str, then: str = "", to: str = "{you}", by: str = "{us}") -> bytes:
        text = f"MSRP {transaction_id} {words}\nTo-Path: {to}\nFrom-Path: {by}\n{then}-------{transaction_id}$\n"
        return self.foreigner.frame(text)

    def report(self, send: Send, written: str, transaction_id: str = "r1", status: str = "000 200 OK") -> bytes:
        """FreeSWITCH has Status before Byte-Range (PEERS 4)."""
        return self.foreigner.frame(
            f"MSRP {transaction_id} REPORT\nTo-Path: {{you}}\nFrom-Path: {{us}}\nMessage-ID: {send.message_id}\n"
            f"Status: {status}\nByte-Range: {written}\n-------{transaction_id}$\n"
        )

    def pushed(self, octets: bytes = b"hello", **changes: object) -> AttemptResult:
        result = self.network.run(self.pushing(octets, **changes))
        assert isinstance(result, AttemptResult)
        return result

    def pushing(self, octets: bytes, **changes: object) -> Deferred[AttemptResult]:
        return self.sender.deliver(self.sender.job(octets, to=TO_FOREIGNER, **changes))

    def assert_delivered(self, result: AttemptResult, octets: bytes = b"hello") -> None:
        self.assertEqual((result.failure, [file.result for file in result.files]), (None, [FileState.DELIVERED]))
        self.assertEqual(self.got(), octets)
        self.assert_nothing_left()

    def got(self) -> bytes:
        return b"".join(frame.body for frame in self.foreigner.frames if isinstance(frame.head, Send))

    def written(self) -> bytes:
        """All octets that we wrote to it."""
        assert self.foreigner.wire is not None
        return self.foreigner.wire.octets
