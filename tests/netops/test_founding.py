"""`netops init` and what `netops doctor` says of its work."""

from __future__ import annotations

import argparse

import pytest

from netops import cli, config
from netops.commands import doctor, init
from netops.errors import ConfigError


def found(*words):
    parser = argparse.ArgumentParser()
    init.arguments(parser)
    return init.run(parser.parse_args([*map(str, words)]), config.Settings())


@pytest.fixture
def file(tmp_path):
    return tmp_path / "etc" / "netops.toml"


def test_an_instance_is_founded_once_and_found_again(tmp_path, file, capsys):
    words = ("--config", file, "--data", tmp_path / "data", "--name", "haidian", "--title", '海淀 "网络" \\')
    found(*words)
    first = {path: path.read_bytes() for path in tmp_path.rglob("*.key")}
    assert len(first) == 3
    found(*words)

    settings = config.load(file, environ={})
    assert (settings.city.name, settings.city.title) == ("haidian", '海淀 "网络" \\')
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.key")} == first
    assert "is there already; it stays as it is" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--name", "my city"), "'city.name' is 'my city'"),
        (("--name", 'a"b'), "'city.name'"),
        (("--timezone", "Asia/Peking"), "'Asia/Peking' is no IANA time zone"),
    ],
)
def test_what_cannot_be_founded_leaves_nothing_behind(tmp_path, file, words, said):
    with pytest.raises(ConfigError, match=said):
        found("--config", file, "--data", tmp_path / "data", *words)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_signing_key_that_is_not_there_is_wrong_not_hidden(tmp_path, file, capsys):
    found("--config", file, "--data", tmp_path / "data")
    settings = config.load(file, environ={})
    assert {each.what: each.level for each in doctor.instance(settings)}["signing key"] == "ok"
    (tmp_path / "data" / "keys" / "evidence.key").unlink()
    capsys.readouterr()

    assert cli.main(["--config", str(file), "doctor"]) == 1
    assert "`netops init` makes one" in capsys.readouterr().out
