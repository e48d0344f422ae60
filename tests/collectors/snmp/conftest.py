"""Both ways of the engine's hot path: in Python, and compiled where it was built (setup.py)."""

import importlib

import pytest


@pytest.fixture(params=["in Python", "compiled"])
def way(request, monkeypatch):
    """None or the compiled module; an `Engine` made meanwhile takes the same way."""
    if request.param == "in Python":
        monkeypatch.setenv("NETOPS_NO_C", "1")
        return None
    monkeypatch.delenv("NETOPS_NO_C", raising=False)
    try:
        return importlib.import_module("collectors.snmp._fast")
    except ImportError:
        pytest.skip("the compiled hot path was not built (gcc, python3-dev)")
