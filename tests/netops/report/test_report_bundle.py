"""A bundle holds for an outsider with a bare Python, and says where it was touched."""

import gzip
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from netops.evidence import bundle as bundles
from netops.evidence import canonical, told
from netops.evidence.accounts import verify_completeness
from netops.evidence.members import Bundle
from netops.evidence.verifier import verify_numbers
from netops.report import bundle, html
from netops.report import days as days_
from netops.report.named import named
from netops.report.parties import Parties

WHO = Parties(carrier="unicom", names=(), objection_days=10, keys=())
ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "20"))
SEED = os.environ.get("NETOPS_SEED", "")


def failures(members, signer):
    opened = Bundle(members=members)
    return bundles.verify_integrity(opened, [signer.vkey]) + verify_numbers(opened) + verify_completeness(opened)


def relined(data, change):
    """Rewrite the lines of a gzipped member."""
    lines = gzip.decompress(data).splitlines()
    return gzip.compress(b"".join(line + b"\n" for line in change(lines)), mtime=0)


def edited(change):
    """Change one leaf's JSON and write it canonically again."""

    def act(lines):
        made = []
        for line in lines:
            value = json.loads(line)
            change(value["leaf"]["fact"])
            made.append(canonical.dumps(value))
        return made

    return act


def flipped(lines):
    return [*lines[:3], lines[3][:-20] + bytes([lines[3][-20] ^ 1]) + lines[3][-19:], *lines[4:]]


def exclusion(fact):
    if fact["kind"] == "exclusion_claim" and fact["body"]["claim"] == "m-2":
        fact["at_ms"] -= 100 * 3_600_000
        fact["body"]["reason"] = "earlier"


def back_dated(members):
    versions = json.loads(members["contract.json"])
    versions[0]["valid_from_ms"] -= 3_600_000
    return {"contract.json": canonical.dumps(versions)}


def softened(members):
    versions = json.loads(members["contract.json"])
    versions[0]["items"][0]["objectives"][0]["target"] = "50"
    return {"contract.json": canonical.dumps(versions)}


def swapped(members):
    report = json.loads(members["report.json"])
    report["parts"][0]["items"][0]["objectives"][0]["verdict"] = "met"
    return {"report.json": canonical.dumps(report)}


def days(change):
    """Change `days.json`."""

    def act(members):
        told = json.loads(members["days.json"])
        change(told)
        return {"days.json": canonical.dumps(told)}

    return act


@days
def redated(told):
    told["parts"][0]["items"][0]["objectives"][0]["days"]["rows"][0][2] += 1


@days
def renamed(told):
    told["decisions"]["m-1"]["by"] = "somebody"


@days
def unexcused(told):
    told["parts"][0]["items"][1]["objectives"][0]["excused"]["rows"][1][4] -= 1


def leaf(change):
    return lambda members: {"leaves.jsonl.gz": relined(members["leaves.jsonl.gz"], change)}


@pytest.mark.parametrize(
    ("mutation", "places"),
    [
        pytest.param(leaf(flipped), {"leaves.jsonl.gz"}, id="a-raw-byte-flipped"),
        pytest.param(leaf(lambda lines: lines[:5] + lines[6:]), {"leaves.jsonl.gz: leaf 5"}, id="a-leaf-dropped"),
        pytest.param(leaf(edited(exclusion)), {"leaves.jsonl.gz: leaf"}, id="an-exclusion-edited"),
        pytest.param(back_dated, {"contract.json: version 1"}, id="a-version-back-dated"),
        pytest.param(softened, {"contract.json: version 1"}, id="a-target-softened"),
        pytest.param(swapped, {"report.json: parts[0].items[0].objectives[0].verdict"}, id="a-verdict-swapped"),
        pytest.param(lambda m: {"timezone.tzif": m["timezone.tzif"] + b"\n"}, {"timezone.tzif"}, id="another-zone"),
        pytest.param(lambda _: {"register.json": b"{}"}, {"register.json"}, id="another-register"),
        pytest.param(lambda m: {"report.html": m["report.html"] + b" "}, {"report.html"}, id="another-page"),
        pytest.param(lambda m: {"report.xlsx": m["report.xlsx"][:-1]}, {"report.xlsx"}, id="another-workbook"),
        pytest.param(redated, {"days.json: version 1 wifi/availability days"}, id="a-day-changed"),
        pytest.param(renamed, {"days.json: decision on m-1.by"}, id="another-approver"),
        pytest.param(unexcused, {"days.json: version 1 fiber/availability excused"}, id="excused-time-moved"),
    ],
)
def test_a_change_is_found_and_its_place_named(october, signer, mutation, places):
    _, members = october.issue(signer)
    found = failures(members | mutation(members), signer)

    for place in places:
        assert any(each.place.startswith(place) for each in found), found


