# ruff: noqa: E501  # a screen is as wide as it is
"""Screens as devices of other releases draw them: read to the same values, or refused with the line that does not fit.

Each is drawn by hand after the layout in the manual or the notes that it names; no device's own output is here.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from collectors.snmp.ask import Failure
from collectors.ssh.course import understood
from collectors.ssh.decode import decode
from collectors.ssh.dialects import DIALECTS
from collectors.ssh.read_yaml import shipped
from collectors.ssh.rows import rows
from collectors.ssh.talk import Limits, Line, Output, Talk

READS = shipped()

# After the layout of H3C WX (Comware 9): more columns, more counts before them, names that are addresses.
COMWARE_9 = """\
Total number of APs: 2
Total number of connected APs: 1
Total number of connected common APs: 1
Inside APs: 0
Total AP licenses: 128
Remaining local AP licenses: 127

AP information:
State : I = Idle,      J  = Join,       JA = JoinAck,    IL = ImageLoad
        C = Config,    DC = DataCheck,  R  = Run,        M = Master,  B = Backup

AP name                        APID  State Model           Serial ID            Dev-Type        Work-mode
0a0b-0c00-1780                 872   R/M   WA6624X         219801A00000000002X  COMMON          FitAP
hall-with-a-name-longer-than-its-column-7 873   I     WA6624X         219801A00000000002Y  COMMON          FitAP
"""
# After the layout of Huawei AC6605 V200R019 on a line of 80 columns: what is wider goes on in the next line.
VRP_80 = """\
Info: This operation may take a few seconds. Please wait for a moment.done.
Total AP information:
nor  : normal          [1]
idle : idle            [1]
--------------------------------------------------------------------------------
---------------------
ID   MAC            Name           Group   IP             Type            State
STA Uptime
--------------------------------------------------------------------------------
---------------------
0    0a0b-0c7c-5c10 0a0b-0c7c-5c10 default 100.100.100.26 AP2050DN        nor
12  3M:57S
1    0a0b-0c7c-5c11 hall           default -              AP2050DN        idle
0   -
--------------------------------------------------------------------------------
---------------------
Total: 2
"""
# After the layout of later Huawei releases: two more columns, names and groups in Chinese with blanks in them.
VRP_LATER = """\
Total AP information:
nor  : normal          [2]
ExtraInfo : Extra information
P  : insufficient power supply
---------------------------------------------------------------------------------------------------------------
ID   MAC            Name         Group     IP            Type            State STA Uptime       ExtraInfo Scene
---------------------------------------------------------------------------------------------------------------
0    60de-4476-e360 市民大厅 一  ap-group1 10.23.100.254 AP5030DN        nor   7   1D:2H:3M:4S  -         -
1    dcd2-fc04-b500 hall 2       ap-group1 10.23.100.253 AP5030DN        nor   0   10H:50M:12S  P         -
---------------------------------------------------------------------------------------------------------------
Total: 2
"""
# After the layout of ZTE C300 V2: the state of O7 between the others; the index with its interface, no last column.
ZTE_O7 = """\
OnuIndex               Admin State  OMCC State  O7 State     Phase State
--------------------------------------------------------------
gpon-onu_1/1/1:1       enable       enable      operation    working
gpon-onu_1/1/1:10      enable       disable     unknown      LOS
ONU Number: 1/2
"""
# After the layout of Ruijie WS6008: three radios, a name that reaches beyond its column.
RUIJIE_3 = """\
========= show ap status =========
Radio: Radio ID or Band: 2.4G = 1#, 5G = 2#
       E = enabled, D = disabled, N = Not exist, V = Virtual AP
       Current Sta number
       Channel: * = Global
       Power Level = Percent

Online AP number: 2
Offline AP number: 0

AP Name                                  IP Address      Mac Address    Radio                Radio                Radio                Up/Off time   State
---------------------------------------- --------------- -------------- -------------------- -------------------- -------------------- ------------- -----
大厅一号                                 192.0.2.21      5869.6c84.b322 1 E   3   1* 100     2 E   4 149* 100     3 E   1  36* 100     0:00:12:34    Run
a-name-that-is-longer-than-its-own-column-of-40 192.0.2.22      5869.6c84.b323 1 E   0   6  100     2 D   0   0* 100     3 N   0   0  100     3:10:12:34    Run
"""
# After the layout of Cisco 2504 with release 8.x: no port, clients and a DSE location; a location with blanks.
AIREOS_8 = """\
Number of APs.................................... 2

