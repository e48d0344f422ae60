"""What a carrier holds in its hands after it handed in a note: a receipt that it reads with nobody's help."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from netops.access import record
from netops.clock import iso
from netops.commands import audit, dispute, dispute_city, report
from netops.dispute import listening, notes, receipts, strangers
from netops.errors import EvidenceError, UsageError
from netops.evidence import canonical
from netops.evidence.bundle import open_bundle
from netops.evidence.members import APART
from netops.evidence.note import COSIGNATURE_V1
from netops.evidence.proof import HEADER
from netops.founding import evidence_key
from netops.ledger_file import LedgerReader
from netops.sign import Signer
from netops.witness import policy
from netops.witness.listed import Listed, Witness
from tests.netops.dispute.conftest import CARRIER, KILLED, OTHER
from tests.netops.dispute.desks import (
    END,
    FIRST,
    LATER,
    MONTH,
    NOW,
    H,
    at_desk,
    objected,
    sealed,
    state_of,
    words,
    writer,
)

DAY = 86_400_000


def digest(path):
    return canonical.digest(path.read_bytes())


def take(city, *files, now_ms=NOW):
    return words(dispute, city, "take", *files, now_ms=now_ms)


def refusals(city):
    with LedgerReader(record.ledger_path(city)) as ledger:
        return [leaf.fact.body for leaf in ledger.find("note_refused")]


def given(city, folder, note, *, out=None):
    """Return the receipt that the city hands over, beside the city's public key, in the carrier's folder."""
    out = out or folder / f"{note.name}.receipt"
    assert words(dispute, city, "receipt", note, "--out", out) == 0
    shutil.copy(evidence_key(city).with_name("evidence.vkey"), folder / "city.vkey")
    return out


def checked(folder, receipt, note, capsys, *more):
    capsys.readouterr()
    code = at_desk(folder, "check", receipt, "--note", note, "--vkey", folder / "city.vkey", "--json", *more)
    return code, json.loads(capsys.readouterr().out)


def signed(folder, text, *, key=CARRIER, name="x.note"):
    """A note by a carrier's own tool, which asked nobody whether it may say so."""
    (folder / name).write_bytes(key.sign(text))
    return folder / name


def said(**changed):
    told = {"report": FIRST, "manifest_digest": "0" * 64, "made_ms": NOW} | changed
    return f"{notes.FORMAT} report_accepted\n{canonical.dumps(told).decode()}\n"


# ---- what was taken


def test_a_carrier_reads_its_receipt_in_an_empty_directory_with_the_citys_public_key_alone(desk, city, tmp_path):
    note = objected(desk)
    take(city, note)
    sealed(city)
    away = tmp_path / "away"
    away.mkdir()
    receipt = given(city, away, note)
    shutil.copy(note, away / "mine.note")
    command = [sys.executable, "-m", "netops.cli", "dispute", "check", receipt.name, "--note", "mine.note"]
    path = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ran = subprocess.run(
        [*command, "--vkey", "city.vkey"], cwd=away, env=path, check=False, capture_output=True, text=True, timeout=60
    )

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("TAKEN    mine.note: as objection o-")
    assert "recorded it at 2026-11-02T02:00:00.000Z" in ran.stdout
    assert sorted(each.name for each in away.iterdir()) == ["city.vkey", "mine.note", "o.note.receipt"]
    assert receipt.read_text("utf-8").startswith(f"{HEADER}\nextra ")


def test_a_receipt_comes_with_the_checkpoint_and_is_the_same_one_ever_after(desk, city, capsys):
    note = objected(desk)
    with pytest.raises(UsageError, match=r"never handed in here, or no registered.* `netops dispute take`"):
        words(dispute, city, "receipt", note)
    take(city, note)
    assert f"SHA-256 {digest(note)}" in capsys.readouterr().out
    with pytest.raises(receipts.PendingError, match="waits for the core"):
        words(dispute, city, "receipt", note)
    sealed(city)
    first = given(city, desk, note).read_bytes()
    take(city, note)
    objected(desk, "--leaf", 3, code="fact", out="other.note")
    take(city, desk / "other.note")
    sealed(city, now_ms=NOW + H)

    assert given(city, desk, note).read_bytes() == first
    assert checked(desk, desk / "o.note.receipt", note, capsys)[0] == 0


