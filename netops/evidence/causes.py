"""What does not hold, in Chinese: each cause that the verifier names, by its English form, `{}` for what is filled in.

Part of the second implementation (`verifier.py`). Causes are said in English where they are found, and so `--json` has
them; who reads Chinese has them put into it here, at the end. What has no line here stands as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 2000  # of a sentence that is looked up: what somebody else wrote may be of any length
DEEPEST = 6  # sentences within sentences

# Fields stand in the order of the English; `{1}` is the second one.
CAUSES: Mapping[str, str] = {
    # the container, and what is read of it
    "{} members, {} bytes; expected less than 65,535 and 4 GiB": "{0} 个成员、{1} 字节；应少于 65,535 个和 4 GiB",
    "{} bytes; expected at most {}": "{0} 字节；至多应为 {1}",
    "is no bundle ({}); expected the zip that `netops report build` wrote": (
        "不是报告包（{0}）；应为 `netops report build` 生成的 zip"
    ),
    "byte {} of the container belongs to no member ({})": "容器的第 {0} 字节不属于任何成员（{1}）",
    "member name {}; expected lower-case letters, digits, '_', '.', '-' and '/'": (
        "成员名为 {0}；应为小写字母、数字、'_'、'.'、'-' 和 '/'"
    ),
    "unpacks to more than {} bytes; refused": "解压后超过 {0} 字节；拒绝",
    "the gzip data end early": "gzip 数据提前结束",
    "not gzip ({})": "不是 gzip（{0}）",
    "{} bytes after the gzip data": "gzip 数据之后还有 {0} 字节",
    "a line of more than {} bytes; refused": "有一行超过 {0} 字节；拒绝",
    "the last line has no newline; the member was cut": "最后一行没有换行符；该成员被截断",
    "{} members; expected at most {} and {} bytes": "{0} 个成员；至多应为 {1} 个、{2} 字节",
    "stands twice in the bundle": "在包内出现两次",
    "compressed or encrypted; expected a stored member": "经压缩或加密；应为原样存放的成员",
    "cannot be read ({}); the member was changed": "无法读取（{0}）；该成员被改动",
    "is missing from the bundle": "包内缺失",
    "without {}": "缺少 {0}",
    "{} comes after the seal": "{0} 在封存之后",
    "expected an object of format, members, origin and rehearsal": "应为含 format、members、origin、rehearsal 的对象",
    "format {}; expected {}": "格式为 {0}；应为 {1}",
    "expected an object of index and leaf": "应为含 index 与 leaf 的对象",
    "expected an object of index and path": "应为含 index 与 path 的对象",
    "expected ascending indexes and a list of hashes in base64": "序号应递增，且应为 base64 的散列列表",
    "is not JSON": "不是 JSON",
    "cannot be read: {} {}": "无法读取：{0} {1}",
    "cannot be read ({} {})": "无法读取（{0} {1}）",
    "cannot be counted: {} {}": "无法清点：{0} {1}",
    "cannot be recomputed: {} {}": "无法重新计算：{0} {1}",
    # JSON
    "a text holds a lone surrogate ({}); expected Unicode text": "文本含孤立的代理项（{0}）；应为 Unicode 文本",
    "byte {} is not UTF-8; expected JSON in UTF-8": "第 {0} 字节不是 UTF-8；应为 UTF-8 的 JSON",
    "not JSON at character {}: {}": "第 {0} 个字符处不是 JSON：{1}",
    "JSON nested deeper than {} levels; refused": "JSON 嵌套超过 {0} 层；拒绝",
    "not canonical JSON (RFC 8785) at byte {}": "第 {0} 字节处不是规范 JSON（RFC 8785）",
    "{} has no JSON form; expected a finite number": "{0} 没有 JSON 形式；应为有限的数",
    "a {} has no JSON form; expected null, bool, int, float, str, list or dict": (
        "{0} 没有 JSON 形式；应为 null、bool、int、float、str、list 或 dict"
    ),
    "the key {} is no text; JSON keys are": "键 {0} 不是文本；JSON 的键应为文本",
    "an integer lies beyond ±(2^53 - 1); write it as a string": "整数超出 ±(2^53 - 1)；应写成字符串",
    "the key {} stands twice in one object; expected once": "键 {0} 在同一对象中出现两次；应只有一次",
    "the number {} is beyond a double; refused": "数 {0} 超出双精度范围；拒绝",
    "{} is no JSON; expected a finite number": "{0} 不是 JSON；应为有限的数",
    # the checkpoint and its signatures
    "expected origin, size and root, each a line, and no empty line": "应为来源、叶数、根各一行，且无空行",
    "size {}; expected a decimal without leading zeros": "叶数为 {0}；应为无前导零的十进制数",
    "a root of {} bytes; expected {}": "根为 {0} 字节；应为 {1}",
    "expected one SM3 root of {} bytes": "应有一个 {0} 字节的 SM3 根",
    "not signed by the log itself; expected a signature by a trusted key named '{}'": (
        "未经账本自身签名；应有受信公钥 '{0}' 的签名"
    ),
    "{} of the {} co-signatures that the policy asks for": "规则要求 {1} 个联署，只有 {0} 个",
    (
        "not signed by the log's SM2 key {}+{}; expected its line, or, of a checkpoint from before the profile, the "
        "Ed25519 key alone"
    ): "未经账本的 SM2 公钥 {0}+{1} 签名；应有其签名行，若检查点早于启用国密，请只给出 Ed25519 公钥",
    (
        "co-signed by {} without its SM2 key {}+{}; expected its line, or, of a checkpoint from before it signed by "
        "SM2, its Ed25519 key alone"
    ): "{0} 联署而没有其 SM2 公钥 {1}+{2} 的签名；应有其签名行，若检查点早于其启用国密，请只给出其 Ed25519 公钥",
    "signed by {}, but without an SM3 root; expected a line 'sm3 …'": "由 {0} 签名，但没有 SM3 根；应有 'sm3 …' 一行",
    "a signature by a key that neither the reader nor {} knows": "有一个签名，其公钥读者与 {0} 均不知",
    "its signatures stand out of order": "签名的次序不对",
    "log '{}' is a rehearsal's, and nothing in it is real; give --rehearsal to verify it as that": (
        "账本 '{0}' 属于演练，其中无一为真；如确要校验演练，请加 --rehearsal"
    ),
    "log '{}' is a production instance's, and a rehearsal's was asked for (--rehearsal, or the settings)": (
        "账本 '{0}' 属于正式实例，而所求为演练（--rehearsal 或设置）"
    ),
    "verifier key {}: expected <name>+<8 hex digits>+<base64>": "公钥 {0}：应为 <名称>+<8 位十六进制>+<base64>",
    "verifier key {}: expected an Ed25519 key of type 0x01 or 0x04, or an SM2 key of type 0xff": (
        "公钥 {0}：应为类型 0x01 或 0x04 的 Ed25519 公钥，或类型 0xff 的 SM2 公钥"
    ),
    "verifier key {}: is no point of the SM2 curve; copy the key again": (
        "公钥 {0}：不是 SM2 曲线上的点；请重新复制公钥"
    ),
    "verifier key {}: its id is {}, not {}; copy the key again": "公钥 {0}：编号为 {1}，不是 {2}；请重新复制公钥",
    "holds no verifier key": "不含任何公钥",
    "a note of {} bytes; expected at most {}": "签名文本有 {0} 字节；至多应为 {1}",
    "byte {} is not UTF-8": "第 {0} 字节不是 UTF-8",
    "a control character; expected text and newlines": "含控制字符；应为文本与换行",
    "expected a text, an empty line and signature lines, each ending in a newline": (
        "应为文本、一个空行与若干签名行，每行以换行结束"
    ),
    "{} signatures; expected at most {}": "{0} 个签名；至多应为 {1} 个",
    "two signatures by {}+{}; expected one": "{0}+{1} 签了两次；应只有一次",
    "no signature by a trusted key; it is signed by {}": "没有受信公钥的签名；签名者为 {0}",
    (
        "holds a private key, which must not leave its owner; expected the public line that `netops dispute key` or "
        "`netops witness key` printed (the city's own: keys/evidence.vkey). If others saw it, make a new key"
    ): (
        "含有私钥，私钥不得离开其所有者；应为 `netops dispute key` 或 `netops witness key` 所印出的公钥一行"
        "（市方的为 keys/evidence.vkey）。若他人已见，请另制新钥"
    ),
    "not base64": "不是 base64",
    "base64 with stray bits; expected the canonical spelling": "base64 有多余的位；应为唯一的写法",
    "the signature of {}+{} does not hold; the text or the signature was changed": (
        "{0}+{1} 的签名不成立；文本或签名被改动"
    ),
    "{} is no signature line; expected '— <name> <base64>'": "{0} 不是签名行；应为 '— <名称> <base64>'",
    "the signature of {} has {} bytes; expected a key id and a signature": "{0} 的签名有 {1} 字节；应为公钥编号与签名",
    "key name {} in {}: expected a name without spaces and plus signs": "{1} 中的公钥名 {0}：名称不得含空格与加号",
    "asks for more witnesses than it names, or for no number": "要求的见证方多于所指定的，或所要求的不是数",
    # the tree
    "a tree of {} leaves has {} perfect subtrees, got {}": "{0} 叶的树应有 {1} 棵满子树，实有 {2}",
    "leaf {} is not in a tree of {} leaves": "第 {0} 叶不在 {1} 叶的树中",
    "no consistency proof from {} to {} leaves; expected 0 < first ≤ second": (
        "从 {0} 叶到 {1} 叶没有一致性证明；应为 0 < 前者 ≤ 后者"
    ),
    "leaf {}: the inclusion proof is too long": "第 {0} 叶：包含证明过长",
    "leaf {}: the inclusion proof is too short": "第 {0} 叶：包含证明过短",
    "leaf {}: the inclusion proof does not lead to the root": "第 {0} 叶：包含证明不通向根",
    "the inclusion proof is too long": "包含证明过长",
    "the inclusion proof is too short": "包含证明过短",
    "the inclusion proof does not lead to the root": "包含证明不通向根",
    "expected 0 < first ≤ second": "应为 0 < 前者 ≤ 后者",
    "the proof should be empty": "证明应为空",
    "one size, two roots": "同一叶数有两个根",
    "the proof is empty": "证明为空",
    "the proof is too long": "证明过长",
    "the proof is too short": "证明过短",
    "the proof does not lead to the first root": "证明不通向前一个根",
    "the proof does not lead to the second root": "证明不通向后一个根",
    "a hash of {} bytes; expected {}": "散列为 {0} 字节；应为 {1}",
    # the chain from the checkpoint to every leaf
    "more than {} failures; the rest was not looked at": "不成立之处超过 {0}；其余未再检查",
    "its index {} has no proof in {}": "其序号 {0} 在 {1} 中没有证明",
    "does not lead from {} to the root: one of the two was changed": "不从 {0} 通向根：两者之一被改动",
    "is no leaf of kind report_issued": "不是 report_issued 类的叶",
    "is not the manifest that {} seals": "不是 {0} 所封存的清单",
    "is not the report that {} seals": "不是 {0} 所封存的报告",
    "origin or rehearsal differs from the checkpoint's ('{}')": "来源或演练标记与检查点的（'{0}'）不同",
    "is not named in {}": "未列入 {0}",
    "has another SHA-256 than {} says: the member was changed": "SHA-256 与 {0} 所列不同：该成员被改动",
    "names a member that comes after the seal": "列有封存之后才有的成员",
    "stands out of order": "次序不对",
    "stands out of order, twice, or was sealed after the report": "次序不对、重复，或在报告之后封存",
    "holds {} leaves; {} seals {}": "含 {0} 叶；{1} 封存 {2} 叶",
    "was sealed after the report that uses it": "封存晚于使用它的报告",
    "is missing; {} proves it": "缺失；{0} 有其证明",
    "is missing; {} uses it": "缺失；{0} 用到它",
    "is not among the leaves that {} names": "不在 {0} 所列的叶之中",
    "is no leaf; expected fact, recorded_ms, rehearsal, sequence and source": (
        "不是叶；应有 fact、recorded_ms、rehearsal、sequence、source"
    ),
    "holds no fact; expected at_ms, kind and body": "不含事实；应有 at_ms、kind、body",
    "{} is {}; expected milliseconds before the year 9999": "{0} 为 {1}；应为 9999 年之前的毫秒数",
    "its rehearsal flag differs from the log's": "其演练标记与账本的不同",
    "is missing: {} has no path": "缺失：{0} 没有路径",
    "is there, and {} names no SM3 root": "虽有此项，{0} 却没有 SM3 根",
    "has no path in {}": "在 {0} 中没有路径",
    "it was changed, or its path in {}": "该叶或其在 {0} 中的路径被改动",
    "expected `leaves`, the runs [[first index, count], …] of the leaves used": (
        "应有 `leaves`：所用之叶的区段 [[首个序号, 个数], …]"
    ),
    "`leaves` holds {}; expected [first index, count]": "`leaves` 含 {0}；应为 [首个序号, 个数]",
    "`leaves` names more than {} leaves; refused": "`leaves` 所列超过 {0} 叶；拒绝",
    "is no leaf": "不是叶",
    # nothing left out
    "expected the accounts of {} and of everybody": "应有 {0} 与公共的账户",
    "expected the account of the carrier's surveys in the last tally": "最后一次清点中应有该运营商测量的账户",
    "hold {} of the {} that stand before leaf {}": "第 {2} 叶之前应有 {1} 次清点，只有 {0} 次",
    "is missing; a tally stands at this place of the ledger": "缺失；账本在此处有一次清点",
    "is no tally that was asked for": "不是应有的清点",
    "is no {}": "不是 {0}",
    "{} of {} {} of {} between leaf {} and {} missing: the ledger counts {}": (
        "第 {4} 叶至第 {5} 叶之间 {3} 的 {2} 应有 {1} 个，缺 {0} 个：账本计有 {6} 个"
    ),
    "{} of {} {} of everybody between leaf {} and {} missing: the ledger counts {}": (
        "第 {3} 叶至第 {4} 叶之间公共的 {2} 应有 {1} 个，缺 {0} 个：账本计有 {5} 个"
    ),
    "{} {} of {} between leaf {} and {}; the ledger counts {}": (
        "第 {3} 叶至第 {4} 叶之间 {2} 的 {1} 有 {0} 个；账本计有 {5} 个"
    ),
    "{} of {} between leaf {} and {}: not the {} that the ledger counts": (
        "第 {2} 叶至第 {3} 叶之间 {1} 的 {0}：不是账本所计的 {4} 个"
    ),
    "everybody": "公共",
    "a {} outside of what the tallies count here": "{0} 在此处清点范围之外",
    "is missing: the {} concerns the report, which does not rest on it": "缺失：该 {0} 与报告有关，而报告未以其为据",
    "the {} does not concern this report": "该 {0} 与本报告无关",
    "a {} has no place here": "{0} 不应在此",
    "expected one line for each tally of {}, in their order": "{0} 的每次清点应有一行，依次排列",
    "the heads of the tally at leaf {} of {} are missing": "缺 {1} 第 {0} 叶之清点的各头",
    "expected heads, path and place": "应有 heads、path、place",
    "the heads of '{}' are not those that the tally seals": "'{0}' 的各头不是该清点所封存的",
    # numbers
    "says {}; recomputed {}": "所写为 {0}；重新计算为 {1}",
    "says not on which side of its threshold a slot is good": "未写明时隙在阈值哪一侧为合格",
    "its hours were sealed as good where {}, not {}": "其小时封存时以 {0} 为合格，而非 {1}",
    "the mean of the own values of {} services is no fraction of 4,000 digits (per_object_mean); refused": (
        "{0} 个服务各自数值的平均（per_object_mean）不是 4,000 位以内的分数；拒绝"
    ),
    "is not the one that {} names": "不是 {0} 所指的那一个",
    "are not the inputs that {} names": "不是 {0} 所指的输入",
    "its rehearsal mark differs from the manifest's": "其演练标记与清单的不同",
    "leaf {} seals {} {}, {} says {}": "第 {0} 叶封存的 {1} 为 {2}，{3} 所写为 {4}",
    "leaf {} holds no decision": "第 {0} 叶不含决定",
    "leaf {} decides on another request": "第 {0} 叶决定的是另一申请",
    "is there, and no leaf seals a revision before this one": "虽有此项，却没有叶封存此前的版本",
    "roster {} is not whole, or was changed": "名册 {0} 不完整，或被改动",
    "hour {} has not each of its parts once": "小时 {0} 的各部分并非各有一次",
    "hour {} lies outside the period": "小时 {0} 在期间之外",
    "up to {} the services changed their state {} times; expected at most {} in one report": (
        "至 {0} 各服务的状态已变化 {1} 次；一份报告内至多应为 {2} 次"
    ),
    "hour {} states {} services; its roster has {}": "小时 {0} 陈述了 {1} 个服务；其名册有 {2} 个",
    "hour {} has slots of {} ms; expected {} to {}": "小时 {0} 的时隙为 {1} 毫秒；应为 {2} 至 {3}",
    "hour {} has a slot {}; expected whole numbers": "小时 {0} 有时隙 {1}；应为整数",
    "hour {} has slots out of order, or beyond its end": "小时 {0} 的时隙次序不对，或越过其末尾",
    "leaf {}: states its hour again for leaf {}, which corrects another, or none": (
        "第 {0} 叶：为第 {1} 叶重述其小时，而后者更正的是别的小时，或并无更正"
    ),
    "leaf {} tells of samples that came late; the contract asks that their hour is stated again": (
        "第 {0} 叶记有迟到的样本；合同要求重新认定该小时"
    ),
    # contract, register, calendar, time zone
    "has no year {} of calendar '{}'": "没有日历 '{1}' 的 {0} 年",
    "an objective has {} service windows; expected at most {}": "某目标有 {0} 个服务时段；至多应为 {1}",
    "a service window from minute {} to {}; expected at most a day": "服务时段从第 {0} 分钟到第 {1} 分钟；至多应为一天",
    "expected years by calendar": "应为按日历列出的年份",
    "{} {}: expected source, holidays and workdays": "{0} {1}：应有 source、holidays、workdays",
    "{} {}: expected {} of that year, in order, each once": "{0} {1}：应为当年的 {2}，依次排列，各一次",
    "holds {} promises; expected at most {}": "含 {0} 项约定；至多应为 {1}",
    "period is empty, or longer than a year": "期间为空，或长于一年",
    "is not the text that was sealed ({} states this version)": "不是所封存的文本（该版本见 {0}）",
    "begins at {}; leaf {}: {}": "自 {0} 起；第 {1} 叶：{2}",
    "{} is {}; expected a whole number from 1 to {}": "{0} 为 {1}；应为 1 至 {2} 的整数",
    "its versions have {} {} within one period": "其各版本在同一期间内的 {0} 不同：{1}",
    "puts {} at {} from UTC; this machine's tzdata {}": "将 {0} 置于与 UTC 相差 {1}；本机的 tzdata 为 {2}",
    "no version of it rules the period": "没有任何版本适用于该期间",
    "is missing: leaf {} seals that it is valid from {}, inside the period": (
        "缺失：第 {0} 叶封存其自 {1} 起有效，在期间之内"
    ),
    "{} is {}; expected a whole number": "{0} 为 {1}；应为整数",
    "is no time zone file (RFC 8536)": "不是时区文件（RFC 8536）",
    "a ruling is for {} minutes; expected a whole number": "某裁定为 {0} 分钟；应为整数",
    # the dispute
    "states that a {} was missed; nobody has a deadline for one": "陈述某 {0} 逾期；而对此无人有期限",
    "states a deadline by a text of the contract that is not in the bundle": "所依期限的合同文本不在包内",
    "states a deadline that cannot be reckoned: {}": "所陈述的期限无法推算：{0}",
    "says that the deadline was over at {}; by version {} it was at {}": "称期限于 {0} 届满；按版本 {1} 应为 {2}",
    "is break {} of our listening; expected number {}: one is missing or moved": (
        "是我方受理的第 {0} 次中断；应为第 {1} 次：缺一次，或被移动"
    ),
    "is a break from {} to {}; expected one that ends after it began": "中断自 {0} 至 {1}；应先始后终",
    "states a silence beside a break that cannot be reckoned: {}": "在一次无法推算的中断旁陈述无人发言：{0}",
    "states that nobody spoke while the window was kept open, until {}, by a break of our listening": (
        "因我方受理中断，期限延至 {0}，其间即陈述无人发言"
    ),
    "is a {} that came at {}; its window was over at {}, and no break of our listening excuses it": (
        "是 {1} 到达的 {0}；其期限于 {2} 届满，且没有我方受理的中断为其开脱"
    ),
    "{} working days are more than {} days": "{0} 个工作日超过 {1} 天",
    "this machine has no time zone '{}'": "本机没有时区 '{0}'",
    "states that nobody spoke until a deadline that was not over when it was recorded": (
        "记录时期限尚未届满，即陈述无人发言"
    ),
    "speaks as {} without its signature": "以 {0} 之名发言而无其签名",
    "{} accepts for a carrier whose key the register holds, without its signature": (
        "台账存有该运营商的公钥，{0} 却无其签名即代为认可"
    ),
    "is key fact {}; expected number {} of its contract": "是公钥事实 {0}；应为其合同的第 {1} 个",
    "its note does not hold: {}": "其函件不成立：{0}",
    "its note is another word than the fact's, or another's": "其函件与该事实并非同一表示，或出自他人",
    "says something else than the note that was signed": "所述与所签函件不同",
    "its note was signed over another file than the one that was issued as {}": (
        "其函件所签的文件不是以 {0} 签发的那一份"
    ),
    # calendars, pages and cells that were looked at again
    "has {}; lacks {}": "多出 {0}；缺少 {1}",
    "has {}": "多出 {0}",
    "lacks {}": "缺少 {0}",
    "{} and {} more": "{0} 等，另有 {1} 个",
    (
        "this verifier does not hold the year {} of calendar '{}': compare its {} holidays and {} worked weekend days "
        "with what was published"
    ): "本校验器没有日历 '{1}' 的 {0} 年：请将其 {2} 个节假日与 {3} 个调休工作日同公布的安排核对",
    "cannot be made again: {} {}": "无法重新生成：{0} {1}",
    "is not what this release, which {} names, makes of {}": "不是 {0} 所指的本版程序由 {1} 生成的结果",
    (
        "page, workbook, papers, method.txt and verify.py are by another release: they are bound by their digests, not "
        "made again here; what counts is report.json"
    ): "网页、工作簿、文书、method.txt 与 verify.py 出自另一版程序：以摘要绑定，此处未重新生成；以 report.json 为准",
    "{} were made again, byte for byte": "{0} 已重新生成，逐字节相同",
    "{} were made again, byte for byte; the PDFs are set in what {} names, which is not here: {}": (
        "{0} 已重新生成，逐字节相同；PDF 所用字体见 {1}，本机没有：{2}"
    ),
    "they are bound by their digests": "以摘要绑定",
    "{}; {} cells of areas were weighed again by h3 {}": "{0}；已用 h3 {2} 重新核算 {1} 个区域网格的面积",
    "{} of area {} is no H3 cell of resolution {}": "区域 {1} 的 {0} 不是分辨率 {2} 的 H3 网格",
    "cell {} of area {} is stated with {} dm²; by h3 {}": "区域 {1} 的网格 {0} 所述面积为 {2} dm²；按 h3 为 {3}",
    "the target of {} % is missed even at the upper bound, {} %": "即使取上限 {1} %，也未达到目标 {0} %",
    "the target of {} % is met even at the lower bound, {} %": "即使取下限 {1} %，也已达到目标 {0} %",
    "the target of {} % is missed even at the lower bound, {} %": "即使取下限 {1} %，也未达到目标 {0} %",
    "the target of {} % is met even at the upper bound, {} %": "即使取上限 {1} %，也已达到目标 {0} %",
}


# What a sentence is said of, before its colon or inside it.
NAMES: Mapping[str, str] = {"leaf {}": "第 {0} 叶"}


class Causes:
    """Sentences with what is filled in, known by their English form; `names` are no sentences and hold none."""

    def __init__(self, known: Mapping[str, str], names: Mapping[str, str]) -> None:
        self._sentences, self._names = _forms(known, "(.+)"), _forms(names, "([^:;]+)")

    def said(self, text: str, *, depth: int = 0) -> str:
        """Return a sentence in Chinese, with the sentences inside it; what is before a colon and no name stays."""
        if len(text) > LONGEST or depth > DEEPEST or " " not in text:
            return text
        place, colon, rest = text.partition(": ")
        named = self._looked_up(self._names, place, depth)
        if not (colon and named) and (found := self._looked_up(self._sentences, text, depth)) is not None:
            return found
        if not colon:
            return named or text
        before, told = named or self.said(place, depth=depth + 1), self.said(rest, depth=depth + 1)
        return f"{before}：{told}" if (before, told) != (place, rest) else text

    def _looked_up(self, forms: list[tuple[re.Pattern[str], str]], text: str, depth: int) -> str | None:
        for form, chinese in forms:
            if match := form.fullmatch(text):
                return chinese.format(*(self.said(each, depth=depth + 1) for each in match.groups()))
        return None


def _forms(known: Mapping[str, str], hole: str) -> list[tuple[re.Pattern[str], str]]:
    """Return what to look for and what to say, those with the most words of their own first."""
    ordered = sorted(known.items(), key=lambda each: len(each[0].replace("{}", "")), reverse=True)
    return [(re.compile(re.escape(en).replace(r"\{\}", hole), re.DOTALL), zh) for en, zh in ordered]


KNOWN = Causes(CAUSES, NAMES)


def cause(text: str, language: str) -> str:
    """Return why something does not hold in `zh_CN`; in every other language as it is."""
    return KNOWN.said(text) if language == "zh_CN" else text
