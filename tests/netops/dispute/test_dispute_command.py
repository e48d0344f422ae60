"""`netops dispute` from both desks: a carrier with a directory and a key, a city with its register, ledger and core."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys

import pytest

from netops import facts, spool
from netops.access import disputes, record, tables
from netops.access.admission import Admission
from netops.commands import audit, dispute, report
from netops.dispute import about, listening, notes, papers
from netops.errors import AccessError, EvidenceError, UsageError
from netops.evidence import bundle
from netops.facts import Fact
from netops.ledger import LedgerEntry
from netops.ledger_file import LedgerReader
from netops.report import issue
from netops.sign import Signer
from netops.sla import calendar
from tests.netops.dispute.conftest import CARRIER, KILLED, OTHER
from tests.netops.dispute.desks import (
    DAY,
    END,
    FIRST,
    LATER,
    MONTH,
    NOW,
    SECOND,
    START,
    H,
    at_desk,
    name_of,
    objected,
    sealed,
    state_of,
    words,
    writer,
)

OUTAGE = ("--service", "wifi-1", "--from", "2026-10-09T08:00")

# ---- the carrier's desk


def test_a_carrier_objects_with_a_bundle_and_a_key_and_nothing_else(desk, monkeypatch, capsys):
    for room, name in ((papers, "Register"), (papers, "LedgerReader"), (record, "state")):
        monkeypatch.setattr(room, name, None)
    made = objected(desk)

    assert {each.name for each in desk.iterdir()} == {"r1.zip", "disputes.key", "o.note"}
    assert made.read_bytes().startswith(b"netops-dispute/1 objection\n")
    assert f"to {FIRST} by carrier-a/disputes" in capsys.readouterr().out
    assert at_desk(desk, "accept", "r1.zip", "--key", "disputes.key") == 0
    assert at_desk(desk, "status", "r1.zip") == 0
    assert f"{FIRST}: issued, owes 24.00 CNY, to be objected to until 2026-11-17 00:00" in capsys.readouterr().out


def test_how_it_stands_is_said_in_chinese_to_whoever_reads_it(desk, city, capsys, monkeypatch):
    assert at_desk(desk, "status", "r1.zip", "--lang", "zh") == 0
    assert f"{FIRST}: 已出具，应扣减 24.00 CNY，异议截止 2026-11-17 00:00" in capsys.readouterr().out
    assert words(dispute, city, "take", objected(desk), now_ms=NOW) == 0
    capsys.readouterr()
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")

    assert words(dispute, city, "status", now_ms=NOW) == 0
    said = capsys.readouterr().out
    assert f"{FIRST}: 异议待答复" in said
    assert "：待答复，截止 " in said
    assert "to be answered" not in said


def test_a_carrier_makes_its_own_key(tmp_path, capsys):
    assert at_desk(tmp_path, "key", tmp_path / "new.key", "--name", "carrier-a/disputes") == 0

    assert capsys.readouterr().out.strip() == str(Signer.load(tmp_path / "new.key").vkey)


@pytest.mark.parametrize(
    ("code", "about", "why"),
    [
        ("claim_refused", ("--claim", "req-other"), "no claim 'req-other'"),
        ("fact", ("--leaf", 10**6), "no leaf 1000000"),
        ("fact", ("--claim", "req-late"), "said of one leaf"),
        ("cause", ("--service", "wifi-1", "--from", "2026-11-01"), "does not begin in the period"),
        ("cause", ("--service", "wifi-3", "--from", "2026-10-09T08:00"), r"no service 'wifi-3'; did you mean 'wifi-"),
        ("not_measured", ("--service", "x", "--from", "2026-10-02", "--to", "2026-10-03"), "judges no service 'x'"),
        (
            "no_outage",
            ("--service", "wifi-1", "--from", "2026-10-09T08:01"),
            r"wifi-1' has no outage that begins at 2026-10-09T08:01:00\+08:00; its outages begin at 2026-10-09T08:00",
        ),
        ("calculation", ("--from", "2026-10-01", "--to", "2026-11-02"), "does not lie in the period"),
        ("survey_datum", ("--survey", "0" * 64), "rests on no survey 0000.*; on none"),
        ("survey_datum", ("--survey", "x"), "expected survey:<SHA-256>"),
        ("survey_place", ("--service", "wifi-1"), "said of one survey, by --survey"),
        ("cause", (*OUTAGE, "--asks", "weather"), "'weather' is nothing that a ruling decides for code 'cause'"),
        ("duration", (*OUTAGE, "--part-to", "2026-10-09T13:00"), "was over at 2026-10-09T12:00"),
        ("duration", (*OUTAGE, "--part-from", "2026-10-09T07:00"), "reaches out of what the objection is about"),
        ("calculation", ("--from", "2026-10-02", "--to", "2026-10-03", "--asks", "up"), "decides no interval"),
        ("calculation", ("--from", "2026-10-02", "--to", "2026-10-01"), "ends after it begins"),
        ("calculation", ("--from", "yesterday", "--to", "2026-10-01"), "is no instant"),
        ("calculation", ("--leaf", 1, "--claim", "c"), "say what it is about"),
        ("late", ("--claim", "req-late"), "is unknown"),
        ("coverage", ("--service", "wifi-1"), "is unknown; expected one of claim_refused"),
        ("fact", ("--service", "wifi-1"), "said of one leaf, by --leaf"),
    ],
)
def test_what_the_city_would_refuse_is_never_signed(desk, code, about, why):
    with pytest.raises(UsageError, match=why):
        objected(desk, *about, code=code)

    assert not (desk / "o.note").exists()


def test_an_objection_without_a_reason_is_asked_for_it(desk):
    given = ("object", "r1.zip", "--key", "disputes.key", "--code", "claim_refused", "--claim", "req-late")

    with pytest.raises(UsageError, match="--reason: nothing was said"):
        at_desk(desk, *given)


def test_a_carrier_that_names_no_bundle_is_told_to(desk):
    with pytest.raises(UsageError, match="a carrier names the report's bundle"):
        at_desk(desk, "status")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("req-late", "claim req-late"),
        ("leaf:3", "leaf 3"),
        (f"incident:wifi-1@{START + 200 * H}", "outage of wifi-1 that began 2026-10-09 08:00"),
        (f"incident:wifi-1@{START + 30_500}", "outage of wifi-1 that began 2026-10-01 00:00:30"),
        (f"interval:{START}-{END}/wifi-1", "wifi-1, 2026-10-01 00:00 to 2026-11-01 00:00"),
        (f"interval:{START}-{END}", "2026-10-01 00:00 to 2026-11-01 00:00"),
        ("incident:nonsense", "'incident:nonsense'"),
        ("\x1b[2Jgone", r"claim '\x1b[2Jgone'"),
    ],
)
def test_the_list_says_in_words_what_an_objection_is_about(target, said):
    assert about.words(target, calendar.zone("Asia/Shanghai")) == said


def test_a_window_that_is_over_is_named_with_its_end(desk):
    with pytest.raises(UsageError, match="until 2026-11-17 00:00 Asia/Shanghai"):
        objected(desk, now_ms=LATER)


@pytest.mark.parametrize("damage", [lambda data: data[:100], lambda _: b"", lambda _: b"PK\x05\x06" + b"\0" * 18])
def test_a_file_that_is_no_bundle_is_refused(desk, damage):
    (desk / "r1.zip").write_bytes(damage((desk / "r1.zip").read_bytes()))

    with pytest.raises(EvidenceError):
        objected(desk)


@pytest.mark.parametrize("row", [["wifi-1", "1"], [1, 1], [["wifi-1"], 1], [], "x", {}])
def test_a_report_with_rows_of_another_kind_is_refused_as_no_report(row):
    objective = {"services": {"rows": []}, "incidents": {"rows": [row]}}

    with pytest.raises((LookupError, TypeError)):
        about.read({"parts": [{"items": [{"objectives": [objective]}]}]})


def test_nothing_is_written_over(desk):
    objected(desk)

    with pytest.raises(UsageError, match="exists"):
        objected(desk, "--leaf", 3, code="fact")


# ---- both desks


@pytest.mark.usefixtures("clock")
def test_an_objection_goes_its_whole_way_and_the_next_bundle_shows_it_offline(desk, city, tmp_path, clock, capsys):
    note = objected(desk)
    assert words(dispute, city, "take", note) == 0
    assert sealed(city) == []
    name = name_of(city, capsys)
    assert words(dispute, city, "rebut", name, "rejected", "--reason", "late it was", "--as", "wang.min") == 0
    assert sealed(city) == []
    with pytest.raises(AccessError, match="another person"):
        words(dispute, city, "rule", name, "dismissed", "--reason", "x", "--as", "wang.min")
    assert words(dispute, city, "rule", name, "dismissed", "--reason", "x", "--as", "zhao") == 0
    assert sealed(city) == []
    with pytest.raises(AccessError, match="can still be objected to, until 2026-11-17"):
        words(dispute, city, "final", FIRST, "--as", "zhao")
    clock.at = LATER
    assert words(dispute, city, "final", FIRST, "--as", "zhao") == 0
    assert sealed(city, now_ms=clock.at) == []
    with pytest.raises(AccessError, match=r"owes: 24\.00 CNY"):
        words(dispute, city, "settle", FIRST, "1.00", "CNY", "--as", "wang.min")
    with pytest.raises(UsageError, match="amount 'all of it': expected as the final report says it"):
        words(dispute, city, "settle", FIRST, "all of it", "CNY", "--as", "wang.min")
    assert words(dispute, city, "settle", FIRST, "24", "CNY", "--as", "wang.min") == 0
    assert sealed(city, now_ms=clock.at) == []
    row = state_of(city, capsys, now_ms=clock.at)
    assert (row["state"], row["final"], row["settled"]) == ("settled", FIRST, "24")

    later = tmp_path / "r2.zip"
    words(report, city, "build", *MONTH, "--out", later, "--seal-here", now_ms=clock.at)
    assert words(audit, city, "verify", later, now_ms=clock.at) == 0
    assert state_of(city, capsys, later)["objections"] == row["objections"]
    assert state_of(city, capsys, "r1.zip", later)["state"] == "settled"


@pytest.mark.usefixtures("clock")
def test_an_upheld_objection_is_final_with_the_revision_that_follows_it(desk, city, tmp_path, clock, capsys):
    words(dispute, city, "take", objected(desk))
    sealed(city)
    name = name_of(city, capsys)
    words(dispute, city, "rebut", name, "accepted", "--reason", "x", "--as", "wang.min")
    sealed(city)
    words(dispute, city, "rule", name, "upheld", "--reason", "x", "--as", "zhao")
    assert sealed(city) == []
    clock.at = LATER
    with pytest.raises(AccessError, match="the revision that follows it first"):
        words(dispute, city, "final", FIRST, "--as", "zhao")
    later = desk / "r2.zip"
    words(report, city, "build", *MONTH, "--out", later, "--seal-here", now_ms=clock.at)
    assert words(audit, city, "verify", later) == 0
    row = state_of(city, capsys)
    assert row["amount"] == "0.00"  # the late claim excuses what was down
    assert (row["report"], row["state"], row["until"]) == (SECOND, "issued", "2026-12-01T16:00:00.000Z")
    with pytest.raises(AccessError, match=f"replaced by '{SECOND}'"):
        words(dispute, city, "final", FIRST, "--as", "zhao")
    with pytest.raises(UsageError, match=f"ruled on already: '{name}'"):
        objected(desk, bundle="r2.zip", out="again.note", now_ms=clock.at)

    at_desk(desk, "accept", "r2.zip", "--key", "disputes.key", "--out", "yes.note", now_ms=clock.at)
    assert words(dispute, city, "take", desk / "yes.note", now_ms=clock.at) == 0
    assert words(dispute, city, "take", desk / "yes.note", now_ms=clock.at) == 0
    words(dispute, city, "final", SECOND, "--as", "zhao")
    assert sealed(city, now_ms=clock.at) == []
    assert state_of(city, capsys)["final"] == SECOND


@pytest.mark.usefixtures("clock")
def test_a_report_rests_on_every_objection_to_it_whatever_it_is_about(desk, city, capsys):
    """Else an upheld objection to a cause could have no revision that follows it, and no report were final."""
    words(dispute, city, "take", objected(desk, *OUTAGE, code="cause"))
    sealed(city)
    name = name_of(city, capsys)
    words(dispute, city, "rebut", name, "accepted", "--reason", "x", "--as", "wang.min")
    sealed(city)
    with pytest.raises(UsageError, match="does not say what follows; expected one of carrier, city"):
        words(dispute, city, "rule", name, "upheld", "--reason", "x", "--as", "zhao")
    span = ("--from", "2026-10-09T08:00", "--to", "2026-10-09T09:30")
    words(dispute, city, "rule", name, "upheld", "--decides", "planned", *span, "--reason", "x", "--as", "zhao")
    assert sealed(city) == []
    words(report, city, "build", *MONTH, "--out", desk / "r2.zip", "--seal-here")

    assert words(audit, city, "verify", desk / "r2.zip") == 0
    assert state_of(city, capsys)["report"] == SECOND
    assert state_of(city, capsys, "r2.zip")["objections"][0]["outcome"] == "upheld"


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("ruled", "amount"), [(("upheld",), "0.00"), (("partly_upheld", "--to", "2026-10-09T09:00"), "24.00")]
)
def test_a_ruling_on_the_cause_of_an_outage_makes_the_revision_that_follows_it(desk, city, capsys, ruled, amount):
    words(dispute, city, "take", objected(desk, *OUTAGE, "--asks", "planned", code="cause"))
    sealed(city)
    name = name_of(city, capsys)
    words(dispute, city, "rebut", name, "rejected", "--reason", "x", "--as", "wang.min")
    sealed(city)
    words(dispute, city, "rule", name, *ruled, "--reason", "x", "--as", "zhao")
    assert sealed(city) == []
    words(report, city, "build", *MONTH, "--out", desk / "r2.zip", "--seal-here")

    assert words(audit, city, "verify", desk / "r2.zip") == 0
    assert state_of(city, capsys)["amount"] == amount


def accepted(desk, city, capsys, *about, **code):
    """Return the name of an objection that was taken and that the city accepted; what was said so far is read."""
    words(dispute, city, "take", objected(desk, *about, **code))
    sealed(city)
    name = name_of(city, capsys)
    words(dispute, city, "rebut", name, "accepted", "--reason", "x", "--as", "wang.min")
    sealed(city)
    capsys.readouterr()
    return name


@pytest.mark.usefixtures("clock")
def test_who_upholds_what_no_ruling_moves_is_told_at_once_what_must_follow(desk, city, capsys):
    span = ("--from", "2026-10-02", "--to", "2026-10-03")
    name = accepted(desk, city, capsys, *span, code="not_contracted")
    with pytest.raises(AccessError, match="code 'not_contracted' is upheld or dismissed as a whole"):
        words(dispute, city, "rule", name, "partly_upheld", "--minutes", 5, "--reason", "x", "--as", "zhao")
    capsys.readouterr()

    words(dispute, city, "rule", name, "upheld", "--reason", "x", "--as", "zhao")

    told = "an upheld 'not_contracted' moves nothing by itself: an amendment, or the register, must say"
    assert told in capsys.readouterr().out
    assert sealed(city) == []
    assert words(dispute, city, "status", "--language", "zh_CN") == 0
    assert "须以合同变更或服务台账写明约定期间" in capsys.readouterr().out


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ("req-open", ("the claim was not approved; two persons must approve it", "须先由两人批准")),
        ("req-odd", ("the contract has no class that the claim names", "合同没有该申请所指的免责类别")),
    ],
    ids=["nobody approved it", "of no class"],
)
def test_who_upholds_a_claim_that_no_ruling_puts_in_is_told_what_must_be_done_first(desk, city, capsys, claim, said):
    """At the ruling, in the list of either desk, in the revision's papers."""
    en, zh = said
    for_the_core = issue.place(city, FIRST)
    for_the_core.parent.mkdir(exist_ok=True)
    shutil.copy(desk / "r1.zip", for_the_core)
    name = accepted(desk, city, capsys, "--claim", claim)

    words(dispute, city, "rule", name, "upheld", "--reason", "x", "--as", "zhao")

    told = capsys.readouterr().out
    assert f"an upheld 'claim_refused' moves nothing: {en}" in told
    assert zh in told
    assert sealed(city) == []
    words(report, city, "build", *MONTH, "--out", desk / "r2.zip", "--seal-here")
    shutil.copy(desk / "r2.zip", issue.place(city, SECOND))
    for bundles in ((), ("r2.zip",)):
        assert en in state_of(city, capsys, *bundles)["objections"][0]["follows"]
        assert words(dispute, city, "status", "--language", "zh_CN", *bundles) == 0
        assert zh in capsys.readouterr().out
    page = bundle.open_bundle(desk / "r2.zip").member("report.html").decode()
    assert (en in page, zh in page) == (True, True)


