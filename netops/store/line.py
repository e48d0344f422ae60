"""Polls as InfluxDB line protocol: one encoder for every server and dialect.

Each row of a poll is one line of the measurement `netops_<kind>` at the scheduled instant (ms), tagged with subject
and device: a field per metric, `<metric>:code` where a value is not simply ok (numbers of `CODES`), and `at:ms`, the
delay of the true instant. Each poll is one line of `netops-poll`. Texts are lines of `netops-text`, on change only:
string fields for InfluxDB, a label for VictoriaMetrics, which keeps numbers alone. The same poll gives the same points:
a server that gets them again overwrites them with themselves.

Tags carry device-made strings. `, = ` and space have their escapes; backslash, per cent and control characters have
none that every parser agrees on, so they travel as `%5C`, `%25`, `%0A` and are turned back on reading.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from netops.errors import RefusedError
from netops.model import Quality, Reason
from netops.packed import Packed
from netops.store.rows import packed
from netops.store.values import OK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from netops.model import Subject
    from netops.packed import Polled, Table

POLLS: Final = "netops-poll"
TEXTS: Final = "netops-text"
TEXTS_KNOWN: Final = 500_000  # newest texts remembered; beyond it the memory starts anew and texts are said again (I6)

# numbers that lie in servers for years: only ever add
CODES: Final[Mapping[str, int]] = {
    Quality.OK: 0,
    Quality.SENTINEL: 1,
    Quality.OUT_OF_RANGE: 2,
    Quality.TORN: 3,
    Quality.STALE: 4,
    Reason.NO_ANSWER: 10,
    Reason.REFUSED: 11,
    Reason.UNDECODABLE: 12,
    Reason.AUTH_FAILED: 13,
    Reason.NO_SUCH_OBJECT: 14,
    Reason.NO_SUCH_INSTANCE: 15,
    Reason.ROW_MISSING: 16,
    Reason.UNREADABLE: 17,
    Reason.PROTOCOL_FAULT: 18,
    Reason.ERROR_STATUS: 19,
    Reason.TOO_SLOW: 20,
    Reason.BUSY: 21,
    Reason.NO_ADDRESS: 30,
    Reason.NO_CREDENTIAL: 31,
    Reason.NO_PROFILE: 32,
    Reason.NOT_RUNNING: 33,
    Reason.MISSED_SLOT: 34,
    Reason.POLLER_LATE: 35,
    Reason.DEADLINE: 36,
    Reason.BUDGET: 37,
    Reason.SOCKET_DROPS: 38,
    Reason.DISK_FULL: 39,
    Reason.ANCHORS_LOST: 40,
    Reason.HOST_KEY: 41,
    Reason.CLOCK: 42,
    Reason.HALTED: 43,
}
CODE_OF: Final[Mapping[int, str]] = {number: str(code) for code, number in CODES.items()}

_UNSAFE = re.compile(r"[%\\\x00-\x1f\x7f\ud800-\udfff]")
_SPECIAL = re.compile(r"[,= ]")
_SHAPES = 4096


def tag(text: str) -> str:
    """Return a tag's value as it stands in a line."""
    return _SPECIAL.sub(lambda found: "\\" + found[0], kept(text))


def kept(text: str) -> str:
    """Return the text as a server keeps it: per-cent signs for what has no agreed escape."""
    return _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}" if ord(found[0]) < 128 else "?", text)


