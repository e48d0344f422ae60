"""The settings of codes by SMS: how many, in which words, and through whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003  (the settings are built from these hints at run time)

from netops.secret import Secret  # noqa: TC001  (likewise)

TEXT = "验证码 {code}，{minutes} 分钟内有效，请勿告诉他人。Your WiFi code."


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsProvider:
    """One who delivers messages. In `url`, `headers`, `body` and `sign`, `{phone}` (+8613800138000), `{national}`,
    `{country}`, `{code}`, `{text}`, `{id}` (ours, of this message), `{user}`, `{secret}`, `{unix}` (seconds), `{time}`
    (20260921080000, by the city's clock) and, but for `sign` itself, `{sign}` stand for what they say.
    """  # noqa: D205

    kind: str = "http"  # http | outbox (files that a rehearsal shows on a page)
    url: str = ""  # http: where a message is handed over
    method: str = "POST"  # http: GET or POST
    headers: dict[str, str] = field(default_factory=dict)  # http: further headers
    body: str = ""  # http: what is sent; empty with GET
    content: str = "application/json"  # http: kind of the body; values are escaped for it
    body_as: str = "text"  # http: text, or base64: the whole body, filled in, is encoded
    sign: str = ""  # http: what {sign} is made of: md5:, sha1:, sha256:, hmac-sha1: or hmac-sha256: (key: the secret)
    sign_as: str = "hex"  # http: how {sign} is written: hex, HEX or base64
    user: str = ""  # http: what {user} stands for
    secret: Secret | None = None  # http: what {secret} stands for
    ok_status: str = "200"  # http: statuses that may mean yes, comma between them
    ok_at: str = ""  # http: JSON pointer to what tells yes from no, such as /code; empty: the whole answer
    ok: str = ""  # http: regular expression of a yes: of the whole value at `ok_at`, or found in the answer; empty: any
    id_at: str = ""  # http: JSON pointer to the provider's id of the message, by which it reports delivery
    private: bool = False  # http: its address may be a private one, and plain HTTP will do
    ca: Path | None = None  # http: PEM file of the authority that is trusted; empty: the machine's
    timeout_s: float = 5.0  # http: seconds for one message, from the connection to the whole answer
    report_secret: Secret | None = None  # last part of /sms/report/<provider>/<secret>; empty: no reports are taken
    report_list: str = ""  # JSON pointer to the list of reports in a body; empty: the body is one report or a list
    report_id: str = "/id"  # JSON pointer to the message's id (theirs or ours) in a report, or its form field
    report_state: str = "/status"  # JSON pointer to the state in a report, or its form field
    report_ok: str = "DELIVRD"  # regular expression of the state that means delivered
    report_answer: str = "ok"  # what the provider wants to read


@dataclass(frozen=True, slots=True, kw_only=True)
class Sms:
    """Codes by SMS. Caps are never exceeded, by whomever and however many at once; a restart refills none."""

    order: str = ""  # providers, comma between them, each the stand-in of the one before; empty: all, by name
    hosts: str = ""  # hosts that may be asked, comma between them; empty: those that the providers' URLs name
    text: str = TEXT  # of a message; 70 characters at most, a longer one is paid for as several
    number_per_day: int = 5  # messages to a number in 24 hours
    number_every_s: int = 60  # seconds between two codes to a number
    client_per_day: int = 8  # messages for a device in 24 hours
    site_per_hour: int = 600  # messages from a site in an hour
    city_per_hour: int = 6000  # messages from all sites in an hour
    city_per_day: int = 50_000  # messages from all sites in a day (UTC)
    abroad_per_day: int = 500  # of them to numbers of other countries
    workers: int = 8  # messages handed over at once
    providers: dict[str, SmsProvider] = field(default_factory=dict)
