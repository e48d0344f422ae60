"""What LibreNMS made of the same recordings of WLAN devices: it agrees, or why it differs is written down here.

Its values are a second opinion with errors of its own. Differences of unit are turned here by plain arithmetic; what is
no value for us and a number for it is listed by recording and metric.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

from collectors.profile_yaml import shipped
from collectors.replay import replay
from netops.model import Quality

RECORDINGS = Path(__file__).resolve().parents[2] / "../shared/data/recordings"
FOLDER = RECORDINGS / "ap"
NAMES = sorted(p.stem for p in FOLDER.glob("*.json") if p.with_suffix(".snmprec").exists()) if FOLDER.is_dir() else []
pytestmark = [pytest.mark.recordings, pytest.mark.timeout(120)]

# (recording begins with, metric) that LibreNMS gives as a number and that is none
NO_VALUE = {
    ("routeros", "wlan.radio.noise"),  # 0 of an interface that CAPsMAN runs
    ("wis-bridge", "wlan.link.tx_rate"),  # 0 without a far end
    ("wis-bridge", "wlan.link.rx_rate"),
}


def megahertz(channel):
    """Return the centre of a channel of 2.4 or 5 GHz (IEEE 802.11-2020 annex E)."""
    return {14: 2484}.get(channel, 2407 + 5 * channel if channel < 14 else 5000 + 5 * channel)


def opinions(name):
    """Yield (OID, class, value) of what LibreNMS read from one object."""
    told = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    for section in ("wireless", "sensors"):
        for rows in (told.get(section) or {}).get("discovery", {}).values():
            for row in rows:
                oids = json.loads(row["sensor_oids"]) if row.get("sensor_oids") else [row.get("sensor_oid")]
                if "sensor_class" in row and len(oids) == 1 and oids[0]:
                    yield str(oids[0]).lstrip("."), row["sensor_class"], float(row["sensor_current"])


def meanings(kind, value, seen):
    """Return what our value is in the units that LibreNMS may have used for it."""
    yield value
    if kind == "frequency" and seen.metric.endswith(".channel"):
        yield megahertz(value)
        if str(seen.raw).endswith("S"):
            yield 0.0  # a channel of 6 GHz, which it cannot place
    if kind == "frequency":
        yield value * 1_000_000  # Hz
    if kind == "distance":
        yield value / 1000  # km
        yield value * 100  # its page divides further
    if kind == "rate":
        yield value / 1_000_000  # Mbit/s; its page multiplies
    if kind == "current":
        yield value / 1000  # A
    if kind == "state" and isinstance(seen.raw, int):
        yield seen.raw  # the vendor's code; ours is the catalogue's


@pytest.mark.parametrize("name", NAMES)
def test_it_agrees_or_the_difference_is_known(name):
    ours = defaultdict(list)
    for seen in replay(FOLDER / f"{name}.snmprec", shipped(), at_ms=0).decoded.observations:
        ours[seen.oid].append(seen)
    strange = []
    for oid, kind, value in opinions(name):
        for seen in ours.get(oid, ()):
            if seen.quality is not Quality.OK:
                known = any(name.startswith(start) and seen.metric == metric for start, metric in NO_VALUE)
            else:
                known = any(abs(value - mine) < 1e-6 for mine in meanings(kind, seen.value, seen))
            if not known:
                strange.append((seen.metric, oid, seen.raw, seen.value, kind, value))

    assert strange == []
