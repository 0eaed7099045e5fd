"""Sixty names for a file by which somebody might get where they should not, or be taken for something else."""

from __future__ import annotations

from pathlib import Path


def hostile_names(outside: Path, stored: str) -> list[str]:
    """`outside` is a directory that must stay empty, `stored` the file name of something that is in the inbox."""
    return [
        # out of the directory
        "../escaped", "../../escaped", "../../../../../../../../etc/passwd", "..", ".", "./..", "a/../../escaped",
        "/etc/passwd", f"{outside}/escaped", f"//{outside}/escaped", "~/escaped", "~root/.profile", "..//..//escaped",
        "..\\escaped", "..\\..\\windows\\win.ini", "C:\\escaped.txt", "C:escaped.txt", "\\\\host\\share\\escaped",
        "file:///etc/passwd", "%2e%2e%2fescaped", "%252e%252e%252fescaped", "..%c0%afescaped", "\u2025/escaped",
        "..\uff0fescaped", "..\u2215escaped", "..\x00/escaped", "escaped.jpg\x00.exe", "a/b/c/d/e/f/escaped",
        # onto something that is there
        stored, f"{stored}.json", f"../{stored}", ".index.db", ".index.db-wal", ".lock", "tmp", "tmp/part", "new",
        "probe",
        # hidden, empty, or no name at all
        "", " ", "   ...   ", ".bashrc", ".ssh/authorized_keys", "...", "\t",
        # what a shell, a terminal or a reader of lists takes for something else
        "-rf", "--output=/etc/passwd", "$(touch escaped)", "`touch escaped`", "a;touch escaped", "a|touch escaped",
        "a\nescaped",
        "a\r\nX-Injected: yes", "\x1b[2J\x1b]0;owned\x07", "\x9b31mred", "\u202egnp.exe", "invoice\u2066fdp\u2069.exe",
        "<script>alert(1)</script>.html", '"; filename="other.exe', "x" * 300,
    ]  # fmt: skip
