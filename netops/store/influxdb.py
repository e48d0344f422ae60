"""InfluxDB as telemetry store: lines out by either dialect, InfluxQL in over plain HTTP `/query`.

InfluxDB 1.x takes `v1`; 2.x and 3.x take `v2`, and answer InfluxQL where a DBRP mapping names the bucket as a database.
The whole contract is run against InfluxDB 1.6 with `v1`; 2.x and 3.x are not tested end to end. A point written again
overwrites itself; that the first poll of a slot stays is the drain's doing. Retention is the server's own.
"""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Self

from netops.errors import StoreError
from netops.model import Subject
from netops.store import line
from netops.store.server import BODY_BYTES, Door, authorization, writer
from netops.store.values import OK, Expired, Grouped, Outcome, Reading, SealedFile, Tally, in_order, nearest_rank

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from netops.config import Secret, Settings
    from netops.packed import Polled


def build(settings: Settings, *, writing: bool) -> InfluxDB:  # noqa: ARG001  (a server has many writers)
    """Return the store of the settings, not yet entered."""
    at = settings.store
    return InfluxDB(
        at.url or "http://127.0.0.1:8086",
        dialect=at.dialect,
        database=at.database,
        org=at.org,
        bucket=at.bucket,
        token=at.token,
        timeout_s=at.timeout_s,
    )


