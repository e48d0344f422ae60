"""What gateways tell the desk: a device has come that may be known, a visitor was put out."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from captive_portal.model import Session
from captive_portal.policy import open_at
from netops.errors import NetopsError

if TYPE_CHECKING:
    from captive_portal.desk import Desk
    from captive_portal.model import Client

LOG = logging.getLogger("netops.portal")


class Arrivals:
    """The desk's ears. Nothing that happens here may stop the thread that says it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def knows(self, client: Client) -> bool:
        """Whether a method of its site recognises the device, or it is online already."""
        desk = self._desk
        if desk.current(client) is not None:
            return True
        if not open_at(desk.policy(client).hours, desk.clock.now_ms(), desk.zone):
            return False
        return desk.recognised(desk.shown(client, {})) is not None

    def arrived(self, client: Client) -> bool:
        """Let a known device in; a login that fails is in the log and costs nobody else anything."""
        try:
            return isinstance(self._desk.welcome(client), Session)
        except NetopsError as error:
            LOG.warning("arrival failed place=%s error=%s", client.interface, error)
            return False

    def opened(self, client: Client) -> None:
        """Note that a recorded visit is online; what cannot be noted now is found by the next repair."""
        try:
            self._desk.opened(client)
        except NetopsError as error:
            LOG.warning("opening not noted place=%s error=%s", client.interface, error)

    def left(self, client: Client) -> None:
        """End a visit; one that cannot be ended now is found by the next repair."""
        try:
            self._desk.lost(client)
        except NetopsError as error:
            LOG.warning("departure not recorded place=%s error=%s", client.interface, error)
