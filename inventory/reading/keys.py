"""Host keys of a door: what `ssh-keygen -lf` and `ssh-keyscan` print, checked where it enters.

A key that cannot be what it says would never match a device, and the door would look like an attack.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from typing import TYPE_CHECKING

from inventory.reading.tree import Many, Scalar

if TYPE_CHECKING:
    from inventory.reading.form import Form

MOST_KEYS = 8
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")  # 32 octets without their padding, as OpenSSH writes them
_LINE = re.compile(r"(?P<kind>[a-z0-9@.-]{1,64}) +(?P<key>[A-Za-z0-9+/]{40,2800}={0,2})( +\S.{0,100})?")
_REMEDY = (
    "expected `SHA256:` and 43 characters (ssh-keyscan HOST | ssh-keygen -lf -), or a line like `ssh-ed25519 AAAA…`"
)


def read(form: Form, key: str) -> tuple[str, ...]:
    """Return the keys in their one written form: a YAML list, or one cell separated by semicolons."""
    node = form.table.entries.get(key)
    if isinstance(node, Many):
        written = [item.text if isinstance(item, Scalar) else "{" for item in node.items]
    elif isinstance(node, Scalar):
        written = [part.strip() for part in node.text.split(";") if part.strip()]
    elif node is not None:
        form.wrong(key, f"'{key}' of {form.subject} is a map", "write a list of keys")
        return ()
    else:
        written = []
    if len(written) > MOST_KEYS:
        form.wrong(
            key, f"'{key}' has {len(written)} keys", f"a device has at most {MOST_KEYS}; keep those it shows now"
        )
        return ()
    found = [plain(part) for part in written]
    for part, each in zip(written, found, strict=True):
        if not each:
            shown = "".join(char if char.isprintable() else "\ufffd" for char in part[:60])
            form.wrong(key, f"'{shown}' in '{key}' is no host key", _REMEDY)
    return tuple(dict.fromkeys(each for each in found if each))


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
