"""STAMP packets and TLVs: laws, hostile octets, and two other readers of the same octets."""

from __future__ import annotations

import ipaddress
import json
import os
import random
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.errors import DecodeError
from collectors.probes.stamp import packet, tlv
from collectors.probes.stamp.packet import Asked, Told
from collectors.probes.stamp.timestamps import ErrorEstimate, ns_of, ntp_of

NOW = 1_795_719_388_427_966_071
HERE = Path(__file__).parent
ERROR = ErrorEstimate.of(30_000, synchronised=True).field()
KEY = b"a key of the city"
KEYS = pytest.mark.parametrize("key", [None, KEY], ids=["open", "sealed"])

words = st.integers(0, 0xFFFF_FFFF)
stamps = st.integers(0, (1 << 64) - 1)
errors = st.integers(0, 0xFFFF).filter(lambda field: field & 0xFF)
ssids = st.integers(0, 0xFFFF)
asked = st.builds(Asked, words, stamps, errors, ssids)


@given(st.integers(0, 1 << 62))
def test_a_timestamp_keeps_every_nanosecond(at_ns):
    stamp = ntp_of(at_ns)

    assert ns_of(stamp, near_ns=at_ns) == at_ns


def test_a_timestamp_after_2036_is_read_in_its_own_era():
    at_ns = 2_100_000_000 * 1_000_000_000 + 7

    assert ntp_of(at_ns) < 1 << 64
    assert ns_of(ntp_of(at_ns), near_ns=at_ns + 5_000_000_000) == at_ns


def test_a_ptp_timestamp_counts_tai():
    utc_s = 1_795_719_388

    assert ns_of((utc_s + 37) << 32 | 5, near_ns=NOW, ptp=True) == utc_s * 1_000_000_000 + 5
    assert ns_of((utc_s + 38) << 32 | 5, near_ns=NOW, ptp=True, tai_s=38) == utc_s * 1_000_000_000 + 5


@given(st.integers(0, 1 << 50), st.booleans())
def test_an_error_estimate_is_never_below_the_error_and_at_most_a_hundredth_above(error_ns, synchronised):
    made = ErrorEstimate.of(error_ns, synchronised=synchronised)

    assert ErrorEstimate.read(made.field()) == made
    assert made.multiplier > 0
    assert error_ns <= made.error_ns <= error_ns * 1.01 + 2


@KEYS
@given(question=asked)
def test_a_question_is_read_as_it_was_written(key, question):
    assert packet.decode_asked(packet.encode_asked(question, key=key), key=key) == question


@KEYS
@given(told=st.builds(Told, words, stamps, errors, st.just(9), stamps, asked, st.integers(0, 255)))
def test_an_answer_is_read_as_it_was_written(key, told):
    told = replace(told, asked=replace(told.asked, ssid=9))

    assert packet.decode_told(packet.encode_told(told, key=key), key=key) == told


def test_the_octets_lie_where_rfc_8762_has_them():
    question = Asked(0x01020304, 0x1122334455667788, 0x8587, 0x0A0B)

    opened = packet.encode_asked(question)
    sealed = packet.encode_asked(question, key=KEY)

    assert opened == bytes.fromhex("01020304 1122334455667788 8587 0a0b") + bytes(28)
    assert sealed[:28] == bytes.fromhex("01020304") + bytes(12) + bytes.fromhex("1122334455667788 8587 0a0b")
    assert len(sealed) == 112


@given(st.integers(0, 111), st.integers(1, 255))
def test_one_changed_octet_of_a_sealed_packet_is_noticed(at, change):
    made = bytearray(packet.encode_asked(Asked(1, ntp_of(NOW), ERROR, 9), key=KEY))
    made[at] ^= change

    with pytest.raises(DecodeError):
        packet.decode_asked(bytes(made), key=KEY)


def test_a_multiplier_of_zero_marks_a_corrupt_packet():
    with pytest.raises(DecodeError, match="multiplier"):
        packet.decode_asked(packet.encode_asked(Asked(1, 2, 0x8500, 0)))


SEEN = tlv.Seen(
    source=ipaddress.ip_address("192.0.2.7"),
    source_port=50_001,
    destination=ipaddress.ip_address("2001:db8::1"),
    destination_port=862,
    tos=46 << 2 | 1,
    synchronised=True,
)
ASKED_FOR = tlv.location() + tlv.timestamp() + tlv.service(10) + tlv.padding(33)


