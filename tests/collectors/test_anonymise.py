"""A recording with pseudonyms tells the same numbers of the same families, and nothing of people and places."""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from collectors.anonymise.pseudonyms import Pseudonyms
from collectors.anonymise.walk import anonymise
from collectors.profile_yaml import shipped
from collectors.recording import load, written
from collectors.replay import examine
from collectors.snmp.agent import Listing
from collectors.snmp.varbind import Varbind, parse
from netops.metrics import METRICS, Kind

RECORDINGS = Path(__file__).resolve().parents[2] / "../shared/data/recordings"
CAPTURES = sorted((Path(__file__).parent / "captures").glob("*.snmprec"))
KEY = b"k" * 32


def walk_of(path):
    return list(load(path, wanted=((1, 3, 6, 1), (1, 0, 8802))).agent.objects.values())


def told(walk):
    """Return the family, and what is told of each subject: numbers and qualities; of texts only that they are there.

    Subjects have other names with pseudonyms, so what counts is how many there are of whom the very same is told.
    """
    detected, decoded = examine(Listing(walk), shipped(), device="d", at_ms=0)
    seen = defaultdict(list)
    for each in decoded.observations:
        text = METRICS[each.metric].kind is Kind.TEXT and each.value is not None
        seen[each.subject].append((each.rule, each.quality, "a text" if text else each.value))
    for gap in decoded.gaps:
        seen[gap.subject].append((gap.metric, gap.reason, ""))
    return detected.family, Counter(
        (
            subject.kind,
            subject.id.partition(":")[0] if subject.id[:4] in ("mac:", "sn:") else "",
            tuple(sorted(map(repr, rows))),
        )
        for subject, rows in seen.items()
    )


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name.removesuffix(".snmprec"))
def test_a_capture_tells_the_same_with_pseudonyms(path):
    walk = walk_of(path)
    assert told(anonymise(walk, shipped().values(), key=KEY)) == told(walk)


@pytest.mark.recordings
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "kind", [pytest.param("ap", marks=pytest.mark.slow), "lte", pytest.param("pon", marks=pytest.mark.slow)]
)
def test_recordings_of_real_devices_tell_the_same_with_pseudonyms(kind):
    for path in sorted((RECORDINGS / kind).glob("*.snmprec")):
        walk = [
            each for each in walk_of(path) if each.oid[:8] not in {(1, 3, 6, 1, 2, 1, 17, 4), (1, 3, 6, 1, 2, 1, 4, 34)}
        ]
        assert told(anonymise(walk, shipped().values(), key=KEY)) == told(walk), path.name


def varbind(oid, value, tag=4):
    return Varbind(parse(oid), tag, value)


def test_columns_and_rows_of_an_unknown_table_are_no_addresses():
    walk = [
        varbind(f"1.3.6.1.4.1.99999.6.139.13.3.10.1.{column}.{row}", column * row, 2)
        for column in range(1, 80)
        for row in range(256)
    ]
    assert [each.oid for each in anonymise(walk, shipped().values(), key=KEY)] == [each.oid for each in walk]


def test_no_pseudonym_is_the_name_of_a_row_that_stays():
    names = [Pseudonyms(bytes((turn,)) * 32) for turn in range(250)]
    made = [each.ip(bytes((10, 1, 75, turn))) for each in names for turn in range(1, 20)]
    made += [each.mac(b"\x00\x25\x9e\x01\x02" + bytes((turn,)))[2:] for each in names for turn in range(20)]
    assert min(max(address[1:]) for address in made) > 31


