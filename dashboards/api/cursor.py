"""Where the next part of a list begins: the order's key of the last item that was given, not a number of items.

So a list that changes between two questions neither repeats an item nor leaves one out that was there all the time. A
cursor is plain to read, and checked like every other word of a request: it opens nothing that the question itself does
not.
"""

from __future__ import annotations

import base64
import binascii
import json

from netops.web.language import gettext as _
from netops.web.problem import UnfitError

Key = tuple[str | int, ...]
MOST = 512


def write(operation: str, key: Key) -> str:
    """Return the cursor after the item of this key."""
    text = json.dumps([operation, *key], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(operation: str, cursor: str, like: tuple[type, ...]) -> Key:
    """Return the key of a cursor that this operation gave, its parts of the kinds `like`; UnfitError otherwise."""
    try:
        told = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        told = None
    if not isinstance(told, list) or told[:1] != [operation] or tuple(map(type, told[1:])) != like:
        raise UnfitError(_("游标 cursor 不是这个列表给出的；请从第一页重新开始，不带 cursor。"))
    return tuple(told[1:])
