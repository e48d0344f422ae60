"""The files of a new site: one line of the city's folder, settings, a policy, and what its neighbours need.

Pure: what is there already is told, new secrets are given. Nothing that exists is changed but `sites.csv`, which gets
a line, and what the settings or the policies already say is not said again.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from captive_portal.site import beside
from captive_portal.site.around import PORT, SECURE_PORT, Written, page
from captive_portal.site.wish import LINUX, PORTAL2, RADIUS, ROUTER, Wish

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from captive_portal.site.around import Around

COLUMNS = ("id", "name", "area", "address", "longitude", "latitude", "gateway", "tags")
# What a city's folder must have, and may have nothing in: see docs/how-to/describe-your-city.md.
EMPTY_CITY = {
    "carriers.yaml": "carriers:\n",
    "devices.csv": "id,name,site,carrier,role,profile,address,port,credential,mac,serial,parent,tags\n",
    "services.csv": "id,kind,carrier,site,role,device,subject,parent,tags\n",
    "contracts/README": "A contract is one YAML file here: docs/how-to/describe-your-city.md shows one.\n",
}


def files(wish: Wish, around: Around, fresh: tuple[str, str]) -> list[Written]:
    """Return every file that the site needs, in the order in which somebody would read them."""
    return [
        *_register(wish, around),
        *_common(wish, around),
        _settings(wish, around),
        *_policy(wish, around),
        *_secrets(wish, around, fresh),
        *beside.files(wish, around, fresh[0]),
    ]


def _register(wish: Wish, around: Around) -> Iterator[Written]:
    if around.city is None or around.placed:
        return
    line = {"id": wish.site, "name": wish.name, "area": around.area, "gateway": wish.gateway}
    before = around.sites if around.sites is not None else ",".join(COLUMNS) + "\n"
    columns = next(csv.reader([before.lstrip("\ufeff").partition("\n")[0]]))
    row = io.StringIO()
    csv.writer(row, lineterminator="\n").writerow([line.get(name.strip(), "") for name in columns])
    ended = before if before.endswith("\n") else f"{before}\n"
    yield Written(
        path=around.city / "sites.csv",
        text=ended + row.getvalue(),
        added="" if around.sites is None else row.getvalue(),
    )
    if around.sites is None:
        for name, text in EMPTY_CITY.items():
            yield Written(path=around.city / name, text=text)


def _common(wish: Wish, around: Around) -> Iterator[Written]:
    """Yield the settings that all sites share, once: those of whoever set them up before stay as they are."""
    portal = around.settings.portal
    if portal.public_url:
        return
    lines = [
        "# What all sites share; `netops portal new-site` wrote it with the first one.",
        "[portal]",
        f"public_url = {_quoted(page(wish, around.settings))}",
        f"policies = {_quoted(str(around.home / 'policies'))}",
        "",
        "[portal.listen]",
        'host = "::"',
        f"port = {PORT}",
    ]
    if wish.certificate:
        lines += ["", "[portal.secure]", 'host = "::"', f"port = {SECURE_PORT}"]
        lines += [f"tls_certificate = {_quoted(wish.certificate)}", f"tls_key = {_quoted(wish.key)}"]
    yield Written(path=around.home / "conf.d" / "portal.toml", text="\n".join(lines) + "\n")


def _settings(wish: Wish, around: Around) -> Written:
    portal = around.settings.portal
    lines = [f"# {wish.site}: where its visitors come from.", "[portal]"]
    if wish.gateway == LINUX:
        uplinks = [each for each in (name.strip() for name in portal.uplinks.split(",")) if each]
        if portal.gateway != LINUX:
            lines.append(f'gateway = "{LINUX}"')
        if wish.uplink and wish.uplink not in uplinks:
            lines.append(f'uplinks = "{",".join((*uplinks, wish.uplink))}"')
        lines = lines if len(lines) > 2 else lines[:1]
        lines += ["", "[portal.visitors]", f'{_quoted(wish.interface)} = "{wish.site}"']
    else:
        if portal.gateway == "simulated":
            lines.append('gateway = "none"  # this machine itself is no gateway')
        lines = lines if len(lines) > 2 else lines[:1]
        lines += ["", *_controller(wish, around)]
    return Written(path=around.home / "conf.d" / f"site-{wish.site}.toml", text="\n".join(lines) + "\n")


def _controller(wish: Wish, around: Around) -> Iterator[str]:
    yield f"[portal.acs.{_quoted(wish.controller)}]"
    yield f'gateway = "{wish.gateway}"'
    yield f'site = "{wish.site}"'
    yield f'address = "{wish.address}"'
    yield f'networks = "{",".join(map(str, wish.visitors))}"'
    if wish.gateway == ROUTER:
        yield f"fas_key = {_reference(wish, around, 'faskey')}"
        yield f'fas_name = "{wish.site}"'
        return
    yield f'vendor = "{wish.vendor}"'
    yield f"secret = {_reference(wish, around, 'radius')}"
    if wish.gateway == PORTAL2:
        yield f"portal_secret = {_reference(wish, around, 'portal')}"
    if not around.settings.radius.enabled:
        yield ""
        yield "[radius]"
        yield "enabled = true"


def policy_file(wish: Wish, around: Around) -> Path:
    """Return where the site's policy goes."""
    return (around.settings.portal.policies or around.home / "policies") / f"{wish.site}.yaml"


def ways(wish: Wish, around: Around) -> tuple[str, ...]:
    """Return the ways in that the site will offer: those that were named, or what the settings say for all."""
    return wish.methods or tuple(each.strip() for each in around.settings.portal.methods.split(","))


def _policy(wish: Wish, around: Around) -> Iterator[Written]:
    if around.ruled:
        return
    lines = [
        "# More words, with an example of each: docs/how-to/write-a-site-policy.md",
        f"policy: {wish.site}",
        f"title: {_quoted(wish.name or wish.site)}",
        f"sites: [{wish.site}]",
        f"methods: [{', '.join(ways(wish, around))}]",
        f"session_minutes: {wish.minutes}",
    ]
    yield Written(path=policy_file(wish, around), text="\n".join(lines) + "\n")


def _secrets(wish: Wish, around: Around, fresh: tuple[str, str]) -> Iterator[Written]:
    kinds = {RADIUS: ("radius",), PORTAL2: ("radius", "portal"), ROUTER: ("faskey",)}.get(wish.gateway, ())
    for kind, secret in zip(kinds, fresh, strict=False):
        yield Written(path=_secret(wish, around, kind), text=f"{secret}\n", secret=True)


def _secret(wish: Wish, around: Around, kind: str) -> Path:
    return around.home / "secrets" / f"{wish.controller}.{kind}"


def _reference(wish: Wish, around: Around, kind: str) -> str:
    return _quoted(f"file:{_secret(wish, around, kind)}")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a JSON string is one of TOML, and of YAML