@pytest.mark.usefixtures("clock")
def test_of_a_claim_that_a_ruling_puts_in_nothing_must_follow(desk, city, capsys):
    name = accepted(desk, city, capsys)

    words(dispute, city, "rule", name, "upheld", "--reason", "x", "--as", "zhao")

    assert "moves nothing" not in capsys.readouterr().out
    assert sealed(city) == []
    assert state_of(city, capsys)["objections"][0]["follows"] is None


@pytest.mark.usefixtures("clock")
def test_silence_rules_what_the_objection_asked_for(desk, city, capsys):
    words(dispute, city, "take", objected(desk, *OUTAGE, "--part-to", "2026-10-09T09:00", code="no_outage"))
    for days in (0, 9, 40):
        assert sealed(city, now_ms=NOW + days * DAY) == []

    with LedgerReader(record.ledger_path(city)) as ledger:
        (ruling,) = ledger.find("ruling")
    start = START + 200 * H
    told = {"decides": "up", "service": "wifi-1", "start_ms": start, "end_ms": start + H}
    assert {name: ruling.fact.body[name] for name in told} == told


@pytest.mark.usefixtures("clock")
def test_silence_runs_its_course_by_the_core_alone(desk, city, capsys):
    words(dispute, city, "take", objected(desk, "--leaf", 3, code="fact"))
    for days in (0, 9, 40):
        assert sealed(city, now_ms=NOW + days * DAY) == []
    (objection,) = state_of(city, capsys)["objections"]

    assert (objection["stance"], objection["answered_by"]) == ("accepted", "deadline")
    assert (objection["outcome"], objection["ruled_by"]) == ("upheld", "deadline")
    assert objection["follows"].startswith("nothing by itself: the hour (netops sla correct)")


