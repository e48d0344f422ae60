"""A third judge, by brute force: one cell a minute, from the bundle's contract text and leaves alone.

With `cells`, `procedure`, `figures` and `money` it imports the standard library and nothing of the house, knows no
interval and no shortcut, and was written from docs/explanation/sla.md. It judges histories whose every instant lies on
a whole minute (the generator makes such).
"""

from __future__ import annotations

from fractions import Fraction
from zoneinfo import ZoneInfo

from tests.netops.oracle.cells import MINUTE, City, ruled
from tests.netops.oracle.figures import (
    BUCKETS,
    COUNTED,
    MADE,
    PACKETS,
    SIGN,
    bucket,
    clocks,
    counted,
    figures,
    high_loss,
    ratio,
    summed,
    tally,
    verdict,
)
from tests.netops.oracle.money import breaches, cents, item_percent, lowers, owed
from tests.netops.oracle.procedure import claims, decided, gone, heard, overruled, windows


def stream_of(objective):
    """Return the name of the hours that an objective rests on, as the contract's words make it."""
    if objective["indicator"] in {"availability", "fault.repair", "fault.repeat", "asset.active"}:
        return ""
    rules = objective["rules"]
    if objective["indicator"] in COUNTED:
        bound = f"{SIGN.get(objective['indicator'], '>=')} {objective['threshold']}"
        joined = f", {rules['quorum']} of {rules['vantages']}" if objective["indicator"] == PACKETS else ""
        return f"{objective['indicator']} {bound} one by one, in slots of {rules['check_every_s']} s{joined}"
    more = ("probe.reached", "probe.throughput.mean", "pon.onu.margin.gpon_b_plus")
    sign = ">=" if objective["indicator"] in more else "<="
    clock = f", clock error up to {rules['max_clock_error_ratio']} of it" if "delay_" in objective["indicator"] else ""
    return (
        f"{objective['indicator']} {sign} {objective['threshold']} every {rules['check_every_s']} s, "
        f"{rules['quorum']} of {rules['vantages']}{clock}"
    )


def judge(city, item, objective, start_ms, end_ms):
    """Return one objective's figures over a version's part of the period."""
    rules = objective["rules"]
    stream = stream_of(objective)
    tenure = city.tenure
    sold = {}
    for minute in tenure:
        sold.update(minute)
    inside = [start_ms <= city.start + i * MINUTE < end_ms for i in range(city.count)]
    open_ = [each and serves(rules["hours"], wall) for each, wall in zip(inside, city.walls, strict=True)]
    excused, rulings = claims(city, rules), decided(city)
    causes = {each["cause"] for each in rules["exclusions"] if not each["approver"]}
    found, weights, lossy, things, dark = {}, {}, {}, {}, {}
    for service, (of, weight) in sorted(sold.items()):
        mine = [service in minute for minute in tenure]
        if of != item["id"] or not any(a and b for a, b in zip(mine, inside, strict=True)):
            continue
        counting = objective["indicator"] in COUNTED
        cells = ruled(city.cells(service, "" if counting else stream), rules, city.start)
        out = [
            any(low <= city.start + i * MINUTE < high and named(service, who) for low, high, who in excused)
            for i in range(city.count)
        ]

        def buckets(cells, out=tuple(out), mine=tuple(mine)):
            made = [bucket(cell, out[i], causes, rules["degraded_mode"]) for i, cell in enumerate(cells)]
            return [each if mine[i] and open_[i] else None for i, each in enumerate(made)]

        dark[service] = tally(buckets(cells))  # whether anybody was there to see no ruling changes
        overruled(cells, rules, [each for each in rulings if each[2] in ("", service)], city.start)
        lossy[service] = high_loss(
            city, rules, cells, [a and b and not c for a, b, c in zip(mine, open_, out, strict=True)]
        )
        weights[service] = Fraction(weight)
        found[service] = buckets(cells)
        there = [a and b for a, b in zip(mine, open_, strict=True)]
        part = Fraction(sum(a and b for a, b in zip(mine, inside, strict=True)), city.count)
        things[service] = summed(objective, cells, (there, out), causes, part, reports=clocks(city, rules, service))
        if counting:
            bad = [each for each in rulings if each[2] in ("", service)]
            things[service] = counted(rules, city.places(service, stream), (there, out), causes, (bad, city.start))
    tallies = {name: tally(buckets) for name, buckets in found.items()}
    if objective["indicator"] in (*MADE, *COUNTED):
        tallies = things
    minutes = {
        name: sum(name in minute for minute, there in zip(tenure, inside, strict=True) if there) for name in found
    }
    made = figures(objective, rules, found, tallies, weights)
    counted_ = objective["indicator"] in COUNTED and objective["indicator"] != PACKETS  # whose gaps have places
    if objective["indicator"].startswith("fault.") or counted_:
        made |= nobody_there(made, {name: sum(each[name] for each in dark.values()) for name in BUCKETS}, rules)
        sure = made["unknown_ratio"] <= Fraction(rules["max_unknown_ratio"])
        made["verdict"] = verdict(made["value"], sure, objective)
    else:
        dark = {}
    made["alone"] = {}
    for service, sums in made["services"].items():
        value, lower, upper, share, _ = ratio(sums, rules)
        own = {"value": value, "lower": lower, "upper": upper, "unknown_ratio": share}
        own |= nobody_there(own, dark[service], rules) if dark else {}
        sure = own["unknown_ratio"] <= Fraction(rules["max_unknown_ratio"])
        made["alone"][service] = own | {"verdict": verdict(value, sure, objective)}
    made["minutes"] = minutes
    made["high_loss"] = {name: each for name, each in lossy.items() if each[0]}
    bad = lowers(rules)
    made["against"] = {(name, i) for name, each in found.items() for i, b in enumerate(each) if b in bad}
    made["credit_percent"] = owed(city, objective, f"{item['id']}/{objective['id']}", made)
    return made


