"""`authority demo`: a whole server from one command, under either adapter, that says all a program needs."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from cli.running import Browser, basic, command, environment, running

ADAPTERS = ("starlette", "flask")
CALLBACK = "http://localhost:3000/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
CLAIMS = {
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
    "email",
    "email_verified",
    "address",
    "phone_number",
    "phone_number_verified",
}


def hidden(page: bytes) -> dict[str, str]:
    """Return the hidden fields of the form on *page*."""
    fields = re.findall(r"<input[^>]*type=\"?hidden\"?[^>]*>", page.decode())
    pairs = [(re.search(r'name="?([^" >]+)', one), re.search(r'value="?([^" >]*)', one)) for one in fields]
    return {name[1]: value[1] for name, value in pairs if name and value}


def service_token(server) -> dict:
    """Return the token endpoint's answer to the demo's service."""
    form = {"grant_type": "client_credentials", "scope": "reports:read"}
    answer = Browser().go("POST", f"{server.issuer}/token", form, basic(server.client("demo-service")))
    assert answer.status == 200, answer.body
    return answer.json


def sign_in_for(server, client: dict, redirect_uri: str = CALLBACK) -> dict:
    """Walk through sign-in and consent as a browser; return the token endpoint's answer."""
    browser = Browser()
    query = {
        "response_type": "code",
        "client_id": client["client_id"],
        "redirect_uri": redirect_uri,
        "state": "s",
        "scope": "openid profile email address phone offline_access reports:read",
        "nonce": "n",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    answer = browser.go("GET", f"{server.issuer}/authorize?{urlencode(query)}")
    page = browser.go("GET", answer.headers["location"])
    user = server.said["user"]
    filled = {**hidden(page.body), "username": user["username"], "password": user["password"]}
    answer = browser.go("POST", f"{server.issuer}/signin", filled)
    page = browser.go("GET", answer.headers["location"])
    if page.status in (302, 303):
        page = browser.go("GET", page.headers["location"])
    answer = browser.go(
        "POST", f"{server.issuer}/authorize/decision", {**hidden(page.body), "consent_action": "approve"}
    )
    sent = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert sent["state"] == "s"
    assert sent["iss"] == server.issuer
    form = {
        "grant_type": "authorization_code",
        "code": sent["code"],
        "redirect_uri": redirect_uri,
        "code_verifier": VERIFIER,
    }
    return token_request(server, client, form)


def token_request(server, client: dict, form: dict) -> dict:
    """Return the token endpoint's answer to *client*, confidential or public."""
    headers = basic(client) if client["client_secret"] else {}
    if not client["client_secret"]:
        form = {**form, "client_id": client["client_id"]}
    answer = Browser().go("POST", f"{server.issuer}/token", form, headers)
    assert answer.status == 200, answer.body
    return answer.json


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("sqlite:////tmp/x.db?durability=maybe", "durability in the database's URL is normal or full"),
        ("postgresql://u:hunter2@127.0.0.1:1/x?pgbouncer=yes", "pgbouncer in the database's URL is true or false"),
    ],
)
def test_a_mistake_in_the_databases_url_is_a_sentence(url, sentence):
    """As in every other command."""
    done = command("demo", "--port", "0", "--database", url)

    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr
    assert "report it" not in done.stderr
    assert "hunter2" not in done.stderr


@pytest.fixture(scope="module", params=ADAPTERS)
def server(request):
    """A demo on a free port."""
    with running("demo", "--port", "0", "--adapter", request.param) as started:
        yield started


def test_the_json_line_says_all_that_a_program_needs(server):
    """Issuer, person, and exactly three clients with what they may do."""
    said = server.said

    assert set(said) == {"issuer", "user", "clients"}
    assert re.fullmatch(r"http://localhost:\d+", said["issuer"])
    assert set(said["user"]) == {"username", "email", "password"}
    assert [one["client_id"] for one in said["clients"]] == ["demo-web", "demo-spa", "demo-service"]
    for one in said["clients"]:
        assert set(one) == {"client_id", "client_secret", "redirect_uris", "grant_types", "token_endpoint_auth_method"}
    web, spa, service = said["clients"]
    both = [CALLBACK, "http://127.0.0.1:3000/callback"]
    assert web["redirect_uris"] == both
    assert spa["redirect_uris"] == [*both, f"{said['issuer']}/demo"]
    assert (spa["client_secret"], spa["token_endpoint_auth_method"]) == (None, "none")
    assert web["grant_types"] == spa["grant_types"] == ["authorization_code", "refresh_token"]
    assert (service["grant_types"], service["redirect_uris"]) == (["client_credentials"], [])
    assert len(web["client_secret"]) == len(service["client_secret"]) == 43


