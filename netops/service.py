"""What a service is, and how several run in one process.

A service is inert until started; `start` returns when it is ready, `stop` when it has let go of everything.
`netops up` runs each in a process of its own; tests may run several in one.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Service(Protocol):
    """One process of the house."""

    name: str

    def start(self) -> None:
        """Begin; return when ready."""
        ...

    def stop(self) -> None:
        """End in an orderly way; safe to call twice."""
        ...

    def health(self) -> dict[str, str]:
        """Return what is wrong, by subject; empty when all is well."""
        ...


@contextmanager
def running(services: Sequence[Service]) -> Iterator[None]:
    """Start the services in order and stop them in reverse, whatever happens between."""
    with ExitStack() as stack:
        for service in services:
            stack.callback(service.stop)
            service.start()
        yield
