"""The matrix's worlds: each gateway with everything before and behind it, begun once."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from captive_portal import gateways
from captive_portal.radius import freeradius, nas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent


def _load(name: str, folder: Path = HERE) -> Any:
    spec = importlib.util.spec_from_file_location(f"matrix_{name}", folder / f"{name}.py")
    assert spec
    assert spec.loader
    made = importlib.util.module_from_spec(spec)
    sys.modules[f"matrix_{name}"] = made
    spec.loader.exec_module(made)
    return made


walks, ahead, air = _load("walks"), _load("run_ahead"), _load("air")
loopback, kernel = _load("loopback_worlds"), _load("kernel_worlds")


@pytest.fixture(scope="session")
def parts() -> Any:
    """What the worlds are built of, by name."""
    room = HERE.parent
    return SimpleNamespace(
        walks=walks,
        ahead=ahead,
        air=air,
        gateways=gateways,
        freeradius=freeradius,
        nas=nas,
        mini_browser=_load("mini_browser", room / "pages"),
        old_controller=_load("old_controller", room / "radius"),
        ac_simulator=_load("ac_simulator", room),
        opennds=_load("test_opennds", room),
        oidc_city=_load("test_oidc_city", room / "oidc"),
        network=_load("conftest", room).Network,
    )


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory, parts: Any) -> Iterator[Callable[[type], Any]]:
    """Return one gateway with all that belongs to it; it goes on until another one is asked for."""
    open_: list[Any] = []

    def world(kind: type) -> Any:
        if not open_ or type(open_[0]) is not kind:
            while open_:
                open_.pop().end()
            open_.append(kind(tmp_path_factory.mktemp("matrix"), parts))
            open_[0].begin()
        return open_[0]

    yield world
    for each in open_:
        each.end()
