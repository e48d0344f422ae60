"""What is not ours lies apart, with its licence, as its makers published it."""

import hashlib
from pathlib import Path

import dashboards

VENDORED = Path(dashboards.__file__).parent / "static" / "vendored"
DIGESTS = {  # uPlot 1.6.32, MIT, from its package on npm
    "uplot-1.6.32.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "uplot-1.6.32.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uplot-LICENSE.txt": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}


def test_it_is_what_was_published():
    assert {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in VENDORED.iterdir()} == DIGESTS
    assert "MIT License" in (VENDORED / "uplot-LICENSE.txt").read_text(encoding="utf-8")


def test_only_a_device_s_page_loads_it(site):
    client = site.browser("operator")

    assert "uplot-1.6.32.min.js" in client.get("/device/wlan-controller-0").get_data(as_text=True)
    for path in ("/", "/worst", "/contracts", "/service/wifi-0009"):
        assert "uplot" not in client.get(path).get_data(as_text=True)
    for name in DIGESTS:
        assert client.get(f"/assets/vendored/{name}", buffered=True).status_code == 200
