"""Who asks for a page, as the gateway knows it, and what the pages stand on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import g, render_template, request, url_for

from captive_portal import capport, forms
from captive_portal.agreed import Agreed
from captive_portal.errors import GatewayError, PortalError
from captive_portal.model import Consent
from netops.web.language import gettext, known

if TYPE_CHECKING:
    from collections.abc import Callable

    from captive_portal.agreement import Terms
    from captive_portal.desk import Desk
    from captive_portal.fault_book import FaultBook
    from captive_portal.model import Client
    from captive_portal.nearby import Hotspot
    from captive_portal.own_records import Office
    from captive_portal.policy import Policy
    from captive_portal.probes import Probes
    from captive_portal.uplink import Word
    from netops.config import Settings

CHANNEL = "portal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """What the pages stand on."""

    desk: Desk
    settings: Settings
    probes: Probes
    uplink: Callable[[], Word]
    venues: Callable[[str], str]  # site id → its name, or the empty string
    form_key: bytes
    base_url: str
    reports: FaultBook
    hotspot: Callable[[str], Hotspot | None] = lambda _site: None  # site id → where else WiFi works now
    agreed: Agreed = field(default_factory=Agreed)
    own: Office | None = None  # for those who ask what we hold of them

    @property
    def rehearsal(self) -> bool:
        """Whether the city is simulated, which every answer says."""
        return self.settings.city.rehearsal

    @property
    def api_url(self) -> str:
        """Where the RFC 8908 API is announced to be."""
        return self.settings.portal.api_url or f"{self.base_url}{capport.PATH}"


def visitor(portal: Portal) -> Client | None:
    """Return who asks, as the gateway knows it by the address of the connection; None for a stranger."""
    if "away" in g:  # a controller that is silent is asked once for a page: each question waits for seconds
        raise g.away
    if "visitor" not in g:
        address = request.remote_addr or ""
        try:
            g.visitor = portal.desk.gateway.identify(address)
        except GatewayError as error:
            g.away = error
            portal.desk.visits.outcomes.unserved(address, error)
            raise
        if g.visitor is None:
            portal.desk.visits.outcomes.unknown(address)
    return g.visitor  # type: ignore[no-any-return]


def policy(portal: Portal) -> Policy:
    """Return the policy of whoever asks; that of all other sites where nobody can tell who it is."""
    try:
        asks = visitor(portal)
    except PortalError:
        asks = None
    return portal.desk.policies.default if asks is None else portal.desk.policy(asks)


def genuine(portal: Portal, visitor: Client) -> bool:
    """Whether the form is one that this visitor was shown, and not long ago."""
    return forms.genuine(portal.form_key, visitor, request.form.get(forms.FIELD, ""), portal.desk.clock.now_ms())


def shown(portal: Portal, token: str) -> Consent | None:
    """Return what was agreed to by the form of a genuine token; None when the text it showed is not here any more."""
    version, language = forms.shown(token)
    found = portal.desk.policies.library.shown(version, language)
    return None if found is None else consent(found)


def consent(terms: Terms) -> Consent:
    """Return the agreement to a text that stood on a page of ours."""
    return Consent(terms=terms.version, language=terms.language, digest=terms.digest, channel=CHANNEL)


def venue(portal: Portal, visitor: Client) -> str:
    """Return the name of the place where the visitor is; the empty string where nobody gave one."""
    return portal.venues(portal.desk.site(visitor))


def home_url(**more: str) -> str:
    """Return the login page's address, in the language that was asked for, with what else its query is to say."""
    wanted = request.args.get("lang", "")
    query: dict[str, Any] = {"lang": wanted, **more} if known(wanted) else {**more}
    return url_for("portal.home", **query)


def stranger() -> tuple[str, int]:
    """Return the page of who is on no network of ours."""
    text = gettext("本页只为已连上本地 WiFi 的设备服务。请先连接 WiFi，再打开本页。")
    return render_template("portal/message.html", title=gettext("请先连接 WiFi"), text=text, tone=""), 403