def test_who_waits_for_the_core_has_the_receipt_as_soon_as_there_is_one(desk, city, monkeypatch):
    note = objected(desk)
    take(city, note)
    turns = iter([lambda: None, lambda: sealed(city)])
    monkeypatch.setattr(dispute_city.time, "sleep", lambda _: next(turns)())

    assert words(dispute, city, "receipt", note, "--wait", 60) == 0
    assert (desk / "o.note.receipt").exists()
    assert list(turns) == []


def test_a_receipt_is_not_written_over_another_file(desk, city):
    take(city, objected(desk))
    sealed(city)
    (desk / "o.note.receipt").write_text("notes of a meeting")

    with pytest.raises(UsageError, match="exists, and holds something else"):
        words(dispute, city, "receipt", desk / "o.note")


def test_no_other_note_and_no_other_city_fit_a_receipt(desk, city, capsys):
    note = objected(desk)
    take(city, note)
    sealed(city)
    receipt = given(city, desk, note)
    other = objected(desk, "--leaf", 3, code="fact", out="other.note")
    code, told = checked(desk, receipt, other, capsys)
    assert (code, "is not about this note" in told["failures"][0]) == (4, True)
    (desk / "city.vkey").write_text(str(Signer("test", b"x" * 32).vkey) + "\n")

    with pytest.raises(EvidenceError, match="no signature by a trusted key"):
        at_desk(desk, "check", receipt, "--note", note, "--vkey", desk / "city.vkey")


# ---- what was refused


def test_a_late_note_is_sealed_as_refused_once_and_its_receipt_says_when_and_why(desk, city, capsys):
    note = objected(desk)
    for _ in range(3):
        assert take(city, note, now_ms=LATER) == 1
    assert "was refused before; its receipt" in capsys.readouterr().out
    assert sealed(city, now_ms=LATER + H) == []
    (body,) = refusals(city)
    code, told = checked(desk, given(city, desk, note), note, capsys)

    assert (body["digest"], body["by"], body["report"]) == (digest(note), "carrier-a/disputes", FIRST)
    assert "it is late" in body["reason"]
    assert (code, told["outcome"], told["reason"]) == (3, "refused", body["reason"])
    assert (told["handed"], told["recorded"]) == ("2026-11-16T16:00:00.000Z", "2026-11-16T17:00:00.000Z")
    assert take(city, note, now_ms=LATER) == 1  # for another reason now: nobody spoke, and the report is accepted
    assert sealed(city, now_ms=LATER + H) == []
    assert len(refusals(city)) == 1


@pytest.mark.parametrize(
    ("text", "key", "why"),
    [
        pytest.param(said(report="wifi-9-2026-10-r1"), CARRIER, "there is no report", id="an unknown report"),
        pytest.param(said(), CARRIER, "signed over another file", id="another file"),
        pytest.param(said(), OTHER, "no signature by a trusted key", id="another carrier"),
        pytest.param("checkpoint\n1\n", CARRIER, "names no report", id="no word of a dispute"),
        pytest.param(said(reason="致电13800138000"), CARRIER, "names somebody", id="a telephone number"),
        pytest.param(said(report="call-13800138000"), CARRIER, "which names somebody", id="a number in a name"),
        pytest.param(said(reason="x" * 3000), CARRIER, "expected at most 1500", id="too long a reason"),
    ],
)
def test_what_a_carriers_key_signed_and_is_refused_is_a_leaf_without_its_text(desk, city, text, key, why):
    note = signed(desk, text, key=key)
    assert take(city, note) == 1
    assert sealed(city) == []
    (body,) = refusals(city)

    assert why in body["reason"]
    assert (body["digest"], body["by"]) == (digest(note), key.vkey.name)
    assert "13800138000" not in json.dumps(body)
    assert (body.get("report") == FIRST) == (FIRST in text)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(Signer("carrier-a/disputes", b"f" * 32).sign(said()), id="a forger under the carrier's name"),
        pytest.param(CARRIER.sign(said()).replace(b"report_accepted", b"report_rejected"), id="altered"),
        pytest.param(CARRIER.sign(said())[:-40], id="truncated"),
        pytest.param(b"PK\x03\x04" + bytes(range(256)), id="no text"),
        pytest.param(b"\n\n" * 8000, id="newlines"),
    ],
)
def test_what_no_carriers_key_signed_is_counted_and_never_sealed(desk, city, data, capsys):
    (desk / "x.note").write_bytes(data)
    assert take(city, desk / "x.note", desk / "x.note") == 1

    assert "not sealed, counted: 2 so far" in capsys.readouterr().out
    assert not (city.data.dir / "spool" / "cli.db").exists()
    assert strangers.read(city.data.dir) == strangers.Counted(count=2, first_ms=NOW, last_ms=NOW)


