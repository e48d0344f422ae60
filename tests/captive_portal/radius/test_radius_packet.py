"""The codec against an encoder written from the RFCs alone, and against damage (S1)."""

from __future__ import annotations

import importlib.util
import random
from collections import Counter
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captive_portal.model import Bounds, Client
from captive_portal.radius import dictionary as d
from captive_portal.radius import packet
from captive_portal.radius.accounting import report
from captive_portal.radius.answering import Accounting, Authorising
from captive_portal.radius.authorise import Judge
from captive_portal.radius.doors import Doors
from captive_portal.radius.nas import Known, Nas, mac
from captive_portal.radius.packet import PacketError, Seal
from captive_portal.radius.tokens import Mint

_spec = importlib.util.spec_from_file_location(
    "fuzzing", Path(__file__).resolve().parents[2] / "collectors" / "fuzzing.py"
)
fuzzing = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fuzzing)

SECRET = b"a shared secret of the tests"
pairs = st.lists(st.tuples(st.integers(1, 240).filter(lambda n: n != 80), st.binary(max_size=253)), max_size=12)


@given(pairs, st.integers(0, 255))
def test_what_is_sent_is_read_and_holds(attributes, identifier):
    octets = packet.request(packet.ACCESS_REQUEST, identifier, attributes, SECRET)
    read = packet.decode(octets)

    assert [(80, octets[22:38]), *attributes] == list(read.attributes)
    assert packet.seal_of(octets, read, SECRET, read.authenticator) is Seal.HOLDS
    assert packet.seal_of(octets, read, b"another", read.authenticator) is Seal.WRONG


@given(pairs)
def test_the_other_encoder_agrees(wire, attributes):
    rest = b"".join(wire.attribute(kind, value) for kind, value in attributes)
    theirs = wire.keyed(packet.COA_REQUEST, 7, wire.attribute(80, bytes(16)) + rest)
    ours = packet.request(packet.COA_REQUEST, 7, attributes, SECRET)
    read = packet.decode(ours)

    assert ours[:4] == theirs[:4]
    assert packet.keyed(ours, read, SECRET)
    assert packet.seal_of(ours, read, SECRET, packet.ZEROS) is Seal.HOLDS

    asked = wire.access(9, rest)
    answer = packet.reply(packet.ACCESS_ACCEPT, packet.decode(asked), attributes, SECRET)
    assert wire.genuine(answer, asked)
    assert packet.answers(answer, asked, SECRET) is not None
    assert packet.answers(answer, wire.access(9, rest), SECRET) is None  # the answer to another question


@given(
    st.binary(min_size=1, max_size=128).filter(lambda octets: not octets.endswith(b"\0")),
    st.binary(min_size=16, max_size=16),
)
def test_a_password_is_revealed_as_it_was_hidden(wire, password, authenticator):
    hidden = packet.hide(password, authenticator, SECRET)

    assert wire.hidden(password, authenticator) == hidden
    assert packet.reveal(hidden, authenticator, SECRET) == password


def test_the_examples_of_rfc_2865_section_7():
    """User `nemo` with `arctangent` over PAP: the request, and the User-Password, as printed there."""
    octets = bytes.fromhex(
        "010000380f403f9473978057bd83d5cb98f4227a01066e656d6f02120dbe708d93d413ce3196e43f782a0aee0406c0a8011005060000"
        "0003"
    )
    read = packet.decode(octets)

    assert read.first(d.USER_NAME.number) == b"nemo"
    assert packet.reveal(read.first(2), read.authenticator, b"xyzzy5461") == b"arctangent"

    answer = bytes.fromhex("0200002686fe220e7624ba2a1005f6bf9b55e0b20606000000010f06000000000e06c0a80103")
    assert packet.answers(answer, octets, b"xyzzy5461").code == packet.ACCESS_ACCEPT


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (bytes(19), "19 octets; expected a RADIUS packet of at least 20"),
        (b"\x01\x00\x00\x13" + bytes(16), "a length of 19 in 20 octets; expected 20 to 4096"),
        (b"\x01\x00\x10\x01" + bytes(4093), "a length of 4097 in 4097 octets; expected 20 to 4096"),
        (b"\x01\x00\x00\x15" + bytes(17), "attribute 0 at octet 20 does not fit into the packet"),
        (b"\x01\x00\x00\x16" + bytes(16) + b"\x01\x01", "attribute 1 at octet 20 does not fit into the packet"),
        (b"\x01\x00\x00\x16" + bytes(16) + b"\x01\x03", "attribute 1 at octet 20 does not fit into the packet"),
        (b"\x01\x00\x00\x18" + bytes(16) + b"\x50\x04ab", "Message-Authenticator; expected one of 16 octets"),
    ],
)
def test_what_is_no_packet_is_named(octets, said):
    with pytest.raises(PacketError) as told:
        packet.decode(octets)

    assert said == str(told.value)


