"""The session manager: joins one SIP dialog with its MSRP sessions, and hands out Deferreds for whole sessions.

The only floor that sender and receiver use to speak to the network.
"""

from pushsvc.msrp.chunk import Send
from pushsvc.msrp.outgoing import ConfirmedBy
from pushsvc.net.msrp_receiving import Sink, Wanted
from pushsvc.net.msrp_sending import Progress
from pushsvc.net.observer import Direction
from pushsvc.net.reaching import Exchange
from pushsvc.sessions.dialing import Call
from pushsvc.sessions.fields import opening_request
from pushsvc.sessions.fitness import ACCEPT
from pushsvc.sessions.floors import Floors
from pushsvc.sessions.invitation import Invitation
from pushsvc.sessions.line import Line
from pushsvc.sessions.manager import Sessions
from pushsvc.sessions.offer_body import MAX_ICON, Icon, Icons, is_icon_type
from pushsvc.sessions.redirecting import redirected
from pushsvc.sessions.refusal import refusal
from pushsvc.sessions.session import Ended, Session
from pushsvc.sessions.take import Take

__all__ = [
    "ACCEPT",
    "MAX_ICON",
    "Call",
    "ConfirmedBy",
    "Direction",
    "Ended",
    "Exchange",
    "Floors",
    "Icon",
    "Icons",
    "Invitation",
    "Line",
    "Progress",
    "Send",
    "Session",
    "Sessions",
    "Sink",
    "Take",
    "Wanted",
    "is_icon_type",
    "opening_request",
    "redirected",
    "refusal",
]
