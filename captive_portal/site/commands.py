"""`netops portal new-site` and `netops portal router`: a new site as a plan, applied when it is said so."""

from __future__ import annotations

import secrets
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captive_portal import policy_yaml
from captive_portal.places import base_url
from captive_portal.site import beside, plan
from captive_portal.site.around import Around, folder, host
from captive_portal.site.wish import GATEWAYS, LINUX, LONGEST_ID, PORTAL2, ROUTER, Wish, sane, typed
from captive_portal.sms import providers
from inventory.model import Area, Site
from inventory.reading.folder import built_in_areas, read_city
from inventory.register import Register
from inventory.show import counted
from inventory.snapshot import snapshot
from netops.config import DEFAULT_FILE
from netops.errors import ConfigError, UsageError, nearest

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from captive_portal.site.around import Written
    from netops.config import Settings

VERBS = frozenset({"new-site", "router"})
MOST_SHOWN = 40  # areas in one message
NAMING = frozenset({"sms", "oidc"})  # the ways in that say who somebody is (docs/explanation/records.md)


def arguments(verbs: Any) -> None:
    """Declare the verbs."""
    said = "set up a site: register entry, settings, policy, DHCP; a plan, until --apply"
    new = verbs.add_parser("new-site", help=said, description=f"{said}. docs/how-to/set-up-a-site.md is the whole way.")
    new.add_argument("site", help="its id, for ever: a-z, 0-9, '_', '.', '-'")
    new.add_argument("--name", default="", help="what people call it")
    new.add_argument("--area", default="", metavar="AREA", help="its subdistrict, by name or code")
    new.add_argument("--city", type=Path, metavar="DIR", help="the city's files; made where there are none yet")
    new.add_argument("--gateway", choices=GATEWAYS, default=LINUX, help="who enforces there (default %(default)s)")
    new.add_argument("--portal-name", default="", metavar="NAME", help="the portal's host name, with the first site")
    new.add_argument("--methods", default="", metavar="A,B", help="ways in, in the order of the page")
    new.add_argument("--minutes", type=int, default=120, metavar="M", help="how long a visit lasts (default 120)")
    new.add_argument("--certificate", default="", metavar="FILE", help="of the portal's name: RFC 8908, openNDS")
    new.add_argument("--key", default="", metavar="FILE", help="the certificate's key")
    linux = new.add_argument_group("behind this machine (nftables)")
    linux.add_argument("--interface", default="", help="where the visitors are")
    linux.add_argument("--address", action="append", default=[], metavar="A/N", help="ours there; v4, v6")
    linux.add_argument("--uplink", default="", help="the interface towards the internet")
    far = new.add_argument_group("behind a controller (radius, portal2) or a router with openNDS (fas)")
    far.add_argument("--id", default="", help=f"its id, at most {LONGEST_ID} characters (default: the site's)")
    far.add_argument("--from", dest="origin", default="", metavar="ADDRESS", help="where its packets come from")
    far.add_argument("--visitors", action="append", default=[], metavar="NET", help="of its visitors")
    far.add_argument("--vendor", default="standard", help="its make, as huawei, h3c, ruijie")
    new.add_argument("--out", type=Path, metavar="DIR", help="write below this folder instead of beside the settings")
    new.add_argument("--apply", action="store_true", help="write the files; without it they are shown")
    router = verbs.add_parser("router", help="print what openNDS on a router must say to be one of ours")
    router.add_argument("id", help='of [portal.acs.<id>] with gateway = "fas"')
    router.add_argument(
        "--for", dest="system", choices=("debian", "openwrt"), default="openwrt", help="(default openwrt)"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do what the verb says."""
    return _new(args, settings) if args.verb == "new-site" else _router(args, settings)


def _router(args: argparse.Namespace, settings: Settings) -> int:
    routers = {name: each for name, each in settings.portal.acs.items() if each.gateway == ROUTER}
    if args.id not in routers:
        remedy = "`netops portal new-site … --gateway fas` makes one"
        raise ConfigError(
            f"[portal.acs] has no router '{args.id}' of gateway 'fas'{nearest(args.id, routers)}; {remedy}"
        )
    host = base_url(settings).partition("://")[2].partition(":")[0]
    lines = beside.of_controller(args.id, routers[args.id], host=host, port=settings.portal.secure.port)
    print((beside.debian if args.system == "debian" else beside.openwrt)(lines), end="")
    print("it holds the router's key: give it to nobody else", file=sys.stderr)
    return 0


def _new(args: argparse.Namespace, settings: Settings) -> int:
    wish = sane(_wish(args))
    around = _around(args, wish, settings)
    made = plan.files(wish, around, (secrets.token_hex(16), secrets.token_hex(16)))
    ruling = plan.policy_file(wish, around)
    flaws = [flaw for each in made if each.path == ruling for flaw in policy_yaml.flaws(each.text, ruling, settings)]
    if flaws:
        raise UsageError("\n".join(("this site cannot be set up, its policy would be refused:", *flaws)))
    targets = [(_target(each.path, around, args.out), each) for each in made]
    taken = [str(path) for path, each in targets if path.exists() and not each.added]
    if taken:
        raise UsageError(
            f"{', '.join(taken)}: there already, and never overwritten; remove what is of a former try, or edit by hand"
        )
    for path, each in targets:
        print("\n".join(_shown(path, each)))
    print("\n".join(_nameless(wish, around)), end="", file=sys.stderr)
    if not args.apply:
        print(
            f"{counted(len(targets), 'file')} planned, nothing written; the same with --apply does it", file=sys.stderr
        )
        return 0
    for path, each in targets:
        _write(path, each)
    print(f"{counted(len(targets), 'file')} written", file=sys.stderr)
    print("\nnext:\n" + "\n".join(f"  {line}" for line in _next(args, wish, around)))
    return 0


def _nameless(wish: Wish, around: Around) -> Iterator[str]:
    """Yield what whoever sets a site up has to know where no way in says who somebody is."""
    ways = plan.ways(wish, around)
    if not NAMING.intersection(ways) and not around.ruled:
        yield f"ways in: {', '.join(ways)}; none of them says who somebody is. Where the law wants a real name before"
        yield "access (China: Cybersecurity Law art. 24, docs/explanation/records.md), offer --methods sms or oidc.\n"


def _wish(args: argparse.Namespace) -> Wish:
    named = (each.strip() for each in args.methods.split(","))
    own, visitors = typed(args.address, args.visitors)
    return Wish(
        site=args.site,
        gateway=args.gateway,
        name=args.name,
        area=args.area,
        host=args.portal_name.lower(),
        methods=tuple(each for each in named if each),
        minutes=args.minutes,
        interface=args.interface,
        own=own,
        uplink=args.uplink,
        controller=args.id or args.site[:LONGEST_ID],
        address=args.origin,
        visitors=visitors,
        vendor=args.vendor,
        certificate=args.certificate and str(Path(args.certificate).resolve()),
        key=args.key and str(Path(args.key).resolve()),
    )


def _around(args: argparse.Namespace, wish: Wish, settings: Settings) -> Around:
    """Look at what is there; UsageError names what is still to be said."""
    file = settings.file or DEFAULT_FILE
    if not file.exists():
        raise UsageError(f"{file}: no settings there; `netops init --config {file}` makes an instance first")
    portal, policies = settings.portal, policy_yaml.read(settings)
    wrong = []
    if not (portal.public_url or wish.host):
        wrong.append("--portal-name: the first site needs the name under which visitors find the portal")
    if wish.host and portal.public_url and wish.host != host(Wish(site="", gateway=""), settings):
        wrong.append(f"--portal-name: the portal has a name already, {portal.public_url}; leave it out")
    if wish.gateway == LINUX and portal.gateway not in {LINUX, "none", "simulated"}:
        wrong.append(f"this machine's gateway is '{portal.gateway}' (portal.gateway); it cannot be nftables besides")
    secure = wish.certificate or portal.secure.tls_certificate is not None
    if wish.gateway == ROUTER and not secure:
        wrong.append("--certificate, --key: openNDS speaks TLS with the portal's name (FAS level 3)")
    wrong += _ways(wish, settings)
    taken = wish.interface if wish.gateway == LINUX else wish.controller
    if taken in portal.places:
        wrong.append(f"'{taken}' serves site '{portal.places[taken]}' already")
    placed, sites, area = _city(args, wish, settings, wrong)
    if wrong:
        raise UsageError("\n".join(("this site cannot be set up:", *wrong)))
    ruling = policies.by_site.get(wish.site)
    return Around(
        settings=settings,
        home=file.resolve().parent,
        city=args.city,
        sites=sites,
        placed=placed,
        area=area,
        ruled=ruling.id if ruling else "",
    )


def _ways(wish: Wish, settings: Settings) -> Iterator[str]:
    """Yield what is off with the ways in: a page that offers one which nobody serves would be refused, or of no use."""
    there = policy_yaml.on_page()
    for each in wish.methods:
        if each not in there:
            yield f"--methods: no '{each}'{nearest(each, there)}; there are {', '.join(there)}"
    if "sms" in wish.methods and not providers.make(settings):
        yield "--methods: 'sms' has no provider of messages; docs/how-to/send-codes-by-sms.md adds one"
    if "oidc" in wish.methods and not settings.portal.oidc:
        yield "--methods: 'oidc' has no provider of accounts; docs/how-to/let-accounts-in.md adds one"


def _city(args: argparse.Namespace, wish: Wish, settings: Settings, wrong: list[str]) -> tuple[bool, str | None, str]:
    """Return whether the city's files have the site, the text of its sites.csv, and the code of the site's area."""
    if args.city is None:
        with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
            known = snapshot(register, at_ms=args.now_ms).site
        if wish.site not in known:
            remedy = "name the city's files: --city DIR"
            wrong.append(f"the register has no site '{wish.site}'{nearest(wish.site, known)}; {remedy}")
        return True, None, ""
    file = args.city / "sites.csv"
    records = read_city(args.city).records.values() if file.exists() else built_in_areas()
    if any(isinstance(each, Site) and each.id == wish.site for each in records):
        return True, None, ""
    areas = [each for each in records if isinstance(each, Area)]
    if not wish.name:
        wrong.append("--name: what people call the site")
    code = _area(wish.area, areas, wrong)
    return False, file.read_text(encoding="utf-8") if file.exists() else None, code


def _area(wanted: str, areas: Sequence[Area], wrong: list[str]) -> str:
    """Return the code of an area that is named by code or by name; note what is off."""
    words = {word: each.id for each in areas for word in (each.id, each.name, each.name_en, each.name_en.lower())}
    begun = {each.id for each in areas if wanted and each.name.startswith(wanted)}  # 万柳 for 万柳地区
    found = words.get(wanted) or words.get(wanted.lower()) or (begun.pop() if len(begun) == 1 else "")
    if not found:
        said = f"no area '{wanted}'{nearest(wanted, words)}" if wanted else "the subdistrict, by name or code"
        known = ", ".join(f"{each.name} {each.name_en} {each.id}" for each in areas[:MOST_SHOWN])
        wrong.append(f"--area: {said}; there are {known}{' …' if len(areas) > MOST_SHOWN else ''}")
    return found


def _target(path: Path, around: Around, out: Path | None) -> Path:
    """Return where a file of the plan goes: below `out` what belongs beside the settings."""
    if out is None or not path.is_relative_to(around.home):
        return path
    return out / path.relative_to(around.home)


def _shown(path: Path, each: Written) -> Iterator[str]:
    yield f"==> {path}" + (" (a line more)" if each.added else "")
    if each.secret:
        yield "    a new secret, readable by its owner alone"
    else:
        yield from (f"    {line}" for line in (each.added or each.text).splitlines())


def _write(path: Path, each: Written) -> None:
    """Write one file. Settings hold references and no secret: the services' users read them."""
    try:
        for folder in [*path.parents][::-1]:
            if not folder.exists():
                folder.mkdir()
                folder.chmod(0o700 if folder.name == "secrets" else 0o755)
        path.touch(mode=0o600)
        path.write_text(each.text, encoding="utf-8")
        if not each.secret and not each.added:
            path.chmod(0o644)
    except OSError as error:
        remedy = "run it as who owns that folder, or write elsewhere with --out DIR and copy it as root"
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); {remedy}") from None


