"""What a person sees and does, in a real Chromium, behind both adapters."""

from __future__ import annotations

import base64
import json
import urllib.request
from itertools import count
from urllib.parse import urlencode

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from browser.conftest import Visit, hosts_asked
from interop.house import NEW_PASSWORD, NEWCOMERS, PASSWORD, SECRET, VERIFIER

both = pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "no-javascript"], indirect=True)
states = (f"state-{number}" for number in count())
PATIENCE = 20


def until(visit: Visit, holds) -> None:
    WebDriverWait(visit.driver, PATIENCE, 0.05).until(lambda driver: holds())


def press(visit: Visit, element_id: str) -> None:
    """Press a button and wait until its page is gone."""
    button = visit.driver.find_element(By.ID, element_id)
    page = visit.driver.find_element(By.TAG_NAME, "html")
    button.click()
    until(visit, lambda: _gone(page))


def _gone(element) -> bool:
    try:
        element.is_enabled()
    except Exception:
        return True
    return False


def sign_in(visit: Visit, password: str = PASSWORD, name: str = "alice") -> None:
    field = visit.driver.find_element(By.NAME, "username")
    field.clear()
    field.send_keys(name)
    visit.driver.find_element(By.NAME, "password").send_keys(password)
    press(visit, "submit-login")


def signed_in_and_allowed(visit: Visit) -> dict[str, str]:
    state = next(states)
    visit.authorize(state, prompt="consent")
    sign_in(visit)
    press(visit, "approve")
    (call,) = visit.called_back(state)
    return call


def text(visit: Visit) -> str:
    return visit.driver.find_element(By.TAG_NAME, "body").text


def tokens(visit: Visit, code: str) -> dict[str, str]:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": visit.application.url,
        "code_verifier": VERIFIER,
    }
    request = urllib.request.Request(f"{visit.issuer}/token", urlencode(form).encode())
    request.add_header("authorization", "Basic " + base64.b64encode(f"web:{SECRET}".encode()).decode())
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


@both
def test_from_the_application_and_out_again(visit: Visit) -> None:
    """Sign-in, consent, callback with a code that works, the profile, sign-out."""
    state = next(states)
    visit.authorize(state, prompt="consent")
    assert visit.path == "/signin"
    assert "Web" in text(visit)
    sign_in(visit)
    assert visit.path == "/consent"
    assert "See your profile" in text(visit)
    press(visit, "approve")
    assert visit.driver.title == "Called back"
    (call,) = visit.called_back(state)
    assert call["iss"] == visit.issuer
    assert tokens(visit, call["code"])["token_type"] == "Bearer"
    visit.driver.get(f"{visit.issuer}/profile")
    assert "Alice" in text(visit)
    visit.driver.get(f"{visit.issuer}/signout")
    press(visit, visit.driver.find_element(By.CSS_SELECTOR, "form button[type=submit]").get_attribute("id"))
    assert visit.path == "/signed-out"
    visit.driver.get(f"{visit.issuer}/profile")
    assert visit.path == "/signin"


@both
def test_a_wrong_password_is_said_and_forgotten(visit: Visit) -> None:
    """The page says so beside the form, keeps the name, empties the password, and the next try counts."""
    state = next(states)
    visit.authorize(state, prompt="consent")
    sign_in(visit, "wrong")

    assert "not right" in visit.driver.find_element(By.ID, "form-error").text
    assert visit.driver.find_element(By.NAME, "username").get_attribute("value") == "alice"
    assert visit.driver.find_element(By.NAME, "password").get_attribute("value") == ""
    sign_in(visit)
    press(visit, "approve")
    assert "code" in visit.called_back(state)[0]


def choose(visit: Visit, password: str, again: str) -> None:
    visit.driver.switch_to.active_element.send_keys(password)
    visit.driver.find_element(By.NAME, "confirm_new_password").send_keys(again)
    press(visit, "change-password")


@both
def test_a_password_that_must_be_changed_is_changed_on_the_way(visit: Visit, javascript: bool) -> None:
    """Sign-in, a choice that will not do, one that does, consent, callback; then the new password is the right one."""
    state, name = next(states), NEWCOMERS[0 if javascript else 1]
    visit.authorize(state, prompt="consent")
    sign_in(visit, name=name)
    assert visit.path == "/password/change"
    assert name.title() in text(visit)
    assert "Web" in text(visit)
    choose(visit, NEW_PASSWORD, NEW_PASSWORD + "x")
    assert visit.path == "/password/change"
    assert "The two passwords differ." in visit.driver.find_element(By.ID, "form-error").text
    assert visit.driver.find_element(By.NAME, "new_password").get_attribute("value") == ""
    choose(visit, NEW_PASSWORD, NEW_PASSWORD)
    assert visit.path == "/consent"
    press(visit, "approve")
    (call,) = visit.called_back(state)
    assert tokens(visit, call["code"])["token_type"] == "Bearer"
    visit.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    visit.driver.get(f"{visit.issuer}/signin")
    sign_in(visit, name=name)
    assert "not right" in text(visit)
    sign_in(visit, NEW_PASSWORD, name)
    assert visit.path == "/profile"


@both
def test_no_is_an_answer(visit: Visit) -> None:
    """Deny brings the person back to the application, which is told so and gets nothing."""
    state = next(states)
    visit.authorize(state, prompt="consent")
    sign_in(visit)
    press(visit, "deny")

    (call,) = visit.called_back(state)
    assert (call["error"], "code" in call) == ("access_denied", False)


