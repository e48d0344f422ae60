"""Whatever is asked of the API, within its document and beyond, the answer is as the document says."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig

from dashboards.api.catalogue import OPERATIONS

FEW, MANY = 6, 150
KNOWN = {
    "area": "110108015",
    "site": "site-9",
    "device": "wlan-controller-0",
    "service": "wifi-0009",
    "subject": "ap:mac:0a0b0c000000",
    "contract": "contract-b",
    "slot_ms": "1789999980000",
    "name": "contract-b-2026-08-r0.zip",
    "incident": "INC-1",
    "ticket": "T-1",
}
# 422 is what a well-formed question gets that means nothing: a window that ends before it begins, another's cursor;
# 429 who has tried too many wrong tokens, which the generator makes up
ACCEPTED = {"positive_data_acceptance": {"expected-statuses": ["2xx", "401", "403", "404", "422", "429"]}}
UNHURRIED = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture]
EACH = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)


@pytest.fixture(scope="session")
def document(site):
    config = SchemathesisConfig.from_dict({"checks": ACCEPTED})
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", site.app, config=config)


@pytest.fixture(scope="session")
def cookie(site):
    held = site.browser("contract_manager").get_cookie("netops_staff")
    return {"Cookie": f"netops_staff={held.value}"}


def asked(document, operation, cookie, examples):
    """Ask with names that are there, with any names, and with what the document forbids."""
    described = document[operation.path]["GET"]
    here = {name: KNOWN[name] for name in operation.names}
    kinds = [described.as_strategy(path_parameters=here), described.as_strategy()]
    if described.query or described.path_parameters:
        kinds.append(described.as_strategy(generation_mode=GenerationMode.NEGATIVE))

    @settings(max_examples=examples, deadline=None, suppress_health_check=UNHURRIED, database=None)
    @given(st.one_of(kinds))
    def check(case):
        # the session speaks: a made-up token beside it would have the answers be about tokens alone
        case.headers = {name: each for name, each in (case.headers or {}).items() if name.lower() != "authorization"}
        case.call_and_validate(headers=cookie)

    check()


@EACH
def test_a_few_questions_find_nothing(document, operation, cookie):
    asked(document, operation, cookie, FEW)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@EACH
def test_many_questions_find_nothing(document, operation, cookie):
    asked(document, operation, cookie, MANY)
