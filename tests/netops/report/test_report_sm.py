"""A bundle under the profile of commercial cryptography, and what is found when its SM2 line or SM3 root is touched."""

import random
import subprocess
import sys

import pytest

from netops.evidence import bundle as bundles
from netops.evidence import note, told
from netops.evidence.checkpoint import Checkpoint
from netops.evidence.members import CHECKPOINT
from netops.sign import Signer


@pytest.fixture
def signer():
    return Signer("netops.invalid/test", b"s" * 32).with_sm2()


@pytest.fixture
def keys(tmp_path, signer):
    path = tmp_path / "vkeys"
    path.write_text(f"{signer.vkey}\n{signer.sm2_vkey}\n")
    return path


def verified(path, keys):
    said = []
    return told.run(path, vkey=keys, rehearsal=False, say=said.append), "\n".join(said)


def changed(path, checkpoint):
    """Return a copy of the bundle with another checkpoint."""
    other = path.with_name("changed.zip")
    bundles.write(other, {**bundles.open_bundle(path).members, CHECKPOINT: checkpoint})
    return other


def test_both_keys_hold_with_a_bare_python_that_has_no_sm3(bundle_file, keys, tmp_path):
    script = tmp_path / "verify.py"
    source = bundles.open_bundle(bundle_file).member("verify.py").decode()
    slow = source.replace('hashlib.new("sm3")', 'hashlib.new("none")')
    assert slow != source
    for text in (source, slow):
        script.write_text(text)
        words = [sys.executable, "-I", "-S", str(script), str(bundle_file), "--vkey", str(keys)]
        done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=False)

        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("pinned", [True, False], ids=["both pinned", "the Ed25519 key alone"])
def test_a_stripped_sm2_line_is_named_whoever_is_pinned(bundle_file, keys, signer, pinned):
    """The bundle's own vkeys.txt, bound by its manifest, says that there is one."""
    if not pinned:
        keys.write_text(f"{signer.vkey}\n")
    signed = note.parse(bundles.open_bundle(bundle_file).member(CHECKPOINT))
    stripped = bytes(note.Note(text=signed.text, signatures=signed.signatures[:1]))
    exit_code, said = verified(changed(bundle_file, stripped), keys)

    assert exit_code == told.FAILED
    assert "not signed by the log's SM2 key netops.invalid/test/sm2" in said


def test_a_text_that_ed25519_alone_signed_anew_is_named(bundle_file, keys, signer):
    """Who has broken Ed25519 can sign another SM3 root; the SM2 line does not follow."""
    signed = note.parse(bundles.open_bundle(bundle_file).member(CHECKPOINT))
    head = Checkpoint.parse(signed.text)
    other = Checkpoint(origin=head.origin, size=head.size, root=head.root, extensions=("sm3 " + "A" * 43 + "=",))
    anew = note.parse(signer.sign(str(other)))
    forged = bytes(note.Note(text=anew.text, signatures=(*anew.signatures, signed.signatures[1])))
    exit_code, said = verified(changed(bundle_file, forged), keys)

    assert exit_code == told.FAILED
    assert "the signature of netops.invalid/test/sm2" in said


def test_no_byte_of_the_checkpoint_may_change(bundle_file, keys):
    whole = bundles.open_bundle(bundle_file).member(CHECKPOINT)
    chance = random.Random(36)
    for at in chance.sample(range(len(whole)), 40):
        other = whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :]

        assert verified(changed(bundle_file, other), keys)[0] == told.FAILED, (at, other)
