"""What `netops check` and `netops portal accounts` say about a provider."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pytest

from captive_portal import commands, policy_yaml
from captive_portal.oidc import checks
from netops.clock import SYSTEM
from netops.provider import Provider

OWN = "http://portal.test"


# ---- what `netops check` says
def problems(settings) -> list[str]:
    found = checks.problems(settings, policy_yaml.read_folder(settings)[0])
    return [f"{each.what}; {each.remedy}" for each in found]


def test_check_says_which_host_of_a_provider_visitors_do_not_reach(make_campus) -> None:
    settings = make_campus(issuer="https://sso.other.example", hosts="login.other.example").settings
    linux = replace(settings, portal=replace(settings.portal, gateway="nftables", visitors={"vlan7": "site-1"}))

    said = "\n".join(problems(linux))

    assert problems(settings) == [], "where no gateway opens names, the controller's own list does"

    assert "nobody reaches 'sso.other.example' of provider 'city' at site 'site-1': gateway 'nftables'" in said
    assert "login.other.example" in said
    assert "garden" in said


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        ({"issuer": "http://sso.example.cn"}, "HTTPS"),
        ({"issuer": ""}, "issuer"),
        ({"client_id": ""}, "client_id"),
        ({"scopes": "email"}, "openid"),
        ({"ca": Path("/nowhere.pem")}, "/nowhere.pem"),
    ],
)
def test_check_says_what_is_wrong_with_a_provider(settings, institution, provider, said: str) -> None:
    made = Provider(**{"issuer": institution.issuer, "client_id": "portal", **provider})
    ours = replace(settings, portal=replace(settings.portal, methods="oidc", oidc={"city": made}))

    assert any(said in each for each in problems(ours)), problems(ours)


def test_check_says_that_oidc_without_a_provider_is_no_way_in(settings) -> None:
    ours = replace(settings, portal=replace(settings.portal, methods="oidc"))

    assert any("[portal.oidc" in each for each in problems(ours))


# ---- from the command line
def run(settings, *words: str) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--now", dest="now_ms", type=int, default=SYSTEM.now_ms())
    commands.arguments(parser)
    return commands.run(parser.parse_args(words), settings)


def test_the_command_line_tells_whether_a_provider_would_do(make_campus, capsys) -> None:
    campus = make_campus()

    assert run(campus.settings, "accounts") == 0
    told = capsys.readouterr()
    assert "3 signing keys" in told.out
    assert f"{OWN}/return/oidc" in told.err
    assert run(campus.settings, "accounts", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["keys"] == ["rsa", "ec", "ed"]


@pytest.mark.parametrize(
    ("tricks", "said"),
    [
        ({"configuration": {"issuer": "https://other.example"}}, "calls itself otherwise"),
        ({"configuration": {"token_endpoint": "https://other.example/t"}}, "add it to 'hosts'"),
        ({"broken": ["/keys"]}, "answered 503"),
        ({"huge": ["/keys"]}, "larger than"),
    ],
)
def test_the_command_line_names_what_is_wrong_with_a_provider(make_campus, institution, capsys, tricks, said) -> None:
    campus = make_campus()
    institution.play(**tricks)

    assert run(campus.settings, "accounts") == 1
    assert said in capsys.readouterr().out