def test_extended_attributes_are_put_together():
    """RFC 6929: a long extended attribute in three fragments, and one that never ends."""
    parts = [(245, bytes((26, 0x80)) + b"a" * 251), (245, bytes((26, 0x80)) + b"b" * 251), (245, bytes((26, 0)) + b"c")]
    read = packet.decode(
        packet.request(packet.ACCESS_REQUEST, 1, [*parts, (245, bytes((9, 0x80)) + b"x"), (241, b"\x01ab")], SECRET)
    )

    assert packet.extended(read, 245) == [(26, b"a" * 251 + b"b" * 251 + b"c")]
    assert packet.extended(read, 241) == [(1, b"ab")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("02-11-22-33-44-55", "02:11:22:33:44:55"),
        ("021122334455", "02:11:22:33:44:55"),
        ("0211.2233.4455", "02:11:22:33:44:55"),
        ("0211-2233-4455", "02:11:22:33:44:55"),
        (" 02:11:22:AA:BB:CC\n", "02:11:22:aa:bb:cc"),
        ("02-11:22-33-44-55", None),
        ("02:11:22:33:44", None),
        ("02:11:22:33:44:55:66", None),
        ("02:11:22:33:44:5g", None),
        ("", None),
    ],
)
def test_a_mac_is_read_in_every_makers_spelling(text, found):
    assert found == mac(text)


def test_every_attribute_is_what_freeradius_calls_it():
    """Names go to FreeRADIUS by our API: each must be in its dictionaries with the same number, vendor and kind."""
    folder = Path("/usr/share/freeradius")
    if not folder.is_dir():
        pytest.skip("needs freeradius")
    known = {}
    for file in folder.glob("dictionary*"):
        numbers, vendor = {}, 0
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            words = line.split()
            match words[:3]:
                case ["VENDOR", name, number]:
                    numbers[name] = int(number, 0)
                case ["BEGIN-VENDOR", name, *_]:
                    vendor = numbers.get(name, 0)
                case ["ATTRIBUTE", name, number] if number.isdigit():
                    known.setdefault(name, (vendor, int(number)))
    for each in d.EVERY:
        assert (each.vendor, each.number) == known[each.name], each.name


# ---- S1
SEEDS = (
    (1, "02-11-22-33-44-55"),
    (2, bytes(16)),
    (3, bytes(17)),
    (8, bytes([10, 8, 0, 9])),
    (31, "02-11-22-33-44-55"),
    (40, 1),
    (44, "s-1"),
    (42, 5),
    (52, 1),
    (25, b"netops00"),
    (55, 1_790_000_000),
    (49, 1),
    (79, b"\x02\x01\x00\x05\x01"),
    (168, bytes(16)),
    (97, b"\x00\x80" + bytes(16)),
    (26, b"\x00\x00\x07\xdb\x02\x06\x00\x00\x00\x01"),
    (245, b"\x1a\x80x"),
)


def _seeds(wire) -> list[bytes]:
    rest = b"".join(wire.attribute(kind, value) for kind, value in SEEDS)
    return [wire.access(1, rest), wire.keyed(4, 2, rest), wire.access(3, wire.attribute(33, b"p") * 9)]


