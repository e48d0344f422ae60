"""Which sites may be open: only what two persons decided, as the ledger has it, signed by it, within its time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netops import fail_open
from netops.access import approvals
from netops.config import City, Data, Settings
from netops.errors import EvidenceError
from netops.evidence import note
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry
from netops.sign import Signer

NOW = 1_790_000_000_000
H = 3_600_000
ORIGIN = "netops.invalid/city/rehearsal"
SIGNER = Signer.new(ORIGIN)
TERMS = {"sites": ["park", "library"], "start_ms": NOW, "end_ms": NOW + 2 * H}


@pytest.fixture
def settings(tmp_path):
    return Settings(data=Data(dir=tmp_path), city=City(rehearsal=True))


@pytest.fixture
def ledger(settings):
    with Ledger(settings.data.dir / "ledger.db", origin=ORIGIN, rehearsal=True, signer=SIGNER) as made:
        yield made


def seal(ledger, *made):
    ledger.append([LedgerEntry("cli/0", ledger.size + n, each) for n, each in enumerate(made)], now_ms=NOW)


def ask(terms=TERMS):
    return approvals.ask("fail_open", terms=terms, by="li.na", role="operator", reason="短信网关检修", now_ms=NOW)


def decided(asked, what="approved", by="zhao", role="privacy_officer"):
    body = {"request": asked[-1].body["request"], "decision": what, "by": by, "role": role, "reason": ""}
    return Fact(kind="approval_decision", at_ms=NOW + 1, body=body)


def order(**changed):
    known = {"request": "req-1", "leaf": 7, "sites": ("park",), "start_ms": NOW, "end_ms": NOW + 2 * H}
    return fail_open.Order(**known | changed)


def watch_of(*orders, leaves=8, now_ms=NOW, monotonic=1000.0):
    watch = fail_open.Watch(SIGNER.vkey)
    data = fail_open.signed(fail_open.Orders(origin=ORIGIN, leaves=leaves, orders=orders), SIGNER)
    watch.take(data, now_ms=now_ms, monotonic=monotonic)
    return watch


def test_a_decision_is_in_force_from_its_seal_until_it_is_taken_back(ledger) -> None:
    asked = ask()
    seal(ledger, *asked)
    waiting = fail_open.of(ledger, now_ms=NOW)
    seal(ledger, decided(asked))
    allowed = fail_open.of(ledger, now_ms=NOW)
    seal(ledger, decided(asked, "withdrawn", by="li.na", role="operator"))
    back = fail_open.of(ledger, now_ms=NOW)

    assert waiting.orders == ()
    assert [(each.sites, each.leaf, each.end_ms) for each in allowed.orders] == [(("library", "park"), 1, NOW + 2 * H)]
    assert (back.orders, back.leaves) == ((), 3)


@pytest.mark.parametrize(
    "decision",
    [
        {"by": "li.na", "role": "privacy_officer"},
        {"role": "operator"},
        {"role": "contract_manager"},
        {"what": "refused"},
    ],
    ids=["the-same-person", "operator", "contract-manager", "refused"],
)
def test_what_the_rules_do_not_allow_is_in_force_for_nobody(ledger, decision) -> None:
    asked = ask()
    seal(ledger, *asked, decided(asked, **decision))

    assert fail_open.of(ledger, now_ms=NOW).orders == ()


def test_what_is_over_and_what_an_earlier_version_asked_for_is_left_out(ledger) -> None:
    asked = ask()
    terms = {"gateway": "g1", "start_ms": NOW, "end_ms": NOW + H}
    old = replace(
        asked[0], body={**asked[0].body, "request": "req-old", "terms": terms, "digest": approvals.digest(terms)}
    )
    seal(ledger, *asked, decided(asked), old, decided([old]))

    assert [each.request for each in fail_open.of(ledger, now_ms=NOW).orders] == [asked[0].body["request"]]
    assert fail_open.of(ledger, now_ms=NOW + 2 * H).orders == ()


def test_the_core_writes_the_note_once_and_whoever_may_read_it_believes_its_key_alone(ledger, settings) -> None:
    asked = ask()
    seal(ledger, *asked, decided(asked))
    fail_open.publish(settings, ledger, SIGNER, now_ms=NOW)
    before = fail_open.path(settings).stat()
    fail_open.publish(settings, ledger, SIGNER, now_ms=NOW + 1)
    data = fail_open.read(settings)

    assert fail_open.path(settings).stat().st_mtime_ns == before.st_mtime_ns
    assert before.st_mode & 0o777 == 0o644
    assert fail_open.opened(data, SIGNER.vkey) == fail_open.of(ledger, now_ms=NOW)
    assert b"li.na" not in data


def _forged(data: bytes) -> bytes:
    return data.replace(b"park", b"mall")


STRANGER = Signer.new(ORIGIN)
OTHER_CITY = Signer.new("netops.invalid/elsewhere/rehearsal")
GOOD = fail_open.signed(fail_open.Orders(origin=ORIGIN, leaves=8, orders=(order(),)), SIGNER)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (_forged(GOOD), "signature"),
        (fail_open.signed(fail_open.Orders(origin=ORIGIN, leaves=9, orders=(order(),)), STRANGER), "sign"),
        (fail_open.signed(fail_open.Orders(origin=OTHER_CITY.vkey.name, orders=(order(),)), OTHER_CITY), "sign"),
        (fail_open.signed(fail_open.Orders(origin=OTHER_CITY.vkey.name, orders=(order(),)), SIGNER), "of"),
        (SIGNER.sign(f"{ORIGIN}\n8\nAAAA\n"), "expected 'netops fail-open 1'"),
        (SIGNER.sign(f'{fail_open.KIND}\n{ORIGIN}\n{{"leaves":9,"orders":[{{"leaf":1}}]}}\n'), "content"),
        (SIGNER.sign(f"{fail_open.KIND}\n{ORIGIN}\nnothing\n"), "JSON"),
        (fail_open.signed(fail_open.Orders(origin=ORIGIN, leaves=7, orders=(order(),)), SIGNER), "7 leaves"),
        (b"x" * (fail_open.LARGEST + 1), "more than"),
        (b"\x00\xff", "note"),
    ],
    ids=[
        "altered",
        "another-key",
        "another-city",
        "under-its-name",
        "checkpoint",
        "empty",
        "no-json",
        "older",
        "huge",
        "noise",
    ],
)
def test_a_note_that_is_forged_foreign_or_older_changes_nothing(data, why) -> None:
    watch = watch_of()

    with pytest.raises(EvidenceError, match=why):
        watch.take(data, now_ms=NOW, monotonic=1000.0)
    assert watch.order("park", now_ms=NOW, monotonic=1000.0) is None


def test_a_note_of_a_later_ledger_takes_a_decision_back() -> None:
    watch = watch_of(order())
    assert watch.order("park", now_ms=NOW, monotonic=1000.0) == order()
    assert watch.order("mall", now_ms=NOW, monotonic=1000.0) is None

    data = fail_open.signed(fail_open.Orders(origin=ORIGIN, leaves=9), SIGNER)

    assert watch.take(data, now_ms=NOW, monotonic=1001.0)
    assert not watch.take(b"", now_ms=NOW, monotonic=1001.0)
    assert watch.order("park", now_ms=NOW, monotonic=1001.0) is None
    assert watch.left_s(order(), now_ms=NOW, monotonic=1001.0) == 0


@pytest.mark.parametrize(
    ("now_ms", "monotonic", "left"),
    [
        (NOW, 1000.0, 7200),
        (NOW + H, 4600.0, 3600),
        (NOW + 2 * H, 8200.0, 0),
        (NOW, 8200.0, 0),  # over by the time that has passed; the clock was put back
        (NOW + 60_000, 8100.0, 100),
        (NOW + 2 * H, 1060.0, 0),  # the clock was put ahead: it ends too early, never too late
        (NOW - 1, 1060.0, 0),
    ],
)
def test_a_decision_lasts_as_long_as_both_clocks_say(now_ms, monotonic, left) -> None:
    watch = watch_of(order())

    assert watch.left_s(order(), now_ms=now_ms, monotonic=monotonic) == left
    assert (watch.order("park", now_ms=now_ms, monotonic=monotonic) is not None) == (left > 0)


def test_a_clock_put_ahead_opens_nothing_before_its_time() -> None:
    watch = watch_of(order(), now_ms=NOW - H, monotonic=0.0)

    assert watch.order("park", now_ms=NOW, monotonic=10.0) is None
    assert watch.order("park", now_ms=NOW, monotonic=3600.0) == order()


def test_a_note_cannot_say_a_longer_time_than_two_persons_can_give() -> None:
    watch = watch_of(order(end_ms=NOW + 1000 * H))

    assert watch.order("park", now_ms=NOW + 72 * H - 1, monotonic=1000.0) is not None
    assert watch.order("park", now_ms=NOW + 72 * H, monotonic=1000.0) is None


@given(steps=st.lists(st.tuples(st.integers(0, 40 * 60), st.integers(-6 * H, 6 * H)), max_size=12))
def test_however_the_clock_steps_a_decision_is_in_force_for_no_longer_than_it_says(steps) -> None:
    watch, now_ms, monotonic, opened_s = watch_of(order()), NOW, 1000.0, 0
    for passed_s, stepped_ms in steps:
        if watch.order("park", now_ms=now_ms, monotonic=monotonic) is not None:
            opened_s += min(passed_s, watch.left_s(order(), now_ms=now_ms, monotonic=monotonic))
        monotonic += passed_s
        now_ms += passed_s * 1000 + stepped_ms
        if watch.order("park", now_ms=now_ms, monotonic=monotonic) is not None:
            assert NOW <= now_ms < NOW + 2 * H

    assert opened_s <= 7200


def test_where_no_key_lies_nothing_is_believed(settings) -> None:
    with pytest.raises(EvidenceError, match="netops init"):
        fail_open.key(settings)
    (settings.data.dir / "keys").mkdir()
    (settings.data.dir / "keys" / "evidence.vkey").write_text(f"{SIGNER.vkey}\n", encoding="ascii")

    assert fail_open.key(settings) == SIGNER.vkey
    assert isinstance(fail_open.key(settings), note.VerifierKey)
