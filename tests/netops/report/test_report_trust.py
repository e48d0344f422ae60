"""Whose a bundle is comes from outside it; and what people read in it is what its numbers say."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest

from netops.evidence import bundle as bundles
from netops.evidence import spoken, told
from netops.report import again, bundle, code, standalone
from netops.sign import Signer

ORIGIN = "netops.invalid/test"


def verified(path, signer=None, **given):
    said = []
    key = None
    if signer is not None:
        key = path.with_name("trusted.vkey")
        key.write_text(f"{signer.vkey}\n")
    return told.run(path, vkey=key, rehearsal=False, say=said.append, **given), "\n".join(said)


def test_keys_from_inside_show_that_it_is_whole_and_the_exit_code_says_no_more(bundle_file):
    exit_code, said = verified(bundle_file)

    assert exit_code == told.WHOSE == 5
    assert "anybody may have made it" in said
    assert "--vkey FILE" in said
    assert said.startswith("WHOLE")


def test_who_asks_for_that_gets_it(bundle_file):
    assert verified(bundle_file, included=True)[0] == 0


def test_a_key_from_outside_makes_it_hold(bundle_file, signer):
    exit_code, said = verified(bundle_file, signer)

    assert exit_code == 0
    assert "keys inside" not in said


def test_a_forger_with_a_key_of_his_own_under_the_same_name_fails_by_the_true_key(bundle_file, signer):
    exit_code, said = verified(bundle_file, Signer.new(ORIGIN))

    assert exit_code == 4
    assert "checkpoint" in said


@pytest.fixture
def forged_page(october, signer, tmp_path, monkeypatch):
    """A bundle whose issuer sealed a page that says something else than its numbers."""
    honest = bundle._draft

    def lying(*given, **named):
        draft = honest(*given, **named)
        members = dict(draft.members) | {
            "report.html": draft.members["report.html"].replace("未达标".encode(), "达标".encode())
        }
        manifest = bundles.manifest(members, origin=ORIGIN, rehearsal=False)
        return replace(draft, members=members, manifest=manifest)

    monkeypatch.setattr(bundle, "_draft", lying)
    october.code = code.code()
    _, members = october.issue(signer)
    path = tmp_path / "forged.zip"
    bundles.write(path, members)
    return path


def test_a_page_that_says_something_else_is_found_by_the_release_that_made_it(forged_page, signer):
    exit_code, said = verified(forged_page, signer, pages=again.pages)

    assert exit_code == 4
    assert "FAILED  report.html: is not what this release" in said


def test_the_bare_verifier_says_that_the_page_is_only_bound(forged_page, signer):
    exit_code, said = verified(forged_page, signer)

    assert exit_code == 0
    assert "bound by their digests, not made again" in said


def test_another_release_says_that_it_did_not_make_the_page_again(forged_page, signer, monkeypatch):
    monkeypatch.setattr(code, "code", lambda: "0" * 64)
    exit_code, said = verified(forged_page, signer, pages=again.pages)

    assert exit_code == 0
    assert "by another release" in said


def test_the_assembled_verifier_is_the_same_every_time_and_holds_every_module_that_it_names(tmp_path):
    first = standalone.source()
    standalone.source.cache_clear()

    assert standalone.source() == first
    spaces = {}
    sources = first.decode().removesuffix(standalone.TAIL)  # the tail would replace the modules of this run
    exec(compile(sources, "verify.py", "exec"), spaces)
    root = standalone.Path(standalone.netops.__file__).parent.parent
    for path in standalone.MODULES:
        text = (root / path).read_text(encoding="utf-8")
        assert spaces["SOURCES"][path.removesuffix(".py").replace("/", ".")] == text


def test_every_module_of_the_verifier_stands_before_those_that_need_it():
    """A module left out of the list would only be missed on an auditor's machine."""
    import ast

    root = standalone.Path(standalone.netops.__file__).parent.parent
    seen = {"netops", "netops.evidence"}
    for path in standalone.MODULES:
        for node in ast.parse((root / path).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("netops"):
                for each in node.names:
                    assert node.module in seen or f"{node.module}.{each.name}" in seen, (path, each.name)
                    if node.module == "netops.evidence":
                        assert f"netops.evidence.{each.name}" in seen, (path, each.name)
        seen.add(path.removesuffix(".py").replace("/", "."))


def test_in_chinese_the_verifier_says_the_same(bundle_file, signer):
    _, whole = verified(bundle_file, language="zh_CN")
    _, holds = verified(bundle_file, signer, language="zh_CN")
    exit_code, fails = verified(bundle_file, Signer.new(ORIGIN), language="zh_CN")

    assert whole.startswith("完整 ")
    assert "只信任了包内的公钥" in whole
    assert "退出码 5" in whole
    assert "每个签名、每条存证、每个数字均成立" in holds
    assert "未达标" in holds
    assert "missed" not in holds
    assert (exit_code, "处不成立" in fails) == (4, True)


@pytest.mark.parametrize(
    ("asked", "environ", "language"),
    [
        (None, {}, "en"),
        (None, {"LANG": "C.UTF-8"}, "en"),
        (None, {"LANG": "zh_CN.UTF-8"}, "zh_CN"),
        (None, {"LANG": "zh_CN.UTF-8", "LC_ALL": "en_GB.UTF-8"}, "en"),
        (None, {"LANG": "en_GB.UTF-8", "LC_ALL": ""}, "en"),
        ("zh", {"LANG": "en_GB.UTF-8"}, "zh_CN"),
        ("en", {"LC_ALL": "zh_CN.UTF-8"}, "en"),
    ],
)
def test_the_language_is_the_reader_s(asked, environ, language):
    assert spoken.chosen(asked, environ) == language


def test_every_sentence_of_the_verifier_has_the_same_places_in_both_languages():
    places = {name: [sorted(re.findall(r"{\w+}", text)) for text in texts] for name, texts in spoken.SAID.items()}

    assert {name: each for name, each in places.items() if each[0] != each[1]} == {}


def test_the_verifier_in_the_bundle_speaks_chinese_to_whoever_asks(bundle_file, tmp_path):
    script = tmp_path / "verify.py"
    script.write_bytes(standalone.source())
    run = [sys.executable, "-I", "-X", "utf8", str(script), str(bundle_file)]
    said = [
        subprocess.run([*run, *more], env=env, capture_output=True, text=True, check=False).stdout
        for more, env in ((["--lang", "zh"], {}), ([], {"LANG": "zh_CN.UTF-8"}), ([], {}))
    ]

    assert said[0] == said[1]
    assert [each.partition(" ")[0] for each in said] == ["完整", "完整", "WHOLE"]
