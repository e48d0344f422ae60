"""What each page makes of a scope beside the city: elements, probes, logins, our own gaps, the summary, the ledger."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from dashboards import blind, narrow, probes
from dashboards.city import index
from dashboards.probes import Path
from dashboards.queries import Queries
from netops import tickets
from netops.access import record
from netops.access.scope import EVERYTHING, parse
from netops.journal import HourSum, Journal
from netops.model import Subject
from netops.unmeasured import by_hour

small_city = sys.modules["small_city"]
HOUR = 3_600_000
AREA, CARRIER = parse(["area:110108001"]), parse(["carrier:carrier-a"])


@pytest.fixture(scope="module")
def part(sites, tmp_path_factory):
    """The small city with people who see a part of it: `street`, `seller`, `agreement`."""
    made = sites(tmp_path_factory.mktemp("part"), telemetry=True)
    small_city.seeing(made.settings, "street", "area:110108001", role="auditor")
    small_city.seeing(made.settings, "seller", "carrier:carrier-a", role="auditor")
    small_city.seeing(made.settings, "other", "carrier:carrier-b", role="auditor")
    small_city.seeing(made.settings, "agreement", "contract:contract-a", role="auditor")
    return made


@pytest.fixture(scope="module")
def whole(part):
    queries = Queries(part.settings, part.clock)
    yield queries.city().index
    queries.close()


def moved(whole, name, **changed):
    """Return the city in which a service is another's, or elsewhere."""
    services = [replace(each, **changed) if each.id == name else each for each in whole.snapshot.services]
    return index(replace(whole.snapshot, services=tuple(services)))


# ---- elements
@pytest.mark.parametrize(
    ("subject", "lies"),
    [
        ("ap:mac:0a0b0c000000", True),
        ("radio:mac:0a0b0c000000/0", True),
        ("vap:mac:0a0b0c000000/0/city", True),
        ("device:wlan-controller-0", True),
        ("interface:wlan-controller-0/GE0/0/1", True),
        ("site:site-0", True),
        ("login:site-0/sms", True),
        ("ap:mac:0a0b0c000003", False),
        ("device:wlan-controller-3", False),
        ("interface:wlan-controller-3/GE0/0/1", False),
        ("site:site-3", False),
        ("login:site-3/sms", False),
        ("interface:nothing/1", False),
    ],
)
def test_a_row_of_the_store_lies_in_a_scope_by_what_it_hangs_on(whole, subject, lies):
    seen = narrow.narrowed(whole, AREA)

    assert narrow.tells(seen, Subject(*subject.split(":", 1))) is lies


def test_of_a_shared_device_its_own_rows_and_those_of_the_scope_are_shown(whole):
    apart = moved(whole, "wifi-0087", site="site-3")
    assert apart.snapshot.service["wifi-0087"].device == "wlan-controller-0", "its controller serves another street too"
    seen = narrow.narrowed(apart, AREA)

    def told(subject):
        return narrow.tells(seen, Subject(*subject.split(":", 1)))

    assert "wlan-controller-0" in seen.shared
    assert told("device:wlan-controller-0")
    assert told("ap:mac:0a0b0c000000"), "a service of the scope is read from it"
    assert not told("interface:wlan-controller-0/GE0/0/1")
    assert not told("ap:mac:0a0b0c000057")


@pytest.mark.parametrize("way", ["/element/ap/{}", "/api/v1/elements/ap:{}"])
def test_an_element_out_of_sight_is_not_found(part, way):
    mine, theirs = way.format("mac:0a0b0c000000"), way.format("mac:0a0b0c000009")

    assert part.browser("street").get(mine).status_code == 200
    assert part.browser("street").get(theirs).status_code == 404
    assert part.browser("auditor").get(theirs).status_code == 200


def test_readings_out_of_sight_are_not_told(part):
    asked = "/api/v1/readings?metric=wlan.ap.state&subject=ap:mac:{}"

    assert part.browser("street").get(asked.format("0a0b0c000000")).status_code == 200
    assert part.browser("street").get(asked.format("0a0b0c000009")).status_code == 404


# ---- probes
def looked(name, service="", role=""):
    return Path(subject=Subject("path", name), readings={}, texts={"probe.service": service, "probe.role": role})


def test_probes_are_those_that_serve_the_scope_beside_their_anchors(whole):
    found = [
        looked("here/ours", "wifi-0000"),
        looked("here/theirs", "wifi-0003"),
        looked("here/anchor", role="anchor"),
        looked("here/their-anchor", "wifi-0003", role="anchor"),
        looked("here/nobodys"),
        looked("there/theirs", "wifi-0003"),
        looked("there/anchor", role="anchor"),
    ]
    city = SimpleNamespace(snapshot=narrow.narrowed(whole, AREA).snapshot)

    assert [each.target for each in probes.in_sight(found, city)] == ["ours", "anchor"]


