"""A foreigner that calls our receiver, and the session descriptions that other stacks write."""

from __future__ import annotations

import hashlib

from pushsvc.push import bare_type
from tests.conversations.foreign import FOREIGN, ForeignCase

TO_ALICE = "sip:alice@192.0.2.20"
OK = 200
# Session descriptions without a file selector, of the shape that each stack gives them (PEERS 5).
NODE_LIB = f"""v=0
o=- 3940000000 3940000000 IN IP4 {FOREIGN}
s=push
c=IN IP4 {FOREIGN}
t=0 0
m=message 49160 TCP/MSRP *
a=accept-types:text/plain text/x-msrp-heartbeat
a=setup:active
a=path:msrp://{FOREIGN}:49160/uzkh3jwdb5;tcp
"""
AOSP = f"""v=0
o=- 3940000001 3940000001 IN IP4 {FOREIGN}
s=-
c=IN IP4 {FOREIGN}
t=0 0
m=message 9 TCP/MSRP *
a=accept-types:text/plain message/CPIM
a=setup:active
a=path:msrp://{FOREIGN}:9/1795344325913;tcp
a=sendrecv
"""


def file_offer(octets: bytes, type: str = "text/plain", *, selector: str | None = None) -> str:
    """A file as rcsjta offers it: port 9, and its own order of attributes."""
    digest = hashlib.sha1(octets).digest().hex(":").upper()
    selector = selector or f'name:"file.bin" type:{type} size:{len(octets)} hash:sha-1:{digest}'
    return f"""v=0
o=- 3940000002 3940000002 IN IP4 {FOREIGN}
s=-
c=IN IP4 {FOREIGN}
t=0 0
m=message 9 TCP/MSRP *
a=accept-types:{bare_type(type)}
a=file-transfer-id:1795344325914
a=file-disposition:attachment
a=file-selector:{selector}
a=setup:active
a=path:msrp://{FOREIGN}:9/1795344325913;tcp
a=sendonly
a=max-size:10485760
"""


class ReceivingCase(ForeignCase):
    """A foreigner that has called, been answered, and connected."""

    def called(self, offer: str = AOSP, *, port: int | None = None, **accept: object) -> None:
        self.receiving(**accept)
        self.foreigner.path = next(line for line in offer.splitlines() if line.startswith("a=path:"))[7:]
        self.assertEqual(self.foreigner.invite(TO_ALICE, offer).status, 200)
        self.foreigner.connect(port)

    def send(self, text: str, body: bytes | None = None, settle: float = 1.0) -> None:
        self.foreigner.say(text, body=body, settle=settle)

    def assert_received(self, *contents: bytes, statuses: tuple[int, ...] = (OK,)) -> None:
        """These are in the inbox, these were the replies, and after the end nothing is left."""
        self.assertEqual(self.foreigner.statuses(), list(statuses))
        self.assertEqual(self.receiver.contents(), list(contents))
        self.assertEqual(self.logged(), [])
        self.foreigner.hang_up()
        self.assert_nothing_left()
