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
from netops.store.influxdb import InfluxDB
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
    server = _servers().victoria_metrics(tmp_path / "server").start()
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


@pytest.mark.partner("influxd")
def test_the_real_influxdb_answers_every_question_with_what_was_stored(tmp_path):
    """The words that Grafana puts in: a regular expression of devices, the window, and a step that fits the picture."""
    window = f"time >= {SLOT - 60_000}ms AND time <= {SLOT + 60_000}ms"
    server = _servers().influxd(tmp_path / "server").start()
    try:
        with InfluxDB(server.url, dialect="v1", database="netops") as store:
            store.write([_poll()])
        for query in queries(INFLUXDB):
            asked = query.replace("$device", ".*").replace("$timeFilter", window).replace("$__interval", "1m")
            (answer,) = _answers(server.url, asked)

            assert not re.search(r"\$\w", asked), "nothing of Grafana is left"
            assert "error" not in answer, (query, answer)
            assert any(row[1] is not None for each in answer["series"] for row in each["values"]), query
            if "/^.*$/" in asked:
                (none,) = _answers(server.url, asked.replace("/^.*$/", "/^no-such-device$/"))
                assert "series" not in none, "a board of one device shows that device alone"
        choices = {each["query"] for each in _variables(INFLUXDB)}
        for query in choices:
            (answer,) = _answers(server.url, query)
            assert [row[-1] for each in answer["series"] for row in each["values"]] == ["olt-1"], query
        assert choices
    finally:
        server.stop()


def _variables(server: str) -> list[dict]:
    return [each for board in BOARDS for each in boards.made(board, server)["templating"]["list"]]


def _servers():
    where = Path(__file__).parent / "store" / "servers.py"
    spec = importlib.util.spec_from_file_location("servers_of_the_boards", where)
    servers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(servers)
    return servers


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


def _answers(url: str, query: str) -> list[dict]:
    """Ask InfluxDB as Grafana does: one statement, with the name of the database."""
    words = urllib.parse.urlencode({"db": "netops", "q": query, "epoch": "ms"})
    with urllib.request.urlopen(f"{url}/query?{words}", timeout=10) as answer:
        return json.loads(answer.read())["results"]
