"""A CPE with every parameter of the Broadband Forum's data models. SYNTHETIC: values are drawn by their syntax.

What must come of it is written down here anew, from the data models' own words; no code of the decoder is used.
"""

from __future__ import annotations

import random
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from collectors.simulator.cpe import Cpe, small_cell

pytestmark = pytest.mark.recordings
BBF = Path(__file__).resolve().parents[3] / "../shared/data/recordings/bbf"
FILES = (
    "tr-196-2-1-2-cwmp-full.xml",
    "tr-181-2-19-0-xpon.xml",
    "tr-181-2-19-0-optical.xml",
    "tr-181-2-19-0-cellular.xml",
)
RAN = "Device.Services.FAPService.1.CellConfig.LTE.RAN."
CELL = "Device.Services.FAPService.1.FAPControl.LTE."
TRANSCEIVER = "Device.XPON.ONU.1.ANI.1.Transceiver.1."
MODEM = "Device.Cellular.Interface.1."
HEARD = "Device.Services.FAPService.1.REM.LTE.Cell."

# parameter → subject, metric, what its number becomes, and the bounds beyond which it is no value (collection.md)
EXPECTED = {
    f"{CELL}OpState": ("cell:sn:SN1", "lte.cell.oper", int, (0, 1)),
    f"{CELL}RFTxStatus": ("cell:sn:SN1", "lte.cell.rf", int, (0, 1)),
    f"{CELL}AdminState": ("cell:sn:SN1", "lte.cell.admin", int, (0, 1)),
    f"{RAN}RRC.Stats.AttConnEstab": (
        "cell:sn:SN1",
        "lte.cell.rrc_attempts",
        lambda v: int(v.rpartition("sum=")[2]),
        (0, None),
    ),
    f"{RAN}RRC.Stats.SuccConnEstab": (
        "cell:sn:SN1",
        "lte.cell.rrc_successes",
        lambda v: int(v.rpartition("sum=")[2]),
        (0, None),
    ),
    f"{RAN}ERAB.Stats.EstabAttNbr": (
        "cell:sn:SN1",
        "lte.cell.erab_attempts",
        lambda v: int(v.rpartition("sum=")[2]),
        (0, None),
    ),
    f"{RAN}ERAB.Stats.EstabSuccNbr": (
        "cell:sn:SN1",
        "lte.cell.erab_successes",
        lambda v: int(v.rpartition("sum=")[2]),
        (0, None),
    ),
    f"{RAN}RRU.Stats.PrbTotDl": ("cell:sn:SN1", "lte.cell.prb_dl", int, (0, 100)),
    f"{RAN}RRU.Stats.PrbTotUl": ("cell:sn:SN1", "lte.cell.prb_ul", int, (0, 100)),
    f"{RAN}RF.PhyCellID": ("cell:sn:SN1", "lte.cell.pci", int, (0, 503)),
    f"{RAN}RF.EARFCNDL": ("cell:sn:SN1", "lte.cell.earfcn", int, (0, 262_143)),
    f"{TRANSCEIVER}RxPower": ("onu:sn:HWTC01234567", "pon.onu.rx_power", lambda v: int(v) / 10, (-40, 5)),
    f"{TRANSCEIVER}TxPower": ("onu:sn:HWTC01234567", "pon.onu.tx_power", lambda v: int(v) / 10, (-10, 10)),
    f"{TRANSCEIVER}Voltage": ("onu:sn:HWTC01234567", "pon.onu.voltage", lambda v: int(v) / 1000, (0, 6)),
    f"{TRANSCEIVER}Bias": ("onu:sn:HWTC01234567", "pon.onu.bias", lambda v: int(v) / 1000, (0, 200)),
    f"{TRANSCEIVER}Temperature": ("onu:sn:HWTC01234567", "pon.onu.temperature", int, (-40, 125)),
    f"{MODEM}RSSI": ("modem:cell-1/1", "lte.rssi", int, (-130, -10)),
    f"{MODEM}RSRP": ("modem:cell-1/1", "lte.rsrp", int, (-140, -44)),
    f"{MODEM}RSRQ": ("modem:cell-1/1", "lte.rsrq", int, (-24, 0)),
}


