"""A provider of accounts as we know it: where it is asked, with which keys it signs, whether it answers.

What it publishes is read anew each hour and kept for a day when it is away. After a question that was not answered it
is asked nothing for some seconds, then by one visitor at a time: who comes meanwhile is told at once.

Whether it is `absent`, so that a site may open without a login, is judged by our own looks at what it publishes alone:
a visitor chooses what its token endpoint is asked, and how often, and could make it answer that it cannot.
"""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass
from threading import BoundedSemaphore, Lock, Thread
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

from netops import outgoing
from netops.errors import ConfigError
from netops.oidc import token
from netops.oidc.aside import Aside, Crowded, Late
from netops.oidc.line import AwayError, BusyError, Line, SaidNoError, StrangeError, host_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from joserfc.jwk import KeySet

    from netops.errors import NetopsError
    from netops.oidc.token import Rule
    from netops.oidc.under_way import UnderWay
    from netops.provider import Provider

LOG = logging.getLogger("netops.portal")
R = TypeVar("R")
COURSE_S = 5.0  # a visitor waits no longer, however many questions it takes
FRESH_MS = 3_600_000
KEPT_MS = 24 * 3_600_000
UNKNOWN_KEY_MS = 60_000  # a token signed by a key that we do not know makes us look again, so often at most
AWAY_MS = 5_000
ALL_AT_ONCE = 16  # of the portal's 32 threads: who has no account is served meanwhile
AT_ONCE = 12  # of one provider among several: a slow one leaves the others some of them
ABSENT_MS = 60_000
LOOKS = 5  # in vain, in a row and over a minute: it is absent
LONGEST_HINT = 6_000  # of an ID token within an address: servers end a request's line at 8 KiB
ROOM_S = 1.0  # a lecture hall that comes back at once waits so long for its turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """What the provider publishes (OpenID Connect Discovery section 3) and we use."""

    authorize: str
    token: str
    keys: str
    userinfo: str
    end_session: str  # OpenID Connect RP-Initiated Logout section 2.1; empty: it has none, or at a host of nobody's
    names_itself: bool  # RFC 9207: it says in its answer who it is
    secret_in_form: bool


