"""The sections that only push-sender has, and its configuration as a whole."""

from __future__ import annotations

import enum
from pathlib import Path

import attrs

from pushsvc.config.shared import DAY, Config, any_time, some_octets, some_time
from pushsvc.config.values import Octets, Seconds, between, setting, write_duration


class Mode(enum.Enum):
    """How content travels; AUTO is MESSAGE when the whole request has at most 1300 octets, else MSRP."""

    AUTO = "auto"
    MESSAGE = "message"
    MSRP = "msrp"


class Disposition(enum.Enum):
    """What the receiver should do with a file (RFC 5547 §6)."""

    ATTACHMENT = "attachment"
    RENDER = "render"


class CloseTransferred(enum.Enum):
    """When the media line of a finished file is closed."""

    IMMEDIATE = "immediate"
    LINGER = "linger"


@attrs.frozen
class Queue:
    """[queue]: what is kept until it is delivered."""

    database: str = "sqlite:queue.db"
    content: str = "content"
    max_content: Octets = setting(Octets(1 << 30), some_octets)
    default_ttl: Seconds = setting(Seconds(3 * DAY), some_time)


@attrs.frozen
class Retry:
    """delivery.retry: when a failed attempt is made again."""

    first: Seconds = setting(Seconds(5.0), some_time)
    factor: float = setting(3.0, between(1.0, 100.0))
    max: Seconds = setting(Seconds(1800.0), some_time)
    jitter: float = setting(0.2, between(0.0, 1.0))
    attempts: int = setting(12, between(1, 1000))


@attrs.frozen
class Delivery:
    """[delivery]: how one push is delivered."""

    mode: Mode = Mode.AUTO
    linger: Seconds = setting(Seconds(30.0), any_time)
    concurrency: int = setting(200, between(1, 100_000))
    answer_timeout: Seconds = setting(Seconds(180.0), between(1.0, DAY, write_duration))
    disposition: Disposition = Disposition.ATTACHMENT
    success_report: bool = False
    close_transferred: CloseTransferred = CloseTransferred.IMMEDIATE
    report_timeout: Seconds = setting(Seconds(60.0), some_time)
    after_413: Seconds = setting(Seconds(5.0), any_time)
    crashes: int = setting(5, between(2, 1000))
    ims: bool = False
    retry: Retry = Retry()


@attrs.frozen(kw_only=True)
class SenderConfig(Config):
    """Everything push-sender is told."""

    queue: Queue = Queue()
    delivery: Delivery = Delivery()

    @property
    def content_dir(self) -> Path:
        """The directory of the contents that wait."""
        return self.state_dir / self.queue.content

    @property
    def database_path(self) -> Path:
        """The file of the SQLite database."""
        return self.state_dir / self.queue.database.removeprefix("sqlite:")
