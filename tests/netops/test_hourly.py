"""Sequences of sealed hours: unique for ever, however many parts a hostile or broken network makes of an hour."""

import random

from inventory.model import Contract, Objective, Rules, Selector, ServiceItem
from netops import hourly
from netops.sla import hours
from netops.sla.hours import Listed, Roster
from netops.sla.intervals import Cause, State
from netops.sla.measured import Look
from netops.sla.timeline import Sample, runs

HOUR, M = 3_600_000, 60_000
START = 1_790_784_000_000
UP, DOWN = (State.UP, Cause.NONE, ""), (State.DOWN, Cause.CARRIER, "wlan.ap.state=fault")


def flapping(chance, start_ms):
    samples = [Sample(at, at, *chance.choice((UP, DOWN))) for at in range(start_ms, start_ms + HOUR, M)]
    return runs(samples, step_ms=M)


def test_services_that_all_flap_in_their_own_way_do_not_run_into_the_next_hour(monkeypatch):
    """A conflict of sequences would refuse the next hour's parts, and no report could be built from the rest."""
    monkeypatch.setattr(hours, "PART_BYTES", 1000)  # as 3,500 services do with parts of the true size
    chance = random.Random(1)
    names = [f"ap-{number:05d}" for number in range(100)]
    roster = Roster(contract="c1", listed=tuple(Listed(name, "wifi", "1") for name in names))
    first, second = (
        hourly.entries("c1", roster, {n: flapping(chance, at) for n in names}, hour_ms=at, step=M, known=True)
        for at in (START, START + HOUR)
    )

    assert len(first) > 64
    assert not {each.sequence for each in first} & {each.sequence for each in second}


def test_an_hour_of_a_promised_rate_holds_the_rates_of_its_slots():
    each = Objective(
        id="rate",
        indicator="probe.throughput.mean",
        threshold="100000000",
        target="90",
        rules=Rules(check_every_s=900, max_unknown_ratio="1"),
    )
    item = ServiceItem(id="fiber", kind="fiber", select=Selector(), objectives=(each,))
    contract = Contract(id="c1", version="1", carrier="x", title="t", valid_from_ms=0, items=(item,))
    roster = Roster(contract="c1", listed=(Listed("fiber-1", "fiber", "1"),))
    seen = {0: (81_500_000.25, ""), 1: (None, "no_answer"), 3: (None, "deadline")}
    looks = [
        Look(
            slot_ms=START + slot * 15 * M,
            at_ms=START + slot * 15 * M,
            source="vp-1/near",
            metric="probe.throughput",
            value=value,
            code=code,
        )
        for slot, (value, code) in seen.items()
    ]
    sight = hourly.Sight(
        hour_ms=START,
        samples={},
        looks={"fiber-1": looks},
        blind=frozenset(),
        blind_ms=M,
        ours="collector",
        steps={},
        planned=lambda _service, _slot_ms: False,
    )

    made, _ = hourly.sealed(contract, roster, sight, known=True)

    (body,) = (entry.fact.body for entry in made if entry.fact.body.get("stream"))
    assert body["stream"] == "probe.throughput.mean >= 100000000 every 900 s, 1 of 1"
    assert hourly.waits(contract)
    assert body["usual"] == [
        [0, 1, "UP", "", "81500001"],
        [1, 1, "DOWN", "undetermined", "no_answer"],
        [3, 1, "UNKNOWN", "monitor", "deadline"],
    ]
