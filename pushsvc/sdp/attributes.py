"""Values inside attributes: file selector and range (RFC 5547 §6), certificate fingerprint (RFC 8122 §5)."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

import attrs

from pushsvc.errors import NotAcceptable

MAX_NAME = 1024  # letters of a name as written; no file system takes more than 255 octets, three letters each

_SELECTOR = re.compile(r'(?:[^ \t"]|"[^"]*")+')
_NAME = re.compile(r'"([^"]+)"')
_NUMBER = re.compile(r"[0-9]{1,18}")
_RANGE = re.compile(r"([0-9]{1,18})-([0-9]{1,18}|\*)")
_HEX_PAIRS = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){0,63}")
_FINGERPRINT = re.compile(r"([A-Za-z0-9-]{1,32})[ \t]+([0-9A-Fa-f:]+)")
_PARAMETER = re.compile(r';[ \t]*([^ \t;="]+)=(?:"([^"]*)"|([^ \t;"]+))')
_TYPE = re.compile(r"[!#$&^_.+A-Za-z0-9-]{1,127}/[!#$&^_.+A-Za-z0-9-]{1,127}(?:;[ -~]*)?")

DIGEST_SIZES = {"md2": 16, "md5": 16, "sha-1": 20, "sha-224": 28, "sha-256": 32, "sha-384": 48, "sha-512": 64}


def hex_pairs(octets: bytes) -> str:
    """`9F:41:...`, upper-case as some peers demand (PEERS 37)."""
    return octets.hex(":").upper()


def _from_hex_pairs(text: str, size: int | None) -> bytes:
    if not _HEX_PAIRS.fullmatch(text):
        raise NotAcceptable("a hash is not written as hex pairs")
    octets = bytes.fromhex(text.replace(":", ""))
    if size is not None and len(octets) != size:
        raise NotAcceptable("a hash has the wrong length")
    return octets


@attrs.frozen
class Fingerprint:
    """What a certificate (DER) hashes to. `algorithm` is lower-case, such as `sha-256`."""

    algorithm: str
    digest: bytes

    @classmethod
    def parse(cls, text: str) -> Fingerprint:
        """The value of `a=fingerprint`. An unknown algorithm is kept; a digest that cannot be is `NotAcceptable`."""
        found = _FINGERPRINT.fullmatch(text)
        if found is None:
            raise NotAcceptable("a fingerprint cannot be read")
        algorithm = found[1].lower()
        return cls(algorithm, _from_hex_pairs(found[2], DIGEST_SIZES.get(algorithm)))

    def __str__(self) -> str:
        return f"{self.algorithm} {hex_pairs(self.digest)}"


@attrs.frozen
class FileRange:
    """Octets of a file, counted from 1, both ends included; `last` None is the end of the file."""

    first: int
    last: int | None = None

    @classmethod
    def parse(cls, text: str) -> FileRange:
        """The value of `a=file-range`. Raises `NotAcceptable`."""
        found = _RANGE.fullmatch(text)
        if found is None:
            raise NotAcceptable("a file range cannot be read")
        first, last = int(found[1]), None if found[2] == "*" else int(found[2])
        if first < 1 or (last is not None and last < first):
            raise NotAcceptable("a file range is empty")
        return cls(first, last)

    def __str__(self) -> str:
        return f"{self.first}-{'*' if self.last is None else self.last}"


@attrs.frozen
class FileSelector:
    """Which file a line is about. `name` is decoded and not to be trusted as a path; `size` is in octets.

    All None is the bare `a=file-selector`, which only says that file transfer is understood (RFC 5547 §8.5).
    """

    name: str | None = None
    type: str | None = None
    size: int | None = None
    sha1: bytes | None = None

    @classmethod
    def parse(cls, text: str) -> FileSelector:
        """The value of `a=file-selector`; unknown selectors and hash algorithms are passed over [D-SDP-5].

        Raises `NotAcceptable` when a known selector cannot be read.
        """
        if text.count('"') % 2:
            raise NotAcceptable("a file selector has an open quote")
        found: dict[str, str] = {}
        for part in _SELECTOR.findall(text):
            key, _, value = part.partition(":")
            if key == "hash":
                key, _, value = value.partition(":")
                key = "hash:" + key.lower()
            found.setdefault(key, value)
        return cls(
            name=_parse_name(found["name"]) if "name" in found else None,
            type=_parse_type(found["type"]) if "type" in found else None,
            size=_parse_size(found["size"]) if "size" in found else None,
            sha1=_from_hex_pairs(found["hash:sha-1"], 20) if "hash:sha-1" in found else None,
        )

    def __str__(self) -> str:
        parts = []
        if self.name is not None:
            parts.append(f'name:"{escaped_name(self.name)}"')
        if self.type is not None:
            parts.append(f"type:{selector_type(self.type)}")
        if self.size is not None:
            parts.append(f"size:{self.size}")
        if self.sha1 is not None:
            parts.append(f"hash:sha-1:{hex_pairs(self.sha1)}")
        return " ".join(parts)

    def agrees(self, other: FileSelector) -> bool:
        """Whether both may mean one file: nothing that both of them say differs."""
        pairs = (
            (self.name, other.name),
            (self.type and self.type.lower(), other.type and other.type.lower()),
            (self.size, other.size),
            (self.sha1, other.sha1),
        )
        return all(ours is None or theirs is None or ours == theirs for ours, theirs in pairs)


def escaped_name(name: str) -> str:
    """A file's name for `name:"..."`: UTF-8, with what could end or fake it written as `%22` (RFC 5547 §6)."""
    encodable = name.encode("utf-8", "replace").decode()
    return "".join(f"%{ord(letter):02X}" if letter < " " or letter in '"%/\\\x7f' else letter for letter in encodable)


def selector_type(type: str) -> str:
    """A content type for `type:...`: parameters without blanks, values in quotes (RFC 5547 §6)."""
    bare = type.partition(";")[0].strip(" \t")
    return bare + "".join(f';{name}="{quoted or plain}"' for name, quoted, plain in _PARAMETER.findall(type))


def _parse_name(text: str) -> str:
    found = _NAME.fullmatch(text)
    if found is None or len(text) > MAX_NAME:
        raise NotAcceptable("a file name cannot be read")
    return unquote_to_bytes(found[1].encode("utf-8", "surrogateescape")).decode("utf-8", "replace")


def _parse_type(text: str) -> str:
    if not _TYPE.fullmatch(text):
        raise NotAcceptable("a file type cannot be read")
    return text


def _parse_size(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise NotAcceptable("a file size is not a number that can be")
    return int(text)
