"""What every attempt is made with: the session manager, who we are, and the settings of [delivery]."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.internet.interfaces import IReactorTime

from pushsvc.machine import Tokens
from pushsvc.sender.caller import Caller
from pushsvc.sender.job import Job
from pushsvc.sender.lingering import Lingering
from pushsvc.sessions import Sessions


@attrs.frozen
class Ways:
    """Times are seconds. `began(call_id, job)` hears of each call; `secure`: MSRP goes over TLS."""

    sessions: Sessions
    caller: Caller
    lingering: Lingering
    tokens: Tokens
    clock: IReactorTime
    began: Callable[[str, Job], None] = lambda call_id, job: None
    answer_timeout: float = 180.0
    after_413: float = 5.0
    close_at_once: bool = True
    secure: bool = True
    setup: str = "actpass"
