"""An audit in bulk: whole blocks at once, and still the first wrong place by its name."""

import shutil

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netops.errors import EvidenceError
from netops.evidence import merkle
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry, LedgerReader
from netops.sign import Signer

ORIGIN = "log.example/city"
SIZE = 9_000  # two whole blocks and a part of one


def state(sequence, source="collect/1"):
    body = {"service": "collect", "state": "started", "version": "1", "detail": 'a "quoted" word, "kind":"x"}'}
    return LedgerEntry(source, sequence, Fact(kind="service_state", at_ms=sequence * 10, body=body))


def blind(sequence):
    body = {"vantage": "core", "state": "blind", "anchors": 2, "reachable": 0}
    return LedgerEntry("core/1", sequence, Fact(kind="monitor_health", at_ms=sequence, body=body))


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    with Ledger(path, origin=ORIGIN, signer=Signer(ORIGIN, bytes(32))) as ledger:
        ledger.append([state(n) for n in range(1, 3000)], now_ms=1)
        ledger.append([blind(n) for n in range(1, 40)], now_ms=2)
        ledger.append([state(1, source='a "quoted" \\ source')], now_ms=3)
        ledger.append([state(n) for n in range(3000, SIZE - ledger.size + 2998)], now_ms=4)
        assert ledger.size == SIZE
        ledger.checkpoint(now_ms=5)
    return path


@pytest.fixture
def file(held, tmp_path):
    shutil.copy(held, tmp_path / "ledger.db")
    return tmp_path / "ledger.db"


def audited(path, *meddling):
    db = apsw.Connection(str(path))
    for sql in meddling:
        db.execute(sql)
    db.close()
    with LedgerReader(path) as ledger:
        return ledger.audit()


def test_a_sound_file_of_several_blocks_holds(file):
    assert audited(file) == SIZE


CHANGED = "UPDATE leaf SET data = CAST(replace(CAST(data AS TEXT), 'started', 'stopped') AS BLOB) WHERE position = "


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        (CHANGED + "0", "leaf 0 does not lead to node 0/0"),
        (CHANGED + "4094", "leaf 4094 does not lead to node 0/4094"),
        (CHANGED + "5000", "leaf 5000 does not lead to node 0/5000"),
        (CHANGED + "8999", "leaf 8999 does not lead to node 0/8999"),
        ("DELETE FROM leaf WHERE position = 6000", "leaf 6000 is missing"),
        ("DELETE FROM leaf WHERE position BETWEEN 6000 AND 6999", "leaves 6000 to 6999 are missing"),
        ("DELETE FROM leaf WHERE position BETWEEN 4096 AND 8191", "leaves 4096 to 8191 are missing"),
        ("DELETE FROM leaf WHERE position BETWEEN 4000 AND 8500", "leaves 4000 to 8500 are missing"),
        ("UPDATE node SET hash = zeroblob(32) WHERE number = 8190", "leaf 4095 does not lead to node 12/0"),
        ("UPDATE node SET hash = zeroblob(32) WHERE number = 16382", "leaf 8191 does not lead to node 13/0"),
        ("DELETE FROM node WHERE number = 16382", "leaf 8191 does not lead to node 13/0"),
        ("UPDATE leaf SET kind = 'hidden' WHERE position = 5000", "leaf 5000 is filed under"),
        ("UPDATE leaf SET at_ms = 1 WHERE position = 5000", "leaf 5000 is filed under"),
        ("UPDATE leaf SET sequence = 77777 WHERE position = 5000", "leaf 5000 is filed under"),
        ("UPDATE leaf SET source = 'collect/2' WHERE position = 5000", "leaf 5000 is filed under"),
        ("UPDATE leaf SET source = 'x' WHERE position = 3038", "leaf 3038 is filed under"),
        ("DELETE FROM member WHERE position = 3010", "accounts of leaves 0 to 4095"),
        ("INSERT INTO member VALUES('', 'clock_state', 5000, 1)", "accounts of leaves 4096 to 8191"),
        ("DELETE FROM tally WHERE position = 8191", "accounts of leaves 4096 to 8191"),
        ("INSERT INTO node VALUES(999999, zeroblob(32))", "holds nodes that no leaf accounts for"),
    ],
)
def test_the_first_wrong_place_is_named_wherever_it_lies(file, sql, place):
    with pytest.raises(EvidenceError, match=place):
        audited(file, sql)


@given(st.integers(0, 6))
def test_levels_are_the_nodes_that_the_frontier_completes(height):
    leaves = [merkle.leaf_hash(bytes([n])) for n in range(1 << height)]
    frontier = merkle.Frontier()
    grown = {(level, at): made for leaf in leaves for level, at, made in frontier.append(leaf)}

    levels = merkle.levels(leaves)

    assert {(level, at): made for level, row in enumerate(levels) for at, made in enumerate(row)} == grown
    assert [merkle.number(*place) for place in grown] == list(range(len(grown)))
