"""The register as an inventory script: `ansible-inventory` itself takes it, hostile names and all."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from inventory.city import city_of
from inventory.model import Area, Carrier, Device, Site
from inventory.register import Register
from tests.ansible.conftest import TOOLS
from tests.netops.instances import founded

pytestmark = [pytest.mark.partner("ansible"), pytest.mark.xdist_group("ansible")]
EVIL = "{{ lookup('pipe', 'touch %s') }} {%% raw %%} !unsafe: [x] # \"'"


@pytest.fixture
def script(tmp_path):
    """An inventory script over a register of 5,000 devices, one of which has a name that Ansible would run."""
    settings = founded(tmp_path)
    records = [
        Area(id="110108001", name="万寿路街道", name_en="Wanshoulu", col=0, row=0),
        Carrier(id="carrier-a", name="甲"),
        Site(id="park.east", name=EVIL % (tmp_path / "run"), area="110108001"),
        *(
            Device(
                id=f"olt-{number}",
                site="park.east",
                carrier="carrier-a",
                role="olt",
                name=EVIL % (tmp_path / "run") if number == 0 else f"楼 {number}",
                profile="huawei_smartax",
                address=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
            )
            for number in range(5_000)
        ),
        Device(id="ap", site="park.east", carrier="carrier-a", role="ap", parent="olt-1"),
    ]
    with Register(settings.register_url, rehearsal=False) as register:
        register.apply(city_of(records), at_ms=1, now_ms=1)
    path = tmp_path / "netops.sh"
    words = f"{sys.executable} -m netops.cli --config {tmp_path / 'netops.toml'} inventory export --format ansible"
    path.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    path.chmod(0o755)
    return path


def ran(script, tool, *words):
    """Run one of Ansible's programs over the script; return what it printed."""
    home = script.parent
    environ = {**os.environ, "HOME": str(home), "ANSIBLE_LOCAL_TEMP": str(home / "a"), "LC_ALL": "C.UTF-8"}
    words = [TOOLS / tool, "-i", script, *words]
    done = subprocess.run(words, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr, done.stderr
    return done.stdout


def asked(script, *words):
    return json.loads(ran(script, "ansible-inventory", *words))


def test_ansible_takes_the_list_and_runs_nothing_of_it(script):
    told = asked(script, "--list")

    hosts = told["_meta"]["hostvars"]
    assert len(hosts) == 5_000
    assert (hosts["olt-7"]["ansible_host"], hosts["olt-7"]["netops_name"]) == ("10.0.0.7", "楼 7")
    assert hosts["olt-0"]["netops_name"].startswith("｛｛ lookup('pipe'")
    assert len(told["role_olt"]["hosts"]) == len(told["site_park__east"]["hosts"]) == 5_000
    assert "ap" not in hosts, "it has no address"


@pytest.mark.parametrize("name", ["netops_name", "netops_site_name"])
def test_a_name_that_is_a_template_is_shown_and_not_run(script, name):
    told = ran(script, "ansible", "olt-0", "-c", "local", "-m", "ansible.builtin.debug", "-a", f"var={name}")

    assert "｛｛ lookup('pipe'" in told
    assert not (script.parent / "run").exists()


def test_ansible_takes_one_host(script):
    told = asked(script, "--host", "olt-0")

    assert told["ansible_host"] == "10.0.0.0"
    assert told["netops_area"] == "110108001"
