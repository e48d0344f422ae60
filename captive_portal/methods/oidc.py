"""Accounts of an institution, by OpenID Connect: the browser goes to its login page and brings back a code.

No password is ever seen here. What the device took along is kept by the server for the device (`under_way.py`); the
provider is asked before the client's turn, so that a slow one holds up nobody else. The person is the keyed hash of
issuer and subject: a mail address may be given to somebody else, those never are.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from captive_portal.methods import Method
from captive_portal.model import Grant
from captive_portal.oidc import under_way
from captive_portal.verdict import Leave, Refusal, Why
from netops.oidc import token
from netops.oidc.line import AwayError, SaidNoError, StrangeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from captive_portal.methods import Shown
    from captive_portal.person import Persons
    from captive_portal.policy import Account, Policy
    from captive_portal.store import Store
    from captive_portal.verdict import Verdict
    from netops.facts import Fact
    from netops.oidc.provider import Known
    from netops.oidc.under_way import UnderWay

LOG = logging.getLogger("netops.portal")
LATER = frozenset({"temporarily_unavailable", "server_error"})  # RFC 6749 section 4.1.2.1


@dataclass(frozen=True, slots=True)
class Button:
    """Whose accounts, and what they are called."""

    provider: str
    title: str


class Oidc(Method):
    """A button for each provider of the policy."""

    name = "oidc"
    template = "portal/oidc.html"
    leaves = True

    def __init__(self, store: Store, providers: Mapping[str, Known], persons: Persons, base_url: str) -> None:
        self._store = store
        self._providers = providers
        self._persons = persons
        self.back = f"{base_url}/return/{self.name}"

    @property
    def providers(self) -> Mapping[str, Known]:
        """Everybody whose accounts may be asked about, also where no site offers them now."""
        return self._providers

    def buttons(self, policy: Policy, language: str) -> list[Button]:
        """Return those of a site's page."""
        return [Button(each.provider, self._title(each.provider, language)) for each in policy.accounts]

    def _title(self, provider: str, language: str) -> str:
        settings = self._providers[provider].settings
        own = settings.title if language.startswith("zh") else settings.title_en
        return own or settings.title or provider

    def language(self, brought: Mapping[str, str]) -> str:
        """Return the tag that went there with the state."""
        return brought.get("state", "").rpartition(".")[2]

    def consult(self, shown: Shown, now_ms: int) -> Verdict | None:
        """Ask the provider: where its page is, or what a code is worth."""
        try:
            if "state" in shown.fields:
                return self._back_again(shown, now_ms)
            account = _account(shown.policy, shown.fields.get("provider", ""))
            if account is not None:
                self._providers[account.provider].learn(now_ms)
        except AwayError:
            return Refusal(why=Why.AWAY)
        except (SaidNoError, StrangeError, token.UntrustedError) as error:
            LOG.warning("provider of accounts proves nothing error=%s", error)
            return Refusal(why=Why.UNPROVEN)
        return None

    def prove(self, shown: Shown, now_ms: int) -> Verdict:
        """Say what the provider's answer came to, or send the device there."""
        if shown.answer is not None:
            return shown.answer
        account = _account(shown.policy, shown.fields.get("provider", ""))
        if account is None:
            return Refusal(why=Why.NOT_HERE)
        provider = self._providers[account.provider]
        going = under_way.begin(self._store, shown.identity, account.provider, now_ms)
        state = f"{going.state}.{shown.fields.get('lang', '')}"
        try:
            return Leave(url=provider.address(going, state=state, back=self.back))
        except AwayError:
            return Refusal(why=Why.AWAY)

    def tend(self, tell: Callable[[Sequence[Fact]], None], now_ms: int, *, last: bool = False) -> None:  # noqa: ARG002
        """Keep what the providers publish fresh, beside the page."""
        for each in () if last else self._providers.values():
            each.refresh(now_ms)

    def health(self) -> Mapping[str, str]:
        """Return which providers do not answer."""
        return {f"oidc {name}": each.wrong for name, each in self._providers.items() if each.wrong}

    def away(self, policy: Policy, now_ms: int) -> bool:  # noqa: ARG002  (the protocol's)
        """Whether none of the providers of a site's accounts is there; nothing that a visitor can bring about."""
        mine = [self.providers[each.provider] for each in policy.accounts if each.provider in self.providers]
        return bool(mine) and all(each.absent for each in mine)

    def gauges(self) -> Mapping[str, float]:
        """Return what became of logins since the start, by provider."""
        return {
            f"netops_portal_oidc_{name.replace('-', '_').replace('.', '_')}_{what}": float(count)
            for name, each in self._providers.items()
            for what, count in each.counted.items()
        }

    def _back_again(self, shown: Shown, now_ms: int) -> Verdict:
        going = under_way.take(self._store, shown.identity, shown.fields["state"].partition(".")[0], now_ms)
        if going is None:
            return Refusal(why=Why.LAPSED)
        account = _account(shown.policy, going.provider)
        if account is None:
            return Refusal(why=Why.NOT_HERE)
        provider = self._providers[going.provider]
        named = shown.fields.get("iss", "")  # RFC 9207: an answer of one provider is not taken for another's
        if (named or provider.learn(now_ms).names_itself) and named != provider.settings.issuer:
            raise token.UntrustedError("the answer names another issuer, or none")
        said = shown.fields.get("error", "")
        if said or not shown.fields.get("code"):
            return Refusal(why=Why.AWAY if said in LATER else Why.DECLINED)
        return self._judged(shown, going, account, now_ms)

    def _judged(self, shown: Shown, going: UnderWay, account: Account, now_ms: int) -> Verdict:
        provider = self._providers[going.provider]
        try:
            claims = provider.claims(going, shown.fields["code"], account, back=self.back, now_ms=now_ms)
        except (SaidNoError, StrangeError, token.UntrustedError):
            provider.counted["untrusted"] += 1
            raise
        if not token.lets_in(account, claims, provider.settings.groups_claim):
            return Refusal(why=Why.NOT_YOURS)
        provider.counted["let_in"] += 1
        person = self._persons.keep("account", f"{provider.settings.issuer}|{claims['sub']}")
        return Grant(method=self.name, until_ms=now_ms + shown.bounds.seconds * 1000, person=person)


def _account(policy: Policy, provider: str) -> Account | None:
    return next((each for each in policy.accounts if each.provider == provider), None)
