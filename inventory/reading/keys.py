"""Keys, checked where they enter: a door's as `ssh-keygen -lf` and `ssh-keyscan` print them, a carrier's verifier keys.

A key that cannot be what it says would never match: a door would look like an attack, a carrier's word like a forgery.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from hashlib import sha256
from typing import TYPE_CHECKING

from inventory.reading.tree import Many, Scalar

if TYPE_CHECKING:
    from inventory.reading.form import Form

MOST_KEYS = 8
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")  # 32 octets without their padding, as OpenSSH writes them
_VERIFIER = re.compile(r"(?P<name>[^\s+]{1,100})\+(?P<id>[0-9a-f]{8})\+(?P<key>[A-Za-z0-9+/]{44})")
_LINE = re.compile(r"(?P<kind>[a-z0-9@.-]{1,64}) +(?P<key>[A-Za-z0-9+/]{40,2800}={0,2})( +\S.{0,100})?")
_PRIVATE = "PRIVATE+KEY+"  # how the line of a private signing key begins (netops/sign.py)
_NEW = "if others saw it, make a new key"
_REMEDY = (
    "expected `SHA256:` and 43 characters (ssh-keyscan HOST | ssh-keygen -lf -), or a line like `ssh-ed25519 AAAA…`"
)


def verifiers(form: Form, key: str) -> tuple[str, ...]:
    """Return a carrier's verifier keys (C2SP signed-note, Ed25519): a list, or one cell separated by semicolons."""
    found = _written(form, key, f"a carrier signs with at most {MOST_KEYS}; keep those it signs with now")
    for part in found:
        remedy = "expected the line `<name>+<id>+<key>` that `netops dispute key` printed at the carrier's"
        if _PRIVATE in part:
            form.wrong(key, f"'{key}' holds a private key, which must not leave its owner", f"{remedy}; {_NEW}")
        elif not _is_verifier(part):
            named = "+".join(part.split("+", 2)[:2])  # what follows may be secret
            form.wrong(key, f"'{_shown(named)}' in '{key}' is no verifier key", remedy)
    return tuple(dict.fromkeys(found))


def _is_verifier(written: str) -> bool:
    """Whether it is an Ed25519 verifier key whose id is its own: SHA-256(name, newline, type and key), four bytes."""
    match = _VERIFIER.fullmatch(written)
    if match is None:
        return False
    blob = b64decode(match["key"], validate=True)
    own = sha256(match["name"].encode() + b"\n" + blob).hexdigest()[:8] == match["id"]
    return own and len(blob) == 33 and blob[0] == 1 and b64encode(blob).decode() == match["key"]


def read(form: Form, key: str) -> tuple[str, ...]:
    """Return the keys in their one written form: a YAML list, or one cell separated by semicolons."""
    written = _written(form, key, f"a device has at most {MOST_KEYS}; keep those it shows now")
    found = [plain(part) for part in written]
    for part, each in zip(written, found, strict=True):
        if not each and any(word in part for word in (_PRIVATE, "PRIVATE KEY")):
            form.wrong(key, f"'{key}' holds a private key, which must not leave its owner", f"{_REMEDY}; {_NEW}")
        elif not each:
            form.wrong(key, f"'{_shown(part)}' in '{key}' is no host key", _REMEDY)
    return tuple(dict.fromkeys(each for each in found if each))


def _shown(part: str) -> str:
    return "".join(char if char.isprintable() else "\ufffd" for char in part[:60])


def _written(form: Form, key: str, remedy: str) -> list[str]:
    node = form.table.entries.get(key)
    if isinstance(node, Many):
        written = [item.text if isinstance(item, Scalar) else "{" for item in node.items]
    elif isinstance(node, Scalar):
        written = [part.strip() for part in node.text.split(";") if part.strip()]
    elif node is not None:
        form.wrong(key, f"'{key}' of {form.subject} is a map", "write a list of keys")
        return []
    else:
        written = []
    if len(written) > MOST_KEYS:
        form.wrong(key, f"'{key}' has {len(written)} keys", remedy)
        return []
    return written


def plain(written: str) -> str:
    """Return the fingerprint, or kind and key of a public key line without its comment; empty when it is neither."""
    if _FINGERPRINT.fullmatch(written):
        return written
    line = _LINE.fullmatch(written)
    if line is None:
        return ""
    try:
        octets = b64decode(line["key"], validate=True)
    except Base64Error:
        return ""
    kind = line["kind"].encode()
    # RFC 4253 section 6.6: the key begins with its own kind, as a string after its length
    return f"{line['kind']} {line['key']}" if octets.startswith(len(kind).to_bytes(4, "big") + kind) else ""
