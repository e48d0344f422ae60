"""The seam between a visit and who carries it: asyncssh for volume, netmiko for its dialects.

A transport takes errands and hands each one's `Came` over, in a thread of its own. It never raises for what a device
or a network does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from collectors.snmp.ask import Failure
    from collectors.ssh.course import Visited
    from collectors.ssh.dialect import Dialect
    from collectors.ssh.keys import Trusted
    from collectors.ssh.talk import Limits, Line, Output


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who we are to a device. Never printed."""

    user: str
    password: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    passphrase: str = field(default="", repr=False)
    enable: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a door is, whom we expect there, and who we are."""

    address: str
    port: int
    trusted: Trusted
    login: Login
    old_algorithms: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One visit to be made. `course` makes its course anew; `token` comes back with what came of it."""

    place: Place
    dialect: Dialect
    course: Callable[[], Generator[Line, Output, Visited]]
    limits: Limits
    token: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """What came of an errand: what was read, or why nobody was let in. `at_ms` is when we set out."""

    token: object
    at_ms: int
    rtt_ms: float | None = None  # until we were logged in
    took_ms: float = 0.0
    visited: Visited | None = None
    failed: Failure | None = None


class Transport(Protocol):
    """Who carries visits."""

    def start(self) -> None:
        """Be ready to carry."""
        ...

    def stop(self) -> None:
        """Break off what is under way and let go of everything."""
        ...

    def carry(self, errands: Sequence[Errand], hand_over: Callable[[Came], None]) -> None:
        """Make the visits, as many at once as the transport bears; `hand_over` is called for each."""
        ...
