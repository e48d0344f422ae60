"""What `netops coverage judge` says, in the city's two languages."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "en": {
            "head": "coverage by area (of surface, not of time, people or traffic)",
            "whole": "all areas",
            "met": "met",
            "missed": "missed",
            "not_determinable": "not determinable",
            "lower_bound_reaches_target": "the lower bound reaches the target",
            "upper_bound_below_target": "the upper bound lies below the target",
            "bounds_hold_the_target": "the target lies between the bounds: measure more",
            "too_much_unknown": "too much of the area is unknown",
            "nothing_known": "nothing is known",
            "minimum_missed": "below their minimum",
            "minimum_not_determinable": "minimum not determinable",
            "share": "share",
            "bounds": "bounds",
            "target": "target",
            "unknown": "unknown",
            "cells": "cells",
            "known": "known",
            "never_measured": "never measured",
            "too_few_hours": "too few hours",
            "too_old": "too old",
            "never": "{count} areas: not determinable (nothing was ever measured there)",
            "comma": ", ",
            "age": "newest samples of its cells, days old",
            "outside": "samples that lie in no area",
            "areas_unsealed": "the areas are not sealed yet: the core seals them when it runs",
            "surveys_unsealed": "surveys that are not sealed yet (the core seals them when it runs)",
            "claimed": "prediction (a claim, no evidence): good cells / known cells (claimed covered)",
        },
        "zh_CN": {
            "head": "按面积的覆盖率（不是时间、人口或业务量）",
            "whole": "全部区域",
            "met": "达标",
            "missed": "未达标",
            "not_determinable": "无法判定",
            "lower_bound_reaches_target": "下限达到目标",
            "upper_bound_below_target": "上限低于目标",
            "bounds_hold_the_target": "目标在上下限之间：需要更多测量",
            "too_much_unknown": "未知面积过大",
            "nothing_known": "没有任何已知数据",
            "minimum_missed": "低于最低要求",
            "minimum_not_determinable": "最低要求无法判定",
            "share": "覆盖率",
            "bounds": "上下限",
            "target": "目标",
            "unknown": "未知",
            "cells": "网格",
            "known": "已知",
            "never_measured": "从未测量",
            "too_few_hours": "测量小时数不足",
            "too_old": "数据过旧",
            "never": "{count} 个区域无法判定（从未测量）",
            "comma": "、",
            "age": "各网格最新样本距今天数",
            "outside": "不在任何区域内的样本",
            "areas_unsealed": "区域划分尚未写入账本：核心服务运行时会写入",
            "surveys_unsealed": "尚未写入账本的测量（核心服务运行时会写入）",
            "claimed": "预测（仅为声明，不是证据）：实测良好网格 / 已知网格（声明覆盖）",
        },
    }
)
LINES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "en": ("all samples of one cell in one hour count as one; the verdict is by the bound, not by the share",),
        "zh_CN": ("同一网格同一小时的所有样本只计一次；判定依据上下限，而不是点估计",),
    }
)
