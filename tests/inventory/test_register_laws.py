"""Laws that hold for every sequence of applications, whenever they are made and from whenever on they speak."""

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.city import city_of
from inventory.model import Carrier
from inventory.register import Register
from inventory.snapshot import snapshot

ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "12"))
INSTANTS = range(8)
cities = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz"), max_size=3)
steps = st.lists(st.tuples(st.sampled_from(INSTANTS), cities), min_size=1, max_size=6)


def city(content):
    return city_of([Carrier(id=name, name=said) for name, said in content.items()])


def states(register, recorded_ms):
    return [
        {each.id: each.name for each in snapshot(register, at_ms=at, recorded_ms=recorded_ms).carriers}
        for at in INSTANTS
    ]


@settings(
    max_examples=ROUNDS,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(steps)
def test_applications_follow_the_laws_of_two_times(whole, sqlite_register, applied):
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'register.db'}"
        shutil.copy(sqlite_register, Path(folder) / "register.db")
        with Register(url, rehearsal=False) as register:
            told = {}
            for turn, (at, content) in enumerate(applied):
                now = 1000 + turn
                before = states(register, None)
                register.apply(city(content), at_ms=at, now_ms=now)
                after = states(register, None)

                assert after[at] == content, "from the instant on, the files are the city"
                assert after[:at] == before[:at], "before it, nothing changed"
                assert register.apply(city(content), at_ms=at, now_ms=now).changes == (), "again changes nothing"
                told[now] = after
                for then, state in told.items():
                    assert states(register, then) == state, "what was believed stays on record"
            assert whole(register)