def test_a_service_gets_a_token_and_may_look_at_it(server):
    """Client credentials and introspection, as the printed lines say."""
    token = service_token(server)["access_token"]
    answer = Browser().go(
        "POST", f"{server.issuer}/token/introspect", {"token": token}, basic(server.client("demo-service"))
    )

    assert answer.json["active"] is True
    assert answer.json["scope"] == "reports:read"


@pytest.mark.parametrize("client_id", ["demo-web", "demo-spa"])
def test_a_person_signs_in_and_every_claim_is_filled(server, client_id):
    """Code flow with PKCE, UserInfo with every standard claim, refresh."""
    client = server.client(client_id)
    tokens = sign_in_for(server, client)
    found = Browser().go(
        "GET", f"{server.issuer}/userinfo", headers={"authorization": f"Bearer {tokens['access_token']}"}
    )
    fresh = token_request(server, client, {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]})

    assert set(found.json) >= CLAIMS
    assert all(found.json[name] for name in CLAIMS)
    assert found.json["email"] == server.said["user"]["email"]
    assert fresh["refresh_token"] != tokens["refresh_token"]


def test_the_page_is_served_under_a_strict_policy(server):
    """No script or style inside the page, none from elsewhere, and it belongs to the issuer's own name."""
    browser = Browser()
    page = browser.go("GET", f"{server.issuer}/demo")
    text = page.body.decode()

    assert page.status == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert not re.search(r"<style|style=|<script(?![^>]*src=)|\son\w+=|https?://", text)
    for path in re.findall(r'(?:href|src)="(/(?:demo|static)[^"]*)"', text):
        assert browser.go("GET", server.issuer + path).status == 200, path
    elsewhere = browser.go("GET", f"{server.issuer.replace('localhost', '127.0.0.1')}/demo?code=1")
    assert (elsewhere.status, elsewhere.headers["location"]) == (307, f"{server.issuer}/demo?code=1")
    assert browser.go("GET", f"{server.issuer}/demo/../../pyproject.toml").status == 404
    assert browser.go("GET", f"{server.issuer}/demo/nothing").status == 404
    assert browser.go("POST", f"{server.issuer}/demo").status == 405
    assert browser.go("HEAD", f"{server.issuer}/demo").body == b""


def test_it_listens_on_this_machine_only(server):
    """No address that others reach."""
    port = urlsplit(server.issuer).port
    listening = [
        line.split()[1].rsplit(":", 1)[0]
        for name in ("/proc/net/tcp", "/proc/net/tcp6")
        if Path(name).exists()
        for line in Path(name).read_text().splitlines()[1:]
        if line.split()[3] == "0A" and int(line.split()[1].rsplit(":", 1)[1], 16) == port
    ]

    assert set(listening) <= {"0100007F", "00000000000000000000000001000000"}


def test_it_stays_small(server):
    """Under 100 MB of memory after it has served."""
    status = Path(f"/proc/{server.process.pid}/status")
    if not status.exists():
        pytest.skip("no /proc on this machine")
    resident = int(re.search(r"VmRSS:\s+(\d+)", status.read_text())[1])

    assert resident < 100 * 1024


