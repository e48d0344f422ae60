"""One deduction is followed from the report to the bytes that a device sent."""

import json
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest

from netops.errors import StoreError, UsageError
from netops.evidence.members import Bundle
from netops.model import Observation, Subject
from netops.raw import frame
from netops.report import trace
from netops.store.values import Outcome

H, M = 3_600_000, 60_000
START = 1_790_784_000_000
REPLIES = frame([b"one", b"two"])


@dataclass
class Kept:
    """An archive of two polls, of a store and a ledger that know them."""

    gone: bool = False

    def traced(self, poll):
        if self.gone:
            raise StoreError(f"raw replies of {poll}: none are kept")
        return "evidence/2026-10-01.seg", "ab" * 32, REPLIES

    def outcomes(self, *, start_ms, end_ms, device):
        assert end_ms == start_ms + 1
        return [
            Outcome(device=device, slot_ms=start_ms, at_ms=start_ms, outcome="answered", attempts=1, rtt_ms=1, lag_ms=0)
        ]

    def find(self, kind):
        yield SimpleNamespace(index=7, fact=SimpleNamespace(body={"digest": "cd" * 32}))
        yield SimpleNamespace(index=8, fact=SimpleNamespace(body={"digest": "ab" * 32}))


@pytest.fixture
def opened(october, signer):
    """The bundle of October, whose register knows the services."""
    _, members = october.issue(signer)
    services = [{"id": name, "device": "ac-1", "subject": f"ap:mac:{name}"} for name in october.members]
    return Bundle(members={**members, "register.json": json.dumps({"services": services}).encode()})


def test_the_way_leads_from_what_is_owed_to_the_sealed_hour(opened, october):
    found = trace.way(opened, service="ap-1")
    hour = next(each.index for each in october.leaves().of("availability_hour") if each.body["start_ms"] == START + H)

    # `any` is the objective that the item owes for; its edges lie half way between two slots.
    assert (found.objective, found.verdict, found.credit) == ("公共WiFi / any", "missed", "200.00 CNY")
    assert found.leaves == (hour,)
    assert found.slots == (START + H + 15 * M, START + H + 25 * M)
    assert (found.device, found.subject, found.because) == ("ac-1", "ap:mac:ap-1", "los")


def test_an_incident_is_found_by_any_of_its_instants(opened):
    found = trace.way(opened, service="ap-1", at_ms=START + 9 * H + 55 * M)

    assert found.start_ms <= START + 9 * H + 55 * M < found.end_ms


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"service": "ap-3"}, "service 'ap-3' has no incident in this bundle; did you mean 'ap-"),
        (
            {"service": "ap-1", "at_ms": START},
            "had no incident at 2026-09-30T16:00:00.000Z; its incidents: 2026-09-30T17:",
        ),
    ],
    ids=["no such service", "no such instant"],
)
def test_what_is_not_there_is_refused_by_name(opened, asked, said):
    with pytest.raises(UsageError) as refused:
        trace.way(opened, **asked)

    assert said in str(refused.value)


def test_each_look_names_the_chunk_s_leaf_and_what_was_read_of_the_service_alone(opened, monkeypatch):
    subject = Subject("ap", "mac:ap-1")
    seen = Observation(
        subject=subject,
        metric="wlan.ap.state",
        at_ms=START,
        value=4,
        raw=4,
        rule="r",
        oid="1.3",
        device="ac-1",
        unit="1",
    )
    other = replace(seen, subject=Subject("ap", "mac:ap-2"))
    entry = SimpleNamespace(name="snmp", load=lambda: lambda *_: [other, seen])
    monkeypatch.setattr(trace, "entry_points", lambda group: [entry])
    way = replace(trace.way(opened, service="ap-1"), because="wlan.ap.state=fault")
    found = list(trace.looks(way, store=Kept(), archive=Kept(), ledger=Kept()))

    assert [(each.leaf, each.replies) for each in found] == [(8, REPLIES)] * 2
    assert [each.read for each in found] == [("ap:mac:ap-1 wlan.ap.state = 4 fault (raw 4, r, 1.3)",)] * 2


def test_replies_that_are_no_longer_kept_are_told_as_such(opened):
    way = trace.way(opened, service="ap-1")
    lines = list(trace.told(way, trace.looks(way, store=Kept(), archive=Kept(gone=True), ledger=Kept())))

    assert lines[-1] == f"  read     raw replies of ac-1@{way.slots[1]}: none are kept"
    assert not any("chunk" in line for line in lines)


def test_the_way_is_told_in_the_readers_language(opened):
    way = trace.way(opened, service="ap-1")
    lines = list(trace.told(way, trace.looks(way, store=Kept(), archive=Kept(), ledger=Kept()), "zh"))

    assert lines[0].startswith("扣减     公共WiFi / any：未达标，")
    assert lines[0].endswith(" %，应扣减 200.00 CNY")
    assert lines[1].startswith("中断     ap-1：2026-09-30T17:")
    assert "，运营商，" in lines[1]
    assert lines[2].startswith("封存于   第 ")
    assert lines[3] == "所见设备 ac-1，ap:mac:ap-1"
    assert lines[4] == f"轮询     ac-1@{way.slots[0]}：已应答，设备模板 —"
    assert lines[5].endswith("，第 8 叶")
    assert next(trace.owed(way, "zh")).startswith(f"请索取   轮询 ac-1@{way.slots[0]}")
