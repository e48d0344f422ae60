"""Hours by kind of day: two implementations agree, and the calendar they were judged by is in the bundle."""

import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from unittest.mock import ANY
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inventory
from inventory import codec, workdays
from inventory.errors import UsageError
from inventory.model import Contract, Hours, Objective, Selector, ServiceItem
from netops.clock import to_ms
from netops.evidence import bundle as bundles
from netops.evidence import canonical, hours, told
from netops.evidence.members import CALENDAR, Bundle
from netops.evidence.public_days import verify_calendar
from netops.evidence.verifier import verify_numbers
from netops.report import calendars, code, standalone
from netops.sla import calendar
from netops.sla.intervals import total

SHANGHAI = calendar.zone("Asia/Shanghai")
H = 3_600_000
PROMISE = Objective(id="o", indicator="availability", target="99")
PLAIN = Contract(
    id="c",
    version="1",
    carrier="a",
    title="t",
    valid_from_ms=0,
    items=(ServiceItem(id="i", kind="wifi", select=Selector(), objectives=(PROMISE,)),),
)
WORKED = Hours(days=(), kinds=("workday",), start_minute=480, end_minute=1200)
NIGHT = Hours(days=(), kinds=("holiday",), start_minute=1320, end_minute=1440 + 360)


def days_of(contract, start_ms, end_ms, tz=SHANGHAI):
    told = calendars.document([(contract, start_ms, end_ms)], tz)
    return hours.Days(Bundle(members={CALENDAR: told} if told else {}))


def agreed(contract, *windows):
    """Return the contract with every objective in these hours, by the Chinese calendar."""
    items = tuple(
        replace(item, objectives=tuple(replace(o, rules=replace(o.rules, hours=windows)) for o in item.objectives))
        for item in contract.items
    )
    return replace(contract, items=items, calendar="cn")


def day(*parts):
    return calendar.day(*parts, SHANGHAI)


@pytest.mark.parametrize(
    ("at", "window", "open_h"),
    [
        pytest.param((2026, 10, 9), WORKED, 12, id="a-friday"),
        pytest.param((2026, 10, 10), WORKED, 12, id="a-saturday-that-is-worked"),
        pytest.param((2026, 10, 11), WORKED, 0, id="a-sunday"),
        pytest.param((2026, 10, 5), WORKED, 0, id="a-monday-off"),
        pytest.param((2026, 10, 1), NIGHT, 2, id="the-first-evening"),
        pytest.param((2026, 10, 3), NIGHT, 8, id="a-night-within"),
        pytest.param((2026, 10, 8), NIGHT, 6, id="the-last-morning-lies-in-a-workday"),
        pytest.param((2026, 10, 9), NIGHT, 0, id="after"),
    ],
)
def test_service_hours_of_a_day(base_contract, at, window, open_h):
    start, end = day(*at)
    found = calendar.service_hours(start, end, [window], SHANGHAI, "cn")
    days = days_of(agreed(base_contract, window), start, end)

    assert total(found) == open_h * H
    assert tuple(hours.service_hours(codec.plain((window,)), (start, end), SHANGHAI, days, "cn")) == found


WINDOWS = st.builds(
    lambda kinds, start, length: Hours(days=(), kinds=tuple(kinds), start_minute=start, end_minute=start + length),
    st.lists(st.sampled_from(workdays.KINDS), min_size=1, max_size=2, unique=True),
    st.integers(0, 1439),
    st.integers(1, 1440),
)


@settings(max_examples=40, deadline=None)
@given(
    schedule=st.lists(WINDOWS, min_size=1, max_size=3),
    first=st.integers(1, 358),
    length=st.integers(1, 5),
    zone=st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/New_York"]),
)
def test_two_implementations_agree_on_kinds_of_days_midnights_and_clock_changes(schedule, first, length, zone):
    tz = ZoneInfo(zone)
    start = to_ms(datetime.combine(date.fromordinal(date(2026, 1, 1).toordinal() + first), datetime.min.time(), tz))
    end = start + length * 86_400_000
    days = days_of(agreed(PLAIN, *schedule), start, end, tz)

    ours = calendar.service_hours(start, end, schedule, tz, "cn")
    theirs = hours.service_hours(codec.plain(tuple(schedule)), (start, end), tz, days, "cn")
    assert tuple(theirs) == ours


def test_the_calendar_is_in_the_bundle_and_bound(paper_world, paper_bundle, base_contract):
    """Another calendar than the one the report names, a year less or a holiday more, and the place is named."""
    world = paper_world(
        contracts=[agreed(base_contract, Hours(days=(), kinds=("holiday",), start_minute=0, end_minute=1440))]
    )
    world.versions()
    roster = world.roster()
    for number in range(world.length):
        world.hour(number, {}, roster)
    draft, made = paper_bundle(world)
    told = canonical.loads(made.member(CALENDAR))

    assert draft.report.content["digests"]["calendar"] == canonical.digest(made.member(CALENDAR))
    assert told["cn"]["2026"]["workdays"][-1] == "2026-10-10"
    assert verify_numbers(made) == []

    told["cn"]["2026"]["holidays"].remove("2026-10-01")
    forged = Bundle(members={**made.members, CALENDAR: canonical.dumps(told)})
    assert any(each.place == CALENDAR for each in verify_numbers(forged))
    assert any("parts" in each.place for each in verify_numbers(forged))
    gone = Bundle(members={name: data for name, data in made.members.items() if name != CALENDAR})
    assert [each.place for each in verify_numbers(gone)] == [CALENDAR]


