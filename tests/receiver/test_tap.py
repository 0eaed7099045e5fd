"""twistd's view of push-receiver."""

from __future__ import annotations

from pushsvc.config import ReceiverConfig
from pushsvc.receiver.tap import Options, makeService
from tests import taps  # the module: a base class that is a name here would be run as it is


class Tap(taps.TapCases):
    """Options in, a service out."""

    role = "receiver"
    config_class = ReceiverConfig
    options_class = Options
    make_service = staticmethod(makeService)
