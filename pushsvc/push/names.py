"""File names fit to be shown, and the ids of pushes."""

from __future__ import annotations

import re
import unicodedata

from pushsvc.machine import Tokens

MAX_NAME = 255  # octets; what every common file system takes

_SEPARATORS = "/\\"
_harmless = re.compile(rf"[ -.0-\[\]-~]{{0,{MAX_NAME}}}").fullmatch  # printable ASCII without separators: most names
_JOINERS = "\u200c\u200d"  # shape letters and emoji; they reorder and hide nothing


def safe_name(text: str, default: str = "unnamed") -> str:
    """A peer's file name, fit to be shown and to name a file beside others: one visible line of at most 255 octets.

    NFC; no controls, no format characters (so none that reorder text), no path separators, no dots or blanks at either
    end. Whether a file of that name may be written is for the caller: this is a name, not a path.
    """
    if _harmless(text):
        return text.strip(" .") or default
    # What is left out may have stood between a letter and its accent: composed is what remains.
    shown = unicodedata.normalize("NFC", "".join(_shown(letter) for letter in text[: 4 * MAX_NAME]))
    return _shortened(shown.strip(" ."), MAX_NAME) or default


def _shown(letter: str) -> str:
    if letter in _SEPARATORS:
        return "_"
    category = unicodedata.category(letter)
    if category in ("Zs", "Zl", "Zp"):
        return " "
    return "" if category in ("Cc", "Cf", "Cs") and letter not in _JOINERS else letter


def _shortened(name: str, limit: int) -> str:
    """The name cut to `limit` octets of UTF-8, before its extension where that is a short one."""
    if len(name.encode()) <= limit:
        return name
    stem, dot, extension = name.rpartition(".")
    tail = (dot + extension) if stem and len(extension.encode()) <= 16 else ""
    head = name.encode()[: limit - len(tail.encode())].decode("utf-8", "ignore")
    return head.rstrip(" .") + tail


def push_id(tokens: Tokens) -> str:
    """A new push's id."""
    return "psh_" + tokens.word(22)


def transfer_id(tokens: Tokens) -> str:
    """A new `a=file-transfer-id`, the same for all attempts to push one file to one recipient (RFC 5547 §6)."""
    return tokens.word(32)
