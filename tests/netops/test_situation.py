"""The situation file: whole or absent, never half; what is no situation is refused."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netops import situation
from netops.config import Data, Settings
from netops.errors import NetopsError
from netops.situation import ServiceNow, Situation, State

services = st.builds(
    ServiceNow,
    service=st.text(max_size=8),
    device=st.text(max_size=8),
    area=st.text(max_size=8),
    carrier=st.text(max_size=8),
    contract=st.text(max_size=8),
    kind=st.sampled_from(["wifi", "lte", "fiber"]),
    state=st.sampled_from(State),
    since_ms=st.integers(0, 2**53),
    cause=st.text(max_size=8),
    because=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    month_up_ms=st.integers(0, 2**40),
    strip=st.text(alphabet=situation.STRIP, max_size=24),
)


@given(st.lists(services, max_size=4), st.booleans())
def test_what_is_written_is_what_is_read(made, rehearsal):
    given_ = Situation(at_ms=7, register="ab", services=tuple(made), collector={"late": "0"}, rehearsal=rehearsal)

    assert situation.decode(situation.encode(given_)) == given_


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b'{"format":2}',
        b'{"format":1}',
        b"null",
        b"\xff",
        b"[" * 100_000,
        b'{"format":1,"services":7}',
    ],
)
def test_what_is_no_situation_is_refused(text):
    with pytest.raises(NetopsError, match="situation"):
        situation.decode(text)


def test_before_the_first_there_is_none(tmp_path):
    settings = Settings(data=Data(dir=tmp_path))

    assert situation.read(settings) is None
    assert situation.stamp(settings) == (0, 0)


def test_a_reader_never_sees_half_a_file(tmp_path):
    settings = Settings(data=Data(dir=tmp_path))
    big = Situation(
        at_ms=1,
        services=tuple(
            ServiceNow(
                service=f"s{n}",
                device="d",
                area="a",
                carrier="c",
                contract="k",
                kind="wifi",
                state=State.UP,
                since_ms=0,
            )
            for n in range(500)
        ),
    )
    situation.write(settings, big)
    seen, over = [], threading.Event()

    def read():
        while not over.is_set():
            seen.append(len(situation.read(settings).services))

    thread = threading.Thread(target=read)
    thread.start()
    for _ in range(30):
        situation.write(settings, big)
    over.set()
    thread.join()

    assert set(seen) == {500}
