"""Each gateway of the map in turn, with what stands behind it."""

from __future__ import annotations

import importlib.util
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from captive_portal.gateways import GATEWAYS

_spec = importlib.util.spec_from_file_location("stands_of_the_contract", Path(__file__).with_name("stands.py"))
stands = sys.modules[_spec.name] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(stands)
OFFERS = Path(__file__).with_name("test_every_gateways_offers.py")
REAL = [pytest.mark.root, pytest.mark.partner("nft", "ip", "curl"), pytest.mark.timeout(60)]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A namespace for each question of the second file is too much for the fast lane; its claims are read there."""
    for each in items:
        asked = getattr(each, "callspec", None)
        if each.path == OFFERS and asked and asked.params.get("stand") == "nftables" and "proof" not in each.name:
            each.add_marker(pytest.mark.slow)


def kinds() -> list:
    """Every gateway of the map; one without a maker fails every test."""
    return [pytest.param(name, marks=REAL if name == "nftables" else []) for name in GATEWAYS]


@pytest.fixture(params=kinds())
def stand(request, settings):
    with ExitStack() as stack:
        yield stands.MAKERS[request.param](settings, stack, request)


@pytest.fixture
def gateway(stand):
    """The gateway alone."""
    stand.gateway.interface = stand.interface
    return stand.gateway


@pytest.fixture
def makers():
    return stands.MAKERS
