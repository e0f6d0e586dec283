"""The core in process, on memory storage, from `HttpRequest` to `HttpResponse`, beside floors written by hand.

"At most 12 µs over the signature" is a time of the reference machine, where encoding by hand took 7 µs over the raw
signature: here it is ours over what the hand takes in the same run, times 7, so that a slower machine is no excuse and
a faster one no gift. "Opaque at most 17 µs" becomes 17 over the 9.6 µs of the hand-written answer there; like is
measured with like, both without an audit trail, and both with one.
"""

from __future__ import annotations

from datetime import datetime, timezone

from authority_core import Authority, HttpRequest
from authority_core.kernel.jose import PrivateKey, generate_private_jwk
from authority_core.kernel.sync import run
from authority_core.testing.memory import MemoryStorage

from . import floor, scene
from .goals import Goal
from .timing import microseconds, pin, ratio, take_turns

_HEADERS = {
    "host": "localhost:4000",
    "authorization": scene.BASIC,
    "content-type": "application/x-www-form-urlencoded",
    "accept": "application/json",
}
_BODY = scene.CLIENT_CREDENTIALS.encode()


def request(body: bytes = _BODY, path: str = "/token") -> HttpRequest:
    """Return a POST to the token endpoint, or to another *path*, as an adapter makes it."""
    return HttpRequest(
        method="POST", path=path, headers=_HEADERS, body=body, client_address="127.0.0.1", request_id="a1b2c3d4"
    )


def _ask(authority: Authority, asked: HttpRequest) -> None:
    if run(authority.handle(asked)).status != 200:
        raise RuntimeError("the benchmark was refused")


def measure(rounds: int, core: int) -> list[Goal]:
    """Return the goals of rows 1, 2 and 4."""
    pin(core)
    storage, opaque_storage, quiet_storage = scene.furnished(), scene.furnished(), scene.furnished()
    jwt = scene.authority(storage)
    opaque = scene.authority(opaque_storage, access_token_format="opaque")
    quiet = scene.authority(quiet_storage, access_token_format="opaque", audit_log_level="errors")
    by_hand, opaque_by_hand = floor.made("ES256"), floor.made("opaque")
    audited_by_hand = floor.made("opaque", audited=True)
    key = PrivateKey.from_jwk(generate_private_jwk("ES256"), "ES256", "k1")
    claims, asked = dict(floor.CLAIMS), request()
    taken = take_turns(
        {
            "raw ES256 signature": floor.raw_signature,
            "encoded by hand": floor.encode_by_hand,
            "encoded by us": lambda: key.sign("at+jwt", claims),
            "client_credentials by hand, ES256": lambda: by_hand(_BODY, scene.BASIC),
            "client_credentials by hand, opaque": lambda: opaque_by_hand(_BODY, scene.BASIC),
            "client_credentials by hand, opaque, audit trail": lambda: audited_by_hand(_BODY, scene.BASIC),
            "client_credentials, ES256": lambda: _ask(jwt, asked),
            "client_credentials, opaque, audit trail": lambda: _ask(opaque, asked),
            "client_credentials, opaque": lambda: _ask(quiet, asked),
        },
        rounds,
        after=lambda: _forget(storage, opaque_storage, quiet_storage),
    )
    print("\nin process, medians over rounds that take turns (fastest round), µs per call")
    for name, figures in taken.items():
        print(f"  {name:<48} {microseconds(figures):8.2f}  ({min(figures) * 1e6:.2f})")
    return [
        Goal(
            "core, client_credentials ES256, share of the signature rate",
            100 / ratio(taken, "client_credentials, ES256", "raw ES256 signature"),
            45,
            "%",
            floor=True,
            held=41,
        ),
        Goal(
            "core, client_credentials opaque, over the hand-written",
            ratio(taken, "client_credentials, opaque", "client_credentials by hand, opaque"),
            17 / 9.6,
            "x",
            held=2.1,
        ),
        Goal(
            "core, client_credentials opaque, both with an audit trail",
            ratio(
                taken,
                "client_credentials, opaque, audit trail",
                "client_credentials by hand, opaque, audit trail",
            ),
            17 / 9.6,
            "x",
            held=2.1,
        ),
        Goal("JWT encoding over the signature, as on the reference machine", _encoding(taken), 12, "µs", held=25),
    ]


def _encoding(taken: dict[str, list[float]]) -> float:
    names = ("raw ES256 signature", "encoded by hand", "encoded by us")
    raw, hand, ours = (sorted(taken[name])[len(taken[name]) // 4] for name in names)  # a difference wants calm rounds
    return 7 * (ours - raw) / (hand - raw)


def _forget(*storages: MemoryStorage) -> None:
    """Forget what requests have stored; clients and keys stay."""
    for storage in storages:
        storage.cleanup(datetime.max.replace(tzinfo=timezone.utc))
    floor.forget()
