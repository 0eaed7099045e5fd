"""A receiver that keeps first parts, and a sender that can be cut off at any octet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from pushsvc import sdp
from pushsvc.config.receiver import Rule
from pushsvc.receiver.partials import Limits
from pushsvc.sender.job import AttemptResult, FileState, Job
from tests.conversations.push_case import PushCase
from tests.sim import Weather

CONTENT = bytes(range(256)) * 4096  # 1 MiB, 16 chunks
CHUNK = 65536
SEGMENT = 16384  # a fourth of a chunk: these contents are large, and need no finer grain


class ResumeCase(PushCase):
    """A receiver that keeps first parts, a sender that can be cut off at any octet."""

    def begin_keeping(self, *rules: Rule, **limits: Any) -> None:
        self.limits = Limits(**{"keep_for": 3600.0, **limits})
        self.begin(Weather(segment=SEGMENT), rules=rules, limits=self.limits)

    def close_everything(self) -> None:
        """Sooner or later; what is kept has its time."""
        if self.network is not None:
            for stack in (self.sender.stack, self.receiver.stack):
                stack.sessions.close_all("the test is over")
            self.network.settle(self.limits.keep_for + 1.0)
        super().close_everything()

    def offers(self) -> list[sdp.MediaOffer]:
        """The first line of each offer of the sender's."""
        return [sdp.media(sdp.parse(invite.body))[0] for invite in self.sender_said.requests("INVITE")]

    def ladder(self) -> str:
        trace = self.sender.traces.of("psh_1")
        return "" if trace is None else trace.ladder()

    def ranges(self) -> list[str]:
        return [str(offer.file_range or "whole") for offer in self.offers()]

    def cut(self) -> None:
        """The MSRP connection breaks."""
        (stream,) = (s for s in self.network.streams if s.local == ("192.0.2.20", 2855) and s.connected)
        stream.abortConnection()

    def until(self, happened: Callable[[], object]) -> None:
        end = self.network.clock.seconds() + 100.0
        while not happened():
            self.assertLess(self.network.clock.seconds(), end, "it never happens")
            self.network.step()

    def acknowledged(self, octets: int) -> Callable[[], bool]:
        return lambda: bool(self.sender.progress) and self.sender.progress[-1][1] >= octets

    def again(self, job: Job, result: AttemptResult) -> AttemptResult:
        """The next attempt, as the outbox would ask for it."""
        contents = [
            attrs.evolve(content, resume_at=file.resume_at)
            for content, file in zip(job.contents, result.files, strict=True)
        ]
        return self.push(attrs.evolve(job, contents=tuple(contents), attempt=job.attempt + 1))

    def gone(self, **facts: Any) -> AttemptResult:
        """An attempt that ended with the dialog, after a third of the content; `facts` are of its file."""
        job = self.sender.job(CONTENT)
        self.job = attrs.evolve(job, contents=tuple(attrs.evolve(content, **facts) for content in job.contents))
        self.sender.progress.clear()
        delivering = self.sender.deliver(self.job)
        self.until(self.acknowledged(len(CONTENT) // 3))
        (session,) = self.receiver.stack.sessions._sessions.values()
        session.close("no room")
        result = self.network.run(delivering)
        assert isinstance(result, AttemptResult)
        self.network.settle(1.0)
        return result

    def forget_ranges(self) -> None:
        """The receiver's answers do not repeat the range of the file."""

        def forgetful(answered: Callable[..., sdp.Description]) -> Callable[..., sdp.Description]:
            def answer(*args: Any) -> sdp.Description:
                lines = sdp.format(answered(*args)).split(b"\r\n")
                return sdp.parse(b"\r\n".join(line for line in lines if not line.startswith(b"a=file-range")))

            return answer

        for name in ("answer", "answer_again"):
            self.patch(sdp, name, forgetful(getattr(sdp, name)))

    def tmp(self) -> list[str]:
        return sorted(path.name for path in (Path(self.receiver.inbox.directory) / "tmp").iterdir())

    def assert_delivered_once(self, result: AttemptResult) -> None:
        self.assertEqual([file.result for file in result.files], [FileState.DELIVERED], result)
        self.assertEqual(self.receiver.contents(), [CONTENT])
        self.assertEqual(result.octets_acknowledged, len(CONTENT))
        self.assert_nothing_left()
