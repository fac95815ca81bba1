"""A region whose keys move to other shards: its ring of real stores, its nodes, and a migrator that may die anywhere."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from flk.impl.migration import steps
from flk.impl.migration.performing import Migrator
from flk.impl.storage.opening import open_ring
from flk.impl.storage.sharded import ShardedStore
from flk.impl.storage.shards import Shards
from flk.model.effects import Effect
from flk.model.entries.entry import Claim, Entry, Key, Outcome, Reason
from flk.model.entries.ring import Ring, ring_text
from flk.model.log.hlc import Timestamp

OK = Outcome(accepted=True, escalated=False, reason=Reason.OK, recomputed_D_hat=1.0, recomputed_budget=0.4)
RATE = 100_000.0


def quiet(_: object) -> None:
    """Nobody looks at the progress."""


class Killed(BaseException):
    """The migrator is gone."""


class Region:
    """A ring that begins with some of the shards that its file names later, its nodes, and what they answered: the first answer
    for each key has to stand.
    """

    def __init__(self, directory: Path, urls: Mapping[str, str], *first: str) -> None:
        self.urls = urls
        self._path = directory / "shards.toml"
        self.url = f"ring+file://{self._path}"
        self.write_file(*first)
        self.told: dict[Key, Entry] = {}
        self._stack = ExitStack()
        self.nodes = [self.node(number) for number in (1, 2)]
        self.write_file(*urls)
        self._clock = count(1)

    def write_file(self, *names: str) -> None:
        """Let the file name these shards."""
        self._path.write_text("".join(("[shards]\n", *(f'{name} = "{self.urls[name]}"\n' for name in names))))

    def node(self, number: int) -> ShardedStore:
        """The store as a node has it."""
        store = open_ring(self.url, "eu", lambda: 0.0)
        self._stack.callback(store.close)
        store.enlist(f"token{number}", number)
        return store

    def submit(self, *names: str) -> None:
        """Claim each name at each node: whoever answers, it is what was answered first."""
        for name in names:
            for number, node in enumerate(self.nodes):
                at = next(self._clock)
                new = Claim(Key("default", name), Entry(Timestamp(at), "eu", f"{number}.{at}", OK))
                (answer,) = node.insert_or_get([new])
                assert answer == self.told.setdefault(new.key, answer), name

    def check(self) -> None:
        """Every answer stands, at every node, which have nothing else."""
        keys = [*self.told]
        for node in self.nodes:
            assert dict(zip(keys, node.fetch(keys), strict=True)) == self.told
            assert node.count() == len(self.told)
        assert self.nodes[0].superseded() == []

    def check_placed(self, *names: str) -> None:
        """The ring has these shards, and each key is in the one that the ring of them names, and there alone."""
        self.check()
        shards, ring = self.nodes[0].shards, Ring(names)
        assert sorted(shards.layout.shards) == sorted(names)
        for name in names:
            mine = {key for key in self.told if ring.owner(ring_text(key)) == name}
            assert shards.by_name[name].store.count() == len(mine)
            assert None not in shards.by_name[name].store.fetch([*mine])

    def close(self) -> None:
        self._stack.close()


def once(region: Region, command: Callable[[Shards], object]) -> None:
    """Give a command."""
    with steps.migrating(region.url, "eu") as shards:
        command(shards)


def mortal(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let migrators die; what is returned gives the next one so many moments to live: one before each effect, one after it."""
    perform, left = Migrator.perform, 0

    def step(self: Migrator, effect: Effect[object]) -> object:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        result = perform(self, effect)
        left -= 1
        if left < 0:
            raise Killed
        return result

    def spare(moments: int) -> None:
        nonlocal left
        left = moments

    monkeypatch.setattr(Migrator, "perform", step)
    return spare
