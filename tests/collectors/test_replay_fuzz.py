"""Damaged recordings: whatever is cut, doubled, swapped or overwritten, a replay is a result or a clear refusal.

`NETOPS_ROUNDS` scales the rounds; a failing round is known by its name and NETOPS_SEED. A round replays every capture
in every way of damage, half a thousand of them; the soak counts a thousand inputs for a round.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from collectors.profile_yaml import shipped
from collectors.recording import RecordingError
from collectors.replay import replay
from netops.metrics import METRICS
from netops.model import Quality

CAPTURES = sorted((Path(__file__).parent / "captures").glob("*.snmprec"))
SEED = os.environ.get("NETOPS_SEED", "20261126")
ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "3"))


def cut(dice, lines):
    """Lose some lines: columns of unequal length."""
    return [line for line in lines if dice.random() > 0.2]


def overwritten(dice, lines):
    """Overwrite single octets anywhere."""
    octets = bytearray(b"\n".join(lines))
    for _ in range(dice.randint(1, 40)):
        octets[dice.randrange(len(octets))] = dice.randrange(256)
    return bytes(octets).split(b"\n")


def retyped(dice, lines):
    """Say the same under another type."""
    return [line.replace(b"|2|", dice.choice([b"|4|", b"|66|", b"|6|", b"|70|", b"|4x|"])) for line in lines]


def doubled(dice, lines):
    """Say some lines again, in any order: a walk that goes in circles."""
    found = [*lines, *dice.choices(lines, k=20)]
    dice.shuffle(found)
    return found


def extreme(dice, lines):
    """Send numbers from the edges."""
    edges = [b"-1", b"0", b"65535", b"2147483647", b"-2147483648", b"4294967295", b"18446744073709551615", b"-80000"]
    return [
        line.rpartition(b"|")[0] + b"|" + dice.choice(edges) if b"|2|" in line and dice.random() < 0.5 else line
        for line in lines
    ]


def renumbered(dice, lines):
    """Give rows indexes that fit no reader."""
    return [
        line.replace(b"|", b".%d|" % dice.choice([0, 1, 300, 4294967295]), 1) if dice.random() < 0.1 else line
        for line in lines
    ]


KINDS = (cut, overwritten, retyped, doubled, extreme, renumbered)
if "NETOPS_SOAK" in os.environ:  # 10^6 inputs for the one reader of recordings, not for each recording
    ROUNDS = max(1, ROUNDS * 1_000 // (len(CAPTURES) * len(KINDS)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(ROUNDS))
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_a_damaged_recording_invents_nothing(tmp_path, capture, kind, seed):
    dice = random.Random(f"{SEED} {capture.stem} {kind.__name__} {seed}")
    lines = [line for line in capture.read_bytes().split(b"\n") if line and not line.startswith(b"#")]
    path = tmp_path / capture.name
    path.write_bytes(b"\n".join(kind(dice, lines)) + b"\n")
    try:
        result = replay(path, shipped(), at_ms=0)
    except RecordingError:
        return

    rows = set()
    for seen in result.decoded.observations:
        assert (seen.value is None) == (seen.quality in {Quality.SENTINEL, Quality.OUT_OF_RANGE})
        if isinstance(seen.value, (int, float)):
            assert METRICS[seen.metric].within(seen.value)
        key = (seen.subject, seen.metric, seen.rule.partition("@")[0])
        assert key not in rows, "one metric of one subject has two values by one rule"
        rows.add(key)
    assert all(gap.metric in METRICS for gap in result.decoded.gaps)
