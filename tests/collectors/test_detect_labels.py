"""Every device of `detect.tsv`, known by sysObjectID and sysDescr alone: our families for their labels, generic else.

What a device answers decides before what it says of itself; here it answers nothing, so this is the harder half: no
printer, switch or power strip of 400 other makes may be taken for a family of ours. Labels with which our families
are known only by their answers (`ALSO_GENERIC`) are generic here, and said so.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from collectors.detect import GENERIC, detect
from collectors.profile_yaml import shipped
from collectors.snmp.varbind import OBJECT_IDENTIFIER, OCTET_STRING, Varbind

RECORDINGS = Path(__file__).resolve().parents[2] / "../shared/data/recordings"
pytestmark = [pytest.mark.recordings, pytest.mark.timeout(120)]

# labels of the table -> how our families for them begin
OURS = {
    "airos": ("ubiquiti_",),
    "airos-af": ("ubiquiti_airfiber",),
    "airos-af-ltu": ("ubiquiti_ltu",),
    "airos-af60": ("ubiquiti_af60",),
    "allied-tq": ("allied_",),
    "altalabs-ap": ("alta",),
    "arubaos": ("aruba_",),
    "baicells-od04": ("baicells_cpe",),
    "bdcom": ("bdcom_olt",),
    "cdata": ("nscrtv_olt",),
    "ciscowap": ("cisco_",),
    "ciscowlc": ("cisco_",),
    "cnpilote": ("cambium_",),
    "cnpilotr": ("cambium_",),
    "cnwave60": ("cambium_",),
    "comware": ("h3c_",),
    "deliberant": ("deliberant",),
    "dlinkap": ("ieee80211",),
    "edgeosolt": ("ubiquiti_ufiber",),
    "engenius": ("engenius",),
    "epmp": ("cambium_",),
    "ewc": ("extreme_",),
    "fortios": ("fortinet_",),
    "freshtomato": ("openwrt",),
    "hiveos-network": ("aerohive", "extreme_"),
    "inteno": ("inteno_xg6846",),
    "lcos": ("lancom",),
    "ligoos": ("ligo",),
    "moxa-awk": ("moxa_",),
    "nokia-isam": ("nokia_isam",),
    "pepwave": ("pepwave",),
    "pmp": ("cambium_",),
    "ptp500": ("cambium_ptp500",),
    "ptp670": ("cambium_ptp",),
    "radwin": ("radwin",),
    "raisecom": ("raisecom_epon",),
    "routeros": ("mikrotik_",),
    "ruckuswireless-sz": ("ruckus_",),
    "ruckuswireless-unleashed": ("ruckus_",),
    "ruijie": ("ruijie_",),
    "rutos": ("teltonika",),
    "rutos-rutm": ("teltonika",),
    "siklu": ("siklu",),
    "slms": ("zhone_mxk",),
    "smartax": ("huawei_smartax",),
    "symbol": ("extreme_wing",),
    "tachyon": ("tachyon",),
    "teldat": ("teldat_router",),
    "tomato": ("openwrt",),
    "unifi": ("ubiquiti_", "unifi"),
    "vrp": ("huawei_",),
    "vsolution": ("vsol_olt",),
    "zxa10": ("zte_c320",),
    "zyxelnwa": ("zyxel_wlan",),
}
# Labels of makers whom we know, deliberately generic: another product line, or one without a table that we can read.
NOT_OURS = {
    "calix": "Calix's legacy DSL line (E5): no PON",
    "ciscosb": "Cisco's small switches",
    "coriant": "Infinera's transport manager: the enterprise number of the 7090, another product",
    "edfa": "optical amplifiers under the number of China's broadcast standard",
    "eltex-mes24xx": "Eltex's switches",
    "fiberhome-switch": "FiberHome's switches, under another number",
    "infinera-groove": "Infinera's transport line",
    "iosxr": "Cisco's core routers: no radio, no cellular module",
    "merakimr": "Meraki tells its access points to its own cloud only",
}
# Known by their answers alone: what they say of themselves is Linux's, net-snmp's, or the whole maker's.
ALSO_GENERIC = set(OURS) - {
    *(
        "baicells-od04",
        "bdcom",
        "deliberant",
        "lcos",
        "nokia-isam",
        "pepwave",
        "ptp500",
        "ptp670",
        "radwin",
        "rutos",
        "rutos-rutm",
        "siklu",
    ),
    *("smartax", "symbol", "vsolution", "zxa10"),
}


def rows():
    with (RECORDINGS / "detect.tsv").open(encoding="utf-8", errors="replace", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def family_of(row):
    """Return what a device that says this, and answers nothing else, is taken for."""
    said = [Varbind((1, 3, 6, 1, 2, 1, 1, 1, 0), OCTET_STRING, row["sysDescr"].encode())]
    oid = re.search(r"\d+(\.\d+)+", row["sysObjectID"])
    said.append(Varbind((1, 3, 6, 1, 2, 1, 1, 2, 0), OBJECT_IDENTIFIER, oid[0] if oid else "0.0"))
    return detect(shipped(), SimpleNamespace(gets=said, walks=())).family


def test_a_device_is_of_our_family_for_its_label_or_generic():
    wrong, met = [], defaultdict(set)
    listed = rows()
    for row in listed:
        label, family = row["os"], family_of(row)
        met[label].add(family)
        if family == GENERIC:
            continue
        ours = OURS.get(label, ())
        if not all(each.startswith(ours) for each in family.split("+")) or not ours:
            wrong.append((row["recording"], label, row["sysObjectID"], family))

    assert len(listed) == 1112
    assert wrong == []
    always = {label for label in OURS if label in met and met[label] == {GENERIC}}
    assert always <= ALSO_GENERIC, "these must be known by what they say of themselves"
    assert all(met[label] == {GENERIC} for label in NOT_OURS if label in met)


def test_what_is_ours_and_what_is_not_stands_in_the_table():
    labels = {row["os"] for row in rows()}

    assert set(NOT_OURS) <= labels
    assert not set(NOT_OURS) & set(OURS)
    assert len(set(OURS) & labels) > 30
