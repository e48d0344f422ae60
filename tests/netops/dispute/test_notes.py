"""A carrier's word: what it signed and nothing else, in one spelling, by its own key."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netops import facts
from netops.dispute import codes, notes
from netops.errors import EvidenceError, NetopsError, UsageError
from netops.evidence import canonical, note
from netops.sign import Signer
from tests.netops.dispute.conftest import CARRIER, MANIFEST, NOW, OBJECTION, OTHER, REPORT

KEYS = [CARRIER.vkey]
ACCEPTANCE = {"report": REPORT, "manifest_digest": MANIFEST, "made_ms": NOW}


def signed(text, key=CARRIER):
    return key.sign(text)


def text_of(kind="objection", **changed):
    return f"{notes.FORMAT} {kind}\n{canonical.dumps(OBJECTION | changed).decode()}\n"


def test_an_objection_reads_back_as_the_fact_that_it_becomes():
    data = notes.write("objection", OBJECTION, CARRIER)
    said = notes.read(data, KEYS)
    fact = said.fact(at_ms=NOW + 5)
    facts.check(fact)

    assert fact.body["by"] == "carrier-a/disputes"
    assert fact.body["note"].encode() == data
    assert fact.body["objection"] == said.name == notes.read(data, KEYS).name
    assert {key: fact.body[key] for key in ("report", "code", "target", "reason")}.items() <= OBJECTION.items()


def test_an_acceptance_needs_no_reason():
    fact = notes.read(notes.write("report_accepted", ACCEPTANCE, CARRIER), KEYS).fact(at_ms=NOW)
    facts.check(fact)

    assert "reason" not in fact.body


def test_two_objections_have_two_names():
    names = [
        notes.read(notes.write("objection", OBJECTION | {"made_ms": at}, CARRIER), KEYS).name for at in (NOW, NOW + 1)
    ]

    assert len(set(names)) == 2


HOSTILE = {
    "nothing": (b"", "expected a text"),
    "not-utf-8": (b"\xff\xfe\n\n", "not UTF-8"),
    "a-control-character": (signed("netops-dispute/1 objection\n{}\n").replace(b"{}", b"{\x00}"), "control character"),
    "too-long": (b"x" * (notes.MOST_BYTES + 1), "at most 16000"),
    "another-key": (signed(text_of(), OTHER), "no signature by a trusted key"),
    "the-name-of-the-key-on-another": (signed(text_of(), Signer(CARRIER.vkey.name, b"7" * 32)), "no signature"),
    "another-format": (signed("netops-dispute/2 objection\n{}\n"), "begins with"),
    "another-kind": (signed("netops-dispute/1 ruling\n{}\n"), "begins with"),
    "a-checkpoint": (signed(f"{CARRIER.vkey.name}\n0\nAAAA\n"), "begins with"),
    "two-lines": (signed(text_of() + "{}\n"), "begins with"),
    "not-json": (signed("netops-dispute/1 objection\n{\n"), "not JSON"),
    "a-list": (signed("netops-dispute/1 objection\n[]\n"), "expected code"),
    "not-canonical": (signed(text_of().replace('":', '": ')), "not canonical"),
    "a-key-twice": (signed(text_of().replace('{"code"', '{"code":"fact","code"')), "stands twice"),
    "deep": (signed("netops-dispute/1 objection\n" + "[" * 3000 + "]" * 3000 + "\n"), "at most 4000"),
    "nested": (signed("netops-dispute/1 objection\n" + "[" * 900 + "]" * 900 + "\n"), "nested"),
    "an-unknown-field": (signed(text_of(ruling="upheld")), "nothing beyond"),
    "no-such-code": (signed(text_of(code="late")), "code 'late' is unknown"),
    "a-code-of-another-target": (signed(text_of(code="fact")), "said of one leaf"),
    "a-target-in-no-form": (signed(text_of(target="interval:1-x")), "expected interval:"),
    "an-empty-interval": (signed(text_of(target="interval:5-5")), "ends after it begins"),
    "a-number-spelled-twice": (signed(text_of(target="interval:01-5")), "zeros"),
    "no-reason": (signed(text_of(reason="  ")), "a reason is needed"),
    "a-long-reason": (signed(text_of(reason="x" * 1501)), "at most 1500"),
    "somebody-s-number": (signed(text_of(reason="call 13800138000")), "names somebody"),
    "no-instant": (signed(text_of(made_ms=-1)), "'made_ms' is no instant"),
    "a-float-for-an-instant": (signed(text_of(made_ms=1.5)), "'made_ms' is no instant"),
    "no-digest": (signed(text_of(manifest_digest="AB" * 32)), "'manifest_digest' is no SHA-256"),
    "no-evidence-digest": (signed(text_of(evidence_digest="x")), "evidence_digest"),
    "a-report-with-a-newline": (signed(text_of(report="a\nb")), "report"),
    "two-signatures": (signed(text_of()) + signed(text_of(), OTHER).rpartition(b"\n\n")[2], "2 signatures"),
    "a-co-signer-s-key": (signed(text_of()), "no signature"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_else_stands_in_the_file_is_refused_by_name(name):
    data, why = HOSTILE[name]
    keys = [Signer(CARRIER.vkey.name, b"8" * 32, algorithm=note.COSIGNATURE_V1).vkey] if "co-signer" in name else KEYS

    with pytest.raises(NetopsError) as caught:
        notes.read(data, keys)
    assert why in str(caught.value)


def test_a_carrier_without_a_key_is_told_where_it_belongs():
    with pytest.raises(EvidenceError, match=r"carriers\.yaml"):
        notes.read(notes.write("objection", OBJECTION, CARRIER), [])


@given(st.data())
def test_no_byte_of_a_note_can_be_changed(data):
    made = bytearray(notes.write("objection", OBJECTION, CARRIER))
    at = data.draw(st.integers(0, len(made) - 1))
    made[at] ^= data.draw(st.integers(1, 255))

    with pytest.raises(NetopsError):
        notes.read(bytes(made), KEYS)


@given(st.binary(max_size=600))
def test_no_file_ends_in_anything_but_a_reason(data):
    for read in (lambda: notes.read(data, KEYS), lambda: notes.report_of(data)):
        with pytest.raises(NetopsError):
            read()


def test_a_pipe_or_a_directory_is_no_note(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "long").write_bytes(b"x" * (notes.MOST_BYTES + 1))

    for name in ("pipe", ".", "missing", "long"):
        with pytest.raises(UsageError, match="note"):
            notes.open_file(tmp_path / name)


TARGETS = st.one_of(
    st.builds(codes.Target, kind=st.just("leaf"), leaf=st.integers(0, 10**15)),
    st.builds(
        codes.Target, kind=st.just("incident"), name=st.from_regex(r"[a-z0-9-]{1,20}", fullmatch=True),
        start_ms=st.integers(0, 10**15),
    ),
    st.builds(
        lambda at, length, name: codes.Target(kind="interval", name=name, start_ms=at, end_ms=at + length),
        st.integers(0, 10**14), st.integers(1, 10**12), st.from_regex(r"[a-z0-9-]{0,20}", fullmatch=True),
    ),
    st.builds(codes.Target, kind=st.just("claim"), name=st.from_regex(r"req-[0-9a-f]{16}", fullmatch=True)),
)  # fmt: skip


@given(TARGETS)
def test_a_target_reads_back_as_it_is_written(target):
    assert codes.target(str(target)) == target


def test_every_code_is_said_of_one_kind_of_target():
    assert {kind for kind, _ in codes.CODES.values()} == {"claim", "incident", "leaf", "interval", "survey"}
