"""`netops report build` and `netops audit verify`, over a real register, ledger and spool."""

import argparse
import json
import re
import shutil
import socket
import threading
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest

from inventory import codec
from inventory import commands as inventory
from inventory.errors import RegisterError
from inventory.register import Register
from inventory.snapshot import snapshot
from netops import config, facts, founding, hourly, sealing, spool
from netops.clock import SYSTEM
from netops.closing import Closing, EarlyError
from netops.commands import audit, report, sla, sla_words
from netops.config import Listener
from netops.errors import UsageError
from netops.evidence import bundle as bundles
from netops.evidence import note
from netops.facts import Fact
from netops.journal import Journal
from netops.ledger import Ledger, LedgerEntry
from netops.ledger_file import LedgerReader, NoLedgerError
from netops.report import issue
from netops.report.issue import NobodySealsError
from netops.sign import Signer
from netops.sla import calendar, timeline
from netops.sla.intervals import Cause, State
from netops.sla.sold import sold
from netops.sla.timeline import Sample
from netops.spool import Spool
from netops.web.server import Server
from netops.witness import circle, listed
from netops.witness.circle import Circle
from netops.witness.desk import Desk
from netops.witness.service import Application
from tests.netops.instances import founded, how_to_city, settings_of

H, M = 3_600_000, 60_000
START, END = calendar.month("2026-10", calendar.zone("Asia/Shanghai"))
NOW = END + 24 * H


def words(command, settings, *given):
    parser = argparse.ArgumentParser()
    command.arguments(parser)
    args = parser.parse_args([str(each) for each in given])
    args.now_ms = NOW
    return command.run(args, settings)


@pytest.fixture(scope="session")
def watched(tmp_path_factory):
    """Make an instance with the how-to's city, whose contract was watched all October; return its folder."""
    folder = tmp_path_factory.mktemp("watched")
    how_to_city(folder)
    settings = founded(folder)
    assert words(inventory, settings, "apply", folder / "city", "--at", "2026-01-01") == 0
    with Register(settings.register_url, rehearsal=False, readonly=True) as register:
        seen = snapshot(register, at_ms=START)
    contract = seen.contracts[0]
    roster = sold(contract, seen)
    entries = sealing.register(seen, revision=1, by="test")
    for hour_ms in range(START, END, H):
        runs = {each.service: hour(hour_ms, lost=hour_ms == START + 200 * H) for each in roster.listed}
        entries += hourly.entries(contract.id, roster, runs, hour_ms=hour_ms, step=M, known=hour_ms > START)
    with writer(settings) as ledger:
        ledger.append(entries, now_ms=END)
        ledger.checkpoint(now_ms=END)
    return folder


@pytest.fixture
def instance(watched, tmp_path):
    """Return the settings of an own copy of that instance, and the contract's name."""
    shutil.copytree(watched / "data", tmp_path / "data")
    return settings_of(tmp_path), "wifi-2026"


def hour(start_ms, *, lost):
    down = (State.DOWN, Cause.CARRIER, "parent:ac-1")
    up = (State.UP, Cause.NONE, "")
    slots = range(start_ms, start_ms + H, M)
    return timeline.runs([Sample(at, at, *(down if lost else up)) for at in slots], step_ms=M)


def writer(settings):
    signer = Signer.load(founding.evidence_key(settings))
    return Ledger(issue.ledger_path(settings), origin=settings.ledger_origin, signer=signer)


class Then:
    """A clock that stands."""

    @staticmethod
    def now_ms():
        return NOW


@contextmanager
def core(settings):
    """What the core does for the command: hold the ledger, drain the spool, build what is asked for, sign."""
    ready, stop = threading.Event(), threading.Event()

    def run():
        path, after = settings.data.dir / "spool" / "cli.db", 0
        with writer(settings) as ledger:
            sealed = SimpleNamespace(unsealed=lambda **_: [], later=lambda **_: [])
            rest = {"journal": sealed, "acting": threading.RLock(), "ripe_until": lambda: 2 * NOW}
            closing = Closing(settings, Then, ledger=ledger, **rest)
            ready.set()
            while not stop.wait(0.05):
                found = spool.read(path, after=after, limit=100) if path.exists() else []
                if found:
                    entries = [LedgerEntry(each.source, each.sequence, facts.decode(each.payload)) for each in found]
                    assert [each.fact.kind for each in entries] == ["report_asked"]
                    ledger.append(entries, now_ms=NOW)
                    closing.asked()
                    after = found[-1].sequence

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(20)
        yield
    finally:
        stop.set()
        thread.join()