def test_numbers_alone_convict_a_report_that_was_sealed_with_a_wrong_one(october, signer, monkeypatch):
    """Even the evidence writer itself cannot seal what does not follow from the leaves."""
    draft = october.draft(signer)
    content = json.loads(draft.report.data)
    content["parts"][0]["items"][0]["objectives"][0]["services"]["rows"][0][3] += 1
    members = draft.members | {"report.json": canonical.dumps(content)}
    fact = bundle.facts(draft, now_ms=0)[0]
    seal = canonical.dumps({"index": 99, "leaf": {"fact": {"body": dict(fact.body)}}})
    found = verify_numbers(Bundle(members={**members, "manifest.json": draft.manifest, "seal.json": seal}))

    assert [each.place for each in found] == ["report.json: parts[0].items[0].objectives[0].services.rows[ap-1][3]"]


def test_the_file_inside_verifies_with_a_bare_python(bundle_file, signer, tmp_path):
    verify = tmp_path / "verify.py"
    verify.write_bytes(bundles.open_bundle(bundle_file).member("verify.py"))
    key = tmp_path / "vkey"
    key.write_text(f"{signer.vkey}\n")
    # -S: no site-packages, -I: no environment; run where the project is not.
    words = [sys.executable, "-I", "-S", str(verify), str(bundle_file), "--vkey", str(key)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert "every signature, leaf and number holds" in done.stdout


def test_the_file_inside_fails_with_4_and_names_the_place(bundle_file, tmp_path, signer):
    verify, broken = tmp_path / "verify.py", tmp_path / "broken.zip"
    opened = bundles.open_bundle(bundle_file)
    verify.write_bytes(opened.member("verify.py"))
    bundles.write(broken, {**opened.members, **swapped(opened.members)})
    words = [sys.executable, "-I", "-S", str(verify), str(broken)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=False)

    assert done.returncode == 4
    assert 'report.json: parts[0].items[0].objectives[0].verdict: says "met"; recomputed "missed"' in done.stdout


def test_a_rehearsals_bundle_is_refused_unless_asked_for(bundle_file, signer):
    said = []

    assert told.run(bundle_file, vkey=None, rehearsal=True, say=said.append) == 4
    assert any("a rehearsal's was asked for (--rehearsal" in line for line in said)


@pytest.mark.parametrize(("name", "what"), [("none.zip", "no such file"), (".", "is no file")])
def test_a_bundle_that_is_not_there_is_a_slip_of_the_words_not_a_failed_proof(bundle_file, tmp_path, name, what):
    verify = tmp_path / "verify.py"
    verify.write_bytes(bundles.open_bundle(bundle_file).member("verify.py"))
    words = [sys.executable, "-I", "-S", str(verify), name]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=False)

    assert done.returncode == 2
    assert f"{name}: {what}; expected a bundle" in done.stderr


def test_building_again_gives_the_same_bundle(october, signer):
    first, second = october.issue(signer)[1], october.issue(signer)[1]

    assert first == second


def test_a_fact_that_comes_late_makes_a_revision_that_names_what_it_replaces(october, signer):
    first, _ = october.issue(signer)
    october.claim("m-4", 9, 10, notice=100)
    second, members = october.issue(signer)

    assert (first.report.content["revision"], second.report.content["revision"]) == (1, 2)
    assert second.report.content["replaces"] == first.report.digest
    assert failures(members, signer) == []
    assert october.issue(signer)[1] == members


def test_hostile_strings_are_shown_never_run(october, signer):
    _, members = october.issue(signer)
    page = members["report.html"].decode()

    assert "换板 &lt;b&gt;" in page
    assert not re.search(r"<b>(?!c1</b>|unicom</b>|1</b>|应扣减|100</b>|[0-9]{1,2}\.[0-9]{2}</b>)", page)
    assert "<script" not in page
    assert "http" not in page


def test_the_page_names_who_excused_what_and_whose_outages_they_are(october, signer):
    _, members = october.issue(signer)
    page = members["report.html"].decode()
    (row,) = [each for each in page.split("<tr>") if "<td>m-1</td>" in each and "<td>1:00:00</td>" in each]

    assert (
        "<td>换板 &lt;b&gt;</td><td>operator</td><td>1:00:00</td><td>manager (合同经理 contract manager), 存证 leaf "
        in row
    )
    assert page.count("公共WiFi / any: 中断 Incidents") == 1
    assert "本包无 PDF no PDF in this bundle: no Chinese font" in page


def test_the_page_speaks_the_contract_s_clock_with_utc_behind_it(october, signer):
    _, members = october.issue(signer)
    page = members["report.html"].decode()
    shown = re.sub(r"<[^>]*>", " ", page.partition("<body>")[2].partition("</h1>")[2])

    assert "2026-10-01 00:00:00 – 2026-10-01 12:00:00" in shown
    assert not re.search(r"[0-9]{2}:[0-9]{2}\.[0-9]{3}Z", shown)
    assert 'title="2026-09-30T16:00:00.000Z – 2026-10-01T04:00:00.000Z"' in page


def test_the_verdict_stands_beside_what_it_is_of(october, signer):
    """On a telephone no one scrolls sideways to it."""
    _, members = october.issue(signer)
    page = members["report.html"].decode()

    assert "<th>目标 objective</th><th>判定 verdict</th>" in page
    assert "<th>服务 service</th><th>判定 verdict</th>" in page


