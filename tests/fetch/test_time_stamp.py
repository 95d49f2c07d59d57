"""Time stamps, by a real authority on loopback: `openssl ts` behind an HTTP server."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import BadInput, TryLater, UsageError
from pipeline.fetch import time_stamp as stamping
from pipeline.fetch.time_stamp import request, time_stamp

DATA = b"the manifest of a dossier"
DIGEST = hashlib.sha256(DATA).digest()
OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(
    OPENSSL is None, reason="no `openssl` here: nobody to check our time stamps with"
)
CONFIG = """
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical,CA:true
[stamper]
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = it
[it]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
certs = {folder}/ca.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = {digests}
accuracy = secs:1
ordering = no
ess_cert_id_alg = sha256
"""


def openssl(*words, **more):
    return subprocess.run(
        [OPENSSL, *map(str, words)], check=True, capture_output=True, timeout=60, **more
    )


def make_authority(folder, digests="sha256, sha512"):
    """A root and a certificate that may stamp."""
    config = folder / "openssl.cnf"
    config.write_text(CONFIG.format(folder=folder, digests=digests))
    (folder / "serial").write_text("01\n")
    new = ("req", "-config", config, "-newkey", "rsa:2048", "-nodes")
    openssl(*new, "-x509", "-keyout", folder / "ca.key", "-out", folder / "ca.pem",
            "-subj", "/CN=Test root", "-extensions", "authority")  # fmt: skip
    openssl(*new, "-keyout", folder / "tsa.key", "-out", folder / "tsa.csr",
            "-subj", "/CN=Test authority")  # fmt: skip
    openssl("x509", "-req", "-in", folder / "tsa.csr", "-CA", folder / "ca.pem",
            "-CAkey", folder / "ca.key", "-set_serial", "2", "-out", folder / "tsa.pem",
            "-extfile", config, "-extensions", "stamper")  # fmt: skip
    return config


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return make_authority(tmp_path_factory.mktemp("tsa"))


@pytest.fixture
def served():
    """Serve what a function makes of a query; returns the address and the queries."""
    servers = []

    def start(answer):
        queries = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                query = self.rfile.read(int(self.headers["Content-Length"]))
                queries.append((self.headers["Content-Type"], query))
                code, body = answer(query)
                self.send_response(code)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/tsr", queries

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def stamped_by(config, folder):
    """What `openssl ts -reply` makes of a query."""

    def answer(query):
        (folder / "query.tsq").write_bytes(query)
        openssl("ts", "-reply", "-config", config, "-queryfile", folder / "query.tsq",
                "-out", folder / "answer.tsr")  # fmt: skip
        return 200, (folder / "answer.tsr").read_bytes()

    return answer


@needs_openssl
def test_a_stamp_is_of_this_hash_and_openssl_believes_it(authority, served, tmp_path):
    url, queries = served(stamped_by(authority, tmp_path))
    got = time_stamp(url, DIGEST)
    assert abs(datetime.now(UTC) - got.at) < timedelta(minutes=5)
    ((kind, query),) = queries
    assert kind == "application/timestamp-query"
    (tmp_path / "manifest.json").write_bytes(DATA)
    (tmp_path / "manifest.tsr").write_bytes(got.answer)
    told = openssl("ts", "-verify", "-data", tmp_path / "manifest.json", "-in",
                   tmp_path / "manifest.tsr", "-CAfile", authority.parent / "ca.pem")  # fmt: skip
    assert b"Verification: OK" in told.stdout + told.stderr
    (tmp_path / "manifest.json").write_bytes(DATA + b"!")
    with pytest.raises(subprocess.CalledProcessError):
        openssl("ts", "-verify", "-data", tmp_path / "manifest.json", "-in",
                tmp_path / "manifest.tsr", "-CAfile", authority.parent / "ca.pem")  # fmt: skip
    shown = openssl("ts", "-query", "-in", tmp_path / "query.tsq", "-text").stdout.decode()
    assert query == (tmp_path / "query.tsq").read_bytes()
    for words in ("Version: 1", "Hash Algorithm: sha256", "Certificate required: yes"):
        assert words in shown


@needs_openssl
@pytest.mark.parametrize("nonce", [0, 1, 127, 128, 255, 256, 2**63, 2**64 - 1])
def test_a_query_is_read_by_openssl_as_it_was_meant(tmp_path, nonce):
    (tmp_path / "query.tsq").write_bytes(request(DIGEST, nonce))
    shown = openssl("ts", "-query", "-in", tmp_path / "query.tsq", "-text").stdout.decode()
    (line,) = [line for line in shown.splitlines() if line.startswith("Nonce:")]
    assert int(line.split()[1], 16) == nonce


@needs_openssl
def test_an_answer_to_another_question_is_refused(authority, served, tmp_path):
    real = stamped_by(authority, tmp_path)
    other_hash = request(hashlib.sha256(b"something else").digest(), 5)
    for query, words in ((other_hash, "another hash"), (request(DIGEST, 5), "another request")):
        url, _ = served(lambda _, query=query: real(query))
        with pytest.raises(BadInput, match=words):
            time_stamp(url, DIGEST)


@needs_openssl
def test_a_refusal_is_said(served, tmp_path):
    config = make_authority(tmp_path, digests="sha512")  # it does not stamp SHA-256
    url, _ = served(stamped_by(config, tmp_path))
    with pytest.raises(BadInput, match="refused, status 2"):
        time_stamp(url, DIGEST)


@needs_openssl
def test_a_stamp_cut_or_altered_never_breaks_the_reader(authority, served, tmp_path):
    _, whole = stamped_by(authority, tmp_path)(request(DIGEST, 5))
    answers = [whole[:size] for size in range(0, len(whole), 97)]
    answers += [whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :] for at in range(60)]
    for answer in answers:
        with pytest.raises((ValueError, IndexError, StopIteration, BadInput)):
            stamping._read(answer, DIGEST, 6)


@given(st.binary(max_size=200))
def test_nonsense_is_refused_as_such(answer):
    with pytest.raises((ValueError, IndexError, StopIteration, BadInput)):
        stamping._read(answer, DIGEST, 6)


@pytest.mark.parametrize(
    ("code", "body", "kind", "words"),
    [
        (500, b"", TryLater, "HTTP 500"),
        (302, b"", TryLater, "HTTP 302"),
        (200, b"", BadInput, "is not one"),
        (200, b"<html>hello</html>", BadInput, "is not one"),
        (200, b"0" * 1_000_001, BadInput, "too long"),
    ],
)
def test_an_authority_that_does_not_stamp_is_told_in_one_line(served, code, body, kind, words):
    url, _ = served(lambda _: (code, body))
    with pytest.raises(kind, match=words) as caught:
        time_stamp(url, DIGEST)
    assert "\n" not in str(caught.value)


def test_nobody_there_and_a_password_is_never_repeated():
    with pytest.raises(TryLater, match="cannot be reached") as caught:
        time_stamp("http://user:hush@127.0.0.1:9/tsr", DIGEST)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "tsa.example", "ftp://tsa.example/x", "file:///etc/passwd"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(UsageError, match="No address"):
        time_stamp(url, DIGEST)
