"""S18: nobody leads us where we have no business: discovery, recording, connection requests, a portal's redirects."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("run_forbidden.py")
ROOT = PROGRAM.parents[2]


@pytest.mark.root
@pytest.mark.partner("ip")
def test_no_packet_goes_to_an_address_outside_the_allow_list(tmp_path):
    done = subprocess.run(
        ["unshare", "--net", sys.executable, PROGRAM, tmp_path],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])

    assert told["sees"] >= 1
    assert told["commands"] >= 70
    assert told["before"] == {}, "a place that is not allowed was asked"
    assert told["calls"] > 0, "the address of the register itself is called"
    for name in ("meta", "own", "mapped", "own6", "link6", "meta6"):
        assert told[name][:2] == [302, 0], name
        assert "not a machine of the network" in told[name][2], name
    assert told["sent"].keys() <= {"10.9.0.1", "10.9.0.2", "fd09::1"}, "packets elsewhere"
    assert min(told["sent"]["10.9.0.1"], told["sent"]["fd09::1"]) > 0
