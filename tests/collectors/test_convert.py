"""What a device sent becomes a number, a text or an identity, or is refused; it never becomes something else."""

from __future__ import annotations

import contextlib
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.convert import (
    NUMBER_READERS,
    TEXT_READERS,
    UnreadableError,
    date_and_time,
    identity_prefix,
    linear,
    mac,
    number,
    onu_identity,
    pon_serial,
    raw,
    tenth_microwatt,
    text,
    unit_number,
    wrapped16,
    wrapped32,
)
from collectors.indexes import INDEX_READERS

OCTETS = 0x04


@pytest.mark.parametrize(
    ("written", "unit", "expected"),
    [
        (b"-23.4 dBm", "dBm", Fraction("-23.4")),
        (b"-23.4dBm", "dBm", Fraction("-23.4")),
        (b" 42 ", "Cel", 42),
        (b"+7", "", 7),
        (b"-12.0", "dB", Fraction(-12)),
        (b"55 C", "Cel", 55),
        (b"98%", "%", 98),
        (b"12\0\0", "1", 12),
    ],
)
def test_text_with_its_unit_is_a_number(written, unit, expected):
    assert number(written, unit) == expected


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"-",
        b"n/a",
        b"No Power",
        b"ack...",
        b"nan",
        b"inf",
        b"1e5",
        b"0x10",
        b"1_000",
        b"12 34",
        b"255 mW",
        b"\xff\xfe",
        b"1,5",
    ],
)
def test_what_is_no_number_is_refused(written):
    with pytest.raises(UnreadableError):
        number(written, "dBm")


@given(st.integers(-(2**63), 2**64 - 1))
def test_integers_stay_exact(value):
    assert number(value, "1") == value
    assert linear("1", "0").apply(value) == value


@given(
    st.integers(-(2**31), 2**31 - 1),
    st.sampled_from(["0.1", "0.01", "0.001", "0.002", "10"]),
    st.sampled_from(["0", "-30", "-100"]),
)
def test_scaling_is_correctly_rounded(value, scale, offset):
    exact = Fraction(value) * Fraction(scale) + Fraction(offset)

    assert linear(scale, offset).apply(value) == float(exact)


@given(st.integers(-99_999_999, 99_999_999), st.integers(0, 4))
def test_a_number_written_as_text_means_what_it_says(value, places):
    written = f"{value / 10**places:.{places}f}"

    assert linear("1", "0").apply(number(written.encode() + b" dBm", "dBm")) == float(written)


def test_scales_are_plain_decimals():
    for bad in ("1e3", "x", "", "1/3", "0.1.2", "__import__"):
        with pytest.raises(ValueError, match="plain decimal"):
            linear(bad, "0")


def test_a_wrapped_counter_is_unsigned():
    assert wrapped32(-1, "By") == 2**32 - 1
    assert wrapped32(-(2**31), "By") == 2**31
    assert wrapped32(571282499, "By") == 571282499
    assert wrapped32(2**40, "By") == 2**40


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        ("海淀公园".encode(), "海淀公园"),
        ("中关村大街".encode("gb18030"), "中关村大街"),
        (b"T4432119653322  ", "T4432119653322"),
        (b"name\0\0\0", "name"),
        (b"a\x1b[31mb", "a\x1b[31mb"),
        (b"", ""),
        (b"\x81", "0x81"),
    ],
)
def test_names_are_utf8_or_gb18030(octets, expected):
    assert text(octets) == expected


def test_a_long_text_is_cut_visibly():
    shown = text(b"x" * 5000)

    assert shown.endswith("(5000 characters)")
    assert len(shown) < 4200


@given(st.binary(max_size=200))
def test_octets_always_have_a_raw_form_without_control_characters(octets):
    shown = raw(octets, OCTETS)

    assert isinstance(shown, str)
    assert all(c >= " " or c in "\t\r\n" for c in shown)


@given(st.binary(max_size=60))
def test_no_reader_fails_otherwise_than_by_saying_so(octets):
    for reader in TEXT_READERS.values():
        with contextlib.suppress(UnreadableError):
            assert isinstance(reader(octets), str)
    for reader in NUMBER_READERS.values():
        with contextlib.suppress(UnreadableError):
            assert isinstance(reader(octets, "dBm"), (int, Fraction))


