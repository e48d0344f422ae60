"""The ledger's page: what it says of head, witnesses and stamps is held against the leaves; a leaf has its proof."""

from __future__ import annotations

import base64
import json
import re
import shutil

import audited_city
import pytest
import small_city
from audited_city import NOW, WITNESS

from dashboards import ledgers
from netops import founding
from netops.evidence import merkle, note
from netops.evidence.checkpoint import Checkpoint
from netops.evidence.proof import Proof
from netops.ledger_file import LedgerReader
from netops.report import issue
from netops.sign import Signer
from netops.witness.policy import Policy

H = 3_600_000
PAGES = ["/ledger", "/ledger?below=1305", "/ledger/leaf/0", "/ledger/leaf/1300", "/ledger/leaf/1310"]


@pytest.fixture(scope="module")
def held(audited):
    with LedgerReader(issue.ledger_path(audited.settings)) as reader:
        yield reader


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_whole_small_and_allowed_by_the_policy(audited, path, language):
    answer = audited.browser("auditor").get(f"{path}{'&' if '?' in path else '?'}lang={language}")
    text = answer.get_data(as_text=True)

    assert answer.status_code == 200
    assert len(answer.data) <= 60_000
    assert f'<html lang="{language}">' in text
    assert not re.search(r"<script(?! src=\"/assets/)|\son\w+=|style=", text)


def test_the_page_tells_head_policy_witness_and_what_is_not_sealed(audited, held):
    text = audited.browser("auditor").get("/ledger?lang=en").get_data(as_text=True)
    size, latest = held.size, held.latest()

    assert f"<b>{size:,}</b>" in text
    assert base64.b64encode(held.root(size)).decode() in text
    assert f"Leaves under no checkpoint yet ({size - latest.size})" in text
    assert size - latest.size == 1
    assert "Of 1 witnesses, 1 must co-sign" in text
    assert "2026-09-06 00:00:00" in text, "when the witness says that it signed"
    assert "ALARM" not in text


@pytest.mark.parametrize("index", [0, 700, 1309])
def test_the_proof_of_a_leaf_holds_by_the_keys_of_log_and_witness_alone(audited, index):
    client = audited.browser("auditor")
    leaf = client.get(f"/ledger/leaf/{index}/data").data
    told = client.get(f"/ledger/leaf/{index}/proof")
    keys = [founding.signer(audited.settings).vkey, WITNESS.vkey]

    trusted = Proof.parse(told.data).verify(leaf, keys, quorum=1)

    assert trusted.checkpoint.size == 1310
    assert f"leaf-{index}.tlog-proof" in told.headers["Content-Disposition"]
    assert json.loads(leaf)["fact"]["kind"] in client.get(f"/ledger/leaf/{index}").get_data(as_text=True)


def test_a_leaf_under_no_checkpoint_has_no_proof_yet_and_says_so(audited):
    client = audited.browser("auditor")

    assert client.get("/ledger/leaf/1310/proof").status_code == 404
    assert "under no checkpoint yet" in client.get("/ledger/leaf/1310?lang=en").get_data(as_text=True)


@pytest.mark.parametrize("index", [0, 1, 2, 3, 1023, 1310])
def test_a_leaf_is_found_by_number_and_by_its_hash_in_hex_or_base64(audited, held, index):
    client = audited.browser("auditor")
    (leaf,) = held.entries(index, index + 1)
    digest = merkle.leaf_hash(leaf.data)

    for asked in (str(index), f"#{index}", digest.hex(), base64.b64encode(digest).decode()):
        answer = client.get("/ledger/find", query_string={"q": asked})
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/ledger/leaf/{index}")


@pytest.mark.parametrize(("asked", "code"), [("", 400), ("leaf", 400), ("-1", 400), ("9" * 20, 400), ("0" * 64, 404)])
def test_what_is_no_leaf_is_said_in_words(audited, asked, code):
    answer = audited.browser("auditor").get("/ledger/find", query_string={"q": asked})

    assert answer.status_code == code
    assert 'role="alert"' in answer.get_data(as_text=True)


def test_a_node_that_is_no_leaf_is_not_taken_for_one(held):
    assert held.place_of(held.node(1, 0)) is None


