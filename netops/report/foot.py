"""The foot of the report's page: how well we could see, by which digests it holds, how to verify it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from netops.report import because, drawn, figures, witnessing
from netops.report.words import LANGUAGES, both, worded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from netops.report.parties import Parties


def seen(report: Mapping[str, Any]) -> str:
    """Return what the ledger says of our own clocks and vantage points in the period."""
    rows = [[worded(name), _counts(value)] for name, value in sorted(report["seen"].items())]
    if "passed_over" in report:
        rows.append([worded("passed_over"), figures.runs(report["passed_over"])])
    return f"<h2>监测自身 How well we could see</h2>{drawn.table(['', ''], rows)}"


def _counts(value: Any) -> str:
    """Return a number, or how often each state was stated."""
    if not isinstance(value, dict):
        return str(value)
    return "；".join(f"{because.both(name)}: {count}" for name, count in value.items()) or "—"


def witnessed(report: Mapping[str, Any], tz: ZoneInfo) -> str:
    """Return what witnesses must have signed, in both languages."""
    said = "<br>".join(escape(each) for name in LANGUAGES for each in witnessing.sentences(report, tz, name))
    return f"<h2>{both('witnessing')}</h2><p>{said}</p>"


def digests(report: Mapping[str, Any], parties: Parties, no_paper: str) -> str:
    """Return what the report rests on by digest, and how anybody verifies it offline."""
    rows = [[worded(f"of_{name}"), value] for name, value in sorted(report["digests"].items())]
    rows += [[both("key"), each] for each in parties.keys]
    for each in report["versions"]:
        late = "，生效后方才登记 recorded after it took effect" if each["recorded_after_valid_from"] else ""
        others = (
            f"，另有 {each['other_texts']} 份不同文本 other texts under this version" if each["other_texts"] else ""
        )
        rows.append(
            [f"{both('version')} {each['version']}", f"{each['digest']} (存证 leaf {each['leaf']}{late}{others})"]
        )
    papers = (
        f"本包无 PDF no PDF in this bundle: {escape(no_paper)}"
        if no_paper
        else "打印稿 on paper: <code>report.zh.pdf</code>, <code>report.en.pdf</code>"
    )
    keys = both("keys_of_all" if report.get("witnessing", {}).get("quorum") else "key_of_the_log")
    verify = "python3 verify.py BUNDLE --vkey FILE" + (" --rehearsal" if report["rehearsal"] else "")
    return (
        f"<h2>摘要与验证 Digests and verification</h2>{drawn.table(['SHA-256', ''], rows)}"
        f"<p>脱机验证 to verify offline (Python 3.11+): <code>{verify}</code><br>FILE: {keys}. "
        f"<code>method.txt</code>: 方法 the method.<br>"
        f"全部表格 all tables: <code>report.xlsx</code> · {papers}</p>"
    )
