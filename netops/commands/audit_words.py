"""What `netops audit ledger` says, in the two languages of the city's pages; JSON and places stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netops.evidence.causes import CAUSES, Causes
from netops.evidence.causes import NAMES as PLACES

if TYPE_CHECKING:
    from collections.abc import Mapping

# (English, Chinese)
SAID: Mapping[str, tuple[str, str]] = {
    "ok": ("OK     ", "成立   "),
    "whole": ("WHOLE  ", "完整   "),
    "failed": ("FAILED ", "不成立 "),
    "note": ("NOTE   ", "注意   "),
    "more": ("        {count} more than are shown", "        另有 {count} 处未列出"),
    "ledger": (
        "{path}: {leaves} leaves, every hash, column, account and checkpoint holds",
        "{path}：{leaves} 叶，每个散列、每列、每个账户与检查点均成立",
    ),
    "head": ("{name}: {size} leaves", "{name}：{size} 叶"),
    "signed": (", signed by {names}", "，签名者 {names}"),
    "and": (", and {others}", "，另有{others}"),
    "under": (", under {others}", "，只有{others}"),
    "strange": (
        "{count} signatures by keys that were not given",
        "未给出公钥的签名 {count} 个",
    ),
    "strange_one": ("1 signature by a key that was not given", "未给出公钥的签名 1 个"),
    "no_key": (
        (
            "no verifier key was given: the signatures were not looked at, and anybody may have made this file; "
            "give the log's key, got from its owner, by --vkey FILE"
        ),
        "未给出公钥：没有查验签名，任何人都可能制作此文件；请以 --vkey 文件 给出向其所有者索取的账本公钥",
    ),
    "unsigned": (
        "no checkpoint was signed yet: the core signs one within a minute",
        "尚无签过名的检查点：核心服务会在一分钟内签名",
    ),
}
# What a failure is said of.
NAMES: Mapping[str, str] = {**PLACES, "ledger {}": "账本 {0}", "checkpoint {}": "检查点 {0}"}
# What does not hold in a ledger's file, by its English form; `{}` for what is filled in.
FAILURES: Mapping[str, str] = {
    "{}. Restore it from the backup": "{0}。请从备份恢复",
    "{}; restore the file from the backup": "{0}；请从备份恢复该文件",
    "its tail is torn: {} bytes, and its header names {} pages of {} ({} bytes)": (
        "尾部残缺：共 {0} 字节，文件头所述为 {1} 页、每页 {2} 字节（计 {3} 字节）"
    ),
    "no SQLite file: {} bytes that do not begin with its header": "不是 SQLite 文件：{0} 字节，不以其文件头开始",
    "cannot be read ({}); restore it from the backup": "无法读取（{0}）；请从备份恢复",
    "cannot be opened ({}); expected the core's ledger, readable to this user": (
        "无法打开（{0}）；应为核心的账本，且本用户可读"
    ),
    "holds nodes that no leaf accounts for": "含有不属于任何叶的节点",
    "leaf {} does not lead to node {}": "第 {0} 叶推不出节点 {1}",
    "leaf {} is missing": "缺少第 {0} 叶",
    "leaves {} to {} are missing": "缺少第 {0} 至 {1} 叶",
    "leaf {} was changed ({})": "第 {0} 叶被改动（{1}）",
    "leaf {} is filed under {}; its bytes differ": "第 {0} 叶登记为 {1}；与其字节不符",
    "leaf {} is no tally; one is due there": "第 {0} 叶不是清点；该处应有一次清点",
    "the tally at leaf {} is not that of the leaves before it": "第 {0} 叶的清点与其前各叶不符",
    "the accounts of leaves {} to {} are not those of their bytes": "第 {0} 至 {1} 叶的账户与其字节不符",
    (
        "{} is missing; put the newest checkpoint that anyone holds there (a co-signer's, or a bundle's member "
        "`checkpoint`): it shows that nothing was rolled back"
    ): ("缺少 {0}；请把任何一方所持的最新检查点放在那里（见证方的，或报告包的成员 `checkpoint`）：它表明账本未被回退"),
    (
        "rolled back: {} leaves, but a checkpoint over {} was signed; leaves {} to {} are missing. Restore the file "
        "from the backup"
    ): ("被回退：有 {0} 叶，而签过名的检查点覆盖 {1} 叶；缺少第 {2} 至 {3} 叶。请从备份恢复该文件"),
    "node {} is missing": "缺少节点 {0}",
    "{} is of log '{}', size {}; expected '{}', {}": "{0} 属于账本 '{1}'，叶数 {2}；应为 '{3}'，{4}",
    "the first {} leaves do not lead to the root of {}": "前 {0} 叶推不出 {1} 的根",
    "format {}; expected {}: use the release that wrote it (a rehearsal begins anew with `netops demo --fresh`)": (
        "格式为 {0}；应为 {1}：请用写入它的那一版程序（演练可用 `netops demo --fresh` 重新开始）"
    ),
}
_KNOWN = Causes({**CAUSES, **FAILURES}, NAMES)


class Speaker:
    """Says what was found in one language, `zh_CN` or `en`."""

    def __init__(self, language: str) -> None:
        self._chinese = language == "zh_CN"

    def say(self, word: str, /, **given: object) -> str:
        """Return one sentence."""
        return SAID[word][self._chinese].format(**given)

    def failure(self, text: str) -> str:
        """Return why a ledger does not hold; what has no words in Chinese stands as it is."""
        return _KNOWN.said(text) if self._chinese else text
