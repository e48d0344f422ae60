"""A large file of a note comes in parts: who may send which, what is answered, and what the other side takes then."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace

import pytest
import small_city

from netops.config import Objections
from netops.dispute.parts import PART_BYTES, Parts
from netops.evidence import canonical
from netops.report import issue
from tests.dashboards.test_objections import LAST, folder, multipart, opened, sealed, send, signed, stated, text
from tests.dashboards.test_rulings import say

__all__ = ["folder"]  # the fixture
BIG = os.urandom(PART_BYTES * 2 + 1000)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with ExitStack() as stack:
        yield opened(tmp_path_factory.mktemp("sent"), stack)


def where(site, folder, leaf, *names):
    """Hand in a note about a leaf that names files; return its page."""
    given = [word for name in names for word in ("--evidence", name)]
    note = signed(issue.place(site.settings, LAST), "--leaf", str(leaf), *given)
    made = send(site, note).headers["Location"]
    sealed(site)
    return made


def part(site, page, data, at, *, until=None, role="carrier", **other):
    client = site.browser(role)
    piece = data[at:until]
    told = {"file": canonical.digest(data), "name": "大.pdf", "size": len(data), "at": at}
    told |= {"digest": canonical.digest(piece), "csrf": small_city.token(client), **other}
    body = multipart(told, [("part", "part", piece)])
    return client.post(f"{page}/parts", data=body, content_type="multipart/form-data; boundary=frontier")


def test_a_file_above_a_form_comes_in_parts_goes_on_after_a_break_and_is_taken_by_the_other_side(site, folder):
    (folder / "big.pdf").write_bytes(BIG)
    page = where(site, folder, 3, "big.pdf")
    digest = canonical.digest(BIG)
    client = site.browser("carrier")

    assert client.get(f"{page}/parts?file={digest}").json == {"named": True, "have": 0}
    assert part(site, page, BIG, 0, until=PART_BYTES).json == {"have": PART_BYTES}
    again = part(site, page, BIG, 0, until=PART_BYTES)
    assert (again.status_code, again.json) == (409, {"have": PART_BYTES})
    assert client.get(f"{page}/parts?file={digest}").json["have"] == PART_BYTES
    assert part(site, page, BIG, PART_BYTES, until=2 * PART_BYTES).json["have"] == 2 * PART_BYTES
    assert "还没有递交" in text(client.get(page))
    assert part(site, page, BIG, 2 * PART_BYTES).json == {"have": -1}
    assert "大.pdf" in text(client.get(page))
    taken = site.browser("contract_manager").get(f"{page}/files/{digest}", buffered=True)
    assert taken.data == BIG


def test_nothing_is_begun_that_no_note_names_and_nobody_else_sends(site, folder):
    (folder / "a.pdf").write_bytes(b"a" * 100)
    page = where(site, folder, 4, "a.pdf")
    refused = part(site, page, BIG, 0, until=PART_BYTES)

    assert refused.status_code == 400
    assert "函件没有指明这个文件" in refused.json["error"]
    assert site.browser("carrier").get(f"{page}/parts?file={canonical.digest(BIG)}").json["named"] is False
    assert site.browser("carrier").get(f"{page}/parts?file=../../x").json["named"] is False
    for role in ("contract_manager", "viewer", "admin"):
        assert part(site, page, b"a" * 100, 0, role=role).status_code == 403
        assert site.browser(role).get(f"{page}/parts?file={'0' * 64}").status_code == 403
    assert part(site, page, b"a" * 100, 0, csrf="x").status_code == 403
    assert part(site, f"/disputes/notes/{'d' * 64}", b"a" * 100, 0).status_code == 404, "of another carrier"
    assert part(site, page, b"a" * 100, 0, digest="0" * 64).status_code == 400
    assert part(site, page, b"a" * 100, -1).status_code == 409
    assert part(site, page, b"a" * 100, 0, size="nan").status_code == 400
    assert "还没有递交" in text(site.browser("carrier").get(page))


def test_a_list_that_comes_first_names_the_others(site, folder):
    for name in ("a.pdf", "b.pdf"):
        (folder / name).write_bytes(name.encode() * 50)
    page = where(site, folder, 5, "a.pdf", "b.pdf")
    listing, one = (folder / "o.note.files").read_bytes(), (folder / "a.pdf").read_bytes()

    assert part(site, page, one, 0).status_code == 400
    assert part(site, page, listing, 0).json == {"have": -1}
    assert part(site, page, one, 0).json == {"have": -1}
    assert "b.pdf" in text(site.browser("carrier").get(page))


def test_what_is_full_is_said_with_what_can_be_done(site, folder, monkeypatch):
    (folder / "big.pdf").write_bytes(BIG[::-1])
    page = where(site, folder, 6, "big.pdf")
    full = replace(site.settings, objections=Objections(file_mb=50, carrier_mb=1, total_mb=10))
    monkeypatch.setattr("dashboards.sending.Parts", lambda _settings, shelf: Parts(full, shelf))
    refused = part(site, page, BIG[::-1], 0, until=PART_BYTES)

    assert refused.status_code == 413
    assert "这家运营商的文件至多 1 MB" in refused.json["error"]
    assert "objections.carrier_mb" in refused.json["error"]


def test_a_disk_that_takes_no_more_is_said_and_what_came_is_kept(site, folder, monkeypatch):
    (folder / "c.pdf").write_bytes(b"c" * 100)
    page = where(site, folder, 7, "c.pdf")
    assert part(site, page, b"c" * 100, 0, until=10).json == {"have": 10}

    def broken(_handle):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("netops.dispute.parts.os.fsync", broken)
        refused = part(site, page, b"c" * 100, 10, until=20)
    assert refused.status_code == 507
    assert "已收到的部分保留" in refused.json["error"]
    have = site.browser("carrier").get(f"{page}/parts?file={canonical.digest(b'c' * 100)}").json["have"]
    assert part(site, page, b"c" * 100, have).json == {"have": -1}


# ---- the city's answer


@pytest.fixture
def answer(site, folder):
    """The page of an answer to an objection of the carrier; each test has its own."""
    leaf = 50 + len(stated(site, "objection"))
    note = signed(issue.place(site.settings, LAST), "--leaf", str(leaf))
    (folder / "o.note").unlink()
    assert send(site, note).status_code == 303
    sealed(site)
    return f"/disputes/{stated(site, 'objection')[-1]['objection']}/answer"


def manager(site, page, data, at, **other):
    return part(site, page, data, at, role="contract_manager", **other)


def test_a_file_of_an_answer_comes_in_parts_and_the_answer_names_it(site, answer):
    digest, client = canonical.digest(BIG), site.browser("contract_manager")
    assert client.get(f"{answer}/parts?file={digest}").json == {"named": True, "have": 0}
    for at in range(0, len(BIG), PART_BYTES):
        assert manager(site, answer, BIG, at, until=at + PART_BYTES).status_code == 200
    assert client.get(f"{answer}/parts?file={digest}").json["have"] == -1
    assert say(site, answer, stance="rejected", reason="x", evidence=digest).status_code == 303
    sealed(site)

    taken = site.browser("carrier").get(f"{answer}/{digest}", buffered=True)
    assert taken.data == BIG
    late = manager(site, answer, b"another", 0)
    assert late.status_code == 403
    assert "文件没有收下" in late.json["error"]


def test_an_answer_has_one_file_and_a_second_attempt_takes_the_place_of_the_first(site, answer):
    other = os.urandom(PART_BYTES + 1)
    assert manager(site, answer, BIG, 0, until=PART_BYTES).json == {"have": PART_BYTES}
    assert manager(site, answer, other, 0, until=PART_BYTES).json == {"have": PART_BYTES}
    assert manager(site, answer, BIG, PART_BYTES, until=2 * PART_BYTES).status_code == 409, "its first part is gone"
    assert manager(site, answer, b"small", 0).json == {"have": -1}
    assert manager(site, answer, b"smaller", 0).json == {"have": -1}
    client = site.browser("contract_manager")

    assert client.get(f"{answer}/parts?file={canonical.digest(b'small')}").json["have"] == 0
    assert client.get(f"{answer}/parts?file={canonical.digest(b'smaller')}").json["have"] == -1


@pytest.mark.parametrize("name", ["", "x", "../" * 8 + "etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "/x"])
def test_a_file_of_an_answer_is_named_by_its_digest_and_by_nothing_else(site, answer, name):
    client = site.browser("contract_manager")
    before = sorted(site.settings.data.dir.rglob("*.part"))
    assert manager(site, answer, b"x", 0, file=name).status_code == 400
    assert client.get(f"{answer}/parts", query_string={"file": name}).status_code == 403
    assert sorted(site.settings.data.dir.rglob("*.part")) == before


@pytest.mark.parametrize("role", ["viewer", "operator", "auditor", "admin", "carrier"])
def test_nobody_else_sends_a_file_of_an_answer(site, answer, role):
    assert part(site, answer, b"x", 0, role=role).status_code == 403