@given(st.lists(st.integers(0, 2**32 - 1), max_size=20))
def test_index_readers_use_what_they_say_or_refuse(arcs):
    for reader in INDEX_READERS.values():
        try:
            part, used = reader(arcs)
        except UnreadableError:
            continue
        assert 0 <= used <= len(arcs)
        assert isinstance(part.shown, str)


@given(st.binary(min_size=6, max_size=6))
def test_a_mac_address_is_the_same_from_value_and_index(octets):
    part, used = INDEX_READERS["mac"](list(octets))

    assert (part.shown, used) == (mac(octets), 6)


def test_a_written_mac_address_is_read_too():
    assert mac(b"0A:0b:0C:0d:0e:0f") == mac(b"0a0b-0c0d-0e0f") == "0a0b0c0d0e0f"


@pytest.mark.parametrize("octets", [b"HWTC\x01\x23\x45\x67", b"HWTC01234567", b"hwtc-01234567", b"4857544301234567"])
def test_a_pon_serial_number_has_one_form(octets):
    assert pon_serial(octets) == "HWTC01234567"


@pytest.mark.parametrize(
    ("reader", "ifindex", "expected"),
    [
        ("huawei_pon_port", 4194304000, "0/0/0"),
        ("huawei_pon_port", 4194307840, "0/0/15"),
        ("huawei_pon_port", 4194312448, "0/1/1"),
        ("zte_pon_port", 285278465, "1/1/1"),
        ("zte_pon_port", 285278727, "1/2/7"),
        ("zte_pon_port_1012", 268501248, "0/1/1"),
        ("zte_pon_port_1012", 268503040, "0/1/8"),
        ("fiberhome_onu", 11 * 2**25 + 3 * 2**19 + 7 * 2**8, "11/3/7"),
        ("fiberhome_pon", 11 * 2**25 + 3 * 2**19, "11/3"),
        ("nscrtv_onu", 16779265, "1/0/8/1"),
    ],
)
def test_ports_are_cut_out_of_the_ifindex(reader, ifindex, expected):
    part, used = INDEX_READERS[reader]([ifindex])

    assert (part.shown, used) == (expected, 1)


def test_a_string_in_an_index_stands_after_its_length():
    part, used = INDEX_READERS["string"]([3, 97, 98, 99, 7])

    assert (part.shown, used) == ("abc", 4)
    for bad in ([], [5, 97], [2, 97, 300]):
        with pytest.raises(UnreadableError):
            INDEX_READERS["string"](bad)


def test_dates_are_iso_and_nonsense_is_refused():
    assert date_and_time(bytes.fromhex("07e70a1d0e1e0500")) == "2023-10-29T14:30:05"
    assert date_and_time(bytes.fromhex("07e70a1d0e1e05002b0800")) == "2023-10-29T14:30:05+08:00"
    for bad in (b"", b"2023", bytes(8), bytes.fromhex("07e70d1d0e1e0500")):
        with pytest.raises(UnreadableError):
            date_and_time(bad)


@pytest.mark.parametrize(
    ("written", "unit", "expected"),
    [
        (b"0.03 mW (-14.61 dBm)", "dBm", Fraction("-14.61")),
        (b"-28.530(dBm)", "dBm", Fraction("-28.530")),
        (b"47.957(C)", "Cel", Fraction("47.957")),
        (b"27.84 .C", "Cel", Fraction("27.84")),
        (b"6.56 dbm", "dBm", Fraction("6.56")),
        (b"-19.32", "dBm", Fraction("-19.32")),
        (-7, "dBm", -7),
    ],
)
def test_the_number_that_carries_the_unit_is_found_among_others(written, unit, expected):
    assert unit_number(written, unit) == expected


@pytest.mark.parametrize("written", [b"0.03 mW", b"1.0 dBm 2.0 dBm", b"dBm", b"-inf(dBm)", b"--", b""])
def test_a_text_in_which_no_one_number_carries_the_unit_is_refused(written):
    with pytest.raises(UnreadableError):
        unit_number(written, "dBm")


@pytest.mark.parametrize(("sent", "expected"), [(10_000, 0), (1, -40), (20_000, 3.01), (25, -26.021)])
def test_an_optical_power_in_tenths_of_a_microwatt_is_a_level(sent, expected):
    assert float(tenth_microwatt(sent, "dBm")) == expected


