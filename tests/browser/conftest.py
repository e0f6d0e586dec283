"""A real Chromium, real servers, and an application to come back to; whatever a test does, the network is watched."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from attrs import define, field, frozen

from interop.house import CHALLENGE
from interop.processes import Served, database, serving

webdriver = pytest.importorskip("selenium.webdriver")

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--window-size=1200,900",
)  # fmt: skip
ADAPTERS = {"starlette": "starlette", "flask": "flask"}


@define
class Application:
    """The client's callback page. *calls* holds the parameters of every visit."""

    url: str = ""
    calls: list[dict[str, str]] = field(factory=list)


@pytest.fixture(scope="session")
def application() -> Iterator[Application]:
    """A tiny server of another origin."""
    found = Application()

    class Callback(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if urlsplit(self.path).path == "/callback":
                given = parse_qs(urlsplit(self.path).query)
                found.calls.append({name: values[0] for name, values in given.items()})
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Called back</title><link rel=icon href=data:,><h1>Hello</h1>")

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Callback)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}/callback"
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session", params=ADAPTERS)
def served(
    request: pytest.FixtureRequest, application: Application, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A server behind each adapter: uvicorn, and a WSGI server with threads."""
    url = database(tmp_path_factory.mktemp("browser"), application.url)
    with serving(ADAPTERS[request.param], url, host="localhost") as (server,):
        yield server
        complaints = server.log.read_text()

    assert complaints == ""


@pytest.fixture(scope="session")
def drivers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[bool, object]]:
    """One Chromium with JavaScript and one without, made when first asked for."""
    made: dict[bool, object] = _Drivers(tmp_path_factory)
    yield made
    for driver in made.values():
        driver.quit()


class _Drivers(dict):
    def __init__(self, folders: pytest.TempPathFactory) -> None:
        super().__init__()
        self._folders = folders

    def __missing__(self, javascript: bool) -> object:
        if shutil.which(CHROMIUM) is None or shutil.which(DRIVER) is None:
            pytest.skip("needs Debian's chromium and chromium-driver")
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in (*FLAGS, f"--user-data-dir={self._folders.mktemp('chromium')}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        if not javascript:
            options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        driver.set_page_load_timeout(30)
        self[javascript] = driver
        return driver


@frozen
class Visit:
    """One test's browser: a fresh cookie jar at *issuer*, and the *application* it comes from."""

    driver: object
    issuer: str
    application: Application

    def authorize(self, state: str, **changed: str) -> None:
        """Open the authorization endpoint as an application would."""
        asked = {
            "response_type": "code",
            "client_id": "web",
            "redirect_uri": self.application.url,
            "scope": "openid profile",
            "state": state,
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        self.driver.get(f"{self.issuer}/authorize?{urlencode(asked | changed)}")

    @property
    def path(self) -> str:
        return urlsplit(self.driver.current_url).path

    def called_back(self, state: str) -> list[dict[str, str]]:
        """Return what the application was told for *state*."""
        return [call for call in self.application.calls if call.get("state") == state]


@pytest.fixture(params=[True], ids=["javascript"])
def javascript(request: pytest.FixtureRequest) -> bool:
    """Whether the browser runs scripts; tests that promise to work without ask for both."""
    return bool(request.param)


@pytest.fixture
def visit(drivers: dict[bool, object], served: Served, application: Application, javascript: bool) -> Iterator[Visit]:
    """A browser nobody used before; afterwards: no other host was asked, no policy violated, no script failed."""
    driver = drivers[javascript]
    driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    driver.get("about:blank")
    for kind in ("browser", "performance"):
        driver.get_log(kind)
    yield Visit(driver, served.url, application)
    while len(driver.window_handles) > 1:
        driver.close()
        driver.switch_to.window(driver.window_handles[0])
    for command, given in (("clearDeviceMetricsOverride", {}), ("setEmulatedMedia", {"features": []})):
        driver.execute_cdp_cmd(f"Emulation.{command}", given)
    hosts, complaints = hosts_asked(driver), _complaints(driver.get_log("browser"))

    assert hosts <= {urlsplit(served.url).netloc, urlsplit(application.url).netloc}
    assert hosts
    assert complaints == []


def hosts_asked(driver: object) -> set[str]:
    """Return the hosts that requests were made to since this was last asked, blocked ones included."""
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return {urlsplit(url).netloc for url in asked if urlsplit(url).scheme not in ("data", "about")}


def _complaints(log: list[dict[str, str]]) -> list[str]:
    """Return what the console says, but for statuses of answers, which tests look at themselves."""
    return [entry["message"] for entry in log if entry["source"] != "network"]
