"""Alerts: what the city is told at once, to whom, and who has taken it on.

    situation, store, ledger --signs (pure)--> signs --roots (pure)--> one incident a root cause
    incidents --telling (pure), duty (pure)--> notices --notify (Apprise, a process of its own)--> people

A sign is no verdict: verdicts are of months and stand in the ledger. Nothing here decides money.
"""
