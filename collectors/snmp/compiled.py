"""Whether the compiled hot path (fast.c) is there and wanted. It is optional: without it all is done in Python."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

VERSION = 1  # of fast.c: one compiled from another state of it is not taken
SWITCH = "NETOPS_NO_C"  # set to 1, it keeps setup.py from compiling and this from loading


def fast() -> ModuleType | None:
    """Return the compiled module; None where it was not built or is switched off."""
    if os.environ.get(SWITCH, "0") not in ("", "0"):
        return None
    try:
        from collectors.snmp import _fast  # noqa: PLC0415  (optional)
    except ImportError:
        return None
    return _fast if getattr(_fast, "VERSION", 0) == VERSION else None


def said() -> str:
    """Return which way is taken, one line for `netops doctor`."""
    if fast() is not None:
        return "compiled (fast.c)"
    if os.environ.get(SWITCH, "0") not in ("", "0"):
        return f"in Python ({SWITCH} is set)"
    return "in Python; compiled it takes a third of the CPU: install gcc and python3-dev, then NetOps again"
