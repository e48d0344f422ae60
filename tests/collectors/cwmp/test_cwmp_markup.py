"""XML of strangers: what it may cost, and that only DecodeError comes out."""

from __future__ import annotations

import os
import random
import time

import pytest

from collectors.cwmp import markup, soap
from collectors.errors import DecodeError
from collectors.simulator.cpe import Cpe, envelope, small_cell

MANY = 100_000
BOMBS = {
    "billion laughs": b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a0 "ha">'
    + b"".join(b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 10) for i in range(1, 10))
    + b"]><l>&a9;</l>",
    "quadratic blowup": b'<!DOCTYPE l [<!ENTITY a "' + b"x" * MANY + b'">]><l>' + b"&a;" * MANY + b"</l>",
    "external entity": b'<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]><l>&a;</l>',
    "parameter entity": b'<!DOCTYPE l [<!ENTITY % a SYSTEM "http://127.0.0.1:1/x"> %a;]><l/>',
    "nested": b"<a>" * MANY + b"</a>" * MANY,
    "attributes": b"<a " + b" ".join(b'a%d="1"' % i for i in range(80_000)) + b"/>",
    "namespaces": b"<a " + b" ".join(b'xmlns:a%d="u%d"' % (i, i) for i in range(40_000)) + b"/>",
    "long namespace, many names in it": b'<a xmlns:p="'
    + b"u" * 900
    + b'"><b '
    + b" ".join(b'p:a%d="1"' % i for i in range(60_000))
    + b"/></a>",
    "a name of a megabyte": b"<" + b"a" * 1_000_000 + b"/>",
    "an attribute without end": b'<a b="' + b"x" * 1_000_000,
    "a comment of a megabyte": b"<a><!--" + b"- " * 500_000 + b"--></a>",
    "elements": b"<a>" + b"<b/>" * 200_000 + b"</a>",
    "too large": b"<a>" + b" " * markup.OCTETS + b"</a>",
    "another encoding": b'<?xml version="1.0" encoding="rot13"?><a/>',
    "UTF-7": b'<?xml version="1.0" encoding="utf-7"?><a/>',
    "instruction": b'<?xml version="1.0"?><?php x?><a/>',
    "nothing": b"",
    "no XML": b"\x00\xff\xfe",
    "two roots": b"<a/><b/>",
    "undeclared prefix": b"<p:a/>",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_within_ten_milliseconds_of_processor_time(name):
    began = time.thread_time()
    with pytest.raises(DecodeError):
        markup.read(BOMBS[name])

    assert time.thread_time() - began < 0.010


@pytest.mark.parametrize(
    "octets",
    [b"<a>" + b"<b/>" * 40_000 + b"</a>", b"<a>" + b"x" * 1_000_000 + b"</a>", b"<a>" + b"&#120;" * 170_000 + b"</a>"],
    ids=["elements", "text", "references"],
)
def test_much_of_one_thing_is_refused(octets):
    with pytest.raises(DecodeError):
        markup.read(octets)


def test_a_document_within_the_bounds_is_read_as_it_stands():
    found = markup.read(b'<a xmlns="urn:x" k="v"> <p:b xmlns:p="urn:y">1 &lt; 2</p:b><c/></a>')

    assert (found.space, found.name, dict(found.attributes)) == ("urn:x", "a", {"k": "v"})
    assert [(each.space, each.name, each.text) for each in found.children] == [
        ("urn:y", "b", "1 < 2"),
        ("urn:x", "c", ""),
    ]


@pytest.mark.slow
def test_whatever_comes_only_a_decode_error_comes_out():
    chance = random.Random(7)
    cpe = Cpe(0, "SN1", small_cell("SN1"))
    seeds = [
        cpe.inform(["1 BOOT", "4 VALUE CHANGE"]),
        envelope(cpe._names("Device.", False), "1"),
        envelope(cpe._read(["Device."]), "2"),
    ]
    for _ in range(2000 * int(os.environ.get("NETOPS_ROUNDS", "1"))):
        octets = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 8)):
            at = chance.randrange(len(octets))
            match chance.randrange(4):
                case 0:
                    octets[at] = chance.randrange(256)
                case 1:
                    del octets[at : at + chance.randint(1, 60)]
                case 2:
                    octets[at:at] = octets[chance.randrange(len(octets)) :][: chance.randint(1, 200)]
                case 3:
                    octets[at:at] = chance.choice(
                        [b"<![CDATA[", b"&#0;", b"]]>", b"<!DOCTYPE x>", b"</S:Body>", b"\xff"]
                    )
        try:
            soap.read(bytes(octets))
        except DecodeError:
            continue
