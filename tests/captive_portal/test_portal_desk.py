"""The desk with its real database and spool, on a simulated gateway: crashes, restarts, clocks, vouchers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from captive_portal import code as codes
from captive_portal import keys, tables, vouchers
from captive_portal.desk import Attempt
from captive_portal.errors import GatewayError, PortalError
from captive_portal.gateways import Readiness
from captive_portal.gateways.simulated import Simulated
from captive_portal.methods import METHODS, Shown
from captive_portal.model import Allowance, Bounds, Client, End, Grant, Session, State
from captive_portal.ruleset import Admitted
from captive_portal.store import Consent
from captive_portal.verdict import Refusal, Why
from inventory import sql
from netops import facts, spool
from netops.errors import ConfigError

CONSENT = Consent(terms="1", language="zh_CN", digest="0" * 64, channel="portal")


def client(number: int = 1) -> Client:
    return Client(mac=f"02:00:00:00:00:{number:02x}", interface="simulated", addresses=(f"127.0.0.{number}",))


def click(number: int = 1) -> Attempt:
    return Attempt(client=client(number), method="click_through", fields={}, consent=CONSENT)


def show(code: str, number: int = 1) -> Attempt:
    return Attempt(client=client(number), method="voucher", fields={"code": code}, consent=CONSENT)


def rows(desk, table) -> list:
    with desk.store._database.read() as connection:
        return list(connection.execute(sa.select(table)))


def inside(house) -> set[str]:
    return {each.client.addresses[0] for each in house.gateway.admitted()}


def make(house, *, count: int = 1, days: int = 30, **allowance) -> list[str]:
    now_ms = house.clock.now_ms()
    order = vouchers.Order(
        label="desk",
        count=count,
        allowance=Allowance(**{"seconds": 3600, **allowance}),
        start_by_ms=now_ms + days * vouchers.DAY_MS,
        made_by="op",
    )
    return vouchers.create(tables.url(house.settings), keys.voucher_key(house.settings), order, now_ms)[1]


def ends(desk) -> list[tuple[str, str | None]]:
    return sorted((row.mac or "", row.end) for row in rows(desk, tables.SESSION))


# ---- what no effect may cost
def test_counters_beyond_the_record_cost_no_visit_its_end(house) -> None:
    desk = house.open()
    for each in (1, 2):
        desk.login(click(each))
    desk._meters.read([Admitted(client=client(), seconds=9, octets_up=2**64 - 1, octets_down=1)], house.clock.now_ms())
    house.clock.forward(3601)

    assert desk.expire() == 2
    assert ends(desk) == [("", End.EXPIRED)] * 2
    assert desk.store.live() == []
    assert max(row.octets_up for row in rows(desk, tables.SESSION)) == 2**53 - 1


def test_an_end_that_cannot_be_written_is_written_later_with_its_reason_and_once(house, monkeypatch) -> None:
    desk = house.open()
    for each in (1, 2):
        desk.login(click(each))

    def failing(*_: object) -> None:
        raise OverflowError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr(desk.store, "end", failing)
        assert desk.logout(client(1))
        house.clock.forward(3601)
        desk.expire()
    ended_ms = house.clock.now_ms() - 3_601_000
    assert (inside(house), desk.live, len(desk.store.live())) == (set(), 0, 2)

    house.clock.forward(5)
    desk.expire()
    desk.expire()
    assert ends(desk) == [("", End.EXPIRED), ("", End.LOGOUT)]
    assert min(row.ended_ms for row in rows(desk, tables.SESSION)) == ended_ms
    assert [row.kind for row in rows(desk, tables.RECORD)].count("ended") == 2


def test_a_fact_that_cannot_be_stated_costs_no_visit_its_end(house, monkeypatch) -> None:
    desk = house.open()

    def failing(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(house.gateway, "allow", failing)
    monkeypatch.setattr(desk.telling, "failed", failing)
    with pytest.raises(PortalError, match="no_gateway"):
        desk.login(click())

    assert ends(desk) == [("", End.NO_GATEWAY)]
    assert inside(house) == set()


# ---- records
def test_a_login_is_recorded_with_consent_addresses_and_a_keyed_identity(desk) -> None:
    session = desk.login(click())

    assert isinstance(session, Session)
    (row,) = rows(desk, tables.SESSION)
    assert (row.mac, row.site, row.method, row.end) == ("02:00:00:00:00:01", "site-1", "click_through", None)
    assert row.identity == desk.identity(client())
    assert [each.address for each in rows(desk, tables.ADDRESS)] == ["127.0.0.1"]
    assert len(rows(desk, tables.CONSENT)) == 1


def test_the_clear_mac_goes_with_the_session_and_the_identity_stays(desk) -> None:
    desk.login(click())
    desk.logout(client())

    (row,) = rows(desk, tables.SESSION)
    assert (row.mac, row.end) == (None, "logout")
    assert row.identity == desk.identity(client())


def test_no_mac_address_or_code_stands_in_logs_facts_or_the_file_after_the_end(house, caplog) -> None:
    caplog.set_level("DEBUG")
    desk = house.open()
    (code,) = make(house)
    desk.login(show(code))
    desk.logout(client())
    house.clock.forward(120)
    desk.telling.flush(house.clock.now_ms())
    desk.login(show("A" * 15))
    house.stack.close()

    stored = (house.settings.data.dir / "portal.db").read_bytes()
    stated = (house.settings.data.dir / "spool" / "portal.db").read_bytes()
    assert code.replace("-", "").encode() not in stored + stated
    assert b"02:00:00:00:00:01" not in stated
    assert "02:00:00:00:00:01" not in caplog.text
    assert code not in caplog.text


def test_nobody_is_let_in_when_the_record_fails(house, monkeypatch) -> None:
    desk = house.open()
    monkeypatch.setattr(desk.store, "admit", lambda _: (_ for _ in ()).throw(PortalError("disk full")))

    with pytest.raises(PortalError, match="no_record"):
        desk.login(click())

    assert inside(house) == set()
    assert desk.telling.totals["failed"] == 1


def test_a_gateway_that_does_not_answer_leaves_nobody_in_and_an_ended_record(house, monkeypatch) -> None:
    desk = house.open()
    monkeypatch.setattr(house.gateway, "allow", lambda *_: (_ for _ in ()).throw(GatewayError("silent")))

    with pytest.raises(PortalError, match="no_gateway"):
        desk.login(click())

    (row,) = rows(desk, tables.SESSION)
    assert row.end == End.NO_GATEWAY
    assert desk.live == 0


# ---- restarts
def test_a_restart_throws_nobody_out(house) -> None:
    desk = house.open()
    desk.login(click(1))
    desk.login(click(2))
    before = desk.current(client(1))

    desk = house.restart()
    desk.repair()

    assert inside(house) == {"127.0.0.1", "127.0.0.2"}
    assert replace(before, state=State.ONLINE) == desk.current(client(1))


def test_a_crash_between_record_and_firewall_is_made_good_at_start(house, monkeypatch) -> None:
    desk = house.open()

    class Crash(BaseException):
        pass

    def crash(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(house.gateway, "allow", crash)
        with pytest.raises(Crash):
            desk.login(click())
    assert inside(house) == set()

    desk = house.restart()
    desk.repair()

    assert inside(house) == {"127.0.0.1"}
    assert desk.current(client())


def test_a_crash_between_firewall_and_note_keeps_the_visitor_known(house, monkeypatch) -> None:
    desk = house.open()
    monkeypatch.setattr(desk.store, "online", lambda *_: None)
    first = desk.login(click())

    desk = house.restart()
    desk.repair()

    assert desk.current(client())
    assert desk.login(click()).id == first.id
    assert inside(house) == {"127.0.0.1"}


def test_who_is_in_without_a_record_is_put_out_at_start(house) -> None:
    house.gateway.allow(client(9), Bounds(seconds=600))

    house.open().repair()

    assert inside(house) == set()


def test_a_gateway_that_forgot_everything_gets_everybody_back(house) -> None:
    desk = house.open()
    desk.login(click())
    desk.repair()
    desk.gateway = house.gateway = Simulated(house.settings.portal, house.clock)
    assert inside(house) == set()

    desk.look_in()

    assert inside(house) == {"127.0.0.1"}


def test_a_session_that_the_kernel_has_ended_is_ended_in_the_record(house) -> None:
    desk = house.open()
    desk.login(click())
    desk.repair()
    house.gateway.allow(client(), Bounds(seconds=60))
    house.clock.forward(61)

    desk.repair()

    (row,) = rows(desk, tables.SESSION)
    assert row.end == End.LOST
    assert desk.current(client()) is None


def test_a_stepped_wall_clock_ends_no_session(house) -> None:
    desk = house.open()
    desk.login(click())
    desk.repair()
    real = house.gateway.admitted()
    house.clock.at_ms += 7_200_000
    house.gateway.admitted = lambda: real

    desk.repair()

    assert desk.current(client())
    assert desk.current(client()).seconds_left(house.clock.now_ms()) >= 3590


def test_a_gate_that_is_away_is_an_error_and_changes_nothing(house) -> None:
    desk = house.open()
    desk.login(click())
    house.gateway.ready = lambda: Readiness(born="", wrong={"gate": "away"})

    with pytest.raises(GatewayError, match="away"):
        desk.repair()

    assert desk.current(client())


# ---- time
def test_time_that_is_over_ends_the_visit_and_the_next_click_is_a_new_one(house) -> None:
    desk = house.open()
    first = desk.login(click())
    house.clock.forward(3601)

    assert desk.current(client()) is None
    assert desk.expire() == 1
    second = desk.login(click())

    assert isinstance(second, Session)
    assert second.id != first.id
    assert {row.end for row in rows(desk, tables.SESSION)} == {"expired", None}


def test_a_new_address_of_a_live_device_is_recorded_and_let_in_for_what_is_left(house) -> None:
    desk = house.open()
    desk.login(click())
    house.clock.forward(1800)
    later = client().at("127.0.0.77")

    assert desk.returning(later)

    left = {each.client.addresses[0]: each.seconds for each in house.gateway.admitted()}
    assert left == {"127.0.0.1": 1800, "127.0.0.77": 1800}
    assert {row.address for row in rows(desk, tables.ADDRESS)} == {"127.0.0.1", "127.0.0.77"}


def test_what_the_gateway_sees_later_is_followed(house) -> None:
    desk = house.open()
    desk.login(click())
    house.gateway.addresses = lambda known: (*known.addresses, "fd00::7")

    assert desk.follow() == 1
    assert desk.follow() == 0

    assert inside(house) == {"127.0.0.1", "fd00::7"}


class OneEntryDown(Simulated):
    """As the kernel: downwards an address has one entry, whoever's it is."""

    def __init__(self, *given) -> None:
        super().__init__(*given)
        self.down: set[str] = set()

    def allow(self, client, bounds) -> None:
        super().allow(client, bounds)
        self.down |= set(client.addresses)

    def revoke(self, client) -> None:
        super().revoke(client)
        self.down -= set(client.addresses)


