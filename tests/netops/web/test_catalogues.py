"""English is complete, and what is committed is what the packages say."""

from __future__ import annotations

import re

import pytest
from babel.messages.pofile import read_po

from netops.web import catalogues

PACKAGES = [catalogues.ROOT / name for name in catalogues.PACKAGES]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_every_text_has_its_english_and_is_compiled(package):
    if not catalogues.extracted(package) or not catalogues.catalogue(package).exists():
        pytest.skip("has no catalogue")

    assert catalogues.problems(package) == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_a_translation_keeps_the_names_of_its_values(package):
    path = catalogues.catalogue(package)
    if not path.exists():
        pytest.skip("has no catalogue")
    with path.open("rb") as file:
        for message in read_po(file, locale="en"):
            if message.id:
                assert set(re.findall(r"%\((\w+)\)", message.id)) == set(re.findall(r"%\((\w+)\)", message.string)), (
                    message.id
                )
