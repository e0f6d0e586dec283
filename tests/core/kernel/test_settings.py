"""Settings are one value, judged as a whole: every fault at once."""

from __future__ import annotations

import pytest

from authority_core import ConfigurationError, Scope, Secret, Settings

GOOD = {"AUTHORITY_ISSUER": "https://id.example.com", "AUTHORITY_SECRET_KEY": "k" * 32}
KEY = "0123456789abcdef0123456789abcdef"


def faults(**values: object) -> tuple[str, ...]:
    """The faults of settings that are good but for *values*."""
    try:
        Settings(**{"issuer": "https://id.example.com", "secret_key": KEY, **values})  # type: ignore[arg-type]  # as tests like
    except ConfigurationError as error:
        return error.faults
    return ()


def test_the_defaults_are_strict():
    """Nothing weak unless asked for."""
    settings = Settings(issuer="https://id.example.com/", secret_key=KEY)

    assert settings.issuer == "https://id.example.com"
    assert settings.secure
    assert settings.audience == settings.issuer
    assert settings.code_ttl <= 60
    assert settings.refresh_token_reuse_interval <= 10
    assert not any(getattr(settings, name) for name in dir(settings) if name.startswith("allow_"))
    assert Settings(issuer="https://a", secret_key=KEY, default_audience="https://b").audience == "https://b"


@pytest.mark.parametrize(
    "issuer",
    ["https://id.example.com", "https://id.example.com/auth", "https://id.example.com:8443", "http://localhost:4000",
     "http://127.0.0.1:4000/a", "http://[::1]:4000"],
)  # fmt: skip
def test_issuers_that_will_do(issuer):
    """Https anywhere, http on the person's own machine."""
    assert not faults(issuer=issuer)


@pytest.mark.parametrize(
    "issuer",
    [
        "", "id.example.com", "ftp://id.example.com", "https://", "https://id.example.com?x=1", "https://id.example.com?",
        "https://id.example.com#", "https://u@id.example.com", "https://u:p@id.example.com", "http://id.example.com",
        "https://id.example.com:99999", "https://[::1", "http://localhost.evil.example", "HTTPS://id.example.com",
        "https://id.example.com\n", "https://id.example.com/a b", "https://id.example.com/\r\nx", "https://ïd.example.com",
        "https://id.example.com\\x", "https://ID.example.com", 'https://id.example.com/"', "https://id.example.com:443",
        "http://localhost:80",
    ],
)  # fmt: skip
def test_issuers_that_will_not(issuer):
    """Query, fragment, user name, plain http, and every spelling that a browser or a header would write otherwise."""
    assert faults(issuer=issuer)


def test_production_refuses_what_development_may():
    """Plain http, plain PKCE and a regular key."""
    assert faults(env="production", issuer="http://localhost:4000")
    assert faults(env="production", allow_plain_pkce=True)
    assert faults(env="production", secret_key="k" * 40)
    assert not faults(env="production")
    assert not faults(env="development", issuer="http://localhost:4000", allow_plain_pkce=True, secret_key="k" * 40)


@pytest.mark.parametrize(
    "values",
    [
        {"secret_key": "short"}, {"secret_key_previous": ("short",)}, {"env": "staging"}, {"access_token_ttl": 59},
        {"access_token_ttl": 86401}, {"access_token_ttl": "3600"}, {"access_token_ttl": True},
        {"access_token_ttl": 3600.0},
        {"access_token_format": "paseto"}, {"jwt_algorithm": "HS256"}, {"jwt_algorithm": "none"},
        {"access_token_algorithm": "RS512"}, {"theme": "pink"}, {"primary_color": "red"}, {"primary_color": "#fff"},
        {"session_key": "a b"}, {"session_key": ""}, {"trusted_proxies": ("proxy.local",)}, {"audit_log_level": "none"},
        {"scopes": (Scope("a b", ""),)}, {"scopes": (Scope('a"', ""), Scope("openid", ""))},
        {"scopes": (Scope("openid", ""), Scope("openid", ""))}, {"default_scopes": ("unknown",)},
        {"refresh_token_ttl": 31_536_000, "refresh_token_absolute_ttl": 31_535_999},
        {"password_min_length": 64, "password_max_length": 63}, {"clock_skew": 61}, {"code_ttl": 601},
        {"refresh_token_reuse_interval": 61},
    ],
)  # fmt: skip
def test_values_out_of_bounds_are_named(values):
    """Each fault is one sentence that begins with the setting's name."""
    found = faults(**values)

    assert found
    assert any(fault.startswith(name) for fault in found for name in values)


