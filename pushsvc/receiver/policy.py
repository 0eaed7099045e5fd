"""May these files come in? Who asks, which files, the rules, the verdict. People who are asked are in decisions."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Protocol
from urllib.parse import unquote

import attrs
from twisted.internet.defer import Deferred

from pushsvc.config.receiver import Action, Rule
from pushsvc.errors import BadMessage
from pushsvc.push import media_type_matches, safe_name
from pushsvc.sdp import MediaOffer, acceptable_types
from pushsvc.sessions import Icon
from pushsvc.sip.uri import OpaqueUri, parse_uri

SPACE_RETRY = 300  # seconds; a full disk needs somebody to look at it
MOMENT_RETRY = 10  # seconds, when the disk takes nothing for now: it is tried every five


class Cause(enum.Enum):
    """Why a file is not taken."""

    TYPE = "type"
    SIZE = "size"
    SENDER = "sender"
    POLICY = "policy"
    SPACE = "space"


@attrs.frozen
class Caller:
    """Who asks: a URI as text, and whether somebody we trust vouches for it."""

    uri: str
    asserted: bool


@attrs.frozen
class FileAsked:
    """A file that somebody wants to push. `type` "" and `size` None where nobody has said; `icon` helps who decides."""

    transfer_id: str | None
    name: str
    type: str
    size: int | None
    _line: MediaOffer | None = attrs.field(default=None, repr=False)
    icon: Icon | None = None

    @classmethod
    def of_line(cls, line: MediaOffer, icon: Icon | None = None) -> FileAsked:
        """The file that this media line offers; a line without a selector may bring anything of its types."""
        selector = line.selector
        if selector is None:
            return cls(line.transfer_id, "", "", None, line, icon)
        return cls(line.transfer_id, safe_name(selector.name or ""), selector.type or "", selector.size, line, icon)

    def fits(self, types: Sequence[str]) -> bool:
        """Whether it is, or can be, of one of these types [A-02]."""
        if self._line is not None:
            return acceptable_types(self._line, types)
        return any(media_type_matches(pattern, self.type) for pattern in types)


@attrs.frozen
class FileVerdict:
    """What becomes of one file: not taken for this `cause`, or taken, up to `max_size` octets of one of the `types`."""

    cause: Cause | None
    max_size: int = 0
    types: tuple[tuple[str, ...], ...] = ()

    @property
    def taken(self) -> bool:
        return self.cause is None

    def accepts(self, type: str) -> bool:
        """Whether content of this type is what was agreed to."""
        return self.taken and all(any(media_type_matches(one, type) for one in types) for types in self.types)


@attrs.frozen
class Take:
    """Come in: one verdict a file, in the order in which they were asked about; at least one is taken."""

    files: tuple[FileVerdict, ...]


@attrs.frozen
class Refuse:
    """Stay out: the SIP answer (E.12). `warning` is code and text of a Warning, `retry_after` seconds."""

    status: int
    reason: str
    cause: Cause
    warning: tuple[int, str] | None = None
    retry_after: int | None = None


Verdict = Take | Refuse


class Asks(Protocol):
    """Somebody who decides, in time: answers file by file, all False when nobody did."""

    def ask(self, caller: Caller, files: Sequence[FileAsked], timeout: float) -> Deferred[list[bool]]: ...


class Policy:
    """What the operator wants: [accept] first, then the first [[rule]] that matches.

    `allow` are globs of senders, empty: everybody; `types` and `max_size` (octets) bound everything; `free` tells the
    octets that are free, of which `free_min` must stay so; None when nothing can be written now.
    """

    def __init__(
        self,
        *,
        allow: Sequence[str],
        types: Sequence[str],
        max_size: int,
        rules: Sequence[Rule],
        free_min: int,
        free: Callable[[], int | None],
        decisions: Asks,
    ) -> None:
        self._allow = [_UriGlob(glob) for glob in allow]
        self._types = tuple(types)
        self._max_size = max_size
        self._rules = [_Matcher(rule) for rule in rules]
        self._free_min = free_min
        self._free = free
        self._decisions = decisions

    def judge(self, caller: Caller, files: Sequence[FileAsked]) -> Verdict | Deferred[Verdict]:
        """The verdict; a Deferred of it when somebody must be asked first, which may be cancelled.

        [R-PRA-INV-4a] All refused for type or size: 488; by an operator's word: 603; a sender that is not on the list:
        403; no room: 480.
        """
        if self._allow and not any(glob.matches(caller.uri) for glob in self._allow):
            return Refuse(403, "Forbidden", Cause.SENDER)
        rules = [self._rule_for(caller, file) for file in files]
        verdicts = [self._bounds(file, rule) for file, rule in zip(files, rules, strict=True)]
        asked = [
            index for index, rule in enumerate(rules) if verdicts[index].taken and rule and rule.action is Action.ASK
        ]
        if not asked:
            return self._summed_up(files, verdicts)
        timeout = min(rule.timeout for index in asked if (rule := rules[index]))
        answers = self._decisions.ask(caller, [files[index] for index in asked], timeout)
        return answers.addCallback(lambda yes: self._answered(files, verdicts, asked, yes))

    def accepts(self, type: str) -> bool:
        """Whether contents of this type are taken at all, whatever the rules say of them."""
        return any(media_type_matches(pattern, type) for pattern in self._types)

    def _rule_for(self, caller: Caller, file: FileAsked) -> Rule | None:
        return next((matcher.rule for matcher in self._rules if matcher.matches(caller, file)), None)

    def _bounds(self, file: FileAsked, rule: Rule | None) -> FileVerdict:
        if not file.fits(self._types):
            return FileVerdict(Cause.TYPE)
        if file.size is not None and file.size > self._max_size:
            return FileVerdict(Cause.SIZE)
        if (rule is None and self._rules) or (rule and rule.action is Action.DECLINE):
            return FileVerdict(Cause.POLICY)
        types = (self._types, *([rule.types] if rule and rule.types is not None else []))
        announced = ((file.type,),) if file.type else ()  # D-MSRP-4: what comes is what was offered
        most = self._max_size if rule is None or rule.max_size is None else min(self._max_size, rule.max_size)
        return FileVerdict(None, most, (*types, *announced))

    def _answered(
        self, files: Sequence[FileAsked], verdicts: list[FileVerdict], asked: list[int], yes: list[bool]
    ) -> Verdict:
        for index, answer in zip(asked, yes, strict=True):
            if not answer:
                verdicts[index] = FileVerdict(Cause.POLICY)
        return self._summed_up(files, verdicts)

    def _summed_up(self, files: Sequence[FileAsked], verdicts: Sequence[FileVerdict]) -> Verdict:
        causes = {verdict.cause for verdict in verdicts}
        if None in causes:
            needed = sum(file.size or 0 for file, verdict in zip(files, verdicts, strict=True) if verdict.taken)
            free = self._free()
            if free is None:
                return _NOT_NOW
            return Take(tuple(verdicts)) if free - needed >= self._free_min else _NO_ROOM
        if causes <= {Cause.TYPE, Cause.SIZE}:
            return _NOT_THESE_TYPES if Cause.TYPE in causes else _TOO_LARGE
        return Refuse(603, "Decline", Cause.POLICY)


_NOT_NOW = Refuse(480, "Temporarily Unavailable", Cause.SPACE, retry_after=MOMENT_RETRY)
_NO_ROOM = Refuse(480, "Temporarily Unavailable", Cause.SPACE, retry_after=SPACE_RETRY)
_NOT_THESE_TYPES = Refuse(488, "Not Acceptable Here", Cause.TYPE, warning=(305, "Incompatible media format"))
_TOO_LARGE = Refuse(488, "Not Acceptable Here", Cause.SIZE, warning=(399, "File too large"))


class _Matcher:
    """One rule, its patterns compiled."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._from = None if rule.from_ is None else _UriGlob(rule.from_)
        self._name = None if rule.name is None else _glob(rule.name.casefold())

    def matches(self, caller: Caller, file: FileAsked) -> bool:
        """Whether all that the rule names is so; a size that nobody has said is within every bound until it is not."""
        rule = self.rule
        return (
            (self._from is None or self._from.matches(caller.uri))
            and (rule.types is None or file.fits(rule.types))
            and (rule.max_size is None or file.size is None or file.size <= rule.max_size)
            and (self._name is None or self._name.fullmatch(file.name.casefold()) is not None)
        )


