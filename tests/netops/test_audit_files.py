"""`netops audit ledger|raw`: what was cut, flipped, taken away or rolled back is named; exit code 4."""

import json
import re
import shutil

import apsw
import pytest

from netops import sealing
from netops.cli import main
from netops.evidence import note
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry
from netops.model import Poll
from netops.raw import DAY_MS, Archive, frame
from netops.sign import Signer

T0 = 1_748_736_000_000
ORIGIN = "netops.invalid/town"
SIGNER = Signer(ORIGIN, bytes(32))
CARRIER = Signer("carrier.example/w", bytes(range(32)), algorithm=note.COSIGNATURE_V1)


def poll(number, slot_ms):
    reply = bytes((number * 7 + n * n) % 251 for n in range(900))
    return Poll(device=f"ac-{number}", slot_ms=slot_ms, at_ms=slot_ms, outcome="answered", raw=frame([reply]))


@pytest.fixture
def town(tmp_path):
    """A data directory: two days of raw replies of each class, and a ledger that seals them."""
    with (
        Archive(tmp_path / "raw", days={"evidence": 396, "other": 7}, budget_bytes=1 << 30, writing=True) as archive,
        Ledger(tmp_path / "ledger.db", origin=ORIGIN, signer=SIGNER) as ledger,
    ):
        for day in range(2):
            polls = [poll(n, T0 + day * DAY_MS + n * 60_000) for n in range(20)]
            archive.keep("collect/1", list(enumerate(polls, 1 + 20 * day)), bears=lambda each: each.device > "ac-5")
        made = archive.untold()
        ledger.append(sealing.chunks(made), now_ms=1)
        archive.told(made)
        ledger.checkpoint(now_ms=2)
    shutil.copy(tmp_path / "ledger.db", tmp_path / "older.db")
    body = {"service": "core", "state": "started", "version": "1", "detail": "x" * 600}
    more = [LedgerEntry("core", n, Fact(kind="service_state", at_ms=n, body=body)) for n in range(9)]
    with Ledger(tmp_path / "ledger.db", origin=ORIGIN, signer=SIGNER) as ledger:
        ledger.append(more, now_ms=3)
        ledger.checkpoint(now_ms=4)
    (tmp_path / "vkeys").write_text(f"{SIGNER.vkey}\n{CARRIER.vkey}\n")
    return tmp_path


def audit(town, *words):
    base = ["--set", f"data.dir={town}", "--set", "city.rehearsal=false", "--set", "city.name=town"]
    return main([*base, "audit", *words])


def test_a_sound_ledger_and_archive_hold(town, capsys):
    assert audit(town, "ledger", "--vkey", str(town / "vkeys")) == 0
    assert audit(town, "raw") == 0
    said = capsys.readouterr().out
    assert "every hash, column, account and checkpoint holds" in said
    assert f"signed by {ORIGIN}" in said
    assert "4 segments, 4 chunks, 40 polls hold" in said

    assert audit(town, "ledger", "--vkey", str(town / "vkeys"), "--json") == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "ok"
    assert audit(town, "raw", "--json") == 0
    assert json.loads(capsys.readouterr().out)["polls"] == 40


def cut(town):
    with (town / "ledger.db").open("r+b") as file:
        file.truncate((town / "ledger.db").stat().st_size - 5000)


def flip(town):
    data = bytearray((town / "ledger.db").read_bytes())
    at = data.rindex(b"x" * 600)
    data[at + 100] ^= 1
    (town / "ledger.db").write_bytes(data)


def take_away(town):
    db = apsw.Connection(str(town / "ledger.db"))
    db.execute("DELETE FROM leaf WHERE position BETWEEN 2 AND 5")
    db.close()


def roll_back(town):
    shutil.copy(town / "older.db", town / "ledger.db")


def lose_the_checkpoint(town):
    (town / "ledger.db.checkpoint").unlink()


