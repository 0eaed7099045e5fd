"""The shortest valid offer and its parts; a test overrides what it is about."""

from __future__ import annotations

from pushsvc.sdp import Description, parse

ID = "kbZ73VkSfx45yMKTFhzdzYBWryRFj3pK"
PATH = "msrps://h.example:2855/V6uGxvuYyx7s8Jm2RqPs;tcp"
SHA1 = "9F:41:41:4B:0F:2A:70:E7:0A:D3:0A:57:AC:24:28:16:F2:25:E0:C0"

SESSION = ["v=0", "o=- 7 1 IN IP4 h.example", "s=-", "c=IN IP4 h.example", "t=0 0"]
FILE = [
    "m=message 2855 TCP/TLS/MSRP *",
    "a=sendonly",
    "a=accept-types:text/plain message/cpim",
    "a=setup:actpass",
    f"a=path:{PATH}",
    f'a=file-selector:name:"n.txt" type:text/plain size:62 hash:sha-1:{SHA1}',
    f"a=file-transfer-id:{ID}",
]


def described(*lines: str) -> Description:
    """What these lines say."""
    return parse("".join(f"{line}\r\n" for line in lines).encode("utf-8", "surrogateescape"))


def changed(lines: list[str], **attributes: str | None) -> list[str]:
    """The lines with other values of `m=`, the attributes (`_` for `-`) and the `direction`; None drops a line."""
    result = []
    for line in lines:
        kind, _, value = line.partition("=")
        name = kind if kind != "a" else value.partition(":")[0] if ":" in value else "direction"
        override = attributes.get(name.replace("-", "_"), line)
        if override is not None:
            result.append(override if override is line else _written(name, override))
    return result


def _written(name: str, value: str) -> str:
    if name == "direction":
        return f"a={value}"
    return f"{name}={value}" if len(name) == 1 else f"a={name}:{value}"
