"""A contract manager answers an objection and another rules on it: what waits, what it would move, who may say it."""

from __future__ import annotations

import re
import shlex
import shutil
from contextlib import ExitStack
from dataclasses import replace

import pytest
import small_city
from audited_city import CONTRACT, OUTAGE, H

from dashboards import rulings, words
from dashboards.supposing import Forecast
from netops.dispute import attached, deciding, papers
from netops.dispute.attached import Shelf
from netops.evidence import canonical
from netops.ledger_file import LedgerReader
from netops.report import issue
from tests.dashboards.test_objections import LAST, folder, multipart, opened, sealed, send, signed, stated, text

__all__ = ["folder"]  # the fixture
SECOND = "zhao.lei"
REASON = "市电在该时段正常"


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    """A city in which a second contract manager works, and one who sees another carrier's part alone."""
    directory = tmp_path_factory.mktemp("ruled")
    with ExitStack() as stack:
        site = opened(directory, stack)
        small_city.seeing(site.settings, SECOND, role="contract_manager")
        small_city.seeing(site.settings, "of.b", "carrier:carrier-b", role="contract_manager")
    return directory


@pytest.fixture
def site(city, tmp_path_factory, folder):
    directory = tmp_path_factory.mktemp("own")
    shutil.copytree(city, directory, dirs_exist_ok=True)
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patience:
        patience.setattr("dashboards.supposing.WAIT_S", 60)
        patience.setattr(
            "tests.dashboards.test_objections.audited_city.build", lambda there, **_: small_city.settings(there)
        )
        made = opened(directory, stack)
        (folder / f"{LAST}.zip").write_bytes(issue.place(made.settings, LAST).read_bytes())
        yield made


def objected(site, folder, *about, code="no_outage"):
    """Have the carrier object, and the core seal it; return the objection's name."""
    about = about or ("--service", "wifi-0000", "--from", "2026-08-20T18:30")
    note = signed(folder / f"{LAST}.zip", *about, code=code)
    (folder / "o.note").unlink()
    assert send(site, note).status_code == 303
    sealed(site)
    return stated(site, "objection")[-1]["objection"]


def say(site, path, role="contract_manager", what="state", files=(), **fields):
    client = site.browser(role)
    if what == "state" and "seen" not in fields:  # of what the preview showed
        fields["seen"] = seen_of(say(site, path, role, "preview", files, **fields))
    body = multipart({"csrf": small_city.token(client), "what": what, **fields}, [("file", *each) for each in files])
    return client.post(path, data=body, content_type="multipart/form-data; boundary=frontier")


def seen_of(answer):
    """Return by what a page knows again what it showed; nothing where it showed no word to be stated."""
    found = re.search(r'name="seen" value="([0-9a-f]{64})"', text(answer))
    return found[1] if found else ""


def command(*words, reason=REASON):
    return "netops dispute " + shlex.join([*words, "--reason", reason])


def plain(answer):
    return " ".join(re.sub(r"<[^>]+>", " ", text(answer)).split())


def answered(site, name, **fields):
    told = {"stance": "rejected", "reason": REASON, **fields}
    assert say(site, f"/disputes/{name}/answer", **told).status_code == 303
    sealed(site)


def test_what_waits_stands_with_its_deadline_in_working_days_and_what_to_do(site, folder):
    name = objected(site, folder)
    page = plain(site.browser("contract_manager").get("/disputes/waiting"))
    found = text(site.browser("contract_manager").get("/disputes/waiting"))

    assert f'href="/disputes/{name}/answer"' in found
    assert "今天之后还有 5 个工作日" in page, "Monday; due at the end of the next Monday"
    answered(site, name)
    found = text(site.browser(SECOND).get("/disputes/waiting"))
    assert f'href="/disputes/{name}/rule"' in found
    assert "不认可（contract_manager）" in found
    assert f'href="/disputes/{name}/rule"' not in text(site.browser("contract_manager").get("/disputes/waiting"))
    assert "由另一人裁定" in text(site.browser("contract_manager").get("/disputes/waiting"))


