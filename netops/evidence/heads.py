"""The heads that a bundle shows of each tally, opened: whether they are those that the tally seals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence import merkle, note, tally
from netops.evidence.members import HEADS, TALLIES, exact
from netops.evidence.tally import Head

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from netops.evidence.members import Bundle
    from netops.evidence.tally import Heads


def opened(bundle: Bundle) -> Iterator[tuple[int, dict[str, Heads]]]:
    """Yield `(index, heads by account)` of each tally in order; EvidenceError names the line that is off."""
    tallies = dict(bundle.leaves(TALLIES))
    left = sorted(tallies)
    for at, line in enumerate(bundle.lines(HEADS), 1):
        where = f"{HEADS}: line {at}"
        value = exact(where, line)
        try:
            index, told = value["index"], value["accounts"]
            if set(value) != {"index", "accounts"} or type(index) is not int or not left or left.pop(0) != index:
                raise EvidenceError(f"{where}: expected one line for each tally of {TALLIES}, in their order")
            body = json.loads(tallies[index])["fact"]["body"]
            held = {whose: _account(where, body, whose, each) for whose, each in told.items()}
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise EvidenceError(f"{where}: cannot be read ({type(error).__name__} {error})") from None
        yield index, held
    if left:
        raise EvidenceError(f"{HEADS}: the heads of the tally at leaf {left[0]} of {TALLIES} are missing")


def _account(where: str, body: Mapping[str, Any], whose: str, told: Mapping[str, Any]) -> Heads:
    if set(told) != {"heads", "path", "place"} or type(told["place"]) is not int:
        raise EvidenceError(f"{where}: expected heads, path and place")
    heads = {kind: Head(*row) for kind, row in told["heads"].items()}
    path = [note.unbase64(each, where) for each in told["path"]]
    hashed = tally.account(whose, heads)
    try:
        merkle.verify_inclusion(hashed, told["place"], body["accounts"], path, bytes.fromhex(body["root"]))
    except EvidenceError:
        raise EvidenceError(f"{where}: the heads of '{whose}' are not those that the tally seals") from None
    return heads
