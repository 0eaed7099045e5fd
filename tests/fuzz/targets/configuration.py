"""A daemon's configuration: whatever the file holds, it is read, or every mistake of it is told as ConfigErrors."""

from __future__ import annotations

from pathlib import Path

from pushsvc.config.load import load_receiver, load_sender
from pushsvc.config.printed import to_toml
from pushsvc.errors import ConfigErrors
from tests.fuzz.target import SEPARATOR, Frame, Target, holds, scratch, words

ETC = Path(__file__).parents[3] / "etc"


def run(octets: bytes) -> None:
    text, _, override = octets.partition(SEPARATOR)
    overrides = [override.decode("utf-8", "replace")] if override else []
    with scratch() as directory:
        path = Path(directory) / "daemon.toml"
        path.write_bytes(text)
        for load in (load_receiver, load_sender):
            try:
                config = load(path, overrides, environ={})
            except ConfigErrors as found:
                holds(bool(found.errors), "mistakes without a mistake")
                for error in found.errors:
                    holds("\n" not in str(error), f"a mistake of several lines: {str(error)!r}")
            else:
                to_toml(config)


def _uncommented(path: Path) -> bytes:
    lines = path.read_bytes().split(b"\n")
    return b"\n".join(line for line in lines if not line.startswith(b"#"))


def _samples() -> list[bytes]:
    found = [_uncommented(ETC / "receiver.toml"), _uncommented(ETC / "sender.toml")]
    small = (
        b'[[rule]]\nfrom="sip:*"\naction="ask"\n[[rule]]\ntypes=["a/b"]\n',
        b'[sip]\nlisten=["udp:127.0.0.1:0","tls:[::1]:5061"]\nt1="5ms"\n',
        b'[accept]\nmax_size="1GiB"\nopen=true\n',
        b'sip.identity="sip:a@b"\n[delivery]\nretry={first="5s",factor=3.0}\n',
        b'[tls]\nca="x"\n',
        b"[log]\nlevel='debug'\n" + SEPARATOR + b"sip.identity=sip:a@b",
        b"a=[[[1]]]\n" + SEPARATOR + b"sip.listen=[1,[2]]",
    )
    return [*found, *small]


TARGET = Target(
    "configuration",
    run,
    _samples,
    (
        *words(r'''
    [ ] [[ ]] { } """ \x27\x27\x27 " \x27 = . , \n \r\n # \\u0000 \\ inf nan 1979-05-27T07:32:00Z 0x true
    "1GiB" "-5s" [[rule]]\n [sip]\n listen=
'''),
        b"9" * 5000,
        SEPARATOR,
    ),
    limit=65536,
    frames=(
        Frame(),
        Frame(b"a="),
        Frame(b"a=[", b"]"),
        Frame(b'a="', b'"'),
        Frame(b'a="""', b'"""'),
        Frame(b"[a]\n"),
        Frame(b"", SEPARATOR + b"a=b"),
        Frame(SEPARATOR + b"a="),
        Frame(b"[sip]\nlisten=[", b"]"),
    ),
    units=words(r"""
    [[rule]]\n [[rule]]\nfrom=1\n [[a.b]]\n \n\n "a", \x27\x27\x27a\x27\x27\x27, {a=1}, a. \\\\ \\" [ {a= #\n
    1, 1
"""),
    weight=25,
)
