"""A carrier's page: its months and windows, its objections with their decisions, and its note handed in with files."""

from __future__ import annotations

import hashlib
import io
import re
import shlex
import zipfile
from contextlib import ExitStack
from html import unescape
from pathlib import Path

import audited_city
import pytest
import small_city
from audited_city import CONTRACT, DAY, END, OTHERS_REPORT, OUTAGE, H

from inventory.register import Register
from inventory.snapshot import snapshot
from netops import facts, founding, spool
from netops.access import record, tables
from netops.access.admission import Admission
from netops.dispute import attached, papers
from netops.dispute.attached import Shelf
from netops.evidence import canonical
from netops.ledger import Ledger, LedgerEntry
from netops.report import issue
from netops.sign import Signer
from netops.speakers import may_state
from tests.netops.dispute import desks

KEY = Signer("carrier-a/disputes", hashlib.sha256(b"a test's key").digest())
FOREIGN = Signer("carrier-b/disputes", hashlib.sha256(b"another test's key").digest())
STRANGER = Signer("carrier-a/disputes", hashlib.sha256(b"nobody's key").digest())
LAST = f"{CONTRACT}-2026-08-r2"
OBJECT = f"/contract/{CONTRACT}/2026-08/object"
REVISED = END + 14 * DAY  # Tuesday, 15 September: the window is open on the 21st


def opened(directory, stack, **kind):
    from dashboards import pages as dashboard_pages
    from dashboards.service import application
    from tests.dashboards.conftest import Site

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("netops.report.fonts.found", lambda: None)
        settings = audited_city.build(directory, keys=(str(KEY.vkey), str(FOREIGN.vkey)), revised_ms=REVISED, **kind)
        patch.setattr("netops.web.pages.load", lambda context: [dashboard_pages.pages(context)])
        patch.setattr("dashboards.pages.Passwords", small_city.cheap)
        return Site(settings, application(settings, small_city.Fixed(), stack), small_city.Fixed())


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with ExitStack() as stack:
        yield opened(tmp_path_factory.mktemp("disputed"), stack)


@pytest.fixture(scope="module")
def bundle(site):
    return issue.place(site.settings, LAST)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The carrier's own directory, with its key."""
    for name, key in (("disputes.key", KEY), ("theirs.key", FOREIGN), ("nobody.key", STRANGER)):
        (tmp_path / name).write_text(key.private_line() + "\n")
        (tmp_path / name).chmod(0o600)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def signed(bundle, *about, key="disputes.key", code="fact", out="o.note", now_ms=small_city.NOW):
    """Sign a note as a carrier does; return its bytes."""
    given = ["object", bundle, "--key", key, "--code", code, *about, "--reason", "见第12号文件", "--out", out]
    assert desks.at_desk(bundle.parent, *given, now_ms=now_ms) == 0
    return Path(out).read_bytes()


