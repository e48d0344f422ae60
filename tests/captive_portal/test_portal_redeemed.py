"""Vouchers at the desk: first use, devices, single use, worthless ones, guessers."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from captive_portal import code as codes
from captive_portal import keys, tables, vouchers
from captive_portal.desk import Attempt
from captive_portal.errors import PortalError
from captive_portal.methods import Shown
from captive_portal.model import Allowance, Bounds, Client, Consent, Grant, Session
from captive_portal.verdict import Refusal, Why

CONSENT = Consent(terms="1", language="zh_CN", digest="0" * 64, channel="portal")


def client(number: int = 1) -> Client:
    return Client(mac=f"02:00:00:00:00:{number:02x}", interface="simulated", addresses=(f"127.0.0.{number}",))


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
    desk.upkeep.expire()
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
