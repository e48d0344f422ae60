"""Which files go with a note, and what a carrier can do about one that was refused."""

import pytest

from netops.dispute import attached, remedies
from netops.dispute.attached import File
from netops.evidence import canonical

ONE, TWO, OTHER = (File(name=f"{word}.pdf", data=word.encode()) for word in ("one", "two", "other"))
LIST = File(name="o.note.files", data=attached.write_list((each.digest, each.name) for each in (ONE, TWO)))


@pytest.mark.parametrize(
    ("evidence", "came", "known", "kept"),
    [
        pytest.param("", [ONE], [], [], id="a note that names nothing"),
        pytest.param(ONE.digest, [ONE, OTHER], [], [ONE], id="the one that is named"),
        pytest.param(LIST.digest, [ONE, LIST, OTHER], [], [ONE, LIST], id="those of a list that comes with them"),
        pytest.param(LIST.digest, [TWO], [LIST.data], [TWO], id="one of a list that is there"),
        pytest.param(LIST.digest, [TWO], [], [], id="one of a list that nobody brought"),
        pytest.param(OTHER.digest, [ONE, LIST], [LIST.data], [], id="a list that the note does not name"),
    ],
)
def test_the_files_that_a_note_names_are_kept_and_no_other(evidence, came, known, kept):
    assert attached.split(evidence, came, known) == (kept, [each for each in came if each not in kept])


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"one", f"{ONE.digest}  a\nx\n".encode(), f"{ONE.digest.upper()}  a\n".encode(), LIST.data * 80],
    ids=["nothing", "no text", "no digest", "a line of another form", "another spelling", "too long"],
)
def test_what_is_no_list_names_no_file(data):
    assert attached.listed(data) == {}


def test_a_list_is_one_that_sha256sum_reads():
    assert LIST.data.decode().splitlines() == [f"{canonical.digest(b'one')}  one.pdf", f"{TWO.digest}  two.pdf"]


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("it is late: report 'x' could be objected to until 2026-09-30 00:00", remedies.LATE),
        ("note: no signature by a trusted key. If the carrier gave you this key's line", remedies.KEY),
        ("the note was signed over another file than the one that was issued as 'x'", remedies.FILE),
        ("report 'x' was replaced by 'y'", remedies.FILE),
        ("there is no report 'x'; it is not of this ledger, or was never issued", remedies.UNKNOWN),
        ("service 'wifi-1' has no outage that begins at 2026-08-20 18:00", remedies.TARGET),
        ("it is refused for what it says, which names somebody", remedies.PERSON),
        ("the same objection was ruled on already: 'o-1'", remedies.TWICE),
        ("note: expected its one spelling, of at most 4000 characters", remedies.FORM),
    ],
)
def test_each_refusal_has_its_remedy(reason, kind):
    assert remedies.of(reason) == kind