@pytest.mark.parametrize("restarted", [False, True])
def test_the_end_of_who_had_the_address_before_cuts_nobody_off(house, restarted) -> None:
    """DHCP gives an address to the next visitor long before the last one's session is over."""
    house.gateway = OneEntryDown(house.settings.portal, house.clock)
    desk = house.open()
    desk.login(click(1))
    house.clock.forward(1800)
    heir = replace(client(2), addresses=client(1).addresses)
    desk.login(replace(click(2), client=heir))
    if restarted:
        desk = house.restart()
        desk.repair()
    house.clock.forward(1801)
    assert desk.expire() == 1

    assert desk.current(heir)
    assert house.gateway.down == set(heir.addresses)
    assert [each.client.mac for each in house.gateway.admitted()] == [heir.mac]
    assert desk.logout(heir)
    assert (house.gateway.down, house.gateway.admitted()) == (set(), [])


def test_logging_in_and_out_in_a_circle_is_slowed(house) -> None:
    desk = house.open()
    outcomes = []
    for _ in range(15):
        outcomes.append(desk.login(click()))
        desk.logout(client())

    assert [isinstance(each, Refusal) for each in outcomes] == [False] * 12 + [True] * 3
    assert outcomes[-1].why is Why.TOO_OFTEN


# ---- vouchers
def test_a_voucher_starts_on_its_first_use_and_runs_on_for_all_its_devices(house) -> None:
    desk = house.open()
    (code,) = make(house, devices=2)
    house.clock.forward(86_400)

    first = desk.login(show(code, 1))
    house.clock.forward(1000)
    second = desk.login(show(code, 2))
    third = desk.login(show(code, 3))

    assert first.grant.until_ms == second.grant.until_ms
    assert third == Refusal(why=Why.TOO_MANY_DEVICES)
    house.clock.forward(2601)
    desk.expire()
    assert desk.login(show(code, 1)) == Refusal(why=Why.EXPIRED)


