"""Whatever tells of a person or a place, wherever a device says it, is not in a recording with pseudonyms."""

from __future__ import annotations

import os
import random
import string

import pytest

from collectors.anonymise.left_out import left_out
from collectors.anonymise.walk import anonymise
from collectors.profile_yaml import shipped
from collectors.recording import written
from collectors.snmp.varbind import IP_ADDRESS, OBJECT_IDENTIFIER, Varbind, dotted, parse

KEY = b"k" * 32
UNKNOWN = "1.3.6.1.4.1.99999.7"
ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "1"))
SEED = os.environ.get("NETOPS_SEED", "1")

NAMES = ("zhangwei", "lihua", "wangfang", "haidian", "chaoyang", "hutong", "xiaoming")


def word(chance, alphabet=string.ascii_lowercase, least=5, most=10):
    return "".join(chance.choice(alphabet) for _ in range(chance.randint(least, most)))


def digits(chance, count):
    return str(chance.randint(1, 9)) + "".join(chance.choice(string.digits) for _ in range(count - 1))


def person(chance):
    return f"{chance.choice(NAMES)}{word(chance, least=2, most=4)}"


# each kind: what the device says, and what must not be found in any writing
TEXTS = {
    "a person's name": lambda c: person(c).encode(),
    "a name in Chinese": lambda c: ("张伟" + chr(c.randint(0x4E00, 0x9F00))).encode(),
    "a name in GB18030": lambda c: ("海淀街道" + chr(c.randint(0x4E00, 0x9F00))).encode("gb18030"),
    "a passphrase": lambda c: word(c, string.ascii_letters + string.digits, 8, 12).encode() + b"x7",
    "a passphrase of digits": lambda c: digits(c, 8).encode(),
    "a network's name": lambda c: f"{person(c)}-5G".encode(),
    "a telephone": lambda c: f"138{digits(c, 8)}".encode(),
    "a landline": lambda c: f"010-8{digits(c, 3)}-{digits(c, 4)}".encode(),
    "a telephone abroad": lambda c: f"+86 139 {digits(c, 4)} {digits(c, 4)}".encode(),
    "an IMSI": lambda c: f"46000{digits(c, 10)}".encode(),
    "an IMEI": lambda c: digits(c, 15).encode(),
    "an ICCID": lambda c: f"8986{digits(c, 16)}".encode(),
    "an e-mail address": lambda c: f"{person(c)}@{word(c)}.example".encode(),
    "a position": lambda c: f"39.{digits(c, 6)},116.{digits(c, 6)}".encode(),
    "a latitude": lambda c: f"39.{digits(c, 5)}".encode(),
    "a position in minutes": lambda c: f"N39 {digits(c, 2)}.{digits(c, 4)}".encode(),
    "a serial number": lambda c: f"21{digits(c, 6)}{word(c, string.ascii_uppercase)}".encode(),
    "a GPON serial number": lambda c: b"HWTC" + c.randbytes(4).hex().upper().encode(),
    "a GPON serial number in hexadecimal": lambda c: b"HWTC".hex().encode() + c.randbytes(4).hex().encode(),
    "a MAC address": lambda c: (b"\x00\x1b\x44" + c.randbytes(3)).hex(":").encode(),
    "a MAC address as Huawei writes it": lambda c: f"001b-44{c.randbytes(1).hex()}-{c.randbytes(2).hex()}".encode(),
    "a MAC address without marks": lambda c: (b"\xa4\x1b\x44" + c.randbytes(3)).hex().encode(),
    "an IPv4 address": lambda c: f"10.{c.randint(40, 255)}.{c.randint(40, 255)}.{c.randint(40, 255)}".encode(),
    "an IPv4 network": lambda c: f"172.20.{c.randint(40, 255)}.{c.randint(40, 255)}/24".encode(),
    "an IPv6 address": lambda c: (
        f"240e:{c.randint(4096, 65535):x}:{c.randint(4096, 65535):x}::1:{c.randint(4096, 65535):x}".encode()
    ),
    "a sentence of a log": lambda c: (
        f"user {person(c)} logged in from 10.{c.randint(40, 255)}.77.{c.randint(40, 255)}".encode()
    ),
    "a GPON serial number in octets": lambda c: b"ZTEG" + c.randbytes(3) + b"\x81",
    "a MAC address in octets": lambda c: b"\x00\x1b\x44" + c.randbytes(2) + b"\x99",
    "a MAC address behind its kind": lambda c: b"\x04\x00\x1b\x44" + c.randbytes(2) + b"\x99",
    "an IPv4 address in octets": lambda c: bytes((10, c.randint(40, 255), c.randint(40, 255), c.randint(200, 255))),
    "an IPv6 address in octets": lambda c: b"\x24\x0e" + c.randbytes(13) + b"\x81",
    "a name in UTF-16": lambda c: person(c).encode("utf-16-be"),
}


