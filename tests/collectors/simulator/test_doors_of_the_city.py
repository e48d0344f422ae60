"""The partners of the doors beside SNMP: what they say is what the simulated device is, read by the real readers."""

from __future__ import annotations

import queue

import pytest

from collectors.probes import figures, slots
from collectors.probes.stamp import sending
from collectors.probes.streams import Pace
from collectors.profile_yaml import shipped
from collectors.simulator import alarms, command_line, doors, instance, line
from collectors.simulator.command_line import CommandLine
from collectors.simulator.describe import records
from collectors.simulator.history import WHOLE_EVERY_MS, Teller
from collectors.simulator.informing import parameters
from collectors.simulator.relay import Relay
from collectors.snmp.pdu import Kind, Message, Pdu, encode
from collectors.ssh.by_asyncssh import Asyncssh
from collectors.ssh.course import visit
from collectors.ssh.decode import decode
from collectors.ssh.dialects import DIALECTS
from collectors.ssh.keys import Trusted
from collectors.ssh.read_yaml import shipped as reads
from collectors.ssh.talk import Limits
from collectors.ssh.transport import Errand, Login, Place
from collectors.traps.meaning import Meanings
from collectors.traps.notification import of_v2
from inventory.reading.folder import built_in_areas
from netops import config
from netops.clock import SYSTEM
from netops.model import ANSWERED
from netops.sla import measured, streams
from netops.sla.intervals import State

NOW = 1_795_708_800_000
LIMITS = Limits(connect_s=20, read_s=20, deadline_s=60)
READS = ("vrp_aps", "vrp_radios", "vrp_version")


@pytest.fixture(scope="module")
def city():
    return instance.new(built_in_areas(), now_ms=NOW, timezone="Asia/Shanghai")


@pytest.fixture(scope="module")
def world(city):
    return city.world()


@pytest.fixture(scope="module")
def who(world):
    return doors.chosen(world.city)


class At:
    """A clock that stands, but for what is measured by it."""

    monotonic = staticmethod(SYSTEM.monotonic)

    def __init__(self, now_ms):
        self._now_ms = now_ms

    def now_ms(self):
        return self._now_ms


def test_the_settings_of_the_doors_are_settings_and_name_the_ends_of_the_line(tmp_path):
    file = tmp_path / "netops.toml"
    head = '[city]\nname = "x"\nrehearsal = true\n'
    file.write_text(head + doors.settings(data=tmp_path, port=26_000, interval_s=30), encoding="utf-8")

    held = config.load(file, environ={})

    assert (held.ssh.interval_s, held.trap.enabled, held.acs.enabled) == (60, True, True)
    assert {name: each.anchor for name, each in held.probe.targets.items()} == {e.id: e.anchor for e in line.ENDS}
    assert {each.service for each in held.probe.targets.values()} == {"", line.SERVICE}


def test_the_command_line_says_what_the_tables_say(tmp_path, city, world, who):
    (tmp_path / "keys").mkdir()
    settings = config.Settings(data=config.Data(dir=tmp_path))
    ssh, _ = doors.records(world.city, settings, port=0)
    agent = who.by_ssh
    password = (tmp_path / "keys" / doors.PASSWORD).read_text().strip()
    came = queue.Queue()
    served = CommandLine(agent, world, port=0, key=tmp_path / "keys" / doors.HOST_KEY, password=password, clock=At(NOW))
    served.start()
    transport = Asyncssh(sessions=1)
    transport.start()
    try:
        login = Login(user=command_line.USER, password=password)
        place = Place(address=agent.address, port=served.port, trusted=Trusted(ssh.keys), login=login)
        dialect = DIALECTS["huawei_vrp"]
        chosen = [reads()[name] for name in READS]
        errand = Errand(
            place=place, dialect=dialect, course=lambda: visit(dialect, chosen, LIMITS), limits=LIMITS, token=None
        )
        transport.carry([errand], came.put)
        visited = came.get(timeout=30).visited
    finally:
        transport.stop()
        served.stop()

    found = decode(visited.taken, device=agent.id, at_ms=NOW).observations
    told = {(str(each.subject), each.metric): each.value for each in found if each.metric == "wlan.ap.clients"}
    teller = Teller(world, seed_ms=city.begin_ms)
    slot = NOW // 1_800_000 * 1_800_000
    (poll,) = [each for each in teller.slot(slot) if each.device == agent.id]
    assert {str(row.subject) for row in poll.rows if row.subject.kind == "ap"} == {name for name, _ in told}
    assert {each.metric for each in found} >= {"wlan.ap.state", "wlan.radio.channel", "host.uptime", "system.model"}
    assert not [each.failed for each in visited.taken if each.failed]