def multipart(fields, files):
    """Return a form as a browser sends it; the test client would keep a large one in a file that it leaves open."""
    parts = [f'name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
    for name, called, data in files:
        head = f'name="{name}"; filename="{called}"\r\nContent-Type: application/octet-stream\r\n\r\n'
        parts.append(head.encode() + data)
    return b"".join(b"--frontier\r\nContent-Disposition: form-data; " + each + b"\r\n" for each in parts) + (
        b"--frontier--\r\n"
    )


def send(site, note, *files, role="carrier", to=OBJECT):
    client = site.browser(role)
    sent = [("note", "o.note", note)] if note is not None else []
    sent += [("files", called, data) for called, data in files]
    body = multipart({"csrf": small_city.token(client)}, sent)
    return client.post(to, data=body, content_type="multipart/form-data; boundary=frontier")


def text(answer):
    return unescape(answer.get_data(as_text=True))


def sealed(site):
    """What the core does with the spool of the pages; return the kinds that it sealed."""
    settings = site.settings
    signer = founding.signer(settings)
    with Ledger(issue.ledger_path(settings), origin=settings.ledger_origin, rehearsal=True, signer=signer) as ledger:
        gate = Admission(ledger, tables.url(settings), terms=papers.here(settings, now_ms=small_city.NOW)[1])
        with Register(settings.register_url, rehearsal=True, readonly=True) as register:
            city = snapshot(register, at_ms=small_city.NOW)
        gate.register = lambda: (city, city.contracts)
        found = spool.read(record.spool_path(settings, "web"), after=0, limit=1000)
        entries = [LedgerEntry(each.source, each.sequence, facts.decode(each.payload)) for each in found]
        assert [each for each in entries if not may_state("web", each.fact.kind, rehearsal=True)] == []
        entries = [each for each in entries if ledger.holds(each.source, each.sequence) is None]
        why = gate.refuses(entries, now_ms=small_city.NOW)
        assert [each for each in why if each] == []
        ledger.append(entries, now_ms=small_city.NOW)
        ledger.checkpoint(now_ms=small_city.NOW)
    return [each.fact.kind for each in entries]


def stated(site, kind):
    return [fact.body for fact, _ in record.stated(site.settings, frozenset({kind}))]


# ---- what it sees


def test_a_carrier_sees_its_months_with_bundles_until_when_it_may_object_and_what_was_decided_why(site):
    page = text(site.browser("carrier").get("/disputes"))

    assert "可提出异议至2026年9月30日 00:00" in re.sub(r"<[^>]+>", "", page)
    assert f'href="/contract/{CONTRACT}/bundle/{LAST}.zip"' in page
    assert "半小时内有流量" in page, "the reason of the ruling"
    assert 'href="/disputes/o-1"' in page
    one = text(site.browser("carrier").get("/disputes/o-1"))
    assert "读数为故障" in one, "the reason of the answer"
    assert "半小时内有流量" in one
    assert "部分支持（zhao.lei）" in one


def test_nothing_of_another_carrier_is_there(site):
    client = site.browser("carrier")
    nothing = text(client.get("/disputes/o-nothing"))
    for path in ("/disputes/o-theirs", f"/disputes/notes/{'d' * 64}", "/contract/contract-b/2026-08/object"):
        answer = client.get(path)
        assert (answer.status_code, text(answer)) == (404, nothing), path
    page = text(client.get("/disputes"))

    assert "contract-b" not in page
    assert "乙" not in page
    assert "ddddd" not in page
    everybody = text(site.browser("contract_manager").get("/disputes"))
    assert "o-theirs" in everybody
    assert "ddddd" in everybody


def test_the_commands_to_sign_by_have_the_names_of_the_contract_and_can_be_run_as_they_stand(site, bundle, folder):
    page = text(site.browser("carrier").get(f"{OBJECT}?code=duration&about=wifi-0000@{OUTAGE + H // 2}"))
    (command,) = re.findall(r'c-object" class="copy">([^<]+)<', page)

    assert command == (
        f"netops dispute object {LAST}.zip --key disputes.key --code duration --service wifi-0000"
        ' --from 2026-08-20T18:30 --evidence FILE --reason "REASON"'
    )
    assert "netops dispute key disputes.key --name carrier-a/disputes" in page
    assert str(KEY.vkey) in page
    (folder / f"{LAST}.zip").write_bytes(bundle.read_bytes())
    (folder / "FILE").write_text("停电通知")
    run = shlex.split(command.replace("duration", "cause --asks city"))  # of the length another ruling was made
    assert desks.at_desk(folder, *run[2:], now_ms=small_city.NOW) == 0
    assert [each.name for each in folder.glob("o-*.note")]


# ---- what it hands in


def test_a_note_and_its_file_are_received_with_leaf_and_receipt_and_the_other_side_sees_them(site, bundle, folder):
    (folder / "停电.pdf").write_bytes(b"%PDF power cut")
    note = signed(bundle, "--leaf", "3", "--evidence", "停电.pdf")
    answer = send(site, note, ("停电.pdf", b"%PDF power cut"))
    where = answer.headers["Location"]
    waiting = text(site.browser("carrier").get(where))

    assert answer.status_code == 303
    assert where == f"/disputes/notes/{canonical.digest(note)}"
    assert "已收到并受理" in waiting
    assert "尚未写入账本" in waiting
    assert sealed(site)[-3:] == ["note_received", "objection", "staff_action"]
    done = text(site.browser("carrier").get(where))
    assert "下载回执" in done
    assert "停电.pdf" in done
    receipt = site.browser("carrier").get(f"{where}/receipt").data
    (folder / "o.receipt").write_bytes(receipt)
    (folder / "city.vkey").write_text(founding.signer(site.settings).vkey.__str__() + "\n")
    told = desks.at_desk(folder, "check", "o.receipt", "--note", "o.note", "--vkey", "city.vkey", "--rehearsal")
    assert told == 0
    (name,) = [each["objection"] for each in stated(site, "objection") if each.get("code") == "fact"]
    manager = text(site.browser("contract_manager").get(f"/disputes/{name}"))
    assert "停电.pdf" in manager
    digest = canonical.digest(b"%PDF power cut")
    file = site.browser("contract_manager").get(f"{where}/files/{digest}", buffered=True)
    assert file.data == b"%PDF power cut"
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert file.mimetype == "application/octet-stream"
    assert send(site, note).headers["Location"] == where, "the same note again is the same word"
    assert len([each for each in stated(site, "objection") if each["objection"] == name]) == 1
    assert {"action": "note handed in", "subject": canonical.digest(note), "by": "carrier"} in stated(
        site, "staff_action"
    )


def test_a_note_without_its_file_counts_at_once_and_the_file_comes_later(site, bundle, folder):
    (folder / "a.txt").write_text("one")
    (folder / "b.txt").write_text("two")
    note = signed(bundle, "--leaf", "4", "--evidence", "a.txt", "--evidence", "b.txt")
    where = send(site, note).headers["Location"]
    listing = (folder / "o.note.files").read_bytes()
    assert "还没有递交" in text(site.browser("carrier").get(where))

    assert send(site, None, ("a.txt", b"one"), to=where).status_code == 400, "nobody knows yet that it is named"
    assert send(site, None, ("list", listing), ("a.txt", b"one"), to=where).status_code == 303
    lacking = text(site.browser("carrier").get(where))
    assert "b.txt" in lacking
    assert send(site, None, ("b.txt", b"two"), to=where).status_code == 303
    assert "还没有递交" not in text(site.browser("carrier").get(where))


@pytest.mark.parametrize("key", ["nobody.key", "theirs.key"])
def test_a_note_by_no_key_of_the_carriers_is_refused_with_the_remedy_and_nothing_is_stated(site, bundle, folder, key):
    before = len(stated(site, "note_received")), len(stated(site, "note_refused"))
    answer = send(site, signed(bundle, "--leaf", "5", key=key))

    assert answer.status_code == 400
    assert "没有受信公钥的签名" in text(answer)
    assert "登记在市方的密钥" in text(answer)
    assert (len(stated(site, "note_received")), len(stated(site, "note_refused"))) == before


def by_hand(key, **changed):
    """Return an objection by a carrier's own tool, which asked nobody whether it may say so."""
    told = {"report": LAST, "manifest_digest": "0" * 64, "made_ms": small_city.NOW, "reason": "x"}
    told |= {"code": "fact", "target": "leaf:20"} | changed
    return key.sign(f"netops-dispute/1 objection\n{canonical.dumps(told).decode()}\n")


@pytest.mark.parametrize(
    ("changed", "why", "what"),
    [
        pytest.param({}, "函件所签的文件不是以", "最新修订的证据包", id="another file"),
        pytest.param({"report": f"{CONTRACT}-2026-08-r1"}, "取代", "最新修订的证据包", id="an old revision"),
        pytest.param({"reason": "致电13800138000"}, "提到了个人", "不写电话", id="a telephone number"),
        pytest.param({"report": "wifi-9"}, "没有报告 'wifi-9'", "须与账本一致", id="an unknown report"),
    ],
)
def test_a_note_by_the_carriers_key_that_is_refused_is_sealed_with_its_reason_and_has_a_receipt(
    site, changed, why, what
):
    answer = send(site, by_hand(KEY, **changed))
    where = answer.headers["Location"]
    page = text(site.browser("carrier").get(where))

    assert "已收到，没有受理" in page
    assert why in page
    assert what in page
    sealed(site)
    assert site.browser("carrier").get(f"{where}/receipt").status_code == 200
    assert why in text(site.browser("carrier").get("/disputes"))


def test_a_late_note_is_received_refused_and_told_so(site, bundle, folder):
    note, late = signed(bundle, "--leaf", "6"), site.clock.now_ms() + 12 * DAY
    site._clients.clear()  # who was logged in then is so no more
    with pytest.MonkeyPatch.context() as then:
        then.setattr(small_city.Fixed, "now_ms", lambda self: late)
        page = text(site.browser("carrier").get(send(site, note).headers["Location"]))
        form = text(site.browser("carrier").get(OBJECT))
    site._clients.clear()

    assert "已迟：对报告" in page
    assert "期限已过" in page
    assert "期限已过" in form


def test_another_carriers_report_and_note_are_as_if_they_were_not_there(site):
    mine = send(site, by_hand(KEY, report=OTHERS_REPORT))
    page = text(site.browser("carrier").get(mine.headers["Location"]))
    assert f"没有报告 '{OTHERS_REPORT}'" in page
    (came,) = (each for each in stated(site, "note_received") if mine.headers["Location"].endswith(each["digest"]))
    assert "report" not in came, "no silence of theirs waits for our note"

    theirs, nothing = (send(site, by_hand(FOREIGN, report=name)) for name in (OTHERS_REPORT, "wifi-9"))
    assert theirs.status_code == nothing.status_code == 400
    plain = [re.sub(r'value="[0-9a-f]{64}"', "", text(each)) for each in (theirs, nothing)]
    assert plain[0] == plain[1]


# ---- what attacks


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/passwd",
        "..\\..\\x.exe",
        "/etc/cron.d/x",
        "a\x00b",
        "x" * 900,
        "\u202egnp.exe",
        ".",
        "",
        "夏\u200b季.pdf",
    ],
)
def test_a_name_leads_nowhere_and_hides_nothing(tmp_path, name):
    made = attached.harmless(name)

    assert made
    assert len(made) <= attached.MOST_NAME
    assert not set(made) & set('/\\<>:"|?*;\x00')
    assert made.isprintable()
    assert not made.startswith(".")


