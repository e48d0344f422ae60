"""A search finds who answers, says how that compares with the register, and an operator takes it into the files."""

from __future__ import annotations

import csv
import io
import json
import socket
from dataclasses import asdict

import pytest

from collectors.detect import detect, questions
from collectors.discovery import proposals, sweep
from collectors.discovery.finding import _NAMING, Found, _told
from collectors.plan import plan
from collectors.profile_yaml import shipped
from collectors.simulator import instance
from collectors.simulator.city import plan as plan_of
from collectors.simulator.faults import Planted
from collectors.simulator.living import Living
from collectors.simulator.objects import build as objects
from collectors.simulator.udp import Responder
from collectors.simulator.world import World
from collectors.snmp.agent import Listing, interview
from collectors.snmp.varbind import OCTET_STRING, Varbind
from inventory import sql
from inventory.city import city_of
from inventory.model import Carrier, Device, Site
from inventory.reading.folder import built_in_areas, read_city
from inventory.register import Register
from inventory.tables import MIGRATIONS
from netops import cli, clock, config
from netops import proposals as waiting
from netops.errors import ConfigError, UsageError

AREAS = built_in_areas()[:2]


def found(**more):
    given = {"address": "10.0.0.1", "port": 161, "credential": "main", "family": "zte_c320", "because": "probe"}
    return Found(**{**given, "name": "", "description": "", "serial": "", **more})


def device(**more):
    given = {"id": "olt-1", "site": "s", "carrier": "c", "role": "olt", "profile": "zte_c320", "address": "10.0.0.1"}
    return Device(**{**given, **more})


@pytest.mark.parametrize(
    ("finding", "known", "standing"),
    [
        (found(), [], ("new", "")),
        (found(), [device()], ("known", "olt-1")),
        (found(family="huawei_smartax"), [device()], ("changed", "olt-1")),
        (found(serial="B"), [device(serial="A")], ("changed", "olt-1")),
        (found(serial="A"), [device(serial="A", address="10.0.0.9")], ("moved", "olt-1")),
        (found(family="generic"), [device(profile="standard")], ("known", "olt-1")),
        (found(family="generic"), [device()], ("changed", "olt-1")),
    ],
)
def test_a_finding_is_weighed_against_the_register(finding, known, standing):
    (one,) = proposals.weigh([finding], known, now_ms=5)
    assert (one.standing, one.device) == standing


def test_only_what_the_settings_allow_is_searched_and_each_address_once():
    inside = sweep.allowed("10.20.0.0/16, 2001:db8::/64")
    assert sweep.addresses(["10.20.1.0/30", "10.20.1.0/31"], inside) == ["10.20.1.1", "10.20.1.2", "10.20.1.0"]
    for word in ("10.21.0.0/24", "0.0.0.0/0", "10.0.0.0/8", "2001:db9::/120"):
        with pytest.raises(UsageError, match="is not within the networks that may be searched"):
            sweep.addresses([word], inside)
    with pytest.raises(UsageError, match="too many"):
        sweep.addresses(["2001:db8::/64"], inside)
    with pytest.raises(UsageError, match="expected such as"):
        sweep.addresses(["10.20.0.1/24"], inside)
    with pytest.raises(ConfigError, match=r"discover\.networks"):
        sweep.allowed("everywhere")
    with pytest.raises(UsageError, match="none"):
        sweep.addresses(["10.20.1.0/30"], sweep.allowed(""))


