"""`netops netbox fetch`: the lists of a NetBox as files, for `netops inventory import --format netbox`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netops import netbox
from netops.config import Secret
from netops.errors import UsageError
from netops.evidence import files

if TYPE_CHECKING:
    import argparse

    from netops.config import Settings

SUMMARY = "Fetch what a NetBox lists, for `netops inventory import`."
REFERENCES = ("env:", "file:", "credential:")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    below = parser.add_subparsers(dest="what", required=True)
    fetch = below.add_parser("fetch", help="save sites, devices, interfaces and IP addresses into a directory")
    fetch.add_argument("url", help="https://netbox.example.org")
    fetch.add_argument("dir", type=Path, help="a directory to make")
    fetch.add_argument("--token", required=True, metavar="REFERENCE", help="env:NAME or file:PATH")
    fetch.add_argument("--ca", default="", metavar="FILE", help="certificate of the authority that signed NetBox's own")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Ask, then write: a directory that is there and not empty is refused before anything is asked."""
    del settings
    if not args.token.startswith(REFERENCES):
        raise UsageError("--token takes a reference, env:NAME or file:PATH, never the token itself")
    folder: Path = args.dir
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder}: is there and not empty; name a directory that is not there yet")
    lists = netbox.fetch(netbox.asking(args.url, Secret(args.token).read(), authorities=args.ca))
    folder.mkdir(parents=True, exist_ok=True)
    for name, written in lists.items():
        files.replace(folder / name, written.encode(), mode=0o640)
        print(folder / name)
    print(f"`netops inventory import --format netbox {folder}` shows what that would change")
    return 0
