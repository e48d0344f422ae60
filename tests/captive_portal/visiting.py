"""Visitors by their number, and what became of their visits."""

from __future__ import annotations

import sqlalchemy as sa

from captive_portal import tables
from captive_portal.desk import Attempt
from captive_portal.model import Client, Consent

CONSENT = Consent(terms="1", language="zh_CN", digest="0" * 64, channel="portal")


def client(number: int = 1) -> Client:
    return Client(mac=f"02:00:00:00:00:{number:02x}", interface="simulated", addresses=(f"127.0.0.{number}",))


def click(number: int = 1) -> Attempt:
    return Attempt(client=client(number), method="click_through", fields={}, consent=CONSENT)


def rows(desk, table) -> list:
    with desk.store._database.read() as connection:
        return list(connection.execute(sa.select(table)))


def inside(house) -> set[str]:
    return {each.client.addresses[0] for each in house.gateway.admitted()}


def ends(desk) -> list[tuple[str, str | None]]:
    return sorted((row.mac or "", row.end) for row in rows(desk, tables.SESSION))
