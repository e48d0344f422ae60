"""The public page: what works and what does not, as files that outlive us, with nothing on them that is not public."""

import json
import re
from dataclasses import dataclass
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.city import city_of
from inventory.model import Area, Carrier, Service, Site
from inventory.register import Register
from inventory.snapshot import of_city
from netops import cli, hotspots, situation
from netops.situation import ServiceNow, Situation, State
from netops.status import page, places, writing
from netops.status.places import Stand
from netops.verify import Planned
from tests.netops.instances import founded

NOW, HOUR = 1_790_000_040_000, 3_600_000
STATES = tuple(State)


def city(names=("甲路", "乙路"), per_site=2):
    records = [Carrier(id="secret-carrier", name="某运营商", name_en="Some Carrier")]
    for at, name in enumerate(names):
        records += [
            Area(id=f"11010800{at + 1}", name=f"{name}街道", name_en=f"Street {at}", col=at, row=0),
            Site(id=f"site-{at}", name=f"{name}广场", area=f"11010800{at + 1}", address=f"{name} 1 号"),
        ]
        records += [
            Service(
                id=f"wifi-{at}-{number}", kind="wifi", carrier="secret-carrier", site=f"site-{at}", role="ap",
                device="secret-device", subject=f"ap:mac:0a0b0c0d0e{at}{number}", parent="secret-device",
            )
            for number in range(per_site)
        ]  # fmt: skip
    return of_city(city_of(records), at_ms=NOW, rehearsal=False)


def now(states, at_ms=NOW):
    """Return a situation of `service → (state, since)`."""
    return Situation(
        at_ms=at_ms,
        services=tuple(
            ServiceNow(
                service=name, device="secret-device", area="110108001", carrier="secret-carrier", contract="c",
                kind="wifi", state=state, since_ms=since, cause="device:secret-device", because="secret-cause",
            )
            for name, (state, since) in states.items()
        ),
    )  # fmt: skip


def status(snapshot, seen, *, planned=(), written_ms=NOW):
    return places.Status(
        title="海淀", timezone="Asia/Shanghai", rehearsal=False, written_ms=written_ms, seen_ms=seen.at_ms,
        areas=places.areas(snapshot, seen), works=places.works(snapshot, planned, now_ms=written_ms),
    )  # fmt: skip


def mixed():
    seen = {
        "wifi-0-0": (State.UP, NOW - 9 * HOUR),
        "wifi-0-1": (State.UP, NOW - 9 * HOUR),
        "wifi-1-0": (State.DOWN, NOW - 3 * HOUR),
        "wifi-1-1": (State.DOWN, NOW - HOUR),
    }
    return status(city(), now(seen))


def test_what_works_by_subdistrict_and_since_when_the_rest_does_not():
    told = mixed()
    document = page.document(told)

    assert [(each.count(Stand.WORKS), each.count(Stand.BROKEN)) for each in told.areas] == [(1, 0), (0, 1)]
    assert document["areas"][1]["hotspots"] == [
        {"name": "乙路广场", "address": "乙路 1 号", "state": "broken", "since": "2026-09-21T11:14:00.000Z"}
    ], "of two access points half were gone with the first"
    assert document["stale"] is False


@given(st.lists(st.tuples(st.sampled_from(STATES), st.integers(1, 10**9)), min_size=1, max_size=7))
def test_it_works_exactly_where_the_portal_says_so_and_blindness_breaks_nothing(told):
    snapshot = city(names=("甲路",), per_site=7)
    seen = now({f"wifi-0-{at}": each for at, each in enumerate(told)})
    (hotspot,) = places.areas(snapshot, seen)[0].hotspots
    works = bool(hotspots.of(seen, {each.id: each.site for each in snapshot.services}).sites)
    down = sum(state in {State.DOWN, State.DEGRADED} for state, _ in told)

    assert (hotspot.stand is Stand.WORKS) == works
    assert (hotspot.stand is Stand.BROKEN) == (2 * down >= len(told))
    assert hotspot.since_ms == 0 if works else hotspot.since_ms in {since for _, since in told}


def test_planned_works_say_when_and_where_and_nothing_else():
    running = Planned(start_ms=NOW - HOUR, end_ms=NOW + HOUR, services=frozenset({"wifi-1-0", "wifi-1-1"}))
    over = Planned(start_ms=NOW - 9 * HOUR, end_ms=NOW, services=frozenset({"wifi-0-0"}))
    far = Planned(start_ms=NOW + places.AHEAD_MS, end_ms=NOW + places.AHEAD_MS + 1, services=frozenset({"wifi-0-0"}))
    fiber = Planned(start_ms=NOW, end_ms=NOW + HOUR, services=frozenset({"fiber-1"}))
    found = places.works(city(), [over, far, fiber, running, running], now_ms=NOW)

    assert found == (places.Works(start_ms=NOW - HOUR, end_ms=NOW + HOUR, areas=("110108002",)),)


