"""What an inspection asks for, in one file: identity, session and address logs of a window, their chain, a manifest.

The manifest names every file by its SHA-256 and the chain's head before and after, so that whoever holds the file can
hold it against the ledger later. Numbers and MAC addresses are in it only when two persons have approved that
(`inspection`); else everybody is their keyed hash. It ends where the window ends: of entries of the chain that lie
around it only the digest goes out, so that the piece still follows from the one before.
"""

from __future__ import annotations

import json
import os
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from captive_portal.errors import RecordsError
from captive_portal.records import chain
from captive_portal.records.parcel import Parcel
from captive_portal.tables import ADDRESS, CONSENT, RECORD, SESSION, TERMS
from netops.clock import iso, utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from captive_portal.records.persons import Persons

FORMAT = "netops.portal.export.1"
MARGIN_MS = 86_400_000  # entries are found by their own time, sessions by theirs
MOST_NAT = 1 << 31  # octets of one file of a NAT log


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From when to when, and in which time zone it is written."""

    start_ms: int
    end_ms: int
    zone: ZoneInfo

    def at(self, at_ms: int | None) -> str:
        """Return an instant with its offset, or nothing."""
        if at_ms is None:
            return ""
        return utc(at_ms).astimezone(self.zone).isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Who took it, why, and under which approval numbers are in it."""

    by: str
    city: str
    rehearsal: bool
    now_ms: int
    request: str = ""


@dataclass(slots=True)
class Span:
    """The piece of the chain that is in the export: numbers from 1, 0 where there is none."""

    first: int = 0
    last: int = 0
    head: str = ""


README = """这是 WiFi 认证平台按时间段导出的日志，供依法检查使用。This is an export of the portal's logs.


sessions.csv    上网日志：每次上网一行 / one line a session
addresses.csv   会话与 IP 地址的对应 / which addresses a session used
consents.csv    同意条款的记录 / consent to the terms
terms/          同意的条款原文，文件名含摘要前十二位 / the terms agreed to, by the first 12 digits of their digest
identities.csv  身份日志：散列与手机号、账号、MAC 的对应（仅经两人批准） / identities (only when two persons approved)
chain.jsonl     日志链的条目（时段以外的只有摘要） / entries of the log's chain, those outside by digest alone
nat/            地址转换日志（如有） / NAT logs (where there are any)
manifest.json   文件清单与 SHA-256 / every file by its SHA-256

各表以 session、device、person 三列相连；散列相同即同一设备或同一人。
Tables are joined by session, device and person: the same hash is the same device or person.
"""


def write(
    path: Path,
    read: Callable[[Callable[[sa.Connection], dict[str, Any]]], dict[str, Any]],
    window: Window,
    about: About,
    *,
    persons: Persons | None = None,
    nat: Path | None = None,
) -> dict[str, Any]:
    """Write the export, whole or not at all; return its manifest. `persons` only when that was approved."""
    fresh = path.with_name(f".{path.name}.part")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                parcel = Parcel(archive)
                manifest = read(lambda connection: _fill(parcel, connection, window, about, persons))
                manifest["nat"] = _nat(parcel, nat, window)
                parcel.text("README.txt", README)
                manifest["files"] = list(parcel.members)
                archive.writestr(
                    zipfile.ZipInfo("manifest.json", (1980, 1, 1, 0, 0, 0)),
                    json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True) + "\n",
                )
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise RecordsError(f"{path}: cannot be written ({error.strerror})") from None
    finally:
        with suppress(OSError):
            fresh.unlink()
    return manifest


def _fill(
    parcel: Parcel, connection: sa.Connection, window: Window, about: About, persons: Persons | None
) -> dict[str, Any]:
    """Write what the database says, all of one state."""
    hashes: set[bytes] = set()
    sessions = parcel.rows("sessions.csv", SESSIONS, _sessions(connection, window, hashes))
    ids = sa.select(SESSION.c.id).where(_within(window))
    parcel.rows("addresses.csv", ("session", "address", "since"), _addresses(connection, window, ids))
    parcel.rows(
        "consents.csv",
        ("session", "at", "terms", "language", "text_sha256", "channel"),
        _consents(connection, window, ids),
    )
    for each in _terms(connection, ids):
        parcel.text(f"terms/{each.version}.{each.language}.{each.digest[:12]}.txt", each.text)
    span = Span()
    parcel.objects("chain.jsonl", _entries(connection, window, span))
    if persons is not None:
        parcel.rows("identities.csv", ("hash", "kind", "value", "sealed_in"), _identities(persons, hashes))
    number, head = chain.last(connection)
    return {
        "format": FORMAT,
        "city": about.city,
        "rehearsal": about.rehearsal,
        "from": window.at(window.start_ms),
        "to": window.at(window.end_ms),
        "made": iso(about.now_ms),
        "by": about.by,
        "request": about.request,
        "identities": persons is not None,
        "sessions": sessions,
        "chain": {
            "first": span.first,
            "before": _head_before(connection, span.first) if span.first else "",
            "last": span.last,
            "head": span.head,
            "newest": number,
            "newest_head": head.hex(),
        },
    }


SESSIONS = (
    "session", "site", "interface", "method", "device", "person", "voucher", "since", "until", "online", "ended",
    "end", "octets_up", "octets_down", "policy",
)  # fmt: skip


def _within(window: Window) -> sa.ColumnElement[bool]:
    """Return what tells the sessions that were open at any time of the window."""
    goes_on = sa.or_(SESSION.c.ended_ms.is_(None), SESSION.c.ended_ms >= window.start_ms)
    return sa.and_(SESSION.c.since_ms < window.end_ms, goes_on)


