"""Every operation of the API, in the order of the documentation."""

from __future__ import annotations

from dashboards.api import agreed, alarms, disputed, measured, network

OPERATIONS = (*network.OPERATIONS, *measured.OPERATIONS, *alarms.OPERATIONS, *agreed.OPERATIONS, *disputed.OPERATIONS)
