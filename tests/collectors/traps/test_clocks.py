"""The clocks of senders' engines over a restart: reckoned on, whole on disk, never a reason not to start."""

import pytest

from collectors.traps import clocks
from collectors.traps.clocks import Told

ENGINE = b"\x80\x00\x1f\x88\x04engine"


def test_what_is_kept_is_read_again_and_reckoned_on(tmp_path):
    path = tmp_path / "clocks.json"
    clocks.keep(path, {ENGINE: Told(3, 100, 1_000_000)})

    assert clocks.read(path) == {ENGINE: Told(3, 100, 1_000_000)}
    assert clocks.read(path)[ENGINE].time_at(1_061_500) == 161
    assert clocks.read(path)[ENGINE].time_at(999) == 100  # our own clock went back
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("written", ["", "[]", '{"zz": [1, 2, 3]}', '{"80": [1]}', '{"80": ["x", 2, 3]}', "nonsense"])
def test_a_file_that_is_spoilt_is_no_reason_not_to_start(tmp_path, written, caplog):
    path = tmp_path / "clocks.json"
    path.write_text(written)

    assert clocks.read(path) == {}
    assert "not readable" in caplog.text


def test_none_was_kept_yet(tmp_path, caplog):
    assert clocks.read(tmp_path / "clocks.json") == {}
    assert caplog.text == ""