def test_a_report_without_kinds_of_days_has_no_calendar(paper_world, paper_bundle):
    world = paper_world()
    world.versions()
    world.hour(0, {}, world.roster())
    draft, made = paper_bundle(world)

    assert CALENDAR not in made.members
    assert "calendar" not in draft.report.content["digests"]


def test_a_month_of_a_year_that_is_not_published_is_refused_by_name(base_contract):
    start, end = calendar.month("2027-01", SHANGHAI)

    with pytest.raises(UsageError, match="calendar 'cn' has no year 2027"):
        calendars.document([(agreed(base_contract, WORKED), start, end)], SHANGHAI)
    with pytest.raises(UsageError, match="calendar 'cn' has no year 2027"):
        calendar.service_hours(start, end, [WORKED], SHANGHAI, "cn")


def test_a_new_year_s_morning_after_needs_the_year_before(base_contract):
    start, end = calendar.month("2025-01", SHANGHAI)

    assert b'"2025"' in calendars.document([(agreed(base_contract, WORKED), start, end)], SHANGHAI)
    with pytest.raises(UsageError, match="has no year 2024"):
        calendars.document([(agreed(base_contract, NIGHT), start, end)], SHANGHAI)


def forged_days(monkeypatch, number=2026, **changed):
    """An installation whose holidays somebody changed, before the report was built and sealed."""
    honest = workdays.year("cn", 2026)
    year = replace(honest, **changed)
    monkeypatch.setattr(workdays, "year", lambda name, asked: year if asked == number else honest)


@pytest.fixture
def by_kind(world, base_contract):
    world.contracts = (agreed(base_contract, Hours(days=(), kinds=("holiday",), start_minute=0, end_minute=1440)),)
    world.versions()
    roster = world.roster()
    for number in range(world.length):
        world.hour(number, {1: {"ap-1": "uuuddduuuuuu"}}.get(number, {}), roster)
    return world


def issued(world, signer, tmp_path):
    path, key = tmp_path / "b.zip", tmp_path / "trusted.vkey"
    key.write_text(f"{signer.vkey}\n")
    bundles.write(path, world.issue(signer)[1])
    return path, key


def verified(path, key, known):
    said = []
    return told.run(path, vkey=key, rehearsal=False, known=known, say=said.append), "\n".join(said)


def test_a_calendar_that_the_issuer_changed_before_the_seal_does_not_verify(by_kind, signer, tmp_path, monkeypatch):
    """Every digest fits: only who holds the published days can tell."""
    known = calendars.known()
    first = date(2026, 10, 1)
    with monkeypatch.context() as patch:
        forged_days(patch, holidays=workdays.year("cn", 2026).holidays - {first} | {date(2026, 12, 25)})
        path, key = issued(by_kind, signer, tmp_path)
    exit_code, said = verified(path, key, known)

    assert exit_code == 4
    assert said.splitlines()[0] == ("FAILED  calendar.json: cn 2026: holidays: has 2026-12-25; lacks 2026-10-01")


def test_an_honest_calendar_verifies_and_a_year_that_is_not_held_is_told(by_kind, signer, tmp_path):
    path, key = issued(by_kind, signer, tmp_path)

    assert verified(path, key, calendars.known()) == (0, ANY)
    exit_code, said = verified(path, key, {"cn": {"2025": calendars.known()["cn"]["2025"]}})
    assert exit_code == 0
    assert "NOTE    calendar.json: this verifier does not hold the year 2026 of calendar 'cn'" in said


def test_the_stand_alone_verifier_carries_the_published_days(by_kind, signer, tmp_path, monkeypatch):
    script = tmp_path / "verify.py"
    script.write_bytes(standalone.source())
    with monkeypatch.context() as patch:
        forged_days(patch, workdays=workdays.year("cn", 2026).workdays - {date(2026, 10, 10)})
        path, key = issued(by_kind, signer, tmp_path)
    done = subprocess.run(
        [sys.executable, "-I", str(script), str(path), "--vkey", str(key)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 4
    assert "FAILED  calendar.json: cn 2026: workdays: lacks 2026-10-10" in done.stdout


@pytest.mark.parametrize(
    "told_",
    [
        pytest.param([], id="a-list"),
        pytest.param({"cn": []}, id="years-as-a-list"),
        pytest.param({"cn": {"2026": {"holidays": [], "workdays": []}}}, id="no-source"),
        pytest.param({"cn": {"2026": {"source": "", "holidays": ["2027-01-01"], "workdays": []}}}, id="another-year"),
        pytest.param({"cn": {"2026": {"source": "", "holidays": ["2026-1-1"], "workdays": []}}}, id="another-spelling"),
        pytest.param({"cn": {"２０２６": {"source": "", "holidays": [], "workdays": []}}}, id="wide-digits"),
    ],
)
def test_a_calendar_of_another_form_is_named(told_):
    (failure,), notes = verify_calendar(Bundle(members={CALENDAR: canonical.dumps(told_)}), calendars.known())

    assert failure.place == CALENDAR
    assert "expected" in failure.what
    assert notes == []


def test_the_days_are_part_of_the_digest_of_the_code(tmp_path, monkeypatch):
    before = code.code()
    copied = tmp_path / "inventory"
    shutil.copytree(Path(inventory.__file__).parent, copied, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(inventory, "__file__", str(copied / "__init__.py"))

    code.code.cache_clear()
    assert code.code() == before
    for path in (copied / "workdays.py", copied / "calendars" / "cn-2026.yaml"):
        path.write_bytes(path.read_bytes() + b"\n")
        code.code.cache_clear()
        assert code.code() != before
        before = code.code()
    code.code.cache_clear()