def drawn(parameter, chance):
    """A value by the syntax of a parameter."""
    syntax = parameter.find("syntax")
    kinds = {each.tag: each for each in syntax} if syntax is not None else {}
    if "boolean" in kinds:
        return chance.choice(["0", "1", "true", "false"])
    for kind in ("unsignedInt", "int"):
        if kind in kinds:
            ranges = list(kinds[kind].iter("range"))
            low = int((ranges[0].get("minInclusive") if ranges else None) or (0 if kind == "unsignedInt" else -120))
            high = int((ranges[-1].get("maxInclusive") if ranges else None) or max(low, 400))
            return str(chance.randint(low, max(low, min(high, 1 << 31))))
    if "string" in kinds:
        words = [each.get("value") for each in kinds["string"].iter("enumeration")]
        return chance.choice(words) if words else "x & y"
    return str(chance.randrange(1000))


def tree(seed):
    """Every parameter of the data models, one instance of each object and two of what a cell hears."""
    chance, found = random.Random(seed), {}
    for file in FILES:
        for item in ET.parse(BBF / file).iter("object"):
            holder = item.get("name") or item.get("base") or ""
            holder = f"Device.Services.{holder}" if file.startswith("tr-196") else holder
            for parameter in item.iter("parameter"):
                name = holder + (parameter.get("name") or parameter.get("base") or "")
                if name.endswith(".") or not holder:
                    continue
                heard = ".REM.LTE.Cell.{i}." in name
                for number in (1, 2) if heard else (1,):
                    first = name.replace("{i}", "1", 1).replace("{i}", str(number), 1).replace("{i}", "1")
                    found[first] = drawn(parameter, chance)
    for name in found:
        if re.search(r"\.Stats\.(Att|Fail|Succ|Estab|RelEnb)", name):
            found[name] = f"a={chance.randrange(99)},sum={chance.randrange(10**6)}"
        if name.endswith((".RF.PhyCellID", ".RF.EARFCNDL")) and ".REM." not in name:
            found[name] = str(chance.randint(0, 503))
    found["Device.XPON.ONU.1.ANI.1.TC.ONUActivation.SerialNumber"] = "HWTC01234567"
    found["Device.Cellular.Interface.1.USIM.IMSI"] = "460001234567890"
    found |= {name: value for name, value in small_cell("SN1").items() if ".FAPService." not in name}
    return found


@pytest.mark.parametrize("seed", range(3))
def test_a_cpe_of_the_whole_data_model_is_read_to_the_values_of_its_parameters(house, seed):
    if not BBF.is_dir():
        pytest.skip("no data models beside the project")
    home = house({"cell-1": "SN1"})
    values = tree(seed)
    cpe = Cpe(home.port, "SN1", values)

    assert len(values) > 1400
    assert cpe.session(["1 BOOT"]), (cpe.statuses, home.service.figures())
    assert len(cpe.asked) < 60
    (made,) = home.polls(1)
    rows = {str(row.subject): row for row in made.rows}
    for name, (subject, metric, number, (low, high)) in EXPECTED.items():
        written = {"true": "1", "false": "0"}.get(values[name], values[name])
        value = number(written)
        sound = (low is None or value >= low) and (high is None or value <= high) and (metric, written) not in {
            ("pon.onu.temperature", "-274"), ("lte.rssi", "-117")
        }  # fmt: skip
        assert rows[subject].values[metric] == (value if sound else None), name
        assert (metric in rows[subject].codes) == (not sound), name
    for at in (1, 2):
        rf = f"{HEARD}{at}.RF."
        row = rows[f"heard_cell:cell-1/1/{values[f'{rf}EUTRACarrierARFCN']}/{values[f'{rf}PhyCellID']}"]
        assert row.values["lte.rem.rsrp"] == int(values[f"{rf}RSRP"])
        assert row.values["lte.rem.rsrq"] == int(values[f"{rf}RSRQ"]) / 10
    assert b"460001234567890" not in made.raw
    assert {row.subject.kind for row in made.rows} <= {"device", "cell", "heard_cell", "onu", "modem", "optics"}
