"""The Chinese font that papers are set in: where it is, which characters it has, and the digest that names it.

A paper's bytes depend on it, so a bundle names it (`papers.json`). Without one no paper is made, and the bundle says
so: a month's report must not fail for a font. PDF/A refuses a character that the font lacks; `Face.text` replaces it,
so that nobody's text can keep a report from being made.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from netops.web.safe import visible

FAMILIES = ("Noto Sans CJK SC", "Source Han Sans SC", "Noto Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei")
MONO = "DejaVu Sans Mono"  # comes with Typst
MISSING = "no Chinese font is on this machine; install fonts-noto-cjk and build the report again for the PDFs"
WEIGHTS = (400, 700)


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """A family with its files; `digest` is SHA-256 over the files' own digests, by weight."""

    family: str
    files: tuple[Path, ...]
    digest: str
    covers: frozenset[int]

    def text(self, given: str) -> str:
        """Return the text with what cannot be set, or cannot be seen, as `�` (`?` where the font lacks even that)."""
        stand_in = "\ufffd" if 0xFFFD in self.covers else "?"
        seen = str(visible(given.replace("\n", " ").replace("\t", " ")))
        return "".join(each if ord(each) in self.covers else stand_in for each in seen)


@cache
def found() -> Face | None:
    """Return the first known family that is here, None when none is."""
    import typst  # noqa: PLC0415  (30 MB that only papers need)

    faces = [each for each in typst.Fonts().fonts() if each.path and each.style == "normal"]
    for family in FAMILIES:
        mine = {each.weight: each for each in faces if each.family == family and each.weight in WEIGHTS}
        if 400 in mine:
            picked = [mine[weight] for weight in sorted(mine)]
            files = tuple(Path(str(each.path)) for each in picked)
            data = [path.read_bytes() for path in files]
            covers = [coverage(each, face.index) for each, face in zip(data, picked, strict=True)]
            return Face(
                family=family,
                files=files,
                digest=sha256(b"".join(sha256(each).digest() for each in data)).hexdigest(),
                covers=frozenset.intersection(*covers),
            )
    return None


@cache
def collection(face: Face) -> Any:
    """Return Typst's collection of this face and of what Typst brings; nothing else of the machine is in it."""
    import typst  # noqa: PLC0415

    return typst.Fonts(include_system_fonts=False, font_paths=sorted({str(path.parent) for path in face.files}))


def coverage(data: bytes, index: int) -> frozenset[int]:
    """Return the code points of a face of a font file (OpenType `cmap`, formats 12 and 4); ValueError without."""
    start = struct.unpack_from(">I", data, 12 + 4 * index)[0] if data[:4] == b"ttcf" else 0
    (tables,) = struct.unpack_from(">H", data, start + 4)
    for i in range(tables):
        tag, _, offset, _ = struct.unpack_from(">4sIII", data, start + 12 + 16 * i)
        if tag == b"cmap":
            return _mapped(data, offset)
    raise ValueError("the font has no cmap")


def _mapped(data: bytes, cmap: int) -> frozenset[int]:
    (count,) = struct.unpack_from(">H", data, cmap + 2)
    at = [cmap + struct.unpack_from(">HHI", data, cmap + 4 + 8 * i)[2] for i in range(count)]
    formats = {struct.unpack_from(">H", data, each)[0]: each for each in at}
    made: set[int] = set()
    if 12 in formats:
        (groups,) = struct.unpack_from(">I", data, formats[12] + 12)
        for i in range(groups):
            first, last, glyph = struct.unpack_from(">III", data, formats[12] + 16 + 12 * i)
            made.update(range(first if glyph else first + 1, last + 1))
    elif 4 in formats:
        table = formats[4]
        (twice,) = struct.unpack_from(">H", data, table + 6)
        for i in range(twice // 2):
            (last,) = struct.unpack_from(">H", data, table + 14 + 2 * i)
            (first,) = struct.unpack_from(">H", data, table + 16 + twice + 2 * i)
            made.update(range(first, min(last, 0xFFFE) + 1))
    else:
        raise ValueError("the font's cmap has no format that is read here")
    return frozenset(made)
