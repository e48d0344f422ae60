"""V4: what is changed after a report was issued makes a revision that names the report it replaces, or is refused."""

from dataclasses import replace

import pytest

from netops.errors import UsageError
from netops.evidence import canonical
from netops.report import bundle, zone

H = 3_600_000
REGISTER = b'{"format":"netops/register@1"}'
OTHER = canonical.digest(b"other")


@pytest.fixture
def issued(october, signer):
    """Return the world after its report was issued, and what builds it anew with something changed."""
    draft, _ = october.issue(signer)
    assert draft.report.content["revision"] == 1

    def again(**changed):
        key = [str(signer.vkey)]
        made = bundle.draft(
            october.ask(**changed), october.leaves(), register=REGISTER, vkeys=key, origin=october.ledger.origin
        )
        return made.report.content

    assert again()["revision"] == 1
    return october, draft.report, again


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("register", {"register": OTHER}),
        ("catalogue", {"catalogue": OTHER}),
        ("code", {"code": OTHER}),
        ("timezone", {"zone": zone.load("Asia/Hong_Kong")}),
    ],
)
def test_v4_a_register_calendar_or_code_changed_afterwards_makes_a_revision_that_names_it(issued, name, changed):
    _, first, again = issued
    found = again(**changed)
    assert (found["revision"], found["replaces"]) == (2, first.digest)
    assert found["digests"][name] != first.content["digests"][name]


def test_v4_a_maintenance_window_told_afterwards_makes_a_revision_and_is_late(issued):
    world, first, again = issued
    world.claim("m-afterwards", 1, 2, notice=-500)
    found = again()
    (told,) = [
        each for each in found["parts"][0]["items"][0]["objectives"][0]["exclusions"] if each["claim"] == "m-afterwards"
    ]
    assert (found["revision"], found["replaces"], told["effect"]) == (2, first.digest, "late")
    assert found["digests"]["inputs"] != first.content["digests"]["inputs"]


def lower(contract, **changed):
    items = tuple(
        replace(item, objectives=tuple(replace(each, target="1") for each in item.objectives))
        for item in contract.items
    )
    return replace(contract, items=items, **changed)


def test_v4_a_threshold_changed_under_the_same_version_is_refused(issued):
    world, _, again = issued
    with pytest.raises(UsageError, match="does not hold this text"):
        again(contracts=(lower(world.contracts[0]),))


def test_v4_a_back_dated_version_is_told_to_be_recorded_after_it_took_effect(issued):
    world, first, again = issued
    (old,) = world.contracts
    late = lower(old, version="2", valid_from_ms=old.valid_from_ms + H)
    digest = canonical.digest(bundle.build.document(late))
    body = {"contract": "c1", "version": "2", "valid_from_ms": late.valid_from_ms, "digest": digest}
    world.state("contract_version", body, at_ms=late.valid_from_ms, recorded_ms=late.valid_from_ms + 3000 * H)
    found = again(contracts=(old, late))
    assert (found["revision"], found["replaces"]) == (2, first.digest)
    assert [each["recorded_after_valid_from"] for each in found["versions"]] == [True]