class Known:
    """One provider; safe from several threads. `room` is for what all providers have under way, `most` for its own."""

    def __init__(
        self, name: str, settings: Provider, *, room: BoundedSemaphore | None = None, most: int = ALL_AT_ONCE
    ) -> None:
        self.name = name
        self.settings = settings
        more = [each.strip().lower() for each in settings.hosts.split(",") if each.strip()]
        try:
            issuer = host_of(settings.issuer)
        except StrangeError as error:
            raise ConfigError(f"[portal.oidc.{name}] issuer: {error}; write it as the provider itself does") from None
        self._hosts = frozenset({issuer, *(each if ":" in each else f"{each}:443" for each in more)})
        self._trust = outgoing.trust(settings.ca, f"portal.oidc.{name}.ca")
        self._aside = Aside(f"oidc-{name}", most=most, room=room)
        self._lock = Lock()
        self._learning = Lock()
        self._trial = Lock()
        self._endpoints: tuple[Endpoints, int] | None = None
        self._keys: tuple[KeySet, int] | None = None
        self._away_until_ms = 0
        self._looked_ms = 0
        self._failed_ms = 0  # when a visitor's question was not answered last
        self._missed: tuple[int, ...] = ()  # our own looks in vain, in a row
        self.wrong = ""
        self.counted = {"let_in": 0, "away": 0, "untrusted": 0}

    # ---- what a login does
    def learn(self, now_ms: int) -> Endpoints:
        """Return where the provider is asked; AwayError when nobody knows now."""
        fresh = self._fresh(now_ms)
        if fresh is not None:
            return fresh
        if not self._learning.acquire(timeout=ROOM_S):
            raise AwayError(f"provider '{self.name}' is being asked and has not answered yet")
        try:
            return self._fresh(now_ms) or self._learn(now_ms)
        finally:
            self._learning.release()

    def refresh(self, now_ms: int) -> None:
        """Learn beside the page what will soon be too old, and look whether one that did not answer is back."""
        kept = self._endpoints
        due = kept is None or now_ms - kept[1] > FRESH_MS // 2 or bool(self.wrong or self._missed)
        if due and not 0 <= now_ms - self._looked_ms < AWAY_MS and not self._learning.locked():
            self._looked_ms = now_ms
            Thread(target=self._look, args=(now_ms,), name=f"oidc-{self.name}-learns", daemon=True).start()

    @property
    def absent(self) -> bool:
        """Whether it has answered none of our own looks for a minute."""
        missed = self._missed
        return len(missed) >= LOOKS and missed[-1] - missed[0] >= ABSENT_MS

    def _look(self, now_ms: int) -> None:
        """Ask what it publishes, past what visitors have under way, and note whether it answers."""
        line = Line(self._hosts, self._trust, private=self.settings.private)
        with self._learning:
            try:
                self._read_endpoints(line, now_ms)
            except BusyError:
                self._missed = ()
            except (AwayError, SaidNoError, StrangeError) as error:
                self._gone(error)
                if isinstance(error, AwayError) or not self._kept(now_ms):
                    self._miss(now_ms)
            else:
                self._missed = ()
                if not 0 <= now_ms - self._failed_ms < ABSENT_MS:  # else its visitors know better
                    self._away_until_ms, self.wrong = 0, ""

    def _miss(self, now_ms: int) -> None:
        first, rest = self._missed[:1], self._missed[1:][-LOOKS:]
        set_back = bool(first) and now_ms < self._missed[-1]
        self._missed = (now_ms,) if set_back else (*first, *rest, now_ms)

    def _kept(self, now_ms: int) -> Endpoints | None:
        kept = self._endpoints
        return kept[0] if kept is not None and now_ms - kept[1] < KEPT_MS else None

    def _fresh(self, now_ms: int) -> Endpoints | None:
        kept = self._endpoints
        return kept[0] if kept is not None and now_ms - kept[1] < FRESH_MS else None

    def _learn(self, now_ms: int) -> Endpoints:
        try:
            return self._course(lambda line: self._read_endpoints(line, now_ms), now_ms)
        except (AwayError, SaidNoError, StrangeError) as error:
            if not isinstance(error, AwayError):  # a flood of visitors must not become a flood of questions
                self._away_until_ms, self.wrong = now_ms + AWAY_MS, str(error)
            kept = self._kept(now_ms)
            if kept is None:
                raise
            return kept

    def address(self, under_way: UnderWay, *, state: str, back: str, fresh: bool = False) -> str:
        """Return where the browser goes (OpenID Connect Core section 3.1.2.1), by what is known already.

        `fresh`: a login that is still open there does not do, the provider asks again and says when it did.
        """
        words = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": back,
            "scope": self.settings.scopes,
            "state": state,
            "nonce": under_way.nonce,
            "code_challenge": under_way.challenge,
            "code_challenge_method": "S256",
            **({"prompt": "login", "max_age": "0"} if fresh else {}),
        }
        if self._endpoints is None:
            raise AwayError(f"provider '{self.name}' has not said yet where its page is")
        at = self._endpoints[0].authorize
        return f"{at}{'&' if '?' in at else '?'}{urlencode(words, quote_via=quote)}"

    def farewell(self, id_token: str, *, state: str, back: str, now_ms: int) -> str:
        """Return where the browser logs out there (OpenID Connect RP-Initiated Logout section 2); empty: nowhere.

        A token too long for an address is left out: the provider then asks the person, as section 2 has it.
        """
        at = self.learn(now_ms).end_session
        if not at:
            return ""
        hint = {"id_token_hint": id_token} if 0 < len(id_token) <= LONGEST_HINT else {}
        words = {**hint, "client_id": self.settings.client_id, "post_logout_redirect_uri": back, "state": state}
        return f"{at}{'&' if '?' in at else '?'}{urlencode(words, quote_via=quote)}"

    def claims(self, under_way: UnderWay, code: str, account: Rule, *, back: str, now_ms: int) -> dict[str, Any]:
        """Return what the provider says of who brought this code, verified; UntrustedError when it proves nothing."""
        return self.proof(under_way, code, account, back=back, now_ms=now_ms)[0]

    def proof(
        self, under_way: UnderWay, code: str, account: Rule, *, back: str, now_ms: int
    ) -> tuple[dict[str, Any], str]:
        """Return the same and the ID token that says it."""

        def course(line: Line) -> tuple[dict[str, Any], str]:
            at = self._endpoints_by(line, now_ms)
            said = line.ask(at.token, **self._redeem(at, under_way, code, back))
            access = said.get("access_token")
            wanted = token.Wanted(
                issuer=self.settings.issuer,
                client_id=self.settings.client_id,
                nonce=under_way.nonce,
                access_token=access if isinstance(access, str) else "",
            )
            id_token = said.get("id_token")
            found = token.verified(id_token, self._keys_for(line, at, id_token, now_ms), wanted, now_ms)
            if wanted.access_token and at.userinfo and token.missing(account, found, self.settings.groups_claim):
                found = token.together(found, line.ask(at.userinfo, authorization=_bearer(wanted.access_token)))
            return found, str(id_token)

        try:
            return self._course(course, now_ms)
        except (SaidNoError, token.UntrustedError, BusyError):
            self._missed = ()  # it is there, whatever it publishes
            raise

    def signing(self, now_ms: int) -> list[str]:
        """Return the names of the keys that the provider signs with now."""
        keys = self._course(lambda line: token.keys(line.ask(self._endpoints_by(line, now_ms).keys)), now_ms)
        return [str(each.kid) for each in keys.keys]

    # ---- asking
    def _course(self, questions: Callable[[Line], R], now_ms: int) -> R:
        if now_ms < self._away_until_ms <= now_ms + AWAY_MS:
            raise AwayError(self.wrong)
        if not self.wrong:
            return self._asked(questions, now_ms)
        if not self._trial.acquire(blocking=False):
            raise AwayError(self.wrong)
        try:
            return self._asked(questions, now_ms)
        finally:
            self._trial.release()

    def _asked(self, questions: Callable[[Line], R], now_ms: int) -> R:
        line = Line(self._hosts, self._trust, private=self.settings.private)
        try:
            found = self._aside.do(lambda: questions(line), COURSE_S, room_within_s=ROOM_S)
        except Crowded:
            raise AwayError(f"provider '{self.name}' has more logins under way than it answers") from None
        except Late:
            line.cut()
            raise self._away(
                AwayError(f"provider '{self.name}' did not answer within {COURSE_S:.0f} s"), now_ms
            ) from None
        except AwayError as error:
            raise self._away(error, now_ms) from None
        except (SaidNoError, StrangeError, token.UntrustedError):
            self._away_until_ms, self.wrong = 0, ""  # it answers
            raise
        self._away_until_ms, self.wrong, self._missed = 0, "", ()
        return found

    def _away(self, error: AwayError, now_ms: int) -> AwayError:
        self._gone(error)
        self._away_until_ms, self._failed_ms = now_ms + AWAY_MS, now_ms
        self.counted["away"] += 1
        return error

    def _gone(self, error: NetopsError) -> None:
        if not self.wrong:  # one line when it goes, none for each visitor and each look meanwhile
            LOG.warning("provider of accounts is away provider=%s error=%s", self.name, error)
        self.wrong = str(error)

    def _redeem(self, at: Endpoints, under_way: UnderWay, code: str, back: str) -> dict[str, Any]:
        """Return the question that turns a code into tokens (RFC 6749 section 4.1.3), with who asks."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "client_id": self.settings.client_id,
            "code_verifier": under_way.verifier,
        }
        if self.settings.client_secret is None:
            return {"form": form}
        secret = self.settings.client_secret.read()
        if at.secret_in_form:
            return {"form": {**form, "client_secret": secret}}
        pair = f"{quote(self.settings.client_id, safe='')}:{quote(secret, safe='')}"  # RFC 6749 section 2.3.1
        return {"form": form, "authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    # ---- what it publishes
    def _endpoints_by(self, line: Line, now_ms: int) -> Endpoints:
        return self._kept(now_ms) or self._read_endpoints(line, now_ms)

    def _read_endpoints(self, line: Line, now_ms: int) -> Endpoints:
        said = line.ask(f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration")
        if said.get("issuer") != self.settings.issuer:
            raise StrangeError(f"provider '{self.name}' calls itself otherwise than the settings do; write the same")
        methods = said.get("token_endpoint_auth_methods_supported")
        found = Endpoints(
            authorize=self._own(said, "authorization_endpoint"),
            token=self._own(said, "token_endpoint"),
            keys=self._own(said, "jwks_uri"),
            userinfo=self._own(said, "userinfo_endpoint") if said.get("userinfo_endpoint") else "",
            end_session=self._end_session(said),
            names_itself=said.get("authorization_response_iss_parameter_supported") is True,
            secret_in_form=isinstance(methods, list)
            and "client_secret_basic" not in methods
            and "client_secret_post" in methods,
        )
        with self._lock:
            self._endpoints = found, now_ms
        return found

    def _own(self, said: Mapping[str, Any], name: str) -> str:
        url = said.get(name)
        if not isinstance(url, str) or host_of(url) not in self._hosts:
            raise StrangeError(f"provider '{self.name}': its {name} is at no host of the settings; add it to 'hosts'")
        return url

    def _end_session(self, said: Mapping[str, Any]) -> str:
        """Return where one logs out; a login does not fail for the want of it."""
        try:
            return self._own(said, "end_session_endpoint") if said.get("end_session_endpoint") else ""
        except StrangeError as error:
            LOG.warning("logout at the provider is not used provider=%s error=%s", self.name, error)
            return ""

    def _keys_for(self, line: Line, at: Endpoints, id_token: object, now_ms: int) -> KeySet:
        """Return the provider's keys, read again when the hour is over or the token names one that we do not know."""
        wanted = token.kid(id_token) if isinstance(id_token, str) else ""
        kept = self._keys
        if kept is not None:
            age, known = now_ms - kept[1], {each.kid for each in kept[0].keys}
            if 0 <= age < FRESH_MS and (not wanted or wanted in known or age < UNKNOWN_KEY_MS):
                return kept[0]
        found = token.keys(line.ask(at.keys))
        with self._lock:
            self._keys = found, now_ms
        return found


def _bearer(access_token: str) -> str:
    if not access_token.isascii() or not access_token.isprintable():
        raise token.UntrustedError("the access token is no text of a header")
    return f"Bearer {access_token}"
