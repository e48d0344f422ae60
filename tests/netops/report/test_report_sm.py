"""A bundle under the profile of commercial cryptography, and what is found when its SM2 line or SM3 root is touched."""

import base64
import json
import random
import subprocess
import sys

import pytest

from netops.evidence import bundle as bundles
from netops.evidence import canonical, merkle, note, told
from netops.evidence.checkpoint import Checkpoint
from netops.evidence.members import APART, CHECKPOINT, PROOFS, SM3_PROOFS, TALLIES
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


def touched(path, members):
    """Return a copy of the bundle with other members; one that is None is gone."""
    other = path.with_name("touched.zip")
    whole = {**bundles.open_bundle(path).members, **members}
    bundles.write(other, {name: data for name, data in whole.items() if data is not None})
    return other


def test_every_leaf_of_the_bundle_leads_to_the_sm3_root(bundle_file, signer):
    """By hashes of SM3 alone, from the leaves to the root that the SM2 key signed."""
    opened = bundles.open_bundle(bundle_file)
    head = Checkpoint.parse(note.parse(opened.member(CHECKPOINT)).text)
    paths = {each["index"]: each["path"] for each in map(json.loads, opened.lines(SM3_PROOFS))}
    leaves = dict([*opened.leaves(), *opened.leaves(TALLIES), *opened.leaves(APART), opened.seal()])

    assert paths.keys() == leaves.keys()
    for index, data in leaves.items():
        path = [base64.b64decode(each) for each in paths[index]]
        leaf = merkle.sm3_leaf_hash(data)
        merkle.verify_inclusion(leaf, index, head.size, path, head.sm3_root, join=merkle.sm3_node_hash)


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_a_path_under_sm3_that_was_changed_is_named_with_its_leaf(bundle_file, keys, language):
    lines = bundles.open_bundle(bundle_file).member(SM3_PROOFS).splitlines(keepends=True)
    first = json.loads(lines[0])
    first["path"][0] = base64.b64encode(bytes(32)).decode()
    said = []
    path = touched(bundle_file, {SM3_PROOFS: canonical.dumps(first) + b"\n" + b"".join(lines[1:])})

    assert told.run(path, vkey=keys, rehearsal=False, language=language, say=said.append) == told.FAILED
    what = {"en": ": the inclusion proof does not lead to the root", "zh_CN": "：包含证明不通向根"}[language]
    assert f"{SM3_PROOFS}: leaf {first['index']}{what}" in said[0]


@pytest.mark.parametrize(
    ("changed_", "what"),
    [
        (lambda _: None, f"{SM3_PROOFS}: is missing from the bundle"),
        (lambda lines: b"".join(lines[1:]), "is missing: "),
        (lambda lines: b"".join([*lines, b'{"index":99999,"path":[]}\n']), f"leaf 99999: has no path in {PROOFS}"),
        (lambda lines: b"".join(reversed(lines)), "expected ascending indexes"),
    ],
    ids=["gone", "a leaf without", "a stranger", "out of order"],
)
def test_proofs_under_sm3_that_are_not_those_of_the_leaves_are_named(bundle_file, keys, changed_, what):
    lines = bundles.open_bundle(bundle_file).member(SM3_PROOFS).splitlines(keepends=True)
    exit_code, said = verified(touched(bundle_file, {SM3_PROOFS: changed_(lines)}), keys)

    assert exit_code == told.FAILED
    assert what in said


def test_no_byte_of_the_checkpoint_may_change(bundle_file, keys):
    whole = bundles.open_bundle(bundle_file).member(CHECKPOINT)
    chance = random.Random(36)
    for at in chance.sample(range(len(whole)), 40):
        other = whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :]

        assert verified(changed(bundle_file, other), keys)[0] == told.FAILED, (at, other)
