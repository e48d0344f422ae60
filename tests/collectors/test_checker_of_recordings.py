"""A second pair of eyes over every recording: what the decoder made of it, judged without any of the decoder's code.

Bounds are written down here from the design, not taken from the catalogue; recordings are read by ten lines of our own;
values are computed again from the profile's YAML by other means. Every recording beside the project is replayed, the
complete walks of controllers in the slow lane.
"""

from __future__ import annotations

import bz2
import math
import re
from collections import Counter, defaultdict
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
import yaml

from collectors.profile_yaml import SHIPPED, shipped
from collectors.replay import replay

RECORDINGS = Path(__file__).resolve().parents[2] / "../shared/data/recordings"
pytestmark = [pytest.mark.recordings, pytest.mark.timeout(600)]

# design, collection.md section 2: bounds after decoding; the rest is physics or the meaning of the word
BOUNDS = (
    (r"pon\.onu\.(rx|olt_rx)_power|pon\.port\.rx_power", -40, 5),
    (r"pon\.port\.tx_power", 0, 10),
    (r"pon\.onu\.tx_power", -40, 15),
    (r"optics\.[rt]x_power", -45, 15),
    (r".*(client|station|sta)\.(rssi|signal)", -110, -10),
    (r"wlan\..*\.noise", -128, -50),
    (r".*\.(utilisation|interference)|(system|host|wlan\.ap)\.(cpu|memory)|lte\.cell\.(prb_.*|.*_rate)", 0, 100),
    (r"lte\.rsrp(_second)?", -140, -44),
    (r"lte\.rsrq", -24, 0),
    (r"lte\.(sinr|cinr|cinr_second)", -20, 40),
    (r".*temperature", -40, 125),
    (r".*\.(clients|ues|onus|onus_active|onus_inactive|aps_joined)(_.*)?", 0, 1_000_000),
    (r"(pon|optics)\..*voltage", 0, 6),
    (r"(pon|optics)\..*bias", 0, 200),
    (r"pon\.onu\.distance", 0, 60_000),
    (r".*(octets(32)?|errors|discards|drops)", 0, 2**64 - 1),
    (r".*(uptime|online_time|connection_time)", 0, 10_000 * 86_400),
    (r"lte\.(cell\.)?pci", 0, 503),
    (r"wlan\.(radio|vap)\.channel", 1, 233),
    (r"wlan\.radio\.frequency", 2_000, 71_000),  # MHz: from 2.4 GHz to the 60 GHz band of 802.11ad
    (r"wlan\.(radio|vap)\.tx_power", -10, 40),
    (r"wlan\.link\.signal", -110, -10),
    (r"wlan\.link\.snr", -10, 100),
)
UNITS = (
    (r".*(rx|tx)_power", "dBm"),
    (r"lte\.(rssi|rsrp|rsrp_second)", "dBm"),
    (r"wlan\.radio\.noise", "dBm"),
    (r"lte\.(rsrq|sinr|cinr|cinr_second)", "dB"),
    (r".*temperature", "Cel"),
    (r".*voltage", "V"),
    (r".*bias", "mA"),
    (r".*\.(utilisation|cpu|memory)", "%"),
    (r".*octets(32)?", "By"),
    (r".*(uptime|online_time|connection_time)", "s"),
    (r"pon\.onu\.distance", "m"),
)
SHARE = 0.6  # of a recording's numbers at least this much is computed again; the rest takes another reader
REASONS = {"no_such_object", "no_such_instance", "torn", "unreadable_value", "error_status", "no_answer"}
SERIAL, MAC = r"sn:[A-Z0-9]{4}[0-9A-F]{8}", r"mac:[0-9a-f]{12}"
TWICE = r"(~[\d.]+)?"
PLACE = r"[\d./]+"  # a place in the device: numbers only, never a name
IDENTITY = {
    "onu": rf"({SERIAL}|{MAC}|DEVICE/{PLACE}){TWICE}",
    "ap": rf"({MAC}|sn:[^/]+|DEVICE/.+){TWICE}",
    "radio": rf"({MAC}(/.+)?|sn:[^/]+/.+|DEVICE/.+){TWICE}",  # its own address, its access point's, or a place
    "vap": rf"({MAC}(/.+)?|DEVICE/.+){TWICE}",
    "ssid": rf"DEVICE/.+{TWICE}",
    "link": rf"({MAC}|DEVICE/.+){TWICE}",
    "entity": rf"(sn:.+|DEVICE/.+){TWICE}",
    "modem": rf"DEVICE/{PLACE}{TWICE}",
    "optics": rf"DEVICE/{PLACE}{TWICE}",
    "card": rf"DEVICE/{PLACE}{TWICE}",
    "board": rf"DEVICE/{PLACE}{TWICE}",
    "device": r"DEVICE",
}