def _sessions(connection: sa.Connection, window: Window, hashes: set[bytes]) -> Iterator[Sequence[object]]:
    wanted = sa.select(SESSION).where(_within(window)).order_by(SESSION.c.since_ms, SESSION.c.id)
    for row in connection.execution_options(yield_per=1000).execute(wanted):
        hashes.update(each for each in (row.identity, row.person) if each)
        times = (window.at(each) for each in (row.since_ms, row.until_ms, row.online_ms, row.ended_ms))
        known = ((each or b"").hex() for each in (row.identity, row.person, row.voucher))
        used = (row.end or "", row.octets_up, row.octets_down, row.policy)
        yield (row.id, row.site, row.interface, row.method, *known, *times, *used)


def _addresses(connection: sa.Connection, window: Window, ids: sa.Select[Any]) -> Iterator[Sequence[object]]:
    used = sa.and_(ADDRESS.c.session.in_(ids), ADDRESS.c.since_ms < window.end_ms)
    wanted = sa.select(ADDRESS).where(used).order_by(ADDRESS.c.since_ms, ADDRESS.c.address)
    for row in connection.execution_options(yield_per=1000).execute(wanted):
        yield (row.session, row.address, window.at(row.since_ms))


def _consents(connection: sa.Connection, window: Window, ids: sa.Select[Any]) -> Iterator[Sequence[object]]:
    wanted = sa.select(CONSENT).where(CONSENT.c.session.in_(ids)).order_by(CONSENT.c.at_ms, CONSENT.c.session)
    for row in connection.execution_options(yield_per=1000).execute(wanted):
        yield (row.session, window.at(row.at_ms), row.terms, row.language, row.digest, row.channel)


def _terms(connection: sa.Connection, ids: sa.Select[Any]) -> list[Any]:
    """Return the texts that these consents are to, as they were shown."""
    agreed = sa.select(CONSENT.c.digest).where(CONSENT.c.session.in_(ids))
    wanted = sa.select(TERMS).where(TERMS.c.digest.in_(agreed)).order_by(TERMS.c.version, TERMS.c.language)
    return list(connection.execute(wanted))


def _entries(connection: sa.Connection, window: Window, span: Span) -> Iterator[dict[str, Any]]:
    """Yield one piece of the chain, from the first entry of the window that is left to the last, none left out."""
    at = sa.and_(RECORD.c.at_ms >= window.start_ms - MARGIN_MS, RECORD.c.at_ms < window.end_ms + MARGIN_MS)
    ends = sa.select(sa.func.min(RECORD.c.n), sa.func.max(RECORD.c.n)).where(RECORD.c.body.is_not(None), at)
    low, high = connection.execute(ends).one()
    if low is None:
        return
    going_on = sa.select(SESSION.c.id).where(_within(window), SESSION.c.since_ms < window.start_ms)
    begun = {*connection.execute(going_on).scalars()}  # sessions that the window finds open: as many as at one time
    wanted = sa.select(RECORD).where(RECORD.c.n >= low, RECORD.c.n <= high).order_by(RECORD.c.n)
    for row in connection.execution_options(yield_per=1000).execute(wanted):
        span.first, span.last, span.head = span.first or row.n, row.n, row.head.hex()
        own = {"n": row.n, "at_ms": row.at_ms, "kind": row.kind, "body": _body(row, window, begun)}
        yield {**own, "digest": row.digest.hex(), "head": row.head.hex()}


def _body(row: Any, window: Window, going_on: set[str]) -> str | None:
    """Return what an entry says where the window covers it; a certificate names nobody."""
    body: str | None = row.body
    if body is None or row.kind in chain.CERTIFICATES or window.start_ms <= row.at_ms < window.end_ms:
        return body
    with suppress(ValueError, TypeError, AttributeError):  # altered: a digest, which its content does not hold against
        if row.at_ms < window.start_ms and json.loads(body).get("session") in going_on:
            return body
    return None


def _head_before(connection: sa.Connection, number: int) -> str:
    found = connection.execute(sa.select(RECORD.c.head).where(RECORD.c.n == number - 1)).scalar()
    return bytes(found or chain.GENESIS).hex()


def _identities(persons: Persons, hashes: set[bytes]) -> Iterator[Sequence[object]]:
    """Yield what hashes stand for; one that is erased or does not open says so itself."""
    for each in sorted(hashes):
        try:
            known = persons.opened(each)
        except RecordsError:
            yield (each.hex(), "", "does not open", "")
            continue
        if known is None:
            yield (each.hex(), "", "erased", "")
        else:
            yield (each.hex(), known.kind.value, known.value, known.period)


def _nat(parcel: Parcel, folder: Path | None, window: Window) -> str:
    """Copy the NAT log's files of the window's days: those with a day, 2026-11-27, in their names."""
    if folder is None:
        return "none here: addresses are translated elsewhere, ask who does (`portal.nat_log` names a folder)"
    if not folder.is_dir():
        raise RecordsError(f"{folder}: no directory; `portal.nat_log` names the folder of the NAT log's files")
    days = {f"{utc(window.end_ms - 1).astimezone(window.zone):%Y-%m-%d}"}
    for at_ms in range(window.start_ms, window.end_ms, MARGIN_MS // 2):
        days.add(f"{utc(at_ms).astimezone(window.zone):%Y-%m-%d}")
    files = sorted(file for file in folder.iterdir() if any(day in file.name for day in days) and file.is_file())
    for file in files:
        if file.is_symlink() or file.stat().st_size > MOST_NAT:
            raise RecordsError(f"{file}: expected a plain file of at most {MOST_NAT >> 30} GiB")
        parcel.file(f"nat/{file.name}", file)
    return f"{len(files)} files of {min(days)} to {max(days)}"
