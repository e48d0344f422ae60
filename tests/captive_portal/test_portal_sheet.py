"""The voucher sheet: what is on paper lets people in, in both languages, and no string on it is obeyed."""

from __future__ import annotations

import csv
import io
import re
import subprocess
from dataclasses import replace

import pytest

from captive_portal import code, commands, sheet, tables, vouchers
from captive_portal.desk import Attempt
from captive_portal.model import Allowance, Client, Consent, Session
from captive_portal.verdict import Refusal, Why
from netops.clock import SYSTEM
from netops.config import City
from netops.errors import ConfigError

NOW_MS = 1_790_000_000_000
CITY = City(title="海淀公共 WiFi")
CODE = re.compile(r"[0-9A-Z]{5}-[0-9A-Z]{5}-[0-9A-Z]{5}")
HOSTILE = '#panic("x") #read("/etc/passwd") $x$ *b* <l> @r \\ `r` = + - " \' // [ ] {{7*7}}'


def order(**more) -> vouchers.Order:
    allowance = Allowance(**{"seconds": 86_400, "devices": 2, **more.pop("allowance", {})})
    usual = {"label": "", "count": 1, "start_by_ms": NOW_MS + 86_400_000, "made_by": "op"}
    return vouchers.Order(**{**usual, "allowance": allowance, **more})


def codes(number: int) -> list[str]:
    return [code.shown(code.fresh()) for _ in range(number)]


def words(made: bytes) -> str:
    done = subprocess.run(["pdftotext", "-layout", "-", "-"], input=made, capture_output=True, check=True)
    return done.stdout.decode()


@pytest.mark.partner("pdftotext")
def test_every_code_is_on_paper_once_with_what_it_gives_in_both_languages() -> None:
    made = codes(50)

    text = words(sheet.pdf(CITY, "b-1", made, order(count=50, label="街道办"), NOW_MS))

    assert sorted(CODE.findall(text)) == sorted(made)
    assert text.count("海淀公共 WiFi") == 50
    assert text.count("免费 WiFi 上网券 · Free WiFi voucher") == 50
    assert text.count("1 天 · 2 台设备 / 1 day · 2 devices") == 50
    assert text.count("2026-09-22 22:13") == 100, "in the city's own time"
    assert re.search(r"1 ?/ ?3", text)
    assert "b-1" in text
    assert "街道办" in text
    assert "REHEARSAL" not in text


@pytest.mark.partner("pdftotext")
def test_a_rehearsal_says_so_on_every_voucher() -> None:
    text = words(sheet.pdf(replace(CITY, rehearsal=True), "b-1", codes(5), order(), NOW_MS))

    assert text.count("演练 · 免费") == 5


@pytest.mark.partner("pdftotext")
def test_markup_in_a_name_or_label_is_printed_and_not_obeyed() -> None:
    text = words(sheet.pdf(replace(CITY, title=HOSTILE[:30]), "b-1", codes(1), order(label=HOSTILE), NOW_MS))

    assert '#panic("x")' in text
    assert '#read("/etc/passwd")' in text
    assert "{{7*7}}" in text


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(1, "1 min"), (90, "90 min"), (60, "1 h"), (120, "2 h"), (1440, "1 day"), (10_080, "7 days"), (1500, "25 h")],
)
def test_a_time_is_said_in_the_unit_that_says_it_exactly(minutes: int, said: str) -> None:
    assert sheet._time(minutes, ("days", "h", "min")) == said


def test_the_same_batch_gives_the_same_octets() -> None:
    made = codes(3)

    assert sheet.pdf(CITY, "b-1", made, order(), NOW_MS) == sheet.pdf(CITY, "b-1", made, order(), NOW_MS)


@pytest.mark.parametrize("label", ["=1+1", "@SUM(A1)", "\t=x", "＝1", "+cmd|' /C calc'!A0", "a\rb"])
def test_no_cell_of_the_table_is_a_formula(label: str) -> None:
    rows = list(csv.DictReader(io.StringIO(sheet.csv(CITY, codes(2), order(label=label)).decode("utf-8-sig"))))

    assert len(rows) == 2
    assert not any(cell.lstrip().startswith(("=", "+", "-", "@", "＝")) for row in rows for cell in row.values())
    assert all(code.typed(row["code"]) for row in rows)


