"""Who is late, a third time: from leaves alone, by walking day after day. The standard library, nothing of the house.

A window has so many days from Monday to Friday, not counting the first, and is over at midnight. What the core did not
hear from `lost_ms` to `since_ms` opens it until the next such midnight after `since_ms`, if it began before the end.
A word counts from when its note came in, where that was recorded first.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

YEAR = 366 * 86_400_000
SHORT = 600_000


def wrong(leaves, days, zone):
    """Return the indexes of the leaves that say too early that nobody spoke, that come too late, or that are no break.

    `leaves` are (index, leaf) of one report: its issue, breaks, and what was said of it; the first to speak counts.
    """
    found, breaks, over, came = [], [], None, {}
    for index, leaf in leaves:
        kind, body, recorded = leaf["fact"]["kind"], leaf["fact"]["body"], leaf["recorded_ms"]
        if kind == "report_issued":
            over = midnight(recorded, days, zone)
        if kind == "listening_break":
            if not body["number"] == leaf["sequence"] == len(breaks):
                return [index]  # what is missing or was moved is said first, and of the others nothing is known
            if body["lost_ms"] > body["since_ms"] or (not breaks and body["lost_ms"]):
                found.append(index)
            breaks.append(body)
        if kind == "report_accepted" and "due_ms" in body and (recorded < kept(over, breaks, zone)):
            found.append(index)
        heard = told(leaf)
        if kind == "note_received":
            came.setdefault(body["digest"], heard)
        if kind == "objection" and breaks:
            digest = sha256(body.get("note", "").encode()).hexdigest()
            at = min(heard, came.get(digest, heard))
            if at >= kept(over, breaks, zone):
                found.append(index)
    return found


def told(leaf):
    """Return when a word counts as heard: at the city's desk, if it was recorded soon after, else when recorded."""
    at, recorded = leaf["fact"]["at_ms"], leaf["recorded_ms"]
    return at if 0 <= recorded - at <= SHORT else recorded


def is_late(leaf, issued_ms, days, zone, *, breaks, came):
    """Return whether a carrier's word came after the window of a report; `breaks` and `came` as stated before it.

    `breaks`: bodies; `came`: SHA-256 of a note → when it was heard of first.
    """
    body = leaf["fact"]["body"]
    if not breaks or "due_ms" in body:
        return False
    at = told(leaf)
    if "note" in body:
        at = min(at, came.get(sha256(body["note"].encode()).hexdigest(), at))
    return at >= kept(midnight(issued_ms, days, zone), breaks, zone)


def kept(over, breaks, zone):
    until = over
    for each in breaks:
        if each["lost_ms"] < until and each["since_ms"] > over - YEAR:
            until = max(until, midnight(each["since_ms"], 1, zone))
    return until


def midnight(since_ms, days, zone):
    day = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=since_ms)
    day = day.astimezone(zone).date()
    while days:
        day += timedelta(days=1)
        days -= day.strftime("%a") not in {"Sat", "Sun"}
    day += timedelta(days=1)  # a day of 23 or 25 hours ends at its own midnight
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1000
