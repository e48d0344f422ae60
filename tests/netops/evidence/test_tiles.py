"""The static export of C2SP tlog-tiles: a stranger rebuilds the tree from files alone."""

import base64

import pytest

from netops.evidence import merkle, note, tiles
from netops.evidence.checkpoint import Checkpoint
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry, LedgerReader
from netops.sign import Signer

ORIGIN = "log.example/city"
SIGNER = Signer(ORIGIN, bytes(32))


def told(first, last):
    body = {"action": "a", "subject": "s", "by": "b"}
    return [LedgerEntry("web/1", n, Fact(kind="staff_action", at_ms=n, body=body)) for n in range(first, last + 1)]


def read_entries(directory, size):
    """Return the leaves as a monitor reads them: 16-bit length, then the entry."""
    found = []
    for tile in range((size + 255) // 256):
        width = min(256, size - 256 * tile)
        data = (directory / tiles.path("entries", tile, width)).read_bytes()
        while data:
            length = int.from_bytes(data[:2], "big")
            found.append(data[2 : 2 + length])
            data = data[2 + length :]
    return found


@pytest.mark.parametrize(
    ("tile", "width", "path"),
    [
        (0, 256, "tile/0/000"),
        (273, 112, "tile/0/273.p/112"),
        (1_234_067, 256, "tile/0/x001/x234/067"),
        (1000, 1, "tile/0/x001/000.p/1"),
    ],
)
def test_a_tile_lies_where_the_specification_says(tile, width, path):
    assert tiles.path("0", tile, width) == path


def test_a_tree_of_70000_leaves_has_the_tiles_of_the_specification():
    found = list(tiles.tiles(70_000))

    assert sum(level == 0 and width == 256 for level, _, width in found) == 273
    assert [each for each in found if each[2] < 256] == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]
    assert (1, 0, 256) in found
    assert list(tiles.tiles(256)) == [(0, 0, 256), (1, 0, 1)]
    assert list(tiles.tiles(0)) == []


def test_a_stranger_rebuilds_the_root_from_the_files_alone(tmp_path):
    with Ledger(tmp_path / "ledger.db", origin=ORIGIN, signer=SIGNER) as ledger:
        ledger.append(told(1, 600), now_ms=1)
        ledger.checkpoint(now_ms=2)
        first = ledger.export_tiles(tmp_path / "public")
        again = ledger.export_tiles(tmp_path / "public")

    signed = note.parse((tmp_path / "public/checkpoint").read_bytes())
    note.verify(signed, [SIGNER.vkey])
    head = Checkpoint.parse(signed.text)
    tree = merkle.Frontier()
    for entry in read_entries(tmp_path / "public", head.size):
        list(tree.append(merkle.leaf_hash(entry)))
    upper = (tmp_path / "public" / tiles.path("1", 0, 2)).read_bytes()
    lower = [merkle.Frontier(), merkle.Frontier()]
    for at, entry in enumerate(read_entries(tmp_path / "public", 512)):
        list(lower[at // 256].append(merkle.leaf_hash(entry)))

    assert (head.size, tree.root()) == (600, head.root)
    assert upper == lower[0].root() + lower[1].root()
    assert (first, again) == (7, 0)  # three tiles and three bundles of leaves, one tile above
    assert base64.b64encode(head.root).decode() in signed.text


def test_full_tiles_are_written_once_and_only_what_is_under_the_checkpoint(tmp_path):
    with Ledger(tmp_path / "ledger.db", origin=ORIGIN, signer=SIGNER) as ledger:
        ledger.append(told(1, 300), now_ms=1)
        ledger.checkpoint(now_ms=2)
        ledger.append(told(301, 310), now_ms=3)
        ledger.export_tiles(tmp_path / "public")
        inode = (tmp_path / "public/tile/0/000").stat().st_ino
        ledger.checkpoint(now_ms=4)

        assert (tmp_path / "public/tile/0/001.p/44").exists()
        assert ledger.export_tiles(tmp_path / "public") == 2
        assert (tmp_path / "public/tile/0/000").stat().st_ino == inode
    assert len(read_entries(tmp_path / "public", 310)) == 310


def test_a_reader_may_publish_too(tmp_path):
    with Ledger(tmp_path / "ledger.db", origin=ORIGIN, signer=SIGNER) as ledger:
        ledger.append(told(1, 3), now_ms=1)
        ledger.checkpoint(now_ms=2)
    with LedgerReader(tmp_path / "ledger.db") as ledger:
        assert ledger.export_tiles(tmp_path / "public") == 2
