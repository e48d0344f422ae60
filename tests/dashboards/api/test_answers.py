"""The API says what the pages say: one thing, lists in parts, bytes, errors in one shape."""

from __future__ import annotations

import json

import pytest

from dashboards.api import openapi
from dashboards.api.catalogue import OPERATIONS
from dashboards.api.cursor import write
from netops import situation
from netops.measures import BY_NAME
from netops.situation import State

MEDIA = "application/problem+json"
SLOT = 1_789_999_980_000
PLACES = {
    "area": "110108015",
    "site": "site-9",
    "device": "wlan-controller-0",
    "service": "wifi-0009",
    "subject": "ap:mac:0a0b0c000000",
    "contract": "contract-b",
    "slot_ms": str(SLOT),
    "name": "contract-b-2026-08-r0.zip",
    "incident": "nothing",
    "ticket": "nothing",
}
WORDS = {
    "find": "?q=olt",
    "readings": "?subject=ap:mac:0a0b0c000000&metric=wlan.ap.clients&limit=3",
}
AWAY = {"incident", "ticket"}  # the small city has none


def ask(site, path, role="contract_manager", **headers):
    return site.browser(role).get(
        f"/api/v1{path}", headers={k.replace("_", "-"): v for k, v in headers.items()}, buffered=True
    )


def told(site, path, role="contract_manager"):
    answer = ask(site, path, role)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_json()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_every_operation_answers_what_the_document_says(site, operation):
    jsonschema = pytest.importorskip("jsonschema")
    answer = ask(site, operation.path.format(**PLACES) + WORDS.get(operation.name, ""))
    if operation.name in AWAY:
        assert (answer.status_code, answer.mimetype) == (404, MEDIA)
        return

    assert answer.status_code == 200, answer.get_data(as_text=True)
    said = openapi.document()["paths"][operation.path]["get"]["responses"]["200"]["content"]
    assert answer.mimetype in said
    if answer.mimetype == "application/json":
        schema = {**said["application/json"]["schema"], "components": openapi.document()["components"]}
        check = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
        check.validate(answer.get_json())


def test_the_document_is_told_to_everybody(site):
    assert site.client().get("/api/v1/openapi.json").get_json() == openapi.document()


def test_the_sums_are_those_of_the_situation(site):
    seen = situation.read(site.settings)
    body = told(site, "/situation")

    assert body["services"]["down"] == sum(each.state is State.DOWN for each in seen.services)
    assert body["month"]["up"]["part_ms"] == sum(each.month_up_ms for each in seen.services)
    assert body["at"].endswith("Z")


def test_a_list_in_parts_is_the_list(site):
    whole = told(site, "/services?limit=500")
    parts, cursor = [], ""
    while cursor is not None:
        part = told(site, f"/services?limit=7{cursor and f'&cursor={cursor}'}")
        assert len(part["items"]) <= 7
        parts += part["items"]
        cursor = part["next"]

    assert len(parts) > 7
    assert parts == whole["items"]
    assert whole["next"] is None
    assert [each["id"] for each in parts] == sorted(each["id"] for each in parts)


def test_a_cursor_goes_on_behind_what_has_gone(site):
    ids = [each["id"] for each in told(site, "/services?limit=500")["items"]]
    between = write("services", (ids[4] + "-gone",))

    assert told(site, f"/services?limit=1&cursor={between}")["items"][0]["id"] == ids[5]


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "AAAA",
        write("areas", ("a",)),
        write("services", (1,)),
        write("services", ()),
        write("services", ("a", "b")),
    ],
)
def test_a_cursor_of_elsewhere_is_refused(site, cursor):
    answer = ask(site, f"/services?cursor={cursor}")

    assert (answer.status_code, answer.mimetype) == (422, MEDIA)


def test_who_holds_the_same_bytes_gets_none(site):
    first = ask(site, "/areas")
    tag = first.headers["ETag"]
    again = ask(site, "/areas", If_None_Match=tag)

    assert tag.startswith('"'), "strong"
    assert (again.status_code, again.data) == (304, b"")


def test_a_filter_keeps_what_it_says(site):
    down = told(site, "/services?state=down&limit=500")["items"]

    assert down
    assert {each["state"] for each in down} == {"down"}
    assert {each["area"] for each in told(site, "/sites?area=110108015")["items"]} == {"110108015"}


def test_a_value_that_is_not_there_is_null_and_says_why(site):
    path = "/readings?subject=device:wlan-controller-0&metric=system.temperature&limit=5"
    for each in told(site, path)["items"]:
        assert (each["value"], each["because"]) == (None, "sentinel")


