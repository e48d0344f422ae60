from __future__ import annotations

from pathlib import Path

import pytest

from netops import reference

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", reference.PAGES)
def test_the_reference_is_what_the_code_says(name):
    written = (ROOT / "docs/reference" / name).read_text(encoding="utf-8")

    assert reference.PAGES[name]() == written, "run: python -m netops.reference"


def test_every_page_that_the_readme_points_to_is_there():
    import re

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!http)([^)]+)\)", text)

    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_setting_says_what_it_is_for():
    silent = [line for line in reference.settings().splitlines() if line.startswith("| `") and line.endswith("|  |")]

    assert silent == []
