"""The supervisor, told to stop."""

from netops.clock import SYSTEM
from netops.supervise import Supervisor


def test_told_to_stop_while_it_starts_it_starts_no_more_and_ends_well():
    said = []
    supervisor = Supervisor(["core", "web"], config=None, clock=SYSTEM, say=said.append)
    supervisor.stop()

    supervisor.start()
    supervisor.run()

    assert [child.process for child in supervisor._children] == [None, None]
    assert said == []