def lines(path):
    """Yield (OID, tag, text) of a recording, our own way."""
    with bz2.open(path, "rt", encoding="latin-1") if path.suffix == ".bz2" else path.open(encoding="latin-1") as stream:
        for line in stream:
            oid, _, rest = line.rstrip("\n").lstrip(".").partition("|")
            tag, _, text = rest.partition("|")
            if re.fullmatch(r"[\d.]+", oid) and tag:
                yield oid, tag, text


def sent_as(tag, text):
    """Return what the recording says as integer or octets."""
    if tag in {"2", "65", "66", "67", "70"}:
        return int(text)
    if tag.endswith("x"):
        return bytes.fromhex(text)
    return text.encode("latin-1")


@cache
def written_profile(name):
    """Return a profile as plain YAML, every scalar as it is written there."""
    return yaml.load((SHIPPED / f"{name}.yaml").read_text(encoding="utf-8"), yaml.BaseLoader)


def rule_of(seen):
    """Return (profile, table, what the YAML says of the column) of an observation."""
    profile, table, rest = seen.rule.partition("@")[0].split(".", 2)
    written = written_profile(profile)
    where = written["scalars"] if table == "scalar" else written["tables"].get(table, {}).get("columns", {})
    return profile, table, where.get(rest)


def number_of(raw, unit):
    """Return the number in what was sent; None when it takes more than this to find one."""
    if isinstance(raw, int):
        return Decimal(raw)
    spelt = {"dBm": "dbm", "Cel": "°?c", "V": "v(olts?)?", "mA": "ma", "dB": "db", "%": "%", "s": "s(ec.*)?", "m": "m"}
    text = str(raw).strip(" \0").lower()
    if match := re.fullmatch(r"([-+]?\d+(\.\d+)?)", text):
        return Decimal(match[1])
    hits = re.findall(rf"([-+]?\d+(?:\.\d+)?)[ (.]*{spelt.get(unit, 'x')}\b", text)
    return Decimal(hits[0][0] if isinstance(hits[0], tuple) else hits[0]) if len(hits) == 1 else None


def again(seen, column):
    """Return the value computed again from the raw one; None when this reader is not one of ours."""
    raw = number_of(seen.raw, seen.unit)
    if raw is None:
        return None
    reader = column.get("read", "number")
    if reader == "wrapped32" and raw < 0:
        raw += 1 << 32
    elif reader == "wrapped16" and raw >= 1 << 15:
        raw -= 1 << 16
    elif reader == "tenth_microwatt":
        return 10 * math.log10(float(raw) / 10_000)
    elif reader not in {"number", "unit_number", "wrapped32", "wrapped16"}:
        return None
    return float(raw * Decimal(column.get("scale", "1")) + Decimal(column.get("offset", "0")))


