"""`netops coverage served` as a person types it: a month's sealed hours, the areas, a footprint."""

import argparse
import json

import pytest

from inventory import sql
from inventory.city import city_of
from inventory.model import Area, Carrier, Contract, Device, Objective, Selector, Service, ServiceItem, Site
from inventory.register import Register
from inventory.tables import MIGRATIONS
from netops import sealing
from netops.commands import coverage, coverage_served
from netops.config import City, Data, Settings
from netops.coverage import grid, sealed, served
from netops.errors import UsageError
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry
from netops.sign import Signer
from netops.sla import hours, timeline
from netops.sla.hours import Listed
from netops.sla.intervals import Cause, State

H, M = 3_600_000, 60_000
START = 1_790_784_000_000  # October 2026 begins in Shanghai
WEST = "110108001"
KM2 = 10**8
CELL = grid.cell(39.96, 116.3)
ORIGIN = "netops.invalid/test/rehearsal"
RECORDS = (
    Area(id=WEST, name="西街道", name_en="West", col=1, row=1),
    Carrier(id="carrier-a", name="甲"),
    Site(id="s", name="站", area=WEST),
    Device(id="ac", site="s", carrier="carrier-a", role="wlan_controller"),
    Service(
        id="ap-1", kind="wifi", carrier="carrier-a", site="s", role="ap", device="ac", subject="ap:mac:0a0b0c0d0e0f"
    ),
    Contract(
        id="c1",
        version="1",
        carrier="carrier-a",
        title="t",
        valid_from_ms=START,
        items=(
            ServiceItem(
                id="wifi",
                kind="wifi",
                select=Selector(),
                objectives=(Objective(id="up", indicator="availability", target="99"),),
            ),
        ),
    ),
)


@pytest.fixture
def settings(tmp_path):
    """Four hours of one access point, down for the third, and one cell of a square kilometre."""
    settings = Settings(data=Data(dir=tmp_path), city=City(rehearsal=True))
    sql.upgrade(MIGRATIONS, settings.register_url)
    with Register(settings.register_url, rehearsal=True) as register:
        register.apply(city_of(RECORDS), at_ms=START - 2, now_ms=START - 2)
    facts = [sealing.contract_version(RECORDS[-1]).fact]
    facts += sealed.of_areas({WEST: {CELL: KM2}}, grid="4", resolution=9, by="t", now_ms=START)
    roster = hours.roster("c1", [Listed("ap-1", "wifi", "1")])
    facts += [Fact(kind=hours.ROSTER, at_ms=START, body=body) for body in hours.roster_bodies(roster)]
    for number in range(4):
        at = START + number * H
        state = (State.DOWN, Cause.CARRIER, "los") if number == 2 else (State.UP, Cause.NONE, "")
        runs = {"ap-1": [timeline.Run(at, at + 59 * M, 60, *state)]}
        facts += [Fact(kind=hours.KIND, at_ms=at, body=b) for b in hours.bodies(roster, runs, start_ms=at, step_ms=M)]
    with Ledger(tmp_path / "ledger.db", origin=ORIGIN, signer=Signer.new(ORIGIN), rehearsal=True) as ledger:
        ledger.append([LedgerEntry("t", n, fact) for n, fact in enumerate(facts)], now_ms=START + 5 * H)
    (tmp_path / "f.csv").write_text(f"service,cell\nap-1,{CELL}\n")
    return settings


def run(settings, *words, hour=4):
    parser = argparse.ArgumentParser()
    coverage.arguments(parser)
    given = [
        "served",
        "--contract",
        "c1",
        "--footprint",
        str(settings.data.dir / "f.csv"),
        "--month",
        "2026-10",
        *words,
    ]
    args = parser.parse_args(given)
    args.now_ms = START + hour * H + 5 * M
    return coverage.run(args, settings)


def test_it_says_surface_and_time_together(settings, capsys):
    assert run(settings, "--language", "en") == 0
    said = capsys.readouterr().out.splitlines()

    assert said[1] == "  all areas: 75.000 % [75.000, 75.000], served 3.0 km²·h of 4.0; in no footprint 0.0 km²·h"
    assert said[2].startswith("  西街道: 75.000 %")


def test_the_same_as_json_and_a_running_month_ends_with_its_last_whole_hour(settings, capsys):
    assert run(settings, "--json", hour=3) == 0
    told = json.loads(capsys.readouterr().out)

    assert told["column"] == "area_time"
    assert told["whole"]["share"] == "2/3"
    assert told["areas"][WEST]["served_dm2_ms"] == 2 * H * KM2


@pytest.mark.parametrize(
    ("language", "sums", "said"),
    [
        ("en", {"unclaimed": 9 * KM2 * H}, "no share: the footprint names no cell of it"),
        ("en", {"unknown": 9 * KM2 * H}, "no share: no sealed hour tells of its services"),
        ("zh_CN", {"unclaimed": 9 * KM2 * H}, "无占比：申报范围不含其任何网格"),
        ("zh_CN", {"unknown": 9 * KM2 * H}, "但已封存的小时未显示其服务状态"),
    ],
)
def test_where_there_is_no_share_it_says_why(settings, capsys, monkeypatch, *, language, sums, said):
    monkeypatch.setattr(coverage_served, "by_area", lambda *_, **__: {WEST: served.Served(**sums)})
    run(settings, "--language", language)
    _, whole, area = capsys.readouterr().out.splitlines()

    assert said in whole
    assert said in area
    assert "9.0 km²·h" in area
    assert "?" not in whole + area


def test_in_chinese_it_says_that_it_is_a_claim(settings, capsys):
    run(settings, "--language", "zh_CN")

    assert "属申报，不作扣减依据" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "hour", "said"),
    [
        (("--contract", "c11"), 4, "contract 'c11' is not in the register; did you mean 'c1'"),
        (("--month", "2026-12"), 4, "--month 2026-12 has no whole hour yet"),
    ],
)
def test_what_cannot_be_asked_is_refused(settings, words, hour, said):
    with pytest.raises(UsageError, match=said):
        run(settings, *words, hour=hour)
