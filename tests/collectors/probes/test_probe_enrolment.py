"""Who becomes a probe of the city: tokens, keys, what an operator says of them and a technician does."""

from __future__ import annotations

import argparse
import base64
import io
import json
import sys
import threading
from dataclasses import replace

import pytest

from collectors.probes import calling, carry, commands, handing, keys
from collectors.probes.intake.enrolled import Enrolled, digest
from inventory import sql
from inventory.city import city_of
from inventory.model import Area, Device, Service, Site
from inventory.model import Carrier as Operator
from inventory.register import Register
from inventory.tables import MIGRATIONS
from netops import wire
from netops.config import Data, Settings
from netops.errors import AccessError, NetopsError, UsageError
from netops.probing import Probe
from netops.spool import Spool
from tests.collectors.probes.handed import NOW, join, poll

AREA = Area(id="110108001", name="万寿路街道", name_en="Wanshoulu", col=0, row=0)


BOUGHT = [
    AREA,
    Site(id="s", name="s", area=AREA.id),
    Operator(id="a", name="甲"),
    Device(id="olt-7", site="s", carrier="a", role="olt"),
    Service(id="fiber-7", kind="fiber", carrier="a", site="s", role="ont", device="olt-7"),
]


def test_a_token_is_good_once_in_time_for_its_own_vantage_and_with_the_key_in_hand(tmp_path):
    enrolled, key, other = Enrolled(tmp_path), keys.Key(bytes(32)), keys.Key(bytes(range(32)))
    token = enrolled.invite("site-7", now_ms=NOW, hours=1)
    said = handing.joining(vantage="site-7", public=key.public, token_sha256=digest(token))

    for vantage, shown, public, signature, at in [
        ("site-8", token, key.public, key.sign(said), NOW),
        ("site-7", token + "x", key.public, key.sign(said), NOW),
        ("site-7", token, other.public, key.sign(said), NOW),
        ("site-7", token, key.public, other.sign(said), NOW),
        ("site-7", token, "no key", key.sign(said), NOW),
        ("site-7", token, key.public, key.sign(said), NOW + 3_600_000),
        ("../site-7", token, key.public, key.sign(said), NOW),
    ]:
        with pytest.raises(AccessError):
            enrolled.join(vantage, token=shown, public=public, signature=signature, now_ms=at)
    member = join(enrolled, key, token=token)
    with pytest.raises(AccessError):
        join(enrolled, key, token=token)

    assert enrolled.members() == [member]
    assert enrolled.put_out("site-7")
    assert enrolled.member("site-7") is None
    assert not enrolled.put_out("site-7")


def test_two_who_show_the_same_token_do_not_both_join(tmp_path):
    enrolled = Enrolled(tmp_path)
    token = enrolled.invite("site-7", now_ms=NOW)
    joined = []

    def try_it(seed):
        try:
            joined.append(join(enrolled, keys.Key(bytes([seed] * 32)), token=token))
        except AccessError:
            return

    threads = [threading.Thread(target=try_it, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(joined) == 1
    assert enrolled.members() == joined


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path):
    path = tmp_path / "keys" / "probe.key"
    made = keys.generate(path)

    assert keys.generate(path).public == made.public
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(NetopsError, match="chmod 600"):
        keys.load(path)
    assert base64.b64encode(path.read_bytes()) not in repr(made).encode()


def run(settings, *words):
    parser = argparse.ArgumentParser()
    commands.arguments(parser)
    args = parser.parse_args(words)
    args.now_ms = NOW
    return commands.run(args, settings)


def test_an_operator_enrols_a_probe_and_a_technician_joins_it(core, tmp_path, capsys, monkeypatch):
    assert run(core._settings, "enrol", "site-9", "--service", "fiber-7") == 0
    token = capsys.readouterr().out.strip()
    there = Settings(
        data=Data(dir=tmp_path / "there"), probe=Probe(vantage="site-9", core_url=f"http://127.0.0.1:{core.port}")
    )

    monkeypatch.setattr(sys, "stdin", io.StringIO(token + "\n"))
    assert run(there, "join") == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO(token + "\n"))
    with pytest.raises(UsageError, match="ask for a new one"):
        run(there, "join")
    with Spool(tmp_path / "there" / "spool" / "probe.db", source="probe") as spool:
        spool.put("poll", [wire.encode(poll(0, vantage="site-9"))])
        assert carry.build(there, spool).step()
    capsys.readouterr()
    assert run(core._settings, "members", "--json") == 0
    (member,) = json.loads(capsys.readouterr().out)
    assert (member["vantage"], member["services"]) == ("site-9", ["fiber-7"])
    assert run(core._settings, "dismiss", "site-9") == 0
    with Spool(tmp_path / "there" / "spool" / "probe.db", source="probe") as spool:
        spool.put("poll", [wire.encode(poll(60_000, vantage="site-9"))])
        with pytest.raises(calling.AwayError, match="not enrolled"):
            carry.build(there, spool).step()
    with pytest.raises(UsageError, match="no probe has joined"):
        run(core._settings, "dismiss", "site-9")


@pytest.mark.parametrize("name", ["core", "own-probe"])
def test_no_probe_is_enrolled_under_the_name_of_the_cores_own_machine(core, name):
    settings = replace(core._settings, probe=replace(core._settings.probe, vantage="own-probe"))

    with pytest.raises(UsageError, match=f"vantage '{name}' is this machine itself"):
        run(settings, "enrol", name)


def test_a_probe_is_enrolled_for_services_of_the_register_alone(core, capsys):
    settings = core._settings
    sql.upgrade(MIGRATIONS, settings.register_url)
    with Register(settings.register_url, rehearsal=True) as register:
        register.apply(city_of(BOUGHT), at_ms=0, now_ms=NOW)

    with pytest.raises(UsageError, match="fiber-7"):
        run(settings, "enrol", "site-9", "--service", "fiber-8")
    assert run(settings, "enrol", "site-9", "--service", "fiber-7") == 0
    assert "compared" not in capsys.readouterr().err


def test_a_probe_that_has_not_joined_says_so(tmp_path):
    settings = Settings(data=Data(dir=tmp_path), probe=Probe(vantage="site-9", core_url="https://core.example"))

    with Spool(tmp_path / "spool" / "probe.db", source="probe") as spool, pytest.raises(NetopsError, match="join"):
        carry.build(settings, spool)
