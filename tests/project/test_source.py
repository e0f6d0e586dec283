"""Promises about the source that no single test of behaviour can keep."""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from pathlib import Path

import attrs
import pytest

from authority_core.kernel.settings import Settings
from project.sources import CORE, PACKAGES, ROOT, SRC, dotted, modules, nodes, place

MOMENT = CORE / "kernel" / "moment.py"
CLOCKS = {"time", "random", "secrets", "uuid"}
READINGS = re.compile(r"(os\.(urandom|getrandom)|(.+\.)?(datetime|date)\.(now|utcnow|today))\Z")


def clock_or_chance(path: Path) -> list[str]:
    """Return where the file at *path* imports or calls a source of time or chance."""
    found = []
    for node in nodes(path):
        if isinstance(node, ast.Import):
            named = {alias.name.split(".")[0] for alias in node.names} & CLOCKS
        elif isinstance(node, ast.ImportFrom) and not node.level:
            named = {node.module} & CLOCKS
            if node.module == "os":
                named |= {alias.name for alias in node.names} & {"urandom", "getrandom"}
        elif isinstance(node, ast.Attribute):
            named = {name for name in [dotted(node)] if name and READINGS.match(name)}
        else:
            continue
        found += [f"{place(path, node)}: {name}" for name in sorted(map(str, named))]
    return found


def test_only_moment_reads_clock_or_chance():
    """A decision replays exactly: in the core, time and randomness come from one file."""
    found = [line for path in modules(CORE) if path != MOMENT for line in clock_or_chance(path)]

    assert found == []


def test_the_search_for_clocks_finds_the_one_there_is():
    """The control: the file that may read them is recognised as reading both."""
    found = " ".join(clock_or_chance(MOMENT))

    assert "os.urandom" in found
    assert "datetime.now" in found


def test_no_assert_is_a_guard():
    """Under `python -O` nothing is weaker; only the contract kit, which is a test suite, asserts."""
    found = [
        place(path, node)
        for path in modules()
        if not path.is_relative_to(CORE / "testing")
        for node in nodes(path)
        if isinstance(node, ast.Assert)
    ]

    assert found == []


DANGEROUS = {"eval", "exec", "__import__", "yaml.load", "os.system", "os.popen", "marshal.loads"}


def test_nothing_executes_data():
    """No input becomes code: no pickle, no eval, no shell."""
    found = []
    for path in modules():
        for node in nodes(path):
            if isinstance(node, ast.Call) and dotted(node.func) in DANGEROUS:
                found.append(place(path, node))
            elif isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
                found += [place(path, node) for name in names if name.split(".")[0] in ("pickle", "marshal", "shelve")]
            elif isinstance(node, ast.keyword) and node.arg == "shell":
                found.append(place(path, node.value))

    assert found == []


SECRET_WORD = re.compile(
    r"(?:.*_)?(?:secret|token|password|passphrase|digest|signature|mac|hmac|csrf|verifier|challenge|otp|totp|credential)s?\Z"
)


def hidden(node: ast.expr) -> bool:
    """Tell whether *node* is a plain name that says it holds a secret."""
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return bool(SECRET_WORD.match(name))


PUBLIC = {
    "_digest(body) == digest": "the fingerprint of a static file, part of its public address",
}
"""Comparisons that look like secrets and are none, and why."""


def compared_secrets(tree: ast.AST) -> list[ast.Compare]:
    """Return every `==` and `!=` between a secret-named value and something that is not a constant."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        and any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops)
        and any(map(hidden, (sides := [node.left, *node.comparators])))
        and not any(isinstance(side, ast.Constant) for side in sides)
        and ast.unparse(node) not in PUBLIC
    ]


def test_secrets_are_compared_in_constant_time():
    """No secret is compared with `==`: `encoding.equal` or a look-up by digest does it."""
    found = [
        place(path, node)
        for path in modules()
        for node in compared_secrets(ast.parse(path.read_text(encoding="utf-8")))
    ]

    assert found == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("if presented_secret == stored: ...", 1),
        ("if row.code_verifier != challenge: ...", 1),
        ("if token_type == 'Bearer' or token == '': ...", 0),
        ("if client.client_id == grant.client_id: ...", 0),
    ],
)
def test_the_search_for_compared_secrets_works(text: str, count: int):
    """The control: it sees secrets and leaves public values alone."""
    assert len(compared_secrets(ast.parse(text))) == count


def test_no_default_keys():
    """No key ships with the library: the master secret has no default, and no literal looks like a key."""
    assert attrs.fields(Settings).secret_key.default is attrs.NOTHING

    found = [
        place(path, node)
        for path in modules()
        for node in nodes(path)
        if isinstance(node, ast.Constant) and looks_like_a_key(node.value)
    ]

    assert found == []


def looks_like_a_key(value: object) -> bool:
    """Tell whether a literal is a PEM key, or one run of 32 or more characters as irregular as a random one."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str):
        return False
    if re.search(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]", value):
        return True
    if not re.fullmatch(r"[A-Za-z0-9+/_=-]{32,}", value) or not re.search(r"\d", value):
        return False
    counts = Counter(value)
    entropy = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    # an alphabet spelled out is as irregular as a key, and is none
    return entropy > 3.2 and len(counts) < len(value)


def test_the_search_for_keys_works():
    """The control: hexadecimal and base64 keys are seen, words are not."""
    assert looks_like_a_key("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
    assert looks_like_a_key("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU")
    assert not looks_like_a_key("token_endpoint_auth_methods_supported")
    assert not looks_like_a_key("urn:ietf:params:oauth:grant-type:device_code")


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_packages_are_typed(package: Path):
    """A type checker of a user trusts every package."""
    assert (package / "py.typed").is_file()


def test_files_are_one_idea_each():
    """No source file grows beyond 400 lines."""
    found = {place(path): n for path in modules() if (n := path.read_text(encoding="utf-8").count("\n")) > 400}

    assert found == {}


def test_modules_say_what_they_are_for():
    """Every module opens with a docstring."""
    found = [
        place(path)
        for path in modules()
        if path.read_text(encoding="utf-8").strip()
        and ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) is None
    ]

    assert found == []


def test_nothing_is_unfinished():
    """What is in the source is done: no note to come back, no silenced checker without a reason."""
    marks = re.compile(
        r"\b(TODO|FIXME|XXX)\b|NotImplementedError|# type: ignore(?!\[)|# noqa(?!: [A-Z])|pragma: no cover(?! - \w)"
    )
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in [*modules(SRC), *modules(ROOT / "tests")]
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if marks.search(line)
    ]

    assert found == []