def test_without_a_core_nothing_is_sealed_and_the_command_says_try_again(instance, tmp_path):
    settings, name = instance

    with pytest.raises(NobodySealsError, match="no core runs") as caught:
        words(report, settings, "build", "--contract", name, "--month", "2026-10", "--out", tmp_path / "b.zip")
    assert caught.value.exit_code == 75
    assert not (tmp_path / "b.zip").exists()


@pytest.mark.parametrize(
    ("command", "given"),
    [
        (report, ("status", "--contract", "wifi-2026")),
        (report, ("build", "--contract", "wifi-2026", "--month", "2026-10")),
        (sla, ("judge", "--contract", "wifi-2026", "--from", "2026-10-01", "--to", "2026-10-02")),
    ],
    ids=["report status", "report build", "sla judge"],
)
def test_a_city_that_has_not_run_yet_is_told_to_start(instance, command, given):
    issue.ledger_path(instance[0]).unlink()

    with pytest.raises(NoLedgerError, match=r"there is no ledger yet.*start `netops up`") as refused:
        words(command, instance[0], *given)
    assert refused.value.exit_code == 75


@pytest.mark.parametrize(("language", "said"), [("en", "nothing has been measured yet"), ("zh_CN", "尚未测量任何数据")])
def test_how_it_stands_before_the_first_measurement_is_no_failure(instance, capsys, language, said):
    issue.ledger_path(instance[0]).unlink()

    assert words(sla, instance[0], "status", "--language", language) == 0
    told = capsys.readouterr()
    assert "wifi-2026: " in told.out
    assert said in told.err
    assert words(sla, instance[0], "status", "--json") == 0
    assert json.loads(capsys.readouterr().out)["contracts"][0]["objectives"] == []


def test_what_the_core_built_otherwise_is_not_taken_for_ours(instance, tmp_path, monkeypatch):
    """The core of another release: it seals what it builds itself, and the command says that it is another report."""
    settings, name = instance
    mine = issue.prepare

    def otherwise(*given, **more):
        other = threading.current_thread() is not threading.main_thread()
        made = mine(*given, **more)
        return replace(made, manifest=made.manifest.replace(b"0", b"1")) if other else made

    monkeypatch.setattr(issue, "prepare", otherwise)
    out = tmp_path / "b.zip"
    with core(settings), pytest.raises(UsageError, match="the core issued another one than this command built"):
        words(report, settings, "build", "--contract", name, "--month", "2026-10", "--out", out)
    assert not out.exists()


def test_the_core_seals_what_the_command_built_and_the_bundle_verifies(instance, tmp_path, capsys):
    settings, name = instance
    path = tmp_path / "bundle.zip"
    with core(settings):
        code = words(report, settings, "build", "--contract", name, "--month", "2026-10", "--out", path, "--json")
    told = json.loads(capsys.readouterr().out)

    assert code == 0
    assert [each["outcome"] for each in told["verdicts"]] == ["met"]
    assert words(audit, settings, "verify", path) == 0
    assert "every signature, leaf and number holds" in capsys.readouterr().out


def test_sealing_here_twice_gives_the_same_file_and_one_revision(instance, tmp_path, capsys):
    settings, name = instance
    digests = set()
    for number in range(2):
        path = tmp_path / f"{number}.zip"
        words(
            report, settings, "build", "--contract", name, "--month", "2026-10", "--out", path, "--seal-here", "--json"
        )
        digests.add(path.read_bytes())
        assert json.loads(capsys.readouterr().out)["report"].endswith("-2026-10-r1")

    assert len(digests) == 1


