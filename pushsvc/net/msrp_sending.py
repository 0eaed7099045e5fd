"""One content on its way out over an MSRP session: runs the `Outgoing` machine and answers a Deferred."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from pushsvc.errors import DeliveryError, Refused
from pushsvc.machine import Tokens
from pushsvc.msrp.chunk import Reply, Report
from pushsvc.msrp.outgoing import Acknowledged, Delivered, Outgoing, Output, Receipt, Unconfirmed
from pushsvc.msrp.outgoing import Refused as PeerRefused
from pushsvc.msrp.uri import Path
from pushsvc.net.driver import Driver

Progress = Callable[[int, int], None]

RELAY_CHUNK = 10240  # octets: Kamailio's relay takes no more in one chunk, and answers 501

# RFC 4975 §10: a timeout, or a session that is unknown or elsewhere, is another thing in a new session; others stay.
WORTH_ANOTHER_TRY = (408, 481, 506)


class Content(Protocol):
    """What is sent: its size in octets, its media type, its MIME headers, and its octets at an offset."""

    @property
    def size(self) -> int: ...

    @property
    def content_type(self) -> str: ...

    @property
    def headers(self) -> tuple[tuple[str, str], ...]: ...

    def read(self, offset: int, size: int) -> bytes:
        """Exactly these octets. Raises OSError."""


@attrs.frozen
class Transfer:
    """How content travels: sizes in octets, times in seconds (`INTERFACES`, section [msrp])."""

    chunk: int = 65536
    window: int = 4 * 1024 * 1024
    response_timeout: float = 30.0
    report_timeout: float = 60.0
    success_report: bool = False
    stall_timeout: float = 60.0

    def through_relays(self) -> Transfer:
        """As relays need it: they answer for themselves, so only a report says that content arrived (E.13)."""
        return attrs.evolve(self, chunk=min(self.chunk, RELAY_CHUNK), success_report=True)


@attrs.frozen
class Frame:
    """A whole chunk for one write, how many octets of content it carries, and itself in a few words."""

    octets: bytes
    size: int
    summary: str


class Sending:
    """Chunks of one content, as the connection asks for them.

    `receipt` fires when the peer has all of it (rule A-26) and fails with Refused, TimedOut or Unreachable.
    Cancelling it ends the content with `#`. `write` takes octets that must go out at once.
    """

    log = Logger()

    def __init__(
        self,
        content: Content,
        to_path: Path,
        from_path: Path,
        transfer: Transfer,
        tokens: Tokens,
        clock: IReactorTime,
        write: Callable[[bytes], None],
        progress: Progress,
    ) -> None:
        self._content = content
        self._clock = clock
        self._write = write
        self._progress = progress
        self._sent = 0
        self._outgoing = Outgoing(
            content.size,
            to_path,
            from_path,
            tokens,
            content.content_type,
            content.headers,
            chunk=transfer.chunk,
            window=transfer.window,
            response_timeout=transfer.response_timeout,
            report_timeout=transfer.report_timeout,
            success_report=transfer.success_report,
        )
        self._driver = Driver(self._outgoing, self._perform, clock)
        self.receipt: Deferred[Receipt] = Deferred(lambda _: self.abort())

    @property
    def over(self) -> bool:
        """Delivered, refused or aborted."""
        return self.receipt.called

    def next_chunk(self) -> Frame | None:
        """The next chunk; None: nothing to send now."""
        piece = None if self.over else self._outgoing.next_piece()
        if piece is None:
            return None
        try:
            body = self._content.read(piece.offset, piece.size)
        except OSError as error:
            self.log.error("content cannot be read: {error}", error=error)
            self.abort()
            self.fail(Refused(500, f"content cannot be read: {error.strerror}", protocol="local"))
            return None
        octets = b"".join(self._outgoing.chunk(piece, body, self._clock.seconds()))
        if not octets:
            return None  # it ended while it was read
        self._sent = piece.offset + piece.size
        self._driver.run(())
        return Frame(octets, piece.size, f"SEND {piece.offset + 1}-{self._sent}/{self._content.size}")

    def move(self, to_path: Path) -> None:
        """The peer is reached by this path from now on."""
        self._outgoing.to_path = to_path

    def owns(self, transaction_id: str) -> bool:
        """Whether a reply with this transaction id is to a chunk of this content."""
        return self._outgoing.owns(transaction_id)

    def replied(self, reply: Reply) -> None:
        self._driver.run(self._outgoing.replied(reply, self._clock.seconds()))

    def reported(self, report: Report) -> None:
        self._driver.run(self._outgoing.reported(report, self._clock.seconds()))

    def abort(self) -> None:
        """Send no more of it: what is open on the wire ends with `#`."""
        octets = self._outgoing.abort(self._clock.seconds())
        if octets:
            self._write(octets)
        self._driver.stop()

    def fail(self, error: DeliveryError) -> None:
        """Nothing more will come of it."""
        self._driver.stop()
        if not self.receipt.called:
            self.receipt.errback(Failure(error))

    def _perform(self, output: Output) -> None:
        match output:
            case Acknowledged():
                self._progress(self._sent, output.octets)
            case Delivered() | Unconfirmed():
                self._driver.stop()
                if not self.receipt.called:
                    self.receipt.callback(output.receipt)
            case PeerRefused():
                self.abort()
                retry = output.status in WORTH_ANOTHER_TRY
                self.fail(Refused(output.status, output.comment, protocol="msrp", retry=retry))
