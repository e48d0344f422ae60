"""What a browser says of itself (RFC 9110 section 10.1.5), in two plain words: its name and its system. Pure.

The words help somebody to know the own sessions again; they prove nothing, for a browser may say what it likes. What
cannot be told has none, and the rest of the header is kept nowhere.
"""

from __future__ import annotations

LONGEST = 1000
# the first sign that is found counts: most call themselves by the names of others as well
BROWSERS = {
    "MicroMessenger": "WeChat",
    "wxwork": "WeCom",
    "DingTalk": "DingTalk",
    "ArkWeb": "ArkWeb",
    "HuaweiBrowser": "Huawei",
    "MiuiBrowser": "Mi",
    "QQBrowser": "QQ",
    "UCBrowser": "UC",
    "Edg": "Edge",
    "OPR/": "Opera",
    "Firefox/": "Firefox",
    "FxiOS": "Firefox",
    "CriOS": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
    "curl/": "curl",
}
SYSTEMS = {
    "HarmonyOS": "HarmonyOS",
    "OpenHarmony": "HarmonyOS",
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Macintosh": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


def words(agent: str) -> tuple[str, str]:
    """Return the browser's name and its system, each empty where it cannot be told."""
    said = agent[:LONGEST]
    return _first(BROWSERS, said), _first(SYSTEMS, said)


def _first(signs: dict[str, str], said: str) -> str:
    return next((name for sign, name in signs.items() if sign in said), "")