# ---- whose visitors
def test_visitors_belong_to_who_has_the_place_or_all_its_wifi(whole):
    both = moved(whole, "wifi-0087", carrier="carrier-b")

    assert "site-0" in narrow.narrowed(whole, CARRIER).visited
    assert "site-0" not in narrow.narrowed(both, CARRIER).visited, "two sell WiFi there: neither sees the visits"
    assert "site-0" in narrow.narrowed(both, AREA).visited
    assert "site-1" not in narrow.narrowed(whole, parse(["carrier:carrier-b"])).visited, "it sells no WiFi there"
    assert narrow.narrowed(whole, EVERYTHING).visited == set(whole.snapshot.site)


def test_a_site_lies_in_a_scope_as_a_whole_or_in_part(whole):
    both = moved(whole, "wifi-0087", carrier="carrier-b")

    assert "site-0" in narrow.narrowed(whole, CARRIER).entire
    assert "site-0" not in narrow.narrowed(both, CARRIER).entire
    assert "site-0" in narrow.narrowed(both, AREA).entire


def test_a_site_at_which_only_the_controller_stands_is_seen_and_its_visitors_are_not(whole):
    devices = [
        replace(each, site="site-3") if each.id == "wlan-controller-0" else each for each in whole.snapshot.devices
    ]
    seen = narrow.narrowed(index(replace(whole.snapshot, devices=tuple(devices))), AREA)

    assert "site-3" in seen.snapshot.site
    assert seen.visited == seen.entire == {"site-0"}


def test_logins_are_not_found_at_a_site_whose_visitors_are_anothers(part, monkeypatch):
    narrow_ = narrow.narrowed
    monkeypatch.setattr("dashboards.queries.narrowed", lambda *given: replace(narrow_(*given), visited=frozenset()))
    small_city.seeing(part.settings, "street.2", "area:110108001", "area:110108004")
    client = part.browser("street.2")

    assert client.get("/site/site-0").status_code == 200
    assert client.get("/logins/site-0").status_code == 404
    assert client.get("/why/site-0").status_code == 404
    assert not re.search(r'href="/(logins|why)/', client.get("/site/site-0").get_data(as_text=True))
    assert client.get("/logins").status_code == 200


def test_a_site_is_opened_by_who_has_its_visitors(part, monkeypatch):
    small_city.seeing(part.settings, "opener", "area:110108001")
    client = part.browser("opener")
    sent = {"csrf": small_city.token(client), "action": "fail_open", "sites": "site-0", "reason": "x"}
    sent |= {"from": "2026-10-01T00:00", "to": "2026-10-01T01:00"}

    assert client.post("/approvals/new", data=sent | {"sites": "site-3"}).status_code == 400
    assert client.post("/approvals/new", data=sent).status_code == 303
    narrow_ = narrow.narrowed
    monkeypatch.setattr("dashboards.queries.narrowed", lambda *given: replace(narrow_(*given), visited=frozenset()))
    small_city.seeing(part.settings, "passer", "area:110108001", "area:110108007")
    other = part.browser("passer")
    assert other.post("/approvals/new", data=sent | {"csrf": small_city.token(other)}).status_code == 400


# ---- tickets
def test_a_ticket_that_reaches_beyond_is_read_and_not_carried_on(part):
    small_city.seeing(part.settings, "reporter", "area:110108001")
    told = [
        tickets.reported(services, contract="contract-a", by="t", now_ms=small_city.NOW - 9, token=token)
        for token, services in (("both", ["wifi-0000", "wifi-0003"]), ("mine", ["wifi-0000"]))
    ]
    record.state(part.settings, told)
    both, mine = (f"/tickets/{each.body['ticket']}" for each in told)
    client, whole = part.browser("reporter"), part.browser("operator")

    def paused(who, where):
        return who.post(where, data={"csrf": small_city.token(who), "step": "paused", "remark": "x"}).status_code

    assert "wifi-0003" not in client.get(both).get_data(as_text=True)
    assert 'value="paused"' not in client.get(both).get_data(as_text=True)
    assert 'value="paused"' in client.get(mine).get_data(as_text=True)
    assert paused(client, both) == 403, "the clock of services elsewhere would stop as well"
    assert (paused(client, mine), paused(whole, both)) == (303, 303)


