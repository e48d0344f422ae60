"""A citizen's own records, shown and erased by the portal itself (PIPL articles 45, 47 and 50).

Who they are is proved by a login at the provider of their account that is made now: an open session there, of whoever
uses the phone, does not do. What is shown is never stored, and the button to erase holds for the person who was shown
it, on this device, for ten minutes. A device's proofs, files and erasures count together, and one file is made at a
time: each is a look through everything that controllers and we have said. A number is proved at the city's desk
(`netops portal access`), where a code can be sent whatever becomes of the browser.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

from flask import Response, render_template, request

from captive_portal import asker, forms, keys
from captive_portal.errors import BusyError, PortalError
from captive_portal.limits import Limit, Rate, Rates
from captive_portal.oidc import under_way
from captive_portal.policy import Account
from captive_portal.portal2 import packets
from captive_portal.records import subject
from inventory.errors import SqlError
from netops.clock import utc
from netops.oidc import token
from netops.oidc.line import AwayError, SaidNoError, StrangeError
from netops.web.language import TAGS, current, gettext

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from captive_portal.asker import Portal
    from captive_portal.model import Client
    from captive_portal.records.persons import Persons
    from captive_portal.records.subject import Erased
    from captive_portal.store import Store
    from netops.config import Settings
    from netops.oidc.provider import Known
    from netops.oidc.under_way import UnderWay

LOG = logging.getLogger("netops.portal")
ASKS = Rates(
    client=Rate(burst=6, every_ms=600_000),
    site=Rate(burst=200, every_ms=5_000),
    city=Rate(burst=2_000, every_ms=500),
)
SHOWN = 20  # visits on the page, the newest; the file has all of them
HOLDS_MS = 10 * 60_000
PRIVATE = {"Cache-Control": "no-store"}
BY = "own"  # who wished, as the wish says: not staff
PURPOSE = b"own records"


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What the pages need beside the portal's."""

    settings: Settings
    store: Store
    persons: Persons
    providers: Mapping[str, Known]
    back: str  # where providers send browsers back to
    asks: Limit = field(default_factory=lambda: Limit(ASKS))
    making: Lock = field(default_factory=Lock)  # held while a file is made


# ---- pages
def page(portal: Portal) -> Any:
    """Say what one may ask, with a button for each provider of accounts."""
    visitor = asker.visitor(portal)
    return asker.stranger() if visitor is None else _door(portal, visitor)


def asked(portal: Portal) -> Any:
    """Send the browser to a provider, to prove anew whose account it is."""
    visitor, office = asker.visitor(portal), portal.own
    if visitor is None or office is None:
        return asker.stranger()
    provider = office.providers.get(request.form.get("provider", ""))
    if provider is None or not asker.genuine(portal, visitor):
        return _door(portal, visitor, gettext("页面已过期，请再按一次。")), 422
    if _too_often(portal, visitor, office):
        return _often(portal, visitor)
    now_ms = portal.desk.clock.now_ms()
    try:
        provider.learn(now_ms)
        going = under_way.begin(office.store, _whose(portal, visitor), provider.name, now_ms)
        url = provider.address(going, state=f"{going.state}.{TAGS[current()]}", back=office.back, fresh=True)
    except (AwayError, SaidNoError, StrangeError, PortalError, SqlError) as error:
        LOG.warning("own records: nobody to ask error=%s", error)
        return _door(portal, visitor, gettext("现在无法核实账号，请过一会儿再试。")), 503
    return render_template("portal/onward.html", url=url)


def returned(portal: Portal, visitor: Client) -> Any:
    """Show what is held of who comes back from a provider for this; None when they came for something else."""
    office = portal.own
    if office is None or not request.args.get("state"):
        return None
    now_ms, state = portal.desk.clock.now_ms(), request.args["state"].partition(".")[0]
    going = under_way.take(office.store, _whose(portal, visitor), state, now_ms)
    if going is None:
        return None
    try:
        hash_ = _proved(office, going, now_ms)
    except AwayError:
        return _door(portal, visitor, gettext("现在无法核实账号，请过一会儿再试。")), 503
    except (SaidNoError, StrangeError, token.UntrustedError) as error:
        LOG.warning("own records: not proved error=%s", error)
        return _door(portal, visitor, gettext("没有核实这是您的账号，什么也没有显示。请重新登录一次。")), 422
    return _shown(portal, visitor, office, hash_)


def taken(portal: Portal) -> Any:
    """Give everything as a file to who was shown it a moment ago."""
    return _pressed(portal, _taken)


def erased(portal: Portal) -> Any:
    """Erase what the law does not keep; the rest goes by itself, and is used for nothing else until then."""
    return _pressed(portal, _erased)


def _pressed(portal: Portal, act: Callable[[Portal, Client, Office, bytes], Any]) -> Any:
    """Do what a button of the page that showed the records asks, if its presser is who was shown them."""
    visitor, office, hash_ = _again(portal)
    if visitor is None or office is None:
        return asker.stranger()
    if hash_ is None:
        return _door(portal, visitor, gettext("页面已过期，请再按一次。")), 422
    if _too_often(portal, visitor, office):
        return _often(portal, visitor)
    return act(portal, visitor, office, hash_)


def _taken(portal: Portal, _visitor: Client, office: Office, hash_: bytes) -> Any:
    if not office.making.acquire(blocking=False):
        raise BusyError("somebody else's records are being put together")
    try:
        trail = office.store.read(lambda connection: subject.trail(connection, hash_, portal.desk.clock.now_ms()))
        held = {**_held(office, hash_), "controller_packets": packets.held(office.settings, trail)}
    finally:
        office.making.release()
    body = json.dumps(held, ensure_ascii=False, indent=1)
    named = {"Content-Disposition": 'attachment; filename="wifi-records.json"'}
    return Response(body, mimetype="application/json", headers={**PRIVATE, **named})


