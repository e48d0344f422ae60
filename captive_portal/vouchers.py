"""Voucher batches as staff see them: make one, list them, withdraw one. The codes are shown once and stored nowhere.

The staff page and the command line write here, each in a short transaction of its own, beside the portal process.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from captive_portal import code
from captive_portal.errors import OrderError
from captive_portal.redeeming import hashed
from captive_portal.tables import BATCH, MIGRATIONS, SESSION, VOUCHER
from inventory import sql

if TYPE_CHECKING:
    from collections.abc import Collection

    from captive_portal.model import Allowance

MOST = 10_000
LONGEST_MINUTES = 366 * 24 * 60
MOST_DEVICES = 50
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a batch is to be: `start_by_ms` is the last instant at which one of its vouchers may be used first."""

    label: str
    count: int
    allowance: Allowance
    start_by_ms: int
    made_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One batch, with how many of its vouchers have been used."""

    id: str
    label: str
    made_ms: int
    made_by: str
    minutes: int
    devices: int
    single_use: bool
    start_by_ms: int
    withdrawn_ms: int | None
    count: int
    used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One session as staff see it: no MAC, no address; `device` is the head of the keyed identity."""

    id: str
    device: str
    site: str
    method: str
    since_ms: int
    until_ms: int
    online: bool


def sane(order: Order, now_ms: int) -> Order:
    """Return the order, or raise OrderError naming what cannot be."""
    checks = (
        (0 < order.count <= MOST, f"count {order.count}; expected 1 to {MOST}"),
        (0 < order.allowance.seconds <= LONGEST_MINUTES * 60, f"expected 1 to {LONGEST_MINUTES} minutes"),
        (
            0 < order.allowance.devices <= MOST_DEVICES,
            f"devices {order.allowance.devices}; expected 1 to {MOST_DEVICES}",
        ),
        (
            len(order.label) <= 200 and (order.label or "-").isprintable(),
            "label; expected at most 200 printable characters",
        ),
        (order.start_by_ms > now_ms, "the last day of first use is over; expected a day to come"),
    )
    for holds, what in checks:
        if not holds:
            raise OrderError(f"voucher batch: {what}")
    return order


def exists(url: str) -> bool:
    """Whether the portal's tables are there: before the portal's first start nothing is, and nothing is shown."""
    return all(sql.current(MIGRATIONS, url))


def create(url: str, key: bytes, order: Order, now_ms: int) -> tuple[str, list[str]]:
    """Make a batch; return its id and the codes, shown in groups. This is the only time that they exist in clear."""
    sane(order, now_ms)
    sql.upgrade(MIGRATIONS, url)
    batch = f"b-{secrets.token_hex(5)}"
    codes = [code.fresh() for _ in range(order.count)]
    with sql.Database(url) as database, database.write() as connection:
        connection.execute(
            sa.insert(BATCH),
            {
                "id": batch,
                "label": order.label,
                "made_ms": now_ms,
                "made_by": order.made_by,
                "minutes": order.allowance.seconds // 60,
                "devices": order.allowance.devices,
                "single_use": order.allowance.single_use,
                "start_by_ms": order.start_by_ms,
            },
        )
        connection.execute(sa.insert(VOUCHER), [{"hash": hashed(key, each), "batch": batch} for each in codes])
    return batch, [code.shown(each) for each in codes]


def withdraw(url: str, batch: str, now_ms: int) -> bool:
    """Make every voucher of the batch worthless for new logins; return whether there was such a batch."""
    change = sa.update(BATCH).where(BATCH.c.id == batch, BATCH.c.withdrawn_ms.is_(None)).values(withdrawn_ms=now_ms)
    with sql.Database(url) as database, database.write() as connection:
        return connection.execute(change).rowcount > 0


def batches(url: str) -> list[Batch]:
    """Return all batches, the newest first."""
    counted = (
        sa.select(VOUCHER.c.batch, sa.func.count().label("count"), sa.func.count(VOUCHER.c.first_ms).label("used"))
        .group_by(VOUCHER.c.batch)
        .subquery()
    )
    wanted = sa.select(BATCH, counted.c.count, counted.c.used).join(counted, counted.c.batch == BATCH.c.id)
    with sql.Database(url, readonly=True) as database, database.read() as connection:
        rows = connection.execute(wanted.order_by(BATCH.c.made_ms.desc(), BATCH.c.id)).mappings().all()
    return [Batch(**row) for row in rows]


def visits(url: str, *, limit: int = 500, sites: Collection[str] | None = None) -> tuple[int, list[Visit]]:
    """Return how many sessions live, and the newest of them; with `sites` those there alone."""
    alive: sa.ColumnElement[bool] = SESSION.c.ended_ms.is_(None)
    if sites is not None:
        alive = sa.and_(alive, SESSION.c.site.in_(sorted(sites)))
    with sql.Database(url, readonly=True) as database, database.read() as connection:
        total = connection.execute(sa.select(sa.func.count()).where(alive).select_from(SESSION)).scalar_one()
        rows = connection.execute(
            sa.select(SESSION).where(alive).order_by(SESSION.c.since_ms.desc(), SESSION.c.id).limit(limit)
        ).all()
    return int(total), [
        Visit(
            id=row.id,
            device=row.identity.hex()[:10],
            site=row.site,
            method=row.method,
            since_ms=row.since_ms,
            until_ms=row.until_ms,
            online=row.online_ms is not None,
        )
        for row in rows
    ]
