"""The signing door: keys are kept close, and what is signed verifies without the door."""

import base64
import os

import pytest

from netops.errors import EvidenceError
from netops.evidence import note
from netops.evidence.checkpoint import Checkpoint
from netops.sign import Signer

HEAD = Checkpoint(origin="log.example/city", size=0, root=bytes(32))


def test_a_generated_key_is_for_its_owner_alone_and_reads_back(tmp_path):
    made = Signer.generate(tmp_path / "key", "log.example/city")

    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert Signer.load(tmp_path / "key").vkey == made.vkey


def test_the_umask_cannot_open_the_key(tmp_path):
    before = os.umask(0)
    try:
        Signer.generate(tmp_path / "key", "a")
    finally:
        os.umask(before)

    assert (tmp_path / "key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_key_that_others_may_touch_is_refused(tmp_path, mode):
    Signer.generate(tmp_path / "key", "a")
    (tmp_path / "key").chmod(mode)

    with pytest.raises(EvidenceError, match="chmod 600"):
        Signer.load(tmp_path / "key")


def test_a_key_behind_a_link_is_refused(tmp_path):
    Signer.generate(tmp_path / "key", "a")
    (tmp_path / "link").symlink_to(tmp_path / "key")

    with pytest.raises(EvidenceError, match="cannot be opened"):
        Signer.load(tmp_path / "link")


def test_a_directory_or_nothing_is_no_key(tmp_path):
    (tmp_path / "d").mkdir(mode=0o700)

    with pytest.raises(EvidenceError, match="plain file"):
        Signer.load(tmp_path / "d")
    with pytest.raises(EvidenceError, match=r"none: no such file; `netops init` makes .* `netops witness key` a"):
        Signer.load(tmp_path / "none")


def test_a_public_key_is_told_as_that_whatever_its_mode(tmp_path):
    (tmp_path / "city.vkey").write_text(f"{Signer.new('a').vkey}\n")
    (tmp_path / "city.vkey").chmod(0o644)

    with pytest.raises(EvidenceError, match=r"city\.vkey: is a public key; expected the private file"):
        Signer.load(tmp_path / "city.vkey")


@pytest.mark.parametrize("name", ["甲运营商", "甲/w", "", "a b", "a+b", "a" * 101, "a\n"])
def test_a_name_that_no_key_can_have_leaves_no_file(tmp_path, name):
    with pytest.raises(EvidenceError, match="expected ASCII letters, digits"):
        Signer.generate(tmp_path / "key", name)

    assert list(tmp_path.iterdir()) == []


def test_a_key_that_could_not_be_written_whole_leaves_no_file(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EvidenceError, match=r"cannot be written \(No space left on device\)"):
        Signer.generate(tmp_path / "key", "a")

    assert list(tmp_path.iterdir()) == []


def test_a_key_is_never_overwritten(tmp_path):
    Signer.generate(tmp_path / "key", "a")

    with pytest.raises(EvidenceError, match="never overwritten"):
        Signer.generate(tmp_path / "key", "a")


def test_no_message_holds_a_part_of_the_key():
    line = Signer.new("log.example/city").private_line()
    secret = line.split("+", 4)[4]  # base64 has plus signs of its own
    for broken in (line.replace("city", "town"), line[:-8], "x" + line, line.replace("PRIVATE", "PUBLIC")):
        with pytest.raises(EvidenceError) as caught:
            Signer.parse(broken)

        assert secret[4:20] not in str(caught.value)
    assert secret[4:20] not in repr(Signer.parse(line))


def test_what_it_signs_verifies_with_the_printed_vkey():
    signer = Signer.new("log.example/city")

    (held,) = note.verify(note.parse(signer.sign("a text\n")), [note.VerifierKey.parse(str(signer.vkey))])

    assert held.key == signer.vkey


def test_a_text_without_its_newline_is_not_signed():
    with pytest.raises(EvidenceError, match="newline"):
        Signer.new("a").sign("a text")


def test_a_key_signs_for_its_own_log_and_in_its_own_role():
    log, witness = Signer.new("log.example/city"), Signer.new("w", algorithm=note.COSIGNATURE_V1)

    with pytest.raises(EvidenceError, match="does not sign for the log"):
        Signer.new("log.example/other").sign_checkpoint(HEAD)
    with pytest.raises(EvidenceError, match="use `cosign`"):
        witness.sign("a\n")
    with pytest.raises(EvidenceError, match="type 0x04"):
        log.cosign(log.sign_checkpoint(HEAD), now_s=1)


def test_a_private_key_of_a_type_that_nobody_knows_is_refused_like_any_other_wrong_line():
    blob = base64.b64encode(bytes([223]) + bytes(32)).decode()

    with pytest.raises(EvidenceError, match="expected an Ed25519 key of type 0x01 or 0x04"):
        Signer.parse(f"PRIVATE+KEY+city.example+00000000+{blob}")