@pytest.mark.parametrize("why", ["not over", "not sealed", "not corrected", "in a spool", "of the past"])
def test_who_seals_here_is_refused_while_hours_of_the_month_are_still_to_be_stated(
    instance, tmp_path, capsys, monkeypatch, why
):
    """Its last hours would be unknown for ever: the month was issued."""
    settings, name = instance
    asked = ("build", "--contract", name, "--month", "2026-10", "--out", tmp_path / "b.zip", "--seal-here")
    if why == "not over":
        monkeypatch.setitem(words.__globals__, "NOW", END + M)
    if why == "not sealed":
        with Journal(settings.data.dir / "states.db") as journal:
            journal.put([("ap", Sample(END - H, END - H, State.UP, Cause.NONE, ""))], newest={})
    if why == "in a spool":
        (settings.data.dir / "spool").mkdir(exist_ok=True)
        with Spool(settings.data.dir / "spool" / "collect.db", source="collect") as spool:
            spool.put("poll", [b"x"])
    if why == "of the past":
        (settings.data.dir / "late.history").write_text(str(END - H), encoding="ascii")
    if why == "not corrected":
        with writer(settings) as ledger:
            leaf = next(iter(ledger.find("availability_hour", start_ms=START))).index
            said = Fact(kind="correction", at_ms=END, body={"corrects": leaf, "by": "zhao", "reason": "late"})
            ledger.append([LedgerEntry("cli", 0, said)], now_ms=END)

    with pytest.raises(EarlyError, match=f"contract {name}: hours of 2026-10 are still to be sealed: .*netops up"):
        words(report, settings, *asked)
    assert not (tmp_path / "b.zip").exists()
    with LedgerReader(issue.ledger_path(settings)) as ledger:
        assert not list(ledger.find("report_issued"))


def test_who_seals_here_asks_the_witnesses_and_the_bundle_carries_what_they_sign(instance, tmp_path, capsys):
    settings, name = instance
    witness, away = (Signer(each, bytes([n]) * 32, algorithm=note.COSIGNATURE_V1) for n, each in enumerate("wa", 1))
    with Desk(tmp_path / "book", witness, [founding.signer(settings).vkey]) as desk, socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
        found.close()
        server = Server(Application(desk, name="w", clock=SYSTEM), Listener(port=port), clear=True)
        server.start()
        lines = f"{witness.vkey} http://127.0.0.1:{port}\n{away.vkey} http://127.0.0.1:1\n"
        made = {}
        for quorum, again in ((1, False), (2, False), (1, True)):
            (settings.data.dir / listed.FILE).write_text(f"quorum {quorum}\n{lines}")
            path = tmp_path / f"{quorum}{again}.zip"
            words(report, settings, "build", "--contract", name, "--month", "2026-10", "--out", path, "--seal-here")
            made[quorum, again] = path.read_bytes(), capsys.readouterr().err
        server.stop()

    assert "witness a: does not answer" in made[1, False][1]
    assert "of the 1 co-signatures" not in made[1, False][1]
    assert made[1, False][0] == made[2, False][0] == made[1, True][0]  # a later policy is not this report's
    assert words(audit, settings, "verify", tmp_path / "1False.zip") == 0
    assert "co-signed by w+" in capsys.readouterr().out
    log = founding.evidence_key(settings).with_name(issue.VKEY)
    assert words(audit, settings, "verify", tmp_path / "1False.zip", "--vkey", log) == 5
    assert words(audit, settings, "verify", tmp_path / "1False.zip", "--vkey", log, "--quorum", "0") == 0


def test_the_command_waits_for_co_signatures_and_then_goes_without_and_says_so(instance, tmp_path, capsys):
    settings, name = instance
    witness = Signer("w", bytes(32), algorithm=note.COSIGNATURE_V1)
    (settings.data.dir / listed.FILE).write_text(f"quorum 1\n{witness.vkey}\n")
    with writer(settings) as ledger:
        Circle(settings.data.dir, ledger, threading.RLock()).state()
    path = tmp_path / "b.zip"
    asked = ("build", "--contract", name, "--month", "2026-10", "--out", path, "--wait", "2")
    with core(settings):
        assert words(report, settings, *asked) == 5  # as `netops audit verify` says of the file
    said = capsys.readouterr().err

    assert "sealed; waiting up to 2 s for 1 co-signatures" in said
    assert "0 of the 1 co-signatures that the policy asks for are there: repeat this command" in said
    assert words(audit, settings, "verify", path) == 5
    with writer(settings) as ledger, Desk(tmp_path / "book", witness, [founding.signer(settings).vkey]) as desk:
        ledger.adopt(desk.add(bytes(circle.request(ledger, old=0)), now_s=1), [witness.vkey])
    capsys.readouterr()
    assert words(report, settings, *asked, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["cosigned"], told["quorum"]) == (1, 1)
    assert words(audit, settings, "verify", path) == 0


