"""`netops collect visit` as an operator who has just written a door tries it."""

from __future__ import annotations

import json

import pytest
import ssh_device

from inventory import sql
from inventory.city import city_of
from inventory.model import Area, Carrier, Device, Door, Site
from inventory.register import Register
from inventory.tables import MIGRATIONS
from netops import clock
from netops.cli import main


@pytest.fixture
def visit(tmp_path, site, capsys):
    """A function that visits with these words; doors: one good, one whose key is another, one without a key."""
    ports = {"ac-1": site.serve(ssh_device.Device(count=2)), "ac-2": site.serve(ssh_device.Device(), key=site.other)}
    records = [
        Area(id="110108001", name="万寿路街道", name_en="Wanshoulu", col=0, row=0),
        Site(id="s", name="s", area="110108001"),
        Carrier(id="a", name="甲"),
        *(Device(id=f"ac-{n}", site="s", carrier="a", role="wlan_controller") for n in (1, 2, 3)),
        *(
            Door(
                id=f"{name}-ssh",
                device=name,
                kind="ssh",
                address="127.0.0.1",
                port=ports.get(name, 22),
                credential="ops",
                dialect="huawei_vrp",
                keys=(site.print,) if name in ports else (),
            )
            for name in ("ac-1", "ac-2", "ac-3")
        ),
    ]
    (tmp_path / "secret").write_text(ssh_device.PASSWORD + "\n")
    (tmp_path / "netops.toml").write_text(
        f'[data]\ndir = "{tmp_path}"\n[ssh]\nread_s = 20\nconnect_s = 20\n'
        f'[credentials.ops]\nkind = "ssh"\nuser = "ops"\npassword = "file:{tmp_path}/secret"\n'
    )
    sql.upgrade(MIGRATIONS, f"sqlite:///{tmp_path}/register.db")
    now = clock.SYSTEM.now_ms()
    with Register(f"sqlite:///{tmp_path}/register.db", rehearsal=False) as register:
        register.apply(city_of(records), at_ms=0, now_ms=now)

    def run(*words):
        code = main(["--config", str(tmp_path / "netops.toml"), "collect", "visit", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_a_door_that_works_shows_what_is_behind_it(visit):
    code, out, _ = visit("ac-1", "--read", "vrp_aps", "--json")
    seen = [json.loads(line) for line in out.splitlines()]

    assert code == 0
    assert {each["subject"]["id"] for each in seen} == {"mac:60de44760000", "mac:60de44760001"}
    assert {each["family"] for each in seen} == {"huawei_vrp"}


def test_doors_that_do_not_work_say_why(visit):
    code, out, _ = visit("ac-2", "ac-3")

    assert code == 5
    assert "gap: host_key the machine shows ssh-ed25519 SHA256:" in out
    assert "gap: host_key the door has no host key: read it at the device's console" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ac-9"], "device 'ac-9' has no SSH door in the register; did you mean 'ac-"),
        (["ac-1", "--read", "vrp_apz"], "dialect 'huawei_vrp' has no read 'vrp_apz'; did you mean 'vrp_aps'?"),
    ],
)
def test_a_slip_of_the_words_is_told(visit, words, said):
    code, _, err = visit(*words)

    assert code in {1, 2}
    assert said in err
