"""A maker that renumbers its tree changes nothing: a capture gives the same values under each root of its family."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.profile_yaml import shipped
from collectors.replay import replay

CAPTURES = Path(__file__).parent / "captures"
OTHERS = [(name, root) for name, p in sorted(shipped().items()) for root in sorted({*p.roots[1:3], *p.roots[1:][-1:]})]


def dotted(oid):
    return ".".join(map(str, oid))


def told(path):
    """Return the family of a capture and what it read, without the OIDs and rules."""
    result = replay(path, shipped(), at_ms=0)
    read = sorted(
        (o.metric, str(o.subject), str(o.value), o.quality.value)
        for o in result.decoded.observations
        if not o.rule.startswith("standard.")
    )
    return result.detected.family, read


@pytest.mark.parametrize(("name", "root"), OTHERS, ids=[f"{name}-{dotted(root)}" for name, root in OTHERS])
def test_a_capture_moved_to_another_root_of_its_family_reads_the_same(tmp_path, name, root):
    first = dotted(shipped()[name].roots[0])
    lines = (CAPTURES / f"{name}.snmprec").read_text(encoding="utf-8").splitlines()
    moved = [dotted(root) + line[len(first) :] if line.startswith(first + ".") else line for line in lines]
    path = tmp_path / f"{name}.snmprec"
    path.write_text("\n".join(sorted(moved, key=lambda line: line.startswith("1."))) + "\n", encoding="utf-8")

    assert moved != lines, "the capture stands under the first root"
    assert told(path) == told(CAPTURES / f"{name}.snmprec")
