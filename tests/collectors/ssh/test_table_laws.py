"""Laws of tables that are read by their titles: what a device drew comes back as it was, or the output is refused.

Tables are drawn at random in the layouts that command lines use: fixed columns that a long name bursts, columns as wide
as their cells, rules in one piece or in several, columns that nobody told us of, names in two scripts.
"""

from __future__ import annotations

import os
import random
import re

import pytest

from collectors.snmp.ask import Failure
from collectors.ssh.layout import octets, wide
from collectors.ssh.read_yaml import shipped
from collectors.ssh.table import NOTHINGS, SHAPES
from collectors.ssh.tabled import tabled

READS = {name: read for name, read in shipped().items() if read.table is not None}
ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "1"))
NEAT, ANY = 12 * ROUNDS, 30 * ROUNDS
HOSTILE = (
    "大厅",
    "广场一号AP",
    "192.0.2.7",
    "0a0b-0c00-0001",
    "Up",
    "7",
    "-40",
    "nor",
    "12%",
    "off",
    "é",
    "R/M",
    "(36)",
    "2",
)
SAMPLES = {
    SHAPES["number"]: ("0", "7", "149", "65535"),
    SHAPES["decimal"]: ("0", "-21.07", "3.280", "45"),
    SHAPES["percent"]: ("0%", "37%", "100"),
    SHAPES["address"]: ("192.0.2.1", "198.51.100.254", "2001:db8::42", "fe80::1:2"),
}
BY_VALUE = {
    "SET": ("149/20M", "-/-", "149(auto)", "6", "(36)*", "(149,153)*", "136-/19.0/27.1", "(36,40)*", "(Monitor)"),
    "POWER": ("24/27", "-/-", "*1/8 (23 dBm)", "7/7 (-1 dBm)", "*3/7 (14 dBm)", "2 (*)"),
    "STATE": ("on", "off", "ON", "R/M", "I", "nor", "Registered", "Not Joined", "Run"),
    "SERIAL": ("219801A0CNC138000001", "Not configured"),
    "STATUS": ("Up 2d:3h:4m:5s", "Down", "Up"),
    "PLACE": ("[0 ,0 ,0 ]",),
    "INDEX": ("1/2/1:1", "gpon-onu_1/2/16:128", "gpon_onu-1/1/1:2"),
    "AUTH": ("SN:ZTEGC0000001", "PW:12345678"),
    "RX": ("-22.840(dbm)", "-8.1"),
    "RADIO": ("1 E   3   1* 100", "2 D   0   0* 100", "AP:5GHz/132+/HE/20.0", "AM", "0", "2"),
}
STRANGE = ("Zone", "Work-mode", "Uplink", "Rx/Tx (Mbps)", "Age")


def word(dice):
    return (
        dice.choice(HOSTILE) if dice.random() < 0.3 else "".join(dice.choices("abXY018-_./:(*", k=dice.randint(1, 24)))
    )


def words(dice, most=3):
    return " ".join(word(dice) for _ in range(dice.randint(1, most)))


def cell(dice, title, number, most):
    """What stands in a column."""
    if title.blank and dice.random() < 0.2:
        return ""
    if dice.random() < 0.15 and (title.blank or title.like != SHAPES["mac"]):
        return dice.choice(("-", "--", "N/A"))
    if title.like == SHAPES["mac"]:
        return dice.choice(("0a0b-0c00-00{:02x}", "0a0b.0c00.00{:02x}", "0A:0B:0C:00:00:{:02X}")).format(number)
    if title.like in {SHAPES["word"], SHAPES["text"]}:
        text = words(dice, most) if title.like == SHAPES["text"] else word(dice)
        return "x" if text.lower() in NOTHINGS else text
    fitting = SAMPLES.get(title.like) or BY_VALUE[title.value.rstrip("0123456789")]
    return dice.choice([each for each in fitting if re.fullmatch(title.like, each)])


def size(text, width=wide):
    return sum(map(width, text))


def padded(text, width, *, right, by):
    fill = " " * (width - size(text, by))
    return fill + text if right else text + fill


def drawn(dice, read, *, neat):
    """Lines of a table, and its rows by the values that we know."""
    titles = [title for title in read.table.titles if not title.maybe or dice.random() < 0.5]
    same = [
        title for title in read.table.titles if title.titles == ("radio",)
    ]  # of those that are called alike, the first
    wanted = iter(same)
    titles = [next(wanted) if title in same else title for title in titles]
    shown = [dice.choice(title.titles).title() for title in titles]
    for title in dice.sample(STRANGE, dice.choice((0, 0, 1, 2))):
        at = dice.randint(1, len(titles))
        titles.insert(at, None)
        shown.insert(at, title)
    gap = " " * (2 if neat else dice.randint(1, 3))
    most = 1 if gap == " " else 3  # words in a cell: who parts columns by one blank has none in them
    cells = [
        [words(dice, most if neat else 1) if title is None else cell(dice, title, n, most) for title in titles]
        for n in range(dice.randint(0, 5))
    ]
    cells = [each for each in cells if each[0].lower() not in NOTHINGS and each[0]]
    numbers = {SHAPES["number"], SHAPES["decimal"]}
    right = [title is not None and title.like in numbers and dice.random() < 0.5 for title in titles]
    by = wide if neat else dice.choice((wide, wide, len, octets))
    fitted = neat or dice.random() < 0.5
    widths = [
        max(
            size(head),
            3,
            *(size(row[at], by) for row in cells if fitted or titles[at] is None),
            0 if fitted else dice.randint(1, 20),
        )
        for at, head in enumerate(shown)
    ]

    def line(texts):
        return gap.join(padded(t, w, right=r, by=by) for t, w, r in zip(texts, widths, right, strict=True)).rstrip()

    body = [line(row) for row in cells]
    whole, pieces = "-" * 90, gap.join("-" * width for width in widths)
    around = dice.choice(([], [whole], [pieces]))
    before, behind = (around[:1], around) if around == [whole] else ([], around)
    lines = ["Some information:", "", *before, line(shown), *behind, *body, *before, f"Total: {len(cells)}"]
    return lines, [
        {title.value: text for title, text in zip(titles, row, strict=True) if title is not None} for row in cells
    ]


def named(found, wanted):
    return [{name: row.get(name) for name in (wanted[0] if wanted else ())} for row in found]


def said(found, wanted):
    """As `named`, but a column that was not seen in the header takes nothing away."""
    if len(found) != len(wanted):
        return found
    return [{name: row.get(name, there[name]) for name in there} for row, there in zip(found, wanted, strict=True)]


@pytest.mark.parametrize("name", READS)
def test_a_table_comes_back_as_it_was_drawn(name):
    """Columns as wide as what is in them and two blanks between: nothing is refused."""
    dice = random.Random(name)
    for _ in range(NEAT):
        lines, wanted = drawn(dice, READS[name], neat=True)
        found = tabled(READS[name].table, lines)

        assert not isinstance(found, Failure), f"{found}\n" + "\n".join(lines)
        assert named(found, wanted) == wanted, "\n".join(lines)


@pytest.mark.parametrize("name", READS)
def test_a_table_in_any_layout_comes_back_as_it_was_or_not_at_all(name):
    dice = random.Random(name)
    whole = 0
    for _ in range(ANY):
        lines, wanted = drawn(dice, READS[name], neat=False)
        found = tabled(READS[name].table, lines)
        whole += not isinstance(found, Failure)

        assert isinstance(found, Failure) or said(found, wanted) == wanted, "\n".join(
            [str(said(found, wanted)), *lines]
        )

    assert whole > ANY / 3
