"""Which texts tell nothing of people and places: numbers, dates, and words of the trade. What is not known is hidden.

A word stays by what it is, never by how often it is said: a passphrase or a network's name may stand in every row too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from collectors.anonymise.pseudonyms import PADDING

if TYPE_CHECKING:
    from collections.abc import Collection

_STATES: Final = """
    up down on off yes no true false ok normal good bad fault faulty failed failure fail error warning critical
    major minor alarm clear cleared online offline enabled disabled enable disable active inactive idle busy running
    run stopped stop started start standby master slave primary secondary backup main none null nil unknown
    unavailable available not na invalid valid present absent installed removed missing empty full half auto
    automatic manual dynamic static default other any all local remote internal external open closed locked unlocked
    connected disconnected connecting connect disconnect connection associated authenticated registered unregistered
    registering registration searching attached detached denied roaming home ready init initializing initialising
    discovery provisioning booting rebooting reboot reset restart shutdown testing test dormant lower layer working
    los losi lof lofi sfi loai loami loki dying gasp deactive deactivated deactivate deregister reregister power
    powered poweroff poe supply supported unsupported support applicable inserted config configured configuration
    configuring download downloading upgrading upgrade join joined image data quit signal degraded success
    successful limited service emergency sleep awake pending complete completed progress in out of and or with
    without the is for to per low high medium planned blank allowed forbidden reserved assigned unassigned selected
    access cluster conductor member reachable unreachable stable unstable cold warm
"""
_THINGS: Final = """
    fan temperature temp voltage current cpu memory mem disk flash ram rom nand emmc swap storage buffers cached
    shared real virtual physical used free total size rate speed duplex link port ports slot slots card board
    chassis module unit stack sensor interface radio channel bandwidth band noise rssi rsrp rsrq sinr snr ssid bssid
    lan wan vlan ap aps sta client clients station mesh bridge router switch gateway controller repeater mode type
    class level index id num number rx tx in out input output uplink downlink upstream downstream optical copper
    fiber sfp xfp qsfp transceiver battery uptime version software hardware firmware boot root system bytes octets
    packets frames errors dropped discards seconds minutes hours days day hour week weeks sec secs min mins hrs
    average avg max core process processes load frequency quality rf tmp var usr lib log dev proc sys run mnt
    overlay rootfs tmpfs jffs ubifs squashfs inlet outlet ambient exhaust psu ac dc rail network networks device
    devices processor state stats statistics supply loop nic ct scheduler queue policer vlanport uni physicaluni
    multipoint subscriber trunk
"""
_MEASURES: Final = """
    mhz ghz khz hz dbm db dbi mw w kw v mv ma ua a c f k rpm bps kbps mbps gbps kb mb gb tb kib mib gib s ms us ns m
    km cm mm bit deg celsius percent lux lte nr nsa sa fdd tdd umts wcdma hspa hsdpa hsupa hspap edge gprs gsm cdma
    evdo tdscdma eutran utran geran catm nbiot b g n ac ax be bg bgn gn an anac ng na ht vht he eht dsss ofdm ofdma
    mimo siso wpa eap tkip aes ccmp gcmp wep dot x ieee gpon epon xgpon xgs xgspon pon gepon olt ont onu odn utc gmt
    cst mon tue wed thu fri sat sun jan feb mar apr may jun jul aug sep oct nov dec am pm
"""
_PORTS: Final = """
    ethernet fastethernet gigabitethernet tengigabitethernet tengige gigaethernet xgigabitethernet twentyfivegige
    fortygige hundredgige fortygigabitethernet hundredgigabitethernet tengigabit gigabit fast ten eth ge xe te fe gi
    fa et xge lo loopback mgmt mng meth management vlanif vlan bvi svi trunk lag po portchannel portgroup channel
    group ethtrunk bond bundle agg dot radio wlan wlanbss wlaness wifi ath wl ra rai rax apcli br ether combo tun
    tap gre sit ip ipip tnl ppp pppoe pptp sstp ovpn lt gretap erspan wwan usb rmnet cellular wimax serial console
    async dialer tunnel template vap veth docker ifb imq dummy teql mon miimon sw swp inloopback inband outband oob
    null vty aux con nve vif wds phy sta eno ens enp gigabitethernets gpononu epononu gpononusvlan olt onu ont adsl
    vdsl shdsl atm e t cable mac virtualaccess virtualtemplate route register bridgeaggregation routeaggregation
    smartgroup gei xgei pingtan linkaggregation aggregate capwap cap dtls lwapp internal supervisor service control
    plane stackport stp l esa esw psa cpeth brlan brwan lan wan modem hwsim unit pci pcie emac tunl qmimux mgt dhcp
    soc vlanport wlanmesh nni uni gem tcont