def test_the_checkpoint_that_is_given_is_the_one_that_both_signed(audited):
    given = audited.browser("auditor").get("/ledger/checkpoint/1310").data
    keys = [founding.signer(audited.settings).vkey, WITNESS.vkey]

    assert {each.key.name for each in note.verify(note.parse(given), keys)} == {
        WITNESS.vkey.name,
        audited.settings.ledger_origin,
    }
    assert audited.browser("auditor").get("/ledger/checkpoint/7").status_code == 404


@pytest.fixture
def copy(audited, tmp_path):
    """Return the settings of a copy of the instance, for what would spoil it."""
    for name in ("ledger.db", "ledger.db-wal", "ledger.db.checkpoint"):
        if (audited.settings.data.dir / name).exists():
            shutil.copy(audited.settings.data.dir / name, tmp_path / name)
    shutil.copytree(audited.settings.data.dir / "keys", tmp_path / "keys")
    return small_city.settings(tmp_path)


def alarms(settings):
    with LedgerReader(issue.ledger_path(settings)) as reader:
        return ledgers.alarms(settings, reader)


@pytest.mark.parametrize("where", ["cosigned/other.note", "cosigned/other.refused", "stamps/2026-09-01-7.note"])
def test_a_checkpoint_of_another_tree_of_ours_is_a_split_view_and_raises_the_alarm(copy, where):
    signer = founding.signer(copy)
    other = signer.sign_checkpoint(Checkpoint(origin=copy.ledger_origin, size=7, root=bytes(32)))
    path = copy.data.dir / where
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(other)

    (told,) = alarms(copy)
    assert "the first 7 leaves do not lead to the root of" in told
    assert path.name in told


def test_a_longer_checkpoint_beside_the_ledger_is_a_rollback_and_raises_the_alarm(copy):
    signer = founding.signer(copy)
    longer = signer.sign_checkpoint(Checkpoint(origin=copy.ledger_origin, size=5000, root=bytes(32)))
    issue.ledger_path(copy).with_name("ledger.db.checkpoint").write_bytes(longer)

    (told,) = alarms(copy)
    assert "rolled back" in told


def test_a_checkpoint_of_another_log_is_nobodys_alarm(copy):
    other = Signer.new("elsewhere.example/log").sign_checkpoint(
        Checkpoint(origin="elsewhere.example/log", size=7, root=bytes(32))
    )
    (copy.data.dir / "cosigned").mkdir()
    (copy.data.dir / "cosigned" / "a.note").write_bytes(other)

    assert alarms(copy) == []


def test_a_witness_that_lags_is_told_by_how_much_and_one_that_never_signed_as_such(held):
    never = Signer("never.example/w", bytes(31) + b"\1", algorithm=note.COSIGNATURE_V1).vkey
    lagging = ledgers._witnessed(held, WITNESS.vkey, 2000)
    silent = ledgers._witnessed(held, never, 2000)

    assert (lagging.size, lagging.behind, lagging.signed_ms) == (1310, 690, audited_city.END + 5 * 24 * H)
    assert (silent.size, silent.behind, silent.signed_ms, silent.holds) == (None, 2000, None, True)
    assert ledgers._signers(held.latest().note, Policy(1, (never,))) == ()


def test_a_time_stamp_is_given_as_it_lies_there_and_nothing_else_is(copy, audited):
    stamps = audited.settings.data.dir / "stamps"
    stamps.mkdir(exist_ok=True)
    try:
        (stamps / "2026-09-01-1303.tsr").write_bytes(b"token")
        (stamps / "secret.txt").write_bytes(b"no")
        client = audited.browser("auditor")

        assert client.get("/ledger/stamp/2026-09-01-1303.tsr").data == b"token"
        assert client.get("/ledger/stamp/secret.txt").status_code == 404
        assert client.get("/ledger/stamp/..%2Fledger.db").status_code == 404
        assert "netops audit stamp 2026-09-01-1303.tsr" in client.get("/ledger").get_data(as_text=True)
    finally:
        shutil.rmtree(stamps)


def test_before_there_is_a_ledger_the_page_says_so(tmp_path):
    assert ledgers._hash("x") is None
    assert NOW > 0
    assert not issue.ledger_path(small_city.settings(tmp_path)).exists()