def test_a_report_that_was_sealed_with_another_amount_does_not_verify(desk, city, tmp_path, monkeypatch, capsys):
    """A settlement is held against the seal, so the seal must owe what the figures do."""
    stated = report.bundle.facts

    def cheaper(given, *, now_ms):
        first, *others = stated(given, now_ms=now_ms)
        return [Fact(kind=first.kind, at_ms=first.at_ms, body=dict(first.body) | {"amount": "1.00"}), *others]

    monkeypatch.setattr(report.bundle, "facts", cheaper)
    words(dispute, city, "take", objected(desk))
    sealed(city)
    path = tmp_path / "cheap.zip"
    words(report, city, "build", *MONTH, "--out", path, "--seal-here")
    capsys.readouterr()

    assert words(audit, city, "verify", path) == 4
    assert "seals amount 1.00, report.json says 24.00" in capsys.readouterr().out


# ---- what is not taken


def about_nothing(desk, monkeypatch):
    """A note by a carrier's own tool, which did not ask whether there was such an outage."""
    with monkeypatch.context() as without:
        without.setattr(about, "missing", lambda *_, **__: "")
        return objected(desk, "--service", "wifi-1", "--from", "2026-10-09T09:00", code="duration")


def test_an_objection_about_nothing_is_not_taken(desk, city, capsys, monkeypatch):
    note = about_nothing(desk, monkeypatch)
    (city.data.dir / "reports").mkdir()
    shutil.copy(desk / "r1.zip", city.data.dir / "reports" / f"{FIRST}.zip")

    code, why = refused_note(city, capsys, note)
    assert (code, "has no outage that begins at 2026-10-09T09:00:00+08:00" in why) == (1, True)
    assert words(dispute, city, "take", objected(desk, out="good.note")) == 0