class _UriGlob:
    """A glob over URIs without parameters. What is before the @ never matches what is behind it."""

    def __init__(self, glob: str) -> None:
        before, at, host = glob.rpartition("@")
        self._before = _glob(_lower_scheme(before)) if at else None
        self._rest = _glob(host.lower() if at else _lower_scheme(host))

    def matches(self, uri: str) -> bool:
        before, host = _split_uri(uri)
        if self._before is None:
            whole = f"{before}@{host}" if before is not None else host
            return self._rest.fullmatch(whole) is not None
        return before is not None and bool(self._before.fullmatch(before) and self._rest.fullmatch(host))


@lru_cache(maxsize=64)
def _split_uri(text: str) -> tuple[str | None, str]:
    """`sip:user` and host, escapes undone, password and parameters gone; a URI without a user is all host."""
    try:
        uri = parse_uri(text)
    except BadMessage:
        return None, text
    if isinstance(uri, OpaqueUri):
        return None, _lower_scheme(str(uri))
    host = uri.host.lower() if uri.port is None else f"{uri.host.lower()}:{uri.port}"
    return (None, f"{uri.scheme}:{host}") if uri.user is None else (f"{uri.scheme}:{unquote(uri.user)}", host)


def _lower_scheme(uri: str) -> str:
    scheme, colon, rest = uri.partition(":")
    return scheme.lower() + colon + rest


def _glob(pattern: str) -> re.Pattern[str]:
    """`*` and `?`, nothing else: brackets belong to IPv6 addresses. Linear: no star gives back what it took."""
    parts = [re.escape(part).replace(r"\?", ".") for part in re.split(r"\*+", pattern)]
    if len(parts) == 1:
        return re.compile(parts[0], re.DOTALL)
    middle = "".join(f"(?>.*?{part})" for part in parts[1:-1])
    return re.compile(f"{parts[0]}{middle}.*{parts[-1]}", re.DOTALL)
