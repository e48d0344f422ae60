"""What counts of a dispute, and what it moves: claims, rulings, late words. Part of the judge by brute force."""

from __future__ import annotations

import base64
import json
from hashlib import sha256

from tests.netops.oracle.cells import HOUR, MINUTE, brief

MAY = {
    "cause": ("carrier", "city", "planned", "power_or_third_party", "force_majeure"),
    "no_outage": ("up",),
    "duration": ("up",),
    "not_measured": ("not_measured",),
}


def decided(city):
    """Return what rulings decide: (begin, end, service or nothing, word, objection, when known), in their order."""
    said, made = city.said, []
    asked = {body["objection"]: body for body in said["objection"]}
    months = {}
    for body in city.bodies("report_issued"):
        months.setdefault(body["report"], (body["start_ms"], body["end_ms"]))
    known = {id(leaf["fact"]["body"]): leaf for leaf in city.leaves}
    for body in said["ruling"]:
        about = asked[body["objection"]]
        word = body.get("decides")
        if body["outcome"] == "dismissed" or body["by"] == about["by"] or word not in MAY.get(about["code"], ()):
            continue
        kind, _, rest = about["target"].partition(":")
        first, last = months[about["report"]]
        if kind == "incident" and about["code"] != "not_measured":
            service, _, begin = rest.partition("@")
            first = max(first, int(begin))
        elif kind == "interval" and about["code"] == "not_measured":
            span, _, service = rest.partition("/")
            first, last = max(first, int(span.split("-")[0])), min(last, int(span.split("-")[1]))
        else:
            continue
        if "end_ms" in about:
            first, last = max(first, about.get("start_ms", first)), min(last, about["end_ms"])
        first, last = max(first, body.get("start_ms", 0)), min(last, body.get("end_ms", 0))
        leaf = known[id(body)]
        at = leaf["fact"]["at_ms"] if leaf["rehearsal"] else leaf["recorded_ms"]
        if body.get("service", "") == service and first < last:
            made.append((first, last, service, word, body["objection"], at))
    return made


def gone(city):
    """Return what rulings on this period's reports take out of surveys: (survey, area or nothing, begin, end)."""
    said, made = city.said, []
    asked = {body["objection"]: body for body in said["objection"]}
    months = {}
    for body in city.bodies("report_issued"):
        months.setdefault(body["report"], (body["start_ms"], body["end_ms"]))
    for body in said["ruling"]:
        about = asked[body["objection"]]
        kind, _, rest = about["target"].partition(":")
        if kind != "survey" or not about["code"].startswith("survey_") or body.get("decides") != "taken_out":
            continue
        if body["outcome"] == "dismissed" or months[about["report"]] != (city.start, city.end):
            continue
        name, _, span = rest.partition("@")
        survey, _, area = name.partition("/")
        first, last = body.get("start_ms", 0), body.get("end_ms", 0)
        if span:
            first, last = max(first, int(span.split("-")[0])), min(last, int(span.split("-")[1]))
        if "end_ms" in about:
            first, last = max(first, about.get("start_ms", 0)), min(last, about["end_ms"])
        made.append((survey, area, first, last))
    return made


