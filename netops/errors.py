"""The errors of floor 2. Each names its subject, what was expected and the remedy.

A device that does not answer is no error: it yields a `netops.model.Gap`.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class NetopsError(Exception):
    """Anything NetOps says on purpose; the CLI prints it without a traceback.

    `exit_code` follows the convention of the command line: 1 failure, 2 usage, 3 breach found, 4 evidence
    verification failed, 5 partial data, 75 try again.
    """

    exit_code = 1


class UsageError(NetopsError):
    """The words of a command or a request are off."""

    exit_code = 2


class ConfigError(NetopsError):
    """A setting is unknown, missing or of the wrong kind."""

    exit_code = 2


class StoreError(NetopsError):
    """The telemetry store refused or did not answer; what was to be written is still in the spool."""

    exit_code = 75


class RefusedError(StoreError):
    """The store answers, and refuses a record for what it says: the record is isolated, the others flow."""


class SpoolError(NetopsError):
    """The spool cannot take or give a record; nothing was acknowledged."""


class EvidenceError(NetopsError):
    """A proof, signature or digest does not hold; the message names the place."""

    exit_code = 4


class AccessError(NetopsError):
    """The person may not do this, or two persons are needed."""


class PartError(AccessError):
    """Who may look at a part of the city asks for what cannot be shown in part."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the closest known word, or the empty string."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""