def test_a_bundle_without_papers_is_made_and_the_command_says_why(instance, tmp_path, capsys):
    settings, name = instance
    words(
        report, settings, "build", "--contract", name, "--month", "2026-10", "--out", tmp_path / "b.zip", "--seal-here"
    )

    assert "without PDFs: no Chinese font is on this machine; install fonts-noto-cjk" in capsys.readouterr().err
    assert (tmp_path / "b.zip").is_file()


def test_a_dry_run_states_nothing(instance, capsys):
    settings, name = instance
    before = (issue.ledger_path(settings)).read_bytes()

    assert words(report, settings, "build", "--contract", name, "--month", "2026-10", "--dry-run") == 0
    assert "availability" in capsys.readouterr().out
    assert issue.ledger_path(settings).read_bytes() == before


def test_the_status_judges_the_sealed_hours_of_a_month_that_is_not_over(instance, capsys, monkeypatch):
    settings, name = instance
    monkeypatch.setitem(words.__globals__, "NOW", START + 300 * H + 7 * M)

    assert words(report, settings, "status", "--contract", name) == 0
    said = capsys.readouterr().out
    assert "2026-10, so far, until 2026-10-13T04:00:00" in said
    assert re.search(r"availability +met +99\.5\d+ %  target 99\.5 %  unknown 0\.0+ %", said)
    assert words(report, settings, "status", "--contract", name, "--json") == 0
    (part,) = json.loads(capsys.readouterr().out)
    assert part["items"][0]["objectives"][0]["verdict"] == "met"


def test_a_month_without_a_sealed_hour_has_no_status(instance, monkeypatch):
    settings, name = instance
    monkeypatch.setitem(words.__globals__, "NOW", END + 24 * H)

    with pytest.raises(UsageError, match="no hour of 2026-11 is sealed yet"):
        words(report, settings, "status", "--contract", name)


@pytest.mark.parametrize(
    ("contract", "month", "message"),
    [
        ("wifi-2062", "2026-10", "did you mean 'wifi-2026'"),
        ("wifi-2026", "2026-11", "is not over"),
        ("wifi-2026", "26-10", "YYYY-MM"),
    ],
)
def test_what_cannot_be_reported_on_is_said(instance, contract, month, message):
    settings, _ = instance

    with pytest.raises(Exception, match=message):
        words(report, settings, "build", "--contract", contract, "--month", month, "--dry-run")


def test_an_auditor_s_desk_is_told_the_incident_and_where_its_bytes_are(instance, tmp_path, capsys):
    out = tmp_path / "b.zip"
    words(report, instance[0], "build", "--contract", instance[1], "--month", "2026-10", "--out", out, "--seal-here")
    desk = config.load(None, environ={}, overrides=[f"data.dir={tmp_path / 'none'}"])
    capsys.readouterr()

    with pytest.raises(NoLedgerError, match="the bytes are with the city: run this on its machine") as refused:
        words(report, desk, "trace", out, "--service", "wifi-1")
    assert refused.value.exit_code == 75
    said = capsys.readouterr().out
    assert "incident   wifi-1: 2026-10-09T00:00:00.000Z – 2026-10-09T01:00:00.000Z" in said
    assert said.count("ask for    poll ") == 2  # of its first and its last slot
    assert "`raw_chunk` that names the chunk's SHA-256" in said
    assert not (tmp_path / "none").exists()


