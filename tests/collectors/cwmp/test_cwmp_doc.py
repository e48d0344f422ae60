"""The how-to's examples are what the code reads."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from collectors.cwmp import reference
from collectors.cwmp.model_yaml import parse
from netops import config

PAGE = (Path(__file__).resolve().parents[3] / "docs/how-to/small-cells-by-tr-069.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_model_of_the_page_is_one():
    (written,) = blocks("yaml")

    assert parse(written, "page").metrics == {"lte.cell.oper", "lte.cell.temperature"}


def test_the_settings_of_the_page_are_settings(tmp_path):
    (written,) = blocks("toml")
    tomllib.loads(written)
    file = tmp_path / "netops.toml"
    file.write_text(written, encoding="utf-8")
    found = config.load(file, environ={})

    assert (found.acs.enabled, found.credentials["cells"].kind) == (True, "cwmp")


def test_every_setting_that_the_page_names_exists():
    named = set(re.findall(r"`acs\.([a-z_]+)", PAGE)) - {"listen"}

    assert named <= {
        each.rsplit(".", 1)[1] for each, _, _ in config.as_table(config.Settings()) if each.startswith("acs.")
    }


def test_the_reference_page_is_the_models():
    written = Path(__file__).resolve().parents[3] / "docs/reference/cwmp-models.md"

    assert reference.page() == written.read_text(encoding="utf-8"), "python -m collectors.cwmp.reference > that file"
