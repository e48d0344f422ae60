"""Over a wire of known vices: what was lost, delayed and doubled is what is measured, each way; irtt beside it."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

import pytest

from collectors.probes import figures

pytestmark = [pytest.mark.root, pytest.mark.partner("ip"), pytest.mark.timeout(120)]
AWAY = "10.99.0.2"


def told(record):
    observations, gaps = figures.read(record, device="site-7/probe", vantage="site-7")
    return {each.metric: each.value for each in observations}, {each.metric: each.reason.value for each in gaps}


def test_each_way_shows_its_own_delay_within_a_millisecond(wire_of):
    with wire_of(there={"delay_ms": 5}, back={"delay_ms": 20}) as wire:
        wire.reflect()
        values, gaps = told(wire.look("stamp", count=60, spacing_ms=10, ask=True, padding=200, interface="wire0"))

    assert gaps == {}
    assert abs(values["probe.delay_there.p50"] - 5) < 1
    assert abs(values["probe.delay_back.p50"] - 20) < 1
    assert abs(values["probe.rtt.p50"] - 25) < 1.5
    assert (values["probe.lost"], values["probe.duplicates"], values["probe.seen_as"]) == (0, 0, "10.99.0.1")


def answers_in(way: dict[str, int], what: str) -> int:
    """Return how many UDP packets to the vantage point's own ports the wire lost, or passed."""
    return sum(count for name, count in way.items() if name.startswith(f"{what} ") and name.split()[1].isdigit())


@pytest.mark.parametrize("key", ["", pytest.param("a key of the city", marks=pytest.mark.slow)], ids=["open", "sealed"])
def test_losses_are_those_of_the_wire_each_way(wire_of, key):
    vices = {"there": {"delay_ms": 1, "loss": 0.10}, "back": {"delay_ms": 1, "loss": 0.04}, "seed": 8762}
    more = {"key": f"plain:{key}"} if key else {}
    with wire_of(**vices) as wire:
        wire.reflect(**({"key": key} if key else {}))
        record = wire.look("stamp", count=1200, spacing_ms=3, timeout_s=2, **more)
        did = wire.cut()
    seen = figures.stamp(record)

    there, back = did["there"]["lost 862"], answers_in(did["back"], "lost")
    assert (seen.sent, seen.lost, seen.duplicates) == (there + did["there"]["passed 862"], there + back, 0)
    assert 0 <= there - seen.there.lost + back - seen.back.lost == seen.unplaced <= 5
    arrived = seen.sent - seen.there.lost
    assert seen.sent > 800
    assert abs(seen.there.lost / seen.sent - 0.10) < 4 * (0.10 * 0.90 / seen.sent) ** 0.5
    assert abs(seen.back.lost / arrived - 0.04) < 4 * (0.04 * 0.96 / arrived) ** 0.5


@pytest.mark.slow
def test_doubled_packets_are_duplicates_and_blur_the_placing_of_losses_by_no_more_than_they_are(wire_of):
    vices = {"there": {"delay_ms": 1, "loss": 0.05, "twice": 0.05}, "back": {"delay_ms": 1, "loss": 0.05}, "seed": 2}
    with wire_of(**vices) as wire:
        wire.reflect()
        record = wire.look("stamp", count=800, spacing_ms=3, timeout_s=2)
        did = wire.cut()
    seen = figures.stamp(record)

    doubled = did["there"]["passed 862"] + did["there"]["lost 862"] - seen.sent
    assert doubled * 0.8 <= seen.duplicates <= doubled
    assert 0 <= did["there"]["lost 862"] - seen.there.lost <= doubled - seen.duplicates + seen.unplaced


@pytest.mark.slow
def test_packets_that_overtake_are_reordered_not_lost(wire_of):
    with wire_of(there={"delay_ms": 2, "jitter_ms": 30}) as wire:
        wire.reflect()
        values, _ = told(wire.look("stamp", count=100, spacing_ms=5))

    assert (values["probe.lost"], values["probe.lost_there"], values["probe.lost_back"]) == (0, 0, 0)
    assert values["probe.reordered"] > 10
    assert values["probe.variation_there"] > 2 * values["probe.variation_back"]


@pytest.mark.slow
def test_a_stateless_reflector_places_no_loss_but_all_are_counted(wire_of):
    with wire_of(there={"loss": 0.2}, seed=3) as wire:
        wire.reflect(stateful=False)
        record = wire.look("stamp", count=200, spacing_ms=3, timeout_s=1, stateful=False)
        did = wire.cut()
    values, _ = told(record)

    assert values["probe.lost"] == did["there"]["lost 862"]
    assert "probe.lost_there" not in values


@pytest.mark.slow
def test_icmp_sees_the_round_trip_and_both_ways_loss(wire_of):
    with wire_of(there={"delay_ms": 4, "loss": 0.1}, back={"delay_ms": 4, "loss": 0.1}, seed=5) as wire:
        values, _ = told(wire.look("icmp", count=400, spacing_ms=3, timeout_s=1))
        did = wire.cut()

    assert values["probe.lost"] == did["there"]["lost icmp"] + did["back"]["lost icmp"]
    assert abs(values["probe.rtt.p50"] - 8) < 1.5
    assert abs(values["probe.loss"] / 100 - 0.19) < 4 * (0.19 * 0.81 / 400) ** 0.5


