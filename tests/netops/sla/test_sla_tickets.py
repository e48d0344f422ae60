"""The clock of a ticket: what is reported, waits, is withdrawn; and a repair that counts from the report."""

from fractions import Fraction

import pytest

from inventory.model import Objective, Rules
from netops.errors import UsageError
from netops.sla import derived, rules, tickets
from netops.sla.intervals import Cause, Interval, State

H = 3_600_000
UP, DOWN, UNKNOWN = State.UP, State.DOWN, State.UNKNOWN


def step(word, *, ticket="T1", **more):
    return {"ticket": ticket, "contract": "c", "step": word, "by": "operator", **more}


REPORTED = step("reported", services=["s-1", "s-2"])


def line(*pieces):
    """`(hours, state)` after one another, from 0 on."""
    made, at = [], 0
    for hours, state in pieces:
        cause = Cause.NONE if state is UP else Cause.CARRIER
        made.append(Interval(at, at + int(hours * H), state, cause, ""))
        at += int(hours * H)
    return made


def places(seen, told, hours="4", out=()):
    figure = derived.Figure(indicator=derived.REPAIR, threshold=Fraction(hours), reported=True)
    mine = tickets.by_service(tickets.read(told).values()).get("s-1", ())
    whole = ((seen[0].start_ms, seen[-1].end_ms),)
    return [(each.start_ms // H, each.state) for each in figure.of(seen, judged=whole, out=out, tickets=mine).parts]


SIX = line((10, UP), (6, DOWN), (8, UP))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([], []),  # nobody reported it
        ([(11 * H, REPORTED)], [(10, DOWN)]),  # five hours from the report
        ([(12 * H, REPORTED)], [(10, UP)]),  # four are not more than four
        ([(2 * H, REPORTED)], [(10, DOWN)]),  # reported while it was only slow: from the outage on
        ([(16 * H, REPORTED)], []),  # when it was over
        ([(2 * H, REPORTED), (10 * H, step("closed", outcome="repaired"))], []),  # of another fault
        ([(11 * H, REPORTED), (12 * H, step("paused")), (14 * H, step("resumed"))], [(10, UP)]),
        ([(11 * H, REPORTED), (12 * H, step("paused"))], [(10, UP)]),  # waits to this day
        ([(11 * H, REPORTED), (12 * H, step("paused")), (12 * H, step("closed", outcome="repaired"))], [(10, DOWN)]),
        ([(11 * H, REPORTED), (11 * H, step("closed", outcome="repaired"))], [(10, DOWN)]),  # closing stops no clock
        ([(11 * H, REPORTED), (18 * H, step("closed", outcome="withdrawn"))], []),
        ([(11 * H, step("paused")), (13 * H, REPORTED)], [(10, UP)]),  # a pause of nothing
        ([(11 * H, REPORTED), (15 * H, REPORTED)], [(10, DOWN)]),  # the first report counts
        ([(11 * H, REPORTED), (12 * H, step("reported", ticket="T2", services=["s-1"]))], [(10, DOWN)]),
        ([(11 * H, step("reported", services=["s-2"]))], []),  # of another service
        ([(11 * H, step("reported"))], []),  # of none
    ],
)
def test_a_repair_counts_from_the_report(told, expected):
    assert places(SIX, told) == expected


def test_pauses_of_two_tickets_and_a_claim_take_each_instant_out_once():
    told = [
        (11 * H, REPORTED),
        (12 * H, step("paused")),
        (13 * H, step("reported", ticket="T2", services=["s-1"])),
        (13 * H, step("paused", ticket="T2")),
        (14 * H, step("resumed")),
        (15 * H, step("resumed", ticket="T2")),
    ]
    seen = line((10, UP), (10, DOWN), (4, UP))

    assert places(seen, told, "6") == [(10, UP)]  # 11 to 20 without 12 to 15
    assert places(seen, told, "5.9") == [(10, DOWN)]
    assert places(seen, told, "5", out=((14 * H, 16 * H),)) == [(10, UP)]


def test_what_nobody_saw_the_end_of_is_open_until_it_is_late():
    seen = line((10, UP), (3, DOWN), (11, UNKNOWN))

    assert places(seen, [(11 * H, REPORTED)], "2") == [(10, UNKNOWN)]
    assert places(seen, [(11 * H, REPORTED)], "1.5") == [(10, DOWN)]


def test_steps_of_a_rehearsal_out_of_the_order_of_their_instants_make_no_negative_pause():
    (one,) = tickets.read([(11 * H, REPORTED), (14 * H, step("paused")), (12 * H, step("resumed"))]).values()

    assert one.waits == ()


def test_only_a_repair_has_a_clock_of_its_report():
    def objective(indicator, word):
        threshold = "4" if indicator != "availability" else ""
        own = Rules(repair_from=word, check_every_s=60)
        return Objective(id="o", indicator=indicator, threshold=threshold, target="95", rules=own)

    contract, item = _sold()
    assert rules.objective(contract, item, objective("fault.repair", "report")).figure.reported
    assert not rules.objective(contract, item, objective("fault.repair", "outage")).figure.reported
    for indicator in ("availability", "fault.repeat", "asset.active"):
        with pytest.raises(UsageError, match=r"repair_from is 'report', and .* has no time to repair"):
            rules.objective(contract, item, objective(indicator, "report"))
    with pytest.raises(UsageError, match="expected one of outage, report"):
        rules.objective(contract, item, objective("fault.repair", "reported"))


def _sold():
    from inventory.model import Contract, Selector, ServiceItem

    item = ServiceItem(id="i", kind="fiber", select=Selector(), fee="1", objectives=())
    made = Contract(
        id="c", version="1", carrier="x", title="t", timezone="Asia/Shanghai", valid_from_ms=0, items=(item,)
    )
    return made, item
