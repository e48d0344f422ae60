"""Records as a form shows them: fields with their names in words, what was typed, and what is wrong at which field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboards import words
from inventory import edits
from inventory.model import DOOR_PORTS, KINDS, ROLES
from inventory.reading import flat
from inventory.reading.tree import Notes
from netops.web.language import gettext as _
from netops.web.language import mark

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from dashboards.city import City
    from inventory.errors import Problem
    from inventory.model import Record

NOUNS = {"site": mark("站点"), "device": mark("设备"), "service": mark("服务"), "door": mark("访问途径")}
FIELDS = {
    "id": mark("编号"),
    "name": mark("名称"),
    "area": mark("街镇"),
    "address": mark("地址"),
    "longitude": mark("经度"),
    "latitude": mark("纬度"),
    "gateway": mark("登录网关"),
    "tags": mark("标签"),
    "site": mark("所在站点的编号"),
    "carrier": mark("运营商"),
    "role": mark("设备类型"),
    "profile": mark("设备模板"),
    "port": mark("端口"),
    "credential": mark("凭据名称"),
    "mac": mark("MAC"),
    "serial": mark("序列号"),
    "parent": mark("上级设备编号"),
    "kind": mark("种类"),
    "device": mark("设备编号"),
    "subject": mark("对象"),
    "dialect": mark("命令行方言"),
    "keys": mark("主机密钥"),
}
HINTS = {
    "tags": mark("以分号分隔"),
    "keys": mark("SHA256:… 或公钥行，以分号分隔"),
    "subject": mark("如 ap:mac:0a0b0c0d0e0f、onu:sn:HWTC01234567；设备本身则留空"),
    "credential": mark("设置文件中凭据的名称，不是密码"),
    "parent": mark("它中断则本设备中断"),
    ("device", "address"): mark("IP 地址；留空则不直接轮询"),
    ("door", "address"): mark("IP 地址；留空则用设备的"),
    ("device", "port"): mark("默认 161"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a form: `choices` (value, words) where it is one of a few; `error` is what is wrong with it."""

    name: str
    label: str
    hint: str
    value: str
    needed: bool
    fixed: bool
    choices: Sequence[tuple[str, str]]
    error: str


def fields(city: City, noun: str, values: Mapping[str, str], errors: Mapping[str, str], *, is_new: bool) -> list[Field]:
    """Return the fields of a noun in the order of its file; the id of a record that is there does not change."""
    columns, needed = flat.READERS[noun][1:]
    return [
        Field(
            name=name,
            label=_(FIELDS[name]),
            hint=_(HINTS[noun, name]) if (noun, name) in HINTS else _(HINTS[name]) if name in HINTS else "",
            value=values.get(name, ""),
            needed=name in needed,
            fixed=name == "id" and not is_new,
            choices=_choices(city, noun, name),
            error=errors.get(name, ""),
        )
        for name in columns
    ]


def _choices(city: City, noun: str, name: str) -> list[tuple[str, str]]:
    seen = city.snapshot
    if name == "role":
        return [(each, words.role(each)) for each in ROLES]
    if name == "kind":
        return (
            [(each, words.kind(each)) for each in KINDS]
            if noun == "service"
            else [(k, words.door(k)) for k in DOOR_PORTS]
        )
    if name == "carrier":
        return [(each.id, words.carrier(each)) for each in seen.carriers]
    if name == "area":
        return [(each.id, words.area(each)) for each in seen.areas]
    return []


def typed(noun: str, form: Mapping[str, str]) -> dict[str, str]:
    """Return what was typed into the fields of a noun."""
    return {name: form.get(name, "").strip()[:2_000] for name in flat.READERS[noun][1]}


def read(noun: str, values: Mapping[str, str]) -> tuple[Record | None, dict[str, str]]:
    """Return the record that was typed, or what is wrong by field; several wrongs of a field are joined."""
    notes = Notes()
    record = edits.made(noun, values, notes)
    return record, at_fields(noun, notes.found)


def at_fields(noun: str, problems: Iterable[Problem]) -> dict[str, str]:
    """Return what is wrong by field; under the empty name what concerns no single one."""
    found: dict[str, list[str]] = {}
    for each in problems:
        name = each.where.rpartition(" ")[2]
        place, said = (name, each.what) if name in flat.READERS[noun][1] else ("", f"{each.where}: {each.what}")
        found.setdefault(place, []).append(f"{said}; {each.remedy}" if each.remedy else said)
    return {name: " · ".join(said) for name, said in found.items()}


def diff(edit: edits.Edit, before: Record | None, *, hidden: Container[str] = ()) -> list[tuple[str, str, str, bool]]:
    """Return (field in words, before, after, differs) of an edit, without the `hidden` fields.

    Of an added or ended record one side is empty.
    """
    old = edits.cells(before) if before is not None else {}
    new = edits.cells(edit.after) if edit.after is not None else {}
    told = (name for name in flat.READERS[edit.noun][1] if name not in hidden)
    names = [name for name in told if old.get(name) or new.get(name)]
    rows = []
    for name in names:
        was, now = old.get(name, ""), new.get(name, "")
        rows.append((_(FIELDS[name]), in_words(edit.noun, name, was), in_words(edit.noun, name, now), was != now))
    return rows


def in_words(noun: str, name: str, value: str) -> str:
    """Say the value of a field: what is one of a few by its words, everything else as it stands."""
    if name == "role":
        return words.role(value)
    if name == "kind":
        return words.kind(value) if noun == "service" else words.door(value) if value else ""
    return value
