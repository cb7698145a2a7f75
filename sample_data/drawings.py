"""The two binary files of the sample, drawn by hand: a PNG logo and a PDF of terms.

In: nothing.  Out: bytes.  Touches: nothing.
"""

from __future__ import annotations

import math
import struct
import zlib

SIZE = 144  # pixels; shown at 48, so that it is sharp on every screen
FINE = 4  # samples a pixel and direction, for smooth edges

Point = tuple[float, float]
Colour = tuple[float, float, float]
_INDIGO: Colour = (79, 70, 229)
_TEAL: Colour = (20, 184, 166)
_WHITE: Colour = (255, 255, 255)


def logo_png() -> bytes:
    """A kestrel in flight, two wings and a tail, on a rounded square."""
    rows = []
    for y in range(SIZE):
        row = bytearray(b"\0")  # PNG filter type 0 (none)
        for x in range(SIZE):
            row += bytes(_pixel(x, y))
        rows.append(bytes(row))
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 6, 0, 0, 0)  # 8 bits, RGBA
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, body)
        for kind, body in (
            (b"IHDR", header),
            (b"IDAT", zlib.compress(b"".join(rows), 9)),
            (b"IEND", b""),
        )
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    check = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)


def _pixel(x: int, y: int) -> tuple[int, int, int, int]:
    """Mean of the samples in one pixel, with how much of it is covered."""
    total, covered = [0.0, 0.0, 0.0], 0
    for i in range(FINE * FINE):
        at = ((x + (i % FINE + 0.5) / FINE) / SIZE, (y + (i // FINE + 0.5) / FINE) / SIZE)
        if not _in_rounded_square(at, 0.22):
            continue
        covered += 1
        colour = _WHITE if _in_bird(at) else _blend(_INDIGO, _TEAL, (at[0] + at[1]) / 2)
        total = [part + value for part, value in zip(total, colour, strict=True)]
    red, green, blue = (round(part / max(covered, 1)) for part in total)
    return red, green, blue, round(255 * covered / FINE**2)


def _in_rounded_square(at: Point, radius: float) -> bool:
    across, down = (max(abs(value - 0.5) - (0.5 - radius), 0.0) for value in at)
    return math.hypot(across, down) <= radius


def _in_bird(at: Point) -> bool:
    """Two crescents that meet in the middle, and a tail below."""
    mirrored = (min(at[0], 1 - at[0]), at[1])  # the bird is the same left and right
    wing = _in_circle(mirrored, (0.30, 0.64), 0.30) and not _in_circle(mirrored, (0.27, 0.72), 0.30)
    return (wing and mirrored[1] < 0.62) or _in_tail(at)


def _in_tail(at: Point) -> bool:
    across, down = abs(at[0] - 0.5), at[1]
    return 0.47 <= down <= 0.74 and across <= 0.062 * (0.74 - down) / 0.27


def _in_circle(at: Point, middle: Point, radius: float) -> bool:
    return math.hypot(at[0] - middle[0], at[1] - middle[1]) <= radius


def _blend(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (a + (b - a) * share for a, b in zip(one, other, strict=True))
    return red, green, blue


TERMS = (
    ("Kestrel: terms of renewal", 20),
    ("Valid from 1 January 2026. A sample: nobody sells anything here.", 10),
    ("", 10),
    ("1. Renewal", 13),
    ("Your plan renews for one year on the date in our message, unless you end it before.", 10),
    ("You can end it in the settings of your account, or by answering that message.", 10),
    ("", 10),
    ("2. Prices", 13),
    ("Prices are in euros, without value added tax, for a year and the seats named.", 10),
    ("Seats added during the year are charged for the rest of it, by the day.", 10),
    ("", 10),
    ("3. Money back", 13),
    ("Within 30 days of the renewal we pay back the whole amount, without asking why.", 10),
    ("", 10),
    ("4. Your data", 13),
    ("It stays yours. You can take all of it along, in open formats, at any time.", 10),
    ("We delete it 60 days after the end of your plan.", 10),
)


def terms_pdf() -> bytes:
    """One A4 page of text in Helvetica, which every reader has (PDF 1.4)."""
    drawn = ["BT", "1 0 0 1 64 760 Tm"]
    for line, points in TERMS:
        shown = line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
        font = "/Bold" if points > 10 else "/Plain"
        drawn += [f"{font} {points} Tf", f"({shown}) Tj", f"0 -{points * 1.6:.0f} Td"]
    page = "\n".join([*drawn, "ET"])
    objects = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 6 0 R"
        " /Resources << /Font << /Plain 4 0 R /Bold 5 0 R >> >> >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold >>",
        f"<< /Length {len(page)} >>\nstream\n{page}\nendstream",
        "<< /Title (Kestrel: terms of renewal) >>",
    )
    return _pdf(objects)


def _pdf(objects: tuple[str, ...]) -> bytes:
    """Objects 1, 2, ... with the table that says at which byte each begins."""
    content, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(content))
        content += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    return (
        f"{content}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
        f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info {len(objects)} 0 R >>\n"
        f"startxref\n{len(content)}\n%%EOF\n"
    ).encode("ascii")
