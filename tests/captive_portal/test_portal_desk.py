"""The desk with its real database and spool, on a simulated gateway: what is recorded and stated of who comes in."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from captive_portal import keys, tables
from captive_portal.desk import Attempt
from captive_portal.errors import GatewayError, PortalError
from captive_portal.model import Client, Consent, End, Session
from captive_portal.verdict import Refusal, Why
from inventory import sql
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


def test_nobody_is_let_in_when_the_record_fails(house, monkeypatch) -> None:
    desk = house.open()
    monkeypatch.setattr(desk.store, "admit", lambda _: (_ for _ in ()).throw(PortalError("disk full")))

    with pytest.raises(PortalError, match="no_record"):
        desk.login(click())

    assert inside(house) == set()
    assert desk.telling.totals["ours"] == 1


def test_a_gateway_that_does_not_answer_leaves_nobody_in_and_an_ended_record(house, monkeypatch) -> None:
    desk = house.open()
    monkeypatch.setattr(house.gateway, "allow", lambda *_: (_ for _ in ()).throw(GatewayError("silent")))

    with pytest.raises(PortalError, match="no_gateway"):
        desk.login(click())

    (row,) = rows(desk, tables.SESSION)
    assert row.end == End.NO_GATEWAY
    assert desk.live == 0


def test_logging_in_and_out_in_a_circle_is_slowed(house) -> None:
    desk = house.open()
    outcomes = []
    for _ in range(15):
        outcomes.append(desk.login(click()))
        desk.logout(client())

    assert [isinstance(each, Refusal) for each in outcomes] == [False] * 12 + [True] * 3
    assert outcomes[-1].why is Why.TOO_OFTEN


# ---- schema
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
