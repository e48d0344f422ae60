"""A ZIP file being written, whose every member is noted with its SHA-256: what a manifest is made of."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

from netops.web.safe import cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path


class Parcel:
    """The file and its members, each with its SHA-256 and number of lines."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.members: list[dict[str, Any]] = []

    def rows(self, name: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
        """Write a CSV; no cell is a formula to a spreadsheet."""
        return self._lines(name, _csv(head, rows), extra=-1)

    def objects(self, name: str, objects: Iterable[object]) -> int:
        """Write a JSON object a line."""
        lines = (json.dumps(each, ensure_ascii=False, sort_keys=True).encode() + b"\n" for each in objects)
        return self._lines(name, lines)

    def text(self, name: str, text: str) -> None:
        """Write a text."""
        self._lines(name, [text.encode()])

    def file(self, name: str, path: Path) -> None:
        """Write a copy of a file."""
        with path.open("rb") as source:
            self._lines(name, iter(lambda: source.read(1 << 20), b""))

    def _lines(self, name: str, pieces: Iterable[bytes], *, extra: int = 0) -> int:
        digest, size, count = hashlib.sha256(), 0, extra
        with self._archive.open(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), "w", force_zip64=True) as member:
            for piece in pieces:
                member.write(piece)
                digest.update(piece)
                size += len(piece)
                count += 1
        self.members.append({"name": name, "sha256": digest.hexdigest(), "bytes": size, "lines": count})
        return count


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")

    def taken() -> bytes:
        text = out.getvalue().encode("utf-8", "replace")
        out.seek(0)
        out.truncate()
        return text

    writer.writerow(head)
    yield b"\xef\xbb\xbf" + taken()
    for row in rows:
        writer.writerow([cell(each) for each in row])
        yield taken()
