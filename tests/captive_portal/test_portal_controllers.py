"""Controllers of the settings, whichever protocol they speak: what is off is told by `netops check`, and told once."""

from __future__ import annotations

from collections import Counter

import pytest

from captive_portal import checks, controllers
from captive_portal.portal2 import ac
from captive_portal.radius import nas, profiles
from netops.config import load
from netops.errors import ConfigError


class Register:
    """A register with one site."""

    at_ms = 0
    site = {"park": object()}  # noqa: RUF012
    sites = ()


BASE = "[city]\nrehearsal = true\n[radius]\nenabled = true\n[portal.secure]\ntls_certificate = 'c.pem'\n"
KINDS = {
    "radius": {"secret": "env:NOT_SET"},
    "portal2": {"secret": "env:NOT_SET", "portal_secret": "env:NOT_SET"},
    "fas": {"fas_key": "plain:a key of sixteen or more", "fas_name": "Park"},
}
WHOLE = {"address": "10.6.10.77", "networks": "10.77.0.0/16", "site": "park"}


def settings(tmp_path, **acs: dict[str, object]):
    lines = [
        f"[portal.acs.{name}]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in given.items())
        for name, given in acs.items()
    ]
    file = tmp_path / "netops.toml"
    file.write_text(BASE + "".join(lines), encoding="utf-8")
    return load(file, environ={})


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'


def told(tmp_path, **acs: dict[str, object]) -> list[str]:
    found = [str(each) for each in checks.check(settings(tmp_path, **acs), Register())]
    return [each for each in found if "controller" in each or "portal.acs" in each]


def of(kind: str, **more: object) -> dict[str, object]:
    return {"gateway": kind, **WHOLE, **KINDS[kind], **more}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, None),
        ({"site": "parc"}, "site 'parc', which the register does not have"),
        ({"site": ""}, "site '', which the register does not have"),
        ({"address": ""}, "address' is empty"),
        ({"address": "ac.example"}, "address' is 'ac.example'"),
        ({"networks": ""}, "networks' is empty"),
        ({"networks": "10.77.0.1/16"}, "networks' cannot be"),
        ({"vendor": "cysco"}, "'cysco'; expected one of"),
    ],
    ids=["whole", "site", "no site", "no address", "address", "no network", "network", "vendor"],
)
def test_what_is_off_is_told_once_and_with_its_remedy(tmp_path, kind, change, says) -> None:
    """A controller that speaks Portal 2.0 and RADIUS was told of by the check of each."""
    found = told(tmp_path, ac=of(kind, **change))
    if says is None or (kind == "fas" and "vendor" in change):  # openNDS has no vendor's words
        assert found == []
        return

    (one,) = found
    assert says in one
    assert "expected" in one or "did you mean" in one or "register" in one


@pytest.mark.parametrize("one", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_two_that_have_one_network_or_one_address_are_told_once(tmp_path, one, other) -> None:
    network = told(tmp_path, a=of(one), b=of(other, address="10.6.10.78", fas_name="Other"))
    address = told(tmp_path, a=of(one), b=of(other, networks="10.78.0.0/16"))

    assert [each for each in network if "both have the network 10.77.0.0/16" in each] == network
    assert len(network) == 1
    clash = one == other or "fas" not in {one, other}  # a router with openNDS may speak RADIUS beside it
    assert Counter("the same address 10.6.10.77" in each for each in address) == ({True: 1} if clash else {})


def test_the_name_of_a_visitor_interface_is_no_controllers(tmp_path) -> None:
    given = settings(tmp_path, ac=of("radius"))
    given.portal.visitors["ac"] = "park"

    found = [each.what for each in controllers.problems(given, Register())]
    assert found == ["controller 'ac' has the name of a visitor interface"]


@pytest.mark.parametrize("kind", ["radius", "portal2"])
def test_at_the_start_the_same_words_name_the_setting_and_its_line(tmp_path, kind) -> None:
    given = settings(tmp_path, ac=of(kind, networks="10.77.0.1/16"))
    read = {"radius": nas.known, "portal2": ac.read}[kind]

    with pytest.raises(ConfigError, match=r"netops\.toml: 'portal\.acs\.ac\.networks' cannot be .*10\.1\.0\.0/16"):
        read(given)


def test_every_make_that_portal2_knows_is_known_to_radius_too() -> None:
    """So the check of Portal 2.0 alone may judge the vendor of its controllers."""
    assert set(ac.PROFILES) <= set(profiles.PROFILES)


@pytest.mark.parametrize(
    ("address", "inside"),
    [("10.77.3.4", True), ("fd77::3", True), ("10.78.0.1", False), ("::ffff:10.77.3.4", False), ("none", False)],
)
def test_who_is_within(tmp_path, address, inside) -> None:
    given = settings(tmp_path, ac=of("radius", networks="10.77.0.0/16, fd77::/64"))
    reach = controllers.reach(given, "ac", given.portal.acs["ac"])

    assert controllers.within(reach.networks, address) is inside
