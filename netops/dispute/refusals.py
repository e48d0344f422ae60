"""Why a word of a dispute was refused, a carrier's note or the city's own, in Chinese. Pure.

Each reason stands by its English form, `{}` for what is filled in. Reasons are found in English
(`netops/access/disputes.py`, `netops/dispute`) and the ledger has them so for ever. What a carrier can do about one
says `remedies.py`. What has no line here stands as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netops.evidence.causes import CAUSES, Causes

if TYPE_CHECKING:
    from collections.abc import Mapping

# What a refusal is said of.
NAMES: Mapping[str, str] = {
    "note": "函件",
    "objection": "异议",
    "report_accepted": "认可",
    "report '{}'": "报告 '{0}'",
    "fact '{}'": "事实 '{0}'",
}
REFUSALS: Mapping[str, str] = {
    # of what there is, in order
    "there is no report '{}'": "没有报告 '{0}'",
    "there is no report '{}'; it is not of this ledger, or was never issued": (
        "没有报告 '{0}'：它不属于这个账本，或从未签发"
    ),
    "there is no objection '{}'": "没有异议 '{0}'",
    "there is an objection '{}' already": "已有异议 '{0}'",
    "report '{}' was replaced by '{}'": "报告 '{0}' 已由 '{1}' 取代",
    "it is {}, and a {} has no place there": "其状态为 {0}，此时不能有 {1}",
    "it is accepted; an objection is late": "它已被认可；此时的异议已迟",
    "it is accepted already": "它已被认可",
    "an objection to it is open; it is ruled on first": "对它的异议尚未裁定；须先裁定",
    "it is neither accepted nor ruled on; its window is open": "它既未被认可，也未经裁定；期限未过",
    "it is final already": "它已定稿",
    "it is settled already": "它已结清",
    (
        "{} objections were made to it and its revisions, the most that a case holds; say the rest in one about the "
        "interval"
    ): ("对它及其各修订已有 {0} 项异议，这是一案的上限；其余请合为一项针对时段的异议"),
    "the digest is not that of report '{}': another file was accepted": "摘要不是报告 '{0}' 的：所认可的是另一个文件",
    "report '{}' is not the final one; that is '{}'": "报告 '{0}' 不是定稿；定稿为 '{1}'",
    "the objection '{}' is ruled on already": "异议 '{0}' 已裁定",
    "the objection '{}' is not answered yet; it is ruled on after its rebuttal": (
        "异议 '{0}' 尚未答复；答复之后才能裁定"
    ),
    "the objection '{}' is answered already": "异议 '{0}' 已答复",
    "'{}' made the objection; a second person must answer it": "异议由 '{0}' 提出；须由另一人答复",
    "'{}' answered the objection; another person must rule on it": "异议由 '{0}' 答复；须由另一人裁定",
    "its carrier has a key, and speaks by a note that it signed": "该运营商已登记公钥，须以其签署的函件表示",
    "{} did not speak for its carrier when it was sealed": "封存时，{0} 不代表该运营商",
    "that a deadline was missed, the core states by itself": "期限届满由核心自行陈述",
    # in time
    "it says that it was made before {}": "所称的时间早于{0}",
    "the objection that it answers": "它所答复的异议",
    "the answer that it rules on": "它所裁定的答复",
    "it is late: objection '{}' could be answered until {}": "已迟：异议 '{0}' 的答复期限为 {1}",
    "it is late: objection '{}' could be ruled on until {}": "已迟：异议 '{0}' 的裁定期限为 {1}",
    "it is late: report '{}' could be objected to until {}": "已迟：对报告 '{0}' 提出异议的期限为 {1}",
    "it was signed before objection '{}' was made; expected one that is signed afterwards": (
        "签署早于异议 '{0}' 的提出；应在其后签署"
    ),
    "it was signed before objection '{}' was ruled on; expected one that is signed afterwards": (
        "签署早于异议 '{0}' 的裁定；应在其后签署"
    ),
    # by who may
    "the note was signed over another file than the one that was issued as '{}'": (
        "函件所签的文件不是以 '{0}' 签发的那一份"
    ),
    "the fact says something else than the note that the carrier signed": "事实所述与运营商所签的函件不同",
    "carrier '{}' has a key: its word is a note that it signed (`netops dispute take`)": (
        "运营商 '{0}' 已登记公钥：须以其签署的函件表示（`netops dispute take`）"
    ),
    "it does not say which file was accepted: expected the digest of report '{}'": (
        "未写明所认可的是哪个文件：应有报告 '{0}' 的摘要"
    ),
    # what an objection is about
    "the same objection was made already: '{}'": "相同的异议已经提出：'{0}'",
    "the same objection was ruled on already: '{}'": "相同的异议已经裁定：'{0}'",
    "contract '{}' has no claim '{}'": "合同 '{0}' 没有免责申报 '{1}'",
    "there is no leaf {}": "没有第 {0} 叶",
    "what is asked for does not lie in the period of report '{}'": "所请求的时段不在报告 '{0}' 的期间之内",
    "the incident does not begin in the period of report '{}'": "该中断不始于报告 '{0}' 的期间之内",
    "the interval does not lie in the period of report '{}'": "该时段不在报告 '{0}' 的期间之内",
    "the report rests on no survey {}; on {}": "报告所依据的测量中没有 {0}；有 {1}",
    "none": "无",
    "the report judges no service '{}'": "报告不判定服务 '{0}'",
    "the outage of '{}' was over at {}; what is asked for ends later": "'{0}' 的中断止于 {1}；所请求的时段止于其后",
    "service '{}' has no outage in the report, none that begins at {} either": (
        "报告中服务 '{0}' 没有中断，也没有始于 {1} 的"
    ),
    "service '{}' has no outage that begins at {}; its outages begin at {}": (
        "服务 '{0}' 没有始于 {1} 的中断；其中断始于 {2}"
    ),
    "{} and {} more": "{0} 等，另有 {1} 次",
    "{}; did you mean '{}'?": "{0}；是否想写 '{1}'？",
    # what a ruling says
    "it upholds '{}' and does not say what follows: expected 'decides', one of {}": (
        "支持 '{0}' 而未写明认定：应有 'decides'，其中之一：{1}"
    ),
    "minutes are a part of a claim; code '{}' is upheld or dismissed as a whole": (
        "分钟数只用于免责申报的一部分；代码 '{0}' 只能整体支持或驳回"
    ),
    "what is decided of an interval stands in a ruling that upholds, by its instants and not in minutes": (
        "对时段的认定只写在支持的裁定里，写起止时刻，不写分钟数"
    ),
    "it decides on '{}'; the objection '{}' is about '{}'": "所认定的是 '{0}'；异议 '{1}' 所指的是 '{2}'",
    "it decides on '{}'; the objection '{}' is about ''": "所认定的是 '{0}'；异议 '{1}' 不针对某项服务",
    "it decides on more than the objection '{}' asks for; expected a part of that": (
        "所认定的多于异议 '{0}' 所请求的；应在其内"
    ),
    "'upheld' is all that '{}' asks for, 'partly_upheld' a part of it": (
        "'upheld' 是 '{0}' 所请求的全部，'partly_upheld' 是其一部分"
    ),
    "a part is upheld in minutes, and nothing but a part: 'partly_upheld' goes with 'minutes' from 1 on": (
        "部分支持须写分钟数，也只有部分支持才写：'partly_upheld' 与不小于 1 的 'minutes' 同用"
    ),
    "no objection '{}'": "没有异议 '{0}'",
    "{} '{}': expected one of {}": "{0} '{1}'：应为其中之一：{2}",
    "--decides: '{}' on code '{}' decides no interval; leave it out": ("认定：代码 '{1}' 的 '{0}' 不认定时段；请不填"),
    "--decides: the objection does not say what follows; expected one of {}": (
        "认定：异议没有写明请求什么；应为其中之一：{0}"
    ),
    "--to: the objection does not say until when; expected the end of the outage, or of a part": (
        "止：异议没有写明到何时；应为中断或其一部分的结束"
    ),
    # that a report is final, and settled
    "the digest is not that of report '{}'": "摘要不是报告 '{0}' 的",
    "objection '{}' was upheld; `netops report build` makes the revision that follows it first": (
        "异议 '{0}' 已获支持；须先以 `netops report build` 出具随之的修订"
    ),
    "a note about report '{}' came in and nobody looked at it; `netops dispute take` does first": (
        "关于报告 '{0}' 的函件已收到而无人查看；须先以 `netops dispute take` 办理"
    ),
    "report '{}' can still be objected to, until {}": "报告 '{0}' 仍可提出异议，至 {1}",
    "what is owed is not what report '{}' was sealed with: {} {}": "应扣金额不是报告 '{0}' 封存时所写：{1} {2}",
    "report '{}' was sealed without what it owes; nothing can be settled by it": (
        "报告 '{0}' 封存时没有写明金额；无从结清"
    ),
    "{} is not what the final report '{}' owes: {} {}": "{0} 不是定稿的报告 '{1}' 所写的金额：{2} {3}",
    "amount '': expected as the final report says it, 240.00": "没有填写金额：应按定稿的报告书写，如 240.00",
    "amount '{}': expected as the final report says it, 240.00": "金额 '{0}'：应按定稿的报告书写，如 240.00",
    # the files that come with it
    "{} files with one note; expected at most {}: make one of them": (
        "随一份函件有 {0} 个文件；至多 {1} 个：请合成一个"
    ),
    "no note is named so; expected a SHA-256 in 64 lower-case hex digits": (
        "没有这样的函件：应为 64 位小写十六进制的 SHA-256"
    ),
    "no file is named so; expected its SHA-256 in 64 lower-case hex digits": (
        "没有这样的文件：应为 64 位小写十六进制的 SHA-256"
    ),
    "the part is not what it says: expected 1 to {} bytes of its SHA-256; repeat it": (
        "这一段与所称不符：应为 1 到 {0} 字节，且 SHA-256 一致；请重发"
    ),
    "the part goes beyond the size of its file": "这一段超出文件的大小",
    "the parts together are another file than the note names; hand in the one that was signed": (
        "各段合起来不是函件所指的文件；请递交签署时的那一个"
    ),
    # how a note is written
    "a note of {} bytes; expected at most {}": "函件有 {0} 字节；至多应为 {1}",
    "the note has {} characters; expected at most {}: say it shorter": "函件有 {0} 个字符；至多应为 {1}：请写短些",
    "expected its one spelling, of at most {} characters": "应为其唯一的写法，至多 {0} 个字符",
    "the register has no key of this carrier; its line belongs to `keys` in carriers.yaml; apply it": (
        "登记册没有该运营商的公钥；公钥一行应写入 carriers.yaml 的 `keys` 并登记"
    ),
    "{}. If the carrier gave you this key's line, it belongs to `keys` in carriers.yaml; apply it": (
        "{0}。若运营商已交来此公钥一行，应写入 carriers.yaml 的 `keys` 并登记"
    ),
    "{} signatures; expected the carrier's alone": "有 {0} 个签名；应只有运营商的一个",
    "begins with {}; expected '{} objection' and one line of JSON": "以 {0} 开头；应为 '{1} objection' 与一行 JSON",
    "names no report": "没有写明报告",
    "expected {}, and nothing beyond them but {}": "应有 {0}，此外只可有 {1}",
    "'made_ms' is no instant; expected {}": "'made_ms' 不是时刻；应为 {0}",
    "'manifest_digest' is no SHA-256 in 64 lower-case hex digits": "'manifest_digest' 不是 64 位小写十六进制的 SHA-256",
    "a reason is needed: it stands in the report": "须写明理由：它将列入报告",
    "the reason has {} characters; expected at most {}": "理由有 {0} 个字符；至多应为 {1}",
    "the reason names somebody; the ledger cannot forget: give the number of the case instead": (
        "理由提到了个人；账本不能忘记：请改写案卷编号"
    ),
    "it is refused for what it says, which names somebody": "因其内容提到个人而不予受理",
    "field '{}' is missing": "缺少字段 '{0}'",
    "{} is {}; expected {}": "{0} 为 {1}；应为 {2}",
    "unknown field {}": "有未知的字段 {0}",
    "target {}: expected {}": "对象 {0}：应为 {1}",
    "target {}: a number with zeros before it; expected '{}'": "对象 {0}：数字有前导零；应为 '{1}'",
    "target {}: an interval ends after it begins": "对象 {0}：时段应先始后终",
    "code '{}' is unknown; expected one of {}": "代码 '{0}' 未知；应为其中之一：{1}",
    "code '{}' is said of one {}; '{}' is one {}": "代码 '{0}' 应针对 {1}；'{2}' 是 {3}",
    "an objection that says {} says asks, start_ms and end_ms, or none of them": (
        "写了 {0} 的异议须同时写 asks、start_ms、end_ms，或都不写"
    ),
    "'{}' is nothing that a ruling decides for code '{}'; expected {}": "代码 '{1}' 的裁定不能决定 '{0}'；应为 {2}",
    "one of {}": "其中之一：{0}",
    "nothing": "无",
    "the part that is asked for ends before it begins; expected its end after its beginning": (
        "所请求的时段先终后始；应先始后终"
    ),
    "the part reaches out of what the objection is about, '{}'; expected one inside it": (
        "所请求的时段超出异议的对象 '{0}'；应在其内"
    ),
}
_KNOWN = Causes({**CAUSES, **REFUSALS}, NAMES)


def said(reason: str, language: str) -> str:
    """Return why a note was refused in `zh_CN`; in every other language as it is."""
    return _KNOWN.said(reason) if language == "zh_CN" else reason