def test_an_answer_is_shown_first_then_stated_with_its_file_which_both_sides_take(site, folder):
    name = objected(site, folder)
    path = f"/disputes/{name}/answer"
    file = ("市电.pdf", b"%PDF power")
    seen = say(site, path, what="preview", stance="rejected", reason=REASON, files=[file])
    digest = canonical.digest(b"%PDF power")

    assert seen.status_code == 200
    assert stated(site, "rebuttal")[-1]["objection"] != name, "a preview states nothing"
    assert digest in text(seen)
    assert f"{command('rebut', name, 'rejected', '--evidence', 'FILE')} --as contract_manager" in text(seen)
    assert say(site, path, stance="rejected", reason=REASON, evidence=digest).headers["Location"] == f"/disputes/{name}"
    assert sealed(site)[-1] == "rebuttal"
    assert stated(site, "rebuttal")[-1] == {
        "objection": name, "stance": "rejected", "reason": REASON, "by": "contract_manager", "evidence_digest": digest,
    }  # fmt: skip
    for role in ("carrier", "contract_manager"):
        shown = text(site.browser(role).get(f"/disputes/{name}"))
        assert REASON in shown
        taken = site.browser(role).get(f"/disputes/{name}/answer/{digest}", buffered=True)
        assert taken.data == b"%PDF power"
        assert taken.headers["Content-Disposition"].startswith("attachment")
    other = attached.File(name="x", data=b"not named")
    Shelf(site.settings).keep(attached.of_answer(name), [other])
    assert site.browser("carrier").get(f"/disputes/{name}/answer/{other.digest}").status_code == 404


def test_a_file_from_a_page_that_lay_open_leaves_the_one_that_the_given_answer_names(site, folder):
    name = objected(site, folder)
    path = f"/disputes/{name}/answer"
    digest = canonical.digest(b"the one")
    assert say(site, path, stance="rejected", reason=REASON, files=[("a.pdf", b"the one")]).status_code == 303
    unsealed = say(site, path, SECOND, what="preview", stance="accepted", reason="x", files=[("b.pdf", b"another")])
    sealed(site)
    late = say(site, path, SECOND, what="preview", stance="accepted", reason="x", files=[("b.pdf", b"another")])

    assert (unsealed.status_code, late.status_code) == (403, 403)
    assert "文件没有收下" in text(unsealed)
    assert "文件没有收下" in text(late)
    assert site.browser("carrier").get(f"{path}/{digest}", buffered=True).data == b"the one"


def test_a_file_that_comes_while_the_answer_is_stated_leaves_the_one_that_it_names(site, folder, monkeypatch):
    """Whoever looked before the answer was stated, and kept a file after it, deleted the file that it names."""
    name = objected(site, folder)
    path, digest = f"/disputes/{name}/answer", canonical.digest(b"the one")
    kept, first = Shelf.keep, []

    def keep(shelf, place, files, **about):
        if not first:
            first.append(say(site, path, stance="rejected", reason=REASON, evidence=digest).status_code)
        kept(shelf, place, files, **about)

    Shelf(site.settings).keep(attached.of_answer(name), [attached.File(name="a.pdf", data=b"the one")])
    with monkeypatch.context() as patch:
        patch.setattr(Shelf, "keep", keep)
        late = say(site, path, SECOND, what="preview", stance="accepted", reason="x", files=[("b.pdf", b"another")])
    sealed(site)

    assert (first, late.status_code) == ([303], 403)
    assert site.browser("carrier").get(f"{path}/{digest}", buffered=True).data == b"the one"


def test_an_answer_whose_file_was_replaced_meanwhile_is_not_stated(site, folder, monkeypatch):
    name = objected(site, folder)
    path, digest = f"/disputes/{name}/answer", canonical.digest(b"the one")
    shelf = Shelf(site.settings)
    shelf.keep(attached.of_answer(name), [attached.File(name="a.pdf", data=b"the one")])
    seen = seen_of(say(site, path, what="preview", stance="rejected", reason=REASON, evidence=digest))
    told = rulings._told

    def replaced(desk, objection):
        shelf.only(attached.of_answer(name), "0" * 64)
        return told(desk, objection)

    monkeypatch.setattr(rulings, "_told", replaced)
    refused = say(site, path, stance="rejected", reason=REASON, evidence=digest, seen=seen)

    assert refused.status_code == 400
    assert "这个文件没有保存" in text(refused)


def test_what_is_stated_is_what_was_shown(site, folder, monkeypatch):
    """What a ruling moves may change under a page that lies open: by another ruling, an outage, a waiver."""
    name = objected(site, folder)
    path, said = f"/disputes/{name}/answer", {"stance": "rejected", "reason": REASON}
    blind = say(site, path, seen="", **said)
    assert (blind.status_code, "没有提交" in text(blind)) == (200, True)
    other = say(site, path, seen=seen_of(say(site, path, what="preview", **{**said, "reason": "x"})), **said)
    assert (other.status_code, "没有提交" in text(other)) == (200, True)
    assert name not in {each["objection"] for each in stated(site, "rebuttal")}
    assert say(site, path, seen=seen_of(other), **said).status_code == 303, "the page that says so shows it anew"
    sealed(site)

    path, said = f"/disputes/{name}/rule", {"outcome": "upheld", "reason": REASON}
    seen = seen_of(say(site, path, SECOND, what="preview", **said))
    effect = {"before": "9.00", "after": "5.00", "change": "-4.00", "time": {}, "values": {}}
    monkeypatch.setattr(rulings.Forecasts, "of", lambda *_, **__: Forecast(effect=effect))
    monkeypatch.setattr("dashboards.figures.rows", lambda _: [])
    late = say(site, path, SECOND, seen=seen, **said)
    assert (late.status_code, "没有提交" in text(late), "9.00 → 5.00" in text(late)) == (200, True, True)
    assert name not in {each["objection"] for each in stated(site, "ruling")}
    assert say(site, path, SECOND, seen=seen_of(late), **said).status_code == 303


