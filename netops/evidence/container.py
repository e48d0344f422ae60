"""The container of a bundle: a zip whose bytes are a function of its members, read with every bound in place.

Members are stored, not compressed (large ones are gzip inside), in the order of their names, dated 1980-01-01, without
extra fields or comments. Reading rebuilds the container from what it read and compares: a byte that no member accounts
for has nowhere to hide, and neither a zip bomb nor a path that leaves the directory gets past the first look.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netops.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*(/[a-z0-9][a-z0-9_.-]*){0,3}")
_DATE = 0x21  # 1980-01-01 in the DOS form
_MODE = 0o100644 << 16
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a reader accepts. A month's bundle of 10,000 services stays far below."""

    members: int = 4096
    total_bytes: int = 1 << 29
    unpacked_bytes: int = 1 << 31  # of one gzip member
    line_bytes: int = 1 << 20


def pack(members: Mapping[str, bytes]) -> bytes:
    """Return the container's bytes."""
    body: list[bytes] = []
    directory: list[bytes] = []
    offset = 0
    for name in sorted(members):
        check_name(name)
        data, label = members[name], name.encode("ascii")
        common = struct.pack("<HHHHIIIHH", 0, 0, 0, _DATE, zlib.crc32(data), len(data), len(data), len(label), 0)
        local = b"PK\x03\x04" + struct.pack("<H", 20) + common + label
        central = b"PK\x01\x02" + struct.pack("<HH", 3 << 8 | 20, 20) + common
        directory.append(central + struct.pack("<HHHII", 0, 0, 0, _MODE, offset) + label)
        body += [local, data]
        offset += len(local) + len(data)
    if len(members) > 0xFFFE or offset > 0xFFFFFFF0:
        raise EvidenceError(f"bundle: {len(members)} members, {offset} bytes; expected less than 65,535 and 4 GiB")
    listing = b"".join(directory)
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(listing), offset, 0)
    return b"".join([*body, listing, b"PK\x05\x06", end])


def unpack(path: Path, limits: Limits) -> dict[str, bytes]:
    """Read a container; EvidenceError names the member or the byte that is off."""
    try:
        if path.stat().st_size > limits.total_bytes:
            raise EvidenceError(f"{path.name}: {path.stat().st_size} bytes; expected at most {limits.total_bytes}")
        raw = path.read_bytes()
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, limits)
    except (
        zipfile.BadZipFile,
        OSError,
        EOFError,
        ValueError,
        NotImplementedError,
        RuntimeError,
        struct.error,
    ) as error:
        raise EvidenceError(
            f"{path.name}: is no bundle ({error}); expected the zip that `netops report build` wrote"
        ) from None
    again = pack(members)
    if again != raw:
        at = next((i for i, (a, b) in enumerate(zip(again, raw, strict=False)) if a != b), min(len(again), len(raw)))
        raise EvidenceError(f"{path.name}: byte {at} of the container belongs to no member ({_nearby(members, at)})")
    return members


def check_name(name: str) -> None:
    """Raise EvidenceError unless the name is a plain relative path of ours."""
    if len(name) > 200 or not _NAME.fullmatch(name):
        raise EvidenceError(
            f"bundle: member name {name[:80]!r}; expected lower-case letters, digits, '_', '.', '-' and '/'"
        )


def gunzip(name: str, data: bytes, limits: Limits) -> Iterator[bytes]:
    """Yield the unpacked chunks of a gzip member, bounded; anything after its end is an error."""
    unpacker = zlib.decompressobj(31)
    total = 0
    try:
        while not unpacker.eof:
            chunk = unpacker.decompress(data, _CHUNK)
            total += len(chunk)
            if total > limits.unpacked_bytes:
                raise EvidenceError(f"{name}: unpacks to more than {limits.unpacked_bytes} bytes; refused")
            if not chunk and not unpacker.unconsumed_tail and not unpacker.eof:
                raise EvidenceError(f"{name}: the gzip data end early")
            data = unpacker.unconsumed_tail
            yield chunk
    except zlib.error as error:
        raise EvidenceError(f"{name}: not gzip ({error})") from None
    if unpacker.unused_data:
        raise EvidenceError(f"{name}: {len(unpacker.unused_data)} bytes after the gzip data")


def lines(name: str, data: bytes, limits: Limits) -> Iterator[bytes]:
    """Yield the lines of a member (`….gz` is unpacked), without their newlines; the last one must end in one."""
    rest = b""
    for chunk in gunzip(name, data, limits) if name.endswith(".gz") else [data]:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
        if len(rest) > limits.line_bytes:
            raise EvidenceError(f"{name}: a line of more than {limits.line_bytes} bytes; refused")
    if rest:
        raise EvidenceError(f"{name}: the last line has no newline; the member was cut")


def _members(archive: zipfile.ZipFile, limits: Limits) -> dict[str, bytes]:
    found = archive.infolist()
    if len(found) > limits.members or sum(entry.file_size for entry in found) > limits.total_bytes:
        raise EvidenceError(
            f"bundle: {len(found)} members; expected at most {limits.members} and {limits.total_bytes} bytes"
        )
    members: dict[str, bytes] = {}
    for entry in found:
        check_name(entry.filename)
        if entry.filename in members:
            raise EvidenceError(f"{entry.filename}: stands twice in the bundle")
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 or entry.compress_size != entry.file_size:
            raise EvidenceError(f"{entry.filename}: compressed or encrypted; expected a stored member")
        try:
            members[entry.filename] = archive.read(entry)
        except (zipfile.BadZipFile, EOFError) as error:
            raise EvidenceError(f"{entry.filename}: cannot be read ({error}); the member was changed") from None
    return members


def _nearby(members: Mapping[str, bytes], at: int) -> str:
    offset = 0
    for name in sorted(members):
        offset += 30 + len(name) + len(members[name])
        if at < offset:
            return f"in the header of '{name}'"
    return "in the directory at its end"