"""
_MAKERS: Final = """
    huawei hisilicon zte nokia alcatel lucent cisco airespace aruba hpe hp hewlett packard ruijie hc comware ruckus
    brocade arris commscope extreme enterasys aerohive motorola zebra cambium canopy mikrotik routeros ubiquiti
    ubiquitinetwork unifi tplink tp link omada pharos meraki fortinet juniper mist ericsson samsung baicells
    fiberhome dasan zhone raisecom bdcom cdata vsol calix adtran quectel simcom sierra fibocom telit teltonika
    peplink digi moxa siklu mimosa tachyon ligowave openwrt linux systems system inc ltd limited co corp corporation
    technologies technology communications com www equipment gmbh
"""
WORDS: Final = frozenset(
    word.encode() for text in (_STATES, _THINGS, _MEASURES, _PORTS, _MAKERS) for word in text.split()
)

_RUNS: Final = re.compile(rb"[A-Za-z]+|[0-9]+|[^\x00-\x7f]+")
_ALNUM: Final = re.compile(rb"[A-Za-z0-9]+")
_DATE: Final = re.compile(
    rb"[12][0-9]{3}[-/.][0-9]{1,2}[-/.][0-9]{1,2}[ T,]*(?:[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?Z?"
)
_NO_VALUE: Final = frozenset({b"2147483647", b"4294967295", b"-2147483648", b"18446744073709551615"})
_FINE: Final = re.compile(rb"[0-9]\.[0-9]{4}")  # degrees to ten metres; measured values are not told that finely
_PLACE: Final = re.compile(rb"[0-9]{1,3}\.[0-9]{5,}")  # in an interface's name; one of four digits is a VLAN
_MOST_DIGITS: Final = 7  # a passphrase or a landline's number has eight and more
_LONG_TOKEN: Final = 8  # a passphrase of letters and digits has at least as many; `wlan0`, `20MHz` and `11ac` have less
_MIXED: Final = 4  # turns between letters and digits: an address without marks, a passphrase
_LETTER: Final = re.compile(rb"[0-9][A-Za-z](?![A-Za-z])|(?<![A-Za-z])[A-Za-z][0-9]")  # one alone: no word
_BUS: Final = re.compile(
    rb"(?:en|wl|ww)(?:P[0-9]+)?(?:p[0-9]+)?s[0-9]+(?:f[0-9]+)?(?:u[0-9]+)*(?:np?[0-9]+)?"
)  # systemd's
_MOST: Final = 80


def number(value: bytes) -> bool:
    """Whether a text is a measured number or a few, a date, a version: no number of a person's, no place."""
    bare = value.strip(PADDING)
    if bare in _NO_VALUE or _DATE.fullmatch(bare):
        return True
    digits = sum(48 <= octet <= 57 for octet in bare)
    return digits <= _MOST_DIGITS and not _FINE.search(bare)


def worded(value: bytes, makers: Collection[bytes] = ()) -> bool:
    """Whether every word of a text is one of the trade or of the `makers`, and its numbers are no person's."""
    bare = value.strip(PADDING)
    if len(bare) > _MOST or not number(bare):
        return False
    if any(len(token) >= _LONG_TOKEN and not (token.isalpha() or token.isdigit()) for token in _ALNUM.findall(bare)):
        return False
    return all(_known(run, makers) for run in _RUNS.findall(bare))


def port(value: bytes, makers: Collection[bytes] = ()) -> list[bytes]:
    """Return the parts of an interface's name that are no words of the trade: somebody's name or number, a place."""
    if _DATE.fullmatch(value):
        return []
    mixed = [each for each in _ALNUM.findall(value) if len(each) >= _LONG_TOKEN and len(_RUNS.findall(each)) >= _MIXED]
    strange = [run for run in _RUNS.findall(value) if len(run) > _MOST_DIGITS or not run.isdigit()]
    codes = [each for each in mixed if _LETTER.search(each) and not _BUS.fullmatch(each)]
    return [*_PLACE.findall(value), *codes, *(run for run in strange if run.isdigit() or not _known(run, makers))]


def runs(value: bytes) -> set[bytes]:
    """Return the words of a text, in lower case."""
    return {run.lower() for run in _RUNS.findall(value) if run.isalpha()}


def _known(run: bytes, makers: Collection[bytes]) -> bool:
    if run.isdigit():
        return True
    word = run.lower()
    return run == b"\xc2\xb0" or (run.isalpha() and (len(run) == 1 or word in WORDS or word in makers))
