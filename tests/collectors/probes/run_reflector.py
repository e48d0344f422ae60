"""A reflector with a clock that is said to be good: `run_reflector.py ADDRESS NETWORK '{"stateful": true}'`."""

from __future__ import annotations

import ipaddress
import json
import signal
import sys

from collectors.probes.clocks import ClockState
from collectors.probes.stamp.reflect import Limits, Reflector
from collectors.probes.stamp.reflecting import Reflecting

address, network, how = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
key = how.pop("key", None)
reflector = Reflector(
    allowed=[ipaddress.ip_network(network)],
    key=key.encode() if key else None,
    limits=Limits(source_per_s=1e6, total_per_s=1e6),
    **how,
)
running = Reflecting(reflector, host=address, port=862, clock=lambda: ClockState(synchronised=True, error_ns=20_000))
running.start()
print("READY", flush=True)
signal.sigwait({signal.SIGTERM})
running.stop()