def forge_the_checkpoint(town):
    path = town / "ledger.db.checkpoint"
    path.write_bytes(Signer(ORIGIN, bytes([1] * 32)).sign(note.parse(path.read_bytes()).text))


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (cut, "its tail is torn"),
        (flip, "does not lead to node 0/"),
        (take_away, "leaves 2 to 5 are missing"),
        (roll_back, "rolled back: 4 leaves, but a checkpoint over 13 was signed; leaves 4 to 12"),
        (lose_the_checkpoint, "ledger.db.checkpoint is missing"),
        (forge_the_checkpoint, "no signature by a trusted key"),
    ],
)
def test_harm_to_the_ledger_is_named(town, capsys, harm, says):
    harm(town)

    assert audit(town, "ledger", "--vkey", str(town / "vkeys")) == 4
    assert says in capsys.readouterr().out
    assert audit(town, "ledger", "--vkey", str(town / "vkeys"), "--lang", "zh") == 4
    told = capsys.readouterr().out
    assert re.match("不成立  (账本|note：没有)", told)
    assert re.findall("[a-z]{3,} [a-z]{2,} [a-z]{3,}", told) == []


def test_a_reader_of_chinese_is_told_whose_signature_was_not_looked_at(town, capsys):
    assert audit(town, "ledger", "--file", str(town / "ledger.db"), "--lang", "zh") == 5
    told = capsys.readouterr().out
    assert told.startswith("完整    ")
    assert "13 叶，每个散列、每列、每个账户与检查点均成立" in told
    assert "13 叶，只有未给出公钥的签名 1 个" in told
    assert "注意    未给出公钥：没有查验签名" in told
    assert audit(town, "ledger", "--vkey", str(town / "vkeys"), "--lang", "zh") == 0
    assert f"13 叶，签名者 {ORIGIN}\n" in capsys.readouterr().out


def test_a_roll_back_of_file_and_checkpoint_is_shown_by_the_checkpoint_that_a_co_signer_holds(town, capsys):
    held = town / "carrier.checkpoint"
    held.write_bytes(CARRIER.cosign((town / "ledger.db.checkpoint").read_bytes(), now_s=9))
    assert audit(town, "ledger", "--vkey", str(town / "vkeys"), "--checkpoint", str(held)) == 0
    assert "carrier.example/w" in capsys.readouterr().out

    roll_back(town)
    db = apsw.Connection(str(town / "ledger.db"))
    ((older,),) = db.execute("SELECT CAST(note AS BLOB) FROM checkpoint ORDER BY size DESC LIMIT 1").fetchall()
    db.close()
    (town / "ledger.db.checkpoint").write_bytes(older)

    assert audit(town, "ledger", "--vkey", str(town / "vkeys")) == 0
    assert audit(town, "ledger", "--checkpoint", str(held), "--json") == 4
    assert "rolled back" in json.loads(capsys.readouterr().out.splitlines()[-1])["failures"][0]


def segment(town):
    return min((town / "raw" / "evidence").iterdir())


def flip_a_bit(town):
    data = bytearray(segment(town).read_bytes())
    data[60] ^= 1
    segment(town).write_bytes(data)


def cut_a_segment(town):
    segment(town).write_bytes(segment(town).read_bytes()[:-10])


def lose_a_segment(town):
    segment(town).unlink()


def roll_back_the_index(town):
    db = apsw.Connection(str(town / "raw" / "index.db"))
    db.execute("DELETE FROM chunk WHERE number = 3; DELETE FROM segment WHERE path NOT IN (SELECT segment FROM chunk)")
    db.close()


def tell_another_digest(town):
    db = apsw.Connection(str(town / "raw" / "index.db"))
    db.execute("UPDATE chunk SET sha256 = (SELECT sha256 FROM chunk WHERE number = 2) WHERE number = 1")
    db.close()


def tear_the_index(town):
    with (town / "raw" / "index.db").open("r+b") as file:
        file.truncate((town / "raw" / "index.db").stat().st_size - 4096)


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (flip_a_bit, "the file was changed"),
        (cut_a_segment, "its tail is torn"),
        (lose_a_segment, "the whole segment is missing"),
        (roll_back_the_index, "1 chunks that the ledger seals (leaf 2) are not in the index"),
        (tell_another_digest, "is not the one that leaf 0 seals"),
        (tear_the_index, "its tail is torn"),
    ],
)
def test_harm_to_the_archive_is_named(town, capsys, harm, says):
    harm(town)

    assert audit(town, "raw") == 4
    assert says in capsys.readouterr().out


