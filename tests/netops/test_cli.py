from __future__ import annotations

import subprocess
import sys
import time
from importlib.metadata import entry_points

import pytest

from netops import cli


def test_the_static_table_and_the_entry_points_name_the_same_commands():
    assert {each.name for each in entry_points(group="netops.commands")} == set(cli.COMMANDS)


def test_every_command_has_the_three_parts():
    for each in entry_points(group="netops.commands"):
        module = each.load()

        assert isinstance(module.SUMMARY, str)
        assert callable(module.arguments)
        assert callable(module.run)


def test_top_level_help_answers_within_150_ms():
    def once() -> float:
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "netops.cli", "--help"], check=True, capture_output=True)
        return time.perf_counter() - begun

    def bare() -> float:
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True, capture_output=True)
        return time.perf_counter() - begun

    # On a loaded machine the interpreter's own start is the yardstick: what we add to it is ours.
    # The best of each pair of runs side by side, so that a load that comes and goes meets both.
    pairs = [(once(), bare()) for _ in range(7)]
    added = min(ours for ours, _ in pairs) - min(theirs for _, theirs in pairs)

    assert added < 0.1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["inventroy"], 2, "did you mean 'inventory'?"),
        ([], 2, ""),
        (["--config"], 2, "--config needs a value"),
        (["--set", "collect.intervall_s=5", "config", "show"], 2, "did you mean 'interval_s'?"),
        (["--set", "collect.interval_s=often", "config", "show"], 2, "expects int, got 'often'"),
        (["--config", "/nonexistent.toml", "config", "show"], 2, "`netops init` writes one"),
    ],
)
def test_bad_words_get_a_sentence_and_code_2(words, code, said, capsys):
    try:
        got = cli.main(words)
    except SystemExit as stop:
        got = stop.code

    assert code == got
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "shows"),
    [
        (["staff"], "give a new one-time password"),
        (["approve"], "approve or refuse what another person asked for"),
        (["portal", "voucher"], "make the vouchers of a batch worthless"),
        (["inventory"], "show what apply would change"),
        (["collect"], "a recorded walk"),
        (["db"], "bring up every database"),
    ],
    ids=["staff", "approve", "portal voucher", "inventory", "collect", "db"],
)
def test_a_command_without_its_sub_command_shows_what_there_is(words, shows, capsys):
    assert cli.main(words) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert shows in " ".join(err.split())
    assert f"usage: netops {' '.join(words)} " in err
    assert "required" not in err


def test_a_sub_command_still_wants_its_own_arguments(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["staff", "reset"])

    assert stop.value.code == 2
    assert "usage: netops staff reset" in capsys.readouterr().err
