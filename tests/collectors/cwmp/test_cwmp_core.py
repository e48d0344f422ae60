"""The whole way: a CPE's session → spool → drain → store, archive, ledger's facts → the page's decoder."""

from __future__ import annotations

from importlib.metadata import entry_points

from collectors.simulator.cpe import Cpe, small_cell
from netops import raw
from netops.drain import Drain, drained
from netops.model import ANSWERED, Subject
from netops.store import open_store


def test_what_a_cpe_told_is_in_the_cores_store_and_ledger(house):
    home = house({"cell-1": "SN1"})
    assert Cpe(home.port, "SN1", small_cell("SN1")).session(["1 BOOT"])
    home.polls(1)
    settings, told = home.settings, []
    folder = settings.data.dir

    with (
        open_store(settings, writing=True) as store,
        raw.build(settings, writing=True) as archive,
        Drain(
            folder / "drain.db", spools=folder / "spool", store=store, archive=archive, on_facts=told.extend,
            rehearsal=True,
        ) as drain,
    ):  # fmt: skip
        while not (done := drain.step()).idle:
            assert done.isolated == 0
        (outcome,) = store.outcomes(start_ms=0, end_ms=1 << 45)
        (reading,) = store.series(Subject("cell", "sn:SN1"), "lte.cell.prb_dl", start_ms=0, end_ms=1 << 45)
        framed = archive.fetch(f"cell-1/cwmp@{outcome.slot_ms}")

    explain = next(each for each in entry_points(group="netops.decoders") if each.name == "cwmp").load()
    said = {each.metric: each.value for each in explain("cell-1/cwmp", outcome, framed)}
    assert drained(settings, "acs") > 0
    assert (outcome.device, outcome.outcome) == ("cell-1/cwmp", ANSWERED)
    assert reading.value == said["lte.cell.prb_dl"] == 23
    assert b"cwmp:GetParameterValuesResponse" in framed
    assert [entry.fact.body["event"] for entry in told if entry.fact.kind == "device_event"] == ["boot"]