def test_a_device_may_come_back_with_its_voucher_unless_it_is_single_use(house) -> None:
    desk = house.open()
    many, once = make(house), make(house, single_use=True)
    for code, after in ((many[0], Session), (once[0], Refusal)):
        assert isinstance(desk.login(show(code)), Session)
        desk.logout(client())
        again = desk.login(show(code))
        assert isinstance(again, after)
        desk.logout(client())
    assert again == Refusal(why=Why.USED_UP)


def test_a_voucher_not_used_in_time_withdrawn_or_unknown_lets_nobody_in(house) -> None:
    desk = house.open()
    (late,), (gone,) = make(house, days=1), make(house)
    (batch,) = [
        each.id
        for each in vouchers.batches(tables.url(house.settings))
        if each.start_by_ms > house.clock.now_ms() + 2 * vouchers.DAY_MS
    ]
    assert vouchers.withdraw(tables.url(house.settings), batch, house.clock.now_ms())
    assert not vouchers.withdraw(tables.url(house.settings), batch, house.clock.now_ms())
    house.clock.forward(86_401)

    assert desk.login(show(late)) == Refusal(why=Why.TOO_LATE)
    assert desk.login(show(gone)) == Refusal(why=Why.UNKNOWN)
    from captive_portal import code

    assert desk.login(show(code.fresh())) == Refusal(why=Why.UNKNOWN)
    assert inside(house) == set()


