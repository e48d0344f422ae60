"""S17: small files that would become large: YAML, JSON, bz2, XML. Refused within a second and within 50 MB."""

from __future__ import annotations

import bz2
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS, MEGABYTES = 1.0, 50

# In a process of its own: what kills or fills it is seen, and its memory is the reader's alone.
READ = """
import importlib, resource, sys, time
from pathlib import Path
module, function, error, path = sys.argv[1:]
file = Path(path)
read = getattr(importlib.import_module(module), function)
own = getattr(importlib.import_module(error.rpartition(".")[0]), error.rpartition(".")[2])
give = {"parse": lambda: read(file.read_text(), "x"), "load": lambda: read(file, wanted=[(1, 3, 6, 1)])}
octets = {"collectors.cwmp.markup", "netops.wire"}
call = give.get(function) or (lambda: read(file.read_bytes()) if module in octets else read(file))
before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
try:
    call()
    said = "taken"
except own as refused:
    said = "refused"
took = time.process_time() - began
print(said, took, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""

PROFILE = ("collectors.profile_yaml", "parse", "collectors.profile_yaml.ProfileError")
READING = ("collectors.ssh.read_yaml", "parse", "collectors.ssh.read_yaml.ReadError")
MODEL = ("collectors.cwmp.model_yaml", "parse", "collectors.cwmp.model_yaml.ModelError")
HALTS = ("collectors.halts", "read", "collectors.errors.CollectorError")
PROPOSALS = ("netops.proposals", "read", "netops.errors.NetopsError")
RECORDING = ("collectors.recording", "load", "collectors.recording.RecordingError")
XML = ("collectors.cwmp.markup", "read", "collectors.errors.DecodeError")
WIRE = ("netops.wire", "decode", "netops.errors.SpoolError")


def laughs(key="a"):
    lines = [f"{key}0: &x0 [x,x,x,x,x,x,x,x,x]"]
    lines += [f"{key}{n}: &x{n} [{','.join([f'*x{n - 1}'] * 9)}]" for n in range(1, 40)]
    return "\n".join(lines)


def nested_tables():
    """Blocks that refer to one another twice a level: a reader that follows them all never ends."""
    head = "profile: x\ntitle: {zh: a, en: b}\nroot: 1.3.6\nscalars: &t0 {system.name: {oid: '1'}}\ntables:\n"
    return head + "\n".join(f"  t{n}: &t{n} {{columns: *t{n - 1}, helpers: *t{n - 1}}}" for n in range(1, 60))


def poll_of_nothing():
    import struct

    import zstandard

    packed = zstandard.ZstdCompressor().compress(bytes(15 << 20))
    announced = zstandard.ZstdCompressor(write_content_size=True).compress(b"[" * (15 << 20))
    return b"NOP\x01" + b"".join(struct.pack(">I", len(each)) + each for each in (announced, packed))


def yaml_of(what):
    return {
        "laughs": laughs(),
        "tables": nested_tables(),
        "itself": "profile: x\ntitle: &a {zh: *a, en: *a}",
        "depth of lists": "[" * 250_000,
        "depth of blocks": "{a: " * 60_000,
        "depth of lines": "\n".join(" " * n + "a:" for n in range(1_400)),
        "many names": "{" + ",".join(f"k{n:05}: 1" for n in range(23_000)) + "}",
        "many anchors": "\n".join(f"a{n}: &a{n} *a{max(0, n - 1)}" for n in range(15_000)),
        "one long word": "profile: " + "x" * 250_000,
        "a long number": "profile: " + "9" * 250_000,
        "too long": "# " + "x" * (8 << 20),
    }[what]


JSON = {
    "depth of lists": b"[" * 1_000_000,
    "depth of objects": b'{"halts":' * 100_000,
    "many": b'{"halts": [' + b",".join([b"[]"] * 400_000) + b"]}",
    "a long number": b'{"halts": ' + b"9" * 1_000_000 + b"}",
    "a name for ever": b'{"halts": [{"by": "' + b"x" * 2_000_000 + b'"}]}',
}

CASES = {
    **{
        f"{name} yaml: {what}": (reader, lambda what=what: yaml_of(what).encode(), "x.yaml")
        for name, reader in (("profile", PROFILE), ("read", READING), ("model", MODEL))
        for what in (
            "laughs", "tables", "itself", "depth of lists", "depth of blocks", "depth of lines", "many names",
            "many anchors", "one long word", "a long number", "too long",
        )
    },
    **{f"halts json: {what}": (HALTS, lambda what=what: JSON[what], "halts.json") for what in JSON},
    **{f"proposals json: {what}": (PROPOSALS, lambda what=what: JSON[what], "proposals.json") for what in JSON},
    "recording: a gigabyte of zeros": (RECORDING, lambda: zeros(b"\0"), "x.snmprec.bz2"),
    "recording: a gigabyte of lines": (RECORDING, lambda: zeros(b"\n"), "x.snmprec.bz2"),
    "recording: a gigabyte of one object": (RECORDING, lambda: zeros(b"1.3.6.1.2.1.1.3.0|67|1\n"), "x.snmprec.bz2"),
    "recording: of no packed file": (RECORDING, lambda: b"BZh9" + bytes(100_000), "x.snmprec.bz2"),
    "xml: laughs": (XML, lambda: b"<!DOCTYPE a [<!ENTITY a 'x'>]><a>&a;</a>", "x.xml"),
    "xml: depth": (XML, lambda: b"<a>" * 100_000, "x.xml"),
    "xml: attributes": (XML, lambda: b"<a " + b" ".join(b"a%d='x'" % n for n in range(60_000)) + b"/>", "x.xml"),
    "poll: depth in a frame": (WIRE, poll_of_nothing, "poll"),
}  # fmt: skip


def zeros(what, octets=1 << 30):
    packer = bz2.BZ2Compressor(9)
    block = what * (9_000_000 // len(what))
    one = packer.compress(block) + packer.flush()
    return one * (octets // len(block) + 1)  # bz2 files may follow one another in one file


@pytest.mark.parametrize("case", CASES)
def test_a_bomb_is_refused_before_it_goes_off(tmp_path, case):
    reader, make, name = CASES[case]
    path = tmp_path / name
    path.write_bytes(make())
    done = subprocess.run(
        [sys.executable, "-c", READ, *reader, path], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-800:]
    said, seconds, megabytes = done.stdout.split()

    assert said == "refused"
    assert float(seconds) < SECONDS
    assert float(megabytes) < MEGABYTES
