"""The configuration: frozen sections, read from TOML and checked as a whole. What is done with it is elsewhere."""

from pushsvc.config.load import load_receiver, load_sender, reloaded
from pushsvc.config.printed import to_toml
from pushsvc.config.receiver import Accept, Action, Hooks, Inbox, ReceiverConfig, Registration, Rule
from pushsvc.config.sender import CloseTransferred, Delivery, Disposition, Mode, Queue, Retry, SenderConfig
from pushsvc.config.shared import (
    Api,
    ClientCertificate,
    Config,
    Level,
    Log,
    LogFormat,
    Msrp,
    Origin,
    Override,
    Setup,
    Shutdown,
    Sip,
    Tls,
    TlsVersion,
)
from pushsvc.config.source import NotPermitted, parse_override
from pushsvc.config.values import Listen, Network, Octets, Seconds, Secret, UnixListen

__all__ = [
    "Accept",
    "Action",
    "Api",
    "ClientCertificate",
    "CloseTransferred",
    "Config",
    "Delivery",
    "Disposition",
    "Hooks",
    "Inbox",
    "Level",
    "Listen",
    "Log",
    "LogFormat",
    "Mode",
    "Msrp",
    "Network",
    "NotPermitted",
    "Octets",
    "Origin",
    "Override",
    "Queue",
    "ReceiverConfig",
    "Registration",
    "Retry",
    "Rule",
    "Seconds",
    "Secret",
    "SenderConfig",
    "Setup",
    "Shutdown",
    "Sip",
    "Tls",
    "TlsVersion",
    "UnixListen",
    "load_receiver",
    "load_sender",
    "parse_override",
    "reloaded",
    "to_toml",
]