def judge(path, result):
    """Return every complaint about what came of a recording, and which share of its numbers was computed again."""
    seen, gaps, device = result.decoded.observations, result.decoded.gaps, result.device
    complaints = [*_values(seen, device), *_rows(seen), *_contradictions(result), *_gaps(gaps)]
    wanted = {o.oid: o for o in seen if o.oid}
    found = dict.fromkeys(wanted, None)
    for oid, tag, text in lines(path):
        if oid in found:
            found[oid] = (tag, text)
    complaints += _against_the_walk(seen, found)
    numbers = [o for o in seen if isinstance(o.value, (int, float)) and o.quality.value == "ok" and o.oid]
    told = [_recomputed(o) for o in numbers if "factor" not in (rule_of(o)[2] or ())]
    complaints += [each for each in told if each]
    return complaints, sum(each is not None for each in told) / len(told) if told else 1.0


def _values(seen, device):
    for o in seen:
        where = f"{o.subject} {o.metric} {o.value!r} (raw {o.raw!r})"
        if o.quality.value in {"sentinel", "out_of_range"} and o.value is not None:
            yield f"{where}: a value that is none"
        if o.quality.value == "ok" and isinstance(o.value, (int, float)):
            low_high = [(low, high) for form, low, high in BOUNDS if re.fullmatch(form, o.metric)]
            if any(not low <= o.value <= high for low, high in low_high) or not math.isfinite(o.value):
                yield f"{where}: out of bounds {low_high}"
        for form, unit in UNITS:
            if re.fullmatch(form, o.metric) and o.unit != unit:
                yield f"{where}: in {o.unit!r} instead of {unit}"
        if o.metric == "pon.onu.serial" and o.quality.value == "ok":
            prefix = o.subject.id.partition(":")[2].partition("~")[0]
            if not re.fullmatch(r"[A-Z0-9]{4}[0-9A-F]{8}|[0-9a-f]{12}", o.value) or (prefix and prefix != o.value):
                yield f"{where}: no canonical identity, or another one"
        form = IDENTITY.get(o.subject.kind)
        if form and not re.fullmatch(form.replace("DEVICE", re.escape(device)), o.subject.id):
            yield f"{where}: no identity of a {o.subject.kind}"


def _rows(seen):
    """Complain of two rows that share a subject, and of a row with two subjects."""
    subjects, places = defaultdict(set), defaultdict(set)
    for o in seen:
        table = ".".join(o.rule.split(".", 2)[:2])
        if o.index:
            subjects[(table, o.subject)].add(o.index)
            places[(table, o.index)].add(o.subject)
    for (table, subject), indexes in subjects.items():
        if len(indexes) > 1:
            yield f"{table}: {subject} stands for {len(indexes)} rows"
    for (table, index), many in places.items():
        if len(many) > 1:
            yield f"{table}: row {index} has {len(many)} subjects"
    counted = Counter((o.rule, o.subject, o.oid) for o in seen if o.index)
    yield from (f"{key} stands {n} times" for key, n in counted.items() if n > 1)


def _contradictions(result):
    """Complain where a device counts one thing in several ways and not all of them were kept."""
    seen = result.decoded.observations
    for profile in {o.rule.partition(".")[0] for o in seen}:
        for each in written_profile(profile).get("contradictions", ()):
            values = {}
            for name, count in each["counts"].items():
                if "scalar" in count:
                    prefix = f"{profile}.scalar.{count['scalar']}@"
                else:
                    prefix = f"{profile}.{count['table']}.{count['sum']}@"
                mine = [o.value for o in seen if o.rule.startswith(prefix) and o.quality.value == "ok"]
                if mine:
                    values[name] = sum(mine)
            whole = {o.metric: o.value for o in seen if o.subject.kind == "device" and o.quality.value == "ok"}
            for name, total in values.items():
                if whole.get(name) != total:
                    yield f"{profile}: {name} is {whole.get(name)} where the device adds up to {total}"
            if len(values) > 1 and whole.get(each["spread"]) != max(values.values()) - min(values.values()):
                yield f"{profile}: {each['spread']} is {whole.get(each['spread'])} between {values}"


