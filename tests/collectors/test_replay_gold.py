"""Recordings of real devices replay to exactly the values that an independent decoder computed from them."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from netops.model import Quality, Reason

RECORDINGS = Path(__file__).resolve().parents[2] / "../shared/data/recordings"
pytestmark = [pytest.mark.recordings, pytest.mark.timeout(180), pytest.mark.xdist_group("recordings")]


def gold(name):
    with (RECORDINGS / "gold" / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def table(result, rule):
    """Return {index: {metric: observation}} of one table of one profile."""
    found = {}
    for seen in result.decoded.observations:
        if seen.rule.startswith(rule + "."):
            found.setdefault(seen.index, {})[seen.metric] = seen
    return found


def written(seen, form="{}"):
    return "" if seen.value is None else form.format(seen.value)


def test_the_access_points_of_a_large_controller(replayed):
    rows = table(replayed("ap_full/huawei-acu2.snmprec.bz2"), "huawei_wlan_ac.ap")
    actual = {
        index: (
            row["wlan.ap.model"].value,
            row["wlan.ap.name"].value,
            row["wlan.ap.state"].value,
            bytes(map(int, row["wlan.ap.address"].value.split("."))).hex(),
            row["wlan.ap.uptime"].value,
            row["wlan.ap.memory"].value,
            row["wlan.ap.cpu"].value,
            written(row["wlan.ap.temperature"]),
            row["wlan.ap.clients"].value,
        )
        for index, row in rows.items()
    }
    expected = {
        r["ap_mac_index"]: (
            r["model"],
            r["name"],
            int(r["run_state"]),
            r["ip_hex"],
            int(r["run_time_s"]),
            int(r["mem_pct"]),
            int(r["cpu_pct"]),
            r["temp_c"],
            int(r["users"]),
        )
        for r in gold("huawei-acu2.ap.tsv")
    }

    assert len(expected) == 1890
    assert expected == actual


def test_an_access_point_is_known_by_its_mac_address(replayed):
    rows = table(replayed("ap_full/huawei-acu2.snmprec.bz2"), "huawei_wlan_ac.ap")
    subjects = {row["wlan.ap.state"].subject.id for row in rows.values()}

    assert len(subjects) == 1890
    assert all(re.fullmatch("mac:[0-9a-f]{12}", each) for each in subjects)
    assert rows["8.192.33.43.134.124"]["wlan.ap.state"].subject.id == "mac:08c0212b867c"


def test_the_radios_of_a_large_controller(replayed):
    result = replayed("ap_full/huawei-acu2.snmprec.bz2")
    rows = table(result, "huawei_wlan_ac.radio")
    columns = (
        "wlan.radio.band",
        "wlan.radio.channel",
        "wlan.radio.noise",
        "wlan.radio.utilisation",
        "wlan.radio.interference",
        "wlan.radio.clients",
        "wlan.radio.eirp",
    )
    names = (
        "band(1=2.4,2=5)",
        "channel",
        "noise_dbm(blank=invalid 0)",
        "util_pct",
        "interf_pct",
        "clients",
        "eirp_dbm",
    )
    expected = {r["radio_index"]: tuple(r[name] for name in names) for r in gold("huawei-acu2.radio.tsv")}
    actual = {index: tuple(written(row[c]) for c in columns) for index, row in rows.items() if index in expected}

    assert len(expected) == 3600
    assert expected == actual
    # Two radios stand in some columns only: they are torn, and what they say enters no verdict.
    torn = set(rows) - set(expected)
    assert torn == {"76.250.202.3.222.192.0", "76.250.202.3.222.192.1"}
    assert {g.reason for g in result.decoded.gaps if g.index in torn} == {Reason.TORN}
    assert all(seen.quality is not Quality.OK for index in torn for seen in rows[index].values())


def test_a_controllers_counts_of_clients_contradict_and_all_are_kept(replayed):
    result = replayed("ap_full/huawei-acu2.snmprec.bz2")
    counts = {o.metric: o.value for o in result.decoded.observations if o.metric.startswith("wlan.controller.")}

    assert counts["wlan.controller.aps_joined"] == 1881
    assert counts["wlan.controller.clients"] == 1149
    assert counts["wlan.controller.clients_by_ap"] == 1298
    assert counts["wlan.controller.clients_by_radio"] == 827
    assert counts["wlan.controller.clients_spread"] == max(1298, 1149, counts["wlan.controller.clients_by_vap"]) - min(
        827, counts["wlan.controller.clients_by_vap"]
    )


def test_the_optical_power_of_a_zte_olt(replayed):
    rows = table(replayed("pon/zxa10_c320v2.snmprec"), "zte_c320.onu")
    actual = {
        index: (
            row["pon.onu.olt_rx_power"].raw,
            written(row["pon.onu.olt_rx_power"]),
            str(row["pon.onu.olt_rx_power"].quality),
        )
        for index, row in rows.items()
    }
    states = {"ok": "ok", "no_signal": "sentinel"}
    expected = {
        f"{r['pon_ifindex']}.{r['onu_id']}": (int(r["raw_milli_dbm"]), r["olt_rx_dbm"], states[r["state"]])
        for r in gold("zxa10_c320v2.onu_rx.tsv")
    }

    assert len(expected) == 458
    assert expected == actual
    local = {f"zxa10_c320v2/{r['ifname'].removeprefix('gpon_')}/{r['onu_id']}" for r in gold("zxa10_c320v2.onu_rx.tsv")}
    assert local == {row["pon.onu.olt_rx_power"].subject.id for row in rows.values()}


def test_the_distances_of_an_older_zte_tree(replayed):
    result = replayed("pon/zxa10_c320.snmprec")
    rows = table(result, "zte_c320.onu_1012")
    names = {i: row["pon.port.name"].value for i, row in table(result, "zte_c320.port_1012").items()}
    actual = {
        (index, names[index.partition(".")[0]], row["pon.onu.delay"].value, row["pon.onu.distance"].value)
        for index, row in rows.items()
    }
    expected = {
        (f"{r['olt_ifindex']}.{r['onu_id']}", r["olt_name"], int(r["eqd_raw"]), int(r["distance_m"]))
        for r in gold("zxa10_c320.onu.tsv")
    }

    assert len(expected) == 125
    assert expected == actual


def test_the_ports_of_a_huawei_olt(replayed):
    result = replayed("pon/smartax.snmprec")
    rows = table(result, "huawei_smartax.port")
    names = {o.index: o.value for o in result.decoded.observations if o.metric == "interface.name"}
    actual = {
        (
            index,
            names[index],
            written(row["pon.port.temperature"], "{:.1f}"),
            written(row["pon.port.voltage"]),
            str(row["pon.port.bias"].raw),
            written(row["pon.port.tx_power"]),
            str(row["pon.port.rx_power"].raw),
            written(row["pon.port.rx_power"]),
            str(row["pon.port.onus"].value),
        )
        for index, row in rows.items()
    }
    expected = {tuple(r.values()) for r in gold("smartax.ponport.tsv")}

    assert len(expected) == 32
    assert expected == actual


def test_the_terminals_of_a_huawei_olt_by_serial_number(replayed):
    # The other decoder divides the bias current by 100; HUAWEI-XPON-MIB gives it in mA, and a laser needs some 14 mA.
    rows = table(replayed("pon/centreon_huawei-gpon.snmprec"), "huawei_smartax.ont").values()
    columns = ("name", "row", "temperature", "voltage", "tx_power", "rx_power", "bias", "olt_rx_power")
    actual = {row["pon.onu.serial"].subject.id: tuple(row[f"pon.onu.{c}"].value for c in columns) for row in rows}
    expected = {
        "sn:ANON00000001": ("xDSL ANO 1", 1, 41, 3.22, 2.13, -14.14, 19, -19.36),
        "sn:ANON00000002": ("xDSL ANO 2", 3, 31, 3.3, 2.16, -15.65, 14, -19.71),
        "sn:ANON00000003": ("DSLAM ANO 3", 1, 51, 3.34, 2.73, -14.64, 17, -18.57),
    }

    assert expected == actual


RADIO = {"rssi", "rsrp", "rsrq", "sinr", "snr"}
MODEMS = ("rutos", "fortiextender", "pepwave", "routeros", "iosxe", "teldat", "zmtel")


def modem_rows():
    """Return the gold rows of LTE modems. Absent where the recordings are absent: the test is skipped then."""
    if not (RECORDINGS / "gold").is_dir():
        return []
    rows = [r for r in gold("lte.sensors.tsv") if r["recording"].startswith(MODEMS)]
    # Teltonika's are taken whole; of the others what our profiles read: radio values by modem.
    return [
        r
        for r in rows
        if r["recording"].startswith("rutos") or (r["table"] == "wireless_sensors" and r["class"] in RADIO)
    ]


@pytest.mark.parametrize("recording", sorted({r["recording"] for r in modem_rows()}))
def test_the_radio_values_of_lte_modems(replayed, recording):
    result = replayed(f"lte/{recording}.snmprec")
    actual = {o.oid: float(o.value) for o in result.decoded.observations if o.metric.startswith("lte.") and _numeric(o)}
    expected = {
        re.sub(r'[\[\]".]*(1\.[\d.]+)[\]"]*', r"\1", row["oid"]): float(row["value"])
        for row in modem_rows()
        if row["recording"] == recording
    }
    # The table's SINR of RUT2xx is LibreNMS's own, which turns the sign: its README names it as the known error.
    # The device says 14.1.
    if recording == "rutos-2xx":
        assert expected["1.3.6.1.4.1.48690.2.22.0"] == -14.1
        expected["1.3.6.1.4.1.48690.2.22.0"] = 14.1

    assert expected == {oid: actual[oid] for oid in expected}


def _numeric(seen):
    try:
        float(seen.value)
    except (TypeError, ValueError):
        return False
    return True


def test_the_access_points_of_a_ruijie_controller(replayed):
    rows = table(replayed("ap_full/ruijie-m18000.snmprec.bz2"), "ruijie_wlan_ac.ap")
    columns = ("wlan.ap.name", "wlan.ap.clients", "wlan.ap.model", "wlan.ap.memory_size", "wlan.ap.uptime")
    actual = {
        index: (*(str(row[c].value) for c in columns), str(row["wlan.ap.link_speed"].raw))
        for index, row in rows.items()
    }
    expected = {
        r["ap_index"]: (r["name"], r["clients"], r["model"], r["mem"], r["uptime_s"], r["link_mbps"])
        for r in gold("ruijie-m18000.ap.tsv")
    }
    # The other decoder left the one name that is GB18030 in hexadecimal.
    hexadecimal = expected["88.105.108.154.185.169"]
    assert hexadecimal[0] == "575f434941445f313134a3a832a3a9"
    expected["88.105.108.154.185.169"] = ("W_CIAD_114（2）", *hexadecimal[1:])

    assert len(expected) == 3239
    assert expected == actual


def test_the_radios_of_an_aruba_controller(replayed):
    rows = table(replayed("ap/arubaos.snmprec"), "aruba_controller.radio")
    names = ("phy", "channel", "tx_power", "utilisation", "clients", "monitored_clients", "bssids")
    raws = {"monitored_clients"}  # -1 is no count: the value is none, what was sent is kept
    actual = {
        index: tuple(str(row[f"wlan.radio.{n}"].raw if n in raws else row[f"wlan.radio.{n}"].value) for n in names)
        for index, row in rows.items()
    }
    columns = ("type", "channel", "tx_dbm", "util_pct", "clients", "monitored_clients", "active_bssids")
    expected = {
        ".".join([*(str(int(octet, 16)) for octet in r["bssid"].split(":")), r["radio"]]): tuple(r[c] for c in columns)
        for r in gold("arubaos.radio.tsv")
    }

    assert len(expected) == 1380
    assert expected == actual


def test_the_terminals_of_a_ufiber_olt(replayed):
    rows = table(replayed("pon/edgeosolt.snmprec"), "ubiquiti_ufiber.onu").values()
    columns = ("name", "model", "rx_power", "tx_power", "out_octets", "in_octets")
    ticks = ("online_time", "uptime")
    actual = {
        row["pon.onu.serial"].subject.id: (
            *(written(row[f"pon.onu.{c}"]) for c in columns),
            *(str(row[f"pon.onu.{c}"].raw) for c in (*ticks, "rx_power", "tx_power", "port")),
            {1: "up", 2: "down"}[row["pon.onu.state"].value],
        )
        for row in rows
    }
    names = ("name", "model", "rx_dbm", "tx_dbm", "tx_bytes", "rx_bytes", "connected_ticks", "uptime_ticks")
    expected = {
        f"sn:{r['serial'].upper()}": (*(r[n] for n in names), r["rx_raw"], r["tx_raw"], r["olt_port"], r["state"])
        for r in gold("edgeosolt.onu.tsv")
    }

    assert len(expected) == 29
    assert expected == actual


def test_the_ports_of_a_bdcom_olt(replayed):
    rows = table(replayed("pon/bdcom.snmprec"), "bdcom_olt.gpon_port")
    names = ("pon.port.name", "pon.port.onus_active", "pon.port.onus_inactive")
    actual = {(index, *(str(row[n].value) for n in names)) for index, row in rows.items()}
    expected = {(r["ifindex"], r["ifdescr"], r["active_onu"], r["inactive_onu"]) for r in gold("bdcom.ponport.tsv")}

    assert len(expected) == 16
    assert expected == actual


KNOWN = (
    *("rutos", "smartax", "zxa10", "vrp", "centreon_huawei", "arubaos", "bdcom", "edgeosolt"),
    *("baicells", "fortigate"),
    *("cdata", "dasan", "datacom", "eltex", "fiberhome", "infinera", "inteno", "nokia", "vsolution", "zxdsl"),
    *(
        "airos",
        "aruba-instant",
        "ciscowlc",
        "cnwave",
        "epmp",
        "ewc",
        "hpmsm",
        "ligoos",
        "mimosa",
        "moxa",
        "openwrt",
        "pmp",
    ),
    *(
        "hiveos-wireless",
        "routeros",
        "ruckus",
        "tachyon",
        "unifi",
        "wis",
    ),
    *("iosxe", "fortiextender", "teldat", "zmtel", "pepwave"),
)
STRANGERS = sorted(
    str(path.relative_to(RECORDINGS))
    for folder in ("ap", "lte", "pon")
    for path in (RECORDINGS / folder).glob("*.snmprec")
    if not path.name.startswith(KNOWN)
)


@pytest.mark.parametrize("name", STRANGERS)
def test_a_device_of_no_known_family_is_generic(replayed, name):
    result = replayed(name)

    assert result.detected.family == "generic"
    assert all(o.metric.startswith(("system.", "interface.", "host.", "entity.")) for o in result.decoded.observations)