def test_a_count_that_was_spoilt_is_named_and_not_begun_anew_in_silence(city):
    (city.data.dir / strangers.FILE).write_text("[]")

    with pytest.raises(UsageError, match="move it away, the count begins anew"):
        strangers.count(city.data.dir, now_ms=NOW)


def test_commands_at_once_count_every_note(city):
    ways = [threading.Thread(target=strangers.count, args=(city.data.dir,), kwargs={"now_ms": NOW}) for _ in range(8)]
    for each in ways:
        each.start()
    for each in ways:
        each.join()

    assert strangers.read(city.data.dir).count == 8


@pytest.mark.parametrize("size", [notes.MOST_BYTES + 1, 50_000_000])
def test_a_huge_file_is_not_read_to_its_end(desk, city, size, capsys):
    with (desk / "x.note").open("wb") as file:
        file.truncate(size)

    assert take(city, desk / "x.note") == 1
    assert "longer than 16000 bytes" in capsys.readouterr().err


def test_who_signs_may_not_fill_the_ledger_either(desk, city, monkeypatch, capsys):
    monkeypatch.setattr(receipts, "MOST_A_DAY", 2)
    files = [signed(desk, said(made_ms=NOW + at), name=f"{at}.note") for at in range(4)]
    assert take(city, *files) == 1
    told = capsys.readouterr().out
    take(city, files[3], now_ms=NOW + DAY)  # the next day there is room again
    sealed(city, now_ms=NOW + DAY)

    assert told.count("enough were refused today: not sealed, counted") == 2
    assert [each["digest"] for each in refusals(city)] == [digest(files[at]) for at in (0, 1, 3)]


def test_a_dry_run_counts_and_states_nothing(desk, city):
    (desk / "bad.note").write_bytes(b"x")
    assert words(dispute, city, "take", "--dry-run", objected(desk), signed(desk, said()), desk / "bad.note") == 1

    assert not (city.data.dir / "spool" / "cli.db").exists()
    assert strangers.read(city.data.dir) is None


def test_a_note_that_was_refused_and_then_taken_has_a_receipt_that_it_was_taken(desk, city, capsys):
    note = objected(desk)
    take(city, note, now_ms=LATER)  # by a clock that was wrong
    take(city, note)
    sealed(city)

    assert len(refusals(city)) == 1
    assert checked(desk, given(city, desk, note), note, capsys)[1]["outcome"] == "taken"


def test_what_the_core_refuses_later_has_a_receipt_as_well(desk, city, capsys):
    (desk / "disputes.key").write_text(OTHER.private_line() + "\n")
    note = objected(desk)
    record.state(city, [notes.read(note.read_bytes(), [OTHER.vkey]).fact(at_ms=NOW)])
    assert len(sealed(city)) == 1
    code, told = checked(desk, given(city, desk, note), note, capsys)

    assert (code, told["kind"], "no signature by a trusted key" in told["reason"]) == (3, "fact_refused", True)


def test_the_next_bundle_shows_what_was_refused_and_cannot_leave_it_out(desk, city, capsys):
    take(city, signed(desk, said()))
    take(city, objected(desk))
    sealed(city)
    words(report, city, "build", *MONTH, "--out", desk / "r2.zip", "--seal-here")
    leaves = [json.loads(data)["fact"] for _, data in open_bundle(desk / "r2.zip").leaves(APART)]

    assert [each["body"] for each in leaves if each["kind"] == "note_refused"] == refusals(city)
    assert [each["digest"] for each in state_of(city, capsys, desk / "r2.zip")["refused"]] == [digest(desk / "x.note")]
    assert words(audit, city, "verify", desk / "r2.zip") == 0


