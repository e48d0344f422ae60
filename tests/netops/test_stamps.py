"""Time-stamps by a real authority: openssl's `ts`, behind a small HTTP server; what it did not say is refused."""

import http.server
import json
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
import typst
from asn1crypto import tsp
from cryptography import x509

from netops import cli, stamps
from netops.errors import ConfigError, EvidenceError
from netops.report import pades, tokens
from netops.sign import Signer

NOW = 1_790_784_000_000
DAY = 24 * 3_600_000
NOTE = b"netops.invalid/test\n7\nAAAA\n\n\xe2\x80\x94 x y\n"
CONFIG = """
[tsa]
default_tsa = mine
[mine]
serial = {dir}/serial
signer_cert = {dir}/tsa.crt
signer_key = {dir}/tsa.key
certs = {dir}/root.crt
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not here")


def openssl(*words, cwd, data=None):
    return subprocess.run(["openssl", *words], cwd=cwd, input=data, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A root, a time-stamp signer under it, and what `openssl ts` needs."""
    where = tmp_path_factory.mktemp("tsa")
    (where / "tsa.cnf").write_text(CONFIG.format(dir=where))
    (where / "serial").write_text("01\n")
    usage = (
        "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\nbasicConstraints=critical,CA:false"
    )
    (where / "ext").write_text(usage)
    new = ("req", "-new", "-newkey", "rsa:2048", "-nodes")
    openssl(*new, "-x509", "-days", "30", "-subj", "/CN=root", "-keyout", "root.key", "-out", "root.crt", cwd=where)
    openssl(*new, "-subj", "/CN=tsa", "-keyout", "tsa.key", "-out", "tsa.csr", cwd=where)
    sign = ("x509", "-req", "-in", "tsa.csr", "-CA", "root.crt", "-CAkey", "root.key", "-set_serial", "2")
    openssl(*sign, "-days", "30", "-extfile", "ext", "-out", "tsa.crt", cwd=where)
    return where