def overruled(cells, rules, mine, start_ms):
    """Put into the cells of a service what rulings decide of them; a rest that is too short is no outage."""
    for first, last, _, word, _, _ in mine:
        for i, c in enumerate(cells):
            if first <= start_ms + i * MINUTE < last:
                if word == "not_measured":
                    c.state, c.cause, c.because = "UNKNOWN", "monitor", "ruled"
                elif c.state in ("DOWN", "DEGRADED"):
                    c.because = "ruled"
                    c.state, c.cause = ("UP", "") if word == "up" else (c.state, word)
    if mine:
        brief(cells, rules["min_outage_s"] // 60)


def claims(city, rules):
    """Return (start, end, services) of the claims in force."""
    classes = {each["id"]: each for each in rules["exclusions"]}
    first = {}
    for leaf in city.leaves:
        if leaf["fact"]["kind"] == "exclusion_claim":
            first.setdefault(leaf["fact"]["body"]["claim"], leaf)
    used, made = {name: set() for name in classes}, []
    for begin, end, service, word, objection, _ in decided(city):
        mine = [name for name in classes if classes[name]["cause"] == word][:1]
        if mine and classes[mine[0]]["approver"]:
            body = {"claim": objection, "class": mine[0], "start_ms": begin, "end_ms": end}
            body["services"] = [service] if service else []
            first["ruling", len(first)] = {"fact": {"body": body}}
    for leaf in sorted(first.values(), key=lambda each: order(each["fact"]["body"])):
        body = leaf["fact"]["body"]
        if "contract" not in body:  # a ruling that stands for a claim: the cap holds, and nothing else is asked
            mine = set(range(max(body["start_ms"], city.start), min(body["end_ms"], city.end), MINUTE))
            cap = classes[body["class"]]["cap_s"]
            if not cap or len(used[body["class"]] | mine) * 60 <= cap:
                used[body["class"]] |= mine
                made.append((body["start_ms"], body["end_ms"], body["services"]))
            continue
        kind = classes.get(body["class"])
        if kind is None or body["end_ms"] <= body["start_ms"] or not approved(city, body, kind):
            continue
        known = leaf["fact"]["at_ms"] if leaf["rehearsal"] else leaf["recorded_ms"]
        late = body["start_ms"] - known < kind["notice_h"] * HOUR
        low, high = max(body["start_ms"], city.start), min(body["end_ms"], city.end)
        minutes = used[kind["id"]] | set(range(low, high, MINUTE))
        over = kind["cap_s"] and len(minutes) * 60 > kind["cap_s"]
        whole, part = turned_over(city, body, "claim_refused" if late or over else "claim_granted")
        begin, end = body["start_ms"], body["end_ms"]
        if part and not whole:
            begin, end = (begin, begin + part * MINUTE) if late or over else (begin + part * MINUTE, end)
        elif bool(late or over) is not whole:
            continue
        used[kind["id"]] |= set(range(max(begin, city.start), min(end, city.end), MINUTE))
        made.append((begin, end, body["services"]))
    return made


def turned_over(city, claim, code):
    """An objection with this code to the claim, upheld by another than who objected, turns over what it does.

    Return whether all of it, and else of how many minutes from its beginning.
    """
    said = city.said
    mine = [b for b in said["objection"] if b["target"] == claim["claim"] and b["code"] == code]
    objected = {b["objection"]: b["by"] for b in mine}
    told = [b for b in said["ruling"] if b["objection"] in objected and b["by"] != objected[b["objection"]]]
    parts = [b["minutes"] for b in told if b["outcome"] == "partly_upheld" and b.get("minutes")]
    part = parts[0] if parts else 0
    whole = any(b["outcome"] == "upheld" for b in told)
    return whole or (part > 0 and part * MINUTE >= claim["end_ms"] - claim["start_ms"]), part


def heard(leaves, days, zone, lateness):
    """The objections and rulings that count: each said about the newest report, in its turn, before all was agreed.

    A carrier's word after its window counts for nothing; `late` are the leaves of those. `days` by the text's digest.
    """
    months, of_report, of_objection, speakers, keys = {}, {}, {}, {}, {}
    said = {"objection": [], "ruling": [], "late": []}
    texts, breaks, came = {}, [], {}
    for index, leaf in enumerate(leaves):
        fact = leaf["fact"]
        kind, body = fact["kind"], fact["body"]
        if kind == "contract_version":
            texts.setdefault(body["contract"], []).append((body["valid_from_ms"], body["version"], body["digest"]))
        if kind == "listening_break":
            breaks.append(body)
        if kind == "note_received":
            came.setdefault(body["digest"], lateness.told(leaf))
        if kind == "party_key":
            keys.setdefault(body["contract"], {})[body["key"]] = body["state"]
        if kind == "report_issued" and body["report"] not in of_report:
            month = months.setdefault(
                (body["contract"], body["start_ms"], body["end_ms"]),
                {"asked": [], "answered": [], "ruled": [], "agreed": "", "final": "", "of": body["contract"]},
            )
            month["newest"], month["digest"] = body["report"], body["digest"]
            begun = [each for each in texts.get(body["contract"], ()) if each[0] < body["end_ms"]]
            month["text"], month["since"] = max(begun)[2] if begun else "", leaf["recorded_ms"]
            if len(month["ruled"]) == len(month["asked"]):
                month["agreed"] = ""
            of_report[body["report"]] = month
        if kind in ("objection", "report_accepted", "report_final"):
            month = of_report.get(body["report"])
            if month is None or month["newest"] != body["report"] or month["final"]:
                continue
            if kind != "report_final" and not spoken(body, keys.get(month["of"])):
                continue
            waiting = len(month["ruled"]) < len(month["asked"])
            window = days.get(month["text"])
            tardy = window is not None and lateness.is_late(
                leaf, month["since"], window, zone, breaks=breaks, came=came
            )
            if kind == "objection":
                name = body["objection"]
                if month["agreed"] != "accepted" and name not in of_objection and len(month["asked"]) < 1000:
                    if tardy:
                        said["late"].append(index)
                        continue
                    month["asked"].append(name)
                    month["agreed"] = ""
                    of_objection[name] = month
                    speakers[name] = [body["by"]]
                    said[kind].append(body)
            elif kind == "report_accepted":
                same = body.get("digest") in (None, month["digest"])
                if same and not waiting and month["agreed"] != "accepted":
                    if tardy:
                        said["late"].append(index)
                        continue
                    month["agreed"] = "accepted"
            elif month["agreed"] and not waiting:
                month["final"] = body["report"]
        if kind in ("rebuttal", "ruling"):
            name, month = body["objection"], of_objection.get(body["objection"])
            if body["by"] != "deadline" and body["by"] in speakers.get(name, []):
                continue  # each step is another person's; the core, which says that nobody spoke, is none
            if kind == "rebuttal" and month and name not in month["answered"]:
                month["answered"].append(name)
                speakers[name].append(body["by"])
            if kind == "ruling" and month and name in month["answered"] and name not in month["ruled"]:
                month["ruled"].append(name)
                month["agreed"] = "ruled" if len(month["ruled"]) == len(month["asked"]) else ""
                said[kind].append(body)
    return said


def spoken(body, keys):
    """Whether it is the carrier's word, by what was last stated of each key; nothing was stated: anybody's."""
    if keys is None or ("due_ms" in body and "objection" not in body):
        return True
    mine = [key.split("+")[:2] for key, state in keys.items() if state == "registered"]
    if "note" not in body:
        return not mine
    lines = body["note"].split("\n\n")[-1].splitlines()
    _, name, blob = lines[0].split(" ")
    return len(lines) == 1 and [name, base64.b64decode(blob)[:4].hex()] in mine


def order(body):
    return body["start_ms"], body["end_ms"], body["claim"]


def approved(city, claim, kind):
    """The first request, then the first decision on it that another person may make."""
    request = None
    for leaf in city.leaves:
        fact = leaf["fact"]
        body = fact["body"]
        if fact["kind"] == "approval_request" and body["request"] == claim["claim"] and request is None:
            request = fact
        if fact["kind"] == "approval_decision" and body["request"] == claim["claim"] and request is not None:
            if body["by"] == request["body"]["by"] or body["role"] != "contract_manager":
                continue
            told = request["body"]["terms"]
            same = all(told[key] == claim[key] for key in ("contract", "class", "start_ms", "end_ms", "services"))
            return (
                same
                and body["decision"] == "approved"
                and body["role"] == kind["approver"]
                and body["by"] != claim["by"]
            )
    return False


def windows(contracts):
    """Return how many working days a carrier may object, by the digest of the contract's text."""
    made = {}
    for each in contracts:
        text = json.dumps(each, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        made[sha256(text.encode()).hexdigest()] = each.get("dispute", {}).get("objection_days", 10)
    return made
