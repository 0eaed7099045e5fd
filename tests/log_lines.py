"""What an operator reads of a test: the lines at info and above, in a few words."""

from __future__ import annotations

from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase


class LogLines:
    """Everything that our own code logs from now on, until `stop` or the end of the test."""

    def __init__(self, test: SynchronousTestCase) -> None:
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self._logged)
        test.addCleanup(self.stop)

    def stop(self) -> None:
        """Listen no more. What was heard stays; stopping twice is stopping once."""
        globalLogPublisher.removeObserver(self._logged)

    def _logged(self, event: LogEvent) -> None:
        if event.get("log_namespace", "").startswith("pushsvc.") and event["log_level"] >= LogLevel.info:
            self.events.append(event)

    def troubles(self) -> list[str]:
        """What is not everyday traffic: refusals, with code and reason, and whatever else there is to say."""
        lines = []
        for event in self.events:
            words = formatEvent(event)
            if words.startswith(("sip ", "msrp")):
                words = " ".join([words, *(str(event[key]) for key in ("code", "frame", "reason") if key in event)])
            if words != "sip req" and event.get("code", 300) >= 300:
                lines.append(words)
        return lines
