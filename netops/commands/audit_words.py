"""What `netops audit ledger|raw|paper|stamp` say, in both languages; JSON and places stay as they are."""

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
    "raw": (
        "{path}: {segments} segments, {chunks} chunks, {polls} polls hold",
        "{path}：{segments} 段、{chunks} 块、{polls} 次轮询均成立",
    ),
    "paper": (
        "the paper of {bundle}, signed by {subject!r}, certificate {digest}",
        "{bundle} 的文书，签署者 {subject!r}，证书 {digest}",
    ),
    "stamped": (", stamped {at}", "，时间戳 {at}"),
    "no_paper": ("is not a paper of {bundle}", "不是 {bundle} 的文书"),
    "no_certificate": (
        "no certificate was given: anybody can sign in any name; give the signer's, got from its owner",
        "未给出证书：任何人都可以任何名义签署；请给出向签署者索取的证书",
    ),
    "another_certificate": (
        "signed by certificate {digest}, not by the one given",
        "由证书 {digest} 签署，并非所给出的那一张",
    ),
    "was_there": (
        "{file} was there at {at}, says an authority under a root of yours",
        "据您所信根证书之下的时间戳机构，{file} 在 {at} 已存在",
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
NAMES: Mapping[str, str] = {
    **PLACES,
    "ledger {}": "账本 {0}",
    "checkpoint {}": "检查点 {0}",
    "offset {}": "偏移 {0}",
    "chunk {}": "第 {0} 块",
}
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
# What does not hold, or is odd, in the archive of raw replies.
ARCHIVE: Mapping[str, str] = {
    "is no segment of the index: a first write that was cut, or a stranger": (
        "不是索引中的段：首次写入被截断，或为外来文件"
    ),
    "its tail is torn: {} bytes; {} were kept": "尾部残缺：{0} 字节；原存 {1} 字节",
    "the whole segment is missing: {} bytes, {} chunks, the replies of {} polls": (
        "整段缺失：{0} 字节、{1} 块、{2} 次轮询的应答"
    ),
    "cannot be read ({})": "无法读取（{0}）",
    "{} bytes after the last chunk: a write that was cut": "末块之后尚有 {0} 字节：写入被截断",
    "{} of the {} bytes of the chunk are here": "该块 {1} 字节中只有 {0} 字节",
    "no chunk begins here; the file was changed": "此处不是块的开头；文件被改动",
    "{}; the file was changed": "{0}；文件被改动",
    "the content is not the one whose digest was kept; the file was changed": "内容与所存摘要不符；文件被改动",
    "is not the one that leaf {} seals": "不是第 {0} 叶所封存的那一块",
    (
        "{} chunks that the ledger seals ({}) are not in the index, nor stated as let go; "
        "the index was rolled back or changed"
    ): "账本封存的 {0} 块（{1}）不在索引中，也未说明已删除；索引被回退或改动",
    "leaf {}": "第 {0} 叶",
    "leaves {} to {}": "第 {0} 至 {1} 叶",
    "is said to be sealed, but the ledger does not hold it: rolled back?": "称已封存，但账本中没有：账本被回退？",
}
# What does not hold of a signed paper, of a time-stamp.
PAPERS: Mapping[str, str] = {
    "no paper with a signature that can be read: {}": "不是带有可读签名的文书：{0}",
    "it has more than one signature": "签名不止一个",
    "something was written behind the signature, into the room that was kept for it": (
        "签名之后、其预留空间内被写入了内容"
    ),
    "its signature does not hold: it was changed after it was signed": "签名不成立：签署后被改动",
    "something was added after it was signed": "签署后有所添加",
    "what was signed is not the bundle's paper": "所签署的不是报告包中的文书",
    "more than a signature was added to the bundle's paper": "除签名外，报告包中的文书还被添加了内容",
    "no RFC 3161 answer": "不是 RFC 3161 应答",
    "the token does not hold: the authority refused": "时间戳不成立：时间戳机构拒绝",
    "the token does not hold: its authority is under none of the roots given": "时间戳不成立：其机构不在所给根证书之下",
    "the token does not hold: it is on something else, or was changed": "时间戳不成立：针对的是其他内容，或已被改动",
    "the token does not hold: {}": "时间戳不成立：{0}",
}
_KNOWN = Causes({**CAUSES, **FAILURES, **ARCHIVE, **PAPERS}, NAMES)


class Speaker:
    """Says what was found in one language, `zh_CN` or `en`."""

    def __init__(self, language: str) -> None:
        self._chinese = language == "zh_CN"

    def say(self, word: str, /, **given: object) -> str:
        """Return one sentence."""
        return SAID[word][self._chinese].format(**given)

    def failure(self, text: str) -> str:
        """Return why something does not hold; what has no words in Chinese stands as it is."""
        return _KNOWN.said(text) if self._chinese else text
