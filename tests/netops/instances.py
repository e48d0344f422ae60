"""Instances to test with: founded as `netops init` does it, with the city that the how-to shows."""

import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

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
    # passwords alone: what second factors change has tests of its own
    access = '[access]\nsecond_factor = "none"\n'
    file.write_text(f'[city]\nname = "test"\n[data]\ndir = "{folder / "data"}"\n{access}')
    return config.load(file, environ={})


@cache
def _databases():
    """Return the databases of a new instance by name: to bring them up costs a tenth of a second."""
    with TemporaryDirectory() as place:
        settings = settings_of(Path(place))
        settings.data.dir.mkdir()
        founding.databases(settings)
        return {each.name: each.read_bytes() for each in settings.data.dir.iterdir()}


def founded(folder):
    """Return the settings of an instance with its databases and keys."""
    settings = settings_of(folder)
    settings.data.dir.mkdir()
    for name, octets in _databases().items():
        (settings.data.dir / name).write_bytes(octets)
    founding.keys(settings)
    return settings
