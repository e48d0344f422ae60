"""What is wrong with a contract file, in Chinese: each fault by its English form, `{}` for what is filled in.

Faults are found in English (`inventory/reading`, `netops/sla/rules.py`, `netops/sla/streams.py`, `netops/coverage`) and
`--json` has them so. What has no line here stands as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inventory.errors import Problem
from netops.evidence.causes import Causes

if TYPE_CHECKING:
    from collections.abc import Mapping

# What a fault is said of.
NAMES: Mapping[str, str] = {
    "the contract": "合同",
    "contract '{}'": "合同 '{0}'",
    "contract {} version {}, {}": "合同 {0} 版本 {1}，{2}",
    "the item": "服务项",
    "item '{}'": "服务项 '{0}'",
    "the objective": "目标",
    "objective '{}'": "目标 '{0}'",
    "the coverage": "覆盖约定",
    "coverage '{}'": "覆盖约定 '{0}'",
    "a minimum of {}": "{0}的最低要求",
    "the rules of {}": "{0}的规则",
    "the selector of {}": "{0}的选择条件",
    "the credits of {}": "{0}的扣减条款",
    "the dispute of {}": "{0}的争议期限",
    "the tier": "该档",
    "the exclusion class": "免责类别",
    "credit tier {}": "扣减第 {0} 档",
    "credit tier {}, percent": "扣减第 {0} 档的 percent",
    "exclusion class '{}'": "免责类别 '{0}'",
    "exclusion class '{}', cause": "免责类别 '{0}' 的 cause",
}
FAULTS: Mapping[str, str] = {
    # the file
    "is not valid YAML: {}": "不是有效的 YAML：{0}",
    "check indentation, quotes and colons before this place": "请检查此处之前的缩进、引号与冒号",
    "is empty": "为空",
    "write its keys": "请写出各键",
    "is not a map of keys": "不是键值对",
    "start with lines like `key: value`": "请以 `键: 值` 的行开始",
    "holds a second document": "含第二个文档",
    "put it into a file of its own": "请另存为一个文件",
    "has more than {} values": "超过 {0} 个值",
    "split it, or use CSV": "请拆分，或用 CSV",
    "uses an anchor or alias (& or *)": "使用了锚点或别名（& 或 *）",
    "write the values out": "请逐一写出",
    "uses the tag {}": "使用了标签 {0}",
    "write plain values": "请写普通的值",
    "is nested deeper than {}": "嵌套超过 {0} 层",
    "flatten it": "请减少层次",
    "has a key that is no plain word": "有一个键不是普通的词",
    "write `key: value`": "请写 `键: 值`",
    "key '{}' is already at line {}": "键 '{0}' 已在第 {1} 行出现",
    "keep one of the two": "请只留其一",
    "is no regular file": "不是普通文件",
    "put the file itself here": "请放入文件本身",
    "cannot be read ({})": "无法读取（{0}）",
    "check its permissions": "请检查其权限",
    "is larger than {} MiB": "大于 {0} MiB",
    "split it, or use CSV for devices and services": "请拆分，设备与服务可用 CSV",
    "is not UTF-8 (byte {} is 0x{})": "不是 UTF-8（第 {0} 字节为 0x{1}）",
    "it looks like UTF-16: convert it with `iconv -f UTF-16 -t UTF-8 {}`": (
        "似为 UTF-16：请用 `iconv -f UTF-16 -t UTF-8 {0}` 转换"
    ),
    "it looks like GB18030: save it as 'CSV UTF-8', or convert it with `iconv -f GB18030 -t UTF-8 {}`": (
        "似为 GB18030：请存为“CSV UTF-8”，或用 `iconv -f GB18030 -t UTF-8 {0}` 转换"
    ),
    "save it as UTF-8": "请存为 UTF-8",
    # one value
    "{}; did you mean '{}'?": "{0}；是否想写 '{1}'？",
    "did you mean '{}'?": "是否想写 '{0}'？",
    "did you mean {}?": "是否想写 {0}？",
    "{}; did you mean {}?": "{0}；是否想写 {1}？",
    "expected one of: {}": "应为其中之一：{0}",
    "none is known here": "此处没有已知的词",
    "{} has no '{}'": "{0}没有 '{1}'",
    "{} lacks '{}'": "{0}缺少 '{1}'",
    "{} lack '{}'": "{0}缺少 '{1}'",
    "add `{}`": "请加上 `{0}`",
    "'{}' of {} is a list or a map": "{1}的 '{0}' 是列表或映射",
    "write one value": "请写一个值",
    "'{}' has {} characters": "'{0}' 有 {1} 个字符",
    "use at most {}": "至多 {0} 个",
    "'{}' holds the character U+{}": "'{0}' 含字符 U+{1}",
    "remove it; it does not print": "请删去；它不可见",
    "'{}' is '{}', which is no id": "'{0}' 为 '{1}'，不是标识",
    "use a-z, 0-9, _ . - and start with a letter or digit, at most {}": (
        "请用 a-z、0-9、_ . -，以字母或数字开头，至多 {0} 个字符"
    ),
    "'{}' in '{}' is not known": "'{1}' 中的 '{0}' 未知",
    "'{}' is '{}'": "'{0}' 为 '{1}'",
    "'{}' is {}": "'{0}' 为 {1}",
    "expected a whole number from {} to {}": "应为 {0} 至 {1} 的整数",
    "expected a decimal number like 99.95": "应为 99.95 这样的小数",
    "expected a number from {} to {}": "应为 {0} 至 {1} 的数",
    "'{}' of {}: {}": "{1}的 '{0}'：{2}",
    "'{}' of {} is no list of maps": "{1}的 '{0}' 不是映射的列表",
    "write entries that start with `- `": "请写以 `- ` 开头的条目",
    "'{}' of {} is no map": "{1}的 '{0}' 不是映射",
    "write `key: value` lines below it": "请在其下写 `键: 值` 的行",
    "'{}' is no IANA time zone; expected one like Asia/Shanghai": "'{0}' 不是 IANA 时区；应为 Asia/Shanghai 之类",
    "'{}' is no instant; expected 2026-01-01 or 2026-01-01T08:00:00+08:00": (
        "'{0}' 不是时刻；应为 2026-01-01 或 2026-01-01T08:00:00+08:00"
    ),
    "'{}' lies outside the years 1970 to 2200": "'{0}' 在 1970 至 2200 年之外",
    # the whole
    "{} ends before it begins": "{0}先终后始",
    "expected an instant after 'valid_from'": "应晚于 'valid_from'",
    "{} sells nothing": "{0}没有服务项",
    "add `items` with what was bought": "请在 `items` 中写明所购服务",
    "{} makes {} promises": "{0}有 {1} 项约定",
    "expected at most {}": "至多应为 {0}",
    "{} has hours by kind of day and names no calendar": "{0}按日期类别写了时段，却未写日历",
    "{} has no rules": "{0}没有规则",
    "add `rules:`; they decide what counts": "请加上 `rules:`；它决定如何计算",
    "it decides money, so it has no default": "它关系金额，没有默认值",
    "{} promises nothing": "{0}没有约定",
    "add `objectives`, or `coverage`": "请加上 `objectives` 或 `coverage`",
    "'{}' is there twice in '{}' of {}": "{2}的 '{1}' 中有两个 '{0}'",
    "area '{}' is there twice in 'minima' of {}": "{1}的 'minima' 中有两次区域 '{0}'",
    "exclusion class '{}' is there twice": "免责类别 '{0}' 出现两次",
    "give each its own id": "请各用一个标识",
    "{} owes per '{}'": "{0}按 '{1}' 扣减",
    "leave `per` out: areas are no services": "请删去 `per`：区域不是服务",
    # rules
    "'exclusion_mode' is not_excluded, yet classes of exclusions are listed": (
        "'exclusion_mode' 为 not_excluded，却列有免责类别"
    ),
    "remove the list, or say how an exclusion counts": "请删去列表，或写明免责如何计算",
    "'aggregation' is {} and 'weight' is {}": "'aggregation' 为 {0}，'weight' 为 {1}",
    "a weighted aggregation needs a weight, another one has none": "加权汇总须有权重，其他汇总没有",
    "'quorum' is {} of {} vantage points": "'quorum' 为 {1} 个监测点中的 {0} 个",
    "expected at most 'vantages'": "至多应为 'vantages'",
    "{} samples every {} s do not fit a slice of {} s": "每 {1} 秒一次的 {0} 个样本放不进 {2} 秒的时段",
    "every slice would be unknown; lower it or lengthen 'slice_s'": "每个时段都将未测得；请减少，或加长 'slice_s'",
    "'hours' is an empty list": "'hours' 为空列表",
    "write `always`, or at least one window": "请写 `always`，或至少一个时段",
    "'hours' has '{}'": "'hours' 含 '{0}'",
    "expected `always` or windows like `mon-fri 08:00-20:00`": "应为 `always` 或 `mon-fri 08:00-20:00` 这样的时段",
    "'hours' has {} windows": "'hours' 有 {0} 个时段",
    "'hours' mixes weekdays and kinds of days": "'hours' 混用了星期与日期类别",
    "write all windows by one or by the other": "请统一用其中一种",
    "'hours' has windows that overlap": "'hours' 的时段重叠",
    "each minute of the week belongs to one window": "每周的每一分钟只属于一个时段",
    "aggregation '{}' with weight '{}'; expected 'weighted' with one, or neither": (
        "汇总为 '{0}'，权重为 '{1}'；应为 'weighted' 并有权重，或两者都没有"
    ),
    "slice_s is {}; expected seconds that divide a day": "slice_s 为 {0}；应为能整除一天的秒数",
    "min_samples_per_slice is {}; checks every {} s give at most {} in {} s": (
        "min_samples_per_slice 为 {0}；每 {1} 秒检测一次，{3} 秒内至多 {2} 次"
    ),
    "min_outage_s is {}; expected 0 or more": "min_outage_s 为 {0}；应为 0 或更多",
    "{} is '{}' beside window_intervals {}; a sliding window says itself what is an outage, expected '{}'": (
        "window_intervals 为 {2} 时 {0} 为 '{1}'；滑动窗口自身决定何为中断，应为 '{3}'"
    ),
    "consecutive_high_loss is {}; expected 1 to window_intervals, {}": (
        "consecutive_high_loss 为 {0}；应为 1 至 window_intervals（{1}）"
    ),
    "{} is '{}'; expected one of {}": "{0} 为 '{1}'；应为其中之一：{2}",
    "{} is '{}'; expected a plain decimal number, such as 99.95": "{0} 为 '{1}'；应为 99.95 这样的普通小数",
    "{} is '{}'; expected a plain decimal number, such as 12.5": "{0} 为 '{1}'；应为 12.5 这样的普通小数",
    "{} is {}; expected {} to {}": "{0} 为 {1}；应为 {2} 至 {3}",
    "{} stands twice; expected each class once": "{0}出现两次；每类应只有一次",
    "notice {} h, cap {} s; expected 0 or more": "提前 {0} 小时，上限 {1} 秒；应为 0 或更多",
    "{} has no approver, so it needs no claim; expected no notice and no cap, or an approver": (
        "{0}没有批准人，因而无需申报；应不设提前量与上限，或写明批准人"
    ),
    # objectives on metrics and counts
    "{} is '{}'; expected availability, or a metric of the catalogue that is better higher or lower": (
        "{0} 为 '{1}'；应为 availability，或指标目录中有好坏方向的指标"
    ),
    "no threshold; expected what makes a slot good: '{}' {} so many {}": (
        "没有阈值；应写明时隙何时合格：'{0}' {1} 若干 {2}"
    ),
    "a {} of {} digits; expected at most {}": "{0} 有 {1} 位；至多应为 {2} 位",
    "quorum {} of {} vantage points; expected 1 to all of them": "{1} 个监测点中取 {0} 个；应为 1 至全部",
    "'{}' is told by one device; expected vantages 1": "'{0}' 由一台设备给出；vantages 应为 1",
    "percentile is '{}'; the slots of '{}' and their share are by nearest_rank": (
        "percentile 为 '{0}'；'{1}' 的时隙及其占比按 nearest_rank"
    ),
    "check_every_s is {}; expected seconds that divide an hour": "check_every_s 为 {0}；应为能整除一小时的秒数",
    "threshold is '{}'; '{}' needs a plain decimal number of {}": (
        "threshold 为 '{0}'；'{1}' 需要以 {2} 为单位的普通小数"
    ),
    "threshold is '{}'; '{}' needs how many packets a slot of {} s is to have: a whole number from 1 to {}": (
        "threshold 为 '{0}'；'{1}' 须写明每个 {2} 秒时段应有多少个包：1 至 {3} 的整数"
    ),
    "threshold is {}; '{}' needs more than 0 {}": "threshold 为 {0}；'{1}' 须大于 0（{2}）",
    "{} is '{}'; '{}' is a ratio of sums over what was seen, expected '{}'": (
        "{0} 为 '{1}'；'{2}' 是所见之和的比，应为 '{3}'"
    ),
    "threshold is '{}'; '{}' is counted at {}": "threshold 为 '{0}'；'{1}' 只在以下界限计数：{2}",
    "{} is '{}'; '{}' is counted one by one, expected '{}'": "{0} 为 '{1}'；'{2}' 逐次计数，应为 '{3}'",
    "min_samples_per_slice is {}; expected 0 or 1 of counts": "min_samples_per_slice 为 {0}；逐次计数时应为 0 或 1",
    "double_credit 'by_minute', and '{}' counts things, not minutes; expected 'dearest' where an item promises it": (
        "double_credit 为 'by_minute'，而 '{0}' 计的是次数而非分钟；约定它的服务项应为 'dearest'"
    ),
    "repair_from is '{}', and '{}' has no time to repair; expected it in the rules of an objective on '{}' alone": (
        "repair_from 为 '{0}'，而 '{1}' 没有修复时间；只应写在 '{2}' 的目标规则中"
    ),
    # tiers
    "the tier states both '{}' and '{}'": "该档同时写了 '{0}' 与 '{1}'",
    "keep the one the contract says": "请只留合同所写的一个",
    "the tier has no bound": "该档没有界限",
    "state at_least, above, below or at_most": "请写 at_least、above、below 或 at_most",
    "a tier holds no value at all": "有一档不含任何数值",
    "its lower bound lies above its upper one": "其下界高于上界",
    "tiers overlap": "各档重叠",
    "one value must lie in one tier; use `below` against `at_least`": (
        "一个数值只能属于一档；请以 `below` 对 `at_least`"
    ),
    "'escalate_after' and 'escalate_factor' go together": "'escalate_after' 与 'escalate_factor' 须同时写",
    "state both or none": "请两项都写，或都不写",
    "expected one lower bound (at_least or above), one upper (below or at_most), or both": (
        "应有一个下界（at_least 或 above）、一个上界（below 或 at_most），或两者都有"
    ),
    "its lower bound {} is not below its upper bound {}: it holds nothing": "其下界 {0} 不低于上界 {1}：不含任何数值",
    # the words of the command
    "{}: there is no such file; expected a contract version, a YAML file": "{0}：没有此文件；应为合同版本的 YAML 文件",
    "--at {}: expected item/objective=value": "--at {0}：应为 服务项/目标=数值",
    "--at {} is given twice; expected one value": "--at {0} 给了两次；应只有一个数值",
    "--at {}: expected percent, 0 to 100": "--at {0}：应为 0 至 100 的百分数",
    "--at {}: an area alone; expected the whole beside it, --at {}=VALUE": (
        "--at {0}：只给了区域；应同时给出整体，--at {1}=数值"
    ),
    "--at {}: the item does not select this area": "--at {0}：服务项未选该区域",
    "{} services, {} months before; expected 1 to {}, and 0 or more": (
        "{0} 个服务，此前 {1} 个月；应为 1 至 {2}，以及 0 或更多"
    ),
    # coverage
    "metric is '{}'; expected one of {}": "metric 为 '{0}'；应为其中之一：{1}",
    "metric '{}' is of {}, and the item sells {}; expected rsrp of lte, rssi of wifi": (
        "metric '{0}' 属于 {1}，而服务项为 {2}；lte 应为 rsrp，wifi 应为 rssi"
    ),
    "minima name area {}, which the item does not select; leave it out": "minima 列有服务项未选的区域 {0}；请删去",
    "{} is '{}'; expected a {} from {} to {} with at most two decimals": (
        "{0} 为 '{1}'；应为 {3} 至 {4} 的 {2}，至多两位小数"
    ),
}
_KNOWN = Causes(FAULTS, NAMES)


def told(problem: Problem, language: str) -> Problem:
    """Return a problem in the reader's language; its place stays."""
    return Problem(problem.where, said(problem.what, language), said(problem.remedy, language))


def said(text: str, language: str) -> str:
    """Return what is wrong in `zh_CN`; in every other language as it is."""
    return _KNOWN.said(text) if language == "zh_CN" else text
