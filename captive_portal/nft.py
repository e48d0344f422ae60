"""libnftables, by a binding of our own: a context, a buffer of commands in, text or JSON out.

Only the gate process loads it (docs/adr/0007-libnftables.md). One call costs what the kernel's transaction costs; a
process per command would cost twenty times that. A context is used by one thread at a time: the gate holds a lock.
"""

from __future__ import annotations

import ctypes
import json
from typing import TYPE_CHECKING, Any, Self

from captive_portal.errors import KernelError
from captive_portal.setlist import SetList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from captive_portal.setlist import Element

LIBRARY = "libnftables.so.1"
OUTPUT_JSON = 1 << 4  # NFT_CTX_OUTPUT_JSON of <nftables/libnftables.h>


class Nft:
    """One libnftables context of this process's network namespace; a context manager."""

    def __init__(self) -> None:
        self._library: Any = None
        self._context: int | None = None
        self._sets = SetList()

    def __enter__(self) -> Self:
        self._library = _bind()
        self._context = self._library.nft_ctx_new(0)
        if not self._context:
            raise KernelError(f"{LIBRARY}: no context; expected enough memory and netlink in this namespace")
        self._library.nft_ctx_buffer_output(self._context)
        self._library.nft_ctx_buffer_error(self._context)
        self._sets.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._context:
            self._library.nft_ctx_free(self._context)
        self._context = None
        self._sets.__exit__()

    def run(self, commands: str) -> None:
        """Run the commands as one transaction: all of them take effect or, with a KernelError, none."""
        self._ask(commands, 0)

    def ask(self, command: str) -> list[dict[str, Any]]:
        """Return the objects that one `list` command answers."""
        answer = json.loads(self._ask(command, OUTPUT_JSON) or "{}")
        return [item for item in answer.get("nftables", []) if "metainfo" not in item]

    def elements(self, table: str, name: str) -> list[Element]:
        """Return what a set of fifty thousand holds, as the kernel says it and not as a text; it may miss some."""
        return self._sets.read(table, name)

    def find(self, table: str, name: str, keys: Sequence[bytes]) -> list[Element]:
        """Return those of these keys that a set holds, each looked up by itself; none is missed."""
        return self._sets.find(table, name, keys)

    def _ask(self, commands: str, flags: int) -> str:
        if self._context is None:
            raise KernelError("the nftables context is closed; expected use inside its `with` block")
        self._library.nft_ctx_output_set_flags(self._context, flags)
        failed = self._library.nft_run_cmd_from_buffer(self._context, commands.encode())
        # both buffers are read each time: reading is what empties them
        output = (self._library.nft_ctx_get_output_buffer(self._context) or b"").decode(errors="replace")
        error = (self._library.nft_ctx_get_error_buffer(self._context) or b"").decode(errors="replace")
        if failed:
            raise KernelError(f"nftables: {_first(error)}")
        return str(output)


def _bind() -> Any:
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise KernelError(f"{LIBRARY} cannot be loaded ({error}); install the Debian package libnftables1") from None
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_new.argtypes = [ctypes.c_uint32]
    for name in ("nft_ctx_free", "nft_ctx_buffer_output", "nft_ctx_buffer_error"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
    library.nft_ctx_output_set_flags.argtypes = [ctypes.c_void_p, ctypes.c_uint]
    library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
        getattr(library, name).restype = ctypes.c_char_p
        getattr(library, name).argtypes = [ctypes.c_void_p]
    return library


def _first(error: str) -> str:
    """Return the first line of libnftables' message; the rest draws carets under the command, which holds a MAC."""
    return error.strip().splitlines()[0] if error.strip() else "refused without a message"
