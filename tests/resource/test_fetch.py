"""The default HTTP client, against a real socket: no redirects, no proxies, certificates verified, bounded."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from authority_core.kernel.moment import system_moment
from authority_core.resource import FetchFailed, FetchRequest, StandardFetch


class Server(ThreadingHTTPServer):
    """Answers what it is told to, and remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, bytes]] = []
        self.seen: dict[str, str] = {}
        self.hold = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *arguments: object) -> None:
        """Say nothing of clients that hang up: refusing to talk is what some of them are for."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = 10

    def log_message(self, *arguments: object) -> None: ...

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.asked.append((self.command, self.path, body))
        self.server.seen = {name.lower(): value for name, value in self.headers.items()}
        if self.path == "/silent":
            self.server.hold.wait(10)
            return
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("location", f"{self.server.url}/landed")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        size = int(self.path.removeprefix("/bytes/")) if self.path.startswith("/bytes/") else 2
        self.wfile.write(b"{}" if size == 2 else b"x" * size)

    do_POST = do_GET  # noqa: N815 - the name that http.server looks for


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.hold.set()
    server.shutdown()
    thread.join(10)
    server.server_close()


def get(url: str) -> FetchRequest:
    return FetchRequest(method="GET", url=url)


def test_an_answer(server):
    """Status, headers and body come back; nothing is added to the question but what HTTP needs."""
    answer = StandardFetch()(get(server.url + "/path?query=1"))

    assert (answer.status, answer.body) == (200, b"{}")
    assert answer.header("server")
    assert server.asked == [("GET", "/path?query=1", b"")]
    assert set(server.seen) == {"host", "accept", "accept-encoding", "connection"}


def test_a_posted_form(server):
    """Headers and body arrive as they were given."""
    request = FetchRequest(method="POST", url=server.url, headers=(("authorization", "Basic x"),), body=b"token=abc")
    StandardFetch()(request)

    assert server.asked == [("POST", "/", b"token=abc")]
    assert server.seen["authorization"] == "Basic x"


def test_redirects_are_not_followed(server):
    """A redirect is the answer; nobody goes there."""
    assert StandardFetch()(get(server.url + "/redirect")).status == 302
    assert [path for _, path, _ in server.asked] == ["/redirect"]


def test_proxies_of_the_environment_are_ignored(server, monkeypatch):
    """Where requests go is not for the environment to say."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert StandardFetch()(get(server.url)).status == 200


def test_long_answers(server):
    """64 KiB are read; one byte more is refused."""
    assert len(StandardFetch()(get(server.url + "/bytes/65536")).body) == 65_536
    with pytest.raises(FetchFailed):
        StandardFetch()(get(server.url + "/bytes/65537"))


def test_silence(server):
    """A server that does not answer is given up."""
    with pytest.raises(FetchFailed):
        StandardFetch(timeout=0.1)(get(server.url + "/silent"))


def test_slowness_on_the_clock(server, world):
    """The time for the whole answer is bounded, not only the time between its bytes."""

    def leaping():
        world.clock.wind(seconds=6)
        return world.clock()

    with pytest.raises(FetchFailed):
        StandardFetch(moment=leaping)(get(server.url))


def test_certificates_are_verified(server):
    """The default trusts the system's authorities and checks the name; a plain server is no https server."""
    fetch = StandardFetch()

    assert fetch.tls.verify_mode is ssl.CERT_REQUIRED
    assert fetch.tls.check_hostname
    with pytest.raises(FetchFailed):
        fetch(get(server.url.replace("http:", "https:")))


@pytest.mark.parametrize(
    "url", ["ftp://localhost/", "file:///etc/passwd", "nonsense", "http://", "http://[", "http://a:b"]
)
def test_what_is_no_address(url):
    """Other schemes and malformed addresses are failures, not surprises."""
    with pytest.raises(FetchFailed):
        StandardFetch()(get(url))


def test_nobody_there():
    """A refused connection is a failure that names no secret."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"

    with pytest.raises(FetchFailed):
        StandardFetch()(get(url))


@pytest.fixture
def own_certificate(tmp_path):
    """A certificate for localhost that no system trusts, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = system_moment().now
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "own.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )
    return path


def test_an_authority_of_ones_own(server, own_certificate):
    """An issuer with a private certificate is reached with a context that trusts it, and by no other; names count."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own_certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    trusting = StandardFetch(ssl.create_default_context(cafile=own_certificate))
    url = f"https://localhost:{server.server_address[1]}/"

    assert trusting(get(url)).status == 200
    with pytest.raises(FetchFailed):
        StandardFetch()(get(url))
    with pytest.raises(FetchFailed):
        trusting(get(url.replace("localhost", "127.0.0.1")))
