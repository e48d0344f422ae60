"""What the kernel says of its clock, and what that is worth."""

from __future__ import annotations

import pytest

from collectors.probes import clocks

NANO = 0x2000 | 0x0001  # STA_NANO, STA_PLL
OK, TIME_ERROR = 0, 5
MS = 1_000_000


@pytest.mark.parametrize(
    ("said", "synchronised", "error_ns"),
    [
        ({"maxerror_us": 731, "esterror_us": 12}, True, 731_000),
        ({"maxerror_us": 731, "esterror_us": 12, "slewing": -250_000}, True, 981_000),
        ({"maxerror_us": 731, "esterror_us": 12, "slewing": 250, "status": 0x0001}, True, 981_000),  # in microseconds
        ({"maxerror_us": 7, "esterror_us": 0}, True, 7_000),  # a clock by pulses, off by less than it can say
        ({"maxerror_us": 0, "esterror_us": 0}, True, 1000 * MS),
        ({"maxerror_us": 1500, "esterror_us": 0, "slewing": 350 * MS}, True, 1351 * MS + MS // 2),
        ({"maxerror_us": 731, "esterror_us": 12, "answer": TIME_ERROR}, False, 731_000),
        ({"maxerror_us": 731, "esterror_us": 12, "status": NANO | 0x0040}, False, 731_000),
    ],
    ids=["told", "slewing", "in microseconds", "pulses", "nothing said", "nothing said, slewing", "error", "unsync"],
)
def test_a_clock_is_worth_what_its_steerer_says_and_what_is_still_to_come(said, synchronised, error_ns):
    state = clocks.state(**{"answer": OK, "status": NANO} | said)

    assert (state.synchronised, state.error_ns) == (synchronised, error_ns)


def test_the_kernel_is_asked():
    assert "maxerror" in clocks.kernel().detail