def _erased(portal: Portal, visitor: Client, office: Office, hash_: bytes) -> Any:
    now_ms = portal.desk.clock.now_ms()
    if request.form.get("sure") != "yes":  # what cannot be taken back is confirmed (WCAG 2.2, 3.3.4)
        page_ = _shown(portal, visitor, office, hash_)
        page_.status_code = 422
        return page_
    try:
        found = subject.wish(office.store, office.persons, hash_, settings=office.settings, by=BY, now_ms=now_ms)
    except (PortalError, SqlError) as error:
        LOG.warning("own records: not erased error=%s", error)
        return _door(portal, visitor, gettext("暂时无法记录，请稍后再试。")), 503
    text = _told(found, portal)
    done = render_template("portal/message.html", title=gettext("已登记"), text=text, tone="good")
    return Response(done, headers=PRIVATE)


# ---- who it is
def _proved(office: Office, going: UnderWay, now_ms: int) -> bytes:
    """Return what somebody is known by, once the provider has said that they logged in since they left here."""
    provider = office.providers.get(going.provider)
    if provider is None or request.args.get("error") or not request.args.get("code"):
        raise token.UntrustedError("nothing was brought back")
    named = request.args.get("iss", "")  # RFC 9207
    if (named or provider.learn(now_ms).names_itself) and named != provider.settings.issuer:
        raise token.UntrustedError("the answer names another issuer, or none")
    nobody_else = Account(provider=going.provider)
    claims = provider.claims(going, request.args["code"], nobody_else, back=office.back, now_ms=now_ms)
    if not token.just_now(claims, going.at_ms, now_ms):
        raise token.UntrustedError("the login is not of now, or the provider does not say when it was")
    return office.persons.hashed("account", f"{provider.settings.issuer}|{claims['sub']}")


def _again(portal: Portal) -> tuple[Client | None, Office | None, bytes | None]:
    """Return who presses a button of the page that showed the records, and whose they are."""
    visitor, office = asker.visitor(portal), portal.own
    if visitor is None or office is None or not asker.genuine(portal, visitor):
        return visitor, office, None
    sent = request.form[forms.FIELD]
    kind, hash_ = forms.shown(sent)
    fresh = portal.desk.clock.now_ms() - forms.made_ms(sent) < HOLDS_MS
    return visitor, office, bytes.fromhex(hash_) if kind == "records" and fresh else None


def _too_often(portal: Portal, visitor: Client, office: Office) -> bool:
    """Whether a device has asked enough for now; counts what it asks."""
    desk = portal.desk
    return office.asks.take(desk.identity(visitor), desk.site(visitor), desk.clock.now_ms()) > 0


def _often(portal: Portal, visitor: Client) -> Any:
    return _door(portal, visitor, gettext("您刚才问过几次了，请过十分钟再试。")), 429


def _whose(portal: Portal, visitor: Client) -> bytes:
    """Return under what a device's way to a provider is kept, apart from its logins."""
    return keys.derived(portal.form_key, PURPOSE, portal.desk.identity(visitor))


# ---- what is shown
def _held(office: Office, hash_: bytes) -> dict[str, Any]:
    return office.store.read(lambda connection: subject.access(connection, office.persons, hash_))


def _shown(portal: Portal, visitor: Client, office: Office, hash_: bytes) -> Any:
    held = _held(office, hash_)
    now_ms = portal.desk.clock.now_ms()
    page_ = render_template(
        "portal/own_records.html",
        held=held,
        sessions=[_written(each, portal) for each in held["sessions"][-SHOWN:][::-1]],
        token=forms.token(portal.form_key, visitor, now_ms, terms=f"records.{hash_.hex()}"),
    )
    return Response(page_, headers=PRIVATE)


def _written(session: dict[str, Any], portal: Portal) -> dict[str, str]:
    """Return a visit as its line says it, in the time of the city."""

    def at(text: str | None) -> str:
        return f"{datetime.fromisoformat(text).astimezone(portal.desk.zone):%Y-%m-%d %H:%M}" if text else ""

    since, ended = at(session["since"]), at(session["ended"])
    return {
        "since": since,
        "ended": ended.removeprefix(since.partition(" ")[0]).strip(),
        "site": portal.venues(session["site"]) or session["site"],
        "device": session["device"] or "",
        "addresses": ", ".join(each["address"] for each in session["addresses"]),
    }


def _door(portal: Portal, visitor: Client, failed: str = "") -> str:
    providers = portal.own.providers if portal.own is not None else {}
    chinese = current().startswith("zh")
    titles = {
        name: (each.settings.title if chinese else each.settings.title_en) or each.settings.title or name
        for name, each in providers.items()
    }
    token_ = forms.token(portal.form_key, visitor, portal.desk.clock.now_ms())
    return render_template("portal/own_records_door.html", providers=titles, token=token_, failed=failed)


def _told(found: Erased, portal: Portal) -> str:
    if found.until_ms is None:
        return gettext("已删除 %(count)d 次上网记录，这里不再有您的记录。", count=found.now)
    day = f"{utc(found.until_ms).astimezone(portal.desk.zone):%Y-%m-%d}"
    return gettext(
        "已删除 %(count)d 次上网记录。法律要求保存的 %(kept)d 次最晚到 %(day)s 自动删除，在此之前不作他用。",
        count=found.now,
        kept=found.kept,
        day=day,
    )
