from __future__ import annotations

import re

import pytest

from netops import config
from netops.errors import ConfigError


def test_later_sources_win_and_the_origin_is_kept(tmp_path):
    main = tmp_path / "netops.toml"
    main.write_text('[collect]\ninterval_s = 30\nretries = 1\n[city]\nname = "haidian"\n', encoding="utf-8")
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "10.toml").write_text("[collect]\ninterval_s = 40\n", encoding="utf-8")

    settings = config.load(main, environ={"NETOPS_COLLECT__INTERVAL_S": "50"}, overrides=["collect.retries=3"])

    assert (settings.collect.interval_s, settings.collect.retries, settings.city.name) == (50, 3, "haidian")
    assert settings.origin["collect.interval_s"] == "environment NETOPS_COLLECT__INTERVAL_S"
    assert settings.origin["collect.retries"] == "--set collect.retries"


def test_a_secret_never_prints(tmp_path):
    key = tmp_path / "community"
    key.write_text("s3cret-word\n", encoding="utf-8")
    settings = config.load(None, environ={}, overrides=[f"credentials.lab.community=file:{key}"])

    assert settings.credentials["lab"].community.read() == "s3cret-word"
    assert "s3cret" not in repr(settings)
    assert {key: value for key, value, _ in config.as_table(settings)}["credentials.lab.community"] == "Secret(***)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[collect]\nintervall_s = 3\n", "did you mean 'interval_s'?"),
        ("collect = 3\n", "'collect' is a table of settings"),
        ("[collect]\ninterval_s = true\n", "expects int"),
        ("[store]\nkind = 'influx'\n", "did you mean 'influxdb'?"),
        ("[collect\n", "not valid TOML"),
        ("[collect]\ninterval_s = 0\n", "at least 1 second"),
        ("[collect]\nhurry_s = -1\n", "seconds, or 0 for never"),
        ("[collect]\npulse_s = -1\n", "seconds, or 0 for never"),
        ("[web]\ntls_key = [1]\n", "expects Path"),
        ("[web]\nport = 65536\n", "'web.port' is 65536; expected 0 (any that is free) to 65535"),
        ("[portal.listen]\nport = -1\n", "'portal.listen.port' is -1"),
        ("[city]\nname = 'my city'\n", "'city.name' is 'my city'; expected at most 64 letters"),
        ("[city]\ntimezone = 'Asia/Peking'\n", "'Asia/Peking' is no IANA time zone"),
        ("[city]\nlanguage = 'fr'\n", "expected one of zh_CN, en"),
        ("[zzz]\na = 1\n", "`netops config show` lists them all"),
    ],
)
def test_errors_name_file_key_and_remedy(tmp_path, text, said):
    file = tmp_path / "netops.toml"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError, match=re.escape(said)):
        config.load(file, environ={})


def test_a_rehearsal_says_so_in_its_origin():
    rehearsal = config.load(None, environ={}, overrides=["city.rehearsal=true", "city.name=haidian"])

    assert rehearsal.ledger_origin == "netops.invalid/haidian/rehearsal"