@pytest.mark.slow
def test_a_dead_wire_is_all_lost_and_ends_in_time(wire_of):
    with wire_of(there={"loss": 1}) as wire:
        wire.reflect()
        for kind, more in (("stamp", {}), ("icmp", {}), ("tcp", {"port": 80})):
            values, gaps = told(wire.look(kind, timeout_s=0.5, **more))

            assert values["probe.reached"] == 0
            if kind != "tcp":
                assert values["probe.loss"] == 100
                assert gaps["probe.rtt.p50"] == "no_answer"


@pytest.mark.slow
@pytest.mark.partner("tshark")
def test_tshark_on_the_wire_finds_nothing_wrong_with_what_passes_there(wire_of, tmp_path):
    file = tmp_path / "wire.pcap"
    tmp_path.chmod(0o777)
    with wire_of(there={"delay_ms": 3}) as wire:
        wire.reflect()
        capture = wire.start(wire.home, "tshark", "-q", "-i", "wire0", "-w", str(file), "-a", "duration:30", ready="")
        until = time.monotonic() + 20
        while not (file.exists() and file.stat().st_size) and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(1)
        record = wire.look("stamp", count=20, spacing_ms=10, ask=True, padding=50)
        time.sleep(1.5)
        capture.terminate()
        capture.wait(10)
    words = ["tshark", "-r", str(file), "-d", "udp.port==862,twamp.test", "-T", "json", "-e", "udp.dstport"]
    words += [
        word for name in ("seq_number", "sender_seq_number", "sender_ttl") for word in ("-e", f"twamp.test.{name}")
    ]
    done = subprocess.run(
        [*words, "-e", "_ws.malformed", "-Y", "udp.port==862"], capture_output=True, text=True, check=True
    )

    seen = [each["_source"]["layers"] for each in json.loads(done.stdout)]
    asked = [each for each in seen if each["udp.dstport"] == ["862"]]
    told = [each for each in seen if each["udp.dstport"] != ["862"]]
    assert [int(each["twamp.test.seq_number"][0]) for each in asked] == list(range(20))
    assert [int(each["twamp.test.sender_seq_number"][0]) for each in told] == [row[0] for row in record["echoes"]]
    assert {each["twamp.test.sender_ttl"][0] for each in told} == {"64"}
    assert not [each for each in seen if "_ws.malformed" in each]


@pytest.mark.partner("irtt")
def test_irtt_beside_it_sees_the_same_one_way_delays_within_a_millisecond(wire_of):
    with wire_of(there={"delay_ms": 7}, back={"delay_ms": 12}) as wire:
        wire.reflect()
        wire.start(wire.away, "irtt", "server", "-b", f"{AWAY}:2112", "-i", "1ms", ready="IRTT server")
        ours = wire.start(
            wire.home,
            sys.executable,
            "tests/collectors/probes/run_look.py",
            json.dumps({"kind": "stamp", "address": AWAY, "count": 150, "spacing_ms": 20}),
            ready="",
        )
        theirs = json.loads(
            wire.run(wire.home, "irtt", "client", "-i", "20ms", "-d", "3s", "-Q", "-o", "-", f"{AWAY}:2112")
        )
        record = json.loads(ours.stdout.readline())
    values, _ = told(record)

    delays = [each["delay"] for each in theirs["round_trips"] if "delay" in each and each["delay"].get("send")]
    send = statistics.median(each["send"] for each in delays) / 1e6
    receive = statistics.median(each["receive"] for each in delays) / 1e6
    assert len(delays) > 100
    assert abs(values["probe.delay_there.p50"] - send) < 1
    assert abs(values["probe.delay_back.p50"] - receive) < 1


@pytest.mark.slow
def test_a_shaped_link_shows_its_rate(wire_of, tmp_path):
    """The rate of `tc tbf` on the sending side: 8 Mbit/s, of which the headers take some four per cent."""
    (tmp_path / "file").write_bytes(bytes(2_000_000))
    with wire_of() as wire:
        wire.run(
            wire.away,
            "tc",
            "qdisc",
            "add",
            "dev",
            "wire0",
            "root",
            "tbf",
            "rate",
            "8mbit",
            "burst",
            "16k",
            "latency",
            "100ms",
        )
        serve = (sys.executable, "-u", "-m", "http.server", "8000", "--bind", AWAY, "--directory", str(tmp_path))
        wire.start(wire.away, *serve, ready="Serving HTTP")
        budget = {"bytes_per_run": 2_000_000, "bytes_per_day": 4_000_000, "address": ""}
        record = wire.look("throughput", url=f"http://{AWAY}:8000/file", timeout_s=20, **budget)
        values, _ = told(record)

    assert values["probe.throughput.octets"] == 2_000_000
    assert 7.0e6 < values["probe.throughput"] < 8.1e6
