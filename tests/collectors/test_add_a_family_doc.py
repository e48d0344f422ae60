"""The how-to's example is a profile, and it names every word of the vocabulary."""

from __future__ import annotations

import re
from pathlib import Path

from collectors import profile_yaml
from collectors.convert import NUMBER_READERS, TEXT_READERS
from collectors.indexes import INDEX_READERS
from collectors.profile import COST_S
from collectors.profile_lint import kinds_of
from collectors.reference import page

PAGE = (Path(__file__).resolve().parents[2] / "docs/how-to/add-a-device-family.md").read_text(encoding="utf-8")
EXAMPLE = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1]


def test_the_example_is_understood():
    # Its contradictions belong to a WLAN controller: they stand there for their form.
    profile = profile_yaml.parse(EXAMPLE.partition("contradictions:")[0], "example.yaml")

    assert profile.name == "maker_olt"
    assert [c.key for c in profile.tables[0].columns] == ["pon.onu.serial", "pon.onu.state", "pon.onu.rx_power"]


def test_every_word_is_explained():
    words = {
        *profile_yaml._TOP,
        *profile_yaml._TABLE,
        *profile_yaml._COLUMN,
        *INDEX_READERS,
        *NUMBER_READERS,
        *TEXT_READERS,
        *COST_S,
    }

    assert {word for word in words if not re.search(rf"\b{word}\b", PAGE)} == set()


def test_every_kind_of_subject_is_named():
    kinds = frozenset[str]().union(*map(kinds_of, profile_yaml.shipped().values()))

    assert {kind for kind in kinds if f"`{kind}`" not in PAGE} == set()


def test_the_reference_page_is_the_profiles():
    written = (Path(__file__).resolve().parents[2] / "docs/reference/profiles.md").read_text(encoding="utf-8")

    assert page() == written, "run: python -m collectors.reference > docs/reference/profiles.md"