def test_a_bundle_that_is_none_fails_with_4(instance, tmp_path):
    settings, _ = instance
    path = tmp_path / "none.zip"
    path.write_bytes(b"not a zip")

    with pytest.raises(Exception, match=r"none\.zip") as caught:
        words(audit, settings, "verify", path)
    assert caught.value.exit_code == 4


def test_keys_that_are_not_there_are_named_not_the_bundle(instance, tmp_path):
    settings, _ = instance
    bundle = tmp_path / "some.zip"
    bundle.write_bytes(b"")

    with pytest.raises(UsageError, match=r"--vkey .*none\.vkey: no such file"):
        words(audit, settings, "verify", bundle, "--vkey", tmp_path / "none.vkey")


def judged(settings, *given):
    return words(sla, settings, "judge", "--contract", "wifi-2026", *given)


def test_an_interval_is_judged_in_the_contracts_zone_and_a_breach_exits_with_3(instance, capsys):
    """Both access points were down from 08:00 to 09:00 in Shanghai on the ninth; nothing is owed for two hours."""
    settings, _ = instance

    assert judged(settings, "--from", "2026-10-09T07:30", "--to", "2026-10-09T01:30Z", "--json") == 3
    told = json.loads(capsys.readouterr().out)
    (found,) = told["objectives"]
    assert (told["start"], told["end"]) == ("2026-10-08T23:30:00.000Z", "2026-10-09T01:30:00.000Z")
    assert (found["verdict"], found["value"], found["tally"]["down_ms"], told["breached"]) == (
        "missed",
        "1/2",
        2 * H,
        1,
    )
    assert "credit" not in json.dumps(told)


def test_the_judge_of_a_whole_month_says_what_its_report_says(instance, capsys):
    settings, name = instance
    words(report, settings, "build", "--contract", name, "--month", "2026-10", "--dry-run", "--json")
    (verdict,) = json.loads(capsys.readouterr().out)["verdicts"]

    assert judged(settings, "--from", "2026-10-01", "--to", "2026-11-01", "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)["objectives"]
    assert (found["verdict"], found["value"]) == (verdict["outcome"], verdict["value"])


def test_a_facts_file_and_the_contracts_text_are_enough_to_judge(instance, tmp_path, capsys):
    """Neither register nor ledger is needed: a carrier judges what the city handed out."""
    settings, _ = instance
    with LedgerReader(issue.ledger_path(settings)) as ledger:
        lines = [b'{"index":%d,"leaf":%b}' % (leaf.index, leaf.data) for leaf in ledger.entries(0, ledger.size)]
    (tmp_path / "facts").write_bytes(b"\n".join(reversed(lines)))
    with Register(settings.register_url, rehearsal=False, readonly=True) as register:
        (contract,) = snapshot(register, at_ms=START).contracts
    (tmp_path / "contract.json").write_text(f"[{codec.encode(contract)}]", encoding="utf-8")
    asked = ("--from", "2026-10-09T07:42:30", "--to", "2026-10-10", "--json")
    assert judged(settings, *asked) == 3
    expected = capsys.readouterr().out
    (tmp_path / "elsewhere").mkdir()

    elsewhere = settings_of(tmp_path / "elsewhere")
    files = ("--facts", tmp_path / "facts", "--contracts", tmp_path / "contract.json")
    assert judged(elsewhere, *asked, *files) == 3
    assert capsys.readouterr().out == expected
    (tmp_path / "contract.json").write_text("[{}]", encoding="utf-8")
    with pytest.raises(UsageError, match="no contract version"):
        judged(elsewhere, *asked, *files)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--from", "2026-10-02", "--to", "2026-10-01"), "empty or negative; expected its end after its start"),
        (("--from", "2026-10-02", "--to", "2026-10-02"), "empty or negative"),
        (("--from", "2026-10-02", "--to", "2026-12-01"), "is not over yet"),
        (("--from", "yesterday", "--to", "2026-10-02"), "--from: 'yesterday' is no instant"),
        (
            ("--from", "2026-09-01", "--to", "2026-09-02"),
            r"no hour of \[2026-09-01T00:00:00\+08:00, 2026-09-02T00:00:00\+08:00\) is sealed",
        ),
        (("--from", "2019-09-01", "--to", "2019-09-02"), "no version of it is in force"),
    ],
)
def test_an_interval_that_cannot_be_judged_is_refused(instance, given, said):
    settings, _ = instance
    with pytest.raises(UsageError, match=said) as caught:
        judged(settings, *given)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(("language", "said"), [("en", "in brackets: the figure if all"), ("zh_CN", "方括号内：")])