def nobody_there(made, dark, rules):
    """Return bounds and unknown share once as many things as in seen minutes happened in those that nobody saw."""
    share = ratio(dark, rules)[3]
    lower, upper = (bound + (edge - bound) * share for bound, edge in ((made["lower"], 0), (made["upper"], 1)))
    return {"lower": lower, "upper": upper, "unknown_ratio": max(share, made["unknown_ratio"])}


def serves(hours, wall):
    day, minute = wall
    return not hours or any(day in h["days"] and h["start_minute"] <= minute < h["end_minute"] for h in hours)


def named(service, who):
    return not who or "*" in who or service in who


def disagreements(contracts, leaves, report, areas, lateness):
    """Return where a report differs from what is found here, in words; none when all agrees.

    `areas` judges coverage, `lateness` who came too late: the modules beside this one.
    """
    period = report["period"]
    said = heard(leaves, windows(contracts), ZoneInfo(report["timezone"]), lateness)
    city = City(leaves, period["start_ms"], period["end_ms"], report["timezone"], said=said)
    versions = {each["version"]: each for each in contracts}
    made, fees, total = [], Fraction(0), Fraction(0)
    for part in report["parts"]:
        for told in part["items"]:
            item = next(each for each in versions[part["version"]]["items"] if each["id"] == told["item"])
            judged = []
            for said, objective in zip(told["objectives"], item["objectives"], strict=True):
                ours = judge(city, item, objective, part["start_ms"], part["end_ms"])
                where = f"version {part['version']} {item['id']}/{objective['id']}"
                made += [f"{where}: {each}" for each in differs(said, ours)]
                judged.append(ours)
            for said, promise in zip(told.get("coverage", ()), item.get("coverage", ()), strict=True):
                name = f"{item['id']}/{promise['id']}"
                version = versions[part["version"]]
                ours = areas.judge(
                    leaves, version, item, promise, at_ms=part["end_ms"], before=breaches(city, name), gone=gone(city)
                )
                made += [f"version {part['version']} {name}: {each}" for each in areas.differs(said, ours)]
                judged.append(ours)
            minutes = sum(contracted_minutes(city, item, part))
            due = Fraction(item["fee"]) * minutes / city.count
            amount = cents(due * item_percent(item, judged) / 100)
            fees, total = fees + due, total + amount
            where = f"version {part['version']} {item['id']}"
            if Fraction(told["fee_due"]) != due or Fraction(told["credit"]["amount"]) != amount:
                said = f"{told['fee_due']} is due, {told['credit']['amount']} owed"
                made.append(f"{where}: {said}; by brute force {due} and {amount}")
    cap = versions[report["parts"][-1]["version"]]["credit_cap_percent"]
    if cap:
        total = min(total, cents(fees * Fraction(cap) / 100))
    if listed(report) != corrected(leaves):
        made.append(f"corrections are {listed(report)}, by brute force {corrected(leaves)}")
    said = {
        each["start_ms"]: (each["leaf"], each["samples"], "refused" in each)
        for each in report.get("late_samples", {"rows": ()})["rows"]
    }
    if said != late(leaves):
        made.append(f"late samples are {said}, by brute force {late(leaves)}")
    ours = [at for at in city.said["late"] if leaves[at]["fact"]["kind"] == "objection"]
    told = [each["leaf"] for each in report.get("objections", ()) if each.get("because") == "late"]
    if told != ours:
        made.append(f"late objections are {told}, by brute force {ours}")
    if Fraction(report["credit"]["total"]) != total:
        made.append(f"credit is {report['credit']['total']}, by brute force {total}")
    return made


