"""Many who keep the overview open: everybody is answered, and who holds the page is told that it has not changed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


def _benchmark():
    where = Path(__file__).parents[2] / "benchmarks" / "viewers.py"
    spec = importlib.util.spec_from_file_location("benchmark_of_viewers", where)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_three_hundred_viewers_are_all_answered(tmp_path):
    """The full thousand at 5,000 services: `python benchmarks/viewers.py`."""
    told = _benchmark().measure(tmp_path, viewers=300, every_s=15, seconds=40, services=1000)

    assert (told["failed"], told["other"]) == (0, 0), told
    assert told["asked"] >= 300 * 2
    assert told["not_modified"] >= 100, "a page that has not changed is not sent again"