def test_passwords_need_room():
    """The longest is not shorter than the shortest."""
    assert not faults(password_min_length=64, password_max_length=64)


def test_every_fault_is_reported_at_once():
    """Whoever starts a server badly is told everything in one go."""
    environ = {
        "AUTHORITY_SECRET_KEY": "short",
        "AUTHORITY_CODE_TTL": "soon",
        "AUTHORITY_REQUIRE_STATE": "maybe",
        "AUTHORITY_THEME": "pink",
        "AUTHORITY_CODE_TLL": "60",
        "AUTHORITY_NONSENSE": "1",
        "AUTHORITY_ID_TOKEN_TTL_FILE": "/nonexistent/file",
    }

    with pytest.raises(ConfigurationError) as raised:
        Settings.from_env(environ)

    text = str(raised.value)
    for word in (
        "AUTHORITY_ISSUER is not set",
        "secret_key is shorter",
        "AUTHORITY_CODE_TTL must be a whole number from 10 to 600, not 'soon'.",
        "AUTHORITY_REQUIRE_STATE must be true or false, not 'maybe'.",
        "theme must be one of auto, dark, light, not 'pink'.",
        "Did you mean AUTHORITY_CODE_TTL",
        "AUTHORITY_NONSENSE is not a setting",
        "AUTHORITY_ID_TOKEN_TTL_FILE: the file it names cannot be read (No such file or directory).",
    ):
        assert word in text
    assert "short\n" not in text


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"code_ttl": 601}, "code_ttl must be a whole number from 10 to 600, not 601."),
        ({"code_ttl": 10**5000}, "code_ttl must be a whole number from 10 to 600, not a number beyond all bounds."),
        ({"issuer": "https://[::1"}, "issuer is not a URL: give the public address of this server,"),
        ({"issuer": "https://ïd.example.com"}, "write a host of other letters as xn--…"),
        ({"issuer": "http://localhost", "env": "production"}, "set env to development"),
        ({"scopes": ("read",)}, "scopes: 'read' must be a Scope, such as Scope('read', 'Read your files')."),
        ({"scopes": (Scope("openid", ""), Scope("openid", ""))}, "only what comes besides the standard ones"),
        ({"trusted_proxies": ("10.0.0.0/8", "proxy.local")}, "such as 10.0.0.0/8, not 'proxy.local'."),
        ({"session_key": "x" * 65}, f"not '{'x' * 38}…."),
        ({"refresh_token_absolute_ttl": 300}, "(300) must not be shorter than refresh_token_ttl (2592000)"),
        ({"secret_key_previous": ("old",)}, "secret_key_previous is shorter than 32 bytes: give it as it was"),
    ],
)  # fmt: skip
def test_a_fault_says_what_to_do(values, told):
    """What is wrong, what was given, and what would do."""
    assert any(told in fault for fault in faults(**values))


def test_no_fault_quotes_a_secret(tmp_path):
    """Too short, too regular, or no text at all: its name is enough."""
    binary = tmp_path / "key"
    binary.write_bytes(b"\xff\xfe" * 20)

    assert "aaaa" not in "".join(faults(env="production", secret_key="a" * 32, secret_key_previous=("aaaa",)))
    with pytest.raises(ConfigurationError) as raised:
        Settings.from_env({**GOOD, "AUTHORITY_SECRET_KEY": "", "AUTHORITY_SECRET_KEY_FILE": str(binary)})
    assert "AUTHORITY_SECRET_KEY is not set" in str(raised.value)
    assert "is not text in UTF-8; write a random key as hexadecimal." in str(raised.value)


