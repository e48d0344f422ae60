"""S1 for codes by SMS: whatever is typed, answered or reported, each parser ends in its own words, and soon.

A round is a thousand inputs for each parser; NETOPS_ROUNDS scales them, NETOPS_SEED is the seed.
"""

from __future__ import annotations

import gc
import json
import os
import random
import time
from zoneinfo import ZoneInfo

import pytest

from captive_portal.sms import code, number, pointer, reports
from captive_portal.sms.http import Http
from captive_portal.sms.number import Number
from captive_portal.sms.providers import Answer
from captive_portal.verdict import Why
from netops.texting import SmsProvider

ROUNDS = max(1, int(os.environ.get("NETOPS_ROUNDS", "2")))
SEED = int(os.environ.get("NETOPS_SEED", "1"))
LONGEST_S = 0.01  # of this thread's own time: the machine may be busy
SERVED = tuple(number.countries())
PROVIDER = SmsProvider(url="https://sms.example/", ok_at="/code", ok="0|OK", id_at="/msg/id", report_list="/list")
ANSWERS = (b'{"code": 0, "msg": {"id": 7}}', b'{"code": "OK"}', b"SUCCESS:1", b"", b"[" * 5000, b'{"a":' * 2000)
TYPED = (
    "+86 138 0013 8000",
    "13800138000",
    "(+852) 9876-5432",
    "\u202a+44 7911 123456\u202c",
    "１３８００１３８０００",
)
REPORTS = (
    b'{"list": [{"id": "1", "status": "DELIVRD"}]}',
    b'[{"id": 1, "status": 0}]',
    b'{"id": {}, "status": []}',
    b"[[]]",
)


def torn(dice: random.Random, given: bytes) -> bytes:
    """Return the octets with some of them changed, removed, doubled or strange."""
    octets = bytearray(given)
    for _ in range(dice.randint(0, 6)):
        at = dice.randint(0, len(octets))
        cut = dice.choice(
            (b"", b"\x00", b'"', b"}", b"[" * 50, b"\\u0000", b"\xff", "٣".encode(), b"1e999", b"-0", b"NaN")
        )
        octets[at : at + dice.randint(0, 4)] = cut
    return bytes(octets)


def timed(work, given: object) -> object:
    gc.disable()  # a collection of all that the tests hold is not the parser's
    began = time.thread_time()
    found = work(given)
    took = time.thread_time() - began
    gc.enable()
    assert took < LONGEST_S, repr(given)[:200]
    return found


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_fuzz_of_everything_that_comes_from_outside() -> None:
    dice = random.Random(SEED)
    provider = Http("one", PROVIDER, frozenset(), ZoneInfo("Asia/Shanghai"))
    for _ in range(ROUNDS * 1000):
        typed = torn(dice, dice.choice(TYPED).encode()).decode("utf-8", "replace")
        found = timed(lambda text: number.read(text, dice.choice(("", "86", "x")), SERVED), typed)
        assert isinstance(found, Number | Why)
        digits = timed(code.typed, torn(dice, b"0123 4567").decode("utf-8", "replace"))
        assert isinstance(digits, str)
        assert digits.isascii()
        status = dice.choice(("200", "201", "302", "500", "999"))
        answer = timed(lambda body, status=status: provider._judged(status, body), torn(dice, dice.choice(ANSWERS)))
        assert isinstance(answer, Answer)
        assert len(answer.receipt) <= 128
        try:
            document = json.loads(torn(dice, dice.choice(REPORTS)))
        except (ValueError, RecursionError):
            document = torn(dice, b"x").decode("latin-1")
        for receipt, state in timed(lambda body: reports.read(PROVIDER, body), document):
            assert 0 < len(receipt) <= reports.MOST_VALUE >= len(state)
        where = torn(dice, b"/list/0/id").decode("utf-8", "replace")
        assert isinstance(timed(lambda at, document=document: pointer.text(document, at), where), str)
