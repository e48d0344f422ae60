"""What the processes of the house tell of themselves, for Prometheus: a closed list, and a loopback port each.

With `measures.port` set, each service of a machine answers `http://127.0.0.1:<port + its place>/metrics`; the place is
that of `netops.privilege.SERVICES`. The web process has its own `/metrics` beside its pages. What a service has to tell
beyond that it lives it tells by `measures()`; asked from a thread of its own, it reads and changes nothing.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, Self, runtime_checkable

from netops import drain, situation, spool
from netops.errors import ConfigError, NetopsError
from netops.ledger_file import LedgerReader
from netops.privilege import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from netops.config import Settings
    from netops.service import Service

PATIENCE_S = 5.0  # for one who has connected and asks nothing
MEDIA = "text/plain; version=0.0.4"
LAGS_S = (0.05, 0.1, 0.5, 1.0, 5.0, 30.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One entry of the list; `labels` are the only ones that its samples have."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    said: str
    labels: tuple[str, ...] = ()


class Told(NamedTuple):
    """One sample. A histogram's are told by `histogram`."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


MEASURES = (
    Measure(name="netops_up", kind="gauge", said="1: the service runs", labels=("service",)),
    Measure(
        name="netops_problems", kind="gauge", said="what the service says is wrong, by number", labels=("service",)
    ),
    Measure(
        name="netops_spool_waiting_records",
        kind="gauge",
        said="records in the service's spool that the core has not taken",
        labels=("service",),
    ),
    Measure(name="netops_polls_total", kind="counter", said="polls kept since the start", labels=("outcome",)),
    Measure(name="netops_poll_lag_seconds", kind="histogram", said="how late a poll was sent against its slot"),
    Measure(name="netops_taken_total", kind="counter", said="what the core took since its start", labels=("what",)),
    Measure(name="netops_ledger_leaves", kind="gauge", said="facts in the ledger"),
    Measure(name="netops_seal_age_seconds", kind="gauge", said="since the newest signed checkpoint; -1: there is none"),
    Measure(name="netops_situation_age_seconds", kind="gauge", said="since the core judged last; -1: never"),
    Measure(name="netops_incidents_open", kind="gauge", said="incidents that are open", labels=("severity",)),
    Measure(name="netops_web_spool_records", kind="gauge", said="records in the spool of the web process"),
    Measure(
        name="netops_web_requests_total",
        kind="counter",
        said="requests answered",
        labels=("app", "endpoint", "status"),
    ),
    Measure(name="netops_web_request_seconds", kind="histogram", said="time to an answer", labels=("app",)),
)
BY_NAME = {each.name: each for each in MEASURES}
SUFFIXES = ("_bucket", "_sum", "_count")


@runtime_checkable
class Measured(Protocol):
    """A service that tells more than that it lives."""

    def measures(self) -> Iterable[Told]:
        """Return what it counts now."""
        ...


def histogram(name: str, counts: Sequence[int], total: float) -> Iterator[Told]:
    """Yield the samples of a histogram without labels; `counts` are those of each bound of LAGS_S and beyond."""
    held = 0
    for bound, count in zip([*map(str, LAGS_S), "+Inf"], counts, strict=True):
        held += count
        yield Told(f"{name}_bucket", held, (bound,))
    yield Told(f"{name}_sum", total)
    yield Told(f"{name}_count", held)


def text(told: Iterable[Told]) -> str:
    """Return samples in the Prometheus text format, each family once with its help; KeyError of what is not listed."""
    families: dict[str, list[str]] = {}
    for each in told:
        known = BY_NAME.get(each.name) or BY_NAME[_family(each.name)]
        names = (*known.labels, "le") if each.name.endswith("_bucket") else known.labels
        pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(names, each.labels, strict=True))
        braced = f"{{{pairs}}}" if pairs else ""
        families.setdefault(known.name, []).append(f"{each.name}{braced} {each.value!r}")
    lines = []
    for name, samples in families.items():
        known = BY_NAME[name]
        lines += [f"# HELP {name} {known.said}", f"# TYPE {name} {known.kind}", *samples]
    return "\n".join(lines) + "\n"


def _family(name: str) -> str:
    return next((name.removesuffix(each) for each in SUFFIXES if name.endswith(each)), name)


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def of(settings: Settings, service: Service) -> Iterator[Told]:
    """Yield what a service tells: that it lives, what is wrong, what waits in its spool, and its own counts."""
    yield Told("netops_up", 1, (service.name,))
    yield Told("netops_problems", len(service.health()), (service.name,))
    path = settings.data.dir / "spool" / f"{service.name}.db"
    if path.exists():
        with spool.Reader(path) as reader:
            waiting = reader.newest() - drain.drained(settings, service.name)
        yield Told("netops_spool_waiting_records", max(waiting, 0), (service.name,))
    if isinstance(service, Measured):
        yield from service.measures()


def of_core(settings: Settings, taken: Mapping[str, int], *, now_ms: int) -> Iterator[Told]:
    """Yield what the core tells; the ledger is read anew, since the one in its hand is another thread's."""
    for name, count in taken.items():
        yield Told("netops_taken_total", count, (name,))
    with LedgerReader(settings.data.dir / "ledger.db") as held:
        size, latest = held.size, held.latest()
    yield Told("netops_ledger_leaves", size)
    yield Told("netops_seal_age_seconds", (now_ms - latest.at_ms) / 1000 if latest is not None else -1)
    seen = situation.read(settings)
    yield Told("netops_situation_age_seconds", (now_ms - seen.at_ms) / 1000 if seen is not None else -1)


def port(settings: Settings, service: str) -> int:
    """Return on which port a service tells; 0: on none."""
    first = settings.measures.port
    return first + SERVICES.index(service) if first and service in SERVICES else 0


class Teller:
    """Answers `/metrics` on loopback, one caller at a time, in a thread of its own. A context manager."""

    def __init__(self, at: int, ask: Callable[[], Iterable[Told]]) -> None:
        self.port = at
        self._ask = ask

    def __enter__(self) -> Self:
        """Bind and answer; ConfigError where the port is taken."""
        try:
            self._server = HTTPServer(("127.0.0.1", self.port), _handler(self._ask))
        except OSError as error:
            raise ConfigError(
                f"measures: cannot listen on 127.0.0.1:{self.port} ({error.strerror}); expected a free port for each"
                " service from `measures.port` on; set another, or 0 for none"
            ) from None
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, name="measures", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE_S)


def _handler(ask: Callable[[], Iterable[Told]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = PATIENCE_S

        def do_GET(self) -> None:
            """Tell."""
            if self.path != "/metrics":
                self.send_error(404)
                return
            try:
                body = text(ask()).encode()
            except NetopsError as error:  # a file that cannot be read: the scrape fails, and says why
                self.send_error(503, explain=str(error))
                return
            self.send_response(200)
            self.send_header("Content-Type", MEDIA)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing of a scrape."""

    return Handler


def reference() -> str:
    """Return the generated page of the list."""
    lines = ["# Measures", "", "Made by `python -m netops.reference`: what the processes tell of themselves.", ""]
    lines += ["| measure | kind | labels | |", "|---|---|---|---|"]
    lines += [f"| `{each.name}` | {each.kind} | {', '.join(each.labels)} | {each.said} |" for each in MEASURES]
    lines += ["", "With `measures.port` = 9470:", "", "| service | address |", "|---|---|"]
    lines += [f"| `{name}` | `http://127.0.0.1:{9470 + at}/metrics` |" for at, name in enumerate(SERVICES)]
    return "\n".join(lines) + "\n"