WIDE = "0.0.0.0/0 ::/0"


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("::ffff:10.20.0.0/120", "write IPv4 addresses as IPv4"),
        ("::ffff:127.0.0.1", "write IPv4 addresses as IPv4"),
        ("fe80::1", "nothing without its link"),
        ("fe80::/120", "nothing without its link"),
        ("fe80::1%eth0", "it names a zone"),
        ("2001:db8::1%1", "it names a zone"),
        ("ff02::1", "multicast"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.250/32", "multicast"),
        ("255.255.255.255", "no device has such an address"),
        ("0.0.0.0", "no device has such an address"),
        ("::", "no device has such an address"),
        ("127.0.0.1", "not within the networks that may be searched"),
        ("::1", "not within the networks that may be searched"),
        ("169.254.169.254", "not within the networks that may be searched"),
        ("2001:db8::/64", "cannot be tried out, name its devices"),
        ("2001:db8::/111", "131072 addresses are too many"),
        ("10.0.0.0/8", "give smaller networks"),
        ("::/0", "not within the networks"),
        ("0.0.0.0/0", "not within the networks"),
        ("fe00::/8", "cannot be tried out"),
    ],
)
def test_however_wide_the_settings_are_some_places_are_not_searched(word, why):
    """S18: this machine, its links, its cloud's secrets, everybody at once, and the same in another dress."""
    with pytest.raises(UsageError, match=why):
        sweep.addresses([word], sweep.allowed(WIDE))


def test_ipv6_devices_and_small_networks_are_searched():
    inside = sweep.allowed("2001:db8:7::/48 fd00:7::/64")

    assert sweep.addresses(["2001:db8:7:1::17", "fd00:7::/126"], inside) == [
        "2001:db8:7:1::17",
        "fd00:7::1",
        "fd00:7::2",
        "fd00:7::3",
    ]


@pytest.mark.parametrize(
    ("network", "word"), [("127.4.0.0/16", "127.4.0.9"), ("169.254.7.0/24", "169.254.7.1"), ("::1", "::1")]
)
def test_this_machine_is_searched_where_the_settings_name_it(network, word):
    assert sweep.addresses([word], sweep.allowed(network)) == [word]


@pytest.mark.parametrize("written", ["fe80::1%eth0/64", "2001:db8::%1/64"])
def test_a_zone_in_the_settings_is_said_plainly(written):
    with pytest.raises(ConfigError, match=r"discover\.networks.*zone"):
        sweep.allowed(written)


@pytest.fixture
def city(tmp_path, monkeypatch):
    """A few simulated devices on loopback, a register that knows one of them, and the city's files."""
    now = clock.SYSTEM.now_ms()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    made = instance.new(AREAS, now_ms=now, timezone="Asia/Shanghai", port=port)
    world = World(plan_of(made.areas), Planted(faults=(), blind=(), maintenance=()), begin_ms=made.begin_ms)
    agents = {agent.address: agent for agent in plan_of(made.areas).agents}
    living = {at: Living(agent, objects(agent, world), world, clock.SYSTEM.now_ms) for at, agent in agents.items()}
    monkeypatch.setenv("TEST_COMMUNITY", "s3cret")
    monkeypatch.setenv("WRONG_COMMUNITY", "other")
    (tmp_path / "netops.toml").write_text(
        f"""
        [city]
        rehearsal = true
        [data]
        dir = "{tmp_path}/data"
        [discover]
        networks = "127.0.0.0/8"
        [credentials.wrong]
        community = "env:WRONG_COMMUNITY"
        [credentials.right]
        community = "env:TEST_COMMUNITY"
        """
    )
    (tmp_path / "data").mkdir()
    settings = config.load(tmp_path / "netops.toml", environ={"TEST_COMMUNITY": "s3cret"})
    sql.upgrade(MIGRATIONS, settings.register_url)
    known = next(agent for agent in agents.values() if agent.role == "olt")
    records = [
        *AREAS,
        Site(id="s", name="站", area=AREAS[0].id),
        Carrier(id="c", name="甲"),
        Device(id="olt-7", site="s", carrier="c", role="olt", profile="standard", address=known.address, port=port),
    ]
    with Register(settings.register_url, rehearsal=True) as register:
        register.apply(city_of(records), at_ms=0, now_ms=now)
    folder = tmp_path / "city"
    (folder / "contracts").mkdir(parents=True)
    (folder / "sites.csv").write_text(f"id,name,area\ns,站,{AREAS[0].id}\n")
    (folder / "carriers.yaml").write_text("carriers:\n- {id: c, name: 甲}\n")
    (folder / "services.csv").write_text("id,kind,carrier,site,role,device,subject\n")
    (folder / "devices.csv").write_text("id,name,site,carrier,role,profile,address,port,credential\n")
    responder = Responder(living, port=port, community=b"s3cret")
    responder.start()
    yield tmp_path, agents, known, port
    responder.stop()


