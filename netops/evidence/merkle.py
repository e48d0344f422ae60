"""The Merkle tree of RFC 9162 section 2 (that of RFC 6962) over SHA-256: hashes, roots, proofs, their verification.

Under the profile of commercial cryptography the same leaves have a second root, over SM3.

A *perfect* subtree is named `(level, position)`: it covers the leaves `[position << level, (position + 1) << level)`.
Whoever keeps those hashes (the ledger does) gets every root and proof from `O(log n)` of them. Nothing here stores
anything.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, TypeAlias

from netops.errors import EvidenceError
from netops.evidence import sm3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Node: TypeAlias = Callable[[int, int], bytes]  # (level, position) → hash of that perfect subtree
    Join: TypeAlias = Callable[[bytes, bytes], bytes]  # left, right → hash of the node over them

EMPTY_ROOT = sha256(b"").digest()
HASH_SIZE = 32


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf: 0x00 keeps leaves and nodes apart (RFC 9162 section 2.1.1)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: the hashes of its perfect subtrees, largest first."""

    __slots__ = ("_join", "_peaks", "size")

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """The hashes of the perfect subtrees, largest first."""
        return tuple(self._peaks)

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = (), join: Join = node_hash) -> None:
        self.size = size
        self._join = join
        self._peaks = list(peaks)
        if len(self._peaks) != size.bit_count():
            raise EvidenceError(
                f"a tree of {size} leaves has {size.bit_count()} perfect subtrees, got {len(self._peaks)}"
            )

    def append(self, leaf: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Add one leaf hash; yield `(level, position, hash)` of the leaf and of each subtree that it completes."""
        position, level, node = self.size, 0, leaf
        yield level, position, node
        while position & 1:
            node = self._join(self._peaks.pop(), node)
            position >>= 1
            level += 1
            yield level, position, node
        self._peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        return fold(self._peaks, self._join)


def fold(peaks: Sequence[bytes], join: Join = node_hash) -> bytes:
    """Combine perfect subtrees, largest first, to the hash of the range they cover."""
    if not peaks:
        return EMPTY_ROOT
    node = peaks[-1]
    for left in reversed(peaks[:-1]):
        node = join(left, node)
    return node


def sm3_leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf in the tree over SM3."""
    return sm3.digest(b"\x00" + data)


def sm3_node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node in the tree over SM3."""
    return sm3.digest(b"\x01" + left + right)


def perfect(start: int, end: int) -> list[tuple[int, int]]:
    """Return the perfect subtrees covering `[start, end)`, left to right; some 2^k ≥ end - start divides start."""
    found: list[tuple[int, int]] = []
    while start < end:
        level = (end - start).bit_length() - 1
        found.append((level, start >> level))
        start += 1 << level
    return found


def peaks(size: int) -> list[tuple[int, int]]:
    """Return the perfect subtrees of a tree of `size` leaves."""
    return perfect(0, size)


def number(level: int, position: int) -> int:
    """Return the post-order number of a perfect subtree: subtrees are numbered in the order of their completion."""
    last = ((position + 1) << level) - 1
    return 2 * last - last.bit_count() + level


def levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """Return the hashes of a perfect tree, level by level, from its leaf hashes (2^k of them) to its root."""
    made = [list(leaves)]
    while len(made[-1]) > 1:
        pairs = iter(made[-1])
        made.append([sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)])
    return made


def root(node: Node, size: int) -> bytes:
    """Return the root of the first `size` leaves."""
    return _range(node, 0, size)


def inclusion(node: Node, index: int, size: int, join: Join = node_hash) -> list[bytes]:
    """Return the audit path of leaf `index` in the tree of `size` leaves (RFC 9162 section 2.1.3.1)."""
    if not 0 <= index < size:
        raise EvidenceError(f"leaf {index} is not in a tree of {size} leaves")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range(node, middle, end, join))
            end = middle
        else:
            path.append(_range(node, start, middle, join))
            start = middle
    return path[::-1]


def consistency(node: Node, size1: int, size2: int) -> list[bytes]:
    """Return the proof that the tree of `size1` leaves is a prefix of that of `size2` (RFC 9162 section 2.1.4.1)."""
    if not 0 < size1 <= size2:
        raise EvidenceError(f"no consistency proof from {size1} to {size2} leaves; expected 0 < first ≤ second")
    path: list[bytes] = []
    start, end, whole = 0, size2, True
    while size1 != end:
        middle = start + _split(end - start)
        if size1 <= middle:
            path.append(_range(node, middle, end))
            end = middle
        else:
            path.append(_range(node, start, middle))
            start, whole = middle, False
    if not whole:
        path.append(_range(node, start, end))
    return path[::-1]


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], expected: bytes, *, join: Join = node_hash
) -> None:
    """Check that the leaf hash is at `index` under that root (RFC 9162 section 2.1.3.2); EvidenceError says why not."""
    if not 0 <= index < size:
        raise EvidenceError(f"leaf {index} is not in a tree of {size} leaves")
    _sized([leaf, expected, *path])
    at, last, node = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise EvidenceError(f"leaf {index}: the inclusion proof is too long")
        if at & 1 or at == last:
            node = join(sibling, node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = join(node, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise EvidenceError(f"leaf {index}: the inclusion proof is too short")
    if node != expected:
        raise EvidenceError(f"leaf {index}: the inclusion proof does not lead to the root")


def verify_consistency(size1: int, size2: int, root1: bytes, root2: bytes, path: Sequence[bytes]) -> None:
    """Check that the first tree is a prefix of the second (RFC 9162 section 2.1.4.2); EvidenceError says why not.

    From size 0 nothing follows: a proof from the empty tree is refused, even to itself.
    """
    what = f"consistency from {size1} to {size2}"
    if not 0 < size1 <= size2:
        raise EvidenceError(f"{what}: expected 0 < first ≤ second")
    _sized([root1, root2, *path])
    if size1 == size2:
        if path or root1 != root2:
            raise EvidenceError(f"{what}: {'the proof should be empty' if path else 'one size, two roots'}")
        return
    if not path:
        raise EvidenceError(f"{what}: the proof is empty")
    steps = [root1, *path] if size1 & (size1 - 1) == 0 else list(path)
    at, last = size1 - 1, size2 - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            raise EvidenceError(f"{what}: the proof is too long")
        if at & 1 or at == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise EvidenceError(f"{what}: the proof is too short")
    if first != root1 or second != root2:
        raise EvidenceError(f"{what}: the proof does not lead to the {'first' if first != root1 else 'second'} root")


def _range(node: Node, start: int, end: int, join: Join = node_hash) -> bytes:
    return fold([node(level, position) for level, position in perfect(start, end)], join)


def _split(width: int) -> int:
    return 1 << ((width - 1).bit_length() - 1)  # the largest power of two below width


def _sized(hashes: Iterable[bytes]) -> None:
    for each in hashes:
        if len(each) != HASH_SIZE:
            raise EvidenceError(f"a hash of {len(each)} bytes; expected {HASH_SIZE}")
