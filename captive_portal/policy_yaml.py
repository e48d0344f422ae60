"""Reads site policies from a folder of YAML files, one policy a file. What is not named here is an error with its line.

A folder without files, or no folder, is one policy made of the settings (`portal.methods`, `portal.session_minutes`).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from captive_portal import agreement
from captive_portal.logo import LogoError, checked
from captive_portal.methods import METHODS, names
from captive_portal.model import Bounds
from captive_portal.policy import RETURNING, Account, Brand, Policies, Policy, Returning, Texting
from captive_portal.sms.code import DIGITS
from captive_portal.sms.number import countries
from inventory.errors import Problem, nearest
from inventory.reading import yaml
from inventory.reading.form import Form
from inventory.reading.rules import windows
from inventory.reading.tree import Many, Notes, Scalar
from netops.errors import ConfigError
from netops.evidence import canonical

if TYPE_CHECKING:
    from captive_portal.agreement import Library
    from captive_portal.policy import WhenBroken
    from netops.config import Settings

KEYS = (
    "policy",
    "title",
    "sites",
    "default",
    "methods",
    "session_minutes",
    "idle_minutes",
    "volume_mb",
    "down_kbps",
    "up_kbps",
    "garden",
    "languages",
    "brand",
    "terms",
    "hours",
    "when_broken",
    "accounts",
    "returning",
    "sms",
)
BRAND = ("name", "name_en", "colour", "logo")
LONGEST_MINUTES = 31 * 24 * 60
MOST_NAMES = 64
MOST_DAYS = 180
MOST_FILE = 64 * 1024
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_COLOUR = re.compile(r"#[0-9a-f]{6}")


class PolicyError(ConfigError):
    """The policies cannot be used; the message lists every problem with file and line."""


def read(settings: Settings) -> Policies:
    """Return the policies of the settings; PolicyError names everything that is wrong."""
    policies, problems = read_folder(settings)
    if problems:
        lines = "\n".join(f"{each.where}: {each.what}; {each.remedy}".removesuffix("; ") for each in problems)
        raise PolicyError(f"site policies cannot be used:\n{lines}")
    return policies


def built_in(settings: Settings) -> Policy:
    """Return the policy that the settings alone make."""
    made = Policy(
        id="default",
        title="",
        methods=tuple(names(settings)),
        bounds=Bounds(seconds=settings.portal.session_minutes * 60),
        accounts=tuple(Account(provider=name) for name in settings.portal.oidc),
    )
    return _sealed(made)


def read_folder(settings: Settings) -> tuple[Policies, list[Problem]]:
    """Return the policies and everything that is wrong with their files."""
    notes = Notes()
    default = built_in(settings)
    by_site: dict[str, Policy] = {}
    seen: dict[str, str] = {}  # policy id → its file
    library = agreement.read(settings.portal.terms, notes)
    folder = settings.portal.policies
    files = sorted(folder.glob("*.yaml")) if folder is not None else []
    if folder is not None and not folder.is_dir():
        notes.add(settings.origin.get("portal.policies", "portal.policies"), f"{folder} is no folder", "make it")
    for file in files:
        found = _file(file, settings, notes, library)
        if found is None:
            continue
        policy, sites, is_default, form = found
        if policy.id in seen:
            other = Path(seen[policy.id]).name
            form.wrong("policy", f"policy '{policy.id}' is also in {other}", "give each its own id")
        seen[policy.id] = str(file)
        default = policy if is_default else default
        for site in sites:
            if site in by_site:
                form.wrong("sites", f"site '{site}' already has policy '{by_site[site].id}'", "name it in one file")
            by_site[site] = policy
    return Policies(default=default, by_site=by_site, library=library, files=seen), notes.all(str(folder))


def _file(
    file: Path, settings: Settings, notes: Notes, library: Library
) -> tuple[Policy, tuple[str, ...], bool, Form] | None:
    try:
        written = file.read_bytes()[: MOST_FILE + 1].decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        notes.add(str(file), f"cannot be read ({error})", "expected UTF-8 YAML")
        return None
    if len(written) > MOST_FILE:
        notes.add(str(file), "is larger than 64 KiB", "a policy is a page of text")
        return None
    return _written(written, file, settings, notes, library)


def flaws(written: str, file: Path, settings: Settings) -> list[str]:
    """Return what is wrong with a policy that is not in its file yet."""
    notes = Notes()
    _written(written, file, settings, notes, agreement.read(settings.portal.terms, Notes()))
    return [f"{each.what}; {each.remedy}".removesuffix("; ") for each in notes.all(str(file))]


def _written(
    written: str, file: Path, settings: Settings, notes: Notes, library: Library
) -> tuple[Policy, tuple[str, ...], bool, Form] | None:
    table = yaml.read(written, str(file), notes)
    if table is None:
        return None
    form = Form("the policy", str(file), table, KEYS, notes)
    default = form.choice("default", ("no", "yes"), default="no") == "yes"
    sites = form.slugs("sites")
    if not sites and not default:
        form.wrong("", "the policy names no site and is not the default", "add `sites: […]` or `default: yes`")
    policy = Policy(
        id=form.slug("policy", need=True),
        title=form.text("title", need=True),
        methods=_methods(form, settings),
        bounds=_bounds(form, settings),
        garden=_garden(form),
        languages=_words(form, "languages", agreement.LANGUAGES) or ("zh_CN", "en"),
        brand=_brand(form, file),
        terms=_terms(form, library),
        hours=windows(form) if form.has("hours") else (),
        when_broken=_when_broken(form),
        accounts=_accounts(form, settings),
        returning=_returning(form, settings),
        texting=_texting(form),
    )
    return _sealed(policy), sites, default, form


def _when_broken(form: Form) -> WhenBroken:
    """Return what the site wants; `open` opens nothing by itself, it takes a decision of two persons besides."""
    return "open" if form.choice("when_broken", ("closed", "open"), default="closed") == "open" else "closed"


def _methods(form: Form, settings: Settings) -> tuple[str, ...]:
    return _words(form, "methods", on_page()) if form.has("methods") else tuple(names(settings))


def on_page() -> tuple[str, ...]:
    """Return the methods that can stand on a page."""
    return tuple(name for name in METHODS if name != RETURNING)


def _accounts(form: Form, settings: Settings) -> tuple[Account, ...]:
    """Return whose accounts let somebody in; a policy that offers `oidc` and says nothing takes every provider's."""
    table, providers = form.map("accounts"), settings.portal.oidc
    if table is None:
        return tuple(Account(provider=name) for name in providers)
    found = []
    for name in table.entries:
        if name not in providers:
            form.wrong("accounts", f"provider '{name[:60]}' is in no [portal.oidc]", nearest(name, providers))
            continue
        outer = Form("accounts", form.file, table, tuple(table.entries), form.notes)
        rules = outer.map(name) if outer.has(name) else None
        form.good = form.good and outer.good
        if rules is None:
            found.append(Account(provider=name))
            continue
        inner = Form(f"account '{name}'", form.file, rules, ("domains", "groups"), form.notes)
        domains = tuple(dict.fromkeys(each.lower() for each in _listed(inner, "domains")))
        for each in domains:
            if not _HOST.fullmatch(each):
                inner.wrong("domains", f"'{each[:60]}' is no mail domain", "expected a name like stu.example.cn")
        groups = tuple(dict.fromkeys(_listed(inner, "groups")))
        form.good = form.good and inner.good
        found.append(Account(provider=name, domains=domains, groups=groups))
    return tuple(found)


