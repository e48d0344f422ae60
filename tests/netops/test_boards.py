"""The boards ask for metrics and labels that exist; the real server answers each of their questions."""

from __future__ import annotations

import importlib.util
import json
import re
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from netops import boards, cli
from netops.boards import BOARDS, INFLUXDB, SERVERS, VICTORIAMETRICS
from netops.measures import BY_NAME
from netops.metrics import METRICS
from netops.model import Poll, Row, Subject
from netops.store import line
from netops.store.victoriametrics import VictoriaMetrics

SLOT = 1_789_999_980_000
LABELS = {"device", "outcome", "subject", "db"}
FIELDS = {"attempts", "lag_ms", "rtt_ms"}


def queries(server: str) -> list[str]:
    """Return every query of every board."""
    panels = [panel for each in BOARDS for panel in boards.made(each, server)["panels"]]
    return [target.get("expr") or target["query"] for panel in panels for target in panel["targets"]]


def is_known(measured: str, field: str) -> bool:
    """Whether a row of this kind may have the field, written down a second time."""
    if measured == line.POLLS:
        return field in FIELDS
    return measured.startswith("netops_") and field in METRICS


@pytest.mark.parametrize("query", queries(VICTORIAMETRICS))
def test_victoriametrics_is_asked_for_what_exists(query):
    names = re.findall(r'__name__="([^"]+)"', query)
    for name in names:
        measured, _, field = name.partition("_") if name.startswith("netops-") else _split(name)
        assert is_known(measured, field), name
    assert names or query in BY_NAME
    assert set(re.findall(r"(\w+)=~", query)) | set(re.findall(r"by \((\w+)\)", query)) <= LABELS


def _split(name: str) -> tuple[str, str, str]:
    kind, _, field = name.removeprefix("netops_").partition("_")
    return f"netops_{kind}", "_", field


@pytest.mark.parametrize("query", queries(INFLUXDB))
def test_influxdb_is_asked_for_what_exists(query):
    (field,) = re.findall(r'SELECT \w+\("([^"]+)"\)', query)
    (measured,) = re.findall(r'FROM "([^"]+)"', query)

    assert is_known(measured, field), query
    assert set(re.findall(r"(\w+) =~", query)) | set(re.findall(r", (\w+) fill", query)) <= LABELS


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("board", BOARDS, ids=lambda each: each.name)
def test_a_board_has_no_panel_twice_and_none_over_another(board, server):
    made = boards.made(board, server)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in made["panels"]]

    assert made["panels"]
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in made["panels"]}) == len(places)


def test_the_command_writes_a_file_a_board(tmp_path, capsys):
    words = ["--set", f"data.dir={tmp_path}", "grafana", "write", str(tmp_path / "boards"), "--server", INFLUXDB]
    assert cli.main(words) == 0

    found = sorted(each.name for each in (tmp_path / "boards").iterdir())
    assert found == sorted(f"netops-{each.name}.json" for each in BOARDS)
    assert json.loads((tmp_path / "boards" / found[0]).read_text())["__inputs"][0]["pluginId"] == "influxdb"


def test_an_embedded_store_has_no_boards_and_the_remedy_is_named(tmp_path, capsys):
    assert cli.main(["--set", f"data.dir={tmp_path}", "grafana", "write", str(tmp_path)]) == 2

    assert "--server" in capsys.readouterr().err


@pytest.mark.partner("victoria-metrics")
def test_the_real_server_answers_every_question_with_what_was_stored(tmp_path):
    where = Path(__file__).parent / "store" / "servers.py"
    spec = importlib.util.spec_from_file_location("servers_of_the_boards", where)
    servers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(servers)
    server = servers.victoria_metrics(tmp_path / "server").start()
    try:
        with VictoriaMetrics(server.url) as store:
            store.write([_poll()])
            store.flush()
        for query in queries(VICTORIAMETRICS):
            answer = _ask(server.url, query.replace("$device", ".*"))
            assert answer["status"] == "success", query
            stored = query not in BY_NAME  # ours are scraped, not stored by us
            assert bool(answer["data"]["result"]) is stored, query
    finally:
        server.stop()


def _poll() -> Poll:
    """Return a poll that has every metric of every board."""
    rows: dict[str, dict[str, float]] = {}
    for panel in (panel for each in BOARDS for panel in each.panels):
        rows.setdefault(panel.kind, {})[panel.metric] = 1.0
    return Poll(
        device="olt-1",
        slot_ms=SLOT,
        at_ms=SLOT + 5,
        outcome="answered",
        lag_ms=2.0,
        attempts=1,
        rtt_ms=3.0,
        rows=tuple(Row(subject=Subject(kind, f"{kind}-1"), values=values) for kind, values in rows.items()),
    )


def _ask(url: str, query: str) -> dict:
    words = urllib.parse.urlencode({"query": query, "time": (SLOT + 1000) / 1000, "nocache": 1})
    with urllib.request.urlopen(f"{url}/api/v1/query?{words}", timeout=10) as answer:
        return json.loads(answer.read())