def test_how_it_stands_tells_of_refused_notes_and_of_those_that_were_only_counted(desk, city, capsys):
    (desk / "bad.note").write_bytes(b"x")
    take(city, signed(desk, said()), desk / "bad.note")
    sealed(city)
    assert words(dispute, city, "status") == 0
    told = capsys.readouterr()
    (row,) = state_of(city, capsys)["refused"]

    assert f"note {digest(desk / 'x.note')[:16]}…  by 'carrier-a/disputes': refused 2026-11-02T02:00" in told.out
    assert "1 notes were handed in and not sealed, the last 2026-11-02T02:00:00.000Z" in told.err
    assert (row["digest"], row["by"]) == (digest(desk / "x.note"), "carrier-a/disputes")


@pytest.mark.parametrize(
    ("now_s", "shown"),
    [(NOW // 1000, "2026-11-02T02:00:00.000Z"), (2**63, "second 9223372036854775808 after 1970")],
    ids=["a good clock", "a time that no calendar has"],
)
def test_a_receipt_comes_under_the_checkpoint_that_the_policys_witnesses_signed(desk, city, capsys, now_s, shown):
    """Killed or asked for too early, it is completed in place: the leaf is the same."""
    witness = Signer("auditor/w", b"w" * 32, algorithm=COSIGNATURE_V1)
    with writer(city) as ledger:
        policy.keep(ledger, Listed((Witness(witness.vkey),), quorum=1), now_ms=NOW)
    note = objected(desk)
    take(city, note)
    sealed(city)
    receipt = given(city, desk, note)
    (desk / "city.vkey").write_text(f"{(desk / 'city.vkey').read_text()}{witness.vkey}\n")
    code, told = checked(desk, receipt, note, capsys, "--quorum", 1)
    assert (code, "0 of the 1 co-signatures" in told["failures"][0]) == (4, True)
    with writer(city) as ledger:
        ledger.adopt(witness.cosign(ledger.latest().note, now_s=now_s), [witness.vkey])
    sealed(city, now_ms=NOW + H)
    assert words(dispute, city, "receipt", note, "--out", receipt) == 0
    code, told = checked(desk, receipt, note, capsys, "--quorum", 1)

    assert (code, told["cosigned"]) == (0, {"auditor/w": shown})


def test_a_bundle_that_the_core_cannot_read_is_no_reason_to_refuse_a_carrier(desk, city, capsys):
    (city.data.dir / "reports").mkdir()
    (city.data.dir / "reports" / f"{FIRST}.zip").write_bytes(b"torn")

    assert take(city, objected(desk)) == 0
    assert "was not looked at" in capsys.readouterr().err


# ---- kills


@pytest.mark.parametrize("outcome", ["taken", "refused"])
def test_killed_between_taking_and_the_receipt_nothing_is_lost_or_said_twice(desk, city, tmp_path, capsys, outcome):
    note, now_ms = objected(desk), NOW if outcome == "taken" else LATER
    with writer(city) as ledger:  # number 0: nobody listened before this ledger
        ledger.append(listening.entries((), ((0, 1),)), now_ms=now_ms)
    listening.write(listening.path(city), now_ms)
    command = [sys.executable, "-c", KILLED, str(tmp_path / "city" / "netops.toml"), str(note), str(now_ms)]
    killed = subprocess.run(command, check=False, capture_output=True, timeout=60)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    take(city, note, now_ms=now_ms)
    assert "before" in capsys.readouterr().out
    sealed(city, now_ms=now_ms)
    take(city, note, now_ms=now_ms)
    sealed(city, now_ms=now_ms)
    with LedgerReader(record.ledger_path(city)) as ledger:
        held = [*ledger.find("objection"), *ledger.find("note_refused")]

    assert len(held) == 1
    assert checked(desk, given(city, desk, note), note, capsys)[1]["outcome"] == outcome


# ---- taken in after the deadline

LAST = END + 16 * DAY - H  # the last hour of the carrier's window
OVER = LAST + 2 * H


@pytest.mark.parametrize("core", ["recorded", "recorded later"])
def test_a_note_that_came_in_before_the_deadline_is_in_time_whenever_it_is_looked_at(
    desk, city, tmp_path, capsys, core
):
    """The take is killed once the arrival is durable; till it is taken again the deadline is over."""
    note = objected(desk, now_ms=LAST)
    with writer(city) as ledger:  # number 0: nobody listened before this ledger
        ledger.append(listening.entries((), ((0, 1),)), now_ms=LAST)
    listening.write(listening.path(city), OVER)
    command = [sys.executable, "-c", KILLED, str(tmp_path / "city" / "netops.toml"), str(note), str(LAST), "1"]
    killed = subprocess.run(command, check=False, capture_output=True, timeout=60)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    if core == "recorded":
        sealed(city, now_ms=LAST)
        sealed(city, now_ms=OVER)  # the deadline is over, and nobody was silent: a note lies there

    assert take(city, note, now_ms=OVER) == (0 if core == "recorded" else 1)
    sealed(city, now_ms=OVER)

    code, told = checked(desk, given(city, desk, note), note, capsys)
    outcome, counts = ("taken", LAST) if core == "recorded" else ("refused", OVER)
    assert (code, told["outcome"], told["counts"]) == (0 if core == "recorded" else 3, outcome, iso(counts))
    assert told["handed"] == iso(LAST)


def test_a_file_that_lay_in_a_directory_counts_when_it_was_taken_in(desk, city, capsys):
    """Nobody recorded that it lay there: late is who was recorded late."""
    note = objected(desk, now_ms=LAST)
    with writer(city) as ledger:  # number 0: nobody listened before this ledger
        ledger.append(listening.entries((), ((0, 1),)), now_ms=LAST)
    listening.write(listening.path(city), OVER)
    sealed(city, now_ms=LAST)

    assert take(city, note, now_ms=OVER) == 1
    sealed(city, now_ms=OVER)

    _, told = checked(desk, given(city, desk, note), note, capsys)
    assert (told["outcome"], told["counts"], "it is late" in told["reason"]) == ("refused", iso(OVER), True)


def test_a_long_take_hands_all_its_notes_in_when_it_begins(desk, city, monkeypatch, capsys):
    """That all of them came in is durable before any of them is looked at."""
    notes_ = [objected(desk, now_ms=LAST), objected(desk, "--leaf", 3, code="fact", out="p.note", now_ms=LAST)]
    with writer(city) as ledger:  # number 0: nobody listened before this ledger
        ledger.append(listening.entries((), ((0, 1),)), now_ms=LAST)
    listening.write(listening.path(city), OVER)
    real, seen = record.state, []

    def state(settings, made):
        seen.append([each.kind for each in made])
        return real(settings, made)

    monkeypatch.setattr(record, "state", state)
    assert take(city, *notes_, now_ms=LAST) == 0

    assert seen == [["note_received", "note_received"], ["objection"], ["objection"]]


def test_no_note_is_recorded_twice_as_having_come_in(desk, city):
    note = objected(desk)
    for _ in range(2):
        take(city, note, note)
        sealed(city)

    with LedgerReader(record.ledger_path(city)) as ledger:
        assert len(list(ledger.find("note_received"))) == 1


# ---- files that are none


@pytest.mark.parametrize("which", ["receipt", "note", "city.vkey"])
def test_a_pipe_and_a_file_that_is_not_there_are_told(desk, city, which):
    note = objected(desk)
    take(city, note)
    sealed(city)
    given(city, desk, note, out=desk / "receipt")
    note.rename(desk / "note")
    (desk / which).unlink()
    command = ("check", desk / "receipt", "--note", desk / "note", "--vkey", desk / "city.vkey")
    with pytest.raises(UsageError, match="cannot be read"):
        at_desk(desk, *command)
    os.mkfifo(desk / which)

    with pytest.raises(UsageError, match="expected a plain file"):
        at_desk(desk, *command)