def _returning(form: Form, settings: Settings) -> Returning | None:
    table = form.map("returning")
    if table is None:
        return None
    inner = Form("returning", form.file, table, ("days", "methods", "random_macs"), form.notes)
    chosen = _words(inner, "methods", on_page())
    if not chosen:
        inner.wrong("methods", "'returning' names no method", "name those whose proof is remembered, as `[voucher]`")
    days = inner.whole("days", low=1, high=min(MOST_DAYS, settings.retention.session_days))
    random = inner.choice("random_macs", ("no", "yes"), default="no") == "yes"
    form.good = form.good and inner.good
    return Returning(days=days, methods=chosen, random_macs=random)


def _bounds(form: Form, settings: Settings) -> Bounds:
    minutes = form.whole("session_minutes", default=settings.portal.session_minutes, low=1, high=LONGEST_MINUTES)
    return Bounds(
        seconds=minutes * 60,
        idle_s=form.whole("idle_minutes", default=0, high=LONGEST_MINUTES) * 60,
        octets=form.whole("volume_mb", default=0, high=10_000_000) * 1_000_000,
        down_kbps=form.whole("down_kbps", default=0, high=10_000_000),
        up_kbps=form.whole("up_kbps", default=0, high=10_000_000),
    )


def _listed(form: Form, key: str) -> list[str]:
    node = form.table.entries.get(key)
    if node is None:
        return []
    items = node.items if isinstance(node, Many) else (node,)
    if len(items) > MOST_NAMES:
        form.wrong(key, f"'{key}' has {len(items)} entries", f"use at most {MOST_NAMES}")
        return []
    return [each.text if isinstance(each, Scalar) else "{" for each in items]


