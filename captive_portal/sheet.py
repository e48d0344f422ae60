"""A voucher batch on paper (PDF, by Typst) and as a table (CSV). Pure: the codes come in and the octets go out.

What varies reaches Typst as JSON and is set as text: markup in a city's name or a label is printed, not obeyed; no file
and no address is read.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from captive_portal.errors import PortalError
from inventory.times import shown, zone
from netops.clock import utc
from netops.web.safe import table, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from captive_portal.vouchers import Order
    from netops.config import City

SOURCE = Path(__file__).parent / "templates" / "vouchers" / "sheet.typ"
FONTS = ("Noto Sans CJK SC", "Source Han Sans SC", "Noto Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei")
MONO = "DejaVu Sans Mono"  # comes with Typst; tells 0 from O, though no code holds an O
HOUR, DAY = 60, 24 * 60


class SheetError(PortalError):
    """The sheet cannot be made; nothing was."""

    exit_code = 2


def ready() -> None:
    """Raise SheetError where this machine cannot set Chinese; to be asked before codes are made."""
    if not _chinese():
        raise SheetError("no Chinese font for the PDF; install fonts-noto-cjk, or print the page or the table instead")


def pdf(city: City, batch: str, codes: Sequence[str], order: Order, now_ms: int) -> bytes:
    """Return the sheet of a batch; SheetError when it cannot be set."""
    ready()
    before = utc(order.start_by_ms).astimezone(zone(city.timezone)).strftime("%Y-%m-%d %H:%M")
    minutes, devices = order.allowance.seconds // 60, order.allowance.devices
    once = order.allowance.single_use
    it = {
        "city": visible(city.title),
        "batch": batch,
        "label": visible(order.label),
        "rehearsal": city.rehearsal,
        "fonts": [*_chinese(), "Libertinus Serif"],
        "mono": MONO,
        "codes": list(codes),
        "zh": {
            "title": "免费 WiFi 上网券",
            "gives": f"{_time(minutes, ('天', '小时', '分钟'))} · {devices} 台设备{' · 只能用一次' if once else ''}",
            "before": f"在登录页输入，{before} 前启用",
        },
        "en": {
            "title": "Free WiFi voucher",
            "gives": f"{_time(minutes, ('days', 'h', 'min'))} · {devices} device{'s' if devices > 1 else ''}"
            f"{' · single use' if once else ''}",
            "before": f"Enter on the login page before {before}",
        },
    }
    import typst  # noqa: PLC0415  (30 MB that only this needs)

    try:
        made = typst.compile(
            SOURCE.read_bytes(), sys_inputs={"it": json.dumps(it)}, timestamp=now_ms // 1000, pdf_tags=False
        )
    except RuntimeError as error:  # typst.TypstError
        raise SheetError(f"the sheet of batch '{batch}' cannot be set: {error}") from None
    assert isinstance(made, bytes)
    return made


def csv(city: City, codes: Sequence[str], order: Order) -> bytes:
    """Return the batch as a table; no cell is read as a formula."""
    before = shown(order.start_by_ms, zone(city.timezone))
    once = "yes" if order.allowance.single_use else "no"
    rest = (order.allowance.seconds // 60, order.allowance.devices, once, before, order.label)
    head = ("code", "minutes", "devices", "single_use", "first_use_before", "label")
    return table(head, [(code, *rest) for code in codes])


@cache
def _chinese() -> tuple[str, ...]:
    import typst  # noqa: PLC0415

    here = set(typst.Fonts().families())
    return tuple(each for each in FONTS if each in here)


def _time(minutes: int, units: tuple[str, str, str]) -> str:
    """Return a time in the largest unit that says it exactly."""
    for size, unit in zip((DAY, HOUR), units[:2], strict=True):
        if minutes % size == 0:
            number = minutes // size
            return f"{number} {unit.removesuffix('s') if number == 1 else unit}"
    return f"{minutes} {units[2]}"
