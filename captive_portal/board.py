"""The notice board: site policies and terms as their files say now, put up while the portal runs.

The folders are looked at every few seconds; what has changed is read, kept (terms), and then in force for whoever comes
next. A file that cannot be used takes nothing down: what was in force stays, and `health` says what differs. What only
a start can do (another method, another walled garden) is said, too, and is not half done.
"""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING

from captive_portal import policy_yaml, published
from captive_portal.policy_yaml import PolicyError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from captive_portal.policy import Policies
    from captive_portal.premises import Premises
    from captive_portal.store import Store
    from netops.config import Settings

LOG = logging.getLogger("netops.portal")
MOST_FILES = 4096
MOST_FILE = 1 << 20  # octets that are looked at of one; what is larger no reader takes
SUFFIXES = frozenset({".yaml", ".txt", ".svg"})


class Board:
    """What is in force, and what the files say. `methods` are the ways in that this process runs."""

    def __init__(self, settings: Settings, store: Store, methods: Collection[str]) -> None:
        self._settings = settings
        self._store = store
        self._methods = methods
        self._mark = ""

    def begin(self, policies: Policies, seen: str, now_ms: int) -> None:
        """Keep the texts of what is in force from the start on; `seen` is the mark from before they were read."""
        self._mark = seen
        self._publish(policies, now_ms)

    def look(self, premises: Premises, now_ms: int) -> int:
        """Put up what has changed; return 1 if anything was. PolicyError says why the old is still up."""
        seen = mark(self._settings)
        if seen == self._mark:
            return 0
        try:
            fresh = policy_yaml.read(self._settings)
        except PolicyError as error:
            raise PolicyError(f"the files were changed and cannot be used; what was in force stays: {error}") from None
        beyond = at_start(premises.policies, fresh, self._methods)
        if beyond:
            raise PolicyError(
                f"the files were changed; what was in force stays until a restart of the portal: {beyond}"
            )
        self._publish(fresh, now_ms)
        premises.policies = fresh
        self._mark = seen
        LOG.info("policies and terms put up policies=%d texts=%d", len(fresh.every), len(fresh.library.texts))
        return 1

    def _publish(self, policies: Policies, now_ms: int) -> None:
        try:
            published.publish(self._store, policies.library, now_ms)
        except published.AlteredError as error:
            raise PolicyError(str(error)) from None


def mark(settings: Settings) -> str:
    """Return a digest of everything that the folders of policies and terms hold."""
    digest = hashlib.sha256()
    for file in _files(settings.portal.policies, settings.portal.terms):
        try:
            with file.open("rb") as content:
                held = content.read(MOST_FILE)
        except OSError as error:
            held = repr(error.strerror).encode()
        digest.update(str(file).encode("utf-8", "surrogateescape") + b"\0" + hashlib.sha256(held).digest())
    return digest.hexdigest()


def at_start(old: Policies, fresh: Policies, methods: Collection[str]) -> str:
    """Return what of the change only a start of the portal can do; pure."""
    for each in fresh.every:
        missing = [name for name in each.ways if name not in methods]
        if missing:
            return f"policy '{each.id}' offers {', '.join(missing)}, which does not run here yet"
    for site in {"", *old.by_site, *fresh.by_site}:
        where = f"of site '{site}'" if site else "of all other sites"
        if old.at(site).garden != fresh.at(site).garden:
            return f"the walled garden {where} is another; restart the gate and the resolver with it"
        if old.at(site).when_broken != fresh.at(site).when_broken:
            return f"'when_broken' {where} is another; restart the gate and the RADIUS server with it"
    return ""


def _files(*folders: Path | None) -> Iterator[Path]:
    for folder in folders:
        if folder is not None and folder.is_dir():
            files = sorted(file for file in folder.iterdir() if file.suffix in SUFFIXES)
            yield from [file for file in files if not file.name.startswith(".")][:MOST_FILES]
