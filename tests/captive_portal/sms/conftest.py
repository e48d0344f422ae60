"""What the tests of codes by SMS share: a method on a real database, and a provider that does as it is told."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from captive_portal import keys, tables
from captive_portal.methods import Shown, Tools
from captive_portal.methods.sms import Sms
from captive_portal.model import Bounds
from captive_portal.policy import Policy, Texting
from captive_portal.sms.courier import Courier
from captive_portal.sms.providers import Answer, Came
from captive_portal.sms.tables import BUDGET, CODE, SENT
from captive_portal.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from captive_portal.sms.providers import Message

BOUNDS = Bounds(seconds=3600)


class Scripted:
    """A provider that takes every message, or does what `does` says."""

    def __init__(self, name: str = "scripted", does: Callable[[Message], Answer] | None = None) -> None:
        self.name = name
        self.messages: list[Message] = []
        self.does = does
        self.lock = threading.Lock()

    def hand(self, message: Message) -> Answer:
        with self.lock:
            self.messages.append(message)
        return self.does(message) if self.does else Answer(came=Came.TAKEN, receipt=f"r-{message.id}")

    def code(self, phone: str) -> str:
        """Return the newest code that this phone got."""
        return next(each.code for each in reversed(self.messages) if each.phone == phone)


class Forgetful:
    """Persons that are kept nowhere: a hash, and nothing behind it."""

    def keep(self, kind: str, value: str) -> bytes:
        return keys.derived(b"test", b"person", kind.encode(), value.encode())

    def renew(self, hash_: bytes) -> bool:
        return True

    def restricted(self, hash_: bytes, since_ms: int = 0) -> bool:
        return False


@dataclass
class Desk:
    """The method with its database, and what it takes to open both again."""

    settings: Any
    clock: Any
    providers: tuple[Scripted, ...] = field(default_factory=lambda: (Scripted(),))
    countries: tuple[str, ...] = ("86",)
    digits: int = 8
    persons: Any = field(default_factory=Forgetful)
    stack: ExitStack = field(default_factory=ExitStack)

    def open(self, store: Store | None = None) -> Sms:
        self.store = store or self.stack.enter_context(Store(tables.url(self.settings)))
        tools = Tools(settings=self.settings, store=self.store, clock=self.clock, persons=self.persons)
        self.method = Sms(tools)
        self.method._courier = Courier(self.providers, workers=4, clock=self.clock)
        self.method.begin()
        self.stack.callback(self.method.close)
        return self.method

    def restart(self) -> Sms:
        self.stack.close()
        return self.open()

    def shown(self, device: int | bytes = 1, site: str = "site-1", **fields: str) -> Shown:
        identity = device if isinstance(device, bytes) else device.to_bytes(32, "big")
        policy = Policy(
            id="p",
            title="p",
            methods=("sms",),
            bounds=BOUNDS,
            texting=Texting(digits=self.digits, countries=self.countries),
        )
        return Shown(fields=fields, identity=identity, site=site, bounds=BOUNDS, policy=policy)

    def press(self, device: int | bytes = 1, site: str = "site-1", **fields: str) -> Any:
        """Do what the desk does with a form: consult, then prove."""
        shown, now_ms = self.shown(device, site, **fields), self.clock.now_ms()
        return self.method.prove(replace(shown, answer=self.method.consult(shown, now_ms)), now_ms)

    def resume(self, device: int = 1) -> Any:
        return self.method.resume(self.shown(device), self.clock.now_ms())

    def capped(self, **caps: int) -> None:
        self.settings = replace(self.settings, sms=replace(self.settings.sms, **caps))


@pytest.fixture(scope="session")
def shelf(
    tmp_path_factory: pytest.TempPathFactory, city_settings: Callable[[Path], Any]
) -> Iterator[tuple[Any, Store]]:
    """One database for all of these tests: each begins by emptying its tables."""
    settings = city_settings(tmp_path_factory.mktemp("sms"))
    with Store(tables.url(settings)) as store:
        yield settings, store


@pytest.fixture
def counter(shelf: tuple[Any, Store], clock: Any) -> Iterator[Desk]:
    settings, store = shelf
    for table in (CODE, SENT, BUDGET):
        store.write(lambda connection, table=table: connection.execute(table.delete()))
    made = Desk(settings, clock)
    with made.stack:
        made.open(store)
        yield made


@pytest.fixture(scope="session")
def scripted() -> type[Scripted]:
    return Scripted


@pytest.fixture
def together() -> Callable[..., list[Any]]:
    """Return what runs something many times at once and gives back what each came to."""

    def run(count: int, work: Callable[[int], Any], threads: int = 64) -> list[Any]:
        results: list[Any] = [None] * count
        turn = iter(range(count))
        lock, gun = threading.Lock(), threading.Barrier(threads)

        def runner() -> None:
            gun.wait()
            while True:
                with lock:
                    number = next(turn, None)
                if number is None:
                    return
                results[number] = work(number)

        runners = [threading.Thread(target=runner) for _ in range(threads)]
        for each in runners:
            each.start()
        for each in runners:
            each.join()
        return results

    return run
