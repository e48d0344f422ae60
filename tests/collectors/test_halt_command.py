"""The kill switch as an operator types it: what is said can be typed again, and what stays stopped is told."""

from __future__ import annotations

import re

import pytest

from collectors.devices import Asked, Roll
from collectors.halts import Halt, Halted
from collectors.once_command import without_halted
from collectors.snmp.ask import Community, Target
from netops import cli


@pytest.fixture
def collect(tmp_path):
    """Return what runs `netops collect …` in an instance of its own."""
    config = str(tmp_path / "netops.toml")
    assert cli.main(["init", "--config", config, "--data", str(tmp_path / "data"), "--name", "here"]) == 0
    return lambda *words: cli.main(["--config", config, "collect", *words])


@pytest.mark.parametrize(
    "scope",
    [["--all"], ["--family", "zte_c320"], ["--family", "zte_c320", "--cost", "heavy"], ["--all", "--cost", "dear"]],
)
def test_the_command_that_ends_a_halt_is_told_as_it_is_typed(collect, capsys, scope):
    assert collect("halt", *scope, "--reason", "line card") == 0
    told = re.search(r"`netops collect (resume [^`]*)` ends it", capsys.readouterr().out)
    assert told is not None

    assert collect(*told[1].split()) == 0
    capsys.readouterr()
    assert collect("halt") == 0
    assert capsys.readouterr().out == "nothing is stopped\n"


def test_what_stays_stopped_of_the_same_devices_is_said(collect, capsys):
    assert collect("halt", "--family", "zte_c320", "--reason", "line card") == 0
    assert collect("halt", "--family", "zte_c320", "--cost", "heavy", "--reason", "optics") == 0
    capsys.readouterr()

    assert collect("resume", "--family", "zte_c320") == 0
    shown = capsys.readouterr().out
    assert "asked again: every zte_c320\n" in shown
    assert (
        "still stopped: heavy columns of every zte_c320; `netops collect resume --family zte_c320 --cost heavy`"
        in shown
    )


def test_asking_now_leaves_out_who_is_stopped_unless_it_is_named(capsys):
    target = Target(address="127.0.0.1", credential=Community(b"x"))
    known = Roll(asked={at: Asked(id=at, profile="zte_c320", target=target) for at in ("olt-1", "olt-2")}, barred={})
    held = Halted(
        (Halt(device="olt-1", by="li@cli", reason="x", at_ms=1), Halt(cost="heavy", by="li@cli", reason="y", at_ms=1))
    )

    assert set(without_halted(known, [], held).asked) == {"olt-2"}
    told = capsys.readouterr().err
    assert "olt-1 is stopped by `netops collect halt`: not asked" in told
    assert "olt-2: its heavy columns are stopped" in told
    assert set(without_halted(known, ["olt-1"], held).asked) == {"olt-1", "olt-2"}
    assert "asked all the same" in capsys.readouterr().err


def test_a_register_without_devices_is_told_and_not_silence(collect, capsys):
    assert collect("once") == 0
    assert "no device is asked" in capsys.readouterr().err
