# ruff: noqa: E501  (the tables hold whole sentences)
"""What is asked in a session, against a simulated CPE without a network."""

from __future__ import annotations

import pytest

from collectors.cwmp import soap, spoken
from collectors.cwmp.course import Course, Layout, Limits, root_of
from collectors.cwmp.message import Done, Fault, GetNames, GetValues, SetInform, SetNotification, Values
from collectors.cwmp.model_yaml import shipped
from collectors.simulator.cpe import Cpe, ont, small_cell
from netops.model import Reason

MODELS = tuple(shipped().values())
ALL = frozenset({"cheap", "dear", "heavy"})
PRB = "Device.Services.FAPService.1.CellConfig.LTE.RAN.RRU.Stats.PrbTotDl"


def course(**words):
    given = {"models": MODELS, "root": "Device", "costs": ALL, "layout": None} | words
    return Course(**given)


def played(made, cpe, *, most=500):
    """Run a course against a CPE; return what was asked."""
    asked = []
    steps = made.run()
    try:
        request = next(steps)
        while len(asked) < most:
            asked.append(request)
            said = cpe.answer(spoken.envelope(spoken.request(request), space="urn:dslforum-org:cwmp-1-0", name="1"))
            request = steps.send(soap.read(said).body)
    except StopIteration:
        return asked
    raise AssertionError("it asks without end")


def test_it_asks_for_what_the_cpe_has_and_for_nothing_else():
    cpe = Cpe(0, "SN1", small_cell("SN1"))
    made = course(interval_s=240)
    asked = played(made, cpe)

    read = [name for each in asked if isinstance(each, GetValues) for name in each.names]
    assert made.whole
    assert made.failed == {}
    assert [name for name in read if "IMSI" in name or "Password" in name] == []
    assert "Device.Services.FAPService.1.REM.LTE.Cell." in read
    assert [type(each) for each in asked[-2:]] == [SetInform, SetNotification]
    assert cpe.parameters["Device.ManagementServer.PeriodicInformInterval"] == "240"
    assert made.values[PRB] == "23"


def test_a_cpe_that_tells_its_whole_tree_at_every_level_is_read_alike():
    class Talkative(Cpe):
        def _names(self, path, next_level):
            return super()._names(path, False)

    plain, talkative = course(), course()
    played(plain, Cpe(0, "SN1", small_cell("SN1")))
    played(talkative, Talkative(0, "SN1", small_cell("SN1")))

    assert talkative.values == plain.values
    assert talkative.layout == plain.layout


def test_the_second_time_it_only_reads():
    cpe = Cpe(0, "SN1", small_cell("SN1"))
    first = course(interval_s=240)
    played(first, cpe)
    second = course(layout=first.layout, interval_s=240)

    assert [type(each) for each in played(second, cpe)] == [GetValues, GetValues]
    assert second.values == first.values


def test_what_is_not_due_is_not_asked():
    cpe = Cpe(0, "SN1", small_cell("SN1"))
    made = course(costs=frozenset({"cheap"}))
    played(made, cpe)

    assert "Device.DeviceInfo.ModelName" not in made.asked
    assert not [name for name in made.values if ".REM." in name]
    assert made.values[PRB] == "23"


def test_without_leave_nothing_is_set():
    cpe = Cpe(0, "SN1", small_cell("SN1"))
    asked = played(course(interval_s=0), cpe)

    assert {type(each) for each in asked} == {GetNames, GetValues}


def test_one_refused_parameter_costs_the_others_nothing():
    cpe = Cpe(0, "SN1", small_cell("SN1"), faults=frozenset({f"refuse:{PRB}"}))
    made = course()
    played(made, cpe)

    assert set(made.failed) == {PRB}
    assert made.failed[PRB].reason is Reason.NO_SUCH_OBJECT
    assert made.values.keys() >= {name for name in small_cell("SN1") if ".RRC.Stats." in name}
    assert not made.stale


def test_what_was_refused_once_is_not_asked_again_and_stays_a_gap():
    cpe = Cpe(0, "SN1", small_cell("SN1"), faults=frozenset({f"refuse:{PRB}"}))
    first = course()
    played(first, cpe)
    second = course(layout=first.layout)
    asked = played(second, cpe)

    assert len(asked) == 2
    assert set(second.failed) == {PRB}


def test_an_object_that_has_gone_is_discovered_anew():
    cpe = Cpe(0, "SN1", small_cell("SN1"))
    first = course()
    played(first, cpe)
    del cpe.parameters[PRB]
    second = course(layout=first.layout)
    played(second, cpe)

    assert second.stale
    assert set(second.failed) == {PRB}


def test_a_cpe_that_refuses_everything_ends_soon():
    class Stubborn(Cpe):
        def answer(self, said):
            from collectors.simulator.cpe import envelope, fault

            return envelope(fault(9001, "Request denied"), "1")

    made = course(interval_s=240, layout=Layout(names=tuple((f"A.B{n}", "cheap") for n in range(64))))
    asked = played(made, Stubborn(0, "SN1", {}))

    assert len(asked) <= Limits().requests
    assert {failure.reason for failure in made.failed.values()} <= {Reason.ERROR_STATUS, Reason.BUDGET}
    assert set(made.failed) == {f"A.B{n}" for n in range(64)}


def test_a_cpe_of_a_million_instances_is_bounded():
    class Endless(Cpe):
        def _names(self, path, next_level):
            listed = "".join(f"<P><Name>{path}{n}.</Name></P>" for n in range(1, 300))
            return f"<cwmp:GetParameterNamesResponse><ParameterList>{listed}</ParameterList></cwmp:GetParameterNamesResponse>"

    made = course()
    asked = played(made, Endless(0, "SN1", {}))

    assert len(asked) <= Limits().requests
    assert made.layout is not None
    assert len(made.layout.wholes) <= 64


def test_what_nobody_asked_for_is_not_taken():
    made = course(layout=Layout(names=(("A.B", "cheap"),), wholes=(("A.C.", "cheap"),)))
    steps = made.run()
    next(steps)
    steps.send(Values(values={"A.B": "1", "A.X": "2"}))
    with pytest.raises(StopIteration):
        steps.send(Values(values={"A.C.1": "3", "B.C.1": "4"}))

    assert made.values == {"A.B": "1", "A.C.1": "3"}


@pytest.mark.parametrize("answer", [Done(method="SetParameterValues"), Fault(code=9002)])
def test_an_answer_of_another_kind_is_no_value(answer):
    made = course(layout=Layout(names=(("A.B", "cheap"),)))
    steps = made.run()
    next(steps)
    with pytest.raises(StopIteration):
        steps.send(answer)

    assert made.values == {}
    assert set(made.failed) == {"A.B"}


def test_a_session_that_breaks_off_leaves_gaps_not_silence():
    cpe = Cpe(0, "SN1", ont("HWTC01234567"))
    made = course()
    steps = made.run()
    request = next(steps)
    while not isinstance(request, GetValues):
        said = cpe.answer(spoken.envelope(spoken.request(request), space="urn:dslforum-org:cwmp-1-0", name="1"))
        request = steps.send(soap.read(said).body)
    heard = made.heard("HWTC01234567", {})

    assert heard.values == {}
    assert {failure.reason for failure in heard.failed.values()} == {Reason.TORN}
    assert len(heard.failed) == len(made.asked) > 5


def test_the_root_is_what_the_inform_says():
    assert root_of(["InternetGatewayDevice.DeviceInfo.X"]) == "InternetGatewayDevice"
    assert root_of(["Device.DeviceInfo.X"]) == root_of([]) == "Device"
