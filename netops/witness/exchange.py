"""A question to a witness: one message posted, its answer read up to a bound, all of it within its time."""

from __future__ import annotations

import http.client
import ssl
from contextlib import closing
from urllib.parse import urlsplit

from netops.question import PORTS, Question


def post(url: str, body: bytes, *, timeout_s: float, most: int, kind: str = "text/plain") -> tuple[int, bytes]:
    """Return status and body (its first `most` bytes) of the answer; OSError or HTTPException when there is none.

    `timeout_s` is the time for all of it, from the name to the last byte. Only the look-up of a name may take longer,
    which nothing can cut: ask in a thread that nobody waits for.
    """
    parts = urlsplit(url)
    context = ssl.create_default_context() if parts.scheme == "https" else None
    port = parts.port or PORTS[parts.scheme]
    with closing(Question(str(parts.hostname), port, context=context, timeout_s=timeout_s)) as question:
        try:
            path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
            question.request("POST", path, body=body, headers={"Content-Type": kind})
            status, said = question.answered(most)
        except (OSError, http.client.HTTPException):
            question.in_time()  # what was cut may look like the other side's own end
            raise
    return status, said[:most]
