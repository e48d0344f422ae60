"""What an objective is called: once, never two alike, and in the language of the reader where the title has both."""

import pytest

from netops.report.named import in_language, named

ITEM = {
    "item": "lines",
    "title": "专线 / Dedicated line",
    "objectives": [
        {"objective": "up", "title": "专线可用率 / Dedicated line availability"},
        {"objective": "fast", "title": "专线速率 / Dedicated line rate"},
        {"objective": "slow", "title": "夜间速率 / Dedicated line rate"},
    ],
}


@pytest.mark.parametrize(
    ("language", "names"),
    [
        (None, ["专线 / Dedicated line / 专线可用率 / Dedicated line availability"]),
        ("zh", ["专线可用率", "专线速率", "专线 / 夜间速率"]),
        ("en", ["Dedicated line availability", "Dedicated line rate [fast]", "Dedicated line rate [slow]"]),
    ],
)
def test_an_objective_is_called_in_the_language_of_the_reader(language, names):
    found = [named(ITEM, each, language=language) for each in ITEM["objectives"]]

    assert found[: len(names)] == names


@pytest.mark.parametrize("title", ["", "WiFi / LTE", "无线 / 有线", "海淀 · Haidian", "A/B"])
def test_a_title_that_is_no_pair_stays_as_it_is(title):
    assert in_language(title, english=True) == in_language(title, english=False) == title
