"""What a visitor does to get in, by each method, with a browser that keeps no cookie: the rows of the matrix."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import time
from dataclasses import dataclass
from typing import Any

from captive_portal import keys, tables, vouchers
from captive_portal.model import Allowance

POLICY = """policy: park
title: Park
sites: [site-1]
methods: [click_through, sms, voucher, oidc]
session_minutes: 60
idle_minutes: 5
volume_mb: 1
down_kbps: 4000
up_kbps: 4000
returning: {days: 7, methods: [click_through], random_macs: yes}
"""
PORTAL, ONLINE, SECRET = "http://portal.test", "You are online", "of the client"
IDLE_S, VISIT_S, KBPS, VOLUME = 300, 3600, 4000, 1_000_000
PATIENCE_S = 90.0


@dataclass
class Device:
    """One visitor's device: a browser, and who it is on the air."""

    sheet: Any
    address: str
    mac: str


def shows(device: Device, words: str, within_s: float = PATIENCE_S) -> None:
    """Look at the page until it says so: where a router lets in later, the page looks again by itself."""
    until = time.monotonic() + within_s
    while words not in device.sheet.page.words:
        found = re.search(r'http-equiv="refresh" content="\d+;\s*url=([^"]+)"', device.sheet.page.text)
        waits = found or 'http-equiv="refresh"' in device.sheet.page.text
        assert waits, device.sheet.page.words
        assert time.monotonic() < until, device.sheet.page.words
        if not found or found[1].startswith("/"):
            time.sleep(0.3)
        device.sheet.open(found[1].replace("&amp;", "&") if found and "//" in found[1] else device.sheet.page.url)


def by_click(_world: Any, device: Device) -> None:
    device.sheet.press(way="click_through")


def by_voucher(world: Any, device: Device) -> None:
    device.sheet.press(way="voucher", code=voucher(world))


def voucher(world: Any, seconds: int = VISIT_S) -> str:
    """Return the code of a voucher for a whole number of minutes and two devices."""
    now_ms, given = world.now_ms(), Allowance(seconds=seconds, devices=2)
    order = vouchers.Order(label="", count=1, allowance=given, start_by_ms=now_ms + 86_400_000, made_by="op")
    return str(vouchers.create(tables.url(world.settings), keys.voucher_key(world.settings), order, now_ms)[1][0])


def by_sms(world: Any, device: Device) -> None:
    """The sheet is closed to read the message, as a phone does."""
    number = f"138001{int(device.mac[-2:], 16):05d}"
    device.sheet.press(way="sms", phone=number)
    device.sheet.leave()
    said = device.sheet.open(f"{world.portal}/sms/outbox").words
    code = re.search(r"\d{6,8}", said.partition(f"+86{number}")[2])
    assert code, said
    device.sheet.leave()
    device.sheet.open()
    device.sheet.press(way="sms", otp=code[0])


def by_account(world: Any, device: Device) -> None:
    device.sheet.press(way="oidc")
    world.opens_provider(device)
    shows(device, "Sign in")
    device.sheet.press("Sign in", user="lin", password="right")


def by_coming_back(world: Any, device: Device) -> None:
    """The visit ends by its time; who comes back is in without a tap, where a controller tells of it without a page."""
    by_click(world, device)
    shows(device, ONLINE)
    comes_in(world, device)
    world.forward(VISIT_S + 1)
    world.over(device)
    if world.tells:
        while world.method(device) != "returning":
            time.sleep(0.05)
        comes_in(world, device)
    else:
        assert not world.online(device)
    device.sheet.leave()
    device.sheet.open()


def comes_in(world: Any, device: Device, within_s: float = 10.0) -> None:
    """A controller is asked again by itself, a moment after the page."""
    until = time.monotonic() + within_s
    while not world.online(device):
        assert time.monotonic() < until, "the page says online, and nothing comes through"
        time.sleep(0.05)


def offered(gateway: Any, settings: Any) -> Any:
    """Return what the gateway of the settings' only place offers there."""
    (place,) = settings.portal.places
    parts = gateway.parts()
    return next((each for each in parts if each.serves(place)), parts[0]).offered(place)


def method(settings: Any, device: Device) -> str:
    """Return by which method the device's visit is recorded that goes on."""
    with contextlib.closing(sqlite3.connect(tables.url(settings).removeprefix("sqlite:///"))) as database:
        asked = "SELECT method FROM portal_session WHERE mac = ? AND ended_ms IS NULL"
        return "".join(each for (each,) in database.execute(asked, (device.mac,)))


WAYS = {
    "click_through": by_click,
    "voucher": by_voucher,
    "sms": by_sms,
    "oidc": by_account,
    "returning": by_coming_back,
}
