"""`netops portal new-site`: a plan first; what it writes is a site for every gateway, and nothing is overwritten."""

from __future__ import annotations

import argparse
import ipaddress
import re
import subprocess
from pathlib import Path

import pytest

from captive_portal import checks, commands, policy_yaml
from captive_portal.gateways import fas
from captive_portal.site import beside, plan, wish
from captive_portal.sms import providers
from inventory import sql
from inventory.reading.folder import read_city
from inventory.register import Register
from inventory.snapshot import snapshot
from inventory.tables import MIGRATIONS
from netops.config import load
from netops.errors import UsageError

NOW_MS = 1_790_000_000_000
GUIDE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "set-up-a-site.md"
LINUX = ("--interface", "vlan10", "--address", "10.77.0.1/24", "--address", "fd77::1/64", "--uplink", "eth0")
FAR = ("--from", "192.0.2.10", "--visitors", "10.8.0.0/16")
BEHIND = {
    "nftables": LINUX,
    "radius": ("--gateway", "radius", "--vendor", "huawei", *FAR),
    "portal2": ("--gateway", "portal2", "--vendor", "h3c", *FAR),
    "fas": ("--gateway", "fas", *FAR),
}


class Instance:
    """A folder with settings, an empty register, and a city's folder that is not there yet."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file, self.city = folder, folder / "etc" / "netops.toml", folder / "my-city"
        self.file.parent.mkdir()
        self.file.write_text(f'[data]\ndir = "{folder}/data"\n', encoding="utf-8")
        (folder / "data").mkdir()
        sql.upgrade(MIGRATIONS, self.settings.register_url)

    @property
    def settings(self):
        return load(self.file, environ={})

    def new(self, site: str, *words: str, name: str = "万柳公园") -> int:
        parser = argparse.ArgumentParser()
        commands.arguments(parser)
        given = ("new-site", site, "--name", name, "--area", "Wanliu", "--city", str(self.city), *words)
        args = parser.parse_args(given)
        args.now_ms = NOW_MS
        return commands.run(args, self.settings)

    def problems(self) -> list[str]:
        """Put the city into the register, as the next command does; return what `netops check` finds of the portal."""
        with Register(self.settings.register_url, rehearsal=False) as register:
            register.apply(read_city(self.city), at_ms=NOW_MS, now_ms=NOW_MS)
            return [str(each) for each in checks.check(self.settings, snapshot(register, at_ms=NOW_MS))]


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return Instance(tmp_path)


@pytest.fixture
def secure(tmp_path: Path) -> tuple[str, ...]:
    """Return words for a certificate; whether it is one is asked by `netops check`, not here."""
    for name in ("wifi.pem", "wifi.key"):
        (tmp_path / name).write_text("", encoding="utf-8")
    return ("--certificate", str(tmp_path / "wifi.pem"), "--key", str(tmp_path / "wifi.key"))


@pytest.mark.parametrize("behind", wish.GATEWAYS)
def test_behind_every_gateway_what_is_written_is_a_site_without_a_problem(instance, secure, behind, capsys) -> None:
    words = (*BEHIND[behind], "--portal-name", "wifi.city.example", *(secure if behind == "fas" else ()))

    assert instance.new("wanliu-park", *words) == 0
    assert not instance.city.exists(), "a plan writes nothing"
    shown = capsys.readouterr()
    assert "nothing written" in shown.err
    assert instance.new("wanliu-park", *words, "--apply") == 0

    settings = instance.settings
    assert list(settings.portal.places.values()) == ["wanliu-park"]
    assert policy_yaml.read(settings).at("wanliu-park").title == "万柳公园"
    bad = [each for each in instance.problems() if "cannot be read" not in each or "wifi.pem" not in each]
    assert bad == []
    for file in (instance.file.parent / "secrets").glob("*"):
        assert file.stat().st_mode & 0o077 == 0
        assert file.read_text().strip() not in shown.out + capsys.readouterr().out, "no secret is shown"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--minutes", "0"), "--minutes 0: expected a whole number from 1 to 44640"),
        (("--minutes", "-5"), "--minutes -5: expected a whole number"),
        (("--methods", "click_through,click_through"), "'click_through' stands there twice"),
        (("--methods", "sms"), "'sms' has no provider of messages; docs/how-to/send-codes-by-sms.md"),
        (("--methods", "oidc"), "'oidc' has no provider of accounts; docs/how-to/let-accounts-in.md"),
        (("--methods", "wechat"), "no 'wechat'; there are click_through, voucher, sms, oidc"),
        (("--address", "10.77.0.1"), "--address '10.77.0.1': expected an address inside a network, as 10.20.0.1/24"),
        (("--visitors", "10.8.0.1/16"), "--visitors '10.8.0.1/16': expected a network, as 10.8.0.0/16"),
    ],
)
def test_what_would_be_refused_later_is_refused_before_anything_is_written(instance, words, said) -> None:
    with pytest.raises(UsageError) as told:
        instance.new("wanliu-park", *LINUX, "--portal-name", "wifi.city.example", *words, "--apply")

    assert said in str(told.value)
    assert not instance.city.exists()


@pytest.mark.parametrize(
    ("methods", "said"), [("click_through", True), ("voucher,click_through", True), ("sms", False)]
)
def test_who_offers_no_way_in_that_says_who_somebody_is_reads_what_the_law_wants(
    instance, monkeypatch, capsys, methods, said
) -> None:
    monkeypatch.setattr(providers, "make", lambda _settings: ["one"])

    instance.new("wanliu-park", *BEHIND["nftables"], "--portal-name", "wifi.city.example", "--methods", methods)

    assert ("art. 24" in capsys.readouterr().err) is said


def test_a_policy_that_would_not_be_read_is_not_written(instance) -> None:
    with pytest.raises(UsageError, match="its policy would be refused:\n'title'"):
        instance.new("wanliu-park", *LINUX, "--portal-name", "wifi.city.example", "--apply", name="x" * 999)

    assert not instance.city.exists()


def test_a_controllers_secrets_are_those_that_the_servers_read(instance, capsys) -> None:
    instance.new("wanliu-park", *BEHIND["portal2"], "--portal-name", "wifi.city.example", "--apply")
    given = instance.settings.portal.acs["wanliu-park"]

    assert len(given.secret.read()) >= 32
    assert given.secret.read() != given.portal_secret.read()
    told = (instance.file.parent / "sites" / "wanliu-park" / "controller.txt").read_text()
    assert given.secret.read() not in told
    assert "UDP 1812 and 1813" in told


def test_a_router_gets_the_key_by_which_it_is_believed(instance, secure, capsys) -> None:
    instance.new("tea-house", *BEHIND["fas"], "--portal-name", "wifi.city.example", *secure, "--apply")
    (place,) = fas.places(instance.settings)
    parser = argparse.ArgumentParser()
    commands.arguments(parser)
    capsys.readouterr()

    commands.run(parser.parse_args(["router", "tea-house", "--for", "debian"]), instance.settings)

    said = dict(line.split(" ", 1) for line in capsys.readouterr().out.splitlines() if line and line[0] != "#")
    assert (said["faskey"], said["gatewayname"]) == (place.key, place.name)
    assert (said["fasremotefqdn"], said["fasport"], said["fas_secure_enabled"]) == ("wifi.city.example", "8443", "3")
    assert "nat_traversal_poll_interval" not in said, "the daemon of 9.10 does not start with it"
    assert said["faskey"] in (instance.file.parent / "sites" / "tea-house" / "opennds.uci").read_text()


def test_a_second_site_says_nothing_twice_and_its_city_keeps_its_lines(instance, capsys) -> None:
    instance.new("wanliu-park", *LINUX, "--portal-name", "wifi.city.example", "--apply")
    before = (instance.city / "sites.csv").read_text(encoding="utf-8")

    instance.new("west-gate", "--interface", "vlan20", "--address", "10.78.0.1/24", "--uplink", "eth0", "--apply")

    after = (instance.city / "sites.csv").read_text(encoding="utf-8")
    assert after.startswith(before)
    assert instance.settings.portal.visitors == {"vlan10": "wanliu-park", "vlan20": "west-gate"}
    assert instance.settings.portal.uplinks == "eth0"
    assert instance.problems() == []


def test_a_linux_site_beside_a_controller_makes_this_machine_a_gateway(instance, capsys) -> None:
    instance.new("library", *BEHIND["radius"], "--portal-name", "wifi.city.example", "--apply")
    assert instance.settings.portal.gateway == "none"

    instance.new("wanliu-park", *LINUX, "--apply")

    assert instance.settings.portal.gateway == "nftables"
    assert instance.problems() == []


def test_what_is_there_is_never_overwritten(instance, capsys) -> None:
    mine = instance.file.parent / "policies" / "wanliu-park.yaml"
    mine.parent.mkdir()
    mine.write_text("mine", encoding="utf-8")

    with pytest.raises(UsageError, match="never overwritten"):
        instance.new("wanliu-park", *LINUX, "--portal-name", "wifi.city.example", "--apply")
    assert mine.read_text(encoding="utf-8") == "mine"
    assert not instance.city.exists(), "nothing is written by halves"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--portal-name", "x.example"), "--interface '': expected the interface that visitors are behind"),
        ((*LINUX,), "--portal-name: the first site needs the name"),
        ((*LINUX, "--portal-name", "http://x.example"), "without http://"),
        ((*LINUX, "--portal-name", "x.example", "--methods", "vouchre"), "no 'vouchre'; did you mean 'voucher'?"),
        ((*LINUX, "--portal-name", "x.example", "--area", "Wanliuu"), "no area 'Wanliuu'; did you mean 'Wanliu'?"),
        (
            ("--gateway", "radius", "--from", "here", "--portal-name", "x.example"),
            "--from 'here': expected the address",
        ),
        (("--gateway", "fas", *FAR, "--portal-name", "x.example"), "--certificate, --key: openNDS speaks TLS"),
    ],
    ids=["no interface", "no name", "a scheme", "a method", "an area", "no address", "no certificate"],
)
def test_what_is_missing_is_named_with_its_word(instance, words, said) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        instance.new("wanliu-park", *words)


@pytest.mark.partner("dnsmasq")
def test_dnsmasq_takes_what_is_written_for_it_with_tls_and_both_families(instance, secure, capsys) -> None:
    instance.new("wanliu-park", *LINUX, *secure, "--portal-name", "wifi.city.example", "--apply")
    file = instance.file.parent / "sites" / "wanliu-park" / "dnsmasq.conf"
    said = file.read_text(encoding="utf-8")

    done = subprocess.run(
        ["dnsmasq", "--test", f"--conf-file={file}"], capture_output=True, text=True, check=False, timeout=30
    )

    assert done.returncode == 0, done.stderr
    for option in ("114", "option6:103"):
        assert f'dhcp-option=tag:vlan10,{option},"https://wifi.city.example/capport/api"' in said


def test_a_place_is_of_one_site(instance, capsys) -> None:
    instance.new("wanliu-park", *LINUX, "--portal-name", "wifi.city.example", "--apply")

    with pytest.raises(UsageError, match="'vlan10' serves site 'wanliu-park' already"):
        instance.new("west-gate", "--interface", "vlan10", "--address", "10.78.0.1/24")


def test_elsewhere_is_written_what_belongs_beside_the_settings(instance, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    instance.new("wanliu-park", *LINUX, "--portal-name", "wifi.city.example", "--out", str(out), "--apply")

    assert (out / "conf.d" / "site-wanliu-park.toml").exists()
    assert not (instance.file.parent / "conf.d").exists()
    assert f"copy what lies below {out} to {instance.file.parent}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("own", "first", "last"),
    [("10.77.0.1/24", "10.77.0.2", "10.77.0.254"), ("10.77.0.254/24", "10.77.0.1", "10.77.0.253")],
)
def test_visitors_get_what_lies_beside_the_gateways_own_address(own, first, last) -> None:
    assert tuple(map(str, beside.pool(ipaddress.ip_interface(own)))) == (first, last)


def test_the_how_to_shows_every_gateway_that_new_site_knows() -> None:
    text = GUIDE.read_text(encoding="utf-8")

    assert [each for each in wish.GATEWAYS if each != wish.LINUX and f"--gateway {each}" not in text] == []


def test_a_city_without_anything_is_one_that_can_be_applied(instance, capsys) -> None:
    instance.new("wanliu-park", *LINUX, "--portal-name", "wifi.city.example", "--apply")

    assert {path.relative_to(instance.city).as_posix() for path in instance.city.rglob("*") if path.is_file()} == {
        "sites.csv",
        *plan.EMPTY_CITY,
    }
    read_city(instance.city)


def test_every_verb_says_in_its_own_help_what_it_does() -> None:
    parser = argparse.ArgumentParser()
    commands.arguments(parser)
    verbs = next(each for each in parser._actions if isinstance(each, argparse._SubParsersAction)).choices

    assert next(iter(verbs)) == "new-site", "what a stranger needs first"
    assert [name for name, verb in verbs.items() if not (verb.description or "").strip()] == []