def test_nobody_is_let_in_while_the_controller_is_down(world, who):
    fault = next(each for each in world.planted.of(world.city.agents[2].id) if each.kind == "down")

    assert not world.answers(world.city.agent(fault.target), fault.start_ms)
    assert command_line.answer("display clock", who.by_ssh, world, NOW) == command_line.UNKNOWN


def test_the_cell_informs_of_what_its_tables_show(city, world, who):
    told = parameters(who.informs, world, NOW)
    teller = Teller(world, seed_ms=city.begin_ms)
    whole = (city.begin_ms // WHOLE_EVERY_MS + 1) * WHOLE_EVERY_MS
    (poll,) = [each for each in teller.slot(whole) if each.device == who.informs.id]
    (cell,) = [row for row in poll.rows if row.subject.kind == "cell"]

    assert cell.subject.id == f"sn:{told['Device.DeviceInfo.SerialNumber']}"
    assert told["Device.Services.FAPService.1.FAPControl.LTE.OpState"] == "1"
    assert float(told["Device.Services.FAPService.1.CellConfig.LTE.RAN.RF.PhyCellID"]) == cell.values["lte.cell.pci"]


def test_a_controller_tells_by_traps_which_access_points_are_down(world, who):
    meanings = Meanings(shipped())
    events = []
    for varbinds in alarms.due(who.alarms, world, NOW, first=True):
        octets = encode(Message(b"x", Pdu(Kind.TRAP, 1, varbinds=varbinds)))
        start = octets.index(bytes([Kind.TRAP]))
        said, _ = of_v2(octets, start, len(octets))
        events.append(meanings.event(who.alarms.id, "huawei_wlan_ac", said))

    down = [child for child in who.alarms.children if not world.life(child.id, NOW).up]
    assert down
    assert [(each.event, str(each.subject)) for each in events[: len(down)]] == [
        ("ap_fault", f"ap:mac:{child.ident}") for child in down
    ]
    assert events[-1].event in {"ap_too_hot", "ap_too_hot_cleared"}


@pytest.fixture(scope="module")
def delay(city, world):
    """What the line's contract promises of its delay, as the past was told: the states of a month's slots."""
    (stream,) = [each for each in streams.of(_contract(city, world)) if each.metric == "probe.rtt.p95"]

    def states(start_ms, end_ms):
        looks = []
        for slot_ms in range(start_ms, end_ms, city.step_s * 1000):
            poll = slots.poll(line.VANTAGE, slot_ms, list(line.records(world, slot_ms)))
            looks += [
                measured.Look(
                    slot_ms=slot_ms,
                    at_ms=poll.at_ms,
                    source=row.subject.id,
                    metric=stream.metric,
                    value=row.values.get(stream.metric),
                    code=row.codes.get(stream.metric, ""),
                )
                for row in poll.rows
                if row.texts.get("probe.service") == line.SERVICE
            ]
        return [each.state for each in measured.samples(stream, looks)]

    return states


def _contract(city, world):
    told = records(
        world.city,
        built_in_areas(),
        begin_ms=city.begin_ms,
        minutely_ms=city.minutely_ms,
        live_s=60,
        port=1,
        past_s=1800,
    )
    return next(each for each in told.records.values() if getattr(each, "id", "") == "contract-carrier-a")


@pytest.mark.parametrize(
    ("name", "expected"),
    [(line.LINE, State.DOWN), (line.SLOW, State.DOWN), ("far-1", State.UP)],
)
def test_the_line_is_accused_of_its_own_faults_and_not_of_one_far_ends(world, delay, name, expected):
    fault = world.planted.of(name)[0]
    begin = -(-fault.start_ms // 1_800_000) * 1_800_000

    assert set(delay(begin, fault.end_ms)) == {expected}
    assert set(delay(begin - 7_200_000, fault.start_ms)) == {State.UP}


def test_the_way_on_the_wire_is_the_way_that_the_past_tells(world):
    relay = Relay(line.ENDS, port=0, world=world, clock=At(NOW))
    relay.start()
    try:
        end = line.ENDS[2]
        plan = sending.Plan(address=end.address, port=relay.port(end), pace=Pace(count=5, spacing_ms=20, timeout_s=2))
        record = sending.run(plan) | {"stateful": True, "limit_ns": 10**6, "target": end.id, "kind": "stamp"}
    finally:
        relay.stop()

    observations, _ = figures.read(record, device="v/probe", vantage="v")
    told = {each.metric: each.value for each in observations}
    expected = line.rtt_ms(end, world, NOW, 44)
    assert (told["probe.loss"], told["probe.reached"]) == (0.0, 1)
    assert told["probe.rtt.p50"] == pytest.approx(expected, abs=8)
    assert told["probe.rtt.p50"] >= expected * 0.9
    assert slots.poll("v", 0, list(line.records(world, NOW))).outcome == ANSWERED
