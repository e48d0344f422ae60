"""Work beside the page: how much of it is under way, by one provider and by all of them."""

from __future__ import annotations

import threading

import pytest

from netops.oidc import provider as providing
from netops.oidc.aside import Aside, Crowded, Late


def test_two_slow_providers_leave_the_portals_threads_to_those_without_an_account() -> None:
    """L6: the bound is the method's, not each provider's; and of it a slow one leaves some to another."""
    room, over = threading.BoundedSemaphore(providing.ALL_AT_ONCE), threading.Event()
    one, other = (Aside(each, most=providing.AT_ONCE, room=room) for each in ("one", "other"))
    taken = 0
    for aside in (one, other):
        while True:
            try:
                aside.do(lambda: over.wait(60), 0.001)
            except Late:
                taken += 1
            except Crowded:
                break
    with pytest.raises(Crowded):
        one.do(lambda: None, 1.0)

    assert taken == providing.ALL_AT_ONCE < 2 * providing.AT_ONCE
    assert providing.AT_ONCE < providing.ALL_AT_ONCE, "the other one had some of it"
    over.set()
    assert other.do(lambda: 7, 20.0, room_within_s=20.0) == 7
    assert one.do(lambda: 8, 20.0, room_within_s=20.0) == 8
