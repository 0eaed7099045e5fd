"""What is fuzzed: one module for each thing that hostile octets reach. The names are those of `--target`."""

from __future__ import annotations

from tests.fuzz.target import Target
from tests.fuzz.targets import (
    agents,
    authentication,
    configuration,
    contents,
    dns,
    http_bodies,
    http_connection,
    logs,
    msrp,
    sdp,
    sip_datagram,
    sip_stream,
    sip_values,
    transactions,
)

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        sip_datagram.TARGET,
        sip_stream.TARGET,
        sip_values.URI,
        sip_values.VALUES,
        authentication.TARGET,
        transactions.TARGET,
        sdp.TARGET,
        msrp.FRAMER,
        msrp.HEADS,
        msrp.SESSION,
        contents.MULTIPART,
        contents.WRAPPED,
        contents.DESCRIBED,
        configuration.TARGET,
        http_bodies.JSON,
        http_bodies.FORMS,
        http_connection.TARGET,
        dns.TARGET,
        logs.TARGET,
        *agents.TARGETS,
    )
}
