"""The schema of a shape is made of its fields; a type without one is refused."""

from __future__ import annotations

import json

import pytest

from dashboards.api import reference, schema, shapes


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        (str, {"type": "string"}),
        (float | None, {"type": ["number", "null"]}),
        (schema.Instant, {"type": "string", "format": "date-time"}),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (dict[str, str], {"type": "object", "additionalProperties": {"type": "string"}}),
        (shapes.Counts | None, {"anyOf": [{"$ref": "#/components/schemas/Counts"}, {"type": "null"}]}),
    ],
    ids=str,
)
def test_a_type_has_its_schema(kind, made):
    assert schema.of(kind) == made


@pytest.mark.parametrize("kind", [set[str], object, tuple[int, str], list])
def test_a_type_that_json_does_not_know_is_refused(kind):
    with pytest.raises(TypeError, match="no JSON Schema"):
        schema.of(kind)


def test_what_a_shape_holds_comes_with_it():
    made = schema.components([shapes.IncidentWhole])

    assert list(made) == ["Incident", "IncidentWhole", "Member"]
    assert made["Member"]["properties"]["well"]["description"] == "null: it is not well"
    assert made["Member"]["required"] == list(made["Member"]["properties"])


@pytest.mark.parametrize("name", reference.PAGES)
def test_the_committed_page_is_current(name, request):
    committed = (request.config.rootpath / reference.DIRECTORY / name).read_text(encoding="utf-8")

    assert committed == reference.PAGES[name](), "run `python -m dashboards.api.reference`"


def test_every_object_of_the_document_says_what_it_is():
    shapes_ = json.loads(reference.document())["components"]["schemas"]

    assert all(each["description"] for each in shapes_.values())