@pytest.mark.parametrize("spoiled", [f"{KEY},{KEY}", f"{KEY} x", f"{KEY}\tx", f"{KEY}\u00a0x", f"{KEY}\nx", f",{KEY}"])
@pytest.mark.parametrize("place", ["variable", "file"])
def test_a_secret_that_could_not_be_listed_later_is_refused(spoiled, place, tmp_path):
    """A comma or white space separates previous secrets, so one that has it could never be rotated away from.

    It is one sentence that does not show it. In Python previous secrets are a tuple, and any text will do.
    """
    file = tmp_path / "key"
    file.write_text(f"{spoiled}\n", encoding="utf-8")
    good = tmp_path / "good"
    good.write_text(f" {KEY}\r\n", encoding="utf-8")
    given = {"AUTHORITY_SECRET_KEY": spoiled} if place == "variable" else {"AUTHORITY_SECRET_KEY_FILE": str(file)}

    with pytest.raises(ConfigurationError) as raised:
        Settings.from_env({**GOOD, **given})
    assert len(raised.value.faults) == 1
    assert "AUTHORITY_SECRET_KEY has a comma or white space in it" in raised.value.faults[0]
    assert "secrets.token_hex(32)" in raised.value.faults[0]
    assert KEY not in str(raised.value)
    assert Settings.from_env({**GOOD, "AUTHORITY_SECRET_KEY_FILE": str(good)}).secret_key == Secret(KEY)
    assert Settings.from_env({**GOOD, **given}, secret_key=spoiled).secret_key == Secret(spoiled)
    changed = Settings(issuer=GOOD["AUTHORITY_ISSUER"], secret_key=KEY, secret_key_previous=(spoiled,))
    assert changed.secret_key_previous == (Secret(spoiled),)


def test_a_blank_around_the_variable_is_part_of_the_secret():
    """Only a file is stripped: what a variable holds is taken as it is, and refused."""
    for spoiled in (f" {KEY}", f"{KEY}\n"):
        with pytest.raises(ConfigurationError, match="comma or white space"):
            Settings.from_env({**GOOD, "AUTHORITY_SECRET_KEY": spoiled})


def test_the_environment_is_read(tmp_path, monkeypatch):
    """Every kind of value; files hold secrets; overrides win; variables of the deployment are let be."""
    file = tmp_path / "key"
    file.write_text("f" * 40 + "\n")
    environ = {
        "AUTHORITY_BASE_URL": "https://id.example.com",
        "AUTHORITY_SECRET_KEY_FILE": str(file),
        "AUTHORITY_SECRET_KEY_PREVIOUS": f"{KEY} {KEY[::-1]}",
        "AUTHORITY_CODE_TTL": "30",
        "AUTHORITY_REQUIRE_STATE": "Yes",
        "AUTHORITY_REQUIRE_NUMBERS": "0",
        "AUTHORITY_TRUSTED_PROXIES": "10.0.0.0/8, 192.168.0.1",
        "AUTHORITY_SCOPES": "read,write",
        "AUTHORITY_JWT_ALGORITHM": "Ed25519",
        "AUTHORITY_THEME": "",
        "AUTHORITY_DATABASE_URL": "sqlite://",
        "AUTHORITY_DATABASE_URL_FILE": "/run/x",
        "OTHER": "1",
    }

    settings = Settings.from_env(environ, code_ttl=20)

    assert settings.issuer == "https://id.example.com"
    assert settings.secret_key == Secret("f" * 40)
    assert settings.secret_key_previous == (Secret(KEY), Secret(KEY[::-1]))
    assert (settings.code_ttl, settings.require_state, settings.require_numbers) == (20, True, False)
    assert settings.trusted_proxies == ("10.0.0.0/8", "192.168.0.1")
    assert {"openid", "read", "write"} <= {scope.name for scope in settings.scopes}
    assert settings.jwt_algorithm == "EdDSA"
    assert settings.theme == "auto"
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    assert Settings.from_env().issuer == "https://id.example.com"


def test_settings_hide_their_secrets():
    """However they are shown."""
    settings = Settings(issuer="https://id.example.com", secret_key=KEY, secret_key_previous=(KEY,))

    assert KEY not in f"{settings} {settings!r} {settings.secret_key:>10} {vars(type(settings))}"
