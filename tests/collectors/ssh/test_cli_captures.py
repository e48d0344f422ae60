"""Captures of real devices that lie beside the project: our templates read what other people's parsers read."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from collectors.snmp.ask import Failure
from collectors.ssh.read_yaml import shipped
from collectors.ssh.replay import _bare
from collectors.ssh.rows import rows

CLI = Path(__file__).resolve().parents[3] / "../shared/data/recordings/cli"
pytestmark = [pytest.mark.recordings, pytest.mark.skipif(not CLI.is_dir(), reason="no recordings beside the project")]

# the read, the captures, and which of our values is which of theirs
NTC = {
    "smartax_onts": (
        "pon/huawei_smartax/display_ont_info_summary_ont/*.raw",
        {
            "ONT_ID": "ont_id",
            "STATE": "run_state",
            "LAST_UP": "last_uptime",
            "LAST_DOWN": "last_downtime",
            "LAST_CAUSE": "last_downcause",
            "SN": "serial_number",
            "MODEL": "ont_model_type",
            "DISTANCE": "distance_m",
            "RX_POWER": "rx_power_dbm",
            "TX_POWER": "tx_power_dbm",
            "DESCRIPTION": "description",
        },
    ),
    "smartax_optics": (
        "pon/huawei_smartax/display_ont_optical-info_0_all/*.raw",
        {
            "ONT_ID": "ont_id",
            "RX_POWER": "rx_power",
            "TX_POWER": "tx_power",
            "OLT_RX_POWER": "olt_rx_ont",
            "TEMPERATURE": "temperature",
            "VOLTAGE": "voltage",
            "CURRENT": "current",
            "DISTANCE": "distance",
        },
    ),
    "smartax_ont_wlan": (
        "pon/huawei_smartax/display_ont_wlan-info_0_1_2_0/*.raw",
        {"SSID_INDEX": "ssid_index", "SSID_NAME": "ssid_name", "CURRENT_ASSOCIATE_NUMBER": "current_associate_number"},
    ),
    "smartax_temperature": (
        "pon/huawei_smartax/display_temperature/*.raw",
        {"SLOT": "slotid", "TEMPERATURE": "temperature_c"},
    ),
    "aireos_aps": (
        "ap/cisco_wlc_ssh/show_ap_summary/*.raw",
        {"NAME": "ap_name", "MODEL": "ap_model", "MAC": "mac_address", "COUNTRY": "country", "CLIENTS": "clients"},
    ),
    "iosxe_aps": (
        "ap/cisco_ios/show_ap_summary/*.raw",
        {"NAME": "ap_name", "MAC": "mac_address", "RADIO_MAC": "radio_mac", "ADDRESS": "ip_address", "STATE": "state"},
    ),
    "aruba_bss": (
        "ap/aruba_os/show_ap_bss-table_details/*.raw",
        {"BSSID": "bss", "SSID": "ess", "ADDRESS": "ip_address", "CLIENTS": "cur_cl", "AP_NAME": "ap_name"},
    ),
    "aruba_radios": (
        "ap/aruba_os/show_ap_radio-database/*.raw",
        {
            "NAME": "ap_name",
            "MODEL": "ap_model",
            "ADDRESS": "ip_address",
            "STATE": "status",
            "RADIO_0": "radio0",
            "RADIO_1": "radio1",
            "RADIO_2": "radio2",
        },
    ),
    "smartax_ont_info": (
        "pon/huawei_smartax/display_ont_info_0/*.raw",
        {
            "ONT_ID": "ont_id",
            "SN": "serial_number",
            "STATE": "run_state",
            "CONFIG": "config_state",
            "DESCRIPTION": "description",
        },
    ),
    "vrp_version": (
        "ap/huawei_vrp/display_version/*.raw",
        {"MODEL": "model", "PRODUCT_VERSION": "product_version", "UPTIME": "uptime"},
    ),
    "mikrotik_system": (
        "ap/mikrotik_routeros/system_resource_print/*.raw",
        {"UPTIME": "uptime", "VERSION": "version", "CPU_LOAD": "cpu_load", "BOARD_NAME": "board_name"},
    ),
}
GENIE = {
    "iosxe_aps": (
        "ap/cisco_iosxe_9800/ShowApSummary/*_output.txt",
        {
            "MODEL": "ap_model",
            "MAC": "ethernet_mac",
            "RADIO_MAC": "radio_mac",
            "ADDRESS": "ap_ip_address",
            "STATE": "state",
            "LOCATION": "location",
            "COUNTRY": "country",
            "SLOTS": "slots_count",
        },
    ),
    "iosxe_radios_5": (
        "ap/cisco_iosxe_9800/ShowApDot115GhzSummary/*_output.txt",
        {"MAC": "mac_address", "SLOT": "slot", "ADMIN": "admin_state", "STATE": "oper_state", "WIDTH": "width"},
    ),
}


def cases(table):
    return [
        pytest.param(name, path, names, id=f"{name}-{path.stem}")
        for name, (pattern, names) in table.items()
        for path in sorted(CLI.glob(pattern))
    ]


def read_rows(name, path):
    read = shipped()[name]
    found = rows(read, _bare(read, path.read_bytes()))
    assert not isinstance(found, Failure), found
    return found


def shown(row):
    """A row with the words that ntc-templates keeps together."""
    radios = {}
    for n in "012":
        band, channel, eirp = (row.get(f"R{n}_{word}", "") for word in ("BAND", "CHANNEL", "EIRP"))
        radios[f"RADIO_{n}"] = f"{row.get(f'R{n}')}:{band}/{channel}/{eirp}" if band not in {"", "N/A"} else ""
    return {**row, **radios}


def plain(value):
    return "" if value in {"-", None} else " ".join(str(value).split())


@pytest.mark.parametrize(("name", "path", "names"), cases(NTC))
def test_we_read_what_ntc_templates_reads(name, path, names):
    """A dash is their empty text."""
    theirs = yaml.safe_load(path.with_suffix(".yml").read_text(encoding="utf-8"))["parsed_sample"]

    ours = [{their: plain(shown(row).get(our, "")) for our, their in names.items()} for row in read_rows(name, path)]
    assert ours == [{their: together(plain(each.get(their))) for their in names.values()} for each in theirs]


def together(theirs):
    """Their radio `AP:5GHz/132+/HE/20.0` and status `Up 35d:23h`, in our words; anything else as it is."""
    found = re.fullmatch(r"(\w+):([\d.]+GHz)/(\d+)\S*?/\w+/([\d.]+)", theirs)
    if found:
        return f"{found[1]}:{found[2]}/{found[3]}/{found[4]}"
    return "" if theirs == "N/A" else re.sub(r"^(Up|Down) .*", r"\1", theirs)


@pytest.mark.parametrize(("name", "path", "names"), cases(GENIE))
def test_we_read_what_genieparser_reads(name, path, names):
    source = path.with_name(path.name.replace("_output.txt", "_expected.py")).read_text(encoding="utf-8")
    theirs = ast.literal_eval(re.sub(r"^\s*expected_output\s*=\s*", "", source)).get("ap_name", {})

    ours = {
        row["NAME"]: {their: plain(row.get(our, "")) for our, their in names.items()} for row in read_rows(name, path)
    }
    assert ours == {ap: {their: plain(each[their]) for their in names.values()} for ap, each in theirs.items()}


def test_the_location_of_an_old_controller_is_not_its_port():
    """ntc-templates (d0bc5a48) reads the location `default location` as `default`, and `location  LAG` as the port."""
    path = CLI / "ap/cisco_wlc_ssh/show_ap_summary/cisco_wlc_ssh_show_ap_summary_2500.raw"

    assert [(row["LOCATION"], row["PORT"]) for row in read_rows("aireos_aps", path)] == [
        ("default location", "LAG")
    ] * 2
