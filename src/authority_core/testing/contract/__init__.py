"""The contract of storage, as a test suite: subclass `StorageContract`, give a storage, run your tests.

    class TestMyStorage(StorageContract):
        def make_storage(self):
            return MyStorage(...)          # new and empty; of either colour

Every promise of `authority_core.kernel.ports` is played on it: synchronous storage meets threads, asynchronous storage
meets tasks. pytest collects it as it is. For `unittest`, name its `TestCase` as a second base: without it that runner
finds no test, and says OK. Hypothesis must be installed.
"""

from __future__ import annotations

from .atomicity import Atomicity
from .everyfield import EveryField
from .forgetting import Forgetting
from .hostile import Hostile
from .interrupted import Interrupted
from .liveness import Liveness
from .marks import Marks
from .mutable import Mutable
from .names import Names
from .races import Races
from .reading import Reading
from .replays import Replays
from .rewriting import Rewriting
from .roundtrips import RoundTrips
from .secrecy import Secrecy
from .sizes import Sizes
from .stage import CONTENDERS, ContractBroken
from .together import Together

__all__ = ["CONTENDERS", "ContractBroken", "StorageContract"]


class StorageContract(
    Races,
    Replays,
    Atomicity,
    Together,
    Interrupted,
    Marks,
    Liveness,
    Mutable,
    Rewriting,
    Reading,
    Names,
    Sizes,
    RoundTrips,
    EveryField,
    Hostile,
    Secrecy,
    Forgetting,
):
    """Everything a storage promises. Subclass it in your tests; it is not collected by itself."""

    __test__ = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # A subclass is a test suite unless it says otherwise.
        if "__test__" not in cls.__dict__:
            cls.__test__ = True

    def make_storage(self) -> object:
        """Return a new, empty storage of either colour, or something to await for one."""
        raise TypeError("give the contract a storage: define make_storage")

    def close_storage(self, storage: object) -> object:
        """Put *storage* away; by default with its `aclose` or `close`. May return something to await."""
        close = getattr(storage, "aclose", None) or getattr(storage, "close", None)
        return close() if close is not None else None
