"""`twistd push-sender`: the only place of the sender that reads the command line and names the reactor."""

from __future__ import annotations

from twisted.application.service import IService

from pushsvc.config import load_sender
from pushsvc.ops.garbage import look_seldom
from pushsvc.ops.options import DaemonOptions
from pushsvc.ops.root import daemon


class Options(DaemonOptions):
    synopsis = "[options]"
    longdesc = (
        "Takes pushes over HTTP, keeps them, and delivers them to SIP users: an INVITE, the content over MSRP and TLS, "
        "a BYE. HUP reloads the configuration; TERM finishes what runs, a second TERM does not wait. "
        "Exit codes: 0 stopped, 69 address in use, 70 a bug, 73 no state directory, 74 disk, 77 not permitted, "
        "78 configuration."
    )
    optParameters = [["config", "c", "/etc/pushsvc/sender.toml", "The configuration, a TOML file."]]
    load = staticmethod(load_sender)


def makeService(options: Options) -> IService:
    """The sender as one service. SystemExit, with the reasons on standard error, when it cannot be."""
    config = options.configuration()
    from twisted.internet import reactor

    from pushsvc.sender.service import make_sender

    service = daemon(config, options.parent, lambda: make_sender(config, reactor, options.ready_file))
    look_seldom()
    return service
