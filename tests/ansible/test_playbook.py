"""The playbook without a machine: lint, syntax, its variables, the files it writes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from netops import config
from netops.config import Secret

ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "ansible" / "roles" / "netops"
VARIANTS = {
    "plain": {},
    "full": {"netops_gate": True, "netops_networks": ["10.20.0.0/16"], "netops_services": ["core", "portal"]},
}
SETTINGS = {
    "city": {"name": "proof", "title": 'a "quoted" \\ 证 \U0001f4f6', "rehearsal": False},
    "collect": {"interval_s": 30, "timeout_s": 1.5},
    "portal": {"listen": {"host": "::", "port": 8444}, "visitors": {"vlan.10": "wanliu-park", "eth1": "zhongguancun"}},
    "credentials": {"wlan": {"version": "v2c", "community": "file:/etc/netops/secrets/wlan"}},
}
pytestmark = [pytest.mark.partner("ansible"), pytest.mark.xdist_group("ansible")]


def read(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def rendered(ansible, tmp_path_factory) -> Path:
    """What the templates give, in a directory for each variant, around an installed `netops` that is a stand-in."""
    place = tmp_path_factory.mktemp("rendered")
    command = place / "home" / "current" / "bin" / "netops"
    command.parent.mkdir(parents=True)
    command.write_text("#!/bin/sh\n", encoding="utf-8")
    command.chmod(0o755)
    names = ("netops.service", "netops-gate.service", "settings.toml")
    play = [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "vars_files": [str(ROLE / "defaults/main.yml"), str(ROLE / "vars/main.yml")],
            "tasks": [
                {
                    "ansible.builtin.template": {
                        "src": f"{ROLE}/templates/{{{{ item }}}}.j2",
                        "dest": f"{place}/{variant}-{{{{ item }}}}",
                        "mode": "0644",
                    },
                    "loop": list(names),
                    "vars": {"netops_home": f"{place}/home", "netops_table": SETTINGS, **given},
                }
            ],
        }
        for variant, given in VARIANTS.items()
    ]
    (place / "render.yml").write_text(yaml.safe_dump(play), encoding="utf-8")
    ansible("ansible-playbook", "-i", "localhost,", "-c", "local", place / "render.yml")
    return place


def test_tests_of_a_group_run_on_one_worker(request) -> None:
    """Otherwise each worker would make its own Debian, and cities would take each other's ports."""
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("one process: nothing to keep together")

    assert request.node.nodeid.endswith("@ansible")


def test_it_passes_ansible_lint_with_the_production_profile(ansible, tmp_path) -> None:
    """A copy is linted, because ansible-lint leaves directories where it works."""
    shutil.copytree(ROOT / "ansible", tmp_path / "ansible")
    said = ansible("ansible-lint", "--offline", cwd=tmp_path / "ansible").stderr

    assert "Profile 'production' was required, and it passed" in said


def test_the_example_inventory_is_good_for_the_playbook(ansible) -> None:
    ansible("ansible-playbook", "-i", "inventory.example.yml", "--syntax-check", "site.yml")


def test_the_example_inventory_names_settings_that_exist(tmp_path) -> None:
    settings = read(ROOT / "ansible" / "inventory.example.yml")["netops"]["vars"]["netops_settings"]
    tables = {name: keys for name, keys in settings.items() if name != "credentials"}
    tables |= {f"credentials.{name}": keys for name, keys in settings["credentials"].items()}
    given = [f"{table}.{key}={value}" for table, keys in tables.items() for key, value in keys.items()]
    empty = tmp_path / "netops.toml"
    empty.touch()

    assert config.load(empty, environ={}, overrides=given).city.name == "example"


def test_every_variable_of_the_role_is_described_with_its_default() -> None:
    options = read(ROLE / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]

    assert read(ROLE / "defaults" / "main.yml") == {name: option["default"] for name, option in options.items()}


def test_settings_come_back_as_they_were_given(rendered) -> None:
    settings = config.load(rendered / "plain-settings.toml", environ={})

    assert (settings.city.title, settings.city.rehearsal) == (SETTINGS["city"]["title"], False)
    assert (settings.collect.interval_s, settings.collect.timeout_s) == (30, 1.5)
    assert (settings.portal.listen.host, settings.portal.listen.port) == ("::", 8444)
    assert settings.portal.visitors == SETTINGS["portal"]["visitors"]
    assert settings.credentials["wlan"].community == Secret("file:/etc/netops/secrets/wlan")


@pytest.mark.partner("systemd-analyze")
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("unit", ["netops.service", "netops-gate.service"])
def test_each_unit_verifies_and_is_shut_in(rendered, run_program, tmp_path, variant: str, unit: str) -> None:
    """`verify` has nothing to say; `security` scores 1.5 at most."""
    for name in ("netops.service", "netops-gate.service"):
        (tmp_path / name).write_bytes((rendered / f"{variant}-{name}").read_bytes())
    told = run_program("systemd-analyze", "verify", "--man=no", tmp_path / unit)
    assert told.stdout + told.stderr == ""

    said = run_program("systemd-analyze", "security", "--offline=true", tmp_path / unit).stdout
    score = re.search(r"Overall exposure level for \S+: (\d+\.\d+)", said)
    assert score
    assert float(score.group(1)) <= 1.5
