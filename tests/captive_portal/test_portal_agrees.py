"""Gate and RADIUS server act alone by the policies of their start; the portal says when those are not in force."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest

from captive_portal import gate, policy_yaml
from captive_portal.errors import GatewayError
from captive_portal.gateways.nftables import Nftables
from captive_portal.gateways.radius import Radius
from captive_portal.premises import Premises
from captive_portal.radius import alone
from captive_portal.radius.line import Verbs
from captive_portal.upkeep import Upkeep
from inventory.times import zone
from netops import config
from netops.controllers import Controller

POLICY = "policy: p\ntitle: {}\ndefault: yes\nmethods: [click_through]\nsession_minutes: 5\nwhen_broken: {}\n{}"


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "policies").mkdir()
    bare = config.Settings()
    acs = {f"ac-{entry}": Controller(gateway="radius", site="site-2", entry=entry) for entry in ("mac", "uam")}
    portal = replace(bare.portal, policies=tmp_path / "policies", visitors={"vlan0": "site-1"}, acs=acs)
    made = replace(bare, data=replace(bare.data, dir=tmp_path), portal=portal)
    write(made)
    return made


def write(settings, title: str = "P", broken: str = "open", more: str = "down_kbps: 8000\n") -> None:
    (settings.portal.policies / "p.yaml").write_text(POLICY.format(title, broken, more), encoding="utf-8")


def linux(settings, stack):
    """Return the portal's end of a gate that has just begun, on no kernel."""
    made = gate.build(settings)
    made._kernel, made._classes.htb = nullcontext(), nullcontext()
    made._apply, made._mend, made._twice = str, lambda: None, list
    made.start()
    stack(made.stop)
    part = Nftables(settings, None)
    stack(part._gate.close)
    return part


def radius(settings, _stack):
    """Return the portal's end of a RADIUS server that has just begun, without the socket between them."""
    server = alone.build(settings, settings.data.dir / "let-in.jsonl", doors=None, clock=SimpleNamespace(monotonic=int))
    server._acts = False
    verbs = Verbs(SimpleNamespace(known=SimpleNamespace(by_id=dict(settings.portal.acs))), "b", dict, server)
    part = Radius(settings, None)
    part._line = SimpleNamespace(ask=lambda _verb: next(verbs.ready({})))
    return part


def chores(settings, part) -> Upkeep:
    """Return the portal's chores about a gateway, with the policies as they are in force now."""
    premises = Premises(identity_key=b"", sites={}, policies=policy_yaml.read(settings), zone=zone("Asia/Shanghai"))
    upkeep = Upkeep(SimpleNamespace(premises=premises, gateway=SimpleNamespace(parts=lambda: (part,)), live={}))
    upkeep._repair_at = lambda _part: 0
    return upkeep


@pytest.mark.parametrize("begin", [linux, radius])
@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"more": "down_kbps: 500\n"}, True),
        ({"more": "down_kbps: 8000\nhours: [mon-sun 06:00-22:00]\n"}, True),
        ({"broken": "closed"}, True),
        ({"title": "Parks"}, False),
    ],
)
def test_what_a_gateway_would_do_alone_by_other_policies_is_said_until_it_is_restarted(
    settings, begin, changed, says
) -> None:
    with ExitStack() as running:
        upkeep = chores(settings, begin(settings, running.callback))
        upkeep.agree()  # before it was ever asked
        upkeep.look_in()
        upkeep.agree()
        write(settings, **changed)
        upkeep.visits.premises.policies = policy_yaml.read(settings)  # as the portal does, in seconds
        upkeep.look_in()
        with pytest.raises(GatewayError, match="would let in alone by other policies") if says else nullcontext():
            upkeep.agree()
    with ExitStack() as running:
        again = chores(settings, begin(settings, running.callback))
        again.look_in()
        again.agree()


def test_a_gate_of_before_that_says_nothing_of_it_is_not_blamed(settings) -> None:
    part = radius(settings, None)
    part._line = SimpleNamespace(ask=lambda _verb: {"born": "b", "places": list(settings.portal.acs)})
    upkeep = chores(settings, part)
    write(settings, broken="closed")
    upkeep.look_in()

    upkeep.agree()
