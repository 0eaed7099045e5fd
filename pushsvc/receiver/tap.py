"""`twistd push-receiver`: the only place of the receiver that reads the command line and names the reactor."""

from __future__ import annotations

from twisted.application.service import IService

from pushsvc.config import load_receiver
from pushsvc.ops.garbage import look_seldom
from pushsvc.ops.options import DaemonOptions
from pushsvc.ops.root import daemon


class Options(DaemonOptions):
    synopsis = "[options]"
    longdesc = (
        "Takes pushes from SIP users: answers INVITEs by its rules, receives the content over MSRP and TLS, and keeps "
        "it in an inbox with an HTTP API. HUP reloads the configuration; TERM finishes what runs, a second TERM does "
        "not wait. Exit codes: 0 stopped, 69 address in use, 70 a bug, 73 no state directory, 74 disk, "
        "77 not permitted, 78 configuration."
    )
    optParameters = [["config", "c", "/etc/pushsvc/receiver.toml", "The configuration, a TOML file."]]
    load = staticmethod(load_receiver)


def makeService(options: Options) -> IService:
    """The receiver as one service. SystemExit, with the reasons on standard error, when it cannot be."""
    config = options.configuration()
    from twisted.internet import reactor

    from pushsvc.receiver.service import make_receiver

    service = daemon(config, options.parent, lambda: make_receiver(config, reactor, options.ready_file))
    look_seldom()
    return service
