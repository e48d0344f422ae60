"""What `netops report` says to people, in the two languages of the city's pages; JSON stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netops.evidence.causes import Causes

if TYPE_CHECKING:
    from collections.abc import Mapping

# (English, Chinese)
SAID: Mapping[str, tuple[str, str]] = {
    "rehearsal": ("REHEARSAL: everything in this report is simulated", "演练：本报告内容全部为模拟"),
    "head": ("{contract} {period} revision {revision}", "{contract} {period} 第 {revision} 版"),
    "so_far": ("{contract} {period}, until {end}", "{contract} {period}，截至 {end}"),
    "credit": ("  credit {total} {currency}", "  扣减 {total} {currency}"),
    "objective": (
        "  {name:<32} {verdict:<17} {shown:>11} %  target {target} %  unknown {unknown} %",
        "  {name:<32} {verdict:<8} {shown:>11} %  目标 {target} %  未测得 {unknown} %",
    ),
    "surface": (
        "  {name:<32} {verdict:<17} {shown:>11} % of surface  target {target} %  unknown {unknown} %",
        "  {name:<32} {verdict:<8} 面积的 {shown:>11} %  目标 {target} %  未知 {unknown} %",
    ),
    "n": ("  n {count}", "  次数 {count}"),
    "mean": ("  mean {mean}", "  平均 {mean}"),
    "met": ("met", "达标"),
    "missed": ("missed", "未达标"),
    "not_determinable": ("not_determinable", "无法判定"),
    "waiting": (
        "sealed; waiting up to {wait} s for {quorum} co-signatures",
        "已封存；至多等待 {wait} 秒以取得 {quorum} 个联署",
    ),
    "no_papers": ("without PDFs: {missing}", "未生成 PDF：{missing}"),
    "wrote": (
        "wrote {path}\nverify it with: netops audit verify {path}{keys}{flag}",
        "已写入 {path}\n校验命令：netops audit verify {path}{keys}{flag}",
    ),
    "short": (
        (
            "{cosigned} of the {quorum} co-signatures that the policy asks for are there: repeat this command when "
            "more have come; it writes the same report under them"
        ),
        "规则要求 {quorum} 个联署，现有 {cosigned} 个：联署到齐后请再次运行本命令，所写仍是同一份报告",
    ),
}
# What a refusal is said of.
NAMES: Mapping[str, str] = {
    "contract {}": "合同 {0}",
    "contract {} version {}": "合同 {0} 版本 {1}",
    "report {}": "报告 {0}",
    "ledger {}": "账本 {0}",
}
# Refusals, by their English form; `{}` for what is filled in.
REFUSALS: Mapping[str, str] = {
    (
        "samples of {} hours of {} came late, and the contract asks that they are stated again first: start `netops "
        "up`, which does it and issues the report"
    ): "{1} 有 {0} 个小时的样本迟到，合同要求先重新认定：请启动 `netops up`，由其重述并签发报告",
    "hours of {} are still to be sealed: {}; start `netops up`, which states them and issues the report": (
        "{0} 尚有小时未封存：{1}；请启动 `netops up`，由其陈述并签发报告"
    ),
    "it ends at {}": "该月于 {0} 结束",
    "the hour of {} is not sealed yet": "{0} 的小时尚未封存",
    "{} records of `{}` wait in its spool": "`{1}` 的暂存中尚有 {0} 条记录待取",
    "`{}` has told of the past until {}": "`{0}` 补述过去，只到 {1}",
    "the hour of {} waits for vantage points": "{0} 的小时正在等待各监测点",
    "no core runs, so nobody can seal the report; start `netops up`, or use --seal-here on this machine": (
        "核心服务未运行，无人可封存报告；请启动 `netops up`，或在本机使用 --seal-here"
    ),
    (
        "the core issued another one than this command built: it runs another release, or has other fonts; its bundle "
        "lies in `reports` of the data directory"
    ): "核心签发的与本命令生成的不同：其程序版本或字体不同；其报告包在数据目录的 `reports` 中",
    "report {} is not sealed yet after {} s; what asks for it waits in the spool, repeat it later": (
        "报告 {0} 在 {1} 秒后仍未封存；请求已在暂存中等待，请稍后重试"
    ),
    "report {} is under no checkpoint yet after {} s; what asks for it waits in the spool, repeat it later": (
        "报告 {0} 在 {1} 秒后仍不在任何检查点之下；请求已在暂存中等待，请稍后重试"
    ),
    "contract {} has no objective to report on": "合同 {0} 没有可出报告的目标",
    "no version of it is in force in {}; `netops inventory show contracts`": (
        "{0} 没有生效的版本；请用 `netops inventory show contracts` 查看"
    ),
    (
        "the ledger does not hold this text of it; expected its `contract_version` fact before a report is built (the "
        "core states it)"
    ): "账本中没有该版本的这一文本；出具报告前须有其 `contract_version` 事实（由核心陈述）",
    (
        "the ledger holds version {}, valid from {}, and the register does not; a sealed version is undone only by a "
        "later one from the same instant: apply one, or the sealed text again"
    ): (
        "账本存有自 {1} 起有效的版本 {0}，而台账没有；已封存的版本只能由同一时刻起的后来版本取代："
        "请应用之，或重新应用所封存的文本"
    ),
    (
        "leaf {}, a {}, was sealed while the report was built; repeat the command: the next revision rests on it"
    ): "生成报告期间封存了第 {0} 叶（{1}）；请再次运行：下一版将以其为据",
    "{} is a rehearsal's; this instance is not, and refuses it": "{0} 属于演练；本实例不是，因而拒绝",
    "{} is a production instance's; this instance is not, and refuses it": "{0} 属于正式实例；本实例不是，因而拒绝",
    "month {} is not over in {}; expected one that is": "{0} 按 {1} 尚未结束；应为已结束的月份",
    "no hour of {} is sealed yet; the core seals them as they pass": "{0} 尚无封存的小时；核心随时间推移封存",
    "contract '{}' is not in the register; `netops inventory show contracts`": (
        "台账中没有合同 '{0}'；请用 `netops inventory show contracts` 查看"
    ),
    "contract '{}' is not in the register; did you mean '{}'?; `netops inventory show contracts`": (
        "台账中没有合同 '{0}'；是否想写 '{1}'？请用 `netops inventory show contracts` 查看"
    ),
    "there is no ledger yet: the core makes it when it first runs; start `netops up`": (
        "尚无账本：核心首次运行时建立；请启动 `netops up`"
    ),
    "cannot be opened ({}); expected the core's ledger, readable to this user": (
        "无法打开（{0}）；应为核心的账本，且本用户可读"
    ),
    "no Chinese font is on this machine; install fonts-noto-cjk and build the report again for the PDFs": (
        "本机没有中文字体；请安装 fonts-noto-cjk，并再次生成报告以得到 PDF"
    ),
    "the paper {} cannot be set: {}": "文书 {0} 无法排版：{1}",
    "month '{}': expected YYYY-MM, such as 2026-10": "月份 '{0}'：应为 YYYY-MM，如 2026-10",
    "time zone '{}': its bytes are not on this machine; install tzdata": "时区 '{0}'：本机没有其数据；请安装 tzdata",
    "no such file; expected a bundle, the .zip that `netops report build` writes": (
        "没有此文件；应为报告包，即 `netops report build` 写出的 .zip"
    ),
    "the bytes are with the city: run this on its machine (here: {})": (
        "原始字节在市方：请在市方的机器上运行本命令（此处：{0}）"
    ),
    "--at '{}': expected an instant with its zone, such as 2026-10-08T03:10Z": (
        "--at '{0}'：应为带时区的时刻，如 2026-10-08T03:10Z"
    ),
    "service '{}' has no incident in this bundle": "本报告包中服务 '{0}' 没有中断",
    "service '{}' has no incident in this bundle; did you mean '{}'?": (
        "本报告包中服务 '{0}' 没有中断；是否想写 '{1}'？"
    ),
    "service '{}' had no incident at {}; its incidents: {}": "服务 '{0}' 在 {1} 没有中断；其中断为：{2}",
    (
        "objective {}/{} rests on {}, which no device replied; its slots are on the page of the service, and in the "
        "sealed hours"
    ): "目标 {0}/{1} 依据 {2}，并非设备的应答；其时隙见服务页面与已封存的小时",
    "{}: systemd gives the signing key to {} alone; start that, it seals": (
        "{0}：systemd 只把签名密钥交给 {1}；请启动它，由其封存"
    ),
}
_KNOWN = Causes(REFUSALS, NAMES)


class Speaker:
    """Says what a report comes to in one language, `zh_CN` or `en`."""

    def __init__(self, language: str) -> None:
        self.language = language

    def say(self, word: str, /, **given: object) -> str:
        """Return one sentence."""
        return SAID[word][self.language == "zh_CN"].format(**given)

    def refusal(self, text: str) -> str:
        """Return why a command refused; what has no words in Chinese stands as it is."""
        return _KNOWN.said(text) if self.language == "zh_CN" else text
