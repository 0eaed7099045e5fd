"""twistd's view of push-sender."""

from __future__ import annotations

from pushsvc.config import SenderConfig
from pushsvc.sender.tap import Options, makeService
from tests import taps  # the module: a base class that is a name here would be run as it is


class Tap(taps.TapCases):
    """Options in, a service out."""

    role = "sender"
    config_class = SenderConfig
    options_class = Options
    make_service = staticmethod(makeService)
