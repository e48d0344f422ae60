"""The table of neighbours follows the kernel, whatever comes and goes, and the gate lets nobody in who is not in it."""

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
    assert said("run_neighbours.py", str(seed), str(120 * ROUNDS)) == "OK"


@pytest.mark.partner("nft")
def test_without_a_portal_a_claim_takes_nobodys_way_down(tmp_path: Path) -> None:
    assert said("run_claims.py", str(tmp_path)) == "OK"


def said(script: str, *words: str) -> str:
    """Return what a script says in a network namespace of its own."""
    name = f"nb{uuid.uuid4().hex[:8]}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        done = subprocess.run(
            ["ip", "netns", "exec", name, sys.executable, str(HERE / script), *words],
            capture_output=True,
            text=True,
            timeout=120 * ROUNDS,
            check=False,
            env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        )
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)
    return done.stdout.strip() or done.stderr
