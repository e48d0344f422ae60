"""The playbook without a machine: lint, syntax, its variables, the files it writes."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from netops import config, privilege
from netops.config import Secret

ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "ansible" / "roles" / "netops"
SITE = {"probe": {"vantage": "site-7", "core_url": "https://core.example:8443", "targets": {"a": {"kind": "icmp"}}}}
LOW = {
    "acs": {"listen": {"port": 80}},
    "intake": {"listen": {"port": 443}},
    "probe": {"reflect_host": "::", "reflect_port": 8620, "targets": {"name": {"kind": "dns"}}},
    "status": {"directory": "/srv/netops-status"},
}
VARIANTS = {
    "plain": {},
    "full": {
        "netops_gate": True,
        "netops_networks": ["10.20.0.0/16"],
        "netops_key_encrypted": True,
        "netops_services": list(privilege.SERVICES),
        "netops_settings": LOW,
    },
    "site": {"netops_site": True, "netops_settings": SITE},
}
UNITS = (
    "netops.target",
    "netops-gate.service",
    "netops-mend.service",
    *(f"netops-{name}.service" for name in privilege.SERVICES),
)
CASES = [
    *((variant, unit) for variant in ("plain", "full") for unit in UNITS),
    *(("site", unit) for unit in ("netops.target", "netops-probe.service")),
]
SETTINGS = {
    "city": {"name": "proof", "title": 'a "quoted" \\ 证 \U0001f4f6', "rehearsal": False},
    "collect": {"interval_s": 30, "timeout_s": 1.5},
    "portal": {"listen": {"host": "::", "port": 8444}, "visitors": {"vlan.10": "wanliu-park", "eth1": "zhongguancun"}},
    "credentials": {"wlan": {"version": "v2c", "community": "file:/etc/netops/secrets/wlan"}},
}
pytestmark = [pytest.mark.partner("ansible"), pytest.mark.xdist_group("ansible")]


def read(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def dotted(tree: dict, at: str = "") -> list[str]:
    """Return settings as `section.key=value` words."""
    words = []
    for key, value in tree.items():
        words += dotted(value, f"{at}{key}.") if isinstance(value, dict) else [f"{at}{key}={value}"]
    return words


@pytest.fixture(scope="module")
def rendered(ansible, tmp_path_factory) -> Path:
    """What the templates give, in a directory for each variant, around an installed `netops` that is a stand-in."""
    place = tmp_path_factory.mktemp("rendered")
    command = place / "home" / "current" / "bin" / "netops"
    command.parent.mkdir(parents=True)
    command.write_text("#!/bin/sh\n", encoding="utf-8")
    command.chmod(0o755)
    sources = {name: "netops-service.service" if name[7:-8] in privilege.SERVICES else name for name in UNITS}
    sources |= dict.fromkeys(("settings.toml", "given.toml"), "settings.toml")

    def text(name: str, source: str) -> str:
        table = "netops_settings_given" if name == "given.toml" else "table"
        more = f"dict(netops_service='{name[7:-8]}', netops_table={table})"
        return f"lookup('ansible.builtin.template', '{ROLE}/templates/{source}.j2', template_vars={more})"

    texts = ", ".join(f"'{name}': {text(name, source)}" for name, source in sources.items())
    play = [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "vars_files": [str(ROLE / "defaults/main.yml"), str(ROLE / "vars/main.yml")],
            "tasks": [
                {
                    "ansible.builtin.copy": {
                        "content": f"{{{{ {{{texts}}} | to_json }}}}",
                        "dest": f"{place}/{variant}.json",
                        "mode": "0644",
                    },
                    "vars": {"netops_home": f"{place}/home", "table": SETTINGS, **given},
                }
            ],
        }
        for variant, given in VARIANTS.items()
    ]
    (place / "render.yml").write_text(yaml.safe_dump(play), encoding="utf-8")
    ansible("ansible-playbook", "-i", "localhost,", "-c", "local", place / "render.yml")
    for variant in VARIANTS:
        for name, said in json.loads((place / f"{variant}.json").read_text(encoding="utf-8")).items():
            (place / f"{variant}-{name}").write_text(said, encoding="utf-8")
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
    example = read(ROOT / "ansible" / "inventory.example.yml")
    empty = tmp_path / "netops.toml"
    empty.touch()
    core = config.load(empty, environ={}, overrides=dotted(example["netops"]["vars"]["netops_settings"]))
    site = next(iter(example["probes"]["hosts"].values()))["netops_settings"]
    probe = config.load(empty, environ={}, overrides=dotted(site)).probe

    assert core.city.name == "example"
    assert probe.core_url.endswith(f":{core.intake.listen.port}"), "the probe hands in where the core takes it"
    assert [name for name, target in probe.targets.items() if target.anchor] == ["gateway", "elsewhere"]


def test_a_probe_is_enrolled_for_what_the_inventory_names(ansible, tmp_path) -> None:
    """Its targets, its slot and its services bound what a stolen key could state."""
    out = tmp_path / "enrolment.json"
    many = {f"t{number}": {"kind": "icmp"} for number in range(40)}
    cases = {
        "plain": {"netops_settings_given": SITE},
        "narrow": {
            "netops_settings_given": {"probe": {"interval_s": 300, "targets": many}},
            "netops_probe_services": ["line-7", "wifi-7"],
        },
    }
    plays = [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "vars_files": [str(ROLE / "defaults/main.yml"), str(ROLE / "vars/main.yml")],
            "tasks": [
                {
                    "ansible.builtin.copy": {
                        "content": "{{ netops_probe_enrolment | to_json }}",
                        "dest": f"{out}.{name}",
                        "mode": "0644",
                    },
                    "vars": given,
                }
            ],
        }
        for name, given in cases.items()
    ]
    (tmp_path / "play.yml").write_text(yaml.safe_dump(plays), encoding="utf-8")
    ansible("ansible-playbook", "-i", "localhost,", "-c", "local", tmp_path / "play.yml")

    said = {name: json.loads(Path(f"{out}.{name}").read_text(encoding="utf-8")) for name in cases}
    assert said["plain"] == ["--hours", "1", "--paths", "32", "--every", "60"]
    assert said["narrow"] == [
        *("--hours", "1", "--paths", "40", "--every", "300"),
        *("--service", "line-7", "--service", "wifi-7"),
    ]


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
@pytest.mark.parametrize(("variant", "unit"), CASES)
def test_each_unit_verifies_and_is_shut_in(rendered, run_program, tmp_path, variant: str, unit: str) -> None:
    """`verify` has nothing to say; `security` scores 1.5 at most."""
    for name in UNITS:
        (tmp_path / name).write_bytes((rendered / f"{variant}-{name}").read_bytes())
    told = run_program("systemd-analyze", "verify", "--man=no", tmp_path / unit)
    ours = [line for line in (told.stdout + told.stderr).splitlines() if "netops" in line]  # other packages' are theirs
    assert ours == []
    if unit.endswith(".target"):
        return

    said = run_program("systemd-analyze", "security", "--offline=true", tmp_path / unit).stdout
    score = re.search(r"Overall exposure level for \S+: (\d+\.\d+)", said)
    assert score
    assert float(score.group(1)) <= 1.5


def test_the_signing_key_reaches_the_core_alone(rendered) -> None:
    """No other unit is given it, and no unit but the core's may write beside the ledger."""
    given = {
        (variant, name): re.findall(r"^LoadCredential\w*=.*", text, re.MULTILINE)
        for variant, name in CASES
        if (text := (rendered / f"{variant}-{name}").read_text(encoding="utf-8"))
    }

    assert {key: found for key, found in given.items() if found} == {
        ("plain", "netops-core.service"): ["LoadCredential=evidence.key:/var/lib/netops/keys/evidence.key"],
        ("full", "netops-core.service"): ["LoadCredentialEncrypted=evidence.key:/etc/netops/evidence.key.cred"],
    }


