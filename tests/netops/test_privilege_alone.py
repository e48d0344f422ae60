"""What the users of services rest on: the list of them, an instance of one user, keys that systemd gives."""

from __future__ import annotations

import configparser
import subprocess
import sys

import pytest
import yaml

from netops import astray, config, founding, privilege
from netops.commands import doctor, up
from netops.errors import NetopsError
from netops.privilege import SERVICES, Kind
from tests.netops.users import ROOT, USERS, put


def test_nothing_that_is_given_as_a_whole_holds_something_of_a_mode_of_its_own() -> None:
    """Else each founding would change it twice, there and back."""
    whole = [each.path for each in privilege.HOLDINGS if each.kind is Kind.OWN]
    assert [each.path for each in privilege.HOLDINGS if each.path.startswith(tuple(f"{path}/" for path in whole))] == []


def test_every_service_that_can_be_run_has_its_user_and_its_unit() -> None:
    """The gate has both by itself. A service that is left out here could be run as nobody's user only."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = setup["options.entry_points"]["netops.services"].split("\n")
    offered = {line.partition("=")[0].strip() for line in lines if line} - {"gate"}
    role = ROOT / "ansible" / "roles" / "netops"
    made = yaml.safe_load((role / "vars" / "main.yml").read_text(encoding="utf-8"))
    options = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    choices = options["argument_specs"]["main"]["options"]["netops_services"]["choices"]

    assert offered == set(SERVICES) == set(choices) == set(made["netops_reach"])
    assert {each["name"].removeprefix("{{ netops_user }}-") for each in made["netops_users"]} >= offered
    assert {*up.SERVICES, *up.ON_DEMAND} - {"gate"} == offered
    assert {each.path for each in privilege.HOLDINGS} >= {f"spool/{name}.db" for name in offered - {"core"}}


def test_without_users_of_their_own_everything_may_be_one_persons(tmp_path) -> None:
    settings = config.Settings(data=config.Data(dir=tmp_path))
    privilege.expect(settings, "staff")
    privilege.expect_service(settings, ("core", "web"))

    assert (settings.register_url, settings.room("staff")) == (f"sqlite:///{tmp_path}/register.db", tmp_path)


def test_an_instance_of_one_user_that_is_open_to_others_is_wrong(tmp_path) -> None:
    settings = config.Settings(data=config.Data(dir=tmp_path))
    founding.keys(settings)
    (tmp_path / "spool").mkdir()
    put(settings, "web")()
    (tmp_path / "spool" / "web.db").chmod(0o644)
    tmp_path.chmod(0o755)
    spooled = astray.look(settings)
    tmp_path.chmod(0o700)

    assert [line for line in spooled if line.startswith(f"{tmp_path / 'spool' / 'web.db'} is open to others")]
    assert astray.look(settings) == []


def test_what_only_the_core_is_given_is_asked_for_in_vain_elsewhere(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    settings = config.Settings(
        data=config.Data(dir=tmp_path, users=USERS),
        evidence=config.Evidence(key=config.Secret("credential:evidence.key")),
    )
    with pytest.raises(NetopsError, match=r"systemd gives the signing key to netops-core\.service alone"):
        founding.signer(settings)

    founding.keys(settings)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "keys"))
    assert str(founding.signer(settings).vkey) == (tmp_path / "keys" / "evidence.vkey").read_text().strip()


def test_a_key_that_was_encrypted_and_put_away_is_not_made_anew(tmp_path) -> None:
    settings = config.Settings(
        data=config.Data(dir=tmp_path), evidence=config.Evidence(key=config.Secret("credential:evidence.key"))
    )
    founding.keys(settings)
    (tmp_path / "keys" / "evidence.key").unlink()

    assert founding.keys(settings) == []
    assert not (tmp_path / "keys" / "evidence.key").exists()
    assert {each.what: each.level for each in doctor.instance(settings)}["signing key"] == "ok"


def test_the_portals_keys_are_those_that_founding_makes(tmp_path) -> None:
    """Made under other names they lay there unused, and the portal's own came into being unannounced."""
    script = f"""
from pathlib import Path
from captive_portal import keys
from netops import config, founding
settings = config.Settings(data=config.Data(dir=Path({str(tmp_path)!r})))
founding.keys(settings)
before = sorted(path.name for path in Path({str(tmp_path)!r}).rglob("*"))
keys.voucher_key(settings), keys.identity_key(settings), keys.person_key(settings)
assert sorted(path.name for path in Path({str(tmp_path)!r}).rglob("*")) == before
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
