"""What a report was judged by: the contract's versions as they were sealed, the period, the time zone.

Part of the second implementation (`verifier.py`). Numbers in brackets are rules of `docs/explanation/sla.md`.
"""

from __future__ import annotations

import io
import re
import struct
import zoneinfo
from copy import copy
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence import canonical
from netops.evidence.differences import EPOCH, differ, iso, ms
from netops.evidence.hours import Days
from netops.evidence.integrity import Failure
from netops.evidence.members import CONTRACT, REPORT, ZONE, exact
from netops.evidence.stated import HOUR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netops.evidence.lines import Span
    from netops.evidence.members import Bundle
    from netops.evidence.stated import Stated

MOST = 367 * 24 * HOUR
COUNTS = re.compile(r".*_(s|ms|h|minute|days|intervals|slice|after)")  # names of whole numbers in a contract
MOST_BYTES = 1 << 23  # of all texts of a contract
MOST_PROMISES = 2000  # of all versions in a bundle
MOST_DAYS = 250  # working days of one step of a dispute


class Rulings:
    """Which version rules when, and whether each is the text that was sealed."""

    def __init__(self, bundle: Bundle, report: dict[str, Any], leaves: Stated) -> None:
        self.report, self.leaves = report, leaves
        if len(bundle.member(CONTRACT)) > MOST_BYTES:
            raise EvidenceError(f"{CONTRACT}: {len(bundle.member(CONTRACT))} bytes; expected at most {MOST_BYTES}")
        texts = exact(CONTRACT, bundle.member(CONTRACT))  # of a key that stands twice every reader may see another
        _whole_numbers(texts)
        self.versions = sorted(texts, key=lambda each: (each["valid_from_ms"], each["version"]))
        promised = sum(len(item["objectives"]) for version in self.versions for item in version["items"])
        if promised > MOST_PROMISES:
            raise EvidenceError(f"{CONTRACT}: holds {promised} promises; expected at most {MOST_PROMISES}")
        self.days = Days(bundle)
        self.zone = _zone(bundle.member(ZONE), report["timezone"])
        self.period: Span = (report["period"]["start_ms"], report["period"]["end_ms"])
        if not 0 < self.period[1] - self.period[0] <= MOST:
            raise EvidenceError(f"{REPORT}: period is empty, or longer than a year")

    def under(self, leaves: Stated) -> Rulings:
        """Return the same texts over other leaves, without reading them again."""
        made = copy(self)
        made.leaves = leaves
        return made

    def failures(self) -> Iterator[Failure]:
        """Yield what does not hold of contract, calendar and zone."""
        yield from self._contract()
        yield from self._bounded()
        yield from self.unread()
        yield from self._currency()
        yield from self._calendar()

    def _contract(self) -> Iterator[Failure]:
        found = []
        for version, _, _ in self.rulings():
            digest = canonical.digest(canonical.dumps(version))
            place = f"{CONTRACT}: version {version['version']}"
            held = [
                (index, leaf)
                for index, leaf in self.leaves.kinds.get("contract_version", ())
                if leaf["fact"]["body"]["contract"] == version["id"]
                and leaf["fact"]["body"]["version"] == version["version"]
            ]
            same = [(index, leaf) for index, leaf in held if leaf["fact"]["body"]["digest"] == digest]
            if not same:
                sealed = ", ".join(f"leaf {index}" for index, _ in held) or "no leaf"
                yield Failure(place=place, what=f"is not the text that was sealed ({sealed} states this version)")
                continue
            index, leaf = same[0]
            body = leaf["fact"]["body"]
            if body["valid_from_ms"] != version["valid_from_ms"]:
                yield Failure(
                    place=place, what=f"begins at {version['valid_from_ms']}; leaf {index}: {body['valid_from_ms']}"
                )
            found.append(
                {
                    "version": version["version"],
                    "valid_from_ms": version["valid_from_ms"],
                    "digest": digest,
                    "leaf": index,
                    "recorded_after_valid_from": self.leaves.known(leaf) > version["valid_from_ms"],
                    "other_texts": len({leaf["fact"]["body"]["digest"] for _, leaf in held}) - 1,
                }
            )
        if found:
            yield from differ(self.report["versions"], found, f"{REPORT}: versions")
        last = self.rulings()[-1][0]
        for name, key in (("contract", "id"), ("title", "title"), ("carrier", "carrier"), ("timezone", "timezone")):
            yield from differ(self.report[name], last[key], f"{REPORT}: {name}")

    def _bounded(self) -> Iterator[Failure]:
        """Refuse days of a dispute that no contract's file can say."""
        for version in self.versions:
            for name, days in version.get("dispute", {}).items():
                if type(days) is not int or not 1 <= days <= MOST_DAYS:
                    what = f"{name} is {str(days)[:40]}; expected a whole number from 1 to {MOST_DAYS}"
                    yield Failure(place=f"{CONTRACT}: version {version['version']}", what=what)

    def _currency(self) -> Iterator[Failure]:
        """Refuse to add up what is owed in two currencies, or under two caps [12]."""
        for name in ("currency", "credit_cap_percent"):
            found = sorted({version[name] or "none" for version, _, _ in self.rulings()})
            if len(found) > 1:
                yield Failure(place=CONTRACT, what=f"its versions have {name} {' and '.join(found)} within one period")

    def _calendar(self) -> Iterator[Failure]:
        """Recompute the period: a month is the calendar month of the contract's zone [1]."""
        name = self.report["period"]["name"]
        yield from self._zone_of_the_world()
        match = re.fullmatch(r"([0-9]{4})-([0-9]{2})", name)
        texts = {"start": iso(self.period[0]), "end": iso(self.period[1])}
        for key, text in texts.items():
            yield from differ(self.report["period"][key], text, f"{REPORT}: period.{key}")
        if match is None:
            yield from differ(name, f"{texts['start']}/{texts['end']}", f"{REPORT}: period.name")
            return
        year, number = int(match[1]), int(match[2])
        following = (year + 1, 1) if number == 12 else (year, number + 1)
        for key, first in (("start_ms", (year, number)), ("end_ms", following)):
            at = datetime(*first, 1, tzinfo=self.zone)
            yield from differ(self.report["period"][key], ms(at), f"{REPORT}: period.{key}")

    def _zone_of_the_world(self) -> Iterator[Failure]:
        """Hold the bundle's time zone against this machine's, where it has one: a forged one could move the month.

        The two may be of different releases; the offsets of a month that is over agree in all of them.
        """
        try:
            known = zoneinfo.ZoneInfo(self.report["timezone"])
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            return
        for at in range(self.period[0], self.period[1] + 1, HOUR):
            instant = EPOCH + timedelta(milliseconds=at)
            said, is_so = (instant.astimezone(zone).utcoffset() for zone in (self.zone, known))
            if said != is_so:
                yield Failure(place=ZONE, what=f"puts {iso(at)} at {said} from UTC; this machine's tzdata {is_so}")
                return

    def rulings(self) -> list[tuple[dict[str, Any], int, int]]:
        """Return each version with the part of the period it rules [12]."""
        made = []
        for i, version in enumerate(self.versions):
            ends = [self.period[1]] + [each["valid_from_ms"] for each in self.versions[i + 1 : i + 2]]
            if version["ends_ms"] is not None:
                ends.append(version["ends_ms"])
            start, end = max(self.period[0], version["valid_from_ms"]), min(ends)
            if start < end:
                made.append((version, start, end))
        if not made:
            raise EvidenceError(f"{CONTRACT}: no version of it rules the period")
        return made

    def unread(self) -> list[Failure]:
        """Return every sealed version that by its valid_from rules in the period and whose text is not here [12].

        To leave an amendment out is to judge by the contract before it. A later version from the same instant on is the
        only way to undo one.
        """
        held = {each["version"] for each in self.versions}
        begins = [(each["valid_from_ms"], each["version"], -1) for each in self.versions]
        for index, leaf in self.leaves.kinds.get("contract_version", ()):
            body = leaf["fact"]["body"]
            if body["contract"] == self.report["contract"] and body["version"] not in held:
                begins.append((body["valid_from_ms"], body["version"], index))
        begins.sort()
        found = []
        for i, (start, name, index) in enumerate(begins):
            end = begins[i + 1][0] if i + 1 < len(begins) else self.period[1]
            if index >= 0 and max(start, self.period[0]) < min(end, self.period[1]):
                what = f"is missing: leaf {index} seals that it is valid from {iso(start)}, inside the period"
                found.append(Failure(place=f"{CONTRACT}: version {name}", what=what))
        return found


def _whole_numbers(texts: Any) -> None:
    """Raise EvidenceError where a field that counts holds anything else: a text times a number is a longer text."""
    left = [texts]
    while left:
        each = left.pop()
        for name, value in each.items() if type(each) is dict else enumerate(each):
            if type(value) in {dict, list}:
                left.append(value)
            elif type(name) is str and COUNTS.fullmatch(name) and type(value) is not int and value is not None:
                raise EvidenceError(f"{CONTRACT}: {name} is {str(value)[:40]}; expected a whole number")


class _Ending(io.BytesIO):
    """Bytes whose end is told: the standard library reads on for ever where a file's last line has no newline."""

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if size is not None and len(data) < size:
            raise EOFError
        return data


def _zone(data: bytes, name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo.from_file(_Ending(data), key=name)
    except (AssertionError, EOFError, IndexError, OverflowError, ValueError, struct.error):
        raise EvidenceError(f"{ZONE}: is no time zone file (RFC 8536)") from None
