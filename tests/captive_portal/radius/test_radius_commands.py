"""What an operator does with controllers: check the settings, put FreeRADIUS in front, look at what came of calls."""

from __future__ import annotations

import contextlib
import json
import shutil
import stat
import subprocess
from argparse import ArgumentParser
from dataclasses import replace
from types import SimpleNamespace

import pytest

from captive_portal import controllers
from captive_portal.errors import GatewayError
from captive_portal.model import Bounds, Client
from captive_portal.radius import checks, commands, nas
from captive_portal.radius.profiles import PROFILES
from captive_portal.radius.stay import Closed
from netops.config import City, Data, PortalAt, Settings, load
from netops.controllers import Controller, Radius
from netops.errors import ConfigError
from netops.secret import Secret

SECRET = Secret("plain:a shared secret of the tests")
GOOD = Controller(address="10.0.0.1", site="site-1", networks="10.8.0.0/16", secret=SECRET)


def wrong(**acs: Controller) -> list[str]:
    given = {name.replace("_", "-"): each for name, each in acs.items()}
    settings = Settings(portal=PortalAt(acs=given), radius=Radius(enabled=True))
    every = [*controllers.problems(settings, SimpleNamespace(site={"site-1": None})), *checks.problems(settings)]
    return [each.what for each in every]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"site": "site-2"}, "controller 'ac' serves site 'site-2', which the register does not have"),
        ({"secret": None}, "controller 'ac' has no RADIUS secret: nobody gets in there"),
        ({"networks": ""}, "'portal.acs.ac.networks' is empty, so nobody is its visitor; "),
        ({"networks": "10.8.0.1/16"}, "'portal.acs.ac.networks' cannot be (10.8.0.1/16 has host bits set); "),
        ({"address": "ac.example"}, "'portal.acs.ac.address' is 'ac.example'; expected the numeric address that it "),
        ({"address": ""}, "'portal.acs.ac.address' is empty; expected the numeric address that it sends from"),
        ({"vendor": "cysco"}, f"controller 'ac': 'vendor' is 'cysco'; expected one of {', '.join(PROFILES)}"),
        ({"entry": "uam"}, "controller 'ac': 'entry_url'; expected the controller's login page with {user} and "),
        (
            {"unsigned": True},
            "controller 'ac' may leave Message-Authenticator out: answers can be forged (BlastRADIUS)",
        ),
    ],
    ids=["site", "secret", "no network", "network", "address", "no address", "vendor", "uam", "unsigned"],
)
def test_what_is_wrong_with_a_controller_is_named(change, said):
    assert wrong(ac=GOOD) == []
    (told,) = wrong(ac=replace(GOOD, **change))
    assert told.startswith(said)


def test_two_controllers_at_one_address_are_named():
    assert wrong(a=GOOD, b=replace(GOOD, networks="10.9.0.0/16")) == [
        "controllers 'a' and 'b' have the same address 10.0.0.1"
    ]


@pytest.mark.parametrize(
    ("networks", "shared"),
    [
        ("10.0.0.0/8", "10.8.0.0/16"),
        ("10.9.0.0/16,10.8.7.0/24", "10.8.7.0/24"),
        ("fd00::/8,10.8.0.0/16", "10.8.0.0/16"),
        ("10.9.0.0/16,fd00::/8", ""),
    ],
    ids=["wider", "narrower", "the same", "none"],
)
@pytest.mark.parametrize("gateway", ["radius", "portal2", "fas"])
def test_no_two_controllers_are_believed_about_one_network(networks, shared, gateway, tmp_path):
    """Whoever is believed about another carrier's visitors says who they are, by genuine packets of its own."""
    other = replace(GOOD, address="10.0.0.2", networks=networks)
    said = [f"controllers 'a' and 'b' both have the network {shared}"] if shared else []

    assert [each for each in wrong(a=GOOD, b=replace(other, gateway=gateway)) if "network" in each] == said

    settings = Settings(data=Data(dir=tmp_path), portal=PortalAt(acs={"a": GOOD, "b": other}))
    with pytest.raises(ConfigError, match=said[0]) if said else contextlib.nullcontext():
        assert nas.known(settings).by_id["b"].believed("10.8.7.1") is None


def test_two_controllers_by_portal_2_are_told_of_once():
    both = [replace(GOOD, gateway="portal2", address=f"10.0.0.{n}") for n in (1, 2)]

    assert [each for each in wrong(a=both[0], b=both[1]) if "network" in each] == [
        "controllers 'a' and 'b' both have the network 10.8.0.0/16"
    ]


def test_a_gateway_of_controllers_that_there_is_not_is_refused(tmp_path):
    file = tmp_path / "netops.toml"
    file.write_text('[portal.acs.ac-1]\naddress = "10.0.0.1"\ngateway = "radios"\n', encoding="utf-8")

    with pytest.raises(ConfigError, match=r"'portal.acs.ac-1.gateway' is 'radios'; expected one of radius, portal2"):
        load(file, environ={})


def arguments(*words: str):
    parser = ArgumentParser()
    commands.arguments(parser.add_subparsers(dest="verb"))
    return parser.parse_args(words)


@pytest.mark.partner("freeradius")
def test_what_is_written_for_freeradius_is_a_configuration(tmp_path, capsys):
    acs = {"ac-1": GOOD, "ac-2": replace(GOOD, address="fd00::1,10.0.0.2", networks="10.9.0.0/16", unsigned=True)}
    radius = Radius(enabled=True, rest_port=8085, rest_key=Secret("plain:the key of the API"))
    settings = Settings(city=City(rehearsal=True), portal=PortalAt(acs=acs), radius=radius)

    assert commands.run(arguments("freeradius", "--out", str(tmp_path / "raddb")), settings) == 0
    files = [tmp_path / "raddb" / line for line in capsys.readouterr().out.split()]
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    program = shutil.which("freeradius") or "/usr/sbin/freeradius"
    checked = subprocess.run(
        [program, "-d", str(tmp_path / "raddb"), "-XC"], capture_output=True, text=True, check=False, timeout=30
    )
    assert checked.returncode == 0, checked.stdout[-2000:]
    assert "Configuration appears to be OK" in checked.stdout


def test_what_came_of_calls_is_printed_without_a_mac(place, capsys):
    assert commands.run(arguments("calls"), place.settings) == 0
    assert "no controller has been called yet" in capsys.readouterr().err

    place.controllers["ac-1"].moods.append("nak 503")
    client = Client(mac="02:11:22:33:44:55", interface="ac-1", addresses=("10.8.0.9",))
    with pytest.raises(GatewayError):
        place.parts.reaching.allow(client, Bounds(seconds=60))
    place.parts.keeping.keep([Closed(("nowhere", ""))])
    commands.run(arguments("calls", "--json"), place.settings)
    (told,) = json.loads(capsys.readouterr().out)

    assert (told["asked"], told["word"], told["cause"]) == ("disconnect", "nak", 503)

    commands.run(arguments("calls", "--utc"), place.settings)
    printed = capsys.readouterr().out
    assert "session context not found" in printed
    assert "02:11" not in printed
