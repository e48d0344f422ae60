"""The rehearsal's visitors log in at the portal as people do, and what they meet is counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from captive_portal.service import PortalService
from collectors.simulator.visitors import Visitors
from netops.config import Listener


@pytest.fixture
def portal(settings):
    service = PortalService(settings)
    service.start()
    try:
        yield service
    finally:
        service.stop()


def test_they_come_online_by_a_tap_leave_by_another_and_are_refused_with_a_voucher_that_there_is_not(portal):
    at = replace(portal.settings.portal, listen=Listener(port=portal.port))
    visitors = Visitors(replace(portal.settings, portal=at), every_s=60)

    assert visitors.visit("127.9.1.1") == 303
    assert portal.desk.live == 1
    assert visitors.visit("127.9.1.2", wrong=True) == 422
    assert visitors.visit("127.9.1.1") == 303
    assert portal.desk.live == 0
    assert (portal.desk.telling.totals["online"], portal.desk.telling.totals["refused"]) == (1, 1)
    visitors.start()
    visitors.stop()