@KEYS
def test_what_is_asked_for_by_tlv_is_answered_in_place(key):
    area = ASKED_FOR if key is None else tlv.seal(7, ASKED_FOR, key)

    made = tlv.answer(area, SEEN, asked=7, told=3, key=key)

    said = tlv.read(made)
    assert len(made) == len(area)
    assert said.location == {
        "source": "192.0.2.7",
        "source_port": 50_001,
        "destination": "2001:db8::1",
        "destination_port": 862,
    }
    assert (said.synchronised_by, said.stamped_by) == (tlv.SYNC_NTP, tlv.STAMPED_BY_SOFTWARE)
    assert (said.dscp, said.ecn, said.dscp_refused) == (46, 1, True)
    assert (said.unknown, said.malformed, said.unsound) == ((), (), False)
    if key is not None:
        assert tlv.sound(made, sequence=3, key=key)


def test_an_unknown_tlv_comes_back_as_it_was_and_flagged():
    area = tlv.one(200, b"whatever") + tlv.timestamp()

    made = tlv.answer(area, SEEN, asked=0, told=0, key=None)

    assert made[:12] == struct.pack(">BBH", tlv.UNKNOWN, 200, 8) + b"whatever"
    assert made[12] == 0


@pytest.mark.parametrize(
    ("area", "at"),
    [
        (tlv.one(tlv.TIMESTAMP, b"12345") + tlv.timestamp(), 0),
        (tlv.one(tlv.SERVICE, b""), 0),
        (tlv.timestamp() + struct.pack(">BBH", 0x80, 1, 0xFFFF) + b"1234", 8),
        (tlv.timestamp() + b"\x80\x01", 8),
        (tlv.one(tlv.LOCATION, b"12"), 0),
        (tlv.one(tlv.LOCATION, bytes(4) + tlv.one(4, bytes(5))), 0),
    ],
    ids=["long", "empty", "runs over", "cut head", "short location", "short address"],
)
def test_a_malformed_tlv_is_flagged_and_what_follows_is_left_alone(area, at):
    made = tlv.answer(area, SEEN, asked=0, told=0, key=None)

    assert made[at] & tlv.MALFORMED
    assert len(made) == len(area)
    if at == 0 and len(area) > 9 and area[1] == tlv.TIMESTAMP:
        assert made[9:] == area[9:]


@pytest.mark.parametrize(
    "area",
    [ASKED_FOR, tlv.seal(8, ASKED_FOR, KEY), tlv.seal(7, ASKED_FOR, b"another"), tlv.seal(7, b"", KEY) + ASKED_FOR],
    ids=["no seal", "of another packet", "another key", "something behind the seal"],
)
def test_tlvs_that_are_not_sealed_as_they_should_be_are_all_flagged_and_not_acted_upon(area):
    made = tlv.answer(area, SEEN, asked=7, told=3, key=KEY)

    found, _ = tlv.parse(made)
    assert all(each.flags & tlv.UNSOUND for each in found)
    assert [each.value for each in found] == [each.value for each in tlv.parse(area)[0]]


def test_padding_alone_needs_no_seal():
    """RFC 8972 section 4.8: the sole exception."""
    area = tlv.padding(33)

    assert tlv.answer(area, SEEN, asked=7, told=3, key=KEY)[0] == 0
    assert tlv.sound(area, sequence=3, key=KEY)
    assert not tlv.sound(area + area, sequence=3, key=KEY)
    assert not tlv.sound(area[:-1], sequence=3, key=KEY)


def test_that_an_answer_left_with_another_dscp_is_archived():
    told = {
        follows: tlv.answer(tlv.service(10), replace(SEEN, follows_dscp=follows), asked=7, told=3, key=None)
        for follows in (False, True)
    }

    assert tlv.read(told[False]).record() == {"dscp": 46, "ecn": 1, "dscp_refused": True}
    assert tlv.read(told[True]).record() == {"dscp": 46, "ecn": 1}


@settings(max_examples=300)
@given(st.binary(max_size=300), st.booleans())
def test_no_octets_upset_the_tlvs_and_an_answer_is_as_long_as_its_question(area, sealed):
    made = tlv.answer(area, SEEN, asked=1, told=1, key=KEY if sealed else None)

    tlv.read(made)
    tlv.asked_dscp(area)
    assert len(made) == len(area)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_hostile_packets_raise_nothing_but_the_decoders_own_error():
    rounds, random_ = 3_334 * int(os.environ.get("NETOPS_ROUNDS", "3")), random.Random(8762)
    good = [
        packet.encode_asked(Asked(1, 2, ERROR, 3), tlvs=ASKED_FOR),
        packet.encode_told(Told(1, 2, ERROR, 3, 4, Asked(1, 2, ERROR, 3), 5), tlvs=ASKED_FOR),
        packet.encode_asked(Asked(1, 2, ERROR, 3), key=KEY, tlvs=tlv.seal(1, ASKED_FOR, KEY)),
    ]
    for _ in range(rounds):
        made = bytearray(random_.choice(good))
        for _ in range(random_.randrange(6)):
            made[random_.randrange(len(made))] = random_.randrange(256)
        datagram = bytes(made[: random_.randrange(len(made) + 1)])
        for decode in (packet.decode_asked, packet.decode_told):
            for key in (None, KEY):
                try:
                    decode(datagram, key=key)
                except DecodeError:
                    continue
                tlv.answer(datagram[packet.octets(key) :], SEEN, asked=0, told=0, key=key)


