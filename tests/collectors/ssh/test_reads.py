"""Every read has a capture that says what it yields; a file that says something else is told with its line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from collectors.snmp.ask import Failure
from collectors.ssh import read_yaml, table_yaml
from collectors.ssh.course import understood
from collectors.ssh.decode import Taken, decode
from collectors.ssh.dialects import DIALECTS
from collectors.ssh.read_yaml import ReadError, parse, shipped
from collectors.ssh.reference import page
from collectors.ssh.replay import replay
from collectors.ssh.table import SHAPES
from collectors.ssh.talk import Output, patterns
from netops.cli import main
from netops.metrics import METRICS
from netops.model import Reason

HERE = Path(__file__).parent / "captures"
READS = shipped()
VALUES = {
    "smartax_optics": {"FRAME": "0", "SLOT": "1", "PON": "0"},
    "smartax_ont_wlan": {"FRAME": "0", "SLOT": "1", "PON": "0", "ONT_ID": "3"},
    "openwrt_radios": {"DEVICE": "wlan0"},
    "openwrt_clients": {"DEVICE": "wlan0"},
    "zte_serials": {"PORT": "1/2/1"},
    "zte_olt_rx": {"PORT": "1/2/1"},
    "zte_onu_rx": {"PORT": "1/2/1"},
    "titan_serials": {"PORT": "1/1/1"},
    "titan_olt_rx": {"PORT": "1/1/1"},
    "titan_onu_rx": {"PORT": "1/1/1"},
}


def told(name):
    """What a capture yields, one line a value or gap."""
    values = VALUES.get(name, {})
    result = replay(HERE / f"{name}.txt", READS, name, device="d", at_ms=0, values=values)
    for seen in result.decoded.observations:
        value = "" if seen.value is None else seen.value
        if METRICS[seen.metric].states and seen.value is not None:
            value = METRICS[seen.metric].state(seen.value).name
        yield f"{seen.subject}\t{seen.metric}\t{value}\t{seen.raw}\t{seen.quality.value}"
    for gap in result.decoded.gaps:
        yield f"{gap.subject}\t{gap.metric}\t\t\tgap: {gap.reason.value}"


@pytest.mark.parametrize("name", READS)
def test_a_capture_yields_what_is_written_beside_it(name):
    expected = (HERE / f"{name}.expected.tsv").read_text(encoding="utf-8").splitlines()

    assert list(told(name)) == expected


def test_every_capture_is_of_a_read():
    assert {path.stem.partition(".")[0] for path in HERE.iterdir()} == set(READS)


@pytest.mark.parametrize("name", [name for name, read in READS.items() if read.complete.total])
def test_a_row_that_is_cut_out_is_missed(name):
    """Where the device says how many rows there are, one less is a gap and not a shorter table."""
    read = READS[name]
    lines = (HERE / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    output = Output(command=read.command, lines=tuple(lines))
    whole = understood(read, {}, bare(read, output), {})
    missed = []
    for at, line in enumerate(lines):
        cut = understood(read, {}, bare(read, Output(command=read.command, lines=(*lines[:at], *lines[at + 1 :]))), {})
        if cut.failed is None and len(cut.rows) < len(whole.rows):
            missed.append(line)

    assert whole.failed is None
    assert missed == []


def bare(read, output):
    seen = patterns(DIALECTS[read.dialect])
    lines = [x for x in output.lines if not seen.prompt.fullmatch(x.strip()) and not x.endswith(read.command)]
    lines = [x for x in lines if not seen.noise.fullmatch(x)]
    return Output(command=read.command, lines=tuple(lines))


def test_a_line_that_nobody_knows_makes_the_output_unreadable():
    read = READS["vrp_aps"]
    lines = (HERE / "vrp_aps.txt").read_text(encoding="utf-8").splitlines()[1:-1]
    taken = understood(read, {}, Output(command=read.command, lines=(*lines[:9], "Nov 26 AP down", *lines[9:])), {})

    assert taken.failed == Failure(Reason.UNREADABLE, "no row of the table is like the line 'Nov 26 AP down'")


def test_rows_that_claim_one_identity_are_nobody():
    read = READS["aireos_aps"]
    row = {"NAME": "a", "MAC": "0a:0b:0c:00:00:01", "MODEL": "m", "ADDRESS": "192.0.2.1", "CLIENTS": "1"}
    decoded = decode([Taken(read=read, command="x", rows=(row, {**row, "NAME": "b"}))], device="d", at_ms=0)

    assert decoded.observations == ()
    assert {gap.detail for gap in decoded.gaps} == {
        f"nothing names the row {' '.join({**row, 'NAME': name}.values())!r}" for name in ("a", "b")
    }


def test_a_radio_is_known_by_the_address_of_its_access_point():
    aps = (HERE / "vrp_aps.txt").read_text(encoding="utf-8").splitlines()[1:-1]
    radios = (HERE / "vrp_radios.txt").read_text(encoding="utf-8").splitlines()
    known = understood(READS["vrp_aps"], {}, Output(command="x", lines=tuple(aps)), {})
    taken = understood(READS["vrp_radios"], {}, Output(command="x", lines=tuple(radios)), {"vrp_aps": known.rows})
    decoded = decode([taken], device="ac-1", at_ms=0)

    assert {str(each.subject) for each in decoded.observations} == {
        "radio:mac:60de4476e360/0",
        "radio:mac:60de4476e360/1",
        "radio:mac:dcd2fc04b500/0",
    }


GOOD = """read: x
title: {zh: 某, en: X}
dialect: zte_olt
command: show x
template: huawei_smartax_temperature
tables:
  onu:
    kind: onu
    identity: [[SLOT, BOARD]]
    columns:
      pon.onu.state: {value: TEMPERATURE, states: {working: up}}
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("dialect: zte_olt", "dialect: zte", "x.yaml:3: 'zte' is not a dialect; did you mean 'zte_olt'?"),
        ("command: show x", "command: show <PORT>", "x.yaml:4: <PORT> is no value of `each`"),
        (
            "template: huawei_smartax_temperature",
            "template: huawei_smartax_temp",
            "x.yaml:5: there is no template 'huawei_smartax_temp.textfsm' in templates/",
        ),
        (
            "value: TEMPERATURE",
            "value: TEMPERATURA",
            "x.yaml:11: 'TEMPERATURA' is not a value of the template; did you mean 'TEMPERATURE'?",
        ),
        ("pon.onu.state:", "pon.onu.stat:", "x.yaml:11: 'pon.onu.stat' is no metric of the catalogue"),
        (
            "[[SLOT, BOARD]]",
            "[[SLOT, BORD]]",
            "x.yaml:9: 'BORD' is not a column, helper or value; did you mean 'BOARD'?",
        ),
        ("kind: onu", "sort: onu", "x.yaml:8: unknown key 'sort'"),
        ("command: show x", "command: show x\ncomplete: {counts: ['x']}", "x.yaml:5: 'x' captures 0 numbers"),
        ("command: show x", "command: show x\ncomplete: {ends: '('}", "x.yaml:5: '(' is no regular expression"),
        (
            "template: huawei_smartax_temperature",
            "template: huawei_smartax_temperature\nntc: x",
            "x.yaml:6: expected one of template, table, ntc, json",
        ),
        ("states: {working: up}", "states: {working: upp}", "x.yaml:11: 'upp' is not a state of pon.onu.state"),
    ],
)
def test_a_mistake_is_told_with_its_line(old, new, expected):
    assert parse(GOOD, "x.yaml").name == "x"
    with pytest.raises(ReadError) as caught:
        parse(GOOD.replace(old, new, 1), "x.yaml")

    assert str(caught.value).startswith(expected)


ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs/how-to/read-over-ssh.md").read_text(encoding="utf-8")