@pytest.mark.parametrize("sent", [0, -3])
def test_no_light_has_no_level(sent):
    with pytest.raises(UnreadableError):
        tenth_microwatt(sent, "dBm")


@pytest.mark.parametrize(
    ("sent", "expected", "prefix"),
    [
        (b"HWTC\x01\x23\x45\x67", "HWTC01234567", "sn:"),
        (b"FHTT01234567", "FHTT01234567", "sn:"),
        (b"48575443012345AB", "HWTC012345AB", "sn:"),
        (b"ZTEG-0a0b0c0d", "ZTEG0A0B0C0D", "sn:"),
        (b"\x00\x1b\x2c\x3d\x4e\x5f", "001b2c3d4e5f", "mac:"),
        (b"00:1B:2C:3D:4E:5F", "001b2c3d4e5f", "mac:"),
        (b"001B2C3D4E5F", "001b2c3d4e5f", "mac:"),
    ],
)
def test_an_onu_is_known_by_serial_number_or_mac_address(sent, expected, prefix):
    assert onu_identity(sent) == expected
    assert identity_prefix("onu_identity", expected) == prefix


@pytest.mark.parametrize("sent", [b"", b"user-17", b"ZTEG", None, 5])
def test_what_is_neither_identifies_no_onu(sent):
    with pytest.raises(UnreadableError):
        onu_identity(sent)


@pytest.mark.parametrize("sent", [b"2024-12-23 10:34:15", b"2024/12/23 10:34:15", b"2024-12-23T10:34:15\0"])
def test_a_date_written_out_is_a_date(sent):
    assert date_and_time(sent) == "2024-12-23T10:34:15"


@pytest.mark.parametrize("sent", [b"0000-00-00 00:00:00", b"N/A", b"\0" * 8])
def test_a_date_that_is_none_is_refused(sent):
    with pytest.raises(UnreadableError):
        date_and_time(sent)


@pytest.mark.parametrize(("sent", "expected"), [(4402, 4402), (32767, 32767), (32768, -32768), (65000, -536), (-1, -1)])
def test_sixteen_bits_in_twos_complement_keep_their_sign(sent, expected):
    assert wrapped16(sent, "") == expected


@pytest.mark.parametrize(
    ("reader", "sent", "expected"),
    [
        ("signed_octet", 161, -95),
        ("signed_octet", -95, -95),
        ("signed_octet", 127, 127),
        ("signed_octet", 256, 256),
        ("negative", 92, -92),
        ("negative", -92, -92),
        ("negative", b"92", -92),
        ("leading_number", b"36E", 36),
        ("leading_number", b"149+", 149),
        ("leading_number", b"5745/20-Ce/an", 5745),
        ("leading_number", 11, 11),
        ("primary_channel", b"388", 132),
        ("primary_channel", b"53S", 53),
        ("primary_channel", b"161", 161),
        ("duration", b"0 weeks, 4 days, 20 hours, 31 minutes, 0 seconds", 419_460),
        ("duration", b"5d, 10:14:33", 468_873),
        ("duration", b"1 day, 2:03:04", 93_784),
        ("duration", b"314:51:43", 1_133_503),
        ("duration", b"3h 4m", 11_040),
        ("duration", 17, 17),
    ],
)
def test_numbers_as_radios_write_them(reader, sent, expected):
    assert expected == NUMBER_READERS[reader](sent, "")


@pytest.mark.parametrize(
    ("reader", "sent"),
    [
        ("leading_number", b"x1"),
        ("leading_number", b"1.5"),
        ("duration", b""),
        ("duration", b"12"),
        ("duration", b"4 fortnights"),
        ("duration", b"4 days and more"),
    ],
)
def test_what_is_no_such_number_is_refused(reader, sent):
    with pytest.raises(UnreadableError):
        NUMBER_READERS[reader](sent, "")


def test_an_address_is_read_as_octets_and_as_text():
    assert [TEXT_READERS["ipv4"](each) for each in (b"\x0a\0\0\1", b"10.0.0.1")] == ["10.0.0.1", "10.0.0.1"]


def test_a_serial_number_in_an_index_is_an_identity():
    part, used = INDEX_READERS["serial"]([3, 97, 98, 99, 7])

    assert (part.shown, part.prefix, used) == ("abc", "sn:", 4)