SECRETS = [
    varbind("1.3.6.1.2.1.1.1.0", b"Maker AC V2 ac-haidian-west 10.20.30.40 00:1b:44:11:3a:b7"),
    varbind("1.3.6.1.2.1.1.4.0", b"zhang san 13800000000"),
    varbind("1.3.6.1.2.1.1.5.0", b"ac-haidian-west"),
    varbind("1.3.6.1.2.1.1.6.0", "海淀区中关村大街".encode()),
    varbind("1.3.6.1.2.1.4.20.1.1.10.20.30.40", bytes((10, 20, 30, 40)), 0x40),
    varbind("1.3.6.1.2.1.25.4.2.1.5.1", b"--password=hunter22"),
    varbind("1.3.6.1.4.1.99999.1.1.1.1.2.0.27.68.17.58.183", bytes((0, 27, 68, 17, 58, 183))),
    varbind("1.3.6.1.4.1.99999.1.1.1.1.3.0.27.68.17.58.183", b"zhangsan-phone"),
    varbind("1.3.6.1.4.1.99999.1.1.1.1.4.0.27.68.17.58.183", b"HWTC12345678"),
    varbind("1.3.6.1.4.1.99999.1.1.1.1.5.0.27.68.17.58.183", b"-23.4 dBm"),
    varbind("1.3.6.1.4.1.99999.1.1.1.1.6.0.27.68.17.58.183", bytes((10, 20, 30, 40)), 0x40),
    varbind("1.3.6.1.4.1.99999.1.2.1.1.2.14.122.104.97.110.103.115.97.110.45.112.104.111.110.101", 7, 2),
]
READABLE = (b"haidian", b"zhang", b"13800000000", b"hunter", b"12345678", b"113ab7", b"11:3a:b7", b"10.20.30.40")
ARCS = (".17.58.183", ".122.104.97.110.103")


def test_nothing_of_people_and_places_stays_readable():
    made = anonymise(SECRETS, shipped().values(), key=KEY)
    content = b"".join(map(written, made))

    for secret in (*READABLE, "海淀".encode(), "海淀".encode().hex().encode()):
        assert secret.lower() not in content.lower(), secret
    for arcs in ARCS:
        assert arcs.encode() not in content
    assert b"-23.4 dBm" in content
    assert b"Maker AC V2" in content
    assert b"|HWTC" in content
    assert b"1.3.6.1.4.1.99999.1.1.1.1.2.0.27.68." in content  # the maker's half of the address


def test_equal_things_get_equal_pseudonyms_and_another_key_others():
    one, again = (anonymise(SECRETS, shipped().values(), key=KEY) for _ in range(2))
    other = anonymise(SECRETS, shipped().values(), key=b"x" * 32)
    assert one == again
    assert one != other
    macs = {each.oid[-6:] for each in one if each.oid[:7] == (1, 3, 6, 1, 4, 1, 99999) and len(each.oid) == 18}
    assert len(macs) == 1
    assert next(each.value for each in one if each.oid[11:12] == (2,) and each.tag == 4) == bytes(next(iter(macs)))


def test_what_is_written_reads_back_to_the_same(tmp_path):
    walk = [
        *SECRETS,
        varbind("1.3.6.1.4.1.1.1", None, 5),
        varbind("1.3.6.1.4.1.1.2", b"\x00\xff|\n"),
        varbind("1.3.6.1.4.1.1.3", "1.3.6.1", 6),
    ]
    walk += [
        varbind("1.3.6.1.4.1.1.4", 2**64 - 1, 0x46),
        varbind("1.3.6.1.4.1.1.5", -5, 2),
        varbind("1.3.6.1.4.1.1.6", b""),
    ]
    (tmp_path / "a.snmprec").write_bytes(b"".join(map(written, walk)))

    assert {each.oid: each for each in walk_of(tmp_path / "a.snmprec")} == {each.oid: each for each in walk}


def test_a_name_spelt_in_an_index_is_no_address():
    """`clients-wlan0` after its length: six of its letters look like an address, and none is."""
    base = (1, 3, 6, 1, 4, 1, 8072, 1, 3, 2, 3, 1, 1)
    walk = [Varbind((*base, len(name), *name), 2, 3) for name in (b"clients-wlan0", b"clients-wlan1")]

    assert [each.oid for each in anonymise(walk, shipped().values(), key=KEY)] == [each.oid for each in walk]


