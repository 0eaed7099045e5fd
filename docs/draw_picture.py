"""Draws pushsvc/pushctl/picture.png, the file that `make demo` pushes: an envelope and the waves it goes out on.

Run from anywhere: `python docs/draw_picture.py`. Distance fields for smooth edges, zlib for the PNG, nothing else.
"""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path

WIDTH, HEIGHT = 960, 540
TARGET = Path(__file__).parent.parent / "pushsvc" / "pushctl" / "picture.png"
Colour = tuple[float, float, float]

NIGHT, DAWN, PAPER, SEAM, WAVE = (14, 20, 48), (226, 106, 92), (250, 246, 236), (176, 150, 130), (255, 214, 140)


def mix(under: Colour, over: Colour, share: float) -> Colour:
    share = min(1.0, max(0.0, share))
    return tuple(u + (o - u) * share for u, o in zip(under, over, strict=True))  # type: ignore[return-value]


def box(x: float, y: float, half_width: float, half_height: float, corner: float) -> float:
    """Distance to a rounded rectangle around the origin; negative inside."""
    dx, dy = abs(x) - half_width + corner, abs(y) - half_height + corner
    return math.hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0) - corner


def segment(x: float, y: float, ax: float, ay: float, bx: float, by: float) -> float:
    """Distance to a straight line between two points."""
    along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)
    along = min(1.0, max(0.0, along))
    return math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay))


def colour(x: int, y: int) -> Colour:
    height = y / HEIGHT
    drawn = mix(NIGHT, DAWN, height**1.8 + 0.06 * math.sin(x / 170 + 3 * height))
    ex, ey = x - 330.0, y - 290.0
    for number in range(1, 8):
        radius = 150 + 78 * number
        edge = abs(math.hypot(ex, ey) - radius) - (9 - number)
        facing = math.cos(math.atan2(ey, ex) + 0.25)
        drawn = mix(drawn, WAVE, (0.5 - edge) * max(0.0, facing - 0.55) * (1.9 - 0.2 * number))
    drawn = mix(drawn, NIGHT, 0.35 * (0.5 - (box(ex - 8, ey - 14, 172, 112, 18) - 10) / 22))
    drawn = mix(drawn, PAPER, 0.5 - box(ex, ey, 170, 110, 16))
    flap = min(segment(ex, ey, -162, -98, 0, 22), segment(ex, ey, 162, -98, 0, 22))
    fold = min(segment(ex, ey, -162, 98, -38, -4), segment(ex, ey, 162, 98, 38, -4))
    drawn = mix(drawn, SEAM, (4.5 - flap) * 0.8)
    return mix(drawn, SEAM, (2.5 - fold) * 0.5)


def grain(x: int, y: int) -> float:
    """A little noise, the same every time: it hides the bands that 8 bits make of a gradient."""
    return ((x * 374761393 + y * 668265263 ^ (x * y)) % 1009) / 1009 - 0.5


def png() -> bytes:
    rows = bytearray()
    for y in range(HEIGHT):
        row = bytearray(
            min(255, max(0, round(part + 2.2 * grain(x, y)))) for x in range(WIDTH) for part in colour(x, y)
        )
        # PNG's filter 1: each octet less the one a pixel to its left.
        rows += b"\x01" + bytes(a - b & 255 for a, b in zip(row, b"\0\0\0" + row[:-3], strict=True))
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b""))
    )


if __name__ == "__main__":
    TARGET.write_bytes(png())