def needles(secret):
    """Return what of a secret must not be found: for a sentence or an address its telling parts."""
    if secret.startswith(b"user "):
        parts = secret.split()
        return [parts[1], parts[-1]]
    if b"/24" in secret:
        return [secret.partition(b"/")[0]]
    if len(secret) > 4 and secret[:4] in (b"HWTC", b"ZTEG"):
        return [secret[4:]]
    if secret.startswith(b"48575443"):
        return [secret[8:], bytes.fromhex(secret[8:].decode())]
    if secret[:3] == b"\x00\x1b\x44":
        return [secret[3:]]
    if secret[:4] == b"\x04\x00\x1b\x44":
        return [secret[4:]]
    for mark in (b":", b"-"):
        if secret.startswith((b"00:1b:44", b"001b-44")) and mark in secret:
            return [secret[-6:] if mark == b"-" else secret[-8:]]
    return [secret[6:]] if secret.startswith(b"a41b44") else [secret]


def shown(walk):
    """Return each object as its line in small letters, what stands in its OIDs, and its octets."""
    found = []
    for each in walk:
        line = written(each).lower()
        oids = b"." + line.partition(b"|")[0] + b"."
        if isinstance(each.value, str):
            oids += f" .{each.value}.".encode()
        found.append((line, oids, each.value if isinstance(each.value, bytes) else b""))
    return found


def told_in(lines, secret):
    """Return the lines of a recording in which a part of a secret can be read: as text, in hexadecimal, in an OID."""
    found = []
    for part in needles(secret):
        small, spelled = part.lower(), part.hex().encode()
        arcs = ("." + ".".join(map(str, part)) + ".").encode()
        for line, oids, value in lines:
            in_oids = len(part) > 2 and arcs in oids
            if in_oids or small in line or part in value or spelled in line.rpartition(b"|")[2]:
                found.append(line)
    return found


def device(chance):
    """Return what an unknown device says of itself, with a table of its own."""
    rows = [
        Varbind(parse("1.3.6.1.2.1.1.1.0"), 4, b"Maker AC V2 release 5"),
        Varbind(parse("1.3.6.1.2.1.1.2.0"), OBJECT_IDENTIFIER, "1.3.6.1.4.1.99999.1"),
        Varbind(parse("1.3.6.1.2.1.1.5.0"), 4, b"ac"),
    ]
    for row in range(1, 9):
        rows += [
            Varbind(parse(f"{UNKNOWN}.9.1.2.{row}"), 4, chance.choice((b"online", b"offline"))),
            Varbind(parse(f"{UNKNOWN}.9.1.3.{row}"), 4, b"-%d.4 dBm" % row),
            Varbind(parse(f"1.3.6.1.2.1.2.2.1.2.{row}"), 4, b"GigabitEthernet0/0/%d" % row),
        ]
    return rows


def in_a_scalar(secret, at):
    return [Varbind(parse(f"{UNKNOWN}.1.{at}.0"), 4, secret)]


def in_every_row(secret, at):
    return [Varbind(parse(f"{UNKNOWN}.2.1.{at}.{row}"), 4, secret) for row in range(1, 7)]


def in_an_alias(secret, at):
    return [Varbind(parse(f"1.3.6.1.2.1.31.1.1.1.18.{at}"), 4, secret)]


def in_an_interface_name(secret, at):
    return [Varbind(parse(f"1.3.6.1.2.1.2.2.1.2.{at}"), 4, b"<pppoe-" + secret + b">")]


def in_a_name_of_a_known_family(secret, at):
    return [Varbind(parse(f"1.3.6.1.4.1.2011.6.139.13.3.3.1.4.0.27.68.1.2.{at}"), 4, secret)]


def spelt(secret):
    return ".".join(map(str, (len(secret), *secret)))


