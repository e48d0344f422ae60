"""DNS: our own codec against hostile octets, and one question against a real resolver."""

from __future__ import annotations

import os
import random
import socket
import struct
import subprocess
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.errors import CollectorError, DecodeError
from collectors.probes import dns

NAME = "www.example.com"


def answer(question: bytes, *records: bytes, code=0, flags=0x8180) -> bytes:
    return question[:2] + struct.pack(">HHHHH", flags | code, 1, len(records), 0, 0) + question[12:] + b"".join(records)


def address(four: str) -> bytes:
    return struct.pack(">HHHIH", 0xC00C, 1, 1, 60, 4) + socket.inet_aton(four)


def test_an_answer_is_read_with_its_addresses_through_a_pointer():
    said = dns.decode(answer(dns.query(7, NAME, "A"), address("192.0.2.1"), address("192.0.2.2")))

    assert (said.id, said.code, said.name, said.type) == (7, 0, NAME, 1)
    assert [(each.name, each.value) for each in said.answers] == [(NAME, "192.0.2.1"), (NAME, "192.0.2.2")]


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        dns.query(7, NAME, "A"),
        answer(dns.query(7, NAME, "A"), address("192.0.2.1"))[:-1],
        b"\x00\x07\x81\x80\x00\x01\x00\x00\x00\x00\x00\x00" + b"\xc0\x0c" + b"\x00\x01\x00\x01",
        b"\x00\x07\x81\x80\x00\x01\x00\x00\x00\x00\x00\x00" + b"\xc0\xff" + b"\x00\x01\x00\x01",
        b"\x00\x07\x81\x80\x00\x01\x00\x00\x00\x00\x00\x00" + (b"\x3f" + b"a" * 63) * 5 + b"\0\x00\x01\x00\x01",
        b"\x00\x07\x81\x80\x00\x01\xff\xff\x00\x00\x00\x00" + b"\x00\x00\x01\x00\x01",
        b"\x00\x07\x81\x80\x00\x01\x00\x00\x00\x00\x00\x00" + b"\x80a\x00\x00\x01\x00\x01",
    ],
    ids=["empty", "a question", "cut", "points at itself", "points forward", "long name", "65535 records", "odd label"],
)
def test_what_is_no_answer_is_refused(octets):
    with pytest.raises(DecodeError):
        dns.decode(octets)


@settings(max_examples=300)
@given(st.binary(max_size=600))
def test_no_octets_upset_the_decoder(octets):
    dns.answers(octets, identity=7, name=NAME, kind="A")


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_hostile_answers_raise_nothing_but_the_decoders_own_error():
    rounds, random_ = 3_334 * int(os.environ.get("NETOPS_ROUNDS", "3")), random.Random(1035)
    good = answer(dns.query(7, NAME, "A"), address("192.0.2.1"), address("192.0.2.2"))
    for _ in range(rounds):
        made = bytearray(good)
        for _ in range(random_.randrange(8)):
            made[random_.randrange(len(made))] = random_.randrange(256)
        try:
            dns.decode(bytes(made[: random_.randrange(len(made) + 1)]))
        except DecodeError:
            continue


@pytest.mark.parametrize(
    "name", ["a" * 64 + ".cn", "x" * 63 + "." + "y" * 63 + "." + "z" * 63 + "." + "v" * 63, "市.cn", "a..b"]
)
def test_what_cannot_be_asked_is_said(name):
    with pytest.raises(CollectorError, match="DNS name"):
        dns.query(1, name, "A")


def test_a_type_that_is_none_is_said():
    with pytest.raises(CollectorError, match="AAAA"):
        dns.query(1, NAME, "AAA")


def speak(wire, replies):
    """Answer one question with what `replies` makes of it."""
    question, peer = wire.recvfrom(600)
    for each in replies(question):
        wire.sendto(each, peer)


def test_forged_answers_are_passed_over_until_the_true_one_comes(good_clock):
    def replies(question):
        wrong_id = bytes([question[0] ^ 0xFF]) + question[1:]
        return [
            b"noise",
            answer(wrong_id, address("198.51.100.1")),
            answer(question[:2] + dns.query(0, "www.examp1e.com", "A")[2:], address("198.51.100.1")),
            answer(question, address("192.0.2.1")),
        ]

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=speak, args=(wire, replies))
        thread.start()
        record = dns.run("127.0.0.1", NAME, port=wire.getsockname()[1], clock=good_clock)
        thread.join()

    assert (record["values"], record["foreign"], record["code"]) == (["192.0.2.1"], 3, 0)


def test_silence_is_no_answer_and_ends_in_time(good_clock):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.bind(("127.0.0.1", 0))
        began = time.monotonic()
        record = dns.run("127.0.0.1", NAME, port=wire.getsockname()[1], timeout_s=0.2, clock=good_clock)

    assert record["failed"] == "no_answer"
    assert time.monotonic() - began < 2


def test_a_closed_port_is_a_refusal(good_clock):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.bind(("127.0.0.1", 0))
        port = wire.getsockname()[1]

    assert dns.run("127.0.0.1", NAME, port=port, timeout_s=1, clock=good_clock)["failed"] == "refused"


@pytest.mark.partner("dnsmasq")
def test_a_real_resolver_is_asked_by_udp_and_what_is_too_long_by_tcp(tmp_path, good_clock):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    many = [f"--host-record=many.example,192.0.2.{n}" for n in range(1, 200)]
    words = [
        "dnsmasq",
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
        "--bind-interfaces",
    ]
    words += ["--listen-address=127.0.0.1", f"--port={port}", f"--pid-file={tmp_path / 'pid'}", "--user=root"]
    words += ["--host-record=www.example,192.0.2.7,2001:db8::7", "--local=/example/", *many]
    resolver = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 5
        while "failed" in (found := dns.run("127.0.0.1", "www.example", port=port, timeout_s=0.3, clock=good_clock)):
            assert time.monotonic() < until, found
        six = dns.run("127.0.0.1", "www.example", "AAAA", port=port, clock=good_clock)
        none = dns.run("127.0.0.1", "none.example", port=port, clock=good_clock)
        long = dns.run("127.0.0.1", "many.example", port=port, clock=good_clock)
    finally:
        resolver.terminate()
        resolver.wait()

    assert (found["values"], found["over"]) == (["192.0.2.7"], "udp")
    assert six["values"] == ["2001:db8::7"]
    assert (none["code"], none["answers"]) == (3, 0)
    assert (long["answers"], long["over"]) == (199, "tcp")
