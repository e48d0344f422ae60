"""What `netops check` says of targets; and the how-to, whose settings must be settings."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from collectors.probes import commands
from collectors.probes.checks import check
from netops.config import load
from netops.errors import ConfigError, UsageError
from netops.probing import Target

ROOT = Path(__file__).resolve().parents[3]
REGISTER = SimpleNamespace(services=[SimpleNamespace(id="fiber-0007")])
ANCHORS = {
    "one": Target(kind="icmp", address="192.0.2.1", anchor=True),
    "two": Target(kind="tcp", address="198.51.100.1", port=443, anchor=True),
}


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (Target(kind="imcp", address="192.0.2.1"), "kind 'imcp' is unknown"),
        (Target(kind="icmp", address="www.example.com"), "no numeric address"),
        (Target(kind="tcp", address="192.0.2.1"), "needs a port"),
        (Target(kind="http", url="www.example.com"), "url 'www.example.com' is none"),
        (Target(kind="http", url="http://[::1"), "is none"),
        (Target(kind="dns", address="192.0.2.1", name="a..b"), "DNS name"),
        (Target(kind="dns", address="192.0.2.1", name="a", type="PTRR"), "DNS type"),
        (Target(kind="icmp", address="192.0.2.1", every_s=90), "every_s is 90"),
        (Target(kind="stamp", address="192.0.2.1", count=1500), "one look may take"),
        (Target(kind="icmp", address="192.0.2.1", count=5000, spacing_ms=5), "count 5000"),
        (Target(kind="throughput", url="http://a/b"), "no budget"),
        (Target(kind="stamp", address="192.0.2.1", padding=9000), "padding of 9000"),
        (Target(kind="air", url="/a.pcap"), "expect is empty"),
        (Target(kind="dhcp", expect="10.0.0.1"), "not where to listen"),
        (Target(kind="icmp", address="192.0.2.1", service="fiber-0008"), "no service 'fiber-0008'"),
        (Target(kind="icmp", address="192.0.2.9", service="fiber-0007", anchor=True), "the sight on it is lost"),
    ],
)
def test_a_target_that_cannot_be_looked_at_is_told(settings_of, target, said):
    (problem,) = check(settings_of(ANCHORS | {"t": target}, interval_s=60), REGISTER)

    assert "probe.targets.t" in problem.what
    assert said in problem.what
    assert problem.remedy


def test_what_is_right_is_not_told(settings_of):
    good = ANCHORS | {
        "stamp": Target(kind="stamp", address="2001:db8::1", service="fiber-0007"),
        "login": Target(kind="login", url="http://connect.example/generate_204", every_s=900),
        "rate": Target(kind="throughput", url="https://a.example/b", bytes_per_run=100_000, bytes_per_day=100_000),
    }

    assert (
        check(settings_of(good, interval_s=60, reflect_host="192.0.2.9", reflect_allow="192.0.2.0/24"), REGISTER) == []
    )
    assert check(settings_of(), REGISTER) == []


@pytest.mark.parametrize(
    ("targets", "more", "said"),
    [
        ({"one": ANCHORS["one"]}, {}, "1 independent anchors"),
        (
            {"one": ANCHORS["one"], "same": Target(kind="tcp", address="192.0.2.1", port=1, anchor=True)},
            {},
            "1 independent",
        ),
        ({}, {"reflect_host": "192.0.2.9"}, "answers nobody"),
        ({}, {"reflect_host": "192.0.2.9", "reflect_allow": "192.0.2.1/24"}, "is no network"),
        ({}, {"core_url": "http://core.example:8443"}, "expected https"),
        ({}, {"core_url": "https://core.example:84430"}, "expected https"),
        ({}, {"core_url": "https://core.example:8443", "vantage": ""}, "probe.vantage is ''"),
        (
            ANCHORS | {f"t{n}": Target(kind="stamp", address="192.0.2.9", count=2000, spacing_ms=10) for n in range(4)},
            {"core_url": "https://core.example:8443"},
            "of one slot may have",
        ),
    ],
)
def test_a_vantage_point_that_cannot_judge_itself_is_told(settings_of, targets, more, said):
    (problem,) = check(settings_of(targets, interval_s=60, **more), REGISTER)

    assert said in problem.what


def test_the_how_tos_settings_are_settings(tmp_path):
    text = (ROOT / "docs/how-to/probe-from-a-site.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    file = tmp_path / "netops.toml"
    for block in blocks:
        file.write_text(block, encoding="utf-8")
        loaded = load(file, environ={})
    problems = check(loaded, REGISTER)

    assert len(blocks) == 3
    assert set(loaded.probe.targets) == {
        "gateway",
        "other-carrier",
        "core",
        "names",
        "page",
        "wifi",
        "rate",
        "air",
        "addresses",
    }
    assert problems == []


def run(settings, *words):
    parser = argparse.ArgumentParser()
    commands.arguments(parser)
    return commands.run(parser.parse_args(words), settings)


def test_once_shows_what_each_target_says_and_its_exit_code_whether_all_did(settings_of, web_server, capsys):
    with web_server({("GET", "/"): (200, {}, b"welcome")}) as server:
        page = Target(kind="http", url=f"http://127.0.0.1:{server.server_port}/")
        settings = settings_of(
            interval_s=60, targets={"page": page, "gone": Target(kind="tcp", address="127.0.0.1", port=1)}
        )

        assert run(settings, "once", "page") == 0
        assert run(settings, "once") == 5
        shown = capsys.readouterr().out
        assert run(settings, "once", "page", "--json") == 0

    assert re.search(r"probe\.http\.status +200", shown)
    assert re.search(r"probe\.connect +- refused: .*refused", shown)
    assert json.loads(capsys.readouterr().out)["target"] == "page"


def test_once_says_what_is_wrong_with_a_target_before_it_looks(settings_of):
    with pytest.raises(ConfigError, match=r"probe.targets.page: kind 'imcp' is unknown; one of icmp"):
        run(settings_of({"page": Target(kind="imcp")}), "once")


def test_once_knows_its_targets(settings_of):
    with pytest.raises(UsageError, match="did you mean 'page'"):
        run(settings_of({"page": Target()}), "once", "pag")
    with pytest.raises(UsageError, match=r"\[probe.targets.NAME\]"):
        run(settings_of(), "once")
