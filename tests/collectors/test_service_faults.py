"""R9-R11 through the whole collecting service: lost, late, doubled datagrams; a third dead; agents without end."""

from __future__ import annotations

import heapq
import importlib.util
import multiprocessing
import os
import random
import selectors
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest

from collectors.service import SOURCE, Collector
from collectors.snmp.varbind import COUNTER32
from inventory import sql
from inventory.city import city_of
from inventory.model import Carrier, Device, Site
from inventory.reading.folder import built_in_areas
from inventory.register import Register
from inventory.tables import MIGRATIONS
from netops import clock, config, wire
from netops.model import ANSWERED, Reason
from netops.spool import Reader

_spec = importlib.util.spec_from_file_location("hostile_agents", Path(__file__).parent / "snmp" / "test_hostile.py")
agents = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(agents)

SEED = os.environ.get("NETOPS_SEED", "20261126")
ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "1"))
OURS = {Reason.MISSED_SLOT.value, Reason.POLLER_LATE.value}
DAY = 1_440  # slots of a device, one a minute
STAMP, TIMESPEC = 35, struct.Struct("@ll")  # SO_TIMESTAMPNS: when the kernel took a datagram
SLOW_S = 0.05  # half of what a device has to answer


class Chaos:
    """A UDP proxy before a town: what comes to any address of 127/8 goes on to the same one; seeded loss each way,
    doubles, delay, and the reordering that delay brings. One thread."""

    def __init__(self, port, *, loss, seed, doubled=0.05, late=0.1, late_s=0.04):
        self.dice = random.Random(f"{SEED} {seed}")
        self.loss, self.doubled, self.late, self.late_s = loss, doubled, late, late_s
        self.front = self.socket()
        self.port, self.to = self.front.getsockname()[1], port
        self.back = {}  # (address, source) -> its own socket to the town
        self.whose = {}  # that socket -> (address, source)
        self.ready = selectors.DefaultSelector()  # more sockets than select() takes
        self.ready.register(self.front, selectors.EVENT_READ)
        self.heap, self.count = [], 0
        self.seen = Counter()
        self.slow = set()  # seconds since 1970
        self.asked = {}  # its own socket to the town -> when a question went on that the town has not answered
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.serve)

    def socket(self):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setsockopt(socket.IPPROTO_IP, agents.SOURCE_OF, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        made.setsockopt(socket.SOL_SOCKET, STAMP, 1)
        made.bind(("0.0.0.0", 0))
        return made

    def serve(self):
        while not self.stopping.is_set():
            wait = max(0.0, self.heap[0][0] - time.monotonic()) if self.heap else 0.05
            for key, _ in self.ready.select(min(wait, 0.05)):
                each = key.fileobj
                octets, ancillary, _, source = each.recvmsg(65_535, 128)
                told = {kind: data for _, kind, data in ancillary}
                seconds, nanoseconds = TIMESPEC.unpack(told[STAMP])
                self.note(seconds + nanoseconds / 1e9)
                if each is self.front:
                    mine = agents.PKTINFO.unpack(told[agents.SOURCE_OF])[2]
                    self.storm(self.onwards, socket.inet_ntoa(mine), source, octets)
                else:
                    self.note(self.asked.pop(each, None))
                    self.storm(self.home, *self.whose[each], octets)
            while self.heap and self.heap[0][0] <= time.monotonic():
                _, _, send, *words = heapq.heappop(self.heap)
                send(*words)

    def note(self, since):
        """Keep the seconds in which something waited for the town or for us: then no device is slow."""
        now = clock.SYSTEM.now_ms() / 1e3
        if since is not None and now - since > SLOW_S:
            self.slow |= set(range(int(since), int(now) + 1))

    def storm(self, send, *words):
        """Lose it, or send it once or twice, now or later."""
        self.seen["datagrams"] += 1
        if self.dice.random() < self.loss:
            self.seen["lost"] += 1
            return
        for _ in range(1 + (self.dice.random() < self.doubled)):
            delay = self.dice.random() * self.late_s if self.dice.random() < self.late else 0.0
            self.count += 1
            heapq.heappush(self.heap, (time.monotonic() + delay, self.count, send, *words))

    def onwards(self, mine, source, octets):
        held = self.back.get((mine, source))
        if held is None:
            held = self.back[mine, source] = self.socket()
            self.whose[held] = mine, source
            self.ready.register(held, selectors.EVENT_READ)
        self.note(self.asked.pop(held, None))
        self.asked[held] = clock.SYSTEM.now_ms() / 1e3
        held.sendto(octets, (mine, self.to))

    def home(self, mine, to, octets):
        packed = agents.PKTINFO.pack(0, socket.inet_aton(mine), b"\0" * 4)
        self.front.sendmsg([octets], [(socket.IPPROTO_IP, agents.SOURCE_OF, packed)], 0, to)

    def close(self):
        self.stopping.set()
        self.thread.join()
        self.ready.close()
        for each in (self.front, *self.back.values()):
            each.close()


@contextmanager
def chaos(port, **words):
    made = Chaos(port, **words)
    made.thread.start()
    try:
        yield made
    finally:
        made.close()


def stormy(end, loss, seed):
    """The other process: a town behind a storm, until told to end."""
    with agents.town() as town, chaos(town.port, loss=loss, seed=seed) as storm:
        end.send(storm.port)
        end.recv()
        end.send((storm.seen, storm.slow))


class Elsewhere:
    """A stormy town in a process of its own: its work delays no poll of ours by the interpreter's lock."""

    def __init__(self, loss, seed):
        context = multiprocessing.get_context("spawn")
        self.end, theirs = context.Pipe()
        self.child = context.Process(target=stormy, args=(theirs, loss, seed), daemon=True)
        self.child.start()
        self.port = self.end.recv()

    def over(self):
        """End it; return what its proxy counted, and the seconds in which it was slow itself."""
        self.end.send(None)
        told = self.end.recv()
        self.child.join()
        return told


def founded(tmp_path, port, count, *, every=1, timeout_s=0.1, odd=(), odd_port=0, **more):
    words = {"interval_s": every, "timeout_s": timeout_s, "retries": 2, "breaker_after": 3, "hurry_s": 0} | more
    settings = config.load(
        None,
        environ={},
        overrides=[
            f"data.dir={tmp_path}",
            "city.rehearsal=true",
            "credentials.town.community=plain:public",
            *(f"collect.{name}={value}" for name, value in words.items()),
        ],
    )
    tmp_path.mkdir(exist_ok=True)
    sql.upgrade(MIGRATIONS, settings.register_url)
    area = built_in_areas()[0]
    site = Site(id="s", name="站", area=area.id)
    carrier = Carrier(id="c", name="甲")
    devices = [
        Device(id=f"d{n}", site="s", carrier="c", role="switch", profile="standard", address=agents.address(n),
               port=odd_port if n in odd and odd_port else port, credential="town")
        for n in range(count)
    ]  # fmt: skip
    with Register(settings.register_url, rehearsal=True) as register:
        register.apply(city_of([area, site, carrier, *devices]), at_ms=0, now_ms=clock.SYSTEM.now_ms())
    return settings


def polled(settings, *, slots, every=1):
    """Run the service for so many whole slots; return their polls, without the first, in which layouts are asked."""
    service = Collector(settings)
    service.start()
    time.sleep(every * (slots + 2))
    service.stop()
    assert service.health() == {}
    with Reader(settings.data.dir / "spool" / f"{SOURCE}.db") as reader:
        entries = []
        while more := reader.read(after=entries[-1].sequence if entries else 0, limit=5_000):
            entries += more
    polls = [wire.decode(each.payload) for each in entries if each.kind == "poll"]
    first = min(each.slot_ms for each in polls) + 2 * every * 1000
    return [each for each in polls if first <= each.slot_ms < first + slots * every * 1000]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("loss", "name"), [(0.1, "R9"), (0.3, "R9-30")], ids=["R9", "R9-30"])
