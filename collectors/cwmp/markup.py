"""XML from strangers → a small tree, within bounds; only DecodeError escapes. Pure.

Built on expat, which is never asked to fetch or expand anything: a document type, and with it every entity, ends the
reading where it begins. It is fed piece by piece, so that a tag without end is noticed before it is understood. Names
carry their namespace's URI, never a prefix.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn
from xml.parsers import expat

from collectors.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Mapping

OCTETS = 1 << 20
DEPTH = 16  # a CWMP message has six levels
ELEMENTS = 30_000  # 10,000 parameter names
TAG = 8192  # octets of one tag: expat has read all of its attributes before we see the first
ATTRIBUTES = 16
NAMESPACES = 64
SHORT = 1024  # characters of a name or an attribute
TEXT = 65_536  # characters in one element
_PIECE = 4096
_BLANKS = " \t\r\n"
_ENCODINGS = frozenset({"", "utf-8", "utf8", "us-ascii", "iso-8859-1"})
_CHINESE = frozenset({b"gb2312", b"gbk", b"gb18030", b"cp936"})  # all are read as GB18030, which holds the others
_DECLARED = re.compile(rb"<\?xml[^<>]{1,100}?encoding[ \t\r\n]*=[ \t\r\n]*[\"']([A-Za-z0-9._\-]{1,40})[\"']")
_MARK = b"\xef\xbb\xbf"  # U+FEFF in UTF-8


@dataclass(slots=True)
class Element:
    """One element: the URI of its namespace, its name in it, what it holds. Text beside children is dropped."""

    space: str
    name: str
    attributes: Mapping[str, str]
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def child(self, name: str) -> Element | None:
        """Return the first child of this name, in whatever namespace: CPEs qualify the arguments as they please."""
        return next((each for each in self.children if each.name == name), None)

    def said(self, name: str) -> str:
        """Return the text of the first child of this name, without blanks around it; empty when there is none."""
        found = self.child(name)
        return found.text.strip(_BLANKS) if found is not None else ""


def read(octets: bytes) -> Element:
    """Return the root element of a document.

    CPEs put blanks and a byte order mark before the declaration, and write in the Chinese character sets, which expat
    does not know: both are harmless once taken away here.
    """
    if len(octets) > OCTETS:
        raise DecodeError(f"{len(octets)} octets of XML; expected at most {OCTETS}")
    octets = octets.removeprefix(_MARK).lstrip(_BLANKS.encode()).removeprefix(_MARK)
    chinese = (said := _DECLARED.match(octets)) is not None and said[1].lower() in _CHINESE
    if chinese:
        try:
            octets = octets.decode("gb18030").encode()
        except UnicodeError:
            raise DecodeError("no XML that can be read: it is not in the GB18030 that it declares") from None
    if octets.count(b"<") > 2 * ELEMENTS:
        raise DecodeError(f"the XML has more than {ELEMENTS} elements")
    return _Reader(known=chinese).read(octets)


class _Reader:
    """Grows the tree while one document is read; never leaves `read`."""

    def __init__(self, *, known: bool) -> None:
        """`known`: it is in UTF-8 by now, whatever it declares."""
        self.known = known
        self.root: Element | None = None
        self.open: list[Element] = []
        self.texts: list[list[str]] = []
        self.characters = 0
        self.elements = 0
        self.namespaces = 0

    def read(self, octets: bytes) -> Element:
        parser = expat.ParserCreate("utf-8" if self.known else None, namespace_separator=" ")
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.buffer_text = True
        parser.buffer_size = 8192
        parser.XmlDeclHandler = self.declared
        parser.StartDoctypeDeclHandler = self.doctype
        parser.EntityDeclHandler = self.doctype
        parser.ProcessingInstructionHandler = self.instruction
        parser.StartNamespaceDeclHandler = self.namespace
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.text
        try:
            for at in range(0, len(octets), _PIECE):
                parser.Parse(octets[at : at + _PIECE], False)
                if at + _PIECE - max(parser.CurrentByteIndex, 0) > TAG + _PIECE:
                    _refuse(f"a tag, comment or declaration of more than {TAG} octets")
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise DecodeError(f"no XML: {error}") from None
        except (LookupError, ValueError) as error:  # an encoding that nobody knows
            raise DecodeError(f"no XML that can be read: {error}") from None
        if self.root is None:
            raise DecodeError("no XML: there is no element")
        return self.root

    def declared(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if not self.known and (encoding or "").lower() not in _ENCODINGS:
            _refuse("another encoding than UTF-8, ISO 8859-1 or GB18030")

    def doctype(self, *_: object) -> None:
        _refuse("a document type declaration; SOAP 1.1 section 3 forbids it")

    def instruction(self, *_: object) -> None:
        _refuse("a processing instruction; SOAP 1.1 section 3 forbids it")

    def namespace(self, _prefix: str | None, uri: str | None) -> None:
        self.namespaces += 1
        if self.namespaces > NAMESPACES or len(uri or "") > SHORT:
            _refuse(f"more than {NAMESPACES} namespaces, or one that is very long")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.elements += 1
        if len(self.open) >= DEPTH or self.elements > ELEMENTS:
            _refuse(f"more than {DEPTH} levels or {ELEMENTS} elements")
        if len(attributes) > ATTRIBUTES or len(name) > SHORT:
            _refuse(f"an element with more than {ATTRIBUTES} attributes, or with a very long name")
        for key, value in attributes.items():
            if len(key) + len(value) > SHORT:
                _refuse(f"an attribute of more than {SHORT} characters")
        space, _, local = name.rpartition(" ")
        made = Element(space, local, attributes)
        if self.open:
            self.open[-1].children.append(made)
        else:
            self.root = made
        self.open.append(made)
        self.texts.append([])
        self.characters = 0

    def end(self, _name: str) -> None:
        done, texts = self.open.pop(), self.texts.pop()
        if not done.children:
            done.text = "".join(texts)
        self.characters = 0

    def text(self, text: str) -> None:
        self.characters += len(text)
        if self.characters > TEXT:
            _refuse(f"an element with more than {TEXT} characters")
        if self.texts and not self.open[-1].children:
            self.texts[-1].append(text)


def _refuse(what: str) -> NoReturn:
    raise DecodeError(f"the XML has {what}")
