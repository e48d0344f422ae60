"""The floors hold, every package is in the plan, and what is committed is clean."""

from __future__ import annotations

import configparser
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


def test_the_import_contracts_hold():
    done = subprocess.run(
        [BIN / "lint-imports", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=110
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_top_level_package_is_in_the_plan():
    known = {"netops", "inventory", "collectors", "captive_portal", "dashboards", "tests"}
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}

    assert found <= known


def test_every_entry_point_can_be_loaded():
    import importlib

    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    missing = []
    for group, lines in setup["options.entry_points"].items():
        for line in lines.strip().splitlines():
            target = line.partition("=")[2].strip()
            module, _, attribute = target.partition(":")
            try:
                loaded = importlib.import_module(module)
            except ImportError as error:
                missing.append(f"{group} {line}: {error}")
                continue
            if attribute and not hasattr(loaded, attribute):
                missing.append(f"{group} {line}: no '{attribute}'")

    assert missing == []


@pytest.mark.parametrize("tool", [["ruff", "check", "."], ["ruff", "format", "--check", "."]], ids=["lint", "format"])
def test_the_style_holds(tool):
    done = subprocess.run([BIN / tool[0], *tool[1:]], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.mark.timeout(600)
def test_the_types_hold():
    done = subprocess.run([BIN / "mypy"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_locks_name_no_registry():
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text(encoding="utf-8")

        assert "://" not in text, lock
        assert "--hash=sha256:" in text, lock
