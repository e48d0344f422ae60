"""C2SP tlog-tiles: the ledger as static files that any web server can publish and anyone can mirror and monitor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from netops.evidence import note
from netops.evidence.checkpoint import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

WIDTH = 256


class Leaf(Protocol):
    """What a leaf has to show."""

    @property
    def data(self) -> bytes:
        """The bytes under the leaf hash."""
        ...


class Tree(Protocol):
    """What a log has to answer."""

    def node(self, level: int, position: int) -> bytes:
        """Return the hash of a perfect subtree."""
        ...

    def entries(self, start: int, end: int) -> Sequence[Leaf]:
        """Return the leaves `[start, end)`."""
        ...


def export(tree: Tree, signed: bytes, directory: Path) -> int:
    """Write the tree under the signed checkpoint as tiles; return how many files are new.

    Full tiles never change and are not written twice. The checkpoint comes last: whoever sees it finds its tiles.
    """
    size = Checkpoint.parse(note.parse(signed).text).size
    made = 0
    for level, tile, width in tiles(size):
        start, at = WIDTH * tile, directory / path(str(level), tile, width)
        if not at.exists():
            _keep(at, b"".join(tree.node(8 * level, start + offset) for offset in range(width)))
            made += 1
        entries = directory / path("entries", tile, width)
        if level == 0 and not entries.exists():
            _keep(entries, _bundle(tree, start, start + width))
            made += 1
    _keep(directory / "checkpoint", signed)
    return made


def tiles(size: int) -> Iterator[tuple[int, int, int]]:
    """Yield `(level, tile, width)` of every tile of a tree, partial ones with their width below 256."""
    level = 0
    while size:
        for tile in range(size // WIDTH):
            yield level, tile, WIDTH
        if size % WIDTH:
            yield level, size // WIDTH, size % WIDTH
        size //= WIDTH
        level += 1


def path(level: str, tile: int, width: int) -> str:
    """Return where a tile lies: `tile/0/x001/x234/067`, a partial one under `….p/<width>`."""
    parts = [f"{tile % 1000:03d}"]
    while tile := tile // 1000:
        parts.insert(0, f"x{tile % 1000:03d}")
    return f"tile/{level}/{'/'.join(parts)}" + (f".p/{width}" if width < WIDTH else "")


def _bundle(tree: Tree, start: int, end: int) -> bytes:
    return b"".join(len(leaf.data).to_bytes(2, "big") + leaf.data for leaf in tree.entries(start, end))


def _keep(at: Path, data: bytes) -> None:
    at.parent.mkdir(parents=True, exist_ok=True)
    fresh = at.with_name(at.name + ".new")
    fresh.write_bytes(data)
    fresh.replace(at)
