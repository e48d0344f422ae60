"""What a terminal would show: octets with cursor movements, erasures and colours → plain lines. Pure.

Pagers erase themselves by moving the cursor back over their own words; SmartAX writes a blank and steps back over it.
Who only cuts the escape sequences out keeps both.
"""

from __future__ import annotations

import re

# ECMA-48: CSI (5.4), OSC and other strings (5.6), two-character escapes
_ESCAPE = re.compile(r"\x1b(?:\[([0-?]*)[ -/]*([@-~])|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
_DRIVEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]")
_SILENT = frozenset("\x00\x07\x0e\x0f\x11\x13")  # padding, bell, character sets, flow control
_STRANGE = "\ufffd"  # any other control character: it stays visible, and no template takes it
_WIDEST = 4096  # where a cursor may go


def decoded(octets: bytes) -> str:
    """Return octets as text: UTF-8, else GB18030, else with a mark for what is neither."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return octets.decode(encoding)
        except UnicodeDecodeError:
            continue
    return octets.decode("utf-8", "replace")


def shown(octets: bytes) -> list[str]:
    """Return the lines that a terminal would show, without blanks at their ends."""
    return [_line(line) for line in decoded(octets).split("\n")]


def last(octets: bytes) -> str:
    """Return the line that the cursor stands in: what follows the last line feed."""
    return _line(decoded(octets[octets.rfind(b"\n") + 1 :]))


def _line(written: str) -> str:
    plain = written.rstrip("\r")
    if not _DRIVEN.search(plain):
        return plain.rstrip()
    cells: list[str] = []
    at = 0
    place = 0
    while place < len(plain):
        char = plain[place]
        if char == "\x1b":
            found = _ESCAPE.match(plain, place)
            if found is None:  # cut off by the end of the line
                break
            at = _moved(cells, at, found)
            place = found.end()
            continue
        place += 1
        if char == "\r":
            at = 0
        elif char == "\b":
            at = max(at - 1, 0)
        elif char not in _SILENT:
            _put(cells, at, _STRANGE if _DRIVEN.match(char) else char)
            at += 1
    return "".join(cells).rstrip()


def _moved(cells: list[str], at: int, found: re.Match[str]) -> int:
    """Obey a sequence that moves within the line or erases in it; colours and the rest change no text."""
    first = (found[1] or "").partition(";")[0]
    count = int(first) if first.isdecimal() and len(first) < 5 else 1
    match found[2]:
        case "D":
            return max(at - max(count, 1), 0)
        case "C":
            return min(at + max(count, 1), _WIDEST)
        case "G":
            return min(max(count, 1) - 1, _WIDEST)
        case "K":
            if first in {"", "0"}:
                del cells[at:]
            elif first == "2":
                cells.clear()
            else:
                cells[:at] = " " * min(at, len(cells))
            return at
        case _:
            return at


def _put(cells: list[str], at: int, char: str) -> None:
    if at < len(cells):
        cells[at] = char
        return
    cells.extend(" " * (at - len(cells)))
    cells.append(char)