@pytest.fixture
def served(authority):
    """The authority on loopback; `served.twist` may change what it answers."""

    class Door(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            query = self.rfile.read(int(self.headers["Content-Length"]))
            server.asked.append(self.headers["Content-Type"])
            words = ("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "/dev/stdin")
            status, said = server.twist(openssl(*words, cwd=authority, data=query))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.asked, server.twist = [], lambda said: (200, said)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.url = f"http://127.0.0.1:{server.server_port}/tsa"
    yield server
    server.shutdown()
    server.server_close()


def roots(authority):
    return pades.certificates((authority / "root.crt").read_bytes())


def test_a_days_checkpoint_is_stamped_once_and_openssl_says_the_same(served, authority, tmp_path):
    mine = stamps.Stamps(tmp_path / "stamps", served.url)
    assert mine.due(NOW)
    path = mine.step(NOTE, 7, now_ms=NOW)

    assert path.name == "2026-09-30-7.tsr"
    assert path.with_suffix(".note").read_bytes() == NOTE
    assert (mine.due(NOW + DAY // 4), mine.due(NOW + DAY)) == (False, True)
    assert tokens.look(path.read_bytes(), NOTE, roots(authority)).year >= 2026
    assert served.asked == ["application/timestamp-query"]
    words = ("ts", "-verify", "-data", str(path.with_suffix(".note")), "-in", str(path), "-CAfile", "root.crt")
    openssl(*words, cwd=authority)


def test_without_an_address_nothing_is_asked(tmp_path):
    assert not stamps.Stamps(tmp_path, "").due(NOW)


@pytest.mark.parametrize("url", ["ftp://a/b", "tsa.example", "http://", "https://user@a/b"])
def test_an_address_that_is_none_is_refused_by_name(tmp_path, url):
    with pytest.raises(ConfigError, match=r"evidence\.stamps"):
        stamps.Stamps(tmp_path, url)


def test_what_is_no_token_on_what_was_asked_is_refused_and_leaves_no_file(served, tmp_path):
    other = stamps.ask(served.url, b"something else")
    mine = stamps.Stamps(tmp_path / "stamps", served.url)

    for twist, why in (
        (lambda _: (200, other), "on something else than what was asked"),
        (lambda _: (200, b"junk"), "no RFC 3161 answer"),
        (lambda _: (200, b""), "no RFC 3161 answer"),
        (lambda said: (200, said[:100]), "no RFC 3161 answer"),
        (lambda said: (200, said[:-1] + bytes([said[-1] ^ 1])), "does not hold"),  # the end of the signature
        (lambda said: (503, said), "answered 503"),
    ):
        served.twist = twist
        with pytest.raises(EvidenceError, match=why):
            mine.step(NOTE, 7, now_ms=NOW)
    served.server_close()
    with pytest.raises(EvidenceError, match="time-stamp authority"):
        mine.step(NOTE, 7, now_ms=NOW)
    assert not (tmp_path / "stamps").exists()


def test_any_changed_octet_of_a_token_is_found(served, authority):
    answer = stamps.ask(served.url, NOTE)
    told = tokens.look(answer, NOTE, roots(authority))
    found = 0
    for at in range(0, len(answer), 7):
        changed = answer[:at] + bytes([answer[at] ^ 1]) + answer[at + 1 :]
        try:
            assert tokens.look(changed, NOTE, roots(authority)) == told, at  # an octet that nobody reads
        except EvidenceError:
            found += 1
    assert found > len(answer) // 7 // 3
    with pytest.raises(EvidenceError, match="does not hold"):
        tokens.look(answer, NOTE + b"x", roots(authority))


def test_the_command_says_who_stamped_when_and_refuses_another_root(served, authority, tmp_path, capsys):
    path = stamps.Stamps(tmp_path, served.url).step(NOTE, 7, now_ms=NOW)
    stranger = tmp_path / "other.crt"
    key = Signer.new("x").paper_key()
    made = pades.own(key, "x", now_ms=NOW)
    from cryptography.hazmat.primitives.serialization import Encoding

    stranger.write_bytes(made.public_bytes(Encoding.PEM))

    def audit(root):
        words = ["audit", "stamp", str(path), "--of", str(path.with_suffix(".note")), "--roots", str(root), "--json"]
        code = cli.main(words)
        return code, json.loads(capsys.readouterr().out)["said"]

    assert audit(authority / "root.crt")[0] == 0
    assert audit(stranger)[0] == 4
    assert isinstance(made, x509.Certificate)


def test_a_paper_can_bear_a_stamp(served, tmp_path):
    paper = typst.compile(b"= x", pdf_standards="a-3b", timestamp=1)
    key = Signer.new("x").paper_key()
    who = pades.Identity(key=key, certificate=pades.own(key, "x", now_ms=NOW))
    signed = pades.sign(paper, who, reason="Issue", stamp=lambda query: stamps.post(served.url, query))

    looked = pades.look(signed, paper)
    assert (looked.wrong, looked.stamped[:2]) == ("", "20")
    served.twist = lambda _: (500, b"")
    with pytest.raises(EvidenceError, match="answered 500"):
        pades.sign(paper, who, reason="Issue", stamp=lambda query: stamps.post(served.url, query))
    assert not list(Path(tmp_path).iterdir())


def test_a_stamp_on_another_paper_or_of_no_sense_is_not_put_on_a_paper(served):
    """pyHanko looks at the nonce of an answer, and not at what was stamped; signed once, a paper would keep it."""
    paper = typst.compile(b"= x", pdf_standards="a-3b", timestamp=1)
    key = Signer.new("x").paper_key()
    who = pades.Identity(key=key, certificate=pades.own(key, "x", now_ms=NOW))

    def other(query):
        asked = tsp.TimeStampReq.load(query)
        return stamps.post(served.url, tokens.query(b"another paper", asked["nonce"].native))

    no_sense = [
        b"",
        b"0\x00",
        bytes.fromhex("3009300302010030020600"),
        bytes.fromhex("30113003020100300a06012aa0050403616263"),
    ]
    unasked = stamps.ask(served.url, b"another paper")
    for stamp in (other, *((lambda _query, said=said: said) for said in (*no_sense, unasked))):
        with pytest.raises(EvidenceError, match="cannot be signed"):
            pades.sign(paper, who, reason="Issue", stamp=stamp)


def test_a_file_that_is_not_there_is_named(tmp_path, capsys):
    gone = tmp_path / "x.tsr"

    assert cli.main(["audit", "stamp", str(gone), "--of", str(gone), "--roots", str(gone)]) == 2
    assert f"{gone}: there is no such file" in capsys.readouterr().err