def corrected(leaves):
    """Return what is to be listed of corrections: leaf → (hour, leaves that state it again, why it was refused)."""
    made, hours = {}, {}
    for index, leaf in enumerate(leaves):
        body = leaf["fact"]["body"]
        match leaf["fact"]["kind"]:
            case "availability_hour":
                hours[index] = body["start_ms"]
                if "correction" in body:
                    made[body["correction"]][1].append(index)
            case "correction":
                made[index] = [hours[body["corrects"]], [], ""]
            case "correction_refused":
                made[body["correction"]][2] = made[body["correction"]][2] or body["reason"]
    return {index: tuple(each) for index, each in made.items()}


def late(leaves):
    """Return hour → (leaf, samples, whether a correction since was refused) of what came late and nobody took in."""
    made = {}
    for index, leaf in enumerate(leaves):
        body = leaf["fact"]["body"]
        match leaf["fact"]["kind"]:
            case "late_samples":
                made[body["start_ms"]] = (index, body["samples"], False)
            case "correction_refused" if body["start_ms"] in made:
                made[body["start_ms"]] = (*made[body["start_ms"]][:2], True)
            case "availability_hour" if "correction" in body:
                made.pop(body["start_ms"], None)
    return made


def listed(report):
    """Return the same as a report lists it."""
    return {
        each["leaf"]: (
            each["start_ms"],
            [index for first, count in each["stated"] for index in range(first, first + count)],
            each.get("because", ""),
        )
        for each in report.get("corrections", ())
    }


def contracted_minutes(city, item, part):
    sold = {}
    tenure = city.tenure
    for minute in tenure:
        sold.update(minute)
    for i, minute in enumerate(tenure):
        if part["start_ms"] <= city.start + i * MINUTE < part["end_ms"]:
            yield sum(sold[service][0] == item["id"] for service in minute)


def differs(said, ours):
    for name in ("value", "lower", "upper", "unknown_ratio"):
        if ours[name] != (Fraction(said[name]) if said[name] else None):
            yield f"{name} is {said[name]}, by brute force {ours[name]}"
    if Fraction(said["credit_percent"]) != ours["credit_percent"]:
        yield f"credit_percent is {said['credit_percent']}, by brute force {ours['credit_percent']}"
    if said["verdict"] != ours["verdict"]:
        yield f"verdict is {said['verdict']}, by brute force {ours['verdict']}"
    for name in BUCKETS:
        if said["tally"][f"{name}_ms"] != ours["tally"][name]:
            yield f"{name} is {said['tally'][f'{name}_ms']} ms, by brute force {ours['tally'][name]}"
    if "high_loss" in said:
        told = {row[0]: tuple(row[1:]) for row in said["high_loss"]["rows"]}
        if told != ours["high_loss"]:
            yield f"high loss is {told}, by brute force {ours['high_loss']}"
        if said["high_loss"]["hli"] != sum(each[0] for each in told.values()):
            yield f"high loss is {said['high_loss']['hli']} in all, by service {told}"
    columns = said["services"]["columns"]
    rows = {row[0]: dict(zip(columns, row, strict=True)) for row in said["services"]["rows"]}
    if rows.keys() != ours["services"].keys():
        yield f"services are {sorted(rows)}, by brute force {sorted(ours['services'])}"
        return
    for service, sums in ours["services"].items():
        told = {name: rows[service][f"{name}_ms"] for name in BUCKETS}
        if told != sums:
            yield f"{service} is {told}, by brute force {sums}"
        for name in ("value", "lower", "upper", "verdict"):
            said_, found = rows[service][name], ours["alone"][service][name]
            if found != (said_ if name == "verdict" else Fraction(said_) if said_ else None):
                yield f"{service}: {name} is {said_}, by brute force {found}"