def test_a_capability_is_had_by_the_unit_that_needs_it_alone(rendered) -> None:
    """To listen below 1024; the gate's is the gate's."""
    had = {}
    for variant, unit in CASES:
        text = (rendered / f"{variant}-{unit}").read_text(encoding="utf-8")
        bounds = re.findall(r"^CapabilityBoundingSet=(.*)$", text, re.MULTILINE)
        ambient = re.findall(r"^AmbientCapabilities=(.*)$", text, re.MULTILINE)
        assert (ambient or [""]) == (bounds or [""])
        assert ("PrivateUsers=yes" in text) == (bounds == [""]), "in a namespace of users it would count for nothing"
        if ambient:
            had[variant, unit] = ambient[0]

    assert had == {
        ("plain", "netops-gate.service"): "CAP_NET_ADMIN",
        ("plain", "netops-trap.service"): "CAP_NET_BIND_SERVICE",
        ("full", "netops-gate.service"): "CAP_NET_ADMIN",
        ("full", "netops-trap.service"): "CAP_NET_BIND_SERVICE",
        ("full", "netops-acs.service"): "CAP_NET_BIND_SERVICE",
        ("full", "netops-intake.service"): "CAP_NET_BIND_SERVICE",
    }


def test_where_a_service_listens_is_what_the_program_says() -> None:
    """The playbook takes what the inventory leaves out from the same defaults."""
    ports = read(ROLE / "vars" / "main.yml")["netops_ports"]
    settings = config.Settings()
    expected = {
        "trap": settings.trap.port,
        "acs": settings.acs.listen.port,
        "intake": settings.intake.listen.port,
    }

    assert {name: int(re.search(r"default\((\d+)\)", rule).group(1)) for name, rule in ports.items()} == expected


def test_what_is_named_is_switched_on_and_a_probe_at_a_site_is_one_users(rendered) -> None:
    plain, full, site = (config.load(rendered / f"{name}-given.toml", environ={}) for name in VARIANTS)

    assert [each.trap.enabled or each.acs.enabled or each.intake.enabled for each in (plain, site)] == [False, False]
    assert (full.trap.enabled, full.acs.enabled, full.intake.enabled, full.ssh.interval_s) == (True, True, True, 300)
    assert (full.intake.listen.port, full.probe.targets["name"].kind) == (443, "dns"), "the inventory's word holds"
    assert [each.data.users for each in (plain, full, site)] == ["netops", "netops", ""]
    assert (site.probe.vantage, site.portal.gateway, site.evidence.key) == ("site-7", "simulated", None)