def test_a_voucher_is_stored_as_its_keyed_hash_alone(house) -> None:
    desk = house.open()
    codes = make(house, count=50)

    hashes = {row.hash for row in rows(desk, tables.VOUCHER)}
    assert len(hashes) == 50
    assert all(len(each) == 32 for each in hashes)
    stored = (house.settings.data.dir / "portal.db").read_bytes()
    assert not any(code.replace("-", "").encode() in stored or code.encode() in stored for code in codes)


def test_another_key_makes_every_voucher_worthless(house, tmp_path) -> None:
    (code,) = make(house)
    (tmp_path / "keys" / "portal-voucher.key").unlink()

    assert house.open().login(show(code)) == Refusal(why=Why.UNKNOWN)


@pytest.mark.parametrize(
    "wrong",
    [{"count": 0}, {"count": 10_001}, {"seconds": 0}, {"devices": 0}, {"devices": 51}, {"days": 0}, {"label": "a\nb"}],
    ids=str,
)
def test_an_order_that_cannot_be_makes_nothing(house, wrong: dict) -> None:
    values = {"count": 1, "seconds": 60, "devices": 1, "days": 1, "label": "x", **wrong}
    order = vouchers.Order(
        label=values["label"],
        count=values["count"],
        allowance=Allowance(seconds=values["seconds"], devices=values["devices"]),
        start_by_ms=house.clock.now_ms() + values["days"] * vouchers.DAY_MS,
        made_by="op",
    )

    with pytest.raises(PortalError, match=r"voucher batch: .*expected"):
        vouchers.create(tables.url(house.settings), b"k" * 32, order, house.clock.now_ms())


