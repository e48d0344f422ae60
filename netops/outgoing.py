"""The one door by which the portal asks somebody far away over HTTP: carriers of messages, providers of accounts (S18).

It asks hosts that the settings name, follows no redirect and knows no proxy. The addresses behind a name are looked at
before one is connected to: a name that points into this machine or its network is asked only where the settings say
that it stands there. Where one does not answer the next is tried, of the other family first: a line whose IPv6 does not
work, or one dead server of two, is no provider that is away. A question is over when its time is, however busily the
other side drips; an answer is read up to a bound. TLS is 1.2 at least, and the certificate is checked.
"""

from __future__ import annotations

import ssl
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING

from netops.errors import ConfigError
from netops.question import Question, addresses
from netops.reach import allowed

if TYPE_CHECKING:
    from pathlib import Path

MOST = 4  # addresses of a name that are tried


class InnerAddressError(OSError):
    """Every address behind a name is one of this machine or its network, and the settings do not say so."""


class Connection(Question):
    """A connection for one question (netops/question.py) to an address that may be asked.

    InnerAddressError where the name has none; `private` says that it stands in this network.
    """

    def __init__(
        self, host: str, port: int, *, context: ssl.SSLContext | None, timeout_s: float, private: bool
    ) -> None:
        reach = partial(_addresses, private=private)
        super().__init__(host, port, context=context, timeout_s=timeout_s, reach=reach)


def trust(ca: Path | None, where: str) -> ssl.SSLContext:
    """Return what a certificate is checked with; ConfigError names the setting of a file without certificates."""
    try:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"'{where}': {ca} has no certificates of an authority in PEM ({error})") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def why(error: Exception) -> str:
    """Return a short word for what went wrong: nothing of what was asked, and the remedy where there is one."""
    return str(error) if isinstance(error, InnerAddressError) else type(error).__name__


def _addresses(host: str, port: int, *, private: bool) -> list[str]:
    """Return the addresses to try, the families in turn (RFC 8305 section 4); InnerAddressError where there is none."""
    found = [each for each in addresses(host, port) if allowed(each, private=private)]
    if not found:
        raise InnerAddressError(
            f"{host} has no address that may be asked; set `private = true` if it stands in this network"
        )
    first = ":" in found[0]
    families = [[each for each in found if (":" in each) is six] for six in (first, not first)]
    return [each for pair in zip_longest(*families) for each in pair if each][:MOST]
