"""A store of tiers on real files, whose objects can go away, and whose clock is set by hand."""

from pathlib import Path

from flk.impl.storage.aging import AgingStore
from flk.impl.storage.cold import ColdTier
from flk.impl.storage.cold_index import NAME, ColdIndex
from flk.impl.storage.objects import LocalObjects
from flk.impl.storage.tiers import Tiered
from flk.model.entries.entry import Entry, Key, Outcome, Reason
from flk.model.entries.tiers import Terms
from flk.model.log.hlc import at
from flk.model.refusal import unavailable

BEGINNING = 1_767_225_600.0
TERMS = Terms(hot=10.0, warm=30.0, window=100.0)


class Bucket(LocalObjects):
    """Objects in a directory that answer unless they are `down`; `gets` counts the readings, `asked` all requests."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.down = False
        self.gets = 0
        self.asked = 0

    def put(self, name: str, content: bytes) -> bool:
        self._answer()
        return super().put(name, content)

    def get(self, name: str) -> bytes | None:
        self._answer()
        self.gets += 1
        return super().get(name)

    def delete(self, name: str) -> None:
        self._answer()
        super().delete(name)

    def names(self, prefix: str, after: str) -> tuple[str, ...]:
        self._answer()
        return super().names(prefix, after)

    def _answer(self) -> None:
        self.asked += 1
        if self.down:
            raise unavailable("the object store does not answer: down")


class Shelf:
    """The tiers of a node in a directory."""

    def __init__(self, directory: Path, terms: Terms = TERMS, hot_entries: int = 1000) -> None:
        self.directory = directory
        self.terms = terms
        self.hot_entries = hot_entries
        self.now = BEGINNING
        self.seen: list[str] = []
        (directory / "objects").mkdir(exist_ok=True)
        self.bucket = Bucket(directory / "objects")
        self.open()

    def open(self) -> None:
        """What a start does."""
        self.warm = AgingStore(self.directory / "entries.sqlite")
        self.cold = ColdTier(self.bucket, ColdIndex(self.directory / NAME), "eu", seen=self.seen.append)
        if not self.bucket.down:
            self.cold.greet()
        self.tiered = Tiered(self.warm, self.cold, now=lambda: self.now, terms=self.terms, hot_entries=self.hot_entries)

    def close(self) -> None:
        """What stopping in order does."""
        self.cold.close()
        self.warm.close()

    def away(self, *, down: bool) -> None:
        """Let the objects go away, which the cold tier knows at once, or come back and be met."""
        self.bucket.down = down
        if down:
            self.cold.away = "down"
        else:
            self.cold.greet()

    def objects(self) -> list[Path]:
        """The files of the cold tier's objects."""
        return sorted((self.directory / "objects" / "cold" / "eu").glob("*"))


def named(name: str) -> Key:
    """A key."""
    return Key("default", name)


def entry(seconds: float, digest: str = "d", region: str = "eu") -> Entry:
    """An entry of that moment."""
    outcome = Outcome(accepted=True, escalated=False, reason=Reason.OK, recomputed_D_hat=1.0, recomputed_budget=0.0)
    return Entry(at(BEGINNING + seconds), region, digest, outcome)