def test_the_month_of_the_title_stays_on_one_line(october):
    content = october.draft_content()
    told = json.loads(days_.made(october.ask(), october.leaves()))
    content = dict(content, period={**content["period"], "name": "2026-10"})

    assert '<span class="whole">2026-10</span>' in html.page(content, told, october.ask().zone.tz(), parties=WHO)


def test_two_objectives_of_one_title_are_told_apart():
    item = {"item": "wifi", "title": "WiFi", "objectives": []}
    one, two = ({"objective": name, "title": "可用率"} for name in ("a", "b"))
    item["objectives"] = [one, two]

    assert named(item, one) == "WiFi / 可用率 [a]"
    assert named({**item, "objectives": [two]}, two) == "WiFi / 可用率"
    assert named({**item, "title": "可用率", "objectives": [two]}, two) == "可用率"
    # its own title names the item already
    assert named({**item, "title": "可用", "objectives": [two]}, two) == "可用率"


def test_a_rehearsals_page_says_so(october):
    content = dict(october.draft_content(), rehearsal=True)
    told = json.loads(days_.made(october.ask(), october.leaves()))

    assert html.page(content, told, october.ask().zone.tz(), parties=WHO).count("演练 REHEARSAL") == 2


@pytest.mark.slow
def test_random_mutations_of_any_member_are_all_found(october, signer):
    _, members = october.issue(signer)
    for seed in range(10 * ROUNDS):
        rng = random.Random(f"{SEED} {seed}")
        name = rng.choice(sorted(members))
        data = bytearray(members[name])
        at = rng.randrange(len(data)) if data else 0
        match rng.randrange(4) if data else 2:
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                del data[at : at + rng.randint(1, 40)]
            case 2:
                data[at:at] = rng.randbytes(rng.randint(1, 9))
            case 3:
                data = bytearray(members[rng.choice([n for n in sorted(members) if members[n] != members[name]])])

        assert failures(members | {name: bytes(data)}, signer), f"seed {seed}, {name}"


@pytest.mark.slow
def test_random_mutations_of_leaves_that_stay_canonical_are_all_found(october, signer):
    _, members = october.issue(signer)
    lines = gzip.decompress(members["leaves.jsonl.gz"]).splitlines()
    for seed in range(5 * ROUNDS):
        rng = random.Random(f"{SEED} {seed}")
        at = rng.randrange(len(lines))
        match rng.randrange(3):
            case 0:
                changed = [*lines[:at], *lines[at + 1 :]]
            case 1:
                other = rng.randrange(len(lines))
                value, taken = json.loads(lines[at]), json.loads(lines[other])
                if value["leaf"] == taken["leaf"]:
                    continue
                changed = [
                    *lines[:at],
                    canonical.dumps(value | {"leaf": taken["leaf"]}),
                    *lines[at + 1 :],
                ]
            case _:
                value = json.loads(lines[at])
                value["leaf"]["recorded_ms"] += rng.choice([-1, 1]) * rng.randint(1, 10**9)
                changed = [*lines[:at], canonical.dumps(value), *lines[at + 1 :]]
        touched = gzip.compress(b"".join(line + b"\n" for line in changed), mtime=0)
        found = failures(members | {"leaves.jsonl.gz": touched}, signer)

        assert any(each.place.startswith("leaves.jsonl.gz: leaf") for each in found), f"seed {seed}"


def test_the_verifier_tells_as_json(bundle_file, signer, tmp_path, capsys):
    keys = tmp_path / "vkeys"
    keys.write_text(f"{signer.vkey}\n")

    assert told.main([str(bundle_file), "--vkey", str(keys), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["outcome"], said["contract"], said["failures"]) == ("ok", "c1", [])
    assert told.main([str(bundle_file), "--json"]) == 5
    assert json.loads(capsys.readouterr().out)["outcome"] == "whole"

    members = bundles.open_bundle(bundle_file).members
    bundles.write(bundle_file, {**members, "method.txt": b"another"})
    assert told.main([str(bundle_file), "--vkey", str(keys), "--json"]) == 4
    said = json.loads(capsys.readouterr().out)
    assert said["outcome"] == "failed"
    assert "method.txt" in {each["place"] for each in said["failures"]}


def test_a_carrier_finds_a_leaf_by_the_line_of_the_how_to(bundle_file, tmp_path):
    """What a stranger types is taken from the page as it stands, but for the bundle's name and the kind."""
    page = (Path(__file__).resolve().parents[3] / "docs/how-to/dispute-a-report.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"`(python3 -m zipfile -e BUNDLE [^`]+ \| grep survey_import)`", page)
    typed = line.replace("BUNDLE", str(bundle_file)).replace("survey_import", "availability_hour")
    done = subprocess.run(["sh", "-c", typed], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert {json.loads(each)["leaf"]["fact"]["kind"] for each in done.stdout.splitlines()} == {"availability_hour"}
