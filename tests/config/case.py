"""What the tests of the configuration share: a file, and what is said about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.config import Override, ReceiverConfig, SenderConfig, load_receiver, load_sender
from pushsvc.errors import ConfigErrors


class ConfigCase(SynchronousTestCase):
    """Loads texts as files of one of the daemons."""

    environ: Mapping[str, str] = {}

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()

    def file(self, name: str, content: str | bytes, mode: int = 0o600) -> Path:
        path = self.directory / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return path

    def sender(self, text: str = "", *overrides: str | Override) -> SenderConfig:
        return load_sender(self.file("s.toml", text), overrides, environ=self.environ)

    def receiver(self, text: str = "", *overrides: str | Override) -> ReceiverConfig:
        return load_receiver(self.file("r.toml", text), overrides, environ=self.environ)

    def sender_mistakes(self, text: str, *overrides: str | Override) -> list[str]:
        """`line: key: what; hint` of each mistake, the file's name left out."""
        return self._mistakes(lambda: self.sender(text, *overrides))

    def receiver_mistakes(self, text: str, *overrides: str | Override) -> list[str]:
        return self._mistakes(lambda: self.receiver(text, *overrides))

    def _mistakes(self, load: object) -> list[str]:
        assert callable(load)
        try:
            load()
        except ConfigErrors as found:
            return [str(error).replace(f"{self.directory}/", "") for error in found.errors]
        return []

    def assert_named(self, mistakes: Sequence[str], *starts: str) -> None:
        """Exactly these mistakes, each by how its line begins."""
        cut = [line[: len(start)] for line, start in zip(mistakes, starts, strict=False)]
        self.assertEqual((cut, len(mistakes)), (list(starts), len(starts)), "\n".join(mistakes))
