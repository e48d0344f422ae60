"""The schema of contract files and the reader agree: on what is a contract, and on what has the wrong shape."""

import copy
import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from inventory.reading import contract
from inventory.reading import yaml as reading
from inventory.reading.tree import Notes
from inventory.schema import schema
from tests.netops.instances import guide_files

SCHEMA = schema()
JUDGE = Draft202012Validator(SCHEMA)
# what two values say together, or a name that the machine knows: no shape, so no schema says it
MEANING = re.compile(
    r"twice|overlap|ends before|go together|not_excluded|'aggregation' is|of \d+ vantage|do not fit|holds no value|"
    r"states both|no IANA time zone|names no calendar|mixes|is no instant|lies outside|in '\w+' is not known|"
    r"does not print"
)
FULL = """
dispute: {objection_days: 10, rebuttal_days: 5, ruling_days: 10}
calendar: cn
"""


def sound():
    made = yaml.load(guide_files()["contracts/wifi-2026.yaml"] + FULL, Loader=yaml.BaseLoader)
    credits_ = made["items"][0]["objectives"][0]["credits"]
    credits_ |= {"period_cap_percent": "50", "escalate_after": "2", "escalate_factor": "1.5", "per": "object"}
    made["items"][0]["double_credit"] = "by_minute"
    return made


SOUND = sound()


def read(document):
    """Return what the reader says against a document."""
    notes = Notes()
    table = reading.read(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), "c.yaml", notes)
    if table is not None:
        contract.contract(table, "c.yaml", notes)
    return [each.what for each in notes.found]


def seen(value):
    """Return the document as an editor sees it: numbers where the text looks like one."""
    if isinstance(value, dict):
        return {key: seen(each) for key, each in value.items()}
    if isinstance(value, list):
        return [seen(each) for each in value]
    if re.fullmatch(r"-?[0-9]+", value):
        return int(value)
    return float(value) if re.fullmatch(r"-?[0-9]+\.[0-9]+", value) else value


def places(value, path=()):
    yield path
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(each, (*path, key))


PLACES = [each for each in places(SOUND) if each]
VALUES = st.sampled_from(
    [
        *(
            "",
            "x",
            "X Y",
            "0",
            "1",
            "99.5",
            "101",
            "-1",
            "1000000",
            "2026-02-01",
            "2027",
            "true",
            "always",
            "month",
            "ap",
        ),
        *(
            "as_up",
            "removed",
            "workday 08:00-20:00",
            "fri 22:00-06:00",
            "mon 8-9",
            "UTC",
            "cn",
            "CNY",
            "公共",
            "a" * 101,
        ),
    ]
)
ANY = st.one_of(VALUES, st.lists(VALUES, max_size=2), st.dictionaries(st.sampled_from(["id", "x", "percent"]), VALUES))


@st.composite
def documents(draw):
    made = copy.deepcopy(SOUND)
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(PLACES))
        holder = made
        try:
            for key in path[:-1]:
                holder = holder[key]
            what = draw(st.sampled_from(["drop", "put", "put", "more"]))
            if what == "drop":
                del holder[path[-1]]
            elif what == "put":
                holder[path[-1]] = draw(ANY)
            elif isinstance(holder, dict):
                holder[draw(st.sampled_from(["x", "tilte", "rules", "hours", "at_most", "weight"]))] = draw(ANY)
            else:
                holder.append(draw(ANY))
        except (LookupError, TypeError, AttributeError):  # an earlier change took this place away
            continue
    return made


def test_the_contract_of_the_guide_is_good_by_both():
    assert read(SOUND) == []
    assert list(JUDGE.iter_errors(seen(SOUND))) == []
    Draft202012Validator.check_schema(SCHEMA)


@settings(max_examples=400, deadline=None)
@given(documents())
def test_the_schema_accepts_what_the_reader_accepts_and_refuses_what_has_the_wrong_shape(document):
    wrong = read(document)
    refused = [each.json_path for each in JUDGE.iter_errors(seen(document))]

    if not wrong:
        assert refused == []
    if any(not MEANING.search(each) for each in wrong):
        assert refused


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("rules", "unknown_mode"), "as_upp"),
        (("rules", "max_unknown_ratio"), "1.5"),
        (("items",), []),
        (("items", 0, "objectives", 0, "credits", "tiers", 0), {"percent": "10"}),
        (("items", 0, "objectives", 0, "rules", "hours"), "mon 8-9"),
        (("colour",), "red"),
        (("currency",), "RMB"),
    ],
)
def test_what_an_editor_underlines(path, value):
    made = copy.deepcopy(SOUND)
    holder = made
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value

    assert read(made)
    assert list(JUDGE.iter_errors(seen(made)))