Global AP User Name.............................. Not Configured
Global AP Dot1x User Name........................ Not Configured

AP Name             Slots  AP Model              Ethernet MAC       Location          Country     IP Address       Clients   DSE Location
------------------  -----  --------------------  -----------------  ----------------  ----------  ---------------  --------  --------------
hall-1               2     AIR-CAP3702I-E-K9     0a:0b:0c:00:00:01  default location  CN          192.0.2.41        12       [0 ,0 ,0 ]
hall-2               2     AIR-CAP3702I-E-K9     0a:0b:0c:00:00:02  the second floor  CN          192.0.2.42        0        [0 ,0 ,0 ]
"""
CASES = {
    "comware_aps": (COMWARE_9, ("NAME", "STATE", "MODEL", "SERIAL"), [
        ("0a0b-0c00-1780", "R/M", "WA6624X", "219801A00000000002X"),
        ("hall-with-a-name-longer-than-its-column-7", "I", "WA6624X", "219801A00000000002Y"),
    ]),
    "vrp_aps": (VRP_80, ("ID", "NAME", "ADDRESS", "STATE", "CLIENTS", "UPTIME"), [
        ("0", "0a0b-0c7c-5c10", "100.100.100.26", "nor", "12", "3M:57S"),
        ("1", "hall", "-", "idle", "0", "-"),
    ]),
    "vrp_aps later": (VRP_LATER, ("NAME", "GROUP", "CLIENTS", "UPTIME", "EXTRA"), [
        ("市民大厅 一", "ap-group1", "7", "1D:2H:3M:4S", "-"),
        ("hall 2", "ap-group1", "0", "10H:50M:12S", "P"),
    ]),
    "zte_onus": (ZTE_O7, ("PORT", "ONU", "PHASE"), [("1/1/1", "1", "working"), ("1/1/1", "10", "LOS")]),
    "ruijie_aps": (RUIJIE_3, ("NAME", "R1_CLIENTS", "R2_CLIENTS", "R3_CHANNEL", "STATE"), [
        ("大厅一号", "3", "4", "36", "Run"),
        ("a-name-that-is-longer-than-its-own-column-of-40", "0", "0", "0", "Run"),
    ]),
    "aireos_aps": (AIREOS_8, ("NAME", "LOCATION", "ADDRESS", "CLIENTS"), [
        ("hall-1", "default location", "192.0.2.41", "12"),
        ("hall-2", "the second floor", "192.0.2.42", "0"),
    ]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_screen_of_another_release_is_read(name):
    screen, values, expected = CASES[name]
    found = rows(READS[name.partition(" ")[0]], screen.splitlines())

    assert not isinstance(found, Failure), found
    assert [tuple(row[value] for value in values) for row in found] == expected


@pytest.mark.parametrize("name", CASES)
def test_a_screen_without_one_of_its_lines_is_never_a_wrong_one(name):
    """A legend may go, a row may not: what is left is the whole table, or refused, or short where nothing counts it."""
    screen, values, expected = CASES[name]
    read = READS[name.partition(" ")[0]]
    lines = screen.splitlines()
    for at in range(len(lines)):
        found = rows(read, [*lines[:at], *lines[at + 1 :]])
        if isinstance(found, list):
            assert [tuple(row[value] for value in values) for row in found] == expected, lines[at]


OPTICS = """\
  -----------------------------------------------------------------------------
  ONT  Rx power  Tx power  OLT Rx ONT  Temperature  Voltage  Current  Distance
  ID   (dBm)     (dBm)     power(dBm)  (C)          (V)      (mA)     (m)
  -----------------------------------------------------------------------------
  0    -19.50    2.31      -21.07      45           3.280    12       1234
  -----------------------------------------------------------------------------
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("(dBm)     (dBm)", "(mW)      (dBm)", "the column 'Rx power (mW)' is in 'mW'; known: dbm"),
        ("Rx power", "Ry power", "no line has the titles 'ont', 'rx power', 'tx power'"),
        ("-21.07", "-21.o7", "no row of the table is like the line '0    -19.50    2.31      -21.o7"),
        ("  0    -19.50", "  0  1 -19.50", "no row of the table is like the line '0  1 -19.50"),
        ("Tx power", "Rx power", "no line has the titles"),
    ],
)
def test_a_screen_that_does_not_fit_is_refused_with_its_line(old, new, said):
    assert len(rows(READS["smartax_optics"], OPTICS.splitlines())) == 1
    found = rows(READS["smartax_optics"], OPTICS.replace(old, new, 1).splitlines())

    assert isinstance(found, Failure)
    assert said in found.detail


