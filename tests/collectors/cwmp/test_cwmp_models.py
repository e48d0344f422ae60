"""The models: a closed vocabulary, names that stand in the data models, and what parameters come to."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from collectors.convert import UnreadableError, sum_item
from collectors.cwmp.decode import Heard, decode, rows_in
from collectors.cwmp.model_yaml import ModelError, parse, shipped
from collectors.simulator.cpe import ont, small_cell
from collectors.snmp.ask import Failure
from netops.model import Quality, Reason

BBF = Path(__file__).resolve().parents[3] / "../shared/data/recordings/bbf"
CELL = "Device.Services.FAPService.1."
GOOD = """\
model: maker_cell
title: {zh: 小基站, en: Cell}
tables:
  cell:
    kind: cell
    object: .Services.FAPService.{cell}.
    identity: [serial]
    columns:
      lte.cell.pci: {parameter: CellConfig.LTE.RAN.RF.PhyCellID}
"""


def decoded(values, *, serial="SN1", asked=None, **words):
    heard = Heard(
        root="Device", serial=serial, values=values, asked=frozenset(values if asked is None else asked), **words
    )
    found = decode(shipped().values(), heard, device="cell-1", at_ms=7)
    return {(str(o.subject), o.metric): o for o in found.observations}, {
        (str(g.subject), g.metric): g for g in found.gaps
    }


# ---- the vocabulary


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "lte.cell.pci:",
            "lte.cell.pcj:",
            "x.yaml:9: 'lte.cell.pcj' is no metric of the catalogue; did you mean 'lte.cell.pci'?",
        ),
        ("parameter:", "oid:", "x.yaml:9: unknown key 'oid'"),
        ("{cell}.", "{cell}", "x.yaml:6: '.Services.FAPService.{cell}' is no object"),
        (".Services.", "Services.", "x.yaml:6:"),
        ("[serial]", "[serail]", "x.yaml:7: 'serail' is not a column"),
        ("CellConfig.LTE", '".X.{other}.LTE', "x.yaml:"),
        ("    identity: [serial]\n", "", "'identity' is missing"),
        ("CellConfig.LTE.RAN.RF.PhyCellID", '"CellConfig.{a}.PhyCellID"', "has an instance number"),
        ("kind: cell", "kind: Cell", "x.yaml:5:"),
        ("model: maker_cell", "modell: maker_cell", "did you mean 'model'?"),
    ],
)
def test_a_mistake_is_told_with_its_line(old, new, said):
    with pytest.raises(ModelError) as error:
        parse(GOOD.replace(old, new), "x.yaml")

    assert said in str(error.value)


def test_a_model_has_a_digest_of_all_that_it_says():
    assert parse(GOOD, "x").digest != parse(GOOD.replace("RF.PhyCellID", "RF.EARFCNDL"), "x").digest
    assert parse(GOOD, "x").digest == parse("# a remark\n" + GOOD, "y").digest


def _names(file):
    """The full parameter names of a data model, with {i} for every instance number."""
    found = set()
    for item in ET.parse(BBF / file).iter("object"):
        holder = item.get("name") or item.get("base") or ""
        if file.startswith("tr-196"):
            holder = f"Device.Services.{holder}"
        found |= {holder + (p.get("name") or p.get("base") or "") for p in item.iter("parameter")}
    return found


@pytest.mark.recordings
@pytest.mark.parametrize(
    ("model", "files"),
    [
        ("tr196_lte", ["tr-196-2-1-2-cwmp-full.xml"]),
        ("tr181_pon", ["tr-181-2-19-0-xpon.xml", "tr-181-2-19-0-optical.xml"]),
        ("tr181_cellular", ["tr-181-2-19-0-cellular.xml"]),
    ],
)
def test_every_parameter_that_is_read_stands_in_the_data_model(model, files):
    if not BBF.is_dir():
        pytest.skip("no data models beside the project")
    known = set().union(*(_names(file) for file in files))
    read = {
        re.sub(r"\{\w+\}", "{i}", ".".join(["Device", *leaf.path.segments]))
        for table in shipped()[model].tables
        for leaf in table.every
    }

    older = {"Device.Optical.Interface.{i}.Upstream"}  # of 2.4; the file beside us tells what 2.19 changed
    assert {each for each in read - known - older if ".DeviceInfo." not in each} == set()


# ---- what parameters come to


def test_a_small_cell_and_what_it_hears():
    seen, gaps = decoded(small_cell("SN1"))

    assert gaps == {}
    assert seen["cell:sn:SN1", "lte.cell.oper"].value == 1
    assert seen["cell:sn:SN1", "lte.cell.rrc_attempts"].value == 44
    assert seen["cell:sn:SN1", "lte.cell.rrc_attempts"].raw == "mo-Data=40,mt-Access=4,sum=44"
    assert seen["cell:sn:SN1", "lte.cell.rrc_attempts"].oid == f"{CELL}CellConfig.LTE.RAN.RRC.Stats.AttConnEstab"
    assert seen["heard_cell:cell-1/1/39650/102", "lte.rem.rsrq"].value == -10.5
    assert seen["device:cell-1", "system.memory.size"].value == 512 * 1024 * 1024
    assert re.fullmatch(r"tr196_lte\.cell\.lte\.cell\.pci@[0-9a-f]{8}", seen["cell:sn:SN1", "lte.cell.pci"].rule)


@pytest.mark.parametrize(
    ("name", "written", "metric", "quality", "value"),
    [
        ("FAPControl.LTE.OpState", "true", "lte.cell.oper", Quality.OK, 1),
        ("FAPControl.LTE.OpState", "FALSE", "lte.cell.oper", Quality.OK, 0),
        ("FAPControl.LTE.OpState", " 0 ", "lte.cell.oper", Quality.OK, 0),
        ("FAPControl.LTE.AdminState", "false", "lte.cell.admin", Quality.OK, 0),
        ("CellConfig.LTE.RAN.RF.PhyCellID", "504", "lte.cell.pci", Quality.OUT_OF_RANGE, None),
        ("CellConfig.LTE.RAN.RRU.Stats.PrbTotDl", "101", "lte.cell.prb_dl", Quality.OUT_OF_RANGE, None),
        ("CellConfig.LTE.RAN.RRC.Stats.AttConnEstab", "44", "lte.cell.rrc_attempts", Quality.OK, 44),
    ],
)
def test_a_value_and_how_far_it_may_be_believed(name, written, metric, quality, value):
    seen, _ = decoded(small_cell("SN1") | {f"{CELL}{name}": written})

    assert (seen["cell:sn:SN1", metric].quality, seen["cell:sn:SN1", metric].value) == (quality, value)


@pytest.mark.parametrize(
    ("name", "written", "metric"),
    [
        ("FAPControl.LTE.OpState", "maybe", "lte.cell.oper"),
        ("FAPControl.LTE.OpState", "", "lte.cell.oper"),
        ("CellConfig.LTE.RAN.RF.PhyCellID", "17,10..20", "lte.cell.pci"),
        ("CellConfig.LTE.RAN.RF.EARFCNDL", "39650,39750", "lte.cell.earfcn"),
        ("CellConfig.LTE.RAN.RRC.Stats.AttConnEstab", "mo-Data=40", "lte.cell.rrc_attempts"),
        ("CellConfig.LTE.RAN.RRC.Stats.AttConnEstab", "sum=1,sum=2", "lte.cell.rrc_attempts"),
    ],
)
def test_what_cannot_mean_one_thing_is_a_gap(name, written, metric):
    seen, gaps = decoded(small_cell("SN1") | {f"{CELL}{name}": written})

    assert ("cell:sn:SN1", metric) not in seen
    assert gaps["cell:sn:SN1", metric].reason is Reason.UNREADABLE


def test_a_needed_value_that_did_not_come_tears_the_row():
    values = small_cell("SN1")
    asked = list(values)
    del values[f"{CELL}FAPControl.LTE.OpState"]
    seen, gaps = decoded(values, asked=asked)

    assert gaps["cell:sn:SN1", "lte.cell.oper"].reason is Reason.TORN
    assert seen["cell:sn:SN1", "lte.cell.pci"].quality is Quality.TORN
    assert seen["device:cell-1", "host.uptime"].quality is Quality.OK


def test_what_was_not_due_is_no_gap_and_what_is_absent_is_one_of_the_device():
    values = {f"{CELL}FAPControl.LTE.{name}": "1" for name in ("OpState", "RFTxStatus", "AdminState")}
    seen, gaps = decoded(values, absent=frozenset({("cell", "lte.cell.prb_dl")}))

    assert set(seen) == {("cell:sn:SN1", f"lte.cell.{name}") for name in ("oper", "rf", "admin")}
    assert [(where, g.reason) for where, g in gaps.items()] == [
        (("device:cell-1", "lte.cell.prb_dl"), Reason.NO_SUCH_OBJECT)
    ]


def test_what_was_refused_is_a_gap_with_its_reason():
    name = f"{CELL}CellConfig.LTE.RAN.RRU.Stats.PrbTotDl"
    values = small_cell("SN1")
    del values[name]
    _, gaps = decoded(values, failed={name: Failure(Reason.ERROR_STATUS, "9001")}, asked=[*values, name])

    assert gaps["cell:sn:SN1", "lte.cell.prb_dl"].reason is Reason.ERROR_STATUS


def test_two_carriers_of_one_cell_are_told_apart():
    values = small_cell("SN1")
    values |= {name.replace(".FAPService.1.", ".FAPService.2."): value for name, value in values.items()}
    seen, _ = decoded(values)

    assert {where for where, metric in seen if metric == "lte.cell.oper"} == {"cell:sn:SN1~1", "cell:sn:SN1~2"}


def test_an_ont_is_known_by_the_serial_number_that_its_olt_knows_too():
    seen, _ = decoded(ont("HWTC01234567"), serial="HWTC01234567")

    assert seen["onu:sn:HWTC01234567", "pon.onu.rx_power"].value == -21.3
    assert seen["onu:sn:HWTC01234567", "pon.onu.state"].value == 1
    assert seen["onu:sn:HWTC01234567", "pon.onu.temperature"].quality is Quality.SENTINEL
    assert seen["onu:sn:HWTC01234567", "pon.onu.bias"].value == 12.5


def test_an_ont_without_a_serial_number_is_nobody():
    values = ont("HWTC01234567")
    values["Device.XPON.ONU.1.ANI.1.TC.ONUActivation.SerialNumber"] = ""
    seen, gaps = decoded(values)

    assert not [where for where, _ in seen if where.startswith("onu:")]
    assert gaps["device:cell-1", "pon.onu.state"].reason is Reason.UNREADABLE


def test_only_the_optical_interface_towards_the_network_counts():
    place = "Device.Optical.Interface."
    values = {
        f"{place}1.Upstream": "true",
        f"{place}1.OpticalSignalLevel": "-21300",
        f"{place}1.TransmitOpticalLevel": "2400",
    }
    values |= {
        f"{place}2.Upstream": "false",
        f"{place}2.OpticalSignalLevel": "-3000",
        f"{place}2.TransmitOpticalLevel": "-65536",
    }
    seen, gaps = decoded(values)

    assert {where: o.value for where, o in seen.items()} == {
        ("optics:cell-1/1", "optics.rx_power"): -21.3,
        ("optics:cell-1/1", "optics.tx_power"): 2.4,
    }
    assert gaps == {}


def test_a_modem_without_signal_has_no_value():
    place = "Device.Cellular.Interface.1."
    values = {f"{place}RSSI": "-117", f"{place}RSRP": "2147483647", f"{place}RSRQ": "-11"}
    seen, _ = decoded(values)

    assert {m: o.quality for (_, m), o in seen.items()} == {
        "lte.rssi": Quality.SENTINEL,
        "lte.rsrp": Quality.SENTINEL,
        "lte.rsrq": Quality.OK,
    }


def test_who_hears_more_cells_than_there_are_makes_them_up():
    seen, gaps = decoded(small_cell("SN1", heard=300))

    assert not [where for where, _ in seen if where.startswith("heard_cell")]
    assert gaps["device:cell-1", "lte.rem.pci"].reason is Reason.PROTOCOL_FAULT


def test_the_older_root_is_read_too():
    values = {"InternetGatewayDevice.DeviceInfo.UpTime": "5"}
    found = decode(
        shipped().values(), Heard(root="InternetGatewayDevice", serial="1", values=values), device="d", at_ms=1
    )

    assert [(o.metric, o.value) for o in found.observations] == [("host.uptime", 5)]


def test_instances_are_ordered_by_their_numbers():
    table = shipped()["tr196_lte"].tables[0]
    names = [f"Device.Services.FAPService.{n}.FAPControl.LTE.OpState" for n in (10, 2, 1)]

    assert rows_in(table, "Device", names) == [{"cell": "1"}, {"cell": "2"}, {"cell": "10"}]


@pytest.mark.parametrize(("written", "expected"), [(b"a=1,sum=3", 3), (b"SUM= 4", 4), (b"7", 7), (9, 9)])
def test_the_total_of_a_list(written, expected):
    assert sum_item(written, "1") == expected


@pytest.mark.parametrize("written", [b"a=1", b"sum=x", b"sum=1,sum=1", b"sum", None])
def test_a_list_without_one_total_has_none(written):
    with pytest.raises(UnreadableError):
        sum_item(written, "1")