@pytest.mark.parametrize(
    "secret",
    [b"460001234567890", b"13812345678", b"+86 138 1234 5678", b"138-1234-5678", b"89860012345678901234"],
)
def test_the_number_of_a_person_is_no_measured_number(secret):
    """A telephone's number, an IMSI, an IMEI or a SIM card's number names somebody, and all are digits only."""
    walk = [varbind("1.3.6.1.4.1.99999.9.1.1", secret), varbind("1.3.6.1.4.1.99999.9.1.2", b"4294967295")]

    made = anonymise(walk, shipped().values(), key=KEY)

    assert made[0].value.startswith(b"text-")
    assert made[1].value == b"4294967295"


@pytest.mark.parametrize("column", ["1.3.6.1.2.1.16.9.1.1.4", "1.3.6.1.2.1.47.1.2.1.1.4"])
def test_communities_that_standard_tables_tell_in_clear_are_left_out(column):
    """eventCommunity and entLogicalCommunity: said in every row, they would pass for the word of an enumeration."""
    walk = [varbind(f"{column}.{row}", b"c1ty-s3cret") for row in range(1, 7)]

    assert anonymise(walk, shipped().values(), key=KEY) == []


def test_an_ipv6_address_in_octets_gets_a_pseudonym():
    address = bytes.fromhex("240e0001000200030000000000000abc")

    (made,) = anonymise([varbind("1.3.6.1.4.1.99999.9.2.1", address)], shipped().values(), key=KEY)

    assert len(made.value) == 16
    assert made.value[:4] == bytes.fromhex("20010db8")
    assert address[4:] not in made.value


@pytest.mark.parametrize(
    ("oid", "name"),
    [
        ("1.3.6.1.2.1.1.6.0", "海淀区中关村大街"),
        ("1.3.6.1.2.1.1.5.0", "北京站"),  # six octets: no MAC address
        ("1.3.6.1.4.1.99999.9.3.1", "张三的手机"),
        ("1.3.6.1.4.1.99999.9.3.1", "北京站"),
    ],
)
def test_a_name_in_gb18030_gets_a_pseudonym_as_one_in_utf_8_does(oid, name):
    (made,) = anonymise([varbind(oid, name.encode("gb18030"))], shipped().values(), key=KEY)

    assert made.value.startswith(b"text-")


def test_what_we_were_let_in_by_stays_nowhere():
    """An agent of some vendor tells its communities in a table of its own: the same word in every row."""
    walk = [varbind(f"1.3.6.1.4.1.99999.9.4.{row}", b"backup") for row in range(1, 7)]
    walk.append(varbind("1.3.6.1.2.1.1.1.0", b"Maker AC V2 for backup of"))
    assert b"backup" in b"".join(map(written, anonymise(walk, shipped().values(), key=KEY)))

    made = anonymise(walk, shipped().values(), key=KEY, never=[b"backup"])

    assert b"backup" not in b"".join(map(written, made))
    assert len({each.value for each in made[1:]}) == 1


def test_a_name_within_the_description_is_hidden_and_no_reason_to_refuse():
    walk = [
        varbind("1.3.6.1.2.1.1.1.0", b"Maker AC V2 ac-haidian-west"),
        varbind("1.3.6.1.2.1.1.5.0", b"ac-haidian-west"),
    ]

    made = anonymise(walk, shipped().values(), key=KEY)

    assert made[0].value == b"Maker AC V2 " + made[1].value


def test_an_address_written_as_text_in_a_column_of_addresses_stays_one():
    (made,) = anonymise([varbind("1.3.6.1.4.1.57344.1.2.2.1.1.1", b"78:5E:E8:D0:6F:53")], shipped().values(), key=KEY)

    assert made.value.startswith(b"78:5E:E8:")
    assert made.value != b"78:5E:E8:D0:6F:53"
    assert len(made.value) == 17


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        ("mac", 20_000),
        ("ip", 20_000),
        ("number", 3_000),
        *(pytest.param(k, 150_000, marks=pytest.mark.slow) for k in ("serial", "text")),
    ],
)
def test_no_two_of_many_get_one_pseudonym(kind, count):
    """Three octets of a mark alone would give twelve of these addresses another's pseudonym."""
    names = Pseudonyms(KEY)
    make = {
        "mac": lambda at: names.mac(b"\x94\xb4\x0f" + at.to_bytes(3, "big")),
        "ip": lambda at: names.ip(bytes((172, 16, at >> 8, at & 255))),
        "number": lambda at: names.number(1_000 + at),
        "serial": lambda at: names.serial(b"HWTC%08X" % (at + 1), octets=False),
        "text": lambda at: names.text(b"%d" % at),
    }[kind]

    assert len({make(at) for at in range(count)}) == count


