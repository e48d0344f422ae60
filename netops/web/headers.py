"""The headers of every answer: what a browser may load, and what it must refuse.

Nothing of a third party is ever fetched. Inline styles are allowed by digest only, inline scripts never.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

from flask import request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Flask, Response

HSTS = ("Strict-Transport-Security", "max-age=31536000")  # a year
REHEARSAL = ("X-NetOps-Rehearsal", "true")
_BODY = re.compile(rb"<body[^>]*>", re.IGNORECASE)

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # not `no-referrer`: a form's POST would then carry `Origin: null` and could not be told from a foreign one
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def digest(style: str) -> str:
    """Return the CSP source of one inline style: `'sha256-…'` over exactly the text between its tags."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'"


def policy(inline_styles: Sequence[str] = ()) -> str:
    """Return the Content-Security-Policy; scripts, styles and pictures come from ourselves or not at all."""
    return "; ".join(
        [
            "default-src 'none'",
            " ".join(["style-src 'self'", *map(digest, inline_styles)]),
            "script-src 'self'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )


def security(inline_styles: Sequence[str] = ()) -> dict[str, str]:
    """Return the headers that every answer has, pages or not."""
    return {**ALWAYS, "Content-Security-Policy": policy(inline_styles)}


def install(app: Flask, *, inline_styles: Sequence[str] = (), private: bool) -> None:
    """Put the headers on every answer of the application; `private` keeps pages out of shared caches."""
    every = [(name.lower(), name, value) for name, value in security(inline_styles).items()]

    @app.after_request
    def _headers(response: Response) -> Response:
        said = {name.lower() for name in response.headers.keys()}  # noqa: SIM118  (it iterates over pairs)
        for low, name, value in every:  # `setdefault` goes through all of them twice for each, which every page pays
            if low not in said:
                response.headers.add(name, value)
        if request.is_secure:
            response.headers[HSTS[0]] = HSTS[1]
        if "Cache-Control" not in response.headers:
            # `no-cache` keeps a copy that is asked about each time: that is what makes a 304 possible
            response.headers["Cache-Control"] = "private, no-cache" if private else "no-store"
        return response


def mark_rehearsal(app: Flask, banner: str) -> None:
    """Put the banner at the top of every HTML page, whoever wrote it; and a header on everything else."""
    mark = banner.encode()

    @app.after_request
    def _banner(response: Response) -> Response:
        response.headers[REHEARSAL[0]] = REHEARSAL[1]
        if response.mimetype == "text/html" and not response.direct_passthrough:
            body = response.get_data()
            response.set_data(_BODY.sub(lambda tag: tag.group(0) + mark, body, count=1))
        return response
