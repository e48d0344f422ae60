"""Pages beside the visitors': where providers report delivery, and a rehearsal's outbox.

A report is believed about one thing only, when a message arrived, and only from whoever knows the secret in its
address; it names a message by an id, never a person.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, render_template, request

from captive_portal.sms import pointer
from captive_portal.sms.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from captive_portal.sms.providers import Provider
    from captive_portal.sms.telling import Deliveries
    from netops.clock import Clock
    from netops.texting import SmsProvider

LOG = logging.getLogger("netops.portal.sms")
MOST_REPORTS = 500
MOST_VALUE = 128


def pages(
    said: Mapping[str, SmsProvider], providers: Sequence[Provider], deliveries: Deliveries, clock: Clock
) -> Blueprint:
    """Return the blueprint."""
    blueprint = Blueprint("sms", __name__)
    secrets = {name: each.report_secret.read().encode() for name, each in said.items() if each.report_secret}

    def report(name: str, secret: str) -> Response:
        if name not in secrets or not hmac.compare_digest(secret.encode(), secrets[name]):
            abort(404)
        provider = said[name]
        known = 0
        for receipt, state in read(provider, _document()):
            delivered = re.fullmatch(provider.report_ok, state) is not None
            known += deliveries.reported(name, receipt, delivered=delivered, now_ms=clock.now_ms())
        LOG.info("reports taken provider=%s known=%d", name, known)
        return Response(provider.report_answer, mimetype="text/plain")

    if secrets:
        blueprint.add_url_rule("/sms/report/<name>/<secret>", "report", report, methods=["GET", "POST"])
    boxes = [each for each in providers if isinstance(each, Outbox)]
    if boxes:
        blueprint.add_url_rule("/sms/outbox", "outbox", lambda: _outbox(boxes[0]))
    return blueprint


def read(provider: SmsProvider, document: Any) -> list[tuple[str, str]]:
    """Return id and state of each report in a body; what is none is left out."""
    found = pointer.at(document, provider.report_list)
    reports = found if isinstance(found, list) else [found]
    pairs = [
        (pointer.text(each, provider.report_id), pointer.text(each, provider.report_state))
        for each in reports[:MOST_REPORTS]
        if isinstance(each, dict)
    ]
    return [(id_, state[:MOST_VALUE]) for id_, state in pairs if 0 < len(id_) <= MOST_VALUE]


def _document() -> Any:
    """Return a JSON body, or the fields of a form or query."""
    if request.mimetype.endswith("json"):
        try:
            return json.loads(request.get_data())
        except (ValueError, RecursionError):
            abort(400)
    return request.values.to_dict()


def _outbox(box: Outbox) -> str:
    return render_template("portal/sms_outbox.html", messages=box.newest())