def netops(place, *words):
    return cli.main(["--config", str(place / "netops.toml"), *words])


def test_a_search_finds_the_families_and_proposes_what_the_register_does_not_have(city, capsys):
    place, agents, known, port = city
    address = next(at for at, agent in agents.items() if agent.role == "wlan_controller")
    words = [
        "discover",
        f"{address}/32",
        f"{known.address}/32",
        "127.9.9.9/32",
        "--port",
        str(port),
        "--timeout",
        "0.3",
    ]
    assert netops(place, *words, "--dry-run", "--json") == 0
    seen = {each["address"]: each for each in json.loads(capsys.readouterr().out)}
    assert not (place / "data" / waiting.NAME).exists()

    assert set(seen) == {address, known.address}
    assert (seen[address]["profile"], seen[address]["credential"]) == ("huawei_wlan_ac", "right")
    assert seen[address]["standing"] == "new"
    assert (seen[known.address]["standing"], seen[known.address]["device"]) == ("changed", "olt-7")
    assert seen[address]["name"]

    assert netops(place, *words) == 0
    assert netops(place, "discover", "--list") == 0
    assert address in capsys.readouterr().out
    accept = ["discover", "--accept", address, "--dir", str(place / "city"), "--site", "s", "--carrier", "c"]
    assert netops(place, *accept, "--id", "ac-1") == 0
    (taken,) = [each for each in read_city(place / "city").records.values() if isinstance(each, Device)]
    assert (taken.id, taken.profile, taken.role) == ("ac-1", "huawei_wlan_ac", "wlan_controller")
    assert [each.address for each in proposals.read(place / "data" / waiting.NAME)] == [known.address]


def test_what_the_files_do_not_bear_leaves_them_as_they_were(city, capsys):
    place, agents, _, port = city
    address = next(at for at, agent in agents.items() if agent.role == "olt")
    assert netops(place, "discover", f"{address}/32", "--port", str(port), "--timeout", "0.3") == 0
    before = (place / "city" / "devices.csv").read_bytes()
    words = ["discover", "--accept", address, "--dir", str(place / "city"), "--id", "olt-2", "--carrier", "c"]

    assert netops(place, *words, "--site", "nowhere") == 2
    assert "devices.csv is as it was" in capsys.readouterr().err
    assert (place / "city" / "devices.csv").read_bytes() == before
    assert netops(place, *words) == 2
    assert "--site" in capsys.readouterr().err


def informed(serial):
    """A CPE that came by itself, from behind the same address as others."""
    return proposals.Proposal(
        address="198.51.100.7",
        port=0,
        credential="",
        profile="",
        because="it informs by TR-069",
        name=f"00AA01-Cell-{serial}",
        description="M Cell",
        serial=serial,
        standing="new",
        device="",
        seen_ms=1,
    )


def test_cpes_behind_one_address_are_proposed_and_accepted_each_by_its_name(city, capsys):
    place, _, _, _ = city
    path = place / "data" / waiting.NAME
    for serial in ("SN1", "SN2"):
        proposals.keep(path, [informed(serial)])
    words = ["discover", "--dir", str(place / "city"), "--site", "s", "--carrier", "c", "--id", "cell-2", "--accept"]
    capsys.readouterr()

    assert netops(place, "discover", "--list") == 0
    listed = capsys.readouterr().out
    assert ("00AA01-Cell-SN1" in listed, "00AA01-Cell-SN2" in listed) == (True, True)
    assert netops(place, *words, "00AA01-Cell-SN2") == 2
    assert "--role" in capsys.readouterr().err
    assert netops(place, *words, "00AA01-Cell-SN2", "--role", "small_cell") != 0
    assert "no column serial" in capsys.readouterr().err
    file = place / "city" / "devices.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("\n", ",serial\n", 1), encoding="utf-8")
    assert netops(place, *words, "00AA01-Cell-SN2", "--role", "small_cell") == 0
    assert "cell-2-cwmp,cell-2,cwmp" in capsys.readouterr().out
    taken = {each.id: each for each in read_city(place / "city").records.values() if isinstance(each, Device)}
    assert (taken["cell-2"].serial, taken["cell-2"].address, taken["cell-2"].role) == ("SN2", "", "small_cell")
    assert [each.serial for each in proposals.read(path)] == ["SN1"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--timeout", "nan"], "--timeout is nan"),
        (["--timeout", "0"], "--timeout is 0.0"),
        (["--timeout", "-1"], "--timeout is -1.0"),
        (["--port", "0"], "--port is 0"),
        (["--port", "99999"], "--port is 99999"),
    ],
)
def test_a_search_that_could_find_nobody_is_not_begun(city, capsys, words, said):
    """A patience of no number would have waited for ever; others found nobody, as if nobody were there."""
    place, _, _, _ = city
    assert netops(place, "discover", "127.9.9.9/32", *words) == 2
    assert said in capsys.readouterr().err


