"""A contract manager states that a report is final and that it was settled: what it means first, by whom, refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import small_city
from audited_city import CONTRACT, OTHERS_REPORT

from netops.dispute import deciding, papers
from netops.evidence import canonical
from tests.dashboards.test_objections import LAST, folder, sealed, send, stated, text
from tests.dashboards.test_rulings import REASON, SECOND, answered, city, objected, plain, say, site
from tests.netops.dispute import desks

__all__ = ["city", "folder", "site"]  # the fixtures
PATH = f"/disputes/closing/{LAST}"
MONTH = f"/contract/{CONTRACT}/2026-08"


def accepted(site, folder):
    """Have the carrier accept the report, and the core seal it; return what the report owes."""
    bundle = folder / f"{LAST}.zip"
    given = ["accept", bundle, "--key", "disputes.key", "--out", "yes.note"]
    assert desks.at_desk(folder, *given, now_ms=small_city.NOW) == 0
    assert send(site, Path("yes.note").read_bytes()).status_code == 303
    sealed(site)
    known, _ = papers.here(site.settings, now_ms=small_city.NOW)
    return known.cases.of_report(LAST).last


def close(site, word=deciding.FINAL, role="contract_manager", what="state", **fields):
    return say(site, PATH, role, what=what, word=word, **fields)


def finished(site, folder):
    last = accepted(site, folder)
    assert close(site).status_code == 303
    sealed(site)
    return last


def test_what_becomes_final_and_what_ends_is_said_before_it_is_stated(site, folder):
    last = accepted(site, folder)
    client = site.browser("contract_manager")
    assert f'href="{PATH}"' in text(client.get("/disputes/waiting"))
    assert f'href="{PATH}"' in text(client.get(MONTH))
    page = plain(client.get(PATH))

    assert f"本月扣减 {last.amount} CNY，即报告 {LAST} 封存时所写" in page
    assert "此后不能再对本月的报告提出异议" in page
    assert "以后若出修订，只作说明，不改变已定的金额" in page
    assert f"netops dispute final {LAST} --as contract_manager" in page
    assert last.digest in page
    assert stated(site, "report_final") == [], "looking states nothing"


def test_a_report_is_final_then_settled_and_both_sides_read_it(site, folder):
    last = accepted(site, folder)
    assert close(site).headers["Location"] == PATH
    assert "上一步还在写入账本" in plain(site.browser("contract_manager").get(PATH))
    assert sealed(site)[-1] == "report_final"
    told = {"report": LAST, "digest": last.digest, "amount": last.amount, "currency": "CNY", "by": "contract_manager"}
    assert stated(site, "report_final") == [told]
    page = plain(site.browser(SECOND).get(PATH))
    assert f"须与定稿的金额一致：{last.amount} CNY" in page

    seen = plain(close(site, deciding.SETTLED, SECOND, what="preview", amount=last.amount))
    assert f"记下 {last.amount} CNY 已经支付或抵扣" in seen
    assert f"netops dispute settle {LAST} {last.amount} CNY --as {SECOND}" in seen
    assert stated(site, "report_settled") == [], "a preview states nothing"
    assert close(site, deciding.SETTLED, SECOND, amount=last.amount).status_code == 303
    assert sealed(site)[-1] == "report_settled"
    for role in ("carrier", "auditor", "contract_manager"):
        for path in ("/disputes", MONTH):
            shown = plain(site.browser(role).get(path))
            assert "已结清" in shown, (role, path)
            assert f"{LAST} · {last.amount} CNY · contract_manager" in shown, (role, path)
            assert f"结清 {last.amount} CNY · {SECOND}" in shown, (role, path)
    assert "本月的争议到此结束" in plain(site.browser("contract_manager").get(PATH))
    assert f'href="{PATH}"' not in text(site.browser("contract_manager").get("/disputes/waiting"))


def test_what_nobody_was_shown_is_not_stated(site, folder):
    accepted(site, folder)
    blind = close(site, seen="0" * 64)

    assert blind.status_code == 200
    assert "没有提交" in text(blind)
    assert stated(site, "report_final") == []


def test_page_and_command_state_one_fact(site, folder):
    accepted(site, folder)
    known, find = papers.here(site.settings, now_ms=small_city.NOW)
    made = deciding.final(known, find, LAST, by="contract_manager", now_ms=small_city.NOW)
    page = text(site.browser("contract_manager").get(PATH))

    assert canonical.dumps(dict(made.body)).decode() in page
    assert close(site).status_code == 303
    assert stated(site, "report_final") == [dict(made.body)]


@pytest.mark.parametrize(("language", "said"), [
    ("zh-CN", f"报告 '{LAST}'：它既未被认可，也未经裁定；期限未过"),
    ("en", f"report '{LAST}': it is neither accepted nor ruled on; its window is open"),
])  # fmt: skip
def test_a_report_that_can_be_objected_to_is_not_final_and_it_is_said_in_the_language_of_the_page(site, language, said):
    site.browser("contract_manager").get(f"/?lang={language}")
    refused = say(site, f"{PATH}?lang={language}", word=deciding.FINAL)
    site.browser("contract_manager").get("/?lang=zh-CN")

    assert refused.status_code == 403
    assert said in text(refused)
    assert stated(site, "report_final") == []
    assert f'href="{PATH}"' not in text(site.browser("contract_manager").get("/disputes/waiting"))


@pytest.mark.parametrize(("outcome", "said"), [
    ("dismissed", f"报告 '{LAST}' 仍可提出异议，至 2026-09-30 00:00 Asia/Shanghai"),
    ("upheld", "已获支持；须先以 `netops report build` 出具随之的修订"),
])  # fmt: skip
def test_after_a_ruling_it_is_told_what_must_come_first(site, folder, outcome, said):
    name = objected(site, folder)
    answered(site, name)
    assert say(site, f"/disputes/{name}/rule", SECOND, outcome=outcome, reason=REASON).status_code == 303
    sealed(site)
    client = site.browser("contract_manager")

    assert said in text(client.get("/disputes/waiting"))
    assert said in text(client.get(PATH))
    assert 'value="state"' not in text(client.get(PATH)), "no button for what would be refused"
    assert close(site).status_code == 403
    assert stated(site, "report_final") == []


@pytest.mark.parametrize(("amount", "status", "said"), [
    ("1.00", 403, "1.00 CNY 不是定稿的报告"), ("", 400, "应按定稿的报告书写"), ("1/3", 400, "应按定稿的报告书写"),
    ("1e9", 400, "应按定稿的报告书写"), ("-5", 400, "应按定稿的报告书写"), ("１", 400, "应按定稿的报告书写"),
])  # fmt: skip
def test_another_amount_is_refused_and_kept_in_the_form(site, folder, amount, status, said):
    finished(site, folder)
    refused = close(site, deciding.SETTLED, amount=amount)

    assert refused.status_code == status
    assert said in text(refused)
    assert f'value="{amount}"' in text(refused)
    assert stated(site, "report_settled") == []


def test_each_word_is_said_once_and_in_its_order(site, folder):
    last = accepted(site, folder)
    early = close(site, deciding.SETTLED, amount=last.amount)
    assert early.status_code == 403
    assert close(site).status_code == 303
    waits = close(site)
    assert (waits.status_code, "上一步还在写入账本" in text(waits)) == (400, True)
    sealed(site)
    twice = close(site)

    assert twice.status_code == 403
    assert "它已定稿" in text(twice)
    assert len(stated(site, "report_final")) == 1


def test_a_login_of_long_ago_reads_and_states_nothing(site, folder):
    accepted(site, folder)
    site.browser("contract_manager").get("/disputes")
    later = replace(site.clock, at_ms=small_city.NOW + 16 * 60_000)
    for each in site.app.view_functions.values():
        for cell in getattr(each, "__closure__", None) or ():
            if type(cell.cell_contents).__name__ == "Desk":
                object.__setattr__(cell.cell_contents, "clock", later)
    seen, refused = site.browser("contract_manager").get(PATH), close(site)

    assert "disabled>提交定稿" in text(seen)
    assert refused.status_code == 403
    assert "登录已超过 15 分钟" in text(refused)
    assert stated(site, "report_final") == []


def test_nobody_else_sees_or_says_it(site, folder):
    accepted(site, folder)
    for role in ("viewer", "operator", "auditor", "privacy_officer", "admin", "carrier"):
        assert site.browser(role).get(PATH).status_code == 403, role
        assert close(site, role=role).status_code == 403, role
    assert site.browser("of.b").get(PATH).status_code == 404
    assert close(site, role="of.b").status_code == 404
    assert site.browser("of.b").get(f"/disputes/closing/{OTHERS_REPORT}").status_code == 200
    assert LAST not in text(site.browser("of.b").get("/disputes/waiting"))
    assert stated(site, "report_final") == []


def test_a_revision_that_was_replaced_leads_to_the_newest(site, folder):
    accepted(site, folder)
    old = f"{CONTRACT}-2026-08-r1"
    client = site.browser("contract_manager")

    assert f'href="{PATH}"' in text(client.get(f"/disputes/closing/{old}"))
    refused = say(site, f"/disputes/closing/{old}", word=deciding.FINAL)
    assert refused.status_code == 403
    assert f"报告 '{old}' 已由 '{LAST}' 取代" in text(refused)