def test_what_is_kept_lies_below_its_note_alone_whatever_it_is_called(site, bundle, folder):
    (folder / "e").write_bytes(b"evil")
    note = signed(bundle, "--leaf", "7", "--evidence", "e")
    before = {path for path in site.settings.data.dir.rglob("*") if path.is_file()}
    assert send(site, note, ("../../../../tmp/carried-away", b"evil")).status_code == 303
    fresh = {path for path in site.settings.data.dir.rglob("*") if path.is_file()} - before

    place = site.settings.data.dir / "objections" / canonical.digest(note)
    assert {path.parent for path in fresh if "spool" not in str(path)} == {place}
    assert [each.name for each in Shelf(site.settings).held(canonical.digest(note))] == ["carried-away"]


def test_a_file_that_the_note_does_not_name_is_not_kept_and_the_note_counts_all_the_same(site, bundle, folder):
    note = signed(bundle, "--leaf", "8")
    answer = send(site, note, ("other.pdf", b"other"))

    assert answer.status_code == 400
    assert "已收到并受理" in text(answer)
    assert "没有保存：other.pdf" in text(answer)
    assert Shelf(site.settings).held(canonical.digest(note)) == []


def test_too_many_files_and_too_many_bytes_are_refused_before_anything_is_stated(site, bundle, folder):
    note = signed(bundle, "--leaf", "9")
    before = stated(site, "note_received")
    many = send(site, note, *[(f"{n}.txt", b"x") for n in range(attached.MOST + 1)])
    large = send(site, note, ("large.bin", b"\0" * 1_000_001))
    swollen = send(site, b"x" * 20_000)
    empty, none = send(site, b""), send(site, None)

    assert [each.status_code for each in (many, large, swollen, empty, none)] == [400, 413, 400, 400, 400]
    assert f"一次最多 {attached.MOST} 个" in text(many)
    assert stated(site, "note_received") == before