def test_the_brackets_beside_a_figure_are_explained(instance, capsys, language, said):
    given = ("judge", "--contract", instance[1], "--from", "2026-10-02", "--to", "2026-10-03", "--language", language)
    words(sla, instance[0], *given)

    assert said in capsys.readouterr().out


def test_facts_without_a_register_need_the_contract_s_text(tmp_path):
    desk = config.load(None, environ={}, overrides=[f"data.dir={tmp_path / 'none'}"])
    given = ("judge", "--contract", "c", "--facts", "f", "--from", "2026-10-01", "--to", "2026-10-02")

    with pytest.raises(UsageError, match="--contracts FILE, the `contract"):
        words(sla, desk, *given)


def test_an_unknown_contract_is_named_with_the_nearest(instance):
    settings, _ = instance
    for given in (("status", "--contract", "wifi-2062"), ("judge", "--contract", "wifi-2062", *DAY)):
        with pytest.raises(RegisterError, match="did you mean 'wifi-2026'"):
            words(sla, settings, *given)


DAY = ("--from", "2026-10-01", "--to", "2026-10-02")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-10-25T02:30", "happens twice in Europe/Berlin"),
        ("2026-03-29T02:30", "happens never in Europe/Berlin"),
        ("2026-10-25T02:30+01:00", ""),
        ("2026-10-25T03:00", ""),
    ],
)
def test_a_wall_clock_time_that_is_twice_or_never_there_is_refused(text, said):
    if not said:
        assert sla._instant(text, calendar.zone("Europe/Berlin"), "--from") > START
        return
    with pytest.raises(UsageError, match=said):
        sla._instant(text, calendar.zone("Europe/Berlin"), "--from")


def test_the_status_shows_what_it_takes_to_miss_and_warns_in_both_languages(instance, capsys, monkeypatch):
    """Two minutes after the hour in which all was down, at most a tenth of a month's budget being left."""
    settings, name = instance
    assert set(sla_words.EN) == set(sla_words.ZH)
    monkeypatch.setitem(words.__globals__, "NOW", START + 201 * H + 7 * M)
    said = {}
    for language in ("zh_CN", "en"):
        assert words(sla, settings, "status", "--language", language) == 0
        said[language] = capsys.readouterr().out
    assert words(sla, settings, "status", "--json") == 0
    (told,) = json.loads(capsys.readouterr().out)["contracts"]
    (found,) = told["objectives"]

    assert "EARLY WARNING: burns 200.0 times faster than allowed over 1 h, and still in the last 5 min" in said["en"]
    assert "预警：过去 1 h 的消耗速度为允许值的 200.0 倍" in said["zh_CN"]
    assert [each["warns"] for each in found["burn"]] == [True] * 4
    assert f"up to {found['left_ms'] // H}:" in said["en"]
    assert told["contract"] == name
    assert "verdict is of a calendar month" in said["en"]


def built(settings, name, out):
    assert words(report, settings, "build", "--contract", name, "--month", "2026-10", "--seal-here", "--out", out) == 0
    return out


def test_under_the_profile_a_citys_own_sm2_key_is_asked_for_without_being_given(instance, tmp_path, capsys):
    """Of two bundles of one ledger's size, the one that SM2 did not sign is none of this city's."""
    plain, name = instance
    shutil.copytree(plain.data.dir.parent / "data", tmp_path / "other" / "data")
    other = settings_of(tmp_path / "other")
    asked = replace(plain, evidence=replace(plain.evidence, sm2=True))
    founding.keys(asked)
    signed, bare = built(asked, name, tmp_path / "signed.zip"), built(other, name, tmp_path / "bare.zip")
    capsys.readouterr()

    assert words(audit, asked, "verify", signed, "--lang", "zh") == 0
    assert "每个签名、每条存证、每个数字均成立" in capsys.readouterr().out
    assert words(audit, asked, "verify", bare, "--lang", "zh") == 4
    said = capsys.readouterr().out
    assert f"checkpoint：未经账本的 SM2 公钥 {asked.ledger_origin}/sm2" in said
    assert words(audit, asked, "verify", bare, "--vkey", founding.evidence_key(asked).with_name(issue.VKEY)) == 0