@pytest.mark.slow
def test_no_damage_does_more_than_a_packet_error(wire):
    nas = Nas(id="ac-1", addresses=("127.0.0.1",), secret=SECRET)

    def whole(octets: bytes) -> None:
        read = packet.decode(octets)
        packet.seal_of(octets, read, SECRET, read.authenticator)
        packet.keyed(octets, read, SECRET)
        packet.answers(octets, octets, SECRET)
        packet.vendor(read, 2011)
        packet.extended(read, 245)
        packet.reveal(read.first(2) or b"", read.authenticator, SECRET)
        for each in d.EVERY:
            each.of(read)
        report(dict(reversed(read.attributes)), nas)

    fuzzing.fuzz(fuzzing.Parser("radius", _seeds(wire), whole, (PacketError,)))


@pytest.mark.slow
def test_no_damage_behind_a_good_signature_does_more(wire):
    """Whoever holds the secret, a controller gone mad, gets an answer or silence, and never an exception."""
    nas = Nas(id="ac-1", addresses=("127.0.0.1",), secret=SECRET, networks=(ip_network("0.0.0.0/0"),), untimed=True)
    known = Known({"ac-1": nas}, {"127.0.0.1": nas})
    doors = Doors(born_ms=0)
    doors.open(Client(mac="02:11:22:33:44:55", interface="ac-1", addresses=("10.8.0.9",)), Bounds(seconds=3 * 10**9), 0)
    auth = Authorising(Judge(Mint(b"k" * 32), doors), known, 300)
    acct = Accounting(doors, known)
    met = Counter()

    def signed(octets: bytes) -> None:
        rest = octets[38:4000] if octets[:1] == b"\x01" else octets[20:4000]
        now_ms = 1_790_000_000_000
        asked = wire.access(octets[1] if len(octets) > 1 else 0, rest)
        answer, _ = auth.answer(asked, ("127.0.0.1", 1), now_ms, now_ms / 1000)
        met[answer[0] if answer else "silence"] += 1
        answer, rows = acct.answer(wire.keyed(4, 0, rest), ("127.0.0.1", 1), now_ms, now_ms / 1000)
        met["rows"] += len(rows)

    fuzzing.fuzz(fuzzing.Parser("radius answers", _seeds(wire), signed))

    assert all(met[each] > 100 for each in (packet.ACCESS_ACCEPT, packet.ACCESS_REJECT, "silence", "rows"))


@pytest.mark.slow
def test_of_ten_thousand_forged_questions_and_reports_none_is_answered(wire):
    """S4: damaged on the way, signed with another secret, or not signed; what is answered is the question itself."""
    nas = Nas(id="ac-1", addresses=("127.0.0.1",), secret=SECRET, networks=(ip_network("0.0.0.0/0"),), untimed=True)
    known, doors, dice = Known({"ac-1": nas}, {"127.0.0.1": nas}), Doors(born_ms=0), random.Random("forged")
    client = Client(mac="02:11:22:33:44:55", interface="ac-1", addresses=("10.8.0.9",))
    doors.open(client, Bounds(seconds=3 * 10**9), 0)
    auth, acct = Authorising(Judge(Mint(b"k" * 32), doors), known, 300), Accounting(doors, known)
    rest = b"".join(wire.attribute(kind, value) for kind, value in SEEDS)
    good = [wire.access(1, rest), wire.keyed(4, 2, rest)]
    forged = [wire.access(1, rest, b"another secret altogether"), wire.access(2, rest, signed=False)]
    answered = Counter()
    for n in range(10_000):
        octets = dice.choice(forged) if n % 4 == 0 else fuzzing.damaged(dice, good)
        genuine = any(octets[: len(each)] == each for each in good)  # what follows a whole packet is padding
        for door in (auth, acct):
            answer, _ = door.answer(octets, ("127.0.0.1", 1), 1_790_000_000_000, float(n))
            answered[genuine] += answer is not None

    assert answered[False] == 0
    assert answered[True] > 0
