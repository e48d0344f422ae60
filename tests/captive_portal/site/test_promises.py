"""What the page of promises names is there: a promise without its test is none."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "explanation" / "portal-promises.md"


def test_every_test_that_is_named_exists_and_every_row_names_one() -> None:
    text = PAGE.read_text(encoding="utf-8")
    written = "\n".join(each.read_text(encoding="utf-8") for each in (ROOT / "tests" / "captive_portal").rglob("*.py"))
    there = set(re.findall(r"def (test_\w+)\(", written))
    rows = [row for row in text.splitlines() if row.startswith("| ") and not row.startswith(("| promise", "| row"))]

    assert [name for name in re.findall(r"`(test_\w+)`", text) if name not in there] == []
    assert len(rows) > 20
    assert [row for row in rows if "`test_" not in row and "`benchmarks/" not in row] == []


def test_every_benchmark_that_is_named_exists_and_knows_its_words() -> None:
    for name, words in re.findall(r"`benchmarks/(\w+)\.py([^`]*)`", PAGE.read_text(encoding="utf-8")):
        program = (ROOT / "benchmarks" / f"{name}.py").read_text(encoding="utf-8")

        assert [word for word in re.findall(r"--\w+", words) if f'"{word}"' not in program] == [], name
