"""Boards for Grafana, made of the metric catalogue: the same ones for InfluxDB and for VictoriaMetrics. Pure.

They show what was measured, as it lies in the store: means and the worst ten of many subjects. What a contract makes of
it, with what was not measured and on whose account, only NetOps itself says.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from netops.measures import BY_NAME
from netops.metrics import Better, metric
from netops.store import line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

INFLUXDB, VICTORIAMETRICS = "influxdb", "victoriametrics"
SERVERS: Final = (INFLUXDB, VICTORIAMETRICS)
WORST: Final = 10
SCHEMA: Final = 39  # of Grafana 10 and later
UNITS: Final[Mapping[str, str]] = MappingProxyType(  # of the catalogue → Grafana's
    {"%": "percent", "s": "s", "ms": "ms", "By": "bytes", "Cel": "celsius", "dBm": "dBm", "dB": "dB", "bit/s": "bps"}
)


@dataclass(frozen=True, slots=True)
class Panel:
    """One metric of one kind of subject."""

    kind: str
    metric: str


@dataclass(frozen=True, slots=True)
class Board:
    """One page. `polls`: it shows how our own asking goes as well; `own`: what our processes tell Prometheus."""

    name: str
    title: str
    panels: tuple[Panel, ...] = ()
    polls: bool = False
    own: tuple[str, ...] = ()


def _panels(kind: str, *names: str) -> tuple[Panel, ...]:
    return tuple(Panel(kind, name) for name in names)


BOARDS = (
    Board(
        "fleet",
        "NetOps: the fleet",
        (
            *_panels("ap", "wlan.ap.clients"),
            *_panels("onu", "pon.onu.rx_power"),
            *_panels("cell", "lte.cell.ues"),
            *_panels("device", "system.cpu"),
        ),
        polls=True,
    ),
    Board(
        "device",
        "NetOps: a device",
        _panels("device", "system.cpu", "system.memory", "system.temperature", "system.uptime"),
        polls=True,
    ),
    Board("optics", "NetOps: optics", _panels("onu", "pon.onu.rx_power", "pon.onu.tx_power", "pon.onu.temperature")),
    Board(
        "radio",
        "NetOps: radio",
        (
            *_panels("radio", "wlan.radio.utilisation", "wlan.radio.noise", "wlan.radio.clients"),
            *_panels("ap", "wlan.ap.clients"),
        ),
    ),
    Board("lte", "NetOps: LTE", _panels("cell", "lte.cell.ues", "lte.cell.prb_dl", "lte.cell.prb_ul")),
    Board(
        "sla",
        "NetOps: what promises are made of",
        (
            *_panels("path", "probe.reached", "probe.loss", "probe.rtt.p95", "probe.throughput"),
            *_panels("site", "portal.login.online", "portal.login.failed"),
        ),
    ),
    Board(
        "own",
        "NetOps: ourselves",
        polls=True,
        own=(
            *("netops_up", "netops_problems", "netops_spool_waiting_records", "netops_seal_age_seconds"),
            *("netops_ledger_leaves", "netops_situation_age_seconds", "netops_incidents_open"),
        ),
    ),
)


def made(board: Board, server: str) -> dict[str, Any]:
    """Return a board as Grafana imports it; its data source is asked for at the import."""
    source = {"type": "influxdb" if server == INFLUXDB else "prometheus", "uid": "${DS_NETOPS}"}
    panels = [
        {
            "id": number,
            "title": title,
            "type": "timeseries",
            "datasource": source,
            "gridPos": {"h": 8, "w": 12, "x": 12 * ((number - 1) % 2), "y": 8 * ((number - 1) // 2)},
            "fieldConfig": {"defaults": {"unit": unit, "custom": {"spanNulls": False}}, "overrides": []},
            "targets": [_target(query, server, source, letter) for letter, query in zip("ABC", queries, strict=False)],
        }
        for number, (title, unit, queries) in enumerate(_rows(board, server), 1)
    ]
    return {
        "__inputs": [
            {"name": "DS_NETOPS", "label": "NetOps", "type": "datasource", "pluginId": source["type"], "pluginName": ""}
        ],
        "uid": f"netops-{board.name}",
        "title": board.title,
        "tags": ["netops"],
        "schemaVersion": SCHEMA,
        "editable": True,
        "time": {"from": "now-24h", "to": "now"},
        "refresh": "1m",
        "templating": {"list": [_device(server, source)] if board.panels else []},
        "panels": panels,
    }


def _rows(board: Board, server: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield title, unit and queries of each panel; one that a server cannot have is left out."""
    if board.polls:
        yield "polls by outcome", "short", (_polls(server),)
        yield "how late polls were sent", "ms", (_lag(server),)
    for each in board.panels:
        known = metric(each.metric)
        yield known.en, UNITS.get(known.unit, "short"), _queries(each, server)
    for name in board.own if server == VICTORIAMETRICS else ():  # they are scraped by Prometheus' way alone
        yield BY_NAME[name].said, "short", (name,)


def _queries(panel: Panel, server: str) -> tuple[str, ...]:
    measured = line.measurement(panel.kind)
    best = metric(panel.metric).better
    if server == INFLUXDB:
        where = "$timeFilter AND device =~ /^$device$/"
        worst = "MAX" if best is Better.LOWER else "MIN"
        return tuple(
            f'SELECT {what}("{panel.metric}") FROM "{measured}" WHERE {where} GROUP BY time($__interval) fill(null)'  # noqa: S608
            for what in ("MEAN", worst)
        )
    series = f'{{__name__="{measured}_{panel.metric}",device=~"$device"}}'
    worst = "topk" if best is Better.LOWER else "bottomk"
    return f"avg({series})", f"{worst}({WORST}, {series})"


def _polls(server: str) -> str:
    if server == INFLUXDB:
        return f'SELECT COUNT("attempts") FROM "{line.POLLS}" WHERE $timeFilter GROUP BY time(1m), outcome fill(0)'  # noqa: S608
    return f'sum(count_over_time({{__name__="{line.POLLS}_attempts"}}[1m])) by (outcome)'


def _lag(server: str) -> str:
    if server == INFLUXDB:
        return f'SELECT MAX("lag_ms") FROM "{line.POLLS}" WHERE $timeFilter GROUP BY time($__interval) fill(null)'  # noqa: S608
    return f'max({{__name__="{line.POLLS}_lag_ms"}})'


def _target(query: str, server: str, source: Mapping[str, str], letter: str) -> dict[str, Any]:
    if server == INFLUXDB:
        return {"refId": letter, "datasource": source, "rawQuery": True, "query": query, "resultFormat": "time_series"}
    return {"refId": letter, "datasource": source, "expr": query}


def _device(server: str, source: Mapping[str, str]) -> dict[str, Any]:
    if server == INFLUXDB:
        query = f'SHOW TAG VALUES FROM "{line.POLLS}" WITH KEY = "device"'
    else:
        query = f'label_values({{__name__="{line.POLLS}_attempts"}}, device)'
    return {
        "name": "device",
        "label": "device",
        "type": "query",
        "datasource": source,
        "query": query,
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }
