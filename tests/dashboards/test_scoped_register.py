"""The register as whoever sees a part of the city meets it: read there, changed where nothing else is touched."""

from __future__ import annotations

import html
import json
import re
import sys
from dataclasses import replace

import pytest

from dashboards.city import index
from dashboards.narrow import narrowed
from dashboards.queries import Queries
from inventory import edits
from inventory.edits import Edit
from inventory.errors import Problem
from inventory.model import Device, Door, Service, Site, noun
from netops import amending, facts, proposals, spool
from netops.access import reach, record
from netops.access.scope import EVERYTHING, parse
from netops.ledger import Ledger, LedgerEntry

small_city = sys.modules["small_city"]
NOW = small_city.NOW
AREA, CARRIER, CONTRACT = parse(["area:110108001"]), parse(["carrier:carrier-a"]), parse(["contract:contract-a"])
TAG = parse(["tag:education"])


@pytest.fixture(scope="module")
def whole(site):
    queries = Queries(site.settings, site.clock)
    found = queries.city().index.snapshot
    queries.close()
    services = [replace(each, tags=("education",)) if each.id == "wifi-0003" else each for each in found.services]
    shared = [replace(each, site="site-3") if each.id == "wifi-0087" else each for each in services]
    doors = tuple(
        Door(id=f"door-{device}", device=device, kind="ssh")
        for device in ("wlan-controller-0", "wlan-controller-12", "olt-1")
    )
    return index(replace(found, services=tuple(shared), doors=doors))


def verdict(whole, scope, *wanted):
    return reach.encloses(whole.snapshot, narrowed(whole, scope), scope, wanted)


def changed(whole, of, name, /, **fields):
    known = getattr(whole.snapshot, of)[name]
    return Edit(noun=of, id=name, before=edits.digest(known), after=replace(known, **fields))


def ended(whole, of, name):
    return Edit(noun=of, id=name, before=edits.digest(getattr(whole.snapshot, of)[name]), after=None)


def added(record):
    return Edit(noun=noun(record), id=record.id, before="", after=record)


def device(name="new-1", **fields):
    told = {"site": "site-0", "carrier": "carrier-a", "role": "ap", "mac": "0a0b0cffffff"} | fields
    return added(Device(id=name, **told))


def service(**fields):
    told = {"kind": "wifi", "carrier": "carrier-a", "site": "site-0", "role": "ap", "device": "wlan-controller-0"}
    return added(Service(id="new-1", **(told | fields)))


CASES = {
    "its own access point is renamed": (AREA, True, lambda w: changed(w, "device", "ap-0000", name="x")),
    "one elsewhere is renamed": (AREA, False, lambda w: changed(w, "device", "ap-0003", name="x")),
    "its own service ends": (AREA, True, lambda w: ended(w, "service", "wifi-0000")),
    "one elsewhere ends": (AREA, False, lambda w: ended(w, "service", "wifi-0003")),
    "its own service is moved away": (AREA, False, lambda w: changed(w, "service", "wifi-0000", site="site-3")),
    "one elsewhere is taken": (AREA, False, lambda w: changed(w, "service", "wifi-0003", site="site-0")),
    "its own service goes to a carrier out of sight": (
        AREA,
        False,
        lambda w: changed(w, "service", "wifi-0000", carrier="carrier-b"),
    ),
    "its own site is renamed": (AREA, True, lambda w: changed(w, "site", "site-0", name="x")),
    "its own site goes to another street": (AREA, False, lambda w: changed(w, "site", "site-0", area="110108002")),
    "a site is added": (AREA, True, lambda _: added(Site(id="n", name="n", area="110108001", address=""))),
    "a site is added elsewhere": (AREA, False, lambda _: added(Site(id="n", name="n", area="110108002", address=""))),
    "a device is added": (AREA, True, lambda _: device()),
    "a device is added elsewhere": (AREA, False, lambda _: device(site="site-3")),
    "a device is added by a name that is taken elsewhere": (AREA, False, lambda _: device("olt-1")),
    "a device is hung on one elsewhere": (AREA, False, lambda _: device(parent="olt-1")),
    "a shared controller is renamed": (AREA, False, lambda w: changed(w, "device", "wlan-controller-0", name="x")),
    "a device is hung on a shared controller": (AREA, True, lambda _: device(parent="wlan-controller-0")),
    "a shared controller's door changes": (
        AREA,
        False,
        lambda w: changed(w, "door", "door-wlan-controller-0", port=23),
    ),
    "a door elsewhere changes": (AREA, False, lambda w: changed(w, "door", "door-olt-1", port=23)),
    "a carrier's own door changes": (CARRIER, True, lambda w: changed(w, "door", "door-wlan-controller-12", port=23)),
    "a carrier's own service is added": (CARRIER, True, lambda _: service()),
    "a carrier's service is another's": (CARRIER, False, lambda _: service(carrier="carrier-b")),
    "a carrier adds a site": (CARRIER, False, lambda _: added(Site(id="n", name="n", area="110108001", address=""))),
    "a carrier's own site is renamed": (CARRIER, True, lambda w: changed(w, "site", "site-12", name="x")),
    "a contract's service is added": (CONTRACT, True, lambda _: service()),
    "one that it does not sell is added": (CONTRACT, False, lambda _: service(kind="lte", role="small_cell")),
    "a device that no contract names is added": (CONTRACT, False, lambda _: device()),
    "a tagged service is renamed": (TAG, True, lambda w: changed(w, "service", "wifi-0003", subject="ap:mac:0a")),
    "a tag is taken off": (TAG, False, lambda w: changed(w, "service", "wifi-0003", tags=())),
    "whoever sees all does all": (EVERYTHING, True, lambda w: changed(w, "device", "olt-1", name="x")),
}


@pytest.mark.parametrize("case", CASES)
def test_a_change_lies_in_a_scope_with_all_that_it_touches(whole, case):
    scope, lies, made = CASES[case]

    assert verdict(whole, scope, made(whole)) is lies


def test_one_edit_out_of_reach_takes_all_of_them_out(whole):
    mine, theirs = changed(whole, "device", "ap-0000", name="x"), changed(whole, "device", "ap-0003", name="x")

    assert verdict(whole, AREA, mine)
    assert not verdict(whole, AREA, mine, theirs)


def test_records_that_are_added_together_may_name_one_another(whole):
    place = added(Site(id="n", name="n", area="110108001", address=""))

    assert verdict(whole, AREA, place, device(site="n"))
    assert not verdict(whole, AREA, device(site="n"))


def test_what_does_not_fit_names_nothing_beyond(whole):
    seen = narrowed(whole, AREA).snapshot
    found = [
        Problem("device 'ap-0000'", "has the address 127.0.1.2:161 of 'olt-1' (device 'olt-1')", "one is wrong"),
        Problem("device 'olt-1'", "has the address 127.0.1.2:161 of 'ap-0000' (device 'ap-0000')", "one is wrong"),
        Problem("device 'ap-0000' profile", "'x' is no profile", "did you mean 'y'?"),
    ]

    told = reach.told(found, whole.snapshot, seen)
    assert len(told) == 2
    assert told[1] == found[2]
    assert "olt-1" not in "".join(map(str, told))
    assert "ask somebody who sees the whole city" in str(told[0])


# ---- pages
@pytest.fixture
def part(sites, tmp_path):
    made = sites(tmp_path, telemetry=False)
    for name, role, scope in (
        ("street", "operator", "area:110108001"),
        ("chief", "contract_manager", "area:110108001"),
        ("other", "operator", "area:110108002"),
        ("seller", "operator", "carrier:carrier-a"),
    ):
        small_city.seeing(made.settings, name, scope, role=role)
    return made


def page(client, path):
    return html.unescape(client.get(path).get_data(as_text=True))


def fields(text):
    found = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*?value="([^"]*)"', text))
    for name, body in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', text, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', body) or re.search(r'<option value="([^"]*)"', body)
        found[name] = chosen[1]
    return found


def reviewed(client, path, **typed):
    return client.post(path, data={**fields(page(client, path)), "act": "review", **typed})


def asking(client, texts, reason="x"):
    sent = {"csrf": small_city.token(client), "change": texts, "from_ms": "0", "reason": reason}
    return client.post("/register/ask", data=sent)


def sealed(made):
    path = record.spool_path(made.settings, "web")
    with Ledger(record.ledger_path(made.settings), origin=made.settings.ledger_origin, rehearsal=True) as ledger:
        for each in spool.read(path, after=0, limit=99):
            if ledger.holds("web/1", each.sequence) is None:
                ledger.append([LedgerEntry("web/1", each.sequence, facts.decode(each.payload))], now_ms=NOW)
        amending.step(made.settings, ledger, {}, now_ms=NOW)


def test_two_persons_of_a_street_change_what_lies_in_it(part):
    street, chief, other = (part.client(name) for name in ("street", "chief", "other"))
    plan = reviewed(street, "/register/device/ap-0000/edit", name="新接入点")
    assert plan.status_code == 200
    texts = [html.unescape(each) for each in re.findall(r'name="change" value="([^"]*)"', plan.get_data(as_text=True))]
    place = asking(street, texts).headers["Location"]
    name = place.rpartition("/")[2]

    for client, is_theirs in ((street, True), (chief, True), (part.client("seller"), True), (other, False)):
        assert (client.get(place).status_code == 200) is is_theirs
        for where in ("/register", "/approvals", "/api/v1/approvals"):
            assert ("ap-0000" in page(client, where) or name in page(client, where)) is is_theirs, where
    refused = other.post(f"/approvals/{name}/withdraw", data={"csrf": small_city.token(other)})
    assert refused.status_code == 404
    done = chief.post(f"/approvals/{name}/decide", data={"csrf": small_city.token(chief), "decision": "approved"})
    assert done.headers["Location"] == place
    sealed(part)

    assert "已执行" in page(street, place)
    assert other.get(place).status_code == 404
    assert "street, chief" in page(street, "/register/device/ap-0000")
    assert "street, chief" in page(street, "/register"), "the last changes are those of the scope"
    assert "street, chief" not in page(other, "/register")


def test_a_record_that_ended_keeps_its_request_and_history_in_sight(part):
    street, chief = part.client("street"), part.client("chief")
    plan = reviewed(street, "/register/service/wifi-0000/edit", act="retire").get_data(as_text=True)
    place = asking(street, [html.unescape(each) for each in re.findall(r'name="change" value="([^"]*)"', plan)])
    name = place.headers["Location"].rpartition("/")[2]
    chief.post(f"/approvals/{name}/decide", data={"csrf": small_city.token(chief), "decision": "approved"})
    sealed(part)

    assert "已执行" in page(street, f"/register/request/{name}")
    assert street.get("/register/service/wifi-0000").status_code == 200
    assert part.client("other").get(f"/register/request/{name}").status_code == 404


@pytest.mark.parametrize(
    "path", ["/register/device/olt-1", "/register/device/olt-1/edit", "/register/site/site-1/edit"]
)
def test_a_record_out_of_sight_is_not_found(part, path):
    street = part.browser("street")
    none = street.get(re.sub("(olt|site)-1", "nothing", path))

    assert street.get(path).status_code == none.status_code == 404
    assert street.post(path, data={"csrf": small_city.token(street)}).status_code in {404, 405}
    assert part.browser("operator").get(path).status_code == 200


def test_an_edit_of_what_lies_elsewhere_is_not_asked_for_however_it_is_sent(part):
    street = part.browser("street")
    queries = Queries(part.settings, part.clock)
    wanted = changed(queries.city().index, "device", "olt-1", name="mine")
    queries.close()

    answer = asking(street, [edits.text(wanted)])
    assert answer.status_code == 400
    assert "涉及您查看范围以外的内容" in answer.get_data(as_text=True)
    assert not [each for each in record.read(part.settings).values() if each.request.action == amending.ACTION]


def test_a_form_says_which_name_is_none_and_whose_address_it_is_not(part):
    street = part.browser("street")
    wrong = reviewed(street, "/register/device/ap-0000/edit", site="site-1").get_data(as_text=True)
    assert "没有 site-1" in wrong
    taken = reviewed(street, "/register/device/ap-0000/edit", address="127.0.1.2", profile="huawei_smartax")
    assert taken.status_code == 400
    text = taken.get_data(as_text=True)
    assert "olt-1" not in text
    assert "does not fit what lies beyond your part of the city" in html.unescape(text)


def test_counts_choices_and_findings_are_of_the_scope(part):
    found = proposals.Proposal(
        address="127.0.1.1", port=161, credential="c", profile="huawei_wlan_ac", because="sysObjectID", name="n",
        description="", serial="SNX", standing="changed", device="wlan-controller-0", seen_ms=NOW,
    )  # fmt: skip
    every = [
        found,
        replace(found, address="127.0.1.2", device="olt-1", serial="SNY"),
        replace(found, address="127.0.1.99", device="", standing="new", serial="SNZ"),
    ]
    file = proposals.place(part.settings)
    told = {"proposals": [{name: getattr(each, name) for name in each.__dataclass_fields__} for each in every]}
    file.write_text(json.dumps(told))
    street, whole = part.browser("street"), part.browser("operator")

    assert [serial for serial in ("SNX", "SNY", "SNZ") if serial in page(street, "/proposals")] == ["SNX"]
    assert all(serial in page(whole, "/proposals") for serial in ("SNX", "SNY", "SNZ"))
    assert "<li><b>1</b><span>站点</span></li>" in page(street, "/register")
    assert "<li><b>29</b><span>站点</span></li>" in page(whole, "/register")
    form = page(street, "/register/add/device")
    assert "carrier-a" in form
    assert "carrier-b" not in form
    sent = {"csrf": small_city.token(street), "finding": every[1].finding, "reason": "no"}
    assert street.post("/proposals", data=sent).status_code == 400
    assert street.post("/proposals", data=sent | {"finding": every[0].finding}).status_code == 303
