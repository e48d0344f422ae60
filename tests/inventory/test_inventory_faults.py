"""What the world does to a register: hostile names, broken files, kills, full disks."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from inventory.city import city_of
from inventory.errors import FilesError, SqlError
from inventory.model import Carrier, Device
from inventory.reading.folder import read_city
from inventory.register import Register
from inventory.snapshot import snapshot
from inventory.sql import upgrade
from inventory.tables import MIGRATIONS

ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "3"))
INPUTS = 1_000 * ROUNDS if "NETOPS_SOAK" in os.environ else 10_000
NOW = 1_780_000_000_000
HOSTILE = [
    "<script>alert(1)</script>",
    "=cmd|'/c calc'!A1",
    "'; DROP TABLE register_record; --",
    "{{ 7*7 }}${7*7}%s%n",
    "../../../etc/passwd",
    '"quoted", comma; semicolon',
    "\\u0041\\",
    "𠮷野家🏮é",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_data_and_comes_back_as_it_was_written(url, city, name):
    quoted = '"' + name.replace('"', '""') + '"'
    path = city / "sites.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("图书馆", quoted), encoding="utf-8")

    with Register(url, rehearsal=False) as register:
        register.apply(read_city(city), at_ms=NOW, now_ms=NOW)
        seen = snapshot(register, at_ms=NOW)

    assert seen.site["library"].name == name


@pytest.mark.parametrize("name", [*HOSTILE, "a b", "é", "A", "-a", "a\u200b", "a\n"])
def test_a_hostile_id_is_refused(city, name):
    quoted = '"' + name.replace('"', '""') + '"'
    path = city / "devices.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("ap-1,", f"{quoted},"), encoding="utf-8")

    if name == "a\n":  # white space around a cell is nobody's meaning
        assert ("device", "a", "") in read_city(city).records
        return
    with pytest.raises(FilesError, match=r"which is no id"):
        read_city(city)


SIGNS = [sign.encode() for sign in "\n,\";:{[-*&!#'|>%@`\t\0"]


def mutated(source, seed):
    """Return bytes near valid ones: cut, doubled, swapped, with foreign bytes in them."""
    random_ = random.Random(seed)
    content = bytearray(source)
    for _ in range(random_.randint(1, 6)):
        at = random_.randrange(len(content) + 1)
        until = min(len(content), at + random_.randint(0, 40))
        piece = content[at:until]
        noise = bytes(random_.randrange(256) for _ in range(4))
        other = random_.choice([b"", piece * 2, noise, *SIGNS])
        content[at : random_.choice([at, until])] = other
    return bytes(content)


def problems(city):
    try:
        read_city(city)
    except FilesError as error:
        return error.problems
    return ()


def fuzz(city, rounds, first_seed):
    """Read the city with one file mutated, again and again; only FilesError may come out, in time."""
    names = ["sites.csv", "devices.csv", "services.csv", "carriers.yaml", "contracts/wifi-2026.yaml"]
    good = {name: (city / name).read_bytes() for name in names}
    outcomes = {"read": 0, "refused": 0}
    for seed in range(first_seed, first_seed + rounds):
        name = names[seed % len(names)]
        (city / name).write_bytes(mutated(good[name], seed))
        begun = time.process_time()
        found = problems(city)
        outcomes["refused" if found else "read"] += 1
        assert all(problem.where and problem.what for problem in found), seed
        assert time.process_time() - begun < 1, seed
        (city / name).write_bytes(good[name])
    return outcomes


def test_a_mutated_city_is_read_or_refused_and_nothing_else(city):
    outcomes = fuzz(city, 150, 0)

    assert outcomes["refused"] > 50
    assert sum(outcomes.values()) == 150


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_fuzz_ten_thousand_mutated_cities_are_read_or_refused(city):
    """Row S1 for CSV and YAML; a million by `make soak ROW=S1`, which tells its seed."""
    seed = int(os.environ.get("NETOPS_SEED", "1000000")) * 1_000_000
    outcomes = fuzz(city, INPUTS, seed)

    assert sum(outcomes.values()) == INPUTS


WRITER = """
import sys
from inventory.city import city_of
from inventory.model import Carrier
from inventory.register import Register
with Register(sys.argv[1], rehearsal=False) as register:
    for turn in range(int(sys.argv[2]), 1_000_000):
        records = [Carrier(id=f"c{i}", name=str(turn)) for i in range(40)]
        register.apply(city_of(records), at_ms=1000 + turn, now_ms=1000 + turn)
        print(turn, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite", pytest.param("postgresql", marks=pytest.mark.partner("postgres"))])
def test_a_writer_killed_at_any_moment_leaves_whole_applications(backend, request, tmp_path, whole):
    """What was acknowledged is there, and of the one in flight all or nothing; a reader comes right after the kill."""
    url = f"sqlite:///{tmp_path / 'register.db'}"
    if backend == "postgresql":
        url = request.getfixturevalue("fresh")(request.getfixturevalue("postgres"))
    upgrade(MIGRATIONS, url)
    random_ = random.Random(20_261)
    acknowledged = 0
    for _ in range(3 * ROUNDS):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, url, str(acknowledged + 1)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        acknowledged = int(child.stdout.readline())
        time.sleep(random_.random() * 0.15)
        child.send_signal(signal.SIGKILL)
        rest = [line for line in child.stdout.read().split("\n") if line]
        child.wait()
        child.stdout.close()
        acknowledged = int(rest[-1]) if rest else acknowledged
        with Register(url, rehearsal=False, readonly=True) as register:
            seen = {each.name for each in snapshot(register, at_ms=2**40).carriers}
            assert len(seen) == 1, "an application is whole"
            assert int(seen.copy().pop()) >= acknowledged, "what was acknowledged is there"
            assert whole(register)
            acknowledged = int(seen.pop())


@pytest.mark.root
def test_a_full_disk_is_said_and_changes_nothing(tmp_path):
    """Row R7 for the register: the same apply succeeds when there is room again."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", place], check=True)
    try:
        url = f"sqlite:///{place / 'register.db'}"
        upgrade(MIGRATIONS, url)
        (place / "ballast").write_bytes(b"x" * 460_000)
        small = city_of([Carrier(id="c", name="甲")])
        big = city_of(
            [*small.records.values(), *(Device(id=f"d{i}", site="s", carrier="c", role="ap") for i in range(700))]
        )
        with Register(url, rehearsal=False) as register:
            register.apply(small, at_ms=NOW, now_ms=NOW)
            before = snapshot(register, at_ms=NOW).digest
            with pytest.raises(SqlError, match="nothing was changed, the disk has no room"):
                register.apply(big, at_ms=NOW, now_ms=NOW + 1)

            assert snapshot(register, at_ms=NOW).digest == before

            (place / "ballast").unlink()
            assert register.apply(big, at_ms=NOW, now_ms=NOW + 2).count("add") == 700
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            subprocess.run(["umount", "-l", place], check=True)
