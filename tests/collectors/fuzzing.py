"""A tiny harness: good inputs, damaged by a seeded generator, into a parser that may only fail in its own words.

Each input is held to 10 ms of CPU and 10 MB of memory. The memory of every 16th input is traced, and of each one that
took longer than most; what is over a bound counts when it is so three times running, for the machine does other things,
and only as far as the machine is as fast as the one the bound was set on: a fixed piece of work beside it says so.
"""

from __future__ import annotations

import gc
import os
import random
import time
import tracemalloc
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SEED = os.environ.get("NETOPS_SEED", "20261126")
INPUTS = 1_000 * int(os.environ["NETOPS_ROUNDS"]) if "NETOPS_SOAK" in os.environ else 10_000
CPU_S = 0.010
WORK_S = 0.0023  # what `_work` takes on the machine that the bounds were set on, when it does nothing else
BYTES = 10 << 20
LONGEST = 8_192  # what an input may grow to
EDGES = (0, 1, 9, 10, 0x1B, 0x22, 0x30, 0x3C, 0x5C, 0x7B, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xC0, 0xFF)
WORDS = (
    b"9" * 40,
    b"-1",
    b"1e999",
    b"NaN",
    b"null",
    b"[" * 64,
    b"{" * 64,
    b"\r\n",
    b"\x1b[2J",
    b"\x1b[9999C",
    b"\xe2\x80\xae",
    b"&x;",
    b"<a>",
    b"*x",
    b"%n",
    b"../../",
    b"\0" * 16,
    "中".encode("gb18030"),
    "中".encode(),
)


class Parser(NamedTuple):
    """What is fuzzed: `call` takes octets; `own` are the errors that it may raise."""

    name: str
    seeds: Sequence[bytes]
    call: Callable[[bytes], object]
    own: tuple[type[Exception], ...] = ()
    cpu_s: float = CPU_S


def damaged(dice: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Return one input: a seed with one to eight wounds, two seeds spliced, or noise."""
    kind = dice.random()
    if kind < 0.03:
        return dice.randbytes(dice.randrange(200))
    octets = bytearray(dice.choice(seeds))
    if kind < 0.1:
        other = dice.choice(seeds)
        octets[dice.randrange(len(octets) + 1) :] = other[dice.randrange(len(other) + 1) :]
    for _ in range(dice.choice((1, 1, 1, 1, 2, 2, 4, 8))):  # most get past the first checks
        at, end = sorted((dice.randrange(len(octets) + 1), dice.randrange(len(octets) + 1)))
        end = min(end, at + 64)
        match dice.randrange(10):
            case 0 if at < len(octets):
                octets[at] ^= 1 << dice.randrange(8)
            case 1 if at < len(octets):
                octets[at] = dice.choice(EDGES)
            case 2:
                del octets[at:end]
            case 3:
                octets[at:at] = octets[at:end] * dice.randint(1, 8)
            case 4:
                octets[at:at] = dice.choice(WORDS)
            case 5:
                del octets[at:]
            case 6:
                octets[at:end] = dice.randbytes(end - at)
            case 8 | 9 if at < end:  # a number for a number, a letter for a letter: it stays well-formed
                octets[at:end] = bytes(
                    dice.choice(b"0123456789") if 48 <= each < 58 else each for each in octets[at:end]
                )
            case 7 if b"\n" in octets:
                lines = bytes(octets).split(b"\n")
                dice.shuffle(lines)
                octets = bytearray(b"\n".join(lines))
    return bytes(octets[:LONGEST])


def fuzz(parser: Parser, *, inputs: int = INPUTS) -> dict[str, float]:
    """Feed the parser; AssertionError shows the input that it cannot bear. Return what was seen."""
    dice = random.Random(f"{SEED} {parser.name}")
    taken = [not _fed(parser, seed)[1] for seed in parser.seeds]  # caches are warm, too
    assert any(taken), f"{parser.name}: no good input is taken: the damage would stop at the first check"
    slowest = largest = refused = 0.0
    for number in range(inputs):
        octets = damaged(dice, parser.seeds)
        took, was_refused = _fed(parser, octets)
        refused += was_refused
        if took > parser.cpu_s:
            took = min(took, _fed(parser, octets)[0], _fed(parser, octets)[0]) / max(1.0, _work() / WORK_S)
        slowest = max(slowest, took)
        assert took < parser.cpu_s, f"{parser.name}: {took * 1000:.1f} ms of CPU for {octets!r}"
        if number % 16 == 0 or took > parser.cpu_s / 4:
            size = min(_traced(parser, octets) for _ in range(1 if largest < BYTES else 3))
            largest = max(largest, size)
            assert size < BYTES, f"{parser.name}: {size} bytes for {octets!r}"
    return {"inputs": inputs, "refused": refused, "slowest_ms": slowest * 1000, "largest_bytes": largest}


def _work() -> float:
    """Return the CPU seconds that a fixed piece of work takes here and now."""
    began = time.thread_time()
    random.Random(1).sample(range(4_000), 4_000)
    return time.thread_time() - began


def _fed(parser: Parser, octets: bytes) -> tuple[float, bool]:
    began = time.thread_time()
    try:
        parser.call(octets)
    except parser.own:
        return time.thread_time() - began, True
    except BaseException as error:
        raise AssertionError(f"{parser.name}: {type(error).__name__}: {error} escaped for {octets!r}") from error
    return time.thread_time() - began, False


def _traced(parser: Parser, octets: bytes) -> int:
    gc.collect(0)
    tracemalloc.start()
    try:
        _fed(parser, octets)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
