"""An export in the hands of whoever was given it: held against its own manifest, the piece of the chain against itself.

The file may come from anywhere: what is packed too tightly is not opened, what is torn or of another kind is a finding.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

from captive_portal.records import chain
from captive_portal.records.export import FORMAT

if TYPE_CHECKING:
    from pathlib import Path

# what the standard library says of a torn archive or a document of another kind (found by the fuzz, seed 17)
JUNK = (
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error, struct.error),
    *(LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError),
)
MOST_MANIFEST = 4 << 20  # octets
TIGHTEST = 100  # how much smaller a log of hashes and times can ever be packed
LONGEST_LINE = 1 << 20


def check(path: Path) -> list[str]:
    """Return what is wrong with an export, from the file alone: digests, and the piece of the chain."""
    try:
        with zipfile.ZipFile(path) as archive:
            if bombs := [each.filename for each in archive.infolist() if _is_bomb(each)]:
                return [f"{path}: {bombs[0][:80]!r} is packed tighter than any of our files; it was not opened"]
            manifest = json.loads(archive.read("manifest.json"))
            wrong = _members(archive, manifest)
            return [*wrong, *(_piece(archive, manifest["chain"]) if not wrong else [])]
    except JUNK as error:
        return [f"{path}: no whole export of this kind ({type(error).__name__}: {error})"]


def _is_bomb(member: zipfile.ZipInfo) -> bool:
    """Whether a member is far larger than it is packed, or the manifest larger than any: not even opened."""
    most = MOST_MANIFEST if member.filename == "manifest.json" else member.compress_size * TIGHTEST + (1 << 20)
    return member.file_size > most or member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


def _members(archive: zipfile.ZipFile, manifest: Any) -> list[str]:
    if manifest["format"] != FORMAT:
        return [f"the format is {str(manifest['format'])[:40]!r}; expected {FORMAT}"]
    named = {each["name"]: each["sha256"] for each in manifest["files"]}
    wrong = [f"{name}: not in the manifest" for name in set(archive.namelist()) - set(named) - {"manifest.json"}]
    for name, expected in named.items():
        digest = hashlib.sha256()
        with archive.open(name) as member:
            while piece := member.read(1 << 20):
                digest.update(piece)
        if digest.hexdigest() != expected:
            wrong.append(f"{name}: not what the manifest says")
    return wrong


def _piece(archive: zipfile.ZipFile, said: Any) -> list[str]:
    before, number, wrong = bytes.fromhex(said["before"]), said["first"] - 1, []
    with archive.open("chain.jsonl") as lines:
        while line := lines.readline(LONGEST_LINE):
            row = json.loads(line)
            number += 1
            own = bytes.fromhex(row["digest"])
            if (
                row["body"] is not None
                and chain.digest(row["n"], row["at_ms"], row["kind"], row["body"].encode()) != own
            ):
                wrong.append(f"entry {row['n']}: its content is not that of its digest")
            before = chain.head(before, own)
            if row["n"] != number or before.hex() != row["head"]:
                wrong.append(f"entry {number}: it does not follow from the one before")
    if said["first"] and (number, before.hex()) != (said["last"], said["head"]):
        wrong.append("the piece of the chain does not end where the manifest says")
    return wrong