def in_an_index_after_its_length(secret, at):
    return [Varbind(parse(f"{UNKNOWN}.3.1.{column}.{at}.{spelt(secret)}"), 2, 7) for column in (1, 2)]


def in_a_known_index(secret, at):
    """wlsxWlanESSIDTable of Aruba is indexed by the network's name, which stands in no value."""
    return [Varbind(parse(f"1.3.6.1.4.1.14823.2.2.1.5.2.1.8.1.2.{spelt(secret)}"), 2, 7)]


def in_an_oid_that_is_a_value(secret, at):
    return [Varbind(parse(f"{UNKNOWN}.4.1.2.{at}"), OBJECT_IDENTIFIER, f"{UNKNOWN}.3.1.6.{spelt(secret)}")]


def in_the_description(secret, at):
    """Where something else tells what it is; free words of a description are the reader's own to find."""
    return [Varbind(parse("1.3.6.1.2.1.1.1.0"), 4, b"Maker AC V2 " + secret), *in_an_alias(secret, at)]


def is_text(kind):
    return "octets" not in kind and kind not in (
        "a name in GB18030",
        "a name in UTF-16",
        "a MAC address behind its kind",
    )


TEXTUAL = [kind for kind in TEXTS if is_text(kind)]
PLACES = {
    in_a_scalar: list(TEXTS),
    in_every_row: list(TEXTS),
    in_an_alias: list(TEXTS),
    in_a_name_of_a_known_family: list(TEXTS),
    in_an_index_after_its_length: TEXTUAL,
    in_a_known_index: TEXTUAL,
    in_an_oid_that_is_a_value: TEXTUAL,
    in_an_interface_name: [kind for kind in TEXTUAL if kind not in ("a latitude", "a position in minutes")],
}


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_a_secret_is_in_no_recording(place):
    """All kinds at once, a few of each: what is found in one place must not spoil another."""
    chance = random.Random(f"{place.__name__}/{SEED}")
    planted = [(kind, TEXTS[kind](chance)) for kind in PLACES[place] for _ in range(3 * ROUNDS)]
    walk = {each.oid: each for each in device(chance)}
    for at, (_, secret) in enumerate(planted, 100):
        walk |= {each.oid: each for each in place(secret, at)}

    made = anonymise(walk.values(), shipped().values(), key=KEY)

    assert len(made) == len(walk)
    before, after = shown(walk.values()), shown(made)
    for kind, secret in planted:
        assert told_in(before, secret), f"the test plants no {kind}"
        assert told_in(after, secret) == [], (kind, secret)


@pytest.mark.parametrize("kind", [kind for kind in TEXTUAL if kind != "a sentence of a log"])
def test_what_something_else_tells_is_hidden_in_the_description_too(kind):
    chance = random.Random(f"{kind}/{SEED}")
    secret = TEXTS[kind](chance)
    walk = {each.oid: each for each in (*device(chance), *in_the_description(secret, 3))}

    assert told_in(shown(anonymise(walk.values(), shipped().values(), key=KEY)), secret) == []


@pytest.mark.parametrize("index", ["{ip}", "3.{ip}", "1.4.{ip}", "{mac}", "6.{mac}", "12.{mac}", "{mac}.1.{other}"])
def test_addresses_in_the_indexes_of_unknown_tables_are_no_ones(index):
    """A table of clients that no profile knows, indexed by what no value says."""
    chance = random.Random(index)
    clients = []
    for _ in range(30):
        mac = b"\xa4\x1b\x44" + chance.randbytes(3)
        other = b"\xa4\x1b\x45" + chance.randbytes(3)
        ip = bytes((10, chance.randint(40, 255), chance.randint(40, 255), chance.randint(1, 255)))
        parts = {name: ".".join(map(str, each)) for name, each in (("mac", mac), ("other", other), ("ip", ip))}
        clients.append((index.format(**parts), {name: each for name, each in parts.items() if f"{{{name}}}" in index}))
    walk = [Varbind(parse(f"{UNKNOWN}.5.1.{column}.{at}"), 2, 7) for at, _ in clients for column in (1, 2)]

    made = anonymise(walk, shipped().values(), key=KEY)

    oids = [dotted(each.oid) for each in made]
    assert len(made) == len(walk)
    for _, parts in clients:
        for name, arcs in parts.items():
            tail = arcs.split(".", 1)[1] if name == "ip" else arcs.split(".", 3)[3]
            assert not [each for each in oids if f".{tail}." in f"{each}."], (index, arcs)