def test_the_example_of_the_guide_is_understood():
    example = re.search(r"```yaml\n(read: .*?)```", GUIDE, re.DOTALL)[1]

    read = parse(example, "guide.yaml")
    assert (read.name, read.each.values, read.join.values) == ("maker_onus", ("PORT",), ("PORT", "ONU"))
    assert [title.value for title in read.table.titles] == ["INDEX", "PHASE", "RX"]


def test_every_word_of_a_read_is_explained():
    words = {
        *read_yaml.TOP,
        *read_yaml.SHEET,
        *read_yaml.COMPLETE,
        *table_yaml.TABLE,
        *table_yaml.TITLE,
        *SHAPES,
        "value",
        "prefix",
        "const",
        "@key",
        "@self",
        "@count",
    }

    assert {word for word in words if not re.search(rf"(?<![\w@]){re.escape(word)}\b", GUIDE)} == set()


def test_the_reference_page_is_what_the_reads_say():
    written = (ROOT / "docs/reference/ssh-reads.md").read_text(encoding="utf-8")

    assert page() == written, "run: python -m collectors.ssh.reference > docs/reference/ssh-reads.md"


@pytest.mark.parametrize("name", READS)
def test_a_template_of_ours_lets_no_line_pass(name):
    """Each state ends in an error for a line that it does not know."""
    read = READS[name]
    if not read.template:
        return
    states = re.split(r"\n\n", read.text.strip())[1:]
    assert states[-1] == "EOF"
    assert [state.splitlines()[0] for state in states[:-1] if state.splitlines()[-1] != "  ^. -> Error"] == []


def test_every_dialect_has_reads():
    assert {read.dialect for read in READS.values()} == set(DIALECTS)


@pytest.mark.parametrize("name", [name for name in READS if READS[name].metrics and not READS[name].join])
def test_a_dialect_finds_the_read_of_a_capture(name):
    read = READS[name]
    values = VALUES.get(name, {})
    found = replay(HERE / f"{name}.txt", READS, read.dialect, device="d", at_ms=0, values=values)

    assert found.failed is None
    assert found.family == name or READS[found.family].template == read.template


def test_a_capture_on_the_command_line(capsys):
    code = main(["collect", "replay", str(HERE / "smartax_onts.txt"), "--read", "smartax_onts", "--json"])
    seen = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert code == 0
    assert {"family", "oid", "rule", "raw", "subject"} <= set(seen[0])
    assert seen[0]["oid"] == "display ont info summary 0#SN"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--read", "smartax_ont"], "no read or dialect 'smartax_ont'; did you mean 'smartax_onts'?"),
        (["--value", "PON=1"], "name the read with --read"),
        (["--read", "smartax_onts", "--value", "PON"], "expected NAME=VALUE"),
        (["--read", "smartax_onts", "--profile", "standard"], "give one of them"),
        (["--read", "vrp_aps"], "no line has the titles 'id', 'mac', 'name', 'type', 'state'; the first is"),
    ],
)
def test_a_slip_of_the_words_is_told(capsys, words, said):
    code = main(["collect", "replay", str(HERE / "smartax_onts.txt"), *words])

    assert code in {2, 5}
    assert said in capsys.readouterr().err