def test_thousands_of_addresses_of_one_maker_stay_as_many_and_still_join():
    chance = random.Random(1)
    macs = {b"\x94\xb4\x0f" + chance.randbytes(3) for _ in range(2_500)}
    rows = [(".".join(map(str, mac)), mac) for mac in macs]
    walk = [varbind(f"1.3.6.1.4.1.99999.4.5.1.2.{at}", mac) for at, mac in rows]
    walk += [varbind(f"1.3.6.1.4.1.99999.4.5.1.3.{at}", 7, 2) for at, _ in rows]

    made = anonymise(walk, shipped().values(), key=KEY)

    assert len({each.oid for each in made}) == len(walk)
    assert all(bytes(each.oid[-6:]) == each.value for each in made if each.tag == 4)
    assert len({each.value for each in made if each.tag == 4} - macs) > len(macs) - 10


@pytest.mark.parametrize("index", ["{}", "6.{}", "3.{}", "{}.1"])
def test_addresses_that_differ_in_their_last_octet_only_are_found_where_they_begin(index):
    """Radios of one access point, or units of one box, indexed by what no value says."""
    macs = [bytes((0x94, 0xB4, 0x0F, 0x85, 0x66, last)) for last in range(20, 80)]
    walk = [
        varbind(f"1.3.6.1.4.1.99999.4.6.1.2.{index.format('.'.join(map(str, mac)))}", last, 2)
        for last, mac in enumerate(macs)
    ]

    made = anonymise(walk, shipped().values(), key=KEY)

    begin = 11 + index.index("{") // 2
    told = {each.value: bytes(each.oid[begin : begin + 6]) for each in made}
    assert len(set(told.values())) == len(macs)
    assert {mac[:3] for mac in told.values()} == {b"\x94\xb4\x0f"}
    assert not any(mac[3:] == told[at][3:] for at, mac in enumerate(macs))


def test_an_address_that_is_guessed_does_not_cut_a_name_after_its_length():
    """Column 10 and eleven letters: `10.11.68.72` is no private address, and what is behind it no name of its own."""
    name = b"DHCP-test18"
    spelt = ".".join(map(str, (len(name), *name)))
    walk = [varbind(f"1.3.6.1.4.1.99999.4.7.1.{column}.{spelt}", 7, 2) for column in (4, 10)]
    walk.append(varbind("1.3.6.1.4.1.99999.4.8.0", name))

    assert anonymise(walk, shipped().values(), key=KEY) == sorted(walk)


def test_a_name_that_only_an_index_tells_is_hidden_in_texts_and_no_reason_to_refuse():
    walk = [
        varbind(f"1.3.6.1.4.1.99999.4.7.1.2.5.{'.'.join(map(str, b'nline'))}", 7, 2),
        varbind("1.3.6.1.4.1.99999.4.8.0", b"online"),
    ]

    made = anonymise(walk, shipped().values(), key=KEY)

    assert made[1].value.startswith(b"otext-")


@pytest.mark.slow
def test_four_times_as_many_addresses_take_about_four_times_as_long():
    """They took sixteen times as long: what an index only seems to hold was compared with all that was known."""

    def seconds(count):
        chance = random.Random(1)
        macs = {b"\x94\xb4\x0f" + chance.randbytes(3) for _ in range(count)}
        walk = [varbind(f"1.3.6.1.4.1.99999.4.5.1.2.{'.'.join(map(str, mac))}", 7, 2) for mac in macs]
        began = time.process_time()
        anonymise(walk, (), key=KEY)
        return time.process_time() - began

    few = min(seconds(4_000) for _ in range(3))
    assert seconds(16_000) < 8 * few