def test_two_whole_numbers_that_may_be_a_place_on_the_map_are_left_out():
    walk = [
        *device(random.Random(1)),
        Varbind(parse(f"{UNKNOWN}.6.1.0"), 2, 39_904_211),
        Varbind(parse(f"{UNKNOWN}.6.2.0"), 2, 116_407_395),
        Varbind(parse(f"{UNKNOWN}.6.3.0"), 2, 52),
    ]

    made = {dotted(each.oid): each.value for each in anonymise(walk, shipped().values(), key=KEY)}

    assert not {39_904_211, 116_407_395} & set(made.values())
    assert made[f"{UNKNOWN}.6.3.0"] == 52


def test_the_cell_that_serves_a_router_tells_where_it_stands():
    walk = [Varbind(parse("1.3.6.1.4.1.48690.2.2.1.18.1"), 4, b"13246721")]

    (made,) = anonymise(walk, shipped().values(), key=KEY)

    assert b"13246721" not in written(made)


@pytest.mark.parametrize(
    "words",
    [
        b"online",
        b"Up",
        b"20 MHz",
        b"802.11ac",
        b"2024-12-23 10:34:15",
        b"-23.4 dBm",
        b"100",
        b"1.2.3",
        b"0/1/2",
        b"N/A",
    ],
)
def test_what_a_contributor_needs_to_write_a_profile_stays(words):
    (made,) = anonymise([Varbind(parse(f"{UNKNOWN}.1.9.0"), 4, words)], shipped().values(), key=KEY)

    assert made.value == words


@pytest.mark.parametrize(
    "name",
    [
        b"GigabitEthernet0/0/1",
        b"wlan0",
        b"br-lan",
        b"Vlan-interface10",
        b"ether1",
        b"phy0-ap0",
        b"eth0.100",
        b"lo",
        b"enp0s31f6",
    ],
)
def test_the_names_of_interfaces_stay(name):
    (made,) = anonymise([Varbind(parse("1.3.6.1.2.1.31.1.1.1.1.5"), 4, name)], shipped().values(), key=KEY)

    assert made.value == name


def test_the_name_of_an_interface_stays_where_it_is_somebodys_alias_too():
    walk = [
        Varbind(parse("1.3.6.1.2.1.2.2.1.2.1"), 4, b"gigabitethernet0/0/1"),
        Varbind(parse("1.3.6.1.2.1.31.1.1.1.18.1"), 4, b"gigabitethernet0/0/1"),
    ]

    described, alias = anonymise(walk, shipped().values(), key=KEY)

    assert described.value == b"gigabitethernet0/0/1"
    assert alias.value.startswith(b"text-")


def test_no_metric_stands_in_what_is_left_out():
    for profile in shipped().values():
        columns = [*profile.scalars, *(c for table in profile.tables for c in (*table.columns, *table.helpers))]
        gone = [c.key for c in columns for root in profile.roots if left_out(c.place.under(root))]
        assert gone == [], profile.name


@pytest.mark.parametrize("name", [b"gw", b"ap7", b"bj-01"])
def test_a_short_name_of_a_device_is_hidden_in_its_description(name):
    walk = [
        Varbind(parse("1.3.6.1.2.1.1.1.0"), 4, b"Linux %s 5.4.0 #1 SMP armv7l" % name),
        Varbind(parse("1.3.6.1.2.1.1.5.0"), 4, name + b".city.example"),
    ]

    described, named = anonymise(walk, shipped().values(), key=KEY)

    assert described.value.startswith(b"Linux text-")
    assert described.value.endswith(b" 5.4.0 #1 SMP armv7l")
    assert named.value.startswith(b"text-")


def test_an_address_that_is_a_value_and_an_index_is_one_address_still():
    walk = [
        Varbind(parse(f"{UNKNOWN}.5.1.1.10.77.88.99"), IP_ADDRESS, bytes((10, 77, 88, 99))),
        Varbind(parse(f"{UNKNOWN}.5.1.2.10.77.88.99"), 4, b"10.77.88.99"),
    ]

    one, two = anonymise(walk, shipped().values(), key=KEY)

    assert bytes(one.oid[-4:]) == one.value == bytes(two.oid[-4:])
    assert two.value == ".".join(map(str, one.value)).encode()
