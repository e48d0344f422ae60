"""RFC 8785: one value, one byte string; and what has none is refused."""

import json
import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netops.errors import EvidenceError
from netops.evidence import canonical

# RFC 8785 appendix B: IEEE 754 bits → the number as ECMAScript prints it.
APPENDIX_B = [
    ("0000000000000000", "0"),
    ("8000000000000000", "0"),
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"),
    ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555554", "333333333.33333325"),
    ("41b3de4355555555", "333333333.3333333"),
    ("41b3de4355555556", "333333333.3333334"),
    ("41b3de4355555557", "333333333.33333343"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-canonical.MAX_INTEGER, canonical.MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(("bits", "text"), APPENDIX_B)
def test_a_double_is_printed_as_ecmascript_prints_it(bits, text):
    (value,) = struct.unpack(">d", bytes.fromhex(bits))

    assert canonical.number(value) == text


def test_keys_are_ordered_by_utf16_code_units():
    """RFC 8785 section 3.2.3: an astral character (a surrogate pair) comes before U+FB33."""
    keys = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}

    text = canonical.dumps(keys).decode()

    assert text == '{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\U0001f600":5,"\ufb33":3}'


def test_the_example_of_the_rfc():
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }

    assert canonical.dumps(value).decode() == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


@settings(deadline=None)
@given(values)
def test_what_is_written_reads_back_as_the_same_value_and_bytes(value):
    data = canonical.dumps(value)

    assert canonical.loads_exact(data) == value
    assert json.loads(data, parse_int=float) == json.loads(json.dumps(value), parse_int=float)


def test_a_double_beyond_2_to_the_53_reads_back_as_the_double_it_is():
    assert canonical.dumps(1e20) == b"100000000000000000000"

    assert canonical.loads_exact(b"100000000000000000000") == 1e20
    assert type(canonical.loads_exact(b"9007199254740992")) is float


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_keeps_its_value_and_is_the_shortest(value):
    text = canonical.number(value)

    assert float(text) == value
    digits = len(text.lstrip("-").partition("e")[0].replace(".", "").strip("0"))
    assert digits <= len(repr(value).lstrip("-").partition("e")[0].replace(".", "").strip("0"))


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (math.nan, "finite"),
        (math.inf, "finite"),
        (2**53, "2^53"),
        (-(2**53), "2^53"),
        ("\ud800", "surrogate"),
        ({1: 2}, "key"),
        ({"a": {3}}, "set"),
        (b"x", "bytes"),
    ],
)
def test_what_has_no_canonical_form_is_refused(value, word):
    with pytest.raises(EvidenceError, match=word.replace("^", r"\^")):
        canonical.dumps(value)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b'{"a":1,"a":2}', "twice"),
        (b'{"a":{"b":1,"b":1}}', "twice"),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"1e999", "double"),
        (b"9007199254740993", "2\\^53"),
        (b"9" * 100_000, "2\\^53"),
        (b'"\\ud800"', "surrogate"),
        (b"\xff", "UTF-8"),
        (b"\xef\xbb\xbf1", "JSON"),
        (b"[" * 100_000, "deeper"),
        (b"[" * 65 + b"]" * 65, "deeper"),
        (b"{}{}", "JSON"),
        (b"", "JSON"),
    ],
)
def test_hostile_json_is_refused(data, word):
    with pytest.raises(EvidenceError, match=word):
        canonical.loads(data)


@pytest.mark.parametrize(
    "data", [b"[1, 2]", b'{"b":1,"a":2}', b"1.0", b"1E1", b'"\\u0041"', b'"\\/"', b"-0", b" 1", b"1\n"]
)
def test_a_second_spelling_is_refused(data):
    canonical.loads(data)

    with pytest.raises(EvidenceError, match="canonical"):
        canonical.loads_exact(data)