def test_a_city_that_keeps_no_bundle_says_that_nobody_looked(desk, city, capsys, monkeypatch):
    note = about_nothing(desk, monkeypatch)

    assert words(dispute, city, "take", note) == 0
    assert "was not looked at" in capsys.readouterr().err


def refused_note(city, capsys, path, now_ms=NOW):
    code = words(dispute, city, "take", path, now_ms=now_ms)
    return code, capsys.readouterr().err


def test_a_forged_note_is_refused_at_the_desk_and_in_the_core(desk, city, capsys):
    (desk / "disputes.key").write_text(OTHER.private_line() + "\n")
    note = objected(desk)

    code, why = refused_note(city, capsys, note)
    assert (code, "no signature by a trusted key; it is signed by carrier-b/disputes" in why) == (1, True)
    assert "it belongs to `keys` in carriers.yaml; apply it" in why
    said = notes.read(note.read_bytes(), [OTHER.vkey])
    record.state(city, [said.fact(at_ms=NOW)])
    (reason,) = sealed(city)
    assert "no signature by a trusted key" in reason


def test_the_core_takes_no_fact_that_says_more_than_its_note(desk, city):
    said = notes.read(objected(desk).read_bytes(), [CARRIER.vkey])
    fact = said.fact(at_ms=NOW)
    bare = {key: value for key, value in fact.body.items() if key != "note"}
    record.state(
        city,
        [
            Fact(kind=fact.kind, at_ms=NOW, body=dict(fact.body) | {"reason": "we withdraw"}),
            Fact(kind=fact.kind, at_ms=NOW, body=bare | {"by": "wang.min"}),
            Fact(kind="report_accepted", at_ms=NOW, body={"report": FIRST, "by": "wang.min"}),
            Fact(
                kind="report_accepted", at_ms=NOW, body={"report": FIRST, "by": "wang.min", "note": fact.body["note"]}
            ),
        ],
    )
    reasons = sealed(city)

    assert ["something else" in each or "has a key" in each for each in reasons] == [True] * 4


