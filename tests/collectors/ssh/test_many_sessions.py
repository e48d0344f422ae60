"""Many sessions at once with every kind of fault: not one table that is not whole is taken for whole."""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest
import ssh_device

from collectors.ssh.by_asyncssh import Asyncssh
from collectors.ssh.by_netmiko import Netmiko
from collectors.ssh.talk import Limits

ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "1"))
PATIENT = Limits(connect_s=120, read_s=120, deadline_s=400)  # a busy machine is no fault of a sound device
SHORT = Limits(connect_s=120, read_s=6, deadline_s=400)
SOUND = ("", "page", "ansi", "chatty")
FAULTS = (
    "drop",
    "short",
    "lookalike",
    "cut with a prompt",
    "log",
    "error",
    "rename",
    "stall",
    "no echo",
    "endless pager",
    "flood",
)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["asyncssh", "netmiko"])
def test_no_table_that_is_cut_off_is_believed(site, errand, carried, kind):
    """A hundred at once by asyncssh, fifty threads by netmiko; a third of the devices are ill."""
    chance = random.Random(20261126)
    sessions = 100 * ROUNDS
    devices = []
    for name in (*SOUND, *FAULTS):
        fault = "" if name == "chatty" else name
        device = ssh_device.Device(fault=fault, count=60, piece=chance.choice([0, 200, 700]), chatty=name == "chatty")
        devices.append((name, site.serve(device)))
    sound, ill = devices[: len(SOUND)], devices[len(SOUND) :]
    chosen = [chance.choice(ill if chance.random() < 1 / 3 else sound) for _ in range(sessions)]
    errands = [
        errand(port, site.print, limits=PATIENT if name in SOUND else SHORT, token=n)
        for n, (name, port) in enumerate(chosen)
    ]
    transport = Asyncssh(sessions=100) if kind == "asyncssh" else Netmiko(threads=50)
    transport.start()
    came = carried(transport, *errands, seconds=900)
    transport.stop()

    seen = Counter()
    for (name, _), each in zip(chosen, came, strict=True):
        taken = each.visited.taken[0] if each.visited else None
        rows = len(taken.rows) if taken and taken.failed is None else None
        seen[name, rows] += 1
    taken_for_whole = {name: rows for (name, rows), _ in seen.items() if rows is not None}
    assert set(taken_for_whole.values()) <= {60}
    assert set(taken_for_whole) == {name for name, _ in chosen} & set(SOUND)
