"""Colours of a site: whatever is chosen, every text can be read."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from captive_portal import look, outward, policy_yaml
from captive_portal.policy import Brand, Policies
from netops.config import Settings

COLOURS = some.tuples(*[some.integers(0, 255)] * 3).map(lambda parts: "#" + "".join(f"{each:02x}" for each in parts))


@pytest.mark.parametrize(
    ("one", "other", "ratio"), [("#000000", "#ffffff", 21.0), ("#777777", "#ffffff", 4.48), ("#0b6e4f", "#ffffff", 6.3)]
)
def test_contrast_is_that_of_wcag(one, other, ratio) -> None:
    assert look.contrast(one, other) == look.contrast(other, one) == pytest.approx(ratio, abs=0.06)


@given(COLOURS)
def test_whatever_colour_is_chosen_every_text_can_be_read(colour) -> None:
    for grounds in (look.LIGHT, look.DARK):
        shown = look.readable(colour, grounds)
        assert look.worst(shown, grounds) >= look.AA
        assert look.contrast(shown, look.on(shown)) >= look.AA
        assert shown == colour or look.worst(colour, grounds) < look.AA, "a colour that can be read is left as it is"


def test_the_grounds_are_those_of_the_style() -> None:
    light, dark = re.findall(r"--paper:(#\w+);--ground:(#\w+)", look.STYLE)

    assert tuple("#ffffff" if each == "#fff" else each for each in light) == look.LIGHT
    assert dark == look.DARK


def test_the_citys_own_colours_can_be_read() -> None:
    named = [dict(re.findall(r"--([\w-]+):(#[0-9a-f]+)", part)) for part in look.STYLE.split("@media")[:2]]
    for words in named:
        colours = {
            name: value if len(value) == 7 else "#" + "".join(2 * each for each in value[1:])
            for name, value in words.items()
        }
        for text, ground in itertools.product(("ink", "soft", "act", "good", "bad"), ("paper", "ground")):
            assert look.contrast(colours[text], colours[ground]) >= look.AA, (text, ground)
        assert look.contrast(colours["on-act"], colours["act"]) >= look.AA
        assert look.contrast(colours["ink"], colours["note"]) >= look.AA


def with_brand(settings, **brand) -> Policies:
    return Policies(default=replace(policy_yaml.built_in(settings), brand=Brand(**brand)))


def test_a_colour_that_cannot_be_read_is_told_with_one_that_can() -> None:
    (problem,) = outward.problems(Settings(), with_brand(Settings(), colour="#ffcc00"))

    assert "1.3:1" in problem.what
    said = re.search(r"#[0-9a-f]{6}", problem.remedy)
    assert said
    assert outward.problems(Settings(), with_brand(Settings(), colour=said[0])) == []
