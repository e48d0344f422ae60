"""What a test may ask of the machine, and the honest count of what had to be left out.

A test marked `root` or `partner(...)` whose need is missing is skipped; the closing summary names each missing thing
and how many tests it cost. With NETOPS_ALL_PARTNERS=1 (set by `make test` as root) a missing partner is an error.
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest
from _pytest.nodeid import coerce_node_id
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
RECORDINGS = ROOT.parent / "shared" / "data"
PARTNERS = {
    "snmpd": ("snmpd", "/usr/sbin/snmpd"),
    "snmp": ("snmpbulkwalk",),
    "snmptrap": ("snmptrap",),
    "influxd": ("influxd",),
    "victoria-metrics": ("victoria-metrics",),
    "postgres": ("/usr/lib/postgresql/15/bin/postgres", "postgres"),
    "chromium": ("chromium",),
    "axe": (str(ROOT / "tests" / "partners" / "node_modules" / "axe-core" / "axe.min.js"),),
    "dhclient": ("dhclient", "/usr/sbin/dhclient"),
    "kea": ("kea-dhcp4", "/usr/sbin/kea-dhcp4"),
    "nft": ("nft", "/usr/sbin/nft"),
    "ip": ("ip", "/usr/sbin/ip", "/sbin/ip"),
    "curl": ("curl",),
    "dnsmasq": ("dnsmasq", "/usr/sbin/dnsmasq"),
    "opennds": ("opennds", "/usr/bin/opennds"),
    "php": ("php",),
    "debootstrap": ("debootstrap", "/usr/sbin/debootstrap"),
    "systemd-analyze": ("systemd-analyze",),
    "ansible": (str(ROOT / ".venv-ansible" / "bin" / "ansible-playbook"),),
    "gcc": ("gcc",),
    "pdftotext": ("pdftotext",),
    "xfs_io": ("xfs_io", "/usr/sbin/xfs_io"),
    "tshark": ("tshark",),
    "sshd": ("/usr/sbin/sshd",),
    "irtt": ("irtt",),
    "freeradius": ("freeradius", "/usr/sbin/freeradius"),
    "radclient": ("radclient",),
    "eapol_test": ("eapol_test",),
    "glewlwyd": ("glewlwyd",),
    "scapy": (str(Path(sys.executable).parent / "scapy"),),
}
# Rooms whose tests share what is costly to make, a city or a server: on one worker it is made once. Groups begin before
# all that stands alone: so nobody waits at the end for what takes half a minute by itself, the types of the house.
TOGETHER = {
    "tests/test_house": "house",
    "tests/dashboards/api/": "api",
    "tests/dashboards/test_access": "roles",
    "tests/dashboards/test_scopes": "scopes",
    "tests/dashboards/": "city",
    "tests/inventory/": "register",
    "tests/netops/store/": "store",
    "tests/netops/test_privilege.py": "users",
    "tests/netops/dispute/": "dispute",
    "tests/netops/report/": "report",
    "tests/captive_portal/oidc/": "provider",
    "tests/captive_portal/pages/": "browser",
    "tests/captive_portal/sms/test_sms_pages": "texts",
    "tests/captive_portal/radius/test_radius_partners": "freeradius",
    "tests/captive_portal/test_odd_requests": "odd",
    "tests/captive_portal/test_gateway_": "kernel",
    "tests/captive_portal/test_probe": "kernel",
    "tests/captive_portal/test_three_namespaces": "kernel",
}
# A machine that two lanes share is no slow program: what must be fast has a test that measures it.
settings.register_profile("netops", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("netops")
_left_out: Counter[str] = Counter()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    slow_wanted = "slow" in (config.option.markexpr or "")
    for item in items:
        if item.get_closest_marker("slow") and not slow_wanted:
            item.add_marker(pytest.mark.skip(reason="slow lane: `make test-slow`"))
        for need in _missing(item):
            _left_out[need] += 1
            item.add_marker(pytest.mark.skip(reason=f"needs {need}"))
    if getattr(config.option, "loadgroup", False):
        _keep_groups_together(items)


def pytest_collection_finish() -> None:
    """What was collected stays to the end: without ten thousand tests in it, each round of the collector is short."""
    gc.collect()
    gc.freeze()


def _keep_groups_together(items: list[pytest.Item]) -> None:
    """Say each item's group in its id, as `--dist loadgroup` reads it: pytest 9.2 ignores where xdist 3.8 says it."""
    for item in items:
        room = next((name for place, name in TOGETHER.items() if item.nodeid.startswith(place)), "")
        if room and not item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.xdist_group(room))
        group = item.get_closest_marker("xdist_group")
        if group and not item.nodeid.endswith(f"@{group.args[0]}"):
            item._id = coerce_node_id(f"{item.nodeid}@{group.args[0]}")


def _missing(item: pytest.Item) -> list[str]:
    needs = []
    if item.get_closest_marker("root") and os.geteuid() != 0:
        needs.append("root")
    if item.get_closest_marker("recordings") and not RECORDINGS.is_dir():
        needs.append("the device recordings beside the project")
    for marker in item.iter_markers("partner"):
        needs += [name for name in marker.args if not any(map(_there, PARTNERS[name]))]
    return needs


def _there(program: str) -> bool:
    return shutil.which(program) is not None or (program.startswith("/") and Path(program).is_file())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _left_out:
        return
    terminalreporter.section("left out because something is missing")
    for need, count in sorted(_left_out.items()):
        terminalreporter.write_line(f"{count:4d} tests need {need}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    missing = {need for need in _left_out if need != "the device recordings beside the project"}
    if missing and os.environ.get("NETOPS_ALL_PARTNERS") == "1":
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root."""
    return ROOT


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of device recordings beside the project."""
    return RECORDINGS / "recordings"
