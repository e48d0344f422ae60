"""`netops init`: found an instance: configuration, keys, databases. Repeatable; nothing is overwritten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from netops import apart, config, founding
from netops.errors import ConfigError

if TYPE_CHECKING:
    import argparse

    from netops.config import Settings

SUMMARY = "Write a configuration, the keys and the databases of a new instance; nothing that exists is overwritten."
TEMPLATE = """\
# NetOps. `netops config show --origin` lists every setting with its default.
[city]
name = {name}
title = {title}
timezone = {timezone}

[data]
dir = {data}

# How devices are asked. Secrets are named by reference, never written here.
# [credentials.wlan]
# version = "v3"
# user = "netops"
# auth_key = "file:/etc/netops/secrets/wlan-auth"
# priv_key = "file:/etc/netops/secrets/wlan-priv"
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where and for whom."""
    parser.add_argument("--config", type=Path, default=config.DEFAULT_FILE, help="the file to write (%(default)s)")
    parser.add_argument("--data", type=Path, default=Path("/var/lib/netops"), help="the data directory (%(default)s)")
    parser.add_argument("--name", default="city", help="a short name: letters, digits, '-'; it names the ledger")
    parser.add_argument("--title", default="NetOps", help="what pages and reports are headed with")
    parser.add_argument("--timezone", default="Asia/Shanghai", help="IANA name (%(default)s)")


def run(args: argparse.Namespace, _settings: Settings) -> int:
    """Found the instance and say what to do next."""
    file: Path = args.config
    if file.exists():
        print(f"{file} is there already; it stays as it is")
        settings = config.load(file)
    else:
        settings = _write(args)
        print(f"wrote {file}")
    own = settings.data.users
    for line in apart.found(settings) if own else (*founding.databases(settings), *founding.keys(settings)):
        print(line)
    if own:
        print(f"""
next, as user '{own}' (sudo -u {own} netops …): staff add, inventory apply, check, doctor
then: systemctl start {own}.target""")
        return 0
    print(f"""
next:
  netops --config {file} staff add NAME --role admin     the first account; prints a one-time password
  netops --config {file} inventory apply DIR             what was bought, from YAML and CSV
  netops --config {file} check                           every name resolves
  netops --config {file} up                              run the services""")
    return 0


def _write(args: argparse.Namespace) -> Settings:
    file: Path = args.config
    file.parent.mkdir(parents=True, exist_ok=True)
    text = TEMPLATE.format(
        name=_quoted(args.name),
        title=_quoted(args.title),
        timezone=_quoted(args.timezone),
        data=_quoted(str(args.data.resolve())),
    )
    file.write_text(text, encoding="utf-8")
    file.chmod(0o644)  # it holds references, no secret; the gate of another user reads it too
    try:
        return config.load(file)
    except ConfigError:
        file.unlink()  # what cannot be read is not left behind for the next `init` to find and keep
        raise


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a JSON string is a basic string of TOML