def test_a_note_over_another_file_of_the_report_is_refused(desk, city, capsys, monkeypatch):
    real = papers.paper
    monkeypatch.setattr(papers, "paper", lambda path: papers.replace(real(path), manifest_digest="0" * 64))
    monkeypatch.setattr(disputes, "broken", lambda *_: "")
    note = objected(desk)
    monkeypatch.undo()

    code, why = refused_note(city, capsys, note)
    assert (code, "signed over another file" in why) == (1, True)


def test_a_late_note_is_refused_by_name(desk, city, capsys):
    code, why = refused_note(city, capsys, objected(desk), now_ms=LATER)

    assert (code, "it is late" in why, "until 2026-11-17" in why) == (1, True, True)


def test_a_note_that_comes_late_because_the_core_was_down_is_taken(desk, city, capsys, monkeypatch):
    monkeypatch.setattr(listening, "SHORT_MS", H)
    with writer(city) as ledger:  # number 0: nobody listened before this ledger
        ledger.append(listening.entries((), ((0, 1),)), now_ms=LATER - 3 * DAY)
    listening.write(listening.path(city), LATER - 3 * DAY)

    assert words(dispute, city, "take", objected(desk), now_ms=LATER) == 0
    row = state_of(city, capsys, now_ms=LATER)
    assert len(row["objections"]) == 1
    assert (row["until"], row["kept_open_until"]) == ("2026-11-16T16:00:00.000Z", "2026-11-18T16:00:00.000Z")
    assert words(dispute, city, "status", now_ms=LATER) == 0
    assert "until 2026-11-17 00:00 Asia/Shanghai (kept open until 2026-11-19 00:00 Asia/Shanghai" in (
        capsys.readouterr().out
    )