class InfluxDB:
    """See the module. Safe to share between threads: one question at a time."""

    settle_s = 0.0  # its write-ahead log is synced before the answer (`wal-fsync-delay = "0s"`, the default)

    def __init__(
        self,
        url: str,
        *,
        dialect: str = "v2",
        database: str = "netops",
        org: str = "netops",
        bucket: str = "netops",
        token: Secret | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        self.url = url
        self._dialect = dialect
        self._database = database
        self._org = org
        self._bucket = bucket
        self._token = token
        self._timeout_s = timeout_s
        self._lock = threading.RLock()
        self._texts = line.Texts(as_label=False)

    def __enter__(self) -> Self:
        self._door = Door(self.url, timeout_s=self._timeout_s, authorization=authorization(self._token))
        self._writer = writer(
            self._door,
            dialect=self._dialect,
            token=self._token,
            org=self._org,
            bucket=self._bucket,
            database=self._database,
            timeout_s=self._timeout_s,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()
        self._door.close()

    def incarnation(self) -> str:
        """Return the same mark always: what it took is durable."""
        return "durable"

    def create(self) -> None:
        """Make the database (dialect v1; a bucket of v2 is made by its operator)."""
        with self._lock:
            self._door.json("/query", {"q": f"CREATE DATABASE {_name(self._database)}"}, body=b"")

    def write(self, polls: Sequence[Polled]) -> None:
        """Write polls, rows and changed texts."""
        with self._lock:
            texts, news = self._texts.lines(polls)
            for body in line.parts(line.lines(polls) + texts, BODY_BYTES):
                self._write(body)
            self._texts.remember(news)

    def _write(self, body: str) -> None:
        try:
            self._writer.write(body)
        except StoreError as error:
            if self._dialect != "v1" or "database not found" not in str(error):
                raise
            self.create()
            self._writer.write(body)

    def last(self, kind: str, metrics: Sequence[str], *, now_ms: int, max_age_ms: int) -> list[Reading]:
        """Return the newest reading of each (subject, metric, device)."""
        newest: dict[tuple[str, str, str], Reading] = {}
        for reading in self._readings(kind, metrics, _window(now_ms - max_age_ms + 1, now_ms + 1)):
            key = (reading.subject.id, reading.metric, reading.device)
            if key not in newest or newest[key].slot_ms < reading.slot_ms:
                newest[key] = reading
        return [newest[key] for key in sorted(newest)]

    def series(self, subject: Subject, metric: str, *, start_ms: int, end_ms: int) -> list[Reading]:
        """Return the readings in order of (slot, device)."""
        return self.readings(subject, [metric], start_ms=start_ms, end_ms=end_ms)

    def readings(self, subject: Subject, metrics: Sequence[str], *, start_ms: int, end_ms: int) -> list[Reading]:
        """Return the series of several metrics, one after the other."""
        where = f"{_window(start_ms, end_ms)} AND subject = {_text(subject.id)}"
        return in_order(self._readings(subject.kind, list(dict.fromkeys(metrics)), where), metrics)

    def grouped(
        self, metric: str, groups: Mapping[Subject, str], *, start_ms: int, end_ms: int, step_ms: int
    ) -> list[Grouped]:
        """Return n, mean and exact p95, computed here: the server's percentile of groups is no exact one."""
        cells: dict[tuple[int, str], list[float]] = defaultdict(list)
        for kind in sorted({subject.kind for subject in groups}):
            fields = f"{_name(metric)}, {_name(metric + ':code')}"
            window = _window(start_ms, end_ms)
            query = f"SELECT {fields} FROM {_name(line.measurement(kind))} WHERE {window} GROUP BY subject"  # noqa: S608
            for tags, rows in self._ask(query):
                group = groups.get(Subject(kind, line.told(tags["subject"])))
                for slot_ms, value, code in rows if group is not None else ():
                    if value is not None and line.code_of(code) == OK:
                        cells[start_ms + (slot_ms - start_ms) // step_ms * step_ms, str(group)].append(float(value))
        return [grouped(at, group, sorted(cells[at, group])) for at, group in sorted(cells)]

    def outcomes(self, *, start_ms: int, end_ms: int, device: str | None = None) -> list[Outcome]:
        """Return one outcome per poll."""
        only = "" if device is None else f" AND device = {_text(device)}"
        query = (
            f'SELECT attempts, lag_ms, "at:ms", rtt_ms FROM {_name(line.POLLS)} '  # noqa: S608
            f"WHERE {_window(start_ms, end_ms)}{only} GROUP BY device, outcome, profile, digest"
        )
        found = [
            Outcome(
                device=line.told(tags["device"]),
                slot_ms=slot_ms,
                at_ms=slot_ms + int(delay),
                outcome=line.told(tags["outcome"]),
                attempts=int(attempts),
                rtt_ms=None if rtt_ms is None else float(rtt_ms),
                lag_ms=float(lag_ms),
                profile=line.told(tags["profile"]),
                digest=line.told(tags["digest"]),
            )
            for tags, rows in self._ask(query)
            for slot_ms, attempts, lag_ms, delay, rtt_ms in rows
        ]
        return sorted(found, key=lambda each: (each.slot_ms, each.device))

    def tally(self, *, start_ms: int, end_ms: int) -> list[Tally]:
        """Return the number of polls per device and outcome."""
        window = _window(start_ms, end_ms)
        query = f"SELECT count(attempts) FROM {_name(line.POLLS)} WHERE {window} GROUP BY device, outcome"  # noqa: S608
        counted = {
            (line.told(tags["device"]), line.told(tags["outcome"])): int(rows[0][1]) for tags, rows in self._ask(query)
        }
        return [Tally(device=key[0], outcome=key[1], polls=counted[key]) for key in sorted(counted)]

    def texts(self, subject: Subject) -> dict[str, str]:
        """Return the newest text of each name."""
        query = (
            f"SELECT * FROM {_name(line.TEXTS)} WHERE kind = {_text(subject.kind)} "  # noqa: S608
            f"AND subject = {_text(subject.id)} GROUP BY kind, subject, device"
        )
        found: list[tuple[int, str, str, str]] = []
        with self._lock:
            for series in self._series(query):
                names = series["columns"][1:]
                for slot_ms, *values in series["values"]:
                    told = zip(names, values, strict=True)
                    found += [
                        (slot_ms, series["tags"]["device"], name, text) for name, text in told if text is not None
                    ]
        found.sort(key=lambda each: each[:2])
        return {name: line.told(text) for _, _, name, text in found}

    def seal(self, now_ms: int) -> list[SealedFile]:  # noqa: ARG002  (the protocol's)
        """Return nothing: a server's files are its own."""
        return []

    def expire(self, now_ms: int) -> list[Expired]:  # noqa: ARG002  (the protocol's)
        """Return nothing: a server has its own retention."""
        return []

    def told(self, facts: Sequence[SealedFile | Expired]) -> None:
        """Nothing was told."""

    def _readings(self, kind: str, metrics: Sequence[str], where: str) -> Iterator[Reading]:
        if not metrics:
            return
        fields = ", ".join(f"{_name(metric)}, {_name(metric + ':code')}" for metric in metrics)
        source = _name(line.measurement(kind))
        query = f'SELECT "at:ms", {fields} FROM {source} WHERE {where} GROUP BY subject, device'  # noqa: S608
        for tags, rows in self._ask(query):
            subject = Subject(kind, line.told(tags["subject"]))
            device = line.told(tags["device"])
            for slot_ms, delay, *pairs in rows:
                for place, metric in enumerate(metrics):
                    value, code = pairs[2 * place : 2 * place + 2]
                    if value is not None or code is not None:
                        yield Reading(
                            subject=subject,
                            metric=metric,
                            device=device,
                            slot_ms=slot_ms,
                            at_ms=slot_ms + int(delay),
                            value=None if value is None else float(value),
                            code=line.code_of(code),
                        )

    def _ask(self, query: str) -> list[tuple[dict[str, str], list[list[Any]]]]:
        return [(series["tags"], series["values"]) for series in self._series(query)]

    def _series(self, query: str) -> list[dict[str, Any]]:
        with self._lock:
            try:
                answer = self._door.json("/query", {"db": self._database, "epoch": "ms", "q": query})
                results = answer["results"]
                failed = [result["error"] for result in results if "error" in result]
                if failed and "database not found" in failed[0]:
                    return []
                if failed:
                    raise StoreError(f"store {self.url}: the query failed ({failed[0]:.200})")
                return [series for result in results for series in result.get("series", [])]
            except (KeyError, TypeError) as error:
                raise StoreError(f"store {self.url}: the answer is no InfluxQL result ({error!r})") from None


def grouped(start_ms: int, group: str, ordered: list[float]) -> Grouped:
    """Return the statistics of sorted values."""
    mean = math.fsum(ordered) / len(ordered)
    return Grouped(group=group, start_ms=start_ms, mean=mean, p95=nearest_rank(ordered, 95), n=len(ordered))


def _window(start_ms: int, end_ms: int) -> str:
    return f"time >= {start_ms}ms AND time < {end_ms}ms"


def _name(identifier: str) -> str:
    return '"' + identifier.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _text(text: str) -> str:
    return "'" + line.kept(text).replace("'", "\\'") + "'"
