"""`netops check` names what keeps staff out before the pages do."""

from __future__ import annotations

import dataclasses

import pytest

from netops.access.checks import check
from netops.config import Settings
from netops.entering import Access


@pytest.mark.parametrize(
    ("access", "said"),
    [
        (Access(), []),
        (Access(url="https://netops.example.cn", passkey="contract_manager"), []),
        (Access(passkey="contract_manager"), ["'access.url' is empty; passkeys need it: https://netops.example.cn"]),
        (Access(rp_id="a.cn", url="https://b.cn"), ["'access.rp_id' is 'a.cn'; expected 'b.cn' or a domain above it"]),
        (
            Access(second_factor="boss", url="ftp://x"),
            ["'access.second_factor': there is no role 'boss'", "'access.url'"],
        ),
    ],
)
def test_what_keeps_staff_out_is_named(access, said):
    found = check(dataclasses.replace(Settings(), access=access), None)

    assert len(found) == len(said)
    assert all(each.what.startswith(what) for each, what in zip(found, said, strict=True))