def test_nothing_of_the_operator_is_on_the_page():
    planned = [Planned(start_ms=NOW, end_ms=NOW + HOUR, services=frozenset({"wifi-0-0"}))]
    told = status(city(), now({"wifi-0-0": (State.DOWN, NOW - HOUR)}), planned=planned)
    every = b"".join(page.files(told).values()).decode()

    assert "secret" not in every
    assert "运营商" not in every
    assert "0a0b0c" not in every
    assert not re.search(r"<script|<form|\bon\w+=|https?://|src=", every)


@pytest.mark.parametrize(
    ("seen_ms", "zh", "en"),
    [
        (NOW - 60_000, None, None),
        (NOW - 601_000, "最后一次看到网络是在 2026-09-21 22:03", "last seen at 2026-09-21 22:03"),
        (0, "还没有看到过网络", "has not been seen yet"),
    ],
    ids=["fresh", "core-dead", "never"],
)
def test_what_is_old_says_so_in_a_line_of_text_and_every_page_says_when_it_was_written(seen_ms, zh, en):
    files = page.files(status(city(), now({"wifi-0-0": (State.UP, NOW)}, at_ms=seen_ms)))
    for name, said in ((page.FILES["zh"], zh), (page.FILES["en"], en)):
        text = files[name].decode()

        assert "2026-09-21 22:14" in text
        assert ('role="status"' in text) == (said is not None)
        assert said is None or said in text
    assert json.loads(files[page.JSON])["stale"] is (zh is not None)


@pytest.mark.parametrize(
    ("states", "age_ms", "zh", "en"),
    [
        ((State.UP, State.UP), 0, "公共 WiFi 正常", "Public WiFi works"),
        ((State.UP, State.DOWN), 0, "1 个热点不能用", "1 hotspot does not work"),
        ((State.DOWN, State.DOWN), 0, "2 个热点不能用", "2 hotspots do not work"),
        ((State.UP, State.UNKNOWN), 0, "我们看到的热点都正常", "Every hotspot that we see works"),
        ((State.UNKNOWN, State.UNKNOWN), 0, "现在的情况未知", "How it is now is not known"),
        ((State.UP, State.UP), 601_000, "现在的情况未知", "How it is now is not known"),
    ],
    ids=["good", "one", "some", "partly unseen", "unseen", "stale"],
)
def test_the_first_sentence_tells_the_whole_and_praises_nothing_that_was_not_seen(states, age_ms, zh, en):
    seen = {f"wifi-{at}-0": (state, NOW - HOUR) for at, state in enumerate(states)}
    files = page.files(status(city(per_site=1), now(seen, at_ms=NOW - age_ms)))
    for name, said in ((page.FILES["zh"], zh), (page.FILES["en"], en)):
        (answer,) = re.findall(r'<p class="answer \w+">(.+?)<small>', files[name].decode())

        assert answer.partition(" ")[2] == said


def test_what_does_not_work_stands_before_everything_else_with_its_subdistrict():
    text = page.files(mixed())["index.html"].decode()
    wrong, subdistricts = text.index("现在不能用的热点"), text.index("各街道")

    assert "乙路 · 乙路 1 号" in text[wrong:subdistricts]
    assert "甲路广场" not in text[wrong:subdistricts]
    assert "UTC+08" in text, "no time without its zone"


@dataclass
class Seen(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.said = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.said.append(data)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a\u202egnp.exe"])
def test_a_hostile_name_is_text(name):
    snapshot = city(names=(name,))
    text = page.files(status(snapshot, now({"wifi-0-0": (State.DOWN, NOW - HOUR)})))["index.html"].decode()
    found = Seen(text)

    assert not found.tags & {"script", "img"}
    assert name.replace("\u202e", "\ufffd") in "".join(found.said)


def test_the_command_writes_files_that_everybody_can_read_and_leaves_no_half_of_one(tmp_path, capsys):
    settings = founded(tmp_path)
    with Register(settings.register_url, rehearsal=False) as register:
        register.apply(city_of(list(_records())), at_ms=NOW, now_ms=NOW)
    situation.write(settings, now({"wifi-0-0": (State.UP, NOW)}))
    directory = tmp_path / "public"
    words = ["--config", str(settings.file), "status", "write"]

    assert cli.main([*words, str(directory)]) == 0
    assert sorted(path.name for path in directory.iterdir()) == ["index.en.html", "index.html", "status.json"]
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o644}
    capsys.readouterr()
    assert cli.main([*words, "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out)["format"] == page.FORMAT
    assert cli.main(words) == 2
    assert "set `status.directory`" in capsys.readouterr().err


def _records():
    yield from (*city().areas, *city().sites, *city().carriers)


@dataclass
class Clock:
    at_ms: int = NOW

    def now_ms(self):
        return self.at_ms


def test_the_keeper_writes_without_a_core_and_its_health_says_what_is_wrong(tmp_path):
    settings = founded(tmp_path)
    keeper = writing.Keeper(settings, tmp_path / "public", Clock())
    keeper.start()
    keeper.stop()

    assert keeper.wrong == {}
    assert "还没有看到过网络" in (tmp_path / "public" / "index.html").read_text(encoding="utf-8")
    (tmp_path / "file").write_text("")
    blocked = writing.Keeper(settings, tmp_path / "file" / "below", Clock())
    blocked.start()
    blocked.stop()

    assert "Not a directory" in blocked.wrong["round"]
