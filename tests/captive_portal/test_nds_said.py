"""`ndsctl` says nothing while openNDS is busy: it is asked again, and in the end the gate names what was in vain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from captive_portal import nds

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """#!/bin/sh
echo x >> {folder}/calls
[ $(wc -l < {folder}/calls) -gt {mute} ] && echo '{{"client_list_length":"0", "clients": {{}}}}'
exit 0
"""


@pytest.fixture
def muted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def put(mute: int) -> nds.Ndsctl:
        program = tmp_path / "ndsctl"
        program.write_text(PROGRAM.format(folder=tmp_path, mute=mute), encoding="utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        monkeypatch.setattr(nds, "PAUSE_S", 0.01)
        return nds.Ndsctl(tmp_path / "socket")

    return put


def test_an_empty_answer_of_a_busy_opennds_is_asked_for_again(muted) -> None:
    assert muted(2).clients() == {}


def test_one_that_never_says_anything_is_named(muted) -> None:
    with pytest.raises(nds.KernelError, match="said nothing to 'ndsctl json'"):
        muted(nds.BUSY_TRIES).clients()