def test_more_files_than_a_note_may_have_are_not_kept_in_turns_either(tmp_path, site):
    shelf = Shelf(site.settings)
    digest = "e" * 64
    shelf.keep(digest, [attached.File(name=f"{n}", data=bytes([n])) for n in range(attached.MOST)])
    with pytest.raises(Exception, match="expected at most 20"):
        shelf.keep(digest, [attached.File(name="one more", data=b"one more")])

    assert len(shelf.held(digest)) == attached.MOST


def test_a_bomb_is_a_file_like_any_other_for_nobody_opens_it(site, bundle, folder):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("zeros", b"\0" * 200_000_000)
    bomb = packed.getvalue()
    (folder / "bomb.zip").write_bytes(bomb)
    note = signed(bundle, "--leaf", "10", "--evidence", "bomb.zip")

    assert send(site, note, ("bomb.zip", bomb)).status_code == 303
    (kept,) = Shelf(site.settings).held(canonical.digest(note))
    assert kept.size == len(bomb) < 300_000


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfe", b"{" * 15_000, b"netops-dispute/1 objection\n" + b"[" * 9_000 + b"\n\nx", b"\n\n\xe2\x80\x94 a b\n"],
)
def test_bytes_that_are_no_note_are_said_to_be_none(site, data):
    assert send(site, data).status_code == 400


def test_a_form_without_its_token_and_a_role_that_buys_are_refused(site, bundle, folder):
    note = signed(bundle, "--leaf", "11")
    client = site.browser("carrier")
    sent = {"note": (io.BytesIO(note), "o.note")}
    assert client.post(OBJECT, data=sent, content_type="multipart/form-data").status_code == 403
    assert send(site, note, role="contract_manager").status_code == 403
    assert send(site, note, role="auditor").status_code == 403

    assert [each for each in stated(site, "note_received") if each["digest"] == canonical.digest(note)] == []


def test_a_file_is_asked_for_by_its_digest_alone(site):
    (name,) = [canonical.digest(note) for note in [b"nothing"]]
    for path in (f"/disputes/notes/{name}/files/..%2f..%2fledger.db", f"/disputes/notes/..%2f..%2f/files/{name}"):
        assert site.browser("carrier").get(path).status_code == 404