def test_what_was_allowed_is_not_asked_again(visit: Visit) -> None:
    """The second time there is neither a sign-in nor a consent page; more is asked for alone."""
    signed_in_and_allowed(visit)
    state = next(states)
    visit.authorize(state)

    assert "code" in visit.called_back(state)[0]
    visit.authorize(next(states), scope="openid profile write")
    assert visit.path == "/consent"


def test_the_back_button_repeats_nothing(visit: Visit) -> None:
    """After the callback, Back shows a page that explains itself, and gives the application no second code."""
    call = signed_in_and_allowed(visit)
    visit.driver.back()
    if visit.path == "/consent" and visit.driver.find_elements(By.ID, "approve"):
        press(visit, "approve")

    assert visit.driver.title != "Called back"
    assert "Go back to the application" in text(visit)
    assert len(visit.called_back(call["state"])) == 1


def test_two_tabs_do_not_disturb_each_other(visit: Visit) -> None:
    """Two requests under way in one browser both come to their end, each with its own state."""
    first, second = next(states), next(states)
    visit.authorize(first, prompt="consent")
    tab = visit.driver.current_window_handle
    visit.driver.switch_to.new_window("tab")
    visit.authorize(second, prompt="consent")
    sign_in(visit)
    press(visit, "approve")
    visit.driver.switch_to.window(tab)
    sign_in(visit)
    press(visit, "approve")

    assert [len(visit.called_back(state)) for state in (first, second)] == [1, 1]
    assert "code" in visit.called_back(first)[0]


def test_the_keyboard_is_enough(visit: Visit) -> None:
    """Typing begins in the right field; Tab and Enter do the rest."""
    state = next(states)
    visit.authorize(state, prompt="consent")
    visit.driver.switch_to.active_element.send_keys("alice", Keys.TAB)
    visit.driver.switch_to.active_element.send_keys(PASSWORD, Keys.ENTER)
    until(visit, lambda: visit.path == "/consent")
    visit.driver.find_element(By.ID, "approve").send_keys(Keys.ENTER)
    until(visit, lambda: visit.called_back(state))

    assert "code" in visit.called_back(state)[0]


def test_pressing_twice_is_pressing_once(visit: Visit) -> None:
    """A double click on Allow gives one code and no error."""
    state = next(states)
    visit.authorize(state, prompt="consent")
    sign_in(visit)
    visit.driver.execute_script("const b = document.getElementById('approve'); b.click(); b.click();")
    until(visit, lambda: visit.driver.title == "Called back")

    assert len(visit.called_back(state)) == 1


def every_page(visit: Visit):
    """Open every kind of page, one after the other; yield its name."""
    driver = visit.driver
    driver.get(visit.issuer + "/")
    yield "landing"
    driver.get(f"{visit.issuer}/nope")
    yield "error"
    driver.get(f"{visit.issuer}/signin")
    sign_in(visit, name=NEWCOMERS[-1])
    yield "new password"
    choose(visit, "short", "other")
    yield "new password with errors"
    visit.authorize(next(states), prompt="consent", scope="openid profile email offline_access read write")
    yield "sign-in"
    sign_in(visit, "wrong")
    yield "sign-in with an error"
    sign_in(visit)
    yield "consent"
    driver.get(f"{visit.issuer}/profile")
    yield "profile"
    driver.get(f"{visit.issuer}/signout")
    yield "sign-out"
    driver.get(f"{visit.issuer}/signed-out")
    yield "signed out"


def test_a_phone_needs_no_scrolling_sideways(visit: Visit) -> None:
    """At 320 points every page fits its width."""
    metrics = {"width": 320, "height": 640, "deviceScaleFactor": 2, "mobile": True}
    visit.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    wide = {
        page: visit.driver.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
        for page in every_page(visit)
    }

    assert {page: sizes for page, sizes in wide.items() if sizes[0] > sizes[1]} == {}
    assert len(wide) == 10


def test_the_pages_follow_the_readers_preference(visit: Visit) -> None:
    """Dark where dark is preferred: light text on a dark ground; the other way round otherwise."""
    seen = {}
    for scheme in ("dark", "light"):
        preference = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        visit.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", preference)
        visit.driver.get(f"{visit.issuer}/signin")
        seen[scheme] = visit.driver.execute_script(_LUMINANCE)

    assert seen["dark"][0] < 0.25 < 0.75 < seen["dark"][1]
    assert seen["light"][1] < 0.25 < 0.75 < seen["light"][0]


_LUMINANCE = """
function luminance(colour) {
  const canvas = Object.assign(document.createElement("canvas"), {width: 1, height: 1}).getContext("2d");
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
  if (alpha < 255) return undefined;
  return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
}
const grounds = [document.body, document.documentElement].map(one => luminance(getComputedStyle(one).backgroundColor));
return [grounds.find(one => one !== undefined), luminance(getComputedStyle(document.querySelector("h1")).color)];
"""


def test_a_script_of_another_origin_would_be_seen(visit: Visit) -> None:
    """The control: the policy stops a foreign script and an inline one, and the console tells."""
    visit.driver.get(f"{visit.issuer}/signin")
    visit.driver.execute_script(
        "const s = document.createElement('script'); s.src = 'http://127.0.0.1:9/x.js'; document.head.append(s);"
        "const i = document.createElement('script'); i.textContent = 'window.ran = 1'; document.head.append(i);"
    )
    said: list[str] = []
    until(visit, lambda: said.extend(entry["message"] for entry in visit.driver.get_log("browser")) or len(said) >= 2)

    assert all("Content Security Policy" in one for one in said)
    assert visit.driver.execute_script("return window.ran === undefined")
    assert "127.0.0.1:9" in hosts_asked(visit.driver)
    visit.driver.get(f"{visit.issuer}/signin")
