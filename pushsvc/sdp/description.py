"""A session description as text (RFC 8866): ordered lines that survive unchanged. What they mean is in `media`.

Only the lines that everything else hangs on are read here: `v=`, `o=` and the `m=` lines. A `Description` that exists
has them in order, so nobody below asks whether a port is a number.
"""

from __future__ import annotations

import itertools
import re
from functools import cached_property

import attrs

from pushsvc.errors import BadMessage, Misuse, NotAcceptable

MAX_SIZE = 65536  # octets; ten times what a push of eight files with long names needs
MAX_LINES = 1000  # sixty attributes for each of the media lines that are allowed
MAX_MEDIA = 8  # one line is one file; a sender with more opens another session

Line = tuple[str, str]

_CONTROLS = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")
_LINE = re.compile(r"([a-z])=([^\r\n]*)\r?")
_ORIGIN = re.compile(r"(\S+) ([0-9]{1,20}) ([0-9]{1,20}) (\S+) (\S+) (\S+)", re.ASCII)
_MEDIA = re.compile(r"([^ ]+) ([0-9]{1,5})(/[0-9]{1,5})? ([^ ]+) ([^ ].*)", re.ASCII)


@attrs.frozen
class Origin:
    """The `o=` line. `version` goes up by one whenever anything else in the description changes."""

    username: str
    session_id: int
    version: int
    network: str
    family: str
    host: str

    def __str__(self) -> str:
        return f"{self.username} {self.session_id} {self.version} {self.network} {self.family} {self.host}"


@attrs.frozen
class Section:
    """The lines before the first `m=`, or one `m=` line with all that belongs to it, in order."""

    lines: tuple[Line, ...]

    def value(self, kind: str) -> str | None:
        """The first line of this kind (`"c"` for `c=`); None when there is none."""
        return next((value for name, value in self.lines if name == kind), None)

    def attributes(self, name: str) -> list[str]:
        """Every `a=name` in order, without the name: `""` for `a=name`, `"x"` for `a=name:x`."""
        return list(self._attributes.get(name, ()))

    def attribute(self, name: str) -> str | None:
        """The first `a=name`; None when there is none."""
        found = self._attributes.get(name)
        return found[0] if found else None

    @cached_property
    def _attributes(self) -> dict[str, list[str]]:
        """By name: a line is asked for twenty of them, and there are as many."""
        found: dict[str, list[str]] = {}
        for kind, value in self.lines:
            if kind == "a":
                name, _, rest = value.partition(":")
                found.setdefault(name, []).append(rest.strip(" \t"))
        return found

    def replaced(self, kind: str, value: str) -> Section:
        """The same with another value in its first line of this kind."""
        at = [name for name, _ in self.lines].index(kind)
        return Section((*self.lines[:at], (kind, value), *self.lines[at + 1 :]))


@attrs.frozen
class MediaLine:
    """An `m=` line. Port 0 refuses or closes it."""

    media: str
    port: int
    proto: str
    formats: str

    @classmethod
    def of(cls, section: Section) -> MediaLine:
        """The `m=` line of a media section of a parsed description."""
        return cls.parse(section.value("m") or "")

    @classmethod
    def parse(cls, text: str) -> MediaLine:
        """Raises `BadMessage` when this is not an `m=` value (RFC 8866 §5.14)."""
        found = _MEDIA.fullmatch(text)
        if found is None or int(found[2]) > 65535:
            raise BadMessage("the session description has an m= line that cannot be read")
        return cls(found[1], int(found[2]), found[4], found[5])

    def __str__(self) -> str:
        return f"{self.media} {self.port} {self.proto} {self.formats}"


@attrs.frozen
class Description:
    """A whole session description: the session's own lines, then one section per `m=` line."""

    session: Section
    sections: tuple[Section, ...] = ()

    @property
    def origin(self) -> Origin:
        found = _ORIGIN.fullmatch(self.session.value("o") or "")
        if found is None:
            raise BadMessage("the session description has no o= line that can be read")
        return Origin(found[1], int(found[2]), int(found[3]), found[4], found[5], found[6])


def parse(body: bytes) -> Description:
    """The description in the body of a request or response; `format` of it gives the same octets back.

    Lines that end with LF alone and blank lines at the end are taken too (and are not given back).
    Raises `BadMessage` (400) for what is not a session description, `NotAcceptable` (488) for one over our limits.
    """
    if len(body) > MAX_SIZE or body.count(b"\n") > MAX_LINES:
        raise NotAcceptable("the session description is too long")
    if b"\0" in body:
        raise BadMessage("the session description holds NUL")
    text = body.decode("utf-8", "surrogateescape").rstrip("\r\n")
    description = _sectioned([_parse_line(row) for row in text.split("\n")])
    for section in description.sections:
        MediaLine.of(section)
    _ = description.origin
    return description


def _parse_line(row: str) -> Line:
    found = _LINE.fullmatch(row)
    if found is None:
        raise BadMessage("the session description has a line that cannot be read")
    return found[1], found[2]


def _sectioned(lines: list[Line]) -> Description:
    if lines[0] != ("v", "0"):
        raise BadMessage("the session description does not begin with v=0")
    starts = [index for index, (kind, _) in enumerate(lines) if kind == "m"]
    if len(starts) > MAX_MEDIA:
        raise NotAcceptable(f"the session description has more than {MAX_MEDIA} media lines")
    bounds = [*starts, len(lines)]
    sections = tuple(Section(tuple(lines[start:end])) for start, end in itertools.pairwise(bounds))
    return Description(Section(tuple(lines[: bounds[0]])), sections)


def format(description: Description) -> bytes:
    """The octets for a body. Raises `Misuse` when a value would break out of its line: `one_line` prevents that."""
    sections = (description.session, *description.sections)
    rows = [f"{kind}={value}" for section in sections for kind, value in section.lines]
    if any(forbidden in row for row in rows for forbidden in "\r\n\0"):
        raise Misuse("a session description line holds a line end")
    return ("\r\n".join(rows) + "\r\n").encode("utf-8", "surrogateescape")


def one_line(text: str) -> str:
    """`text` fit for one line of SDP, SIP or MSRP: controls and line ends as a blank, what UTF-8 has not as `?`."""
    return _CONTROLS.sub(" ", text).strip(" ").encode("utf-8", "replace").decode()
