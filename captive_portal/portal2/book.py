"""Who is online at one controller, as it has said itself: in memory, and in the journal for the next start."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from captive_portal.portal2.journal import Journal, User


class Book:
    """One user an address; safe from several threads.

    Who is past their time is not in any more, and stays in the book until the controller has put them out: not every
    make heeds the time that RADIUS gave it.
    """

    def __init__(self, ac: str, journal: Journal) -> None:
        self._ac = ac
        self._journal = journal
        self._users: dict[str, User] = {}
        self._addresses: dict[str, set[str]] = {}  # of each MAC
        self._moved: set[str] = set()
        self._lock = Lock()

    def open(self, users: Iterable[User]) -> None:
        """Take up who was online before."""
        for each in users:
            self._set(each)

    def at(self, address: str) -> User | None:
        """Return who is at an address, in time or past it."""
        return self._users.get(address)

    def overdue(self, before_ms: int, *, most: int) -> list[User]:
        """Return users whose time was over before an instant and whom nobody has put out."""
        with self._lock:
            return [each for each in self._users.values() if each.until_ms <= before_ms][:most]

    def put(self, user: User) -> None:
        """Note that somebody is online."""
        with self._lock:
            before = self._users.get(user.address)
            if before is not None and before.mac != user.mac:
                self._unset(before)
            self._set(user)
            self._journal.user(self._ac, user.address, user)

    def drop(self, user: User) -> bool:
        """Note that this user is not online any more; return whether that is news."""
        with self._lock:
            if self._users.get(user.address) != user:
                return False
            self._unset(user)
            self._journal.user(self._ac, user.address, None)
            return True

    def move(self, user: User, address: str) -> User | None:
        """Note that a user has another address; None when it was not online, or the address is somebody else's."""
        with self._lock:
            if self._users.get(user.address) != user or address in self._users:
                return None
            moved = replace(user, address=address)
            self._unset(user)
            self._set(moved)
            self._journal.user(self._ac, user.address, None)
            self._journal.user(self._ac, address, moved)
            return moved

    def every(self, now_ms: int) -> list[User]:
        """Return who is online."""
        with self._lock:
            return [each for each in self._users.values() if each.until_ms > now_ms]

    def of(self, mac: str, now_ms: int) -> list[User]:
        """Return the entries of a device."""
        with self._lock:
            users = [self._users[each] for each in sorted(self._addresses.get(mac, ()))]
        return [each for each in users if each.until_ms > now_ms]

    def moved(self) -> set[str]:
        """Return the MACs that have come online at an address since this was asked last."""
        with self._lock:
            moved, self._moved = self._moved, set()
            return moved

    def _set(self, user: User) -> None:
        self._users[user.address] = user
        self._addresses.setdefault(user.mac, set()).add(user.address)
        self._moved.add(user.mac)

    def _unset(self, user: User) -> None:
        del self._users[user.address]
        held = self._addresses[user.mac]
        held.discard(user.address)
        if not held:
            del self._addresses[user.mac]