def told(text: str) -> str:
    """Return the text that `kept` wrote."""
    return re.sub(r"%([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), text)


def string(text: str) -> str:
    """Return a string field's value."""
    return '"' + kept(text).replace('"', '\\"') + '"'


def measurement(kind: str) -> str:
    """Return the measurement of a kind of subject."""
    return f"netops_{kind}"


def lines(polls: Iterable[Polled], *, tags: str = "") -> list[str]:
    """Return the lines of polls and rows, without texts; `tags` such as `,db=netops` go into every line."""
    made: list[str] = []
    for each in polls:
        poll = packed(each)
        delay = poll.at_ms - poll.slot_ms
        device = tag(poll.device) + tags
        made.append(_poll(poll, device, delay))
        for table in poll.tables:
            made += _rows(poll, table, device, delay)
    return made


def _rows(poll: Packed, table: Table, device: str, delay: int) -> Iterator[str]:
    """Return a line for each row; what has no value has no field."""
    kind, metrics = table.shape
    codes: dict[int, dict[str, int]] = {}
    for row, metric, code in table.codes:
        codes.setdefault(row, {})[metric] = _number(poll, code)
    plain = _template(kind, metrics, ())
    for row, (subject, values) in enumerate(zip(table.subjects, table.numbers(), strict=True)):
        if row not in codes:
            yield plain % (tag(subject), device, *values, delay, poll.slot_ms)
            continue
        present = {metric: value for metric, value in zip(metrics, values, strict=True) if value == value}  # noqa: PLR0124
        template = _template(kind, tuple(present), tuple(codes[row]))
        yield template % (tag(subject), device, *present.values(), *codes[row].values(), delay, poll.slot_ms)


@lru_cache(maxsize=_SHAPES)
def _template(kind: str, values: tuple[str, ...], codes: tuple[str, ...]) -> str:
    fields = [f"{metric}=%r" for metric in values] + [f"{metric}:code=%di" for metric in codes] + ["at:ms=%di"]
    return f"{measurement(kind)},subject=%s,device=%s {','.join(fields)} %d"


def _poll(poll: Packed, device: str, delay: int) -> str:
    named = {"device": device, "outcome": tag(poll.outcome), "profile": tag(poll.profile), "digest": tag(poll.digest)}
    tags = "".join(f",{name}={value}" for name, value in named.items() if value)  # an empty tag is no tag
    rtt = "" if poll.rtt_ms is None else f",rtt_ms={float(poll.rtt_ms)!r}"
    fields = f"attempts={poll.attempts}i,lag_ms={float(poll.lag_ms)!r},at:ms={delay}i{rtt}"
    return f"{POLLS}{tags} {fields} {poll.slot_ms}"


def _number(poll: Packed, code: str) -> int:
    try:
        return CODES[code]
    except KeyError:
        raise RefusedError(f"poll {poll.id}: the code {code!r:.40} has no number in line protocol") from None


class Texts:
    """Which texts a server was told last, so that only changes travel; thrown away with the process."""

    def __init__(self, *, as_label: bool, tags: str = "") -> None:
        self._as_label = as_label
        self._tags = tags
        self._newest: dict[tuple[Subject, str], tuple[str, int]] = {}

    def lines(self, polls: Iterable[Polled]) -> tuple[list[str], dict[tuple[Subject, str], tuple[str, int]]]:
        """Return the lines of changed texts, and what to `remember` once they are written."""
        made: list[str] = []
        news: dict[tuple[Subject, str], tuple[str, int]] = {}
        for poll in polls:
            for subject, name, value in _texts(poll):
                key = (subject, name)
                newest = news.get(key) or self._newest.get(key)
                if newest is None or poll.slot_ms >= newest[1]:
                    news[key] = (value, poll.slot_ms)
                    if newest is None or newest[0] != value:
                        made.append(self._line(poll, subject, name, value, poll.slot_ms))
                elif newest[0] != value:  # a late one: the newer is said again behind it
                    made.append(self._line(poll, subject, name, value, poll.slot_ms))
                    made.append(self._line(poll, subject, name, *newest))
        return made, news

    def remember(self, news: Mapping[tuple[Subject, str], tuple[str, int]]) -> None:
        """Remember the texts whose lines are written."""
        if len(self._newest) + len(news) > TEXTS_KNOWN:
            self._newest.clear()
        self._newest.update(news)

    def _line(self, poll: Polled, subject: Subject, name: str, *told_at: str | int) -> str:
        value, slot_ms = told_at
        about = f"{TEXTS},kind={subject.kind},subject={tag(subject.id)},device={tag(poll.device)}{self._tags}"
        if not self._as_label:
            return f"{about} {name}={string(str(value))} {slot_ms}"
        shown = tag(str(value))
        return f"{about},name={name}{f',value={shown}' if shown else ''} told=1i {slot_ms}"


def _texts(poll: Polled) -> Iterator[tuple[Subject, str, str]]:
    """Return the texts of a poll in the order of its rows."""
    if isinstance(poll, Packed) and not any(table.texts for table in poll.tables):
        return
    for row in poll.rows:
        for name, value in row.texts.items():
            yield row.subject, name, value


def code_of(number: float | None) -> str:
    """Return the code of a number that a server kept; no number is ok."""
    return OK if number is None else CODE_OF.get(int(number), f"unknown_code_{int(number)}")


def parts(found: Sequence[str], size: int) -> list[str]:
    """Return the lines as bodies of at most about `size` characters."""
    bodies: list[list[str]] = [[]]
    held = 0
    for line in found:
        if held + len(line) > size and bodies[-1]:
            bodies.append([])
            held = 0
        bodies[-1].append(line)
        held += len(line) + 1
    return ["\n".join(body) + "\n" for body in bodies if body]
