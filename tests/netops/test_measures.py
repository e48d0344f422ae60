"""What the processes tell of themselves: a closed list in the Prometheus text format, on loopback alone."""

from __future__ import annotations

import re
import socket
import urllib.error
import urllib.request

import pytest

from collectors.outbox import Outbox
from netops import config, measures, run
from netops.alerts import book
from netops.alerts.service import Alerts
from netops.errors import ConfigError
from netops.facts import submit
from netops.ledger import Ledger, LedgerEntry
from netops.measures import MEASURES, Told
from netops.model import Poll
from netops.privilege import SERVICES
from netops.service import service_state
from netops.sign import Signer
from netops.spool import Spool

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (-?[0-9.e+]+)')


class Lives:
    name = "collect"

    def health(self):
        return {"spool": "full"}


def settings(tmp_path, **given):
    words = [f"data.dir={tmp_path}", *(f"{name.replace('__', '.')}={value}" for name, value in given.items())]
    return config.load(None, overrides=words)


def parsed(text: str) -> dict[str, float]:
    """Read the text format, a second time and on its own: each family has its help and kind before its samples."""
    found, family = {}, ""
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, family, kind = line.split()
            assert kind in {"gauge", "counter", "histogram"}
        elif not line.startswith("# HELP "):
            sample = SAMPLE.fullmatch(line)
            assert sample, line
            assert sample[1].startswith(family)
            found[line.rpartition(" ")[0]] = float(sample[3])
    return found


def test_every_service_tells_that_it_lives_what_is_wrong_and_what_waits(tmp_path):
    (tmp_path / "spool").mkdir()
    with Spool(tmp_path / "spool" / "collect.db", source="collect") as held:
        submit(held, service_state("collect", "started", now_ms=1), service_state("collect", "stopped", now_ms=2))
        told = parsed(measures.text(measures.of(settings(tmp_path), Lives())))

    assert told == {
        'netops_up{service="collect"}': 1,
        'netops_problems{service="collect"}': 1,
        'netops_spool_waiting_records{service="collect"}': 2,
    }


def test_polls_are_counted_by_outcome_and_by_how_late_they_were(tmp_path):
    with Spool(tmp_path / "collect.db", source="collect") as held:
        outbox = Outbox(held)
        for lag_ms, outcome in ((20, "answered"), (700, "answered"), (60_000, "poller_late")):
            outbox.add([Poll(device="olt-1", slot_ms=60_000, at_ms=60_001, outcome=outcome, lag_ms=lag_ms)])
        told = parsed(measures.text(outbox.measures()))

    assert told['netops_polls_total{outcome="answered"}'] == 2
    assert told['netops_polls_total{outcome="poller_late"}'] == 1
    bounds = [told[f'netops_poll_lag_seconds_bucket{{le="{each}"}}'] for each in ("0.05", "0.5", "1.0", "30.0", "+Inf")]
    assert bounds == [1, 1, 2, 2, 3]
    assert told["netops_poll_lag_seconds_sum"] == pytest.approx(60.72)


def test_the_core_tells_the_ledgers_size_and_the_age_of_its_seal(tmp_path):
    with Ledger(tmp_path / "ledger.db", origin="log", signer=Signer("log", bytes(32))) as held:
        held.append([LedgerEntry("core", 1, service_state("core", "started", now_ms=1000))], now_ms=1000)
        before = parsed(measures.text(measures.of_core(settings(tmp_path), {"polls": 7}, now_ms=9000)))
        held.checkpoint(now_ms=2000)
        after = parsed(measures.text(measures.of_core(settings(tmp_path), {"polls": 7}, now_ms=9000)))

    assert before["netops_seal_age_seconds"] == -1
    assert after["netops_seal_age_seconds"] == 7
    assert after["netops_ledger_leaves"] == 1
    assert after['netops_taken_total{what="polls"}'] == 7
    assert after["netops_situation_age_seconds"] == -1


def test_the_alert_service_tells_how_many_incidents_are_open(tmp_path):
    made = settings(tmp_path)
    with book.Book(book.path(made)):
        told = parsed(measures.text(Alerts(made).measures()))

    assert told == {f'netops_incidents_open{{severity="{each}"}}': 0 for each in ("critical", "major", "minor")}


def test_what_is_not_on_the_list_is_not_told():
    with pytest.raises(KeyError):
        measures.text([Told("netops_nothing", 1)])


def test_a_label_of_any_text_stays_one_line():
    text = measures.text([Told("netops_polls_total", 1, ('a"\n\\',))])

    assert parsed(text) == {'netops_polls_total{outcome="a\\"\\n\\\\"}': 1}


def test_it_is_told_on_loopback_and_at_one_address():
    with measures.Teller(0, lambda: [Told("netops_ledger_leaves", 3)]) as teller:
        url = f"http://127.0.0.1:{teller.port}"
        with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:
            text = answer.read().decode()
            assert answer.headers["Content-Type"] == measures.MEDIA
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{url}/", timeout=5)

    assert parsed(text) == {"netops_ledger_leaves": 3}


def test_a_port_that_is_taken_is_named():
    with socket.create_server(("127.0.0.1", 0)) as held, pytest.raises(ConfigError, match=r"measures\.port"):
        measures.Teller(held.getsockname()[1], list).__enter__()


def test_each_service_has_a_port_of_its_own_and_none_by_default(tmp_path):
    on = settings(tmp_path, measures__port=9470)
    ports = [measures.port(on, name) for name in SERVICES]

    assert len(set(ports)) == len(SERVICES)
    assert measures.port(settings(tmp_path), "core") == 0
    assert measures.port(on, "network") == 0, "a rehearsal's own service"


def test_a_process_tells_where_the_settings_say_and_lives_on_where_it_cannot(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        first = free.getsockname()[1] - SERVICES.index("collect")
        with run.telling(settings(tmp_path, measures__port=first), Lives()):
            pass  # the port is another's: logged, and nothing more
    with (
        run.telling(settings(tmp_path, measures__port=first), Lives()),
        urllib.request.urlopen(f"http://127.0.0.1:{first + SERVICES.index('collect')}/metrics", timeout=5) as answer,
    ):
        assert parsed(answer.read().decode())['netops_up{service="collect"}'] == 1


def test_the_list_has_each_name_once():
    assert len({each.name for each in MEASURES}) == len(MEASURES)