def test_a_bundle_that_was_signed_before_the_profile_still_holds_where_it_was_made(instance, tmp_path):
    plain, name = instance
    before = built(plain, name, tmp_path / "before.zip")
    asked = replace(plain, evidence=replace(plain.evidence, sm2=True))
    founding.keys(asked)

    assert words(audit, asked, "verify", before) == 0


def test_the_report_is_said_in_chinese_to_who_asks_for_it(instance, capsys):
    settings, name = instance
    given = ("build", "--contract", name, "--month", "2026-10", "--dry-run")

    assert words(report, settings, *given, "--lang", "zh") == 0
    said = capsys.readouterr().out
    assert "wifi-2026 2026-10 第 1 版" in said
    assert re.search(r"public-wifi/availability +(达标|未达标|无法判定) +[0-9.]+ %  目标 99.5 %  未测得", said)
    assert re.search(r"扣减 [0-9.]+ CNY", said)


def test_a_refusal_is_said_in_the_readers_language_as_well(instance, monkeypatch):
    settings, name = instance
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")

    with pytest.raises(NobodySealsError, match="核心服务未运行，无人可封存报告"):
        words(report, settings, "build", "--contract", name, "--month", "2026-10")
    with pytest.raises(RegisterError, match="台账中没有合同 'wifi-2062'；是否想写 'wifi-2026'？"):
        words(report, settings, "status", "--contract", "wifi-2062")
    with pytest.raises(NobodySealsError, match="no core runs"):
        words(report, settings, "build", "--contract", name, "--month", "2026-10", "--language", "en")


def test_what_is_no_bundle_is_refused_in_chinese_too(instance, tmp_path):
    path = tmp_path / "none.zip"
    path.write_bytes(b"not a zip")

    with pytest.raises(Exception, match=r"none\.zip：不是报告包"):
        words(audit, instance[0], "verify", path, "--lang", "zh")


def test_a_witness_by_sm2_signs_a_bundle_twice_and_a_stripped_line_is_named(instance, tmp_path, capsys):
    settings, name = instance
    witness = Signer("w", bytes(32), algorithm=note.COSIGNATURE_V1).with_sm2()
    (settings.data.dir / listed.FILE).write_text(f"quorum 1\n{witness.vkey} {witness.sm2_vkey}\n")
    asked = ("build", "--contract", name, "--month", "2026-10", "--seal-here", "--out", tmp_path / "b.zip")
    with writer(settings) as ledger:
        Circle(settings.data.dir, ledger, threading.RLock()).state()
    assert words(report, settings, *asked) == 5
    with writer(settings) as ledger, Desk(tmp_path / "book", witness, [founding.signer(settings).vkey]) as desk:
        signed = desk.add(bytes(circle.request(ledger, old=0)), now_s=1)
        ledger.adopt(signed, [witness.vkey, witness.sm2_vkey])
    assert words(report, settings, *asked) == 0
    members = bundles.open_bundle(tmp_path / "b.zip").members

    assert str(witness.sm2_vkey) in members["vkeys.txt"].decode()
    assert json.loads(members["report.json"])["witnessing"]["sm2"] == [str(witness.sm2_vkey)]
    assert words(audit, settings, "verify", tmp_path / "b.zip") == 0
    whole = note.parse(members["checkpoint"])
    lines = tuple(each for each in whole.signatures if each.name != "w/sm2")
    stripped = bytes(note.Note(text=whole.text, signatures=lines))
    bundles.write(tmp_path / "stripped.zip", {**members, "checkpoint": stripped})
    capsys.readouterr()
    assert words(audit, settings, "verify", tmp_path / "stripped.zip", "--lang", "en") == 4
    assert "checkpoint: co-signed by w without its SM2 key w/sm2" in capsys.readouterr().out
