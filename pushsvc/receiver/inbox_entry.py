"""What the inbox knows about one content, and how that is written: in the API, in the sidecar, in the index."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import attrs

from pushsvc.api.fields import moment_of, time_text
from pushsvc.push import safe_name
from pushsvc.sessions import Icon

_encode = json.JSONEncoder(ensure_ascii=False).encode
MAX_TEXT = 1024  # characters of a title or description; what is longer is cut
SIDECAR = ".json"

_EXTENSION = re.compile(r".*\.([A-Za-z0-9]{1,8})", re.ASCII | re.DOTALL)
_TYPE = re.compile(r"[!-.0-:<-~]{1,127}/[!-.0-~][ -~]{0,126}", re.ASCII)
# Ours: a moment, a random word, one extension. A sidecar has two.
STORED_NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z-[A-Za-z0-9]{12}\.[a-z0-9]{1,8}", re.ASCII)


@attrs.frozen(kw_only=True)
class Arriving:
    """What is known of a content before it is there. `size` (octets) and `sha1` are what it must have, None: anything.

    `key` with `sender` names it for ever: the file-transfer-id, or a message's own id; "" for none. Everything is as
    the peer said it; what could hurt is taken out of it when it is kept.
    """

    sender: str
    asserted: bool
    to: str
    name: str
    type: str
    mode: str
    call_id: str
    key: str = ""
    size: int | None = None
    sha1: bytes | None = None
    title: str | None = None
    description: str | None = None
    disposition: str | None = None
    application: str | None = None
    icon: Icon | None = None


@attrs.frozen(kw_only=True)
class Entry:
    """One content in the inbox. `sequence` orders entries by when they came in, `file` is its name in the directory."""

    id: str
    file: str
    received_at: float
    size: int
    sha1: str
    sha256: str
    about: Arriving
    state: str = "new"
    sequence: int = 0

    def numbered(self, sequence: int) -> Entry:
        """The same with its place in the order."""
        return Entry(
            id=self.id, file=self.file, received_at=self.received_at, size=self.size, sha1=self.sha1,
            sha256=self.sha256, about=self.about, state=self.state, sequence=sequence,
        )  # fmt: skip


@attrs.frozen
class Kept:
    """A content is durable. `fresh`: it was not here before; `entry` is None when it was and has been deleted since."""

    entry: Entry | None
    fresh: bool


def stored_name(received_at: float, word: str, name: str) -> str:
    """The name on disk: when, a random word, and the extension of the peer's name when that is a harmless one."""
    moment = time_text(received_at)[:19].replace("-", "").replace(":", "")
    found = _EXTENSION.fullmatch(name)
    return f"{moment}Z-{word}.{found[1].lower() if found else 'bin'}"


def harmless(about: Arriving) -> Arriving:
    """The same with a name, a type and texts that can be shown."""
    shown: dict[str, Any] = {
        "name": safe_name(about.name),
        "type": about.type if _TYPE.fullmatch(about.type) else "application/octet-stream",
        "title": _shown(about.title),
        "description": _shown(about.description),
    }
    changed = {name: value for name, value in shown.items() if value != getattr(about, name)}
    return attrs.evolve(about, **changed) if changed else about


def entry_json(entry: Entry, directory: str) -> dict[str, Any]:
    """The entry as the API shows it, with `icon` where it has one; `directory` is the inbox's absolute path."""
    about = entry.about
    return {
        "id": entry.id,
        "from": about.sender,
        "asserted": about.asserted,
        "to": about.to,
        "name": about.name,
        "type": about.type,
        "size": entry.size,
        "sha1": entry.sha1,
        "sha256": entry.sha256,
        "title": about.title,
        "description": about.description,
        "disposition": about.disposition,
        "application": about.application,
        "mode": about.mode,
        "call_id": about.call_id,
        "received_at": time_text(entry.received_at),
        "path": f"{directory}/{entry.file}",
        "state": entry.state,
        **icon_json(about.icon),
    }


def icon_json(icon: Icon | None) -> dict[str, Any]:
    """The member `icon` as the API shows it; nothing where there is none."""
    return {} if icon is None else {"icon": {"type": icon.type, "size": len(icon.octets)}}


def sidecar_text(entry: Entry, directory: str) -> bytes:
    """The sidecar: what the API shows, the key and the icon itself, so that the index can be made again from it."""
    value = {**entry_json(entry, directory), "key": entry.about.key, **kept_icon(entry.about.icon)}
    return _encode(value).encode() + b"\n"


def entry_of_sidecar(text: bytes, file: str) -> Entry | None:
    """The entry that a sidecar of this content file describes; None when it is torn or not ours."""
    try:
        value = json.loads(text)
        moment = moment_of(value["received_at"])
        about = Arriving(sender=value["from"], icon=icon_in(value), **{name: value[name] for name in _ABOUT})
        facts = {name: value[name] for name in ("id", "size", "sha1", "sha256")}
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return Entry(file=file, received_at=moment, about=about, **facts) if moment is not None else None


def kept_icon(icon: Icon | None) -> dict[str, Any]:
    """The member `icon` as the sidecar and the index keep it; nothing where there is none."""
    if icon is None:
        return {}
    return {"icon": {**icon_json(icon)["icon"], "base64": base64.b64encode(icon.octets).decode()}}


def icon_in(kept: dict[str, Any]) -> Icon | None:
    """The icon that `kept_icon` put in. Raises KeyError, TypeError, ValueError where that is something else."""
    icon = kept.get("icon")
    return None if icon is None else Icon(icon["type"], base64.b64decode(icon["base64"]))


_ABOUT = (
    "asserted", "to", "name", "type", "mode", "call_id", "key", "title", "description", "disposition", "application",
)  # fmt: skip


def _shown(text: str | None) -> str | None:
    if text is None or (len(text) <= MAX_TEXT and text.isprintable()):
        return text
    return "".join(letter if letter.isprintable() else " " for letter in text[:MAX_TEXT])