def test_the_status_page_is_written_by_the_web_service_and_by_nothing_else(rendered) -> None:
    """Its directory lies outside the data directory, where the sandbox would leave the page unwritten."""
    written = re.compile(r"^ReadWritePaths=(.*)$", re.MULTILINE)
    units = {
        (variant, unit): written.findall((rendered / f"{variant}-{unit}").read_text(encoding="utf-8"))
        for variant, unit in CASES
        if unit not in {"netops.target", "netops-gate.service"}
    }
    told = {key for key, paths in units.items() if any("/srv/netops-status" in path.split() for path in paths)}
    made = [each for each in read(ROLE / "tasks" / "machine.yml") if "netops_status_dir" in str(each)]

    owners = [each["ansible.builtin.file"]["owner"] for each in made]

    assert told == {("full", "netops-web.service")}
    assert owners == ["{{ netops_user }}-web"], "it is there before the unit starts"


def test_a_probe_that_would_need_a_capability_is_refused_before_anything_is_done(ansible, tmp_path) -> None:
    """Its unit reads the clock; a low port or the raw wire besides would open it too far."""
    probe = {"reflect_host": "::", "targets": {"leases": {"kind": "dhcp"}, "echo": {"kind": "icmp"}}}
    given = {"netops_services": ["probe"], "netops_settings": {"probe": probe}}
    rule = yaml.safe_load((ROLE / "tasks" / "main.yml").read_text(encoding="utf-8"))[1] | {"vars": given}
    files = [str(ROLE / "defaults/main.yml"), str(ROLE / "vars/main.yml")]
    play = [{"hosts": "localhost", "gather_facts": False, "vars_files": files, "tasks": [rule]}]
    (tmp_path / "play.yml").write_text(yaml.safe_dump(play), encoding="utf-8")
    said = ansible("ansible-playbook", "-i", "localhost,", "-c", "local", tmp_path / "play.yml", check=False)

    assert said.returncode == 2
    assert "probe.reflect_port, probe.targets.leases: the probe's unit has no capability" in said.stdout


def test_at_a_site_there_is_the_probe_alone(rendered) -> None:
    unit = (rendered / "site-netops-probe.service").read_text(encoding="utf-8")
    target = (rendered / "site-netops.target").read_text(encoding="utf-8")

    assert "ReadWritePaths=/var/lib/netops\n" in unit
    assert "ConditionPathExists=/var/lib/netops/keys/probe.key" in unit
    assert "Wants=netops-probe.service\n" in target


def test_users_and_groups_are_those_that_the_program_expects() -> None:
    """`netops/privilege.py` gives files to these groups and counts on who is in them."""
    made = read(ROLE / "vars" / "main.yml")
    settings = config.Settings(data=config.Data(users="netops"))
    named = {
        each["name"].replace("{{ netops_user }}", "netops"): {
            group.replace("{{ netops_user }}", "netops") for group in (each["group"], *each["groups"])
        }
        for each in made["netops_users"]
    }
    expected: dict[str, set[str]] = {}
    for name, roles in privilege.MEMBERS.items():
        for role in roles - {"gate"}:
            expected.setdefault(privilege.user(settings, role), set()).add(privilege.group(settings, name))

    assert named == expected
    assert {each.replace("{{ netops_user }}", "netops") for each in made["netops_groups"]} == {
        privilege.group(settings, name) for name in privilege.MEMBERS
    }
    first = {each["name"].removeprefix("{{ netops_user }}-"): each["group"] for each in made["netops_users"]}
    assert first["core"] == "{{ netops_user }}-staff", "what the core makes is read by the group of the staff's pages"


def test_what_a_unit_may_write_is_what_its_user_owns() -> None:
    """The mounts of the units and the owners of the table say the same."""
    reach = read(ROLE / "vars" / "main.yml")["netops_reach"]
    held = [each for each in privilege.HOLDINGS if each.kind in (privilege.Kind.QUEUE, privilege.Kind.ROLLBACK)]
    own = [each for each in privilege.HOLDINGS if each.kind in privilege.DIRECTORIES]

    def top(holding: privilege.Holding) -> str:
        """A mount covers what is below it."""
        return holding.path.partition("/")[0]

    for role in privilege.SERVICES:
        needed = {str(Path(each.path).parent) for each in held if each.owner == role}
        needed |= {top(each) for each in own if each.owner == role != "core"}  # the core's "." covers its own
        needed |= {"portal"} if role == "web" else set()  # who makes vouchers writes them

        assert set(reach[role]["writes"]) == needed
    directories = {top(each) for each in own if each.owner != "core"} - {""}
    assert directories == {*reach["core"]["reads"], *reach["core"]["hidden"]}, (
        "the core may write all that is not other's"
    )