# ---- our own gaps
def test_what_was_not_measured_is_summed_over_the_scope(tmp_path):
    path = tmp_path / "states.db"
    with Journal(path) as journal:
        for hour in (0, HOUR):
            sums = [
                HourSum(
                    service=name, hour_ms=hour, up_ms=HOUR - lost, degraded_ms=0, down_ms=0, unknown_ms=lost, worst="U"
                )
                for name, lost in (("a", 600_000), ("b", 0), ("c", 60_000))
            ]
            journal.seal(hour, {"x": sums[:2]} | ({"y": sums[2:]} if hour else {}))
    window = {"start_ms": 0, "end_ms": 2 * HOUR}

    assert by_hour(path, **window) == {0: (600_000, 2 * HOUR), HOUR: (660_000, 3 * HOUR)}
    assert by_hour(path, **window, services=["a", "c", "nobody"]) == {0: (600_000, HOUR), HOUR: (660_000, 2 * HOUR)}
    assert by_hour(path, **window, services=["c"]) == {HOUR: (60_000, HOUR)}
    assert by_hour(path, **window, services=[]) == {}
    with Journal(path) as journal:
        more = [
            HourSum(service=f"n{n}", hour_ms=0, up_ms=HOUR, degraded_ms=0, down_ms=0, unknown_ms=0, worst="U")
            for n in range(9)
        ]
        journal.seal(0, {"z": more})
    assert by_hour(path, **window, services=["a", "c"]) == {0: (600_000, HOUR), HOUR: (660_000, 2 * HOUR)}


def test_the_hours_on_the_page_are_those_of_the_scope(part):
    def share(account):
        text = part.browser(account).get("/blind?month=2026-09&lang=en").get_data(as_text=True)
        return re.search(r'<p class="lead">.*?</p>', text)[0]

    assert share("seller") == share("auditor")
    assert share("other") != share("auditor")
    assert "—" in share("other"), "none of its services was sealed"
    assert "—" in share("street")
    street = part.browser("street").get("/blind?month=2026-09&lang=en").get_data(as_text=True)
    assert "A figure is of a whole contract" in street, "that none is judged would not be true"


def test_words_of_our_own_faults_are_left_out_of_a_part(part):
    told = SimpleNamespace(kind="clock_state", at_ms=0, body={"state": "stepped", "step_ms": 80, "detail": "at olt-1"})
    leaf = SimpleNamespace(index=0, fact=told)

    assert blind.gaps([leaf])[0].detail == "step_ms 80 at olt-1"
    assert blind.gaps([leaf], in_words=False)[0].detail == "step_ms 80"


# ---- the summary
def test_the_summary_is_of_the_reports_of_contracts_in_the_scope(part):
    def got(account, path="/summary?month=2026-08&lang=en"):
        answer = part.browser(account).get(path)
        return answer.status_code, answer.get_data(as_text=True)

    assert "contract-a-2026-08-r0" in got("auditor")[1]
    assert "contract-b-2026-08-r0" in got("auditor")[1]
    for account in ("seller", "agreement"):
        code, text = got(account)
        assert code == 200
        assert "contract-a-2026-08-r0" in text
        assert "contract-b" not in text
    assert got("street")[0] == 403, "a month's verdict and its money are of a whole contract"


# ---- the ledger
def test_the_head_of_the_ledger_is_open_and_its_leaves_are_not(part):
    all_of_it = part.browser("auditor").get("/ledger").get_data(as_text=True)
    text = part.browser("street").get("/ledger").get_data(as_text=True)

    assert "report_issued" in all_of_it
    assert "witness_policy" in all_of_it
    for kind in ("report_issued", "verdict", "witness_policy"):
        assert kind not in text
    assert "auditor.example/w" in text, "who co-signs is public"
    for way in ("/ledger/leaf/0", "/ledger/leaf/0/proof", "/ledger/leaf/0/data", "/ledger/find?q=0"):
        assert part.browser("street").get(way).status_code == 403
        assert part.browser("auditor").get(way).status_code in {200, 303, 404}
    head = json.loads(part.browser("street").get("/api/v1/ledger").data)
    assert head["size"]
    assert part.browser("street").get("/api/v1/ledger/checkpoints").status_code == 200


def test_a_closed_page_says_why(part):
    def said(account):
        return part.browser(account).get("/ledger/leaf/0?lang=en").get_data(as_text=True)

    assert "sees a part of the city" in said("street")
    assert "sees a part of the city" not in said("viewer")


def test_the_page_of_accounts_says_which_scope_names_what_there_is_not(part):
    small_city.seeing(part.settings, "lost", "area:110108001", "contract:contract-x", role="viewer")
    text = part.browser("auditor").get("/accounts?lang=en").get_data(as_text=True)

    assert "contract:contract-x" in text
    assert text.count("Not in the register") == 1
