"""What tests over the recordings of real devices share: each recording is decoded once a run."""

from __future__ import annotations

from functools import cache

import pytest

from collectors.profile_yaml import shipped
from collectors.replay import replay


@pytest.fixture(scope="session")
def replayed(recordings):
    """What a recording gives, by its place under the recordings; whoever uses it is of the group `recordings`.

    What it returns is shared: nobody changes it. A large controller takes ten seconds to decode.
    """

    @cache
    def of(name):
        return replay(recordings / name, shipped(), at_ms=0)

    return of