def _next(args: argparse.Namespace, wish: Wish, around: Around) -> Iterator[str]:
    """Yield the commands that are left, in order."""
    file = around.settings.file
    netops = f"netops --config {shlex.quote(str(file))}" if file and file != DEFAULT_FILE else "netops"
    beneath = shlex.quote(str(_target(folder(wish, around), around, args.out)))
    if args.out is not None:
        yield f"copy what lies below {args.out} to {around.home}, as root"
    if args.city is not None:
        yield f"{netops} inventory apply {shlex.quote(str(args.city))}"
    yield f"{netops} check"
    if wish.gateway == LINUX:
        yield from (
            f"ip address add {each} dev {wish.interface}    # unless your network set-up does" for each in wish.own
        )
        yield f"dnsmasq --conf-file={beneath}/dnsmasq.conf    # or copy it to /etc/dnsmasq.d"
        if wish.uplink:
            yield f"nft -f {beneath}/nat.nft    # and from /etc/nftables.conf, for the next boot"
        yield f"{netops} up gate    # before forwarding is switched on"
        yield "sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"
    elif wish.gateway == ROUTER:
        yield f"put {beneath}/opennds.uci (OpenWrt) or opennds.conf (Debian) on the router"
    else:
        yield f"set the controller as {beneath}/controller.txt says"
        yield f"{netops} up radius"
    yield f"{netops} up portal"
    if wish.gateway == PORTAL2:
        yield f"{netops} portal controller {wish.controller} ADDRESS-OF-A-VISITOR    # does it speak?"
