"""The table of neighbours follows the kernel by its notices, whatever comes and goes, and when notices are lost."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "1"))
pytestmark = [pytest.mark.root, pytest.mark.slow]


@pytest.mark.parametrize("seed", range(2))
def test_the_kept_table_is_the_kernels(seed: int) -> None:
    name = f"nb{uuid.uuid4().hex[:8]}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        words = ["ip", "netns", "exec", name, sys.executable, str(HERE / "run_neighbours.py"), str(seed)]
        done = subprocess.run(
            [*words, str(120 * ROUNDS)],
            capture_output=True,
            text=True,
            timeout=120 * ROUNDS,
            check=False,
            env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        )
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)

    assert done.stdout.strip() == "OK", done.stderr