# ---- the contract of every method
@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_method_says_no_to_nonsense_or_yes_for_a_time_to_come(house, method: str) -> None:
    desk = house.open()
    for fields in ({}, {"code": ""}, {"code": "' OR 1=1"}, {"code": "x" * 5000}, {"code": "\x00"}):
        outcome = desk.login(Attempt(client=client(), method=method, fields=fields, consent=CONSENT))
        assert isinstance(outcome, Refusal) or outcome.grant.until_ms > house.clock.now_ms()
        assert isinstance(outcome, Refusal) == (method != "click_through")


# ---- facts and schema
def test_a_minute_of_a_site_becomes_one_fact_of_counts(house) -> None:
    desk = house.open()
    for number in range(1, 6):
        desk.telling.seen(desk.identity(client(number)), house.clock.now_ms())
    house.clock.forward(2)
    for number in range(1, 6):
        desk.login(click(number))
    desk.login(show("A" * 15, 9))
    assert desk.telling.flush(house.clock.now_ms()) == 0
    house.clock.forward(61)

    assert desk.telling.flush(house.clock.now_ms()) == 1

    (entry,) = spool.read(house.settings.data.dir / "spool" / "portal.db", after=0, limit=10)
    body = facts.decode(entry.payload).body
    assert (body["online"], body["refused"], body["failed"], body["site"]) == (5, 1, 0, "site-1")
    assert body["time_to_online_ms_p95"] == 2000
    assert desk.telling.flush(house.clock.now_ms()) == 0


def test_the_migration_makes_the_tables_that_the_code_names(house) -> None:
    desk = house.open()
    with desk.store._database.read() as connection:
        made = sa.inspect(connection)
        for table in tables.METADATA.sorted_tables:
            found = {each["name"]: each["nullable"] for each in made.get_columns(table.name)}
            assert found == {each.name: each.nullable for each in table.columns}
            indexed = {index["name"] for index in made.get_indexes(table.name)}
            assert {index.name for index in table.indexes} <= indexed
    version, newest = sql.current(tables.MIGRATIONS, tables.url(house.settings))
    assert version == newest != ""


def test_keys_are_made_once_with_mode_0600_and_a_short_one_is_refused(settings) -> None:
    from netops.config import Secret

    assert keys.identity_key(settings) == keys.identity_key(settings)
    assert keys.identity_key(settings) != keys.voucher_key(settings)
    file = settings.data.dir / "keys" / "portal-identity.key"
    assert file.stat().st_mode & 0o777 == 0o600
    short = replace(settings, portal=replace(settings.portal, identity_key=Secret("plain:short")))
    with pytest.raises(ConfigError, match=r"expected at least 32"):
        keys.identity_key(short)


def test_a_guesser_with_many_devices_at_one_site_blocks_nobody_at_another(house) -> None:
    desk = house.open()
    method = desk.methods["voucher"]
    (good,) = make(house)
    now_ms = house.clock.now_ms()

    def prove(code: str, device: int, site: str) -> object:
        shown = Shown(fields={"code": code}, identity=device.to_bytes(32, "big"), site=site, bounds=Bounds(seconds=60))
        return method.prove(shown, now_ms)

    guesses = [prove(codes.shown(codes.fresh()), device, "attacked") for device in range(200)]
    whys = [each.why for each in guesses]

    assert whys == [Why.UNKNOWN] * 100 + [Why.TOO_OFTEN] * 100
    assert prove(good, 999, "attacked").why is Why.TOO_OFTEN
    assert isinstance(prove(good, 999, "calm"), Grant)
