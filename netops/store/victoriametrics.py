"""VictoriaMetrics as telemetry store: lines in by `v2` (or `v1`), answers from its own API.

It keeps numbers only, one series per field: texts are labels, codes are numbers of a series of their own. Within a
series some 18 decimal digits lie between its largest and its smallest value: a counter beside millionths loses the
millionths. What it took in its last seconds it may lose when killed: `settle_s` and `incarnation` let the drain write
that again. Run it with `-dedup.minScrapeInterval=1ms`, so that a sample written again counts once in its own functions.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Self

from netops.errors import StoreError
from netops.model import Subject
from netops.store import line
from netops.store.influxdb import grouped
from netops.store.server import BODY_BYTES, Door, authorization, writer
from netops.store.values import OK, Expired, Grouped, Outcome, Reading, SealedFile, Tally, in_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from netops.config import Secret, Settings
    from netops.packed import Polled

_STARTED = re.compile(rb"^vm_app_start_timestamp (\d+)", re.MULTILINE)
_UPTIME = re.compile(rb"^vm_app_uptime_seconds (\d+)", re.MULTILINE)
_DAY_MS = 86_400_000
_ALWAYS_MS = 4_102_444_800_000  # 2100: texts are asked for without a window


def build(settings: Settings, *, writing: bool) -> VictoriaMetrics:  # noqa: ARG001  (a server has many writers)
    """Return the store of the settings, not yet entered."""
    at = settings.store
    return VictoriaMetrics(
        at.url or "http://127.0.0.1:8428",
        dialect=at.dialect,
        token=at.token,
        timeout_s=at.timeout_s,
        database=at.database,
    )


class VictoriaMetrics:
    """See the module. Safe to share between threads: one question at a time."""

    settle_s = 15.0  # it writes its memory to disk every 5 s; up to 7 s were lost on kill -9

    def __init__(
        self,
        url: str,
        *,
        dialect: str = "v2",
        database: str = "netops",
        token: Secret | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        self.url = url
        self._dialect = dialect
        self._database = database
        self._token = token
        self._timeout_s = timeout_s
        self._lock = threading.RLock()
        # `/write?db=` makes the label itself, `/api/v2/write?bucket=` does not: several cities may share one server
        self._tags = f",db={line.tag(database)}" if dialect == "v2" else ""
        self._only = f",db={_text(database)}"
        self._texts = line.Texts(as_label=True, tags=self._tags)

    def __enter__(self) -> Self:
        self._door = Door(self.url, timeout_s=self._timeout_s, authorization=authorization(self._token))
        self._writer = writer(
            self._door,
            dialect=self._dialect,
            token=self._token,
            org="netops",
            bucket=self._database,
            database=self._database,
            timeout_s=self._timeout_s,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()
        self._door.close()

    def incarnation(self) -> str:
        """Return the second in which the server's process started.

        `/metrics` is a second old at times, and a process that started in the same second as the one before it would
        pass for it. So a server younger than a second is not there yet: after that no other start can be this one.
        """
        with self._lock:
            content = self._door.ask("/metrics", {})
        started, uptime = _STARTED.search(content), _UPTIME.search(content)
        if started is None or uptime is None:
            raise StoreError(f"store {self.url}/metrics: no start time of the process; is this VictoriaMetrics?")
        if int(uptime[1]) < 1:
            raise StoreError(f"store {self.url}: it has only just started; nothing is written to it for a second")
        return started[1].decode("ascii")

    def flush(self) -> None:
        """Make what was written visible to questions now; it shows by itself after a second."""
        with self._lock:
            self._door.ask("/internal/force_flush", {})

    def write(self, polls: Sequence[Polled]) -> None:
        """Write polls, rows and changed texts."""
        with self._lock:
            texts, news = self._texts.lines(polls)
            for body in line.parts(line.lines(polls, tags=self._tags) + texts, BODY_BYTES):
                self._writer.write(body)
            self._texts.remember(news)

    def last(self, kind: str, metrics: Sequence[str], *, now_ms: int, max_age_ms: int) -> list[Reading]:
        """Return the newest reading of each (subject, metric, device)."""
        newest: dict[tuple[str, str, str], Reading] = {}
        for reading in self._readings(kind, metrics, "", (now_ms - max_age_ms + 1, now_ms + 1)):
            key = (reading.subject.id, reading.metric, reading.device)
            if key not in newest or newest[key].slot_ms < reading.slot_ms:
                newest[key] = reading
        return [newest[key] for key in sorted(newest)]

    def series(self, subject: Subject, metric: str, *, start_ms: int, end_ms: int) -> list[Reading]:
        """Return the readings in order of (slot, device)."""
        return self.readings(subject, [metric], start_ms=start_ms, end_ms=end_ms)

    def readings(self, subject: Subject, metrics: Sequence[str], *, start_ms: int, end_ms: int) -> list[Reading]:
        """Return the series of several metrics, one after the other."""
        asked = list(dict.fromkeys(metrics))
        if not asked:
            return []
        return in_order(self._readings(subject.kind, asked, f",subject={_text(subject.id)}", (start_ms, end_ms)), asked)

    def grouped(
        self, metric: str, groups: Mapping[Subject, str], *, start_ms: int, end_ms: int, step_ms: int
    ) -> list[Grouped]:
        """Return n, mean and exact p95, computed here: the server's quantile interpolates."""
        cells: dict[tuple[int, str], list[float]] = defaultdict(list)
        for kind in sorted({subject.kind for subject in groups}):
            for reading in self._readings(kind, [metric], "", (start_ms, end_ms)):
                group = groups.get(reading.subject)
                if group is not None and reading.value is not None and reading.code == OK:
                    at = start_ms + (reading.slot_ms - start_ms) // step_ms * step_ms
                    cells[at, group].append(reading.value)
        return [grouped(at, group, sorted(cells[at, group])) for at, group in sorted(cells)]

    def outcomes(self, *, start_ms: int, end_ms: int, device: str | None = None) -> list[Outcome]:
        """Return one outcome per poll."""
        only = "" if device is None else f",device={_text(device)}"
        polls: dict[tuple[tuple[str, ...], int], dict[str, float]] = defaultdict(dict)
        for labels, samples in self._export(f'{{__name__=~"{line.POLLS}_.*"{self._only}{only}}}', start_ms, end_ms):
            key = tuple(line.told(labels.get(name, "")) for name in ("device", "outcome", "profile", "digest"))
            field = labels["__name__"].removeprefix(line.POLLS + "_")
            for slot_ms, value in samples.items():
                polls[key, slot_ms][field] = value
        found = [
            Outcome(
                device=told,
                slot_ms=slot_ms,
                at_ms=slot_ms + int(fields["at:ms"]),
                outcome=outcome,
                attempts=int(fields["attempts"]),
                rtt_ms=fields.get("rtt_ms"),
                lag_ms=fields["lag_ms"],
                profile=profile,
                digest=digest,
            )
            for ((told, outcome, profile, digest), slot_ms), fields in polls.items()
        ]
        return sorted(found, key=lambda each: (each.slot_ms, each.device))

    def tally(self, *, start_ms: int, end_ms: int) -> list[Tally]:
        """Return the number of polls per device and outcome."""
        if (end_ms - 1) % _DAY_MS == 0:  # see `_export`: a sample at midnight that is the window's last
            counts = Counter((each.device, each.outcome) for each in self.outcomes(start_ms=start_ms, end_ms=end_ms))
            return [Tally(device=key[0], outcome=key[1], polls=counts[key]) for key in sorted(counts)]
        selector = f'{{__name__="{line.POLLS}_attempts"{self._only}}}[{end_ms - start_ms}ms]'
        query = f"sum(count_over_time({selector})) by (device, outcome)"
        at = f"{(end_ms - 1) / 1000:.3f}"  # a range is open at its start and closed at its end
        with self._lock:
            answer = self._door.json("/api/v1/query", {"query": query, "time": at, "nocache": "1"})
        try:
            counted = {
                (line.told(each["metric"]["device"]), line.told(each["metric"]["outcome"])): int(
                    float(each["value"][1])
                )
                for each in answer["data"]["result"]
            }
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(f"store {self.url}: the answer is no result of a query ({error!r})") from None
        return [Tally(device=key[0], outcome=key[1], polls=counted[key]) for key in sorted(counted)]

    def texts(self, subject: Subject) -> dict[str, str]:
        """Return the newest text of each name."""
        about = f"kind={_text(subject.kind)},subject={_text(subject.id)}"
        found: list[tuple[int, str, str, str]] = []
        for labels, samples in self._export(f'{{__name__="{line.TEXTS}_told"{self._only},{about}}}', 0, _ALWAYS_MS):
            told = (labels["device"], labels["name"], line.told(labels.get("value", "")))
            found += [(slot_ms, *told) for slot_ms in samples]
        return {name: text for _, _, name, text in sorted(found)}

    def seal(self, now_ms: int) -> list[SealedFile]:  # noqa: ARG002  (the protocol's)
        """Return nothing: a server's files are its own."""
        return []

    def expire(self, now_ms: int) -> list[Expired]:  # noqa: ARG002  (the protocol's)
        """Return nothing: a server has its own retention."""
        return []

    def told(self, facts: Sequence[SealedFile | Expired]) -> None:
        """Nothing was told."""

    def _readings(self, kind: str, metrics: Sequence[str], only: str, window: tuple[int, int]) -> Iterator[Reading]:
        prefix = line.measurement(kind) + "_"
        wanted = [name for metric in metrics for name in (metric, f"{metric}:code")] + ["at:ms"]
        names = "|".join(_regex(prefix + name) for name in wanted)
        rows: dict[tuple[str, str], dict[int, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
        for labels, samples in self._export(f'{{__name__=~"{names}"{self._only}{only}}}', *window):
            field = labels["__name__"].removeprefix(prefix)
            row = rows[labels["subject"], labels["device"]]
            for slot_ms, sample in samples.items():
                row[slot_ms][field] = sample
        for (subject, device), slots in rows.items():
            about = (Subject(kind, line.told(subject)), line.told(device))
            for slot_ms, fields in slots.items():
                for metric in metrics:
                    value, code = fields.get(metric), fields.get(f"{metric}:code")
                    if value is not None or code is not None:
                        yield Reading(
                            subject=about[0],
                            metric=metric,
                            device=about[1],
                            slot_ms=slot_ms,
                            at_ms=slot_ms + int(fields.get("at:ms", 0)),
                            value=value,
                            code=line.code_of(code),
                        )

    def _export(self, selector: str, start_ms: int, end_ms: int) -> Iterator[tuple[dict[str, str], dict[int, float]]]:
        """Yield labels and samples by slot; a sample that was written twice is there once."""
        # the end is meant to be inclusive, but a sample at midnight UTC that is the window's last is not found (1.79
        # looks up the days before the end): one millisecond more is asked for than wanted
        query = {"match[]": selector, "start": f"{start_ms / 1000:.3f}", "end": f"{end_ms / 1000:.3f}"}
        with self._lock:
            content = self._door.ask("/api/v1/export", query)
        try:
            for told in content.splitlines():
                series: dict[str, Any] = json.loads(told)
                pairs = zip(series["timestamps"], series["values"], strict=True)
                yield series["metric"], {slot: float(value) for slot, value in pairs if start_ms <= slot < end_ms}
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(f"store {self.url}: the answer is no export ({error!r})") from None


def _text(text: str) -> str:
    return '"' + line.kept(text).replace('"', '\\"') + '"'


def _regex(name: str) -> str:
    return re.escape(name).replace("\\", "\\\\")
