"""The whole way: a CPE's session → spool → drain → store, archive, ledger's facts → the page's decoder."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import entry_points

import pytest

from collectors.simulator.cpe import Cpe, small_cell
from netops import raw, reread
from netops.drain import Drain, drained
from netops.model import ANSWERED, Observation, Subject
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
    said = {
        each.metric: each.value for each in explain("cell-1/cwmp", outcome, framed) if isinstance(each, Observation)
    }
    assert drained(settings, "acs") > 0
    assert (outcome.device, outcome.outcome) == ("cell-1/cwmp", ANSWERED)
    assert reading.value == said["lte.cell.prb_dl"] == 23
    assert b"cwmp:GetParameterValuesResponse" in framed
    assert [entry.fact.body["event"] for entry in told if entry.fact.kind == "device_event"] == ["boot"]


@pytest.mark.parametrize(
    ("faults", "gone"),
    [
        (set(), []),
        ({"refuse:Device.Services.FAPService.1.FAPControl.LTE.OpState"}, []),
        ({"refuse:Device.Services.FAPService.1.REM.LTE.Cell."}, []),
        (set(), ["Device.Services.FAPService.1.CellConfig.LTE.RAN.RRU.Stats.PrbTotDl"]),
        ({"silent:OpState"}, []),
        ({"torn"}, []),
        ({"more:Device.Services.FAPService.1.FAPControl.LTE.OpState"}, []),
    ],
)
def test_a_poll_is_read_again_from_its_envelopes_to_the_same_rows(house, faults, gone):
    """Values, qualities and gaps: what the core makes of a poll whose rows were left out is what we made."""

    class Forgetful(Cpe):
        def _read(self, names):
            more = [each.partition(":")[2] for each in self.faults if each.startswith("more:")]
            kept = [n for n in names if "silent:OpState" not in self.faults or "OpState" not in n]
            return super()._read([*kept, *more, "Device.ManagementServer.", "Device.DeviceInfo.Manufacturer"])

    home = house({"cell-1": "SN1"})
    values = {name: value for name, value in small_cell("SN1").items() if name not in gone}
    Forgetful(home.port, "SN1", values, faults=frozenset(faults)).session(["1 BOOT"])
    home.service.stop()

    (made,) = home.polls(1)
    known = {row.subject: (row.values, row.codes, row.texts) for row in made.rows}
    found = reread.again(replace(made, rows=(), profile=made.profile or "x"))
    assert {row.subject: (row.values, row.codes, row.texts) for row in found.rows} == known