def _words(form: Form, key: str, options: tuple[str, ...]) -> tuple[str, ...]:
    """Return words of a closed set in the order written: it is the order of the page."""
    found = dict.fromkeys(_listed(form, key))
    for word in found:
        if word not in options:
            form.wrong(key, f"'{key}' has '{word[:60]}'", nearest(word, options))
    return tuple(word for word in found if word in options)


def _garden(form: Form) -> tuple[str, ...]:
    found = dict.fromkeys(name.lower().rstrip(".") for name in _listed(form, "garden"))
    for name in found:
        if len(name) > 253 or not _HOST.fullmatch(name):
            form.wrong(
                "garden", f"'{name[:60]}' is no host name", "expected a name like www.example.cn; no URL, no address"
            )
    return tuple(found)


def _texting(form: Form) -> Texting:
    table = form.map("sms")
    if table is None:
        return Texting()
    inner = Form("sms", form.file, table, ("digits", "countries"), form.notes)
    most, least = DIGITS
    digits = inner.whole("digits", default=most, low=least, high=most)
    if digits not in DIGITS:
        inner.wrong("digits", f"'digits' is {digits}", f"expected {most} or {least}")
    written = tuple(dict.fromkeys(each.removeprefix("+") for each in _listed(inner, "countries")))
    for each in written:
        if each not in countries():
            inner.wrong("countries", f"'countries' has '{each[:20]}'", f"expected some of {', '.join(countries())}")
    form.good = form.good and inner.good
    return Texting(digits=digits, countries=written or Texting().countries)


def _brand(form: Form, file: Path) -> Brand:
    table = form.map("brand")
    if table is None:
        return Brand()
    inner = Form("the brand", form.file, table, BRAND, form.notes)
    colour = inner.text("colour", most=7).lower()
    if colour and not _COLOUR.fullmatch(colour):
        inner.wrong("colour", f"'colour' is '{colour}'", "expected #rrggbb")
        colour = ""
    logo = ""
    named = inner.text("logo", most=100)
    if named:
        try:
            logo = checked(file.parent, named)
        except LogoError as error:
            inner.wrong("logo", str(error), "")
    form.good = form.good and inner.good
    return Brand(name=inner.text("name", most=60), name_en=inner.text("name_en", most=60), colour=colour, logo=logo)


def _terms(form: Form, library: Library) -> str:
    version = form.text("terms", most=32) or agreement.VERSION
    if version not in library.versions:
        form.wrong("terms", f"there are no terms '{version}'", nearest(version, library.versions))
    return version


def _sealed(policy: Policy) -> Policy:
    """Return the policy with the digest of its content."""
    content = asdict(replace(policy, digest=""))
    return replace(policy, digest=hashlib.sha256(canonical.dumps(_plain(content))).hexdigest())


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