def _gaps(gaps):
    for g in gaps:
        if g.reason.value not in REASONS:
            yield f"gap {g.subject} {g.metric}: reason {g.reason.value!r}"


def _against_the_walk(seen, found):
    """Complain of a raw value that the recording does not have at that OID."""
    for o in seen:
        if not o.oid or o.rule.split(".")[1] in {"sum", "spread"}:
            continue
        if found[o.oid] is None:
            yield f"{o.oid} is not in the recording"
            continue
        sent = sent_as(*found[o.oid])
        if isinstance(sent, int):
            same = o.raw == sent
        else:
            readings = {sent.decode("utf-8", "replace"), sent.decode("latin-1"), f"0x{sent.hex()}"}
            readings |= {".".join(map(str, sent)), sent.decode("latin-1").lstrip(".")}
            same = any(str(o.raw)[:200] == r[:200] for r in readings) or "\\" in sent.decode("latin-1")
        if not same:
            yield f"{o.oid}: raw is {o.raw!r:.80}, the recording has {sent!r:.80}"


def _recomputed(o):
    """Return None when there is nothing to compute, "" when both agree, else the complaint."""
    _, _, column = rule_of(o)
    if column is None or not isinstance(o.value, (int, float)) or o.quality.value != "ok":
        return None
    if "states" in column:
        known = {str(k).lower(): v for k, v in column["states"].items()}
        named = known.get(str(o.raw).strip().lower())
        return "" if named is not None else f"{o.oid}: {o.raw!r} is no state of {sorted(known)}"
    expected = again(o, column)
    if expected is None:
        return None
    close = math.isclose(expected, o.value, rel_tol=1e-9, abs_tol=1e-3 if "read" in column else 1e-9)
    return "" if close else f"{o.oid}: {o.raw!r} is {o.value}, computed again {expected}"


def names(*folders):
    """Return the recordings of some folders; none where they are absent: the tests are skipped then."""
    return [str(p.relative_to(RECORDINGS)) for f in folders for p in sorted((RECORDINGS / f).glob("*.snmprec*"))]


@pytest.mark.xdist_group("recordings")
@pytest.mark.parametrize("name", names("ap", "lte", "pon"))
def test_nothing_is_wrong_with_what_came_of_a_recording(replayed, name):
    complaints, share = judge(RECORDINGS / name, replayed(name))

    assert complaints == [], f"{len(complaints)} complaints, {complaints[:10]}"
    assert share > SHARE


@pytest.mark.slow
@pytest.mark.parametrize("name", names("ap_full"))
def test_nothing_is_wrong_with_what_came_of_a_complete_walk(name):
    complaints, share = judge(RECORDINGS / name, replay(RECORDINGS / name, shipped(), at_ms=0))

    assert complaints == [], f"{len(complaints)} complaints, {complaints[:10]}"
    assert share > SHARE


def test_the_checker_sees_what_is_wrong():
    """Break what a decoder gave in each way; the checker has to say so."""
    path = RECORDINGS / "pon/centreon_huawei-gpon.snmprec"
    result = replay(path, shipped(), at_ms=0)
    power = next(o for o in result.decoded.observations if o.metric == "pon.onu.rx_power")
    walk = {oid: (tag, text) for oid, tag, text in lines(path)}

    assert not list(_values([power], result.device))
    assert list(_values([replace(power, value=5.1)], result.device))
    assert list(_values([replace(power, unit="dB")], result.device))
    assert list(_values([replace(power, subject=replace(power.subject, id="school 7"))], result.device))
    assert list(_rows([power, replace(power, index="9.9", oid="1.2.9.9")]))
    assert _recomputed(power) == ""
    assert _recomputed(replace(power, value=-14.15))
    assert not list(_against_the_walk([power], walk))
    assert list(_against_the_walk([replace(power, raw=-1413)], walk))
    assert list(_against_the_walk([power], {power.oid: None}))