def test_it_starts_quickly(server):
    """Ready within two seconds of a processor's time, whatever else the machine is doing."""
    if not Path(f"/proc/{server.process.pid}/stat").exists():
        pytest.skip("no /proc on this machine")
    with running("demo", "--port", "0") as fresh:
        fields = Path(f"/proc/{fresh.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    ticks = int(fields[11]) + int(fields[12])

    assert ticks / os.sysconf("SC_CLK_TCK") < 2


def test_a_port_in_use_is_one_sentence(server):
    """What, why, what to do; nothing on standard output; no trace."""
    done = command("demo", "--json", "--port", str(urlsplit(server.issuer).port))

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"Error: Port \d+ is in use by another program: .* --port\.\n", done.stderr)


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_calmly_and_takes_its_folder_along(adapter, number, tmp_path):
    """A signal is an orderly end: code 0, nothing more is printed, the temporary database is gone."""
    with running("demo", "--port", "0", "--adapter", adapter, TMPDIR=str(tmp_path)) as server:
        assert len(list(tmp_path.glob("authority-demo-*/authority.db"))) == 1
        code, rest, errors = server.stop(number)

    assert (code, rest, errors) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_a_kept_database_knows_its_clients_again(tmp_path):
    """The second start, on another port and under the other adapter, takes the same credentials and old tokens."""
    url = f"sqlite:///{tmp_path}/demo.db"
    with running("demo", "--port", "0", "--database", url) as first:
        tokens = sign_in_for(first, first.client("demo-web"))
        said = first.said
        assert first.stop()[0] == 0
    with running("demo", "--port", "0", "--database", url, "--adapter", "flask") as second:
        assert second.said["user"] == said["user"]
        for one, other in zip(second.said["clients"], said["clients"], strict=True):
            assert one["client_secret"] == other["client_secret"]
        assert service_token(second)["access_token"]
        refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert token_request(second, second.client("demo-web"), refresh)["access_token"]
        assert sign_in_for(second, second.client("demo-spa"), f"{second.issuer}/demo")["id_token"]

    secret = tmp_path / "demo.db.demo-secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_a_killed_demo_leaves_a_database_that_starts_again(tmp_path):
    """Not even SIGKILL spoils it."""
    url = f"sqlite:///{tmp_path}/demo.db"
    with running("demo", "--port", "0", "--database", url) as first:
        service_token(first)
        first.stop(signal.SIGKILL)
    with running("demo", "--port", "0", "--database", url) as second:
        assert service_token(second)["access_token"]


def test_a_database_with_another_secret_is_one_sentence(tmp_path):
    """The secret beside the file is part of it."""
    url = f"sqlite:///{tmp_path}/demo.db"
    with running("demo", "--port", "0", "--database", url) as first:
        first.stop()
    Path(f"{tmp_path}/demo.db.demo-secret").write_text("f" * 64)
    done = command("demo", "--json", "--port", "0", "--database", url)

    assert (done.returncode, done.stdout) == (1, "")
    assert "made with another secret" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "url", ["sqlite:////proc/nowhere/demo.db", "sqlite:///missing-folder/demo.db", "sqlite://", "x"]
)
def test_a_place_that_cannot_be_used_is_one_sentence(url):
    """Unwritable, missing, in memory, not a URL."""
    done = command("demo", "--json", "--port", "0", "--database", url)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


def test_a_person_reads_what_to_click_and_what_to_type(tmp_path):
    """Without --json: the page, the person, a line for each grant."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "authority_cli", "demo", "--port", str(port)],
        env=environment(TMPDIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        text = ""
        while "Ctrl-C" not in text:
            line = process.stdout.readline()
            assert line, text
            text += line
        if shutil.which("curl"):
            lines = text.split("# what the server says of a token: introspection\n")[1].split("\n\n")[0]
            answer = subprocess.run(["sh", "-c", lines], capture_output=True, text=True, timeout=60).stdout
            assert '"active":true' in answer
    finally:
        os.kill(process.pid, signal.SIGINT)
        rest, _ = process.communicate(timeout=60)

    assert process.returncode == 0
    assert f"http://localhost:{port}/demo" in text
    assert "demo@example.com" in text
    for word in ("client_credentials", "authorization_code", "refresh_token", "introspect", "password"):
        assert word in text
    assert "\x1b" not in text + rest
    verifier = re.search(r"code_verifier=(\S+)", text)[1]
    hashed = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    assert f"code_challenge={hashed}&" in text
    assert max(len(line) for line in text.splitlines() if "curl" in line) < 120
