"""The two daemons as twistd sees them; nothing else may be in here, since every twistd imports it."""

from twisted.application.service import ServiceMaker

push_sender = ServiceMaker(
    "push-sender", "pushsvc.sender.tap", "Take pushes over HTTP and deliver them over SIP and MSRP.", "push-sender"
)
push_receiver = ServiceMaker(
    "push-receiver", "pushsvc.receiver.tap", "Take pushes over SIP and MSRP and keep them in an inbox.", "push-receiver"
)
