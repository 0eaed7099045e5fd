"""What can fail, what to answer, and whether to try again. Nothing else needs to read an error's text.

Four trees: `ProtocolError` is a peer's mistake (traffic), `DeliveryError` is an attempt that did not succeed (an
outcome), `ConfigError` is an operator's (told with its place), `Misuse` is our own (a bug, and must be loud).
"""

from __future__ import annotations


class PushsvcError(Exception):
    """Root of everything that pushsvc raises on purpose."""


class ProtocolError(PushsvcError):
    """The peer broke a rule; `status` is the answer that its protocol has for that."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class BadMessage(ProtocolError):
    """A SIP message, header or URI that cannot be read (RFC 3261)."""


class BadChunk(ProtocolError):
    """An MSRP frame that cannot be read (RFC 4975); the connection is lost with it."""


class NotAcceptable(ProtocolError):
    """A session description that is readable but cannot be agreed to (RFC 3264)."""

    def __init__(self, reason: str, status: int = 488) -> None:
        super().__init__(reason, status)


class DeliveryError(PushsvcError):
    """This attempt failed. `retry` says whether another attempt can help."""

    def __init__(self, reason: str, *, retry: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry = retry


class Refused(DeliveryError):
    """The peer said no. `status` is its SIP or MSRP status, `reason` its phrase, `retry_after` its wish in seconds.

    `why` is what we have to add, for people: "" where the status says everything. `peer` is the hop that said it, as
    `tls:192.0.2.1:5061`; "" where it is whoever the session is with.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        *,
        protocol: str = "sip",
        retry: bool = False,
        retry_after: float | None = None,
        why: str = "",
        peer: str = "",
    ) -> None:
        super().__init__(reason, retry=retry)
        self.status = status
        self.protocol = protocol
        self.retry_after = retry_after
        self.why = why
        self.peer = peer


class TimedOut(DeliveryError):
    """The peer did not answer in time."""

    def __init__(self, what: str) -> None:
        super().__init__(what, retry=True)


class Unreachable(DeliveryError):
    """No connection, or it was lost. `retry` is False where trying again cannot change the cause (TLS identity)."""

    def __init__(self, reason: str, *, retry: bool = True) -> None:
        super().__init__(reason, retry=retry)


class Withdrawn(DeliveryError):
    """We ended it ourselves: cancelled by its owner, or the service is stopping."""

    def __init__(self, reason: str = "withdrawn") -> None:
        super().__init__(reason, retry=False)


class ConfigError(PushsvcError):
    """One mistake in a configuration: where it is (`file:line`), which key, what is wrong, and what to do."""

    def __init__(self, where: str, key: str, what: str, hint: str = "") -> None:
        super().__init__(f"{where}: {key}: {what}" + (f"; {hint}" if hint else ""))
        self.where = where
        self.key = key
        self.what = what
        self.hint = hint


class ConfigErrors(PushsvcError):
    """Every mistake of one configuration, in the file's order."""

    def __init__(self, errors: list[ConfigError]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = errors


class Misuse(PushsvcError):
    """We broke our own rule: a bug."""
