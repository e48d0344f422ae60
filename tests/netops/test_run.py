"""A service as a process: which core it keeps to."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from netops import run
from netops.run import ONE_CORE, keep_to_one_core


@pytest.fixture
def machine(monkeypatch):
    """A machine of as many cores as are set; what was asked for stands in `kept`."""

    class Machine:
        cores = frozenset({0, 1, 2, 3})
        kept: frozenset[int] | None = None
        forbids = False

        def keep(self, _pid: int, cores: set[int]) -> None:
            if self.forbids:
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))
            self.kept = frozenset(cores)

    made = Machine()
    monkeypatch.setattr(run.os, "sched_getaffinity", lambda _pid: set(made.cores))
    monkeypatch.setattr(run.os, "sched_setaffinity", made.keep)
    return made


def test_each_of_them_has_a_core_of_its_own_from_the_last_one_on(machine) -> None:
    kept = []
    for name in ONE_CORE:
        keep_to_one_core(name)
        kept.append(machine.kept)

    assert kept == [frozenset({3}), frozenset({2})]


@pytest.mark.parametrize(("cores", "kept"), [({5}, None), ({4, 6}, {4})], ids=["one core", "what an operator left"])
def test_it_takes_none_but_what_it_has(machine, cores, kept) -> None:
    machine.cores = frozenset(cores)

    keep_to_one_core("radius")

    assert machine.kept == (frozenset(kept) if kept else None)


def test_no_other_service_is_held(machine) -> None:
    keep_to_one_core("core")

    assert machine.kept is None


def test_a_sandbox_that_forbids_it_stops_nothing(machine) -> None:
    machine.forbids = True

    keep_to_one_core("portal")

    assert machine.kept is None


def test_a_process_and_its_threads_are_where_they_were_put() -> None:
    program = (
        "import os, threading\nfrom netops.run import keep_to_one_core\nkeep_to_one_core('portal')\n"
        "threading.Thread(target=lambda: print(*os.sched_getaffinity(0))).start()"
    )

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert said.split() == [str(max(os.sched_getaffinity(0)))]


SLOW = """
import threading
from netops import run

class Slow:
    name = "portal"
    left = threading.Event()
    def start(self):
        print("begun", flush=True)
        assert self.left.wait(60)
    def leave(self): self.left.set()
    def stop(self): print("stopped", flush=True)
    def health(self): return {}

run.build = lambda _name, _settings: Slow()
raise SystemExit(run.main(["portal", "--set", f"data.dir={__import__('sys').argv[1]}"]))
"""


def test_a_service_that_is_still_starting_hears_that_it_is_to_stop(tmp_path) -> None:
    words = [sys.executable, "-c", SLOW, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        process.terminate()

        assert process.stdout.read() == "ready\nstopped\n"
    assert process.returncode == 0
