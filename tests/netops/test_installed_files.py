"""An installed NetOps holds every file that lies in its packages: a deployment is no checkout."""

import pytest
from setuptools import Distribution

PACKAGES = ("netops", "inventory", "collectors", "captive_portal", "dashboards")
COMPILED = {".c", ".so"}  # setup.py's optional extension: its source stays behind, its product is no file of the tree


@pytest.fixture
def installed(root, monkeypatch):
    """The files that setuptools would install, by setup.cfg, without building anything."""
    monkeypatch.chdir(root)
    distribution = Distribution({"script_name": "setup.py"})
    distribution.parse_config_files()
    distribution.include_package_data = False  # it would ask a manifest, and write one
    build = distribution.get_command_obj("build_py")
    build.ensure_finalized()
    modules = {root / module[2] for module in build.find_all_modules()}
    return modules | {root / place / name for _, place, _, names in build.data_files for name in names}


def test_everything_in_the_packages_is_installed(root, installed):
    there = {
        path
        for package in PACKAGES
        for path in (root / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
        if path.suffix not in COMPILED
    }

    assert {str(path.relative_to(root)) for path in there - installed} == set()