def test_an_evidence_that_nobody_sent_is_not_stated(site, folder):
    name = objected(site, folder)
    refused = say(site, f"/disputes/{name}/answer", stance="rejected", reason=REASON, evidence="a" * 64)

    assert refused.status_code == 400
    assert "这个文件没有保存" in text(refused)
    assert REASON in text(refused), "what was typed is not lost"
    assert name not in {each["objection"] for each in stated(site, "rebuttal")}


def test_what_a_ruling_would_move_is_what_the_revision_says_it_moved(site, folder):
    """The preview is held against the report that the core builds once the ruling is sealed."""
    name = objected(site, folder)
    answered(site, name)
    path, said = f"/disputes/{name}/rule", {"outcome": "upheld", "reason": "流量正常"}
    page = plain(say(site, path, SECOND, what="preview", **said))
    assert name not in {each["objection"] for each in stated(site, "ruling")}
    assert say(site, path, SECOND, **said).headers["Location"] == f"/disputes/{name}"
    assert sealed(site)[-1] == "ruling"
    with LedgerReader(issue.ledger_path(site.settings)) as ledger:
        draft = issue.prepare(site.settings, ledger, contract=CONTRACT, month="2026-08", now_ms=small_city.NOW)
    (row,) = [each for each in draft.report.content["objections"] if each["objection"] == name]
    effect = row["effect"]

    assert float(effect["change"]) < 0, "else nothing is looked at"
    assert f"{effect['before']} → {effect['after']} CNY ( {effect['change']} )" in page.replace("(-", "( -").replace(
        ") ", " ) "
    )
    for _, _, objective, before, after in effect["values"]["rows"]:
        assert f"wifi/{objective}: {before[:-3]} → {after[:-3]} %" in page
    assert effect["time"]["rows"]
    for _, objective, moved_ms in effect["time"]["rows"]:
        assert f"wifi/{objective}: {words.span(moved_ms)} 改变归类" in page
    shown = plain(site.browser("carrier").get(f"/disputes/{name}"))
    assert f"支持（{SECOND}）" in shown
    assert "流量正常" in shown


def test_a_part_is_previewed_with_its_time_and_the_same_command(site, folder):
    name = objected(site, folder)
    answered(site, name)
    said = {"outcome": "partly_upheld", "reason": REASON, "to": "2026-08-20T19:00"}
    page = text(say(site, f"/disputes/{name}/rule", SECOND, what="preview", **said))
    assert (
        f"{command('rule', name, 'partly_upheld', '--decides', 'up', '--to', '2026-08-20T19:00')} --as {SECOND}" in page
    )
    known, find = papers.here(site.settings, now_ms=small_city.NOW)
    ruling = deciding.Ruling(outcome="partly_upheld", reason=REASON, end="2026-08-20T19:00")
    fact = deciding.rule(known, find, name, ruling, by=SECOND, now_ms=small_city.NOW)
    assert canonical.dumps(dict(fact.body)).decode() in page
    assert fact.body["end_ms"] == OUTAGE + H


def test_what_no_ruling_moves_is_said_in_the_words_of_the_command(site, folder):
    name = objected(site, folder, "--leaf", "3", code="fact")
    answered(site, name)
    client = site.browser(SECOND)
    page = text(say(site, f"/disputes/{name}/rule", SECOND, what="preview", outcome="upheld", reason="x"))
    assert "须重新陈述该小时（netops sla correct）" in page
    assert "没有数字改变" in page
    assert "不改变任何数字" in text(
        say(site, f"/disputes/{name}/rule", SECOND, what="preview", outcome="dismissed", reason="x")
    )
    client.get("/?lang=en")
    english = text(say(site, f"/disputes/{name}/rule?lang=en", SECOND, what="preview", outcome="upheld", reason="x"))
    assert "must be stated again" in english
    client.get("/?lang=zh-CN")