def test_what_was_let_go_and_stated_is_no_loss(town, capsys):
    with (
        Archive(town / "raw", days={"evidence": 1, "other": 1}, budget_bytes=1 << 30, writing=True) as archive,
        Ledger(town / "ledger.db", origin=ORIGIN, signer=SIGNER) as ledger,
    ):
        gone = archive.expire(T0 + 3 * DAY_MS)
        ledger.append(sealing.expired("raw", gone, now_ms=5), now_ms=5)
        archive.told(gone)
    assert gone

    assert audit(town, "raw") == 0
    assert "NOTE" not in capsys.readouterr().out


def test_bytes_after_the_last_chunk_are_a_write_that_was_cut(town, capsys):
    segment(town).write_bytes(segment(town).read_bytes() + b"torn")

    assert audit(town, "raw") == 0
    assert "4 bytes after the last chunk" in capsys.readouterr().out


def test_a_ledger_is_whole_but_nobody_s_until_a_key_is_given(town, capsys):
    assert audit(town, "ledger") == 5
    said = capsys.readouterr().out
    assert said.startswith("WHOLE   ")
    assert "under 1 signature by a key that was not given" in said
    assert "NOTE    no verifier key was given" in said

    assert audit(town, "ledger", "--json") == 5
    told = json.loads(capsys.readouterr().out)
    assert told["outcome"] == "whole"
    assert told["note"].startswith("no verifier key was given")
    assert [(each["signers"], each["unknown"]) for each in told["checkpoints"]] == [([], 1)]


def test_a_signature_by_a_key_that_was_not_given_is_counted(town, capsys):
    held = town / "carrier.checkpoint"
    held.write_bytes(CARRIER.cosign((town / "ledger.db.checkpoint").read_bytes(), now_s=9))
    (town / "vkeys").write_text(f"{SIGNER.vkey}\n")

    assert audit(town, "ledger", "--vkey", str(town / "vkeys"), "--checkpoint", str(held)) == 0
    assert f"signed by {ORIGIN}, and 1 signature by a key that was not given" in capsys.readouterr().out


def test_a_ledger_without_a_signed_checkpoint_is_nobody_s_whatever_key_is_given(tmp_path, capsys):
    (tmp_path / "vkeys").write_text(f"{SIGNER.vkey}\n")
    with Ledger(tmp_path / "ledger.db", origin=ORIGIN, signer=SIGNER) as ledger:
        body = {"service": "core", "state": "started", "version": "1"}
        ledger.append([LedgerEntry("core", 1, Fact(kind="service_state", at_ms=1, body=body))], now_ms=3)

    assert audit(tmp_path, "ledger", "--vkey", str(tmp_path / "vkeys")) == 5
    assert "NOTE    no checkpoint was signed yet" in capsys.readouterr().out


def test_a_bundle_that_cannot_be_opened_fails_in_json_as_well(tmp_path, capsys):
    path = tmp_path / "report.zip"
    path.write_bytes(b"PK\x03\x04 and no more")

    assert audit(tmp_path, "verify", str(path), "--json") == 4
    told = json.loads(capsys.readouterr().out)
    assert told["outcome"] == "failed"
    assert [each["place"] for each in told["failures"]] == [str(path)]
    assert told["failures"][0]["what"].startswith("is no bundle")


def test_a_reader_s_key_file_that_holds_no_key_is_not_charged_to_the_bundle(tmp_path, capsys):
    (tmp_path / "report.zip").write_bytes(b"PK")
    (tmp_path / "vkeys").write_text(SIGNER.private_line())

    assert audit(tmp_path, "verify", str(tmp_path / "report.zip"), "--vkey", str(tmp_path / "vkeys"), "--json") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "vkeys: holds a private key, which must not leave its owner" in said.err
    assert SIGNER.private_line()[-12:] not in said.err


@pytest.mark.parametrize("word", ["verify", "ledger", "raw"])
def test_each_word_says_what_its_exit_codes_mean(word, capsys):
    with pytest.raises(SystemExit):
        main(["audit", word, "--help"])

    assert re.search("Exit 0 when all holds.* 4 when something does not", " ".join(capsys.readouterr().out.split()))


def test_what_is_not_there_is_a_usage_error(tmp_path, capsys):
    assert audit(tmp_path, "ledger") == 2
    assert audit(tmp_path, "raw") == 2
    assert "no such file" in capsys.readouterr().err
