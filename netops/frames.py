"""The door of `zstandard`: one frame in, one frame out, and never more unpacked than was agreed."""

from __future__ import annotations

import zstandard

from netops.errors import SpoolError

LEVEL = 3


def packed(content: bytes | bytearray) -> bytes:
    """Return one zstd frame that says how much it holds."""
    return zstandard.ZstdCompressor(level=LEVEL).compress(content)


def unpacked(frame: bytes | memoryview, *, bound: int) -> bytes:
    """Return what one zstd frame holds; SpoolError before anything larger than `bound` is unpacked."""
    try:
        size = zstandard.frame_content_size(frame)
        if not 0 <= size <= bound:
            raise SpoolError(f"zstd: a frame announces {size} bytes, expected 0 to {bound}")
        return zstandard.ZstdDecompressor().decompress(frame, max_output_size=bound) if size else b""
    except (zstandard.ZstdError, MemoryError) as error:
        raise SpoolError(f"zstd: the frame cannot be unpacked ({error})") from None
