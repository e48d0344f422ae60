"""What the verifier says to people, in Chinese and English; what machines read (`--json`) and places stay as they are.

Part of the second implementation (`verifier.py`), so it has its words to itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES = ("zh_CN", "en")
ASKED = {"zh": "zh_CN", "zh_CN": "zh_CN", "en": "en"}  # as a reader writes it
# (English, Chinese)
SAID: Mapping[str, tuple[str, str]] = {
    "failed": ("FAILED ", "不成立 "),
    "ok": ("OK     ", "成立   "),
    "whole": ("WHOLE  ", "完整   "),
    "note": ("NOTE   ", "注意   "),
    "places": ("{path}: {count} places do not hold", "{path}：{count} 处不成立"),
    "more": ("; {count} more than are shown", "；另有 {count} 处未列出"),
    "at": ("{place}: {cause}", "{place}：{cause}"),
    "technical": ("", "        每处所在按包内成员、叶序号与字段名列出"),
    "rehearsal": ("REHEARSAL  everything in this bundle is simulated", "演练    本包内容全部为模拟"),
    "head": (
        "{contract}, {period}, revision {revision}: every signature, leaf and number holds, and nothing was left out",
        "{contract}，{period}，第 {revision} 版：每个签名、每条存证、每个数字均成立，且无遗漏",
    ),
    "objective": (
        "version {version} {name}: {verdict}, {shown} % ({lower} to {upper}), target {target} %",
        "版本 {version} {name}：{verdict}，{shown} %（{lower} 至 {upper}），目标 {target} %",
    ),
    "remark": ("version {version} {name}: {remark}", "版本 {version} {name}：{remark}"),
    "surface": (
        "version {version} {name}: {verdict}, {shown} % of the surface ({lower} to {upper}), target {target} %",
        "版本 {version} {name}：{verdict}，面积的 {shown} %（{lower} 至 {upper}），目标 {target} %",
    ),
    "credit": ("credit {total} {currency}", "扣减 {total} {currency}"),
    "late": (
        "samples of {count} hours came late and are in no statement: {begins}",
        "{count} 个小时的样本迟到，未计入任何陈述：{begins}",
    ),
    "late_more": (" and {count} more", " 等，另有 {count} 个"),
    "cosigned": (
        "co-signed by {signed} of the {all} witnesses that the city named; its sealed policy asks for {quorum}",
        "市方指定的 {all} 个见证方中，已联署：{signed}；封存的规则要求 {quorum} 个",
    ),
    "nobody": ("nobody", "无"),
    "not_seen": ("; not seen: {names}", "；未见联署：{names}"),
    "strange": (
        "{key} signed in the dispute; it did not speak for the carrier by what is sealed: ask whose it is",
        "{key} 在争议中签过名；按所封存的事实，它当时不代表运营商：请核实其归属",
    ),
    "inside": (
        "trusted only the keys inside the bundle: it is whole, but anybody may have made it",
        "只信任了包内的公钥：本包完整，但任何人都可能制作它",
    ),
    "give_key": (
        "exit 5: give the log's key, got from its owner, by --vkey FILE, or say --trust-included-keys",
        "退出码 5：请以 --vkey 文件 给出向其所有者索取的账本公钥，或使用 --trust-included-keys",
    ),
    "short": (
        (
            "exit 5: give the witnesses' keys too, each from its owner, by --vkey FILE; if they have not signed yet, "
            "ask for the bundle again later; --quorum 0 does without them"
        ),
        (
            "退出码 5：请以 --vkey 文件 一并给出各见证方的公钥（向其所有者索取）；若尚未联署，请稍后重新索取本包；"
            "--quorum 0 则不要求联署"
        ),
    ),
    "bound": (
        "report.html and method.txt are bound by their digests, not made again; what counts is report.json",
        "report.html 与 method.txt 以摘要绑定，此处未重新生成；以 report.json 为准",
    ),
    "met": ("met", "达标"),
    "missed": ("missed", "未达标"),
    "not_determinable": ("not_determinable", "无法判定"),
}


def chosen(asked: str | None, environ: Mapping[str, str]) -> str:
    """Return the language asked for, else that of the environment (POSIX: LC_ALL, LC_MESSAGES, LANG), else English."""
    if asked:
        return ASKED[asked]
    found = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return "zh_CN" if found.startswith("zh") else "en"


class Speaker:
    """Says the verifier's sentences in one language."""

    def __init__(self, language: str = "en") -> None:
        self.language = language
        self._at = LANGUAGES[::-1].index(language)

    def say(self, word: str, /, **given: object) -> str:
        """Return one sentence."""
        return SAID[word][self._at].format(**given)