def test_a_credential_that_cannot_be_read_is_named_with_its_reason(city, capsys, monkeypatch):
    place, _, _, port = city
    monkeypatch.delenv("WRONG_COMMUNITY")
    words = ["discover", "127.9.9.9/32", "--port", str(port), "--timeout", "0.1", "--dry-run"]
    assert netops(place, *words) == 0
    told = capsys.readouterr().err
    assert "not tried: " in told
    assert "WRONG_COMMUNITY" in told
    assert f"nobody answered at UDP port {port}" in told
    monkeypatch.delenv("TEST_COMMUNITY")
    assert netops(place, *words) == 2
    assert "TEST_COMMUNITY" in capsys.readouterr().err


def test_a_secret_that_is_written_out_is_not_repeated(tmp_path, capsys):
    """An operator who writes the community where its reference belongs must not see it in every message."""
    (tmp_path / "netops.toml").write_text(
        f'[data]\ndir = "{tmp_path}"\n[discover]\nnetworks = "127.0.0.0/8"\n'
        '[credentials.main]\ncommunity = "s3cret-word"\n'
    )
    assert netops(tmp_path, "discover", "127.0.0.1/32") == 2
    told = capsys.readouterr().err
    assert "credential 'main': a secret is no reference; expected file:PATH" in told
    assert "s3cret" not in told


def test_hostile_names_drive_no_terminal(tmp_path, capsys):
    settings = config.load(None, environ={}, overrides=[f"data.dir={tmp_path}"])
    (one,) = proposals.weigh([found(name="\x1b[2Jolt\u202e", serial="A")], [], now_ms=5)
    proposals.write(waiting.place(settings), [asdict(one)])
    (tmp_path / "netops.toml").write_text(f'[data]\ndir = "{tmp_path}"\n')

    assert netops(tmp_path, "discover", "--list") == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\u202e" not in shown


@pytest.mark.parametrize("said", ["x\rforged,", "x\nforged,", "=cmd|' /C calc'!A0", "\u202eevil", "a\x00b"])
def test_what_a_device_calls_itself_stays_one_cell_and_no_formula(said):
    """A bare CR is a row's end to every reader of CSV: a device could have written a register row of its own."""
    line = proposals.line(("id", "name"), {"id": "d1", "name": said})
    rows = list(csv.reader(io.StringIO(line, newline="")))

    assert len(rows) == 1
    assert rows[0][1].isprintable()
    assert not rows[0][1].startswith(("=", "+", "-", "@"))


def test_what_a_device_says_at_length_does_not_fill_the_list_of_proposals():
    """A thousand machines that say 60,000 characters each would make a file that cannot be read again."""
    profiles = {"standard": shipped()["standard"]}
    agent = Listing([Varbind((1, 3, 6, 1, 2, 1, 1, at, 0), OCTET_STRING, b"x" * 2_000) for at in (1, 5)])
    chosen = detect(profiles, interview(agent, questions(profiles.values()))).chosen
    todo = plan(chosen, costs=("cheap", "dear"), metrics=_NAMING)

    told = _told(todo, interview(agent, todo.ask), "d")

    assert {name: len(each) for name, each in told.items()} == {"system.description": 255, "system.name": 255}
