"""What a service is, how it goes round, and how several run in one process.

A service is inert until started; `start` returns when it is ready, `stop` when it has let go of everything.
`netops up` runs each in a process of its own; tests may run several in one.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from netops.facts import Fact

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence

log = logging.getLogger(__name__)
REST_S: Final = 1.0  # after a round that failed


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


@runtime_checkable
class Leaving(Protocol):
    """A service whose start may take long."""

    def leave(self) -> None:
        """Hear, from any thread and in the midst of the start, that nobody wants it any more: take up nothing long."""
        ...


@contextmanager
def running(services: Sequence[Service]) -> Iterator[None]:
    """Start the services in order and stop them in reverse, whatever happens between."""
    with ExitStack() as stack:
        for service in services:
            stack.callback(service.stop)
            service.start()
        yield


def go_round(
    once: Callable[[], None], *, stopping: threading.Event, health: dict[str, str], every_s: float = 0.0
) -> None:
    """Do `once` until the service is to stop. What fails is logged and stands in `health` until a round has passed."""
    while not stopping.wait(every_s):
        try:
            once()
        except Exception as error:
            health["round"] = f"{type(error).__name__}: {error}"
            log.exception("round failed")
            stopping.wait(REST_S)
        else:
            health.pop("round", None)


def service_state(service: str, state: str, *, now_ms: int) -> Fact:
    """Return the fact that a service `started` or `stopped`, by which release."""
    body = {"service": service, "state": state, "version": version("netops")}
    return Fact(kind="service_state", at_ms=now_ms, body=body)