def test_readings_are_those_of_the_store(site):
    given = told(site, "/readings?subject=ap:mac:0a0b0c000000&metric=wlan.ap.clients&limit=500")["items"]

    assert [each["slot_ms"] for each in given] == sorted(each["slot_ms"] for each in given)
    assert given[0]["device"] == "wlan-controller-0"
    assert all(isinstance(each["value"], float) for each in given)


def test_an_element_that_the_register_does_not_know_is_not_found(site):
    assert ask(site, "/elements/ap:mac:ffffffffffff").status_code == 404
    assert ask(site, "/elements/radio:mac:0a0b0c000000/0").status_code == 200


def test_the_bytes_are_those_of_the_archive(site):
    answer = ask(site, f"/devices/wlan-controller-0/polls/{SLOT}/raw")
    page = site.browser("contract_manager").get(f"/reading/wlan-controller-0/{SLOT}/raw")

    assert answer.data == page.data
    assert told(site, f"/devices/wlan-controller-0/polls/{SLOT}")["octets"] == len(page.data)


def test_hours_that_are_not_sealed_have_no_figures(site):
    given = told(site, "/services/wifi-0009/hours?month=2026-08&limit=1000")["items"]

    assert len(given) == 31 * 24
    assert {each["because"] for each in given} <= {"", "not_sealed"}
    assert all((each["up_ms"] is None) == (each["because"] == "not_sealed") for each in given)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        ("/services/nothing", 404),
        ("/services?stat=down", 400),
        ("/services?state=gone", 400),
        ("/services?state=up&state=down", 400),
        ("/services?limit=0", 400),
        ("/services?limit=1001", 400),
        ("/services?limit=%EF%BC%95", 400),
        ("/find", 400),
        ("/devices/olt-1/polls?from=2026-02-30T00:00:00Z", 422),
        ("/devices/olt-1/polls?from=2026-02-03T00:00:00", 400),
        ("/devices/olt-1/polls?from=2026-02-03T00:00:00Z&until=2026-02-01T00:00:00Z", 422),
        ("/devices/olt-1/polls?from=2026-01-01T00:00:00Z&until=2026-02-01T00:00:00Z", 422),
        ("/devices/olt-1/polls/99999999999999999999", 404),
        ("/readings?subject=ap:mac:0a0b0c000000&metric=wlan.ap.nothing", 404),
        ("/services/wifi-0009/hours?month=2026-13", 400),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_what_goes_wrong_is_a_problem_in_the_language_of_the_request(site, path, status, language):
    answer = ask(site, path, Accept_Language=language)
    body = answer.get_json()

    assert (answer.status_code, answer.mimetype) == (status, MEDIA)
    assert body["status"] == status
    assert body["title"]
    chinese = any("一" <= sign <= "鿿" for sign in body["detail"])
    assert chinese is (language == "zh-CN"), body["detail"]


def test_another_method_is_refused_with_those_that_are_allowed(site):
    answer = site.client().post("/api/v1/services")

    assert (answer.status_code, answer.mimetype) == (405, MEDIA)
    assert "GET" in answer.headers["Allow"]


def test_a_request_of_another_site_is_a_problem_too(site):
    answer = site.client().post("/api/v1/services", headers={"Origin": "https://evil.example"})

    assert (answer.status_code, answer.mimetype) == (403, MEDIA)


def test_without_a_login_one_is_told_how_to_come_in(site):
    answer = site.client().get("/api/v1/areas")

    assert (answer.status_code, answer.mimetype) == (401, MEDIA)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_program_asks_with_a_token_and_a_wrong_one_is_a_problem(site):
    answer = site.client().get("/api/v1/areas", headers={"Authorization": "Bearer netops_" + "a" * 43})

    assert (answer.status_code, answer.mimetype) == (401, MEDIA)
    assert "invalid_token" in answer.headers["WWW-Authenticate"]


def test_a_failure_of_ours_is_a_problem_without_our_insides(site, monkeypatch):
    def broken(*_args):
        raise RuntimeError("/var/lib/secret")

    monkeypatch.setattr("dashboards.api.serve.answer", broken)
    answer = ask(site, "/areas")

    assert (answer.status_code, answer.mimetype) == (500, MEDIA)
    assert "secret" not in answer.get_data(as_text=True)


def test_hits_lead_to_their_pages(site):
    body = told(site, "/find?q=wlan-controller-9")

    assert body["hits"][0]["path"] == "/device/wlan-controller-9"
    assert body["hits"][0]["kind"] == "device"
    assert site.browser("viewer").get(body["hits"][0]["path"]).status_code == 200


def test_a_hostile_name_is_data(hostile):
    answer = ask(hostile, "/devices?limit=500")

    assert json.loads(answer.data)["items"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_what_the_web_process_tells_prometheus_is_on_the_list(site):
    text = site.client().get("/metrics").get_data(as_text=True)
    told = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}

    assert told <= set(BY_NAME)
    assert "netops_web_spool_records" in told