def test_lost_datagrams_never_make_a_device_down(tmp_path, loss, name):
    """A round is 1,440 device-slots, one device-day. At 30 % a device may seem silent, but slots stay on time.

    The soak polls ten device-days at once and counts the slots that were measured: what a busy machine came too late
    for is ours, no device's, and is asked of another town until the count is full. So is a silence in seconds in which
    the town let datagrams wait: by the kernel's stamps on them, and by how soon its agents answer. That slots are on
    time is asked of the quick lanes, in which a round is alone. The full count is asked of 10 % loss.
    """
    soak = "NETOPS_SOAK" in os.environ
    at_once = min(10 if soak else 1, ROUNDS)
    wanted = ROUNDS if loss <= 0.1 else at_once
    devices = 72 * at_once
    down = measured = late = towns = slow = 0
    while measured < wanted * DAY if soak else towns < wanted:
        assert towns < 2 * ROUNDS, f"{measured} of {wanted * DAY} slots were measured, {late} came too late"
        town = Elsewhere(loss, f"{name} {towns}")
        polls = polled(founded(tmp_path / str(towns), town.port, devices, every=3), slots=20, every=3)
        seen, slow_s = town.over()
        towns += 1
        outcomes = Counter(each.outcome for each in polls)
        silent = [each for each in polls if each.outcome == Reason.NO_ANSWER.value]
        theirs = [each for each in silent if slow_s.isdisjoint(range(each.slot_ms // 1000, each.slot_ms // 1000 + 4))]
        print(f"{name} loss {loss}: {dict(outcomes)}, {dict(seen)}")
        print(f"the town was slow in {len(slow_s)} s: {len(silent)} silences, {len(theirs)} of them in other seconds")
        excused = len(silent) - len(theirs) if loss <= 0.1 else 0
        slow += excused
        measured += sum(count for outcome, count in outcomes.items() if outcome not in OURS) - excused
        late += sum(outcomes[each] for each in OURS)
        down += len(theirs)
        assert seen["lost"] > seen["datagrams"] * loss * 0.8
        assert len(polls) == len({(each.device, each.slot_ms) for each in polls})
        assert soak or len(polls) >= 0.99 * devices * 20

    if loss <= 0.1:
        assert down == 0
        assert slow <= 0.1 * measured, "a town that is slow says nothing about the poller"
    assert soak or late <= 0.001 * (measured + late) + 1


def slip(polls):
    lags = sorted(each.lag_ms for each in polls if each.outcome not in OURS)
    return lags[int(len(lags) * 0.99)] if lags else 0.0


@pytest.mark.slow
def test_a_third_of_devices_that_are_dead_cost_the_living_nothing(tmp_path):
    """R10: without the dead and with them in one run, so that a busy machine is in both."""
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("0.0.0.0", 0))
    dead = {n for n in range(150) if n % 10 < 3}
    with silent, agents.town() as town:
        alone = polled(founded(tmp_path / "a", town.port, 150, every=3), slots=8, every=3)
        hole = silent.getsockname()[1]
        settings = founded(tmp_path / "b", town.port, 150, every=3, odd=dead, odd_port=hole)
        beside = polled(settings, slots=8, every=3)
    names = {f"d{n}" for n in dead}
    living = [each for each in beside if each.device not in names]
    before = [each for each in alone if each.device not in names]
    whole = Counter(each.device for each in living if each.outcome == ANSWERED)
    cycle = [sum(each.outcome == ANSWERED for each in polls) / len(polls) for polls in (before, living)]
    print(f"R10: slip p99 {slip(before)} and {slip(living)} ms, answered in their slots {cycle}")

    assert {each.outcome for each in beside if each.device in names} <= {Reason.NO_ANSWER.value, *OURS}
    assert slip(living) < 5_000
    assert min(whole.values()) >= 7
    assert cycle[1] > 0.9 * cycle[0]


def circle(town):
    """Answer every GetBulk with the same rows: a walk that comes back to where it was."""

    def say(message):
        oids = message.pdu.varbinds.oids
        bulk = message.pdu.error_index > 0
        given = [(*oid[:10], 1 + n) for n in range(5) for oid in oids] if bulk else oids
        rows = [agents.Varbind(oid, COUNTER32, 7) for oid in given]
        yield agents.encode(agents.Message(message.community, agents.response(message.pdu, rows)))

    return say


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["endless", "a row a reply", "in a circle"])
def test_a_walk_without_end_is_a_fault_of_that_device_alone(tmp_path, kind):
    """R11: stopped at the bound, told as protocol_fault; in the same slots its neighbours are answered whole."""
    with agents.town() as town:
        say = {"endless": town.pour, "a row a reply": town.drip, "in a circle": circle(town)}[kind]
        town.odd[agents.address(7)] = say
        settings = founded(tmp_path, town.port, 40, every=6, timeout_s=0.5, poll_varbinds=5_000)
        polls = polled(settings, slots=3, every=6)
        poured = town.poured
    bad = [each for each in polls if each.device == "d7"]
    good = [each for each in polls if each.device != "d7"]
    codes = {code for each in bad for row in each.rows for code in row.codes.values()}
    print(f"R11 {kind}: {Counter(each.outcome for each in bad)}, codes {codes}, {poured} varbinds poured")

    assert bad
    assert Reason.PROTOCOL_FAULT.value in codes | {each.outcome for each in bad}
    assert not any(row.values.get("interface.in_octets32") is not None for each in bad for row in each.rows)
    assert poured < 6 * 50_000
    assert {each.outcome for each in good} <= {ANSWERED, *OURS}
    assert sum(each.outcome == ANSWERED for each in good) >= 0.95 * len(good)
    shapes = Counter(len(each.rows) for each in good if each.outcome == ANSWERED)
    assert len(shapes) == 1