def _captured(path: Path, packets: list[tuple[bytes, int, int]]) -> Path:
    """Write packets as a capture of raw IPv4 (LINKTYPE_RAW), UDP checksums left out."""
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 101)]
    for payload, source, destination in packets:
        udp = struct.pack(">HHHH", source, destination, 8 + len(payload), 0) + payload
        head = (0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2]))
        whole = struct.pack(">BBHHHBBH4s4s", *head) + udp
        out.append(struct.pack("<IIII", 0, 0, len(whole), len(whole)) + whole)
    path.write_bytes(b"".join(out))
    return path


@pytest.mark.partner("tshark")
def test_tshark_reads_our_packets_as_we_mean_them(tmp_path):
    question = Asked(7, ntp_of(NOW), ERROR, 0x0A0B)
    told = Told(3, ntp_of(NOW + 5_000), ERROR, 0x0A0B, ntp_of(NOW + 1_000), question, 61)
    capture = _captured(
        tmp_path / "stamp.pcap",
        [
            (packet.encode_asked(question), 50_001, 862),
            (packet.encode_told(told), 862, 50_001),
            (packet.encode_told(told, tlvs=tlv.answer(ASKED_FOR, SEEN, asked=7, told=3, key=None)), 862, 50_001),
        ],
    )
    names = ["seq_number", "error_estimate", "mbz1", "sender_seq_number", "sender_ttl", "error_estimate.multiplier"]
    fields = [word for name in names for word in ("-e", f"twamp.test.{name}")]
    stamps = [word for name in ("timestamp", "receive_timestamp") for word in ("-e", f"twamp.test.{name}")]
    faults = ["-e", "_ws.malformed", "-e", "_ws.expert.message"]

    done = subprocess.run(
        ["tshark", "-r", capture, "-d", "udp.port==862,twamp.test", "-T", "json", *fields, *stamps, *faults],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"TZ": "UTC"},
    )

    asked_, *answered = [
        {name.removeprefix("twamp.test."): value[0] for name, value in each["_source"]["layers"].items()}
        for each in json.loads(done.stdout)
    ]
    assert len(answered) == 2
    assert (asked_["seq_number"], asked_["error_estimate"], asked_["mbz1"]) == ("7", str(ERROR), str(0x0A0B))
    for each in answered:
        assert (each["seq_number"], each["sender_seq_number"], each["sender_ttl"]) == ("3", "7", "61")
        assert each["timestamp"].startswith("Nov 26, 2026 18:56:28.42797107")
        assert each["receive_timestamp"].startswith("Nov 26, 2026 18:56:28.42796707")
    assert not [each for each in (asked_, *answered) if "_ws.malformed" in each or "_ws.expert.message" in each]


@pytest.mark.partner("scapy")
def test_a_second_encoder_writes_and_reads_the_same_octets():
    question = Asked(7, ntp_of(NOW), ERROR, 0x0A0B)
    told = Told(3, ntp_of(NOW + 5_000), ERROR, 0x0A0B, ntp_of(NOW + 1_000), question, 61)
    wanted = {"sequence": 7, "stamp": question.stamp, "error": ERROR, "ssid": 0x0A0B, "padding": 12}

    done = subprocess.run(
        [sys.executable, HERE / "run_scapy_stamp.py"],
        input=json.dumps({"write": wanted, "read": packet.encode_told(told, tlvs=tlv.timestamp()).hex()}),
        capture_output=True,
        text=True,
        check=True,
    )

    said = json.loads(done.stdout)
    assert bytes.fromhex(said["written"]) == packet.encode_asked(question, tlvs=tlv.padding(16))
    assert said["read"] == {
        "sequence": 3,
        "ssid": 0x0A0B,
        "asked": 7,
        "ttl": 61,
        "multiplier": ERROR & 0xFF,
        "scale": ERROR >> 8 & 0x3F,
        "tlvs": [[0x80, 3, "00000000"]],
    }