# ---- from the command line
def run(settings, *words: str) -> int:
    import argparse

    parser = argparse.ArgumentParser()
    commands.arguments(parser)
    args = parser.parse_args(words)
    args.now_ms = SYSTEM.now_ms()
    return commands.run(args, settings)


ASKED = ("voucher", "create", "--count", "3", "--minutes", "60")


@pytest.mark.partner("pdftotext")
def test_the_command_line_writes_the_sheet_for_its_user_alone(settings, tmp_path, capsys) -> None:
    file = tmp_path / "sheet.pdf"

    assert run(settings, *ASKED, "--pdf", str(file)) == 0

    assert file.stat().st_mode & 0o777 == 0o600
    found = CODE.findall(words(file.read_bytes()))
    assert len(found) == 3
    assert not any(each in "".join(capsys.readouterr()) for each in found)


def test_a_file_that_is_there_already_is_kept_and_no_voucher_made(settings, tmp_path) -> None:
    file = tmp_path / "sheet.pdf"
    file.write_text("mine")

    with pytest.raises(ConfigError, match=r"sheet\.pdf: cannot be made"):
        run(settings, *ASKED, "--pdf", str(file))

    assert file.read_text() == "mine"
    assert vouchers.batches(tables.url(settings)) == []


def test_without_a_chinese_font_no_voucher_is_made(settings, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sheet, "_chinese", lambda: ())

    with pytest.raises(sheet.SheetError, match="fonts-noto-cjk"):
        run(settings, *ASKED, "--pdf", str(tmp_path / "sheet.pdf"))

    assert vouchers.batches(tables.url(settings)) == []


def test_a_sheet_that_cannot_be_set_takes_its_vouchers_with_it(settings, tmp_path, monkeypatch) -> None:
    def broken(*_args, **_more):
        raise RuntimeError("unknown font")

    monkeypatch.setattr("typst.compile", broken)

    with pytest.raises(sheet.SheetError):
        run(settings, *ASKED, "--pdf", str(tmp_path / "sheet.pdf"))

    (batch,) = vouchers.batches(tables.url(settings))
    assert batch.withdrawn_ms


# ---- what is printed is so
CONSENT = Consent(terms="1", language="en", digest="0" * 64, channel="portal")


def enter(desk, number: int, written: str):
    client = Client(mac=f"02:00:00:00:00:{number:02x}", interface="simulated", addresses=(f"127.0.0.{number}",))
    return desk.login(Attempt(client=client, method="voucher", fields={"code": written}, consent=CONSENT))


@pytest.fixture
def issue(settings, clock):
    from captive_portal import keys

    def make(**more) -> str:
        wanted = order(**{"start_by_ms": clock.now_ms() + 86_400_000, **more})
        return vouchers.create(tables.url(settings), keys.voucher_key(settings), wanted, clock.now_ms())[1][0]

    return make


def test_the_time_of_a_voucher_begins_with_its_first_device_and_ends_for_all_at_once(desk, issue, clock) -> None:
    written = issue(allowance={"seconds": 3000, "devices": 2})
    clock.forward(80_000)

    first = enter(desk, 1, written)
    clock.forward(1000)
    second = enter(desk, 2, written.lower().replace("-", " "))

    assert isinstance(first, Session)
    assert isinstance(second, Session)
    assert second.seconds_left(clock.now_ms()) == 2000
    clock.forward(2001)
    assert enter(desk, 3, written) == Refusal(why=Why.EXPIRED)


def test_as_many_devices_as_printed_and_the_same_one_again(desk, issue) -> None:
    written = issue(allowance={"seconds": 3000, "devices": 2})
    assert all(isinstance(enter(desk, each, written), Session) for each in (1, 2))

    assert enter(desk, 3, written) == Refusal(why=Why.TOO_MANY_DEVICES)
    desk.logout(Client(mac="02:00:00:00:00:01", interface="simulated", addresses=("127.0.0.1",)))
    assert isinstance(enter(desk, 1, written), Session)


def test_first_use_after_the_day_that_is_printed_is_too_late(desk, issue, clock) -> None:
    written = issue()
    clock.forward(86_401)

    assert enter(desk, 1, written) == Refusal(why=Why.TOO_LATE)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_largest_batch_is_set() -> None:
    made = sheet.pdf(CITY, "b-1", codes(vouchers.MOST), order(count=vouchers.MOST), NOW_MS)

    assert len(made) < 4_000_000
