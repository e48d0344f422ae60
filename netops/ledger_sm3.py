"""The ledger's leaves under a second root, by SM3: grown at each checkpoint, so that appending costs nothing more.

Of the second tree only its right edge is kept (a row of `about`). What is taken up from there after a start must be
what a checkpoint of ours was signed over; else the tree is made anew from the leaves.
"""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import TYPE_CHECKING

from netops.errors import EvidenceError
from netops.evidence import merkle, note
from netops.evidence.checkpoint import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import Any

    Query = Callable[..., list[tuple[Any, ...]]]
    Keep = Callable[[int, int, bytes], None]

KEY = "sm3"  # its row in the ledger's table `about`
_BLOCK = 4096


def empty() -> merkle.Frontier:
    """Return the tree over SM3 without a leaf."""
    return merkle.Frontier(join=merkle.sm3_node_hash)


def extensions(tree: merkle.Frontier) -> tuple[str, ...]:
    """Return the lines of a checkpoint that name the tree's root."""
    return (f"sm3 {base64.b64encode(tree.root()).decode()}",)


def stored(tree: merkle.Frontier) -> str:
    """Return the right edge as the row of `about` keeps it: size and hashes."""
    return f"{tree.size} {b''.join(tree.peaks).hex()}"


def begin(query: Query, key: note.VerifierKey) -> merkle.Frontier:
    """Return the tree as of the last checkpoint that `key` signed, or an empty one; nothing unsigned is believed."""
    try:
        size, hashes = query("SELECT value FROM about WHERE key = ?", KEY)[0][0].split(" ")
        signed = query("SELECT CAST(note AS BLOB) FROM checkpoint WHERE size = ?", int(size))[0][0]
        edge = bytes.fromhex(hashes)
        peaks = [edge[at : at + merkle.HASH_SIZE] for at in range(0, len(edge), merkle.HASH_SIZE)]
        tree = merkle.Frontier(int(size), peaks, merkle.sm3_node_hash)
        given = note.parse(signed)
        note.verify(given, [key])
        head = Checkpoint.parse(given.text)
    except (EvidenceError, LookupError, ValueError):
        return empty()
    return tree if (head.size, head.sm3_root) == (tree.size, tree.root()) else empty()


def grow(tree: merkle.Frontier, query: Query, size: int, path: Path, keep: Keep = lambda *_: None) -> None:
    """Add the leaves up to `size`; EvidenceError names one that is missing or is not what SHA-256 sealed.

    `keep` is told of each subtree as it is completed: level, position, hash.
    """
    sql = "SELECT position, CAST(data AS BLOB) FROM leaf WHERE position >= ? AND position < ? ORDER BY position"
    for start in range(tree.size, size, _BLOCK):
        end = min(start + _BLOCK, size)
        nodes = "SELECT number, CAST(hash AS BLOB) FROM node WHERE number >= ? AND number < ?"
        held: dict[int, bytes] = dict(query(nodes, merkle.number(0, start), merkle.number(0, end)))
        for index, data in query(sql, start, end):
            if index != tree.size or held.get(merkle.number(0, index)) != sha256(b"\x00" + data).digest():
                raise EvidenceError(
                    f"ledger {path}: leaf {tree.size} is missing or was changed; restore the file from the backup"
                )
            for subtree in tree.append(merkle.sm3_leaf_hash(data)):
                keep(*subtree)
        if tree.size != end:
            raise EvidenceError(f"ledger {path}: leaf {tree.size} is missing; restore the file from the backup")


def inclusions(query: Query, indexes: Iterable[int], head: Checkpoint, path: Path) -> dict[int, list[bytes]]:
    """Return the audit paths of leaves under the SM3 root of a checkpoint that names one.

    No node of the second tree is stored: all leaves are hashed once, and of the tree only what the paths hold is kept.
    EvidenceError when the leaves do not lead to that root.
    """
    wanted: dict[tuple[int, int], bytes] = {}
    asked = sorted(set(indexes))
    for index in asked:
        merkle.inclusion(lambda *place: wanted.setdefault(place, b""), index, head.size, lambda *_: b"")

    def keep(level: int, position: int, node: bytes) -> None:
        if (level, position) in wanted:
            wanted[level, position] = node

    tree = empty()
    grow(tree, query, head.size, path, keep)
    if tree.root() != head.sm3_root:
        raise EvidenceError(
            f"ledger {path}: the first {head.size} leaves do not lead to the SM3 root of its checkpoint"
        )
    return {
        index: merkle.inclusion(lambda *place: wanted[place], index, head.size, merkle.sm3_node_hash) for index in asked
    }


def audit(query: Query, path: Path) -> int:
    """Recompute each SM3 root that a checkpoint names; return how many. EvidenceError names the first that is off."""
    tree, count = empty(), 0
    for size, signed in query("SELECT size, CAST(note AS BLOB) FROM checkpoint ORDER BY size"):
        told = Checkpoint.parse(note.parse(signed).text).sm3_root
        if told is None:
            continue
        grow(tree, query, size, path)
        count += 1
        if tree.root() != told:
            raise EvidenceError(f"ledger {path}: the first {size} leaves do not lead to the SM3 root of its checkpoint")
    return count