def test_one_answers_and_another_rules_whatever_is_posted(site, folder):
    name = objected(site, folder)
    early = say(site, f"/disputes/{name}/rule", SECOND, outcome="upheld", reason="x")
    assert early.status_code == 403
    assert "尚未答复；答复之后才能裁定" in text(early)
    answered(site, name)
    same = say(site, f"/disputes/{name}/rule", outcome="upheld", reason="x")
    twice = say(site, f"/disputes/{name}/answer", SECOND, stance="accepted", reason="x")

    assert same.status_code == 403
    assert "须由另一人裁定" in text(same)
    assert twice.status_code == 403
    assert [each["objection"] for each in stated(site, "ruling")].count(name) == 0
    assert "由另一位合同经理裁定" in text(site.browser("contract_manager").get(f"/disputes/{name}/rule"))


def test_a_word_waits_until_the_one_before_is_sealed(site, folder):
    """It may lie in the spool of the command line, which the core may look at later."""
    name = objected(site, folder)
    assert say(site, f"/disputes/{name}/answer", stance="rejected", reason=REASON).status_code == 303
    waits = say(site, f"/disputes/{name}/rule", SECOND, outcome="upheld", reason="x")

    assert waits.status_code == 400
    assert "上一步还在写入账本" in text(waits)
    sealed(site)
    assert say(site, f"/disputes/{name}/rule", SECOND, outcome="upheld", reason="x").status_code == 303


def test_a_login_of_long_ago_previews_and_states_nothing(site, folder):
    name = objected(site, folder)
    site.browser("contract_manager").get("/disputes")
    later = replace(site.clock, at_ms=small_city.NOW + 16 * 60_000)
    for each in site.app.view_functions.values():
        for cell in getattr(each, "__closure__", None) or ():
            if type(cell.cell_contents).__name__ == "Desk":
                object.__setattr__(cell.cell_contents, "clock", later)
    seen = say(site, f"/disputes/{name}/answer", what="preview", stance="rejected", reason=REASON)
    refused = say(site, f"/disputes/{name}/answer", stance="rejected", reason=REASON)

    assert seen.status_code == 200
    assert "disabled>提交答复" in text(seen)
    assert refused.status_code == 403
    assert REASON in text(refused), "what was typed is not lost"
    assert name not in {each["objection"] for each in stated(site, "rebuttal")}


def test_nobody_else_sees_or_says_it(site, folder):
    name = objected(site, folder)
    for role in ("viewer", "operator", "auditor", "privacy_officer", "admin", "carrier"):
        assert site.browser(role).get("/disputes/waiting").status_code == 403, role
        assert site.browser(role).get(f"/disputes/{name}/answer").status_code == 403, role
        assert say(site, f"/disputes/{name}/answer", role, stance="accepted", reason="x").status_code == 403, role
    client = site.browser("of.b")
    assert client.get("/disputes/waiting").status_code == 200
    assert name not in text(client.get("/disputes/waiting"))
    for path in (f"/disputes/{name}/answer", f"/disputes/{name}/rule"):
        assert client.get(path).status_code == 404
        assert say(site, path, "of.b", stance="accepted", outcome="upheld", reason="x").status_code == 404
    assert "o-theirs" in text(client.get("/disputes/waiting"))
    assert stated(site, "rebuttal")[-1]["objection"] != name


@pytest.mark.parametrize("wrong", [
    {"outcome": "maybe", "reason": "x"}, {"outcome": "upheld", "reason": ""},
    {"outcome": "upheld", "reason": "致电13800138000"}, {"outcome": "upheld", "reason": "x" * 1501},
    {"outcome": "upheld", "reason": "x", "decides": "carrier"}, {"outcome": "upheld", "reason": "x", "from": "never"},
    {"outcome": "upheld", "reason": "x", "minutes": "9e9"}, {"outcome": "dismissed", "reason": "x", "decides": "up"},
])  # fmt: skip
def test_what_no_ruling_may_say_is_refused_and_kept_in_the_form(site, folder, wrong):
    name = objected(site, folder)
    answered(site, name)
    refused = say(site, f"/disputes/{name}/rule", SECOND, **wrong)

    assert refused.status_code == 400
    assert wrong["reason"] in text(refused)
    assert [each for each in stated(site, "ruling") if each["objection"] == name] == []


def test_hostile_words_are_data_on_the_form_the_preview_and_the_page(site, folder):
    name = objected(site, folder)
    for index, evil in enumerate(small_city.HOSTILE):
        file = ("".join(sign for sign in evil if sign not in '"\r\n'), b"x")
        said = {"stance": "rejected", "reason": f"{index} {evil}"}
        page = say(site, f"/disputes/{name}/answer", what="preview", files=[file], **said).get_data(as_text=True)

        assert evil not in page or "<" not in evil
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "\u202e" not in page
