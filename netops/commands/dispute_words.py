"""What `netops dispute status` says, in the two languages of the city's pages; JSON stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netops.dispute.states import DEADLINE
from netops.report.words import WORDS, worded

if TYPE_CHECKING:
    from collections.abc import Mapping

# (English, Chinese)
SAID: Mapping[str, tuple[str, str]] = {
    "none": ("no report was issued yet", "尚未出具任何报告"),
    "strangers": (
        "netops dispute: {count} notes were handed in and not sealed, the last {last}",
        "netops dispute：{count} 份函件已提交而未封存，最近一份 {last}",
    ),
    "refused": (
        "note {digest}…  by {by!r}: refused {at}: {reason!r}",
        "函件 {digest}…  {by!r}：{at} 不予受理：{reason!r}",
    ),
    "owes": (", owes {amount} {currency}", "，应扣减 {amount} {currency}"),
    "until": (", to be objected to until {at}", "，异议截止 {at}"),
    "kept": (
        " (kept open until {at}: the core was not there to hear)",
        "（延至 {at}：其间市方核心停运，无法受理）",
    ),
    "objection_to": ("{id}  {code}: {what}; by {by!r}: {stage}", "{id}  {code}：{what}；{by!r} 提出：{stage}"),
    "due": (" until {at}", "，截止 {at}"),
    "by": ("{word} by {who}", "{word}（{who}）"),
    "to_rule": (", to be ruled on", "，待裁定"),
    "to_answer": ("to be answered", "待答复"),
    "draft": ("draft", "草稿"),
    "issued": ("issued", "已出具"),
    "accepted": ("accepted", "已接受"),
    "objection": ("objection", "异议待答复"),
    "rebuttal": ("rebuttal", "已答复，待裁定"),
    "ruled": ("ruled", "已裁定"),
    "final": ("final", "已定稿"),
    "settled": ("settled", "已结清"),
    "rejected": ("rejected", "不认可"),
    "partly_accepted": ("accepted in part", "部分认可"),
    "upheld": ("upheld", "支持"),
    "partly_upheld": ("upheld in part", "部分支持"),
    "dismissed": ("dismissed", "驳回"),
    "stance_accepted": ("accepted", "认可"),
}


class Speaker:
    """Says how disputes stand in one language, `zh_CN` or `en`."""

    def __init__(self, language: str) -> None:
        self.chinese = language == "zh_CN"

    def say(self, word: str, /, **given: object) -> str:
        """Return one sentence."""
        return SAID[word][self.chinese].format(**given)

    def code(self, code: str) -> str:
        """Return an objection's code; in Chinese what it means, with the code as it is typed."""
        name = f"code_{code}"
        return f"{worded(name, 'zh')}（{code}）" if self.chinese and name in WORDS else code

    def decided(self, word: str, who: str) -> str:
        """Return an answer or a ruling with who said it; `deadline` is nobody, by the contract."""
        who = "逾期无人表态" if self.chinese and who == DEADLINE else who
        return self.say("by", word=self.say(word) if word in SAID else repr(word), who=who)