def test_a_row_behind_the_end_of_a_table_is_refused():
    lines = VRP_LATER.splitlines()
    row = next(line for line in lines if line.startswith("1 "))
    for at in (0, len(lines)):
        found = rows(READS["vrp_aps"], [*lines[:at], row, *lines[at:]])

        assert isinstance(found, Failure)
        assert "a row outside of the table" in found.detail


PROMPTS = {
    "huawei_smartax": "olt-1(config)#",
    "huawei_vrp": "<ac-1>",
    "comware": "<ac-1>",
    "ruijie": "ac-1#",
    "cisco_aireos": "(ac-1) >",
    "cisco_iosxe": "ac-1#",
    "aruba_os": "(ac-1) #",
    "zte_olt": "olt-1#",
    "zte_titan": "olt-1#",
}
CAPTURES = Path(__file__).parent / "captures"


@pytest.mark.parametrize("name", [name for name, read in READS.items() if read.dialect in PROMPTS])
def test_an_output_that_is_cut_off_at_any_octet_is_no_output(name):
    """With its echo and behind it the prompt it is one; without the last octet of that it is none."""
    read = READS[name]
    prompt = PROMPTS[read.dialect].encode()
    body = (CAPTURES / f"{name}.txt").read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    whole = b"display x\r\n" + b"\r\n".join(body.split(b"\r\n")[1 if body.startswith(prompt) else 0 :]) + prompt
    whole = whole.replace(prompt + b"\r\n" + prompt, prompt)
    dice = random.Random(name)
    for end in [len(whole), len(whole) - 1, *(dice.randrange(len(whole)) for _ in range(20))]:
        talk = Talk(DIALECTS[read.dialect], Limits(), words={})
        talk.take(b"\r\n" + prompt)
        talk.take(b"\r\n" + prompt)
        talk.ask(Line(text="display x"))
        talk.take(whole[:end])

        assert (talk.output is not None) == (end == len(whole)), (end, whole[:end][-40:])


def test_a_table_of_a_big_controller_is_read_in_no_time():
    head = VRP_LATER.splitlines()[:7]
    row = "{:<4} 60de-4476-{:04x} hall_{:<7} ap-group1 10.23.100.254 AP5030DN        nor   7   1D:2H:3M:4S  -         -"
    lines = [*head, *(row.format(n, n, n) for n in range(2000)), head[4], "Total: 2000"]
    began = time.process_time()

    assert len(rows(READS["vrp_aps"], lines)) == 2000
    assert time.process_time() - began < 5


def test_a_table_that_is_all_headers_is_refused():
    lines = [VRP_LATER.splitlines()[5]] * 3000

    assert "more than 1000 headers" in rows(READS["vrp_aps"], lines).detail


def test_the_third_radio_of_an_access_point_is_one():
    taken = understood(READS["ruijie_aps"], {}, Output(command="x", lines=tuple(RUIJIE_3.splitlines())), {})
    seen = decode([taken], device="ac-1", at_ms=0).observations

    assert {(str(each.subject), each.value) for each in seen if each.metric == "wlan.radio.clients"} == {
        ("radio:mac:58696c84b322/1", 3),
        ("radio:mac:58696c84b322/2", 4),
        ("radio:mac:58696c84b322/3", 1),
        ("radio:mac:58696c84b323/1", 0),
        ("radio:mac:58696c84b323/2", 0),
    }
