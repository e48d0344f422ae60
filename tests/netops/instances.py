"""Instances to test with: founded as `netops init` does it, with the city that the how-to shows."""

import re
from pathlib import Path

from netops import config, founding

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "describe-your-city.md"
SHOWN = re.compile(r"^### `([^`]+)`\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def guide_files():
    """Return the files that the how-to shows, by name."""
    return dict(SHOWN.findall(GUIDE.read_text(encoding="utf-8")))


def how_to_city(folder):
    """Write the files that the how-to shows below a folder; return their directory."""
    city = folder / "city"
    for name, shown in guide_files().items():
        path = city / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(shown, encoding="utf-8")
    return city


def settings_of(folder):
    """Return the settings of an instance in a folder."""
    file = folder / "netops.toml"
    file.write_text(f'[city]\nname = "test"\n[data]\ndir = "{folder / "data"}"\n')
    return config.load(file, environ={})


def founded(folder):
    """Return the settings of an instance with its databases and keys."""
    settings = settings_of(folder)
    settings.data.dir.mkdir()
    founding.databases(settings)
    founding.keys(settings)
    return settings