def test_a_note_about_a_report_of_nobody_is_refused(desk, city, capsys):
    told = {"report": "wifi-9-2026-10-r1", "manifest_digest": "0" * 64, "made_ms": NOW}
    (desk / "x.note").write_bytes(notes.write("report_accepted", told, CARRIER))

    code, why = refused_note(city, capsys, desk / "x.note")
    assert (code, "there is no report 'wifi-9-2026-10-r1'" in why) == (1, True)


def test_one_bad_file_keeps_no_good_one_out_and_a_replay_changes_nothing(desk, city, capsys):
    good, bad = objected(desk), desk / "bad.note"
    bad.write_bytes(good.read_bytes().replace(b"req-late", b"req-1ate"))

    assert words(dispute, city, "take", bad, good, good) == 1
    assert sealed(city) == []
    assert words(dispute, city, "take", good) == 0
    assert "was taken before" in capsys.readouterr().out
    assert sealed(city) == []
    assert len(state_of(city, capsys)["objections"]) == 1


def test_who_is_killed_between_handing_over_and_saying_so_takes_it_again(desk, city, tmp_path, capsys):
    note = objected(desk)
    given = [sys.executable, "-c", KILLED, str(tmp_path / "city" / "netops.toml"), str(note), str(NOW)]
    killed = subprocess.run(given, check=False, capture_output=True, timeout=60)

    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert words(dispute, city, "take", note) == 0
    assert "was taken before" in capsys.readouterr().out
    assert sealed(city) == []
    assert len(state_of(city, capsys)["objections"]) == 1


def test_a_core_that_is_killed_between_its_answer_and_the_leaf_answers_the_same(desk, city):
    words(dispute, city, "take", objected(desk))
    path = city.data.dir / "spool" / "cli.db"
    with writer(city) as ledger:
        gate = Admission(ledger, tables.url(city), terms=papers.here(city, now_ms=NOW)[1])
        entries = [
            LedgerEntry(each.source, each.sequence, facts.decode(each.payload))
            for each in spool.read(path, after=0, limit=9)
        ]
        assert gate.refuses(entries, now_ms=NOW) == ["", ""]  # and here it dies, with nothing sealed
    for _ in range(2):  # after that it dies with all of it sealed, and nothing marked
        assert sealed(city) == []
    with writer(city) as ledger:
        assert len(list(ledger.find("objection"))) == 1
        assert not list(ledger.find("fact_refused"))
