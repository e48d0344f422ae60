"""The policy as people write it: what holds, and what is said of what does not."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from inventory.errors import FilesError
from netops.alerts import policy

GOOD = """
rules:
  - {id: outage, on: state, route: network, kinds: [wifi, lte], grace_s: 30, ticket: yes}
  - {id: light, on: reading, subject: onu, metric: pon.onu.rx_power, below: -27.5, route: network}
  - {id: budget, on: burn, route: network, hours: [1, 6]}
routes:
  - {id: network, steps: [{after_s: 0, to: [duty:net, chief]}, {after_s: 900, to: [carrier]}]}
duties:
  - id: net
    turns: [first, second]
    from: 2026-11-02T08:00
    swaps:
      - {from: 2026-11-05, to: 2026-11-06, who: third}
"""


def read(tmp_path, text):
    file = tmp_path / "policy.yaml"
    file.write_text(text, encoding="utf-8")
    return policy.read(file)


def said(tmp_path, text):
    with pytest.raises(FilesError) as caught:
        read(tmp_path, text)
    return str(caught.value)


def test_a_policy_as_the_how_to_shows_it(tmp_path):
    held = read(tmp_path, GOOD)

    assert held.rules["outage"].kinds == ("lte", "wifi")
    assert held.rules["light"].below == policy.Fraction("-27.5")
    assert held.rules["budget"].hours == (1, 6)
    assert held.people() == {"chief", "first", "second", "third"}
    assert held.duties["net"].from_ms == 1_793_577_600_000  # 08:00 in Beijing


def test_the_programs_own_policy_holds():
    held = policy.read()

    assert held.people() == {"everybody"}
    assert {each.on for each in held.rules.values()} == {
        "state",
        "blind",
        "quiet",
        "burn",
        "reading",
        "verdict",
        "refused",
    }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("route: network, kinds", "route: networks, kinds"), "goes by the route 'networks', which is none"),
        (("on: state", "on: stat"), "'on' is 'stat'"),
        (("grace_s: 30", "grace: 30"), "has no 'grace'"),
        (("grace_s: 30", "grace_s: -1"), "grace_s"),
        (("pon.onu.rx_power", "pon.onu.rx_pwr"), "'pon.onu.rx_pwr' is no metric"),
        (("below: -27.5, ", ""), "above a bound or below one"),
        (("hours: [1, 6]", "hours: [1, 7]"), "windows that warn"),
        (("duty:net, chief", "duty:nett, chief"), "tells 'duty:nett', which is no duty"),
        (("after_s: 900", "after_s: 0"), "not in the order of their times"),
        (("[carrier]", "[]"), "a step tells nobody"),
        (("[first, second]", "[]"), "nobody takes turns"),
        (("to: 2026-11-06", "to: 2026-11-04"), "a swap ends before it begins"),
        (("id: light", "id: outage"), "is already one of the rules"),
        (("kinds: [wifi, lte]", "kinds: [wlan]"), "wlan"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, change, expected):
    text = GOOD.replace(*change)
    assert text != GOOD

    told = said(tmp_path, text)

    assert expected in told
    assert "policy.yaml:" in told


def test_fuzz_policies_are_read_or_refused(tmp_path):
    dice = random.Random("policies of alerts")
    for _ in range(300):
        text = list(GOOD)
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(text))
            text[at] = dice.choice(["", "x", ":", "-", "[", "{", "9" * 20, "\x00", "é", " "])
        with suppress(FilesError):
            read(tmp_path, "".join(text))
