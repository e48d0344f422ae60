"""Both ways of the engine's hot path: in Python, and compiled where it was built (setup.py)."""

import pytest

from collectors.snmp import compiled
from collectors.snmp.engine import Engine


@pytest.fixture(params=["in Python", "compiled"])
def way(request, monkeypatch):
    """None or the compiled module; an `Engine` made meanwhile takes the same way."""
    if request.param == "in Python":
        monkeypatch.setenv("NETOPS_NO_C", "1")
    else:
        monkeypatch.delenv("NETOPS_NO_C", raising=False)
        pytest.importorskip("collectors.snmp._fast", reason="the compiled hot path was not built (gcc, python3-dev)")
    monkeypatch.setattr("collectors.snmp.ber._FAST", compiled.fast())
    return compiled.fast()


@pytest.fixture
def engine(way):
    """A running engine of this way."""
    with Engine(window=200) as running:
        yield running
