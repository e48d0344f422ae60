"""One look with a clock that is said to be good: both ends of the wire are one machine. `run_look.py '{"kind": …}'`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from collectors.probes.clocks import ClockState
from collectors.probes.looks import look
from netops.probing import Target
from netops.secret import Secret

given = json.loads(sys.argv[1])
if "key" in given:
    given["key"] = Secret(given["key"])
record = look(
    "t",
    Target(**given),
    account=Path(tempfile.mkdtemp()) / "octets.json",
    clock=lambda: ClockState(synchronised=True, error_ns=20_000),
)
print(json.dumps(record))
