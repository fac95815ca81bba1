"""The stores of a ring that a process is connected to. What concerns several is asked of them side by side."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypeVar

from flk.impl.storage.epochs import go_on, settled
from flk.impl.storage.health import Shard
from flk.impl.storage.layout import Found, Layout, Role, take_role
from flk.impl.storage.ring_file import load
from flk.impl.storage.rows import Damaged
from flk.impl.storage.shared import Moved, SharedStore
from flk.model.refusal import Unavailable, unavailable
from flk.spec.errors import UnusableInput

R = TypeVar("R")
T = TypeVar("T")

Open = Callable[[str, str], SharedStore]
Join = Callable[[SharedStore], object]


class Shards:
    """The shards of a ring by name. One that the ring gets later is looked up in the file, which is read again for it, and takes
    part as the others do: `join` is how.
    """

    def __init__(self, path: Path, found: Found, stores: Mapping[str, SharedStore], connect: Open) -> None:
        self.path = path
        self.found = found
        self.layout = found.layout
        self.by_name = {name: Shard(name, stores[name]) for name in sorted(stores)}
        self.registrar = self.by_name[found.registrar]
        self.join: Join = str  # nobody has taken part yet
        self._watch: Callable[[Shard], None] = lambda _: None
        self._unwatch: Callable[[str], object] = str
        self.gave_way_before = 0  # in shards that have left
        self._connect = connect
        self._threads = ThreadPoolExecutor(16, "shard")
        for shard in self.by_name.values():
            shard.store.is_shard = True

    def watch(
        self,
        tell: Callable[[str, Callable[[], float]], None],
        left: Callable[[str], object],
        taken_over: Callable[[], None],
    ) -> None:
        """Tell the name of each shard, now or when the ring gets it, and what to ask for whether it answered last: 1 or 0; the name
        of one that has left; and when another server takes over for one.
        """

        def watch(shard: Shard) -> None:
            tell(shard.name, lambda: not shard.away)
            shard.store.taken_over = taken_over

        self._watch, self._unwatch = watch, left
        for shard in self.by_name.values():
            self._watch(shard)

    def follow(self) -> Layout:
        """The layout in force, which writes name from now on. Raises Unavailable."""
        return self._in(settled(self.registrar.store, self._stores))

    def go_on(self, to: Layout) -> Layout:
        """Change the layout, if it is still the one that was followed; which is in force then. Raises Unavailable."""
        return self._in(go_on(self.registrar.store, self._stores, self.layout, to))

    def is_followed(self) -> bool:
        """Whether the layout is still the one in force, so that what was read since it was followed is of one layout."""
        return self.registrar.ask(lambda store: store.fenced()) == self.layout.open

    def all(self, work: Callable[[SharedStore], R]) -> dict[str, R]:
        """What each shard of the layout results in."""
        return self.side_by_side(dict.fromkeys(sorted(self.layout.stores), work))

    def of_each(self, parts: Mapping[str, T], work: Callable[[SharedStore, T], R]) -> dict[str, R]:
        """What each of these shards results in, for its part."""

        def of(part: T) -> Callable[[SharedStore], R]:
            return lambda store: work(store, part)

        return self.side_by_side({name: of(part) for name, part in parts.items()})

    def side_by_side(self, work: Mapping[str, Callable[[SharedStore], R]]) -> dict[str, R]:
        """What each shard results in. All have ended when it returns or raises: damage first, then who is away, then Moved."""
        if len(work) <= 1:
            return {name: self.by_name[name].ask(ask) for name, ask in work.items()}
        asked = {name: self._threads.submit(self.by_name[name].ask, ask) for name, ask in work.items()}
        wait(asked.values())
        refusals = [error for future in asked.values() if (error := future.exception()) is not None]
        for error in sorted(refusals, key=_patience):
            raise error
        return {name: future.result() for name, future in asked.items()}

    def close(self) -> None:
        """Release every store."""
        self._threads.shutdown()
        for shard in self.by_name.values():
            shard.store.close()

    def opened(self, name: str) -> SharedStore:
        """The store of a shard, be it in the ring or only in the file. Raises UnusableInput, Unavailable."""
        if name not in self.by_name:
            url = load(self.path).shards.get(name)
            if url is None:
                raise UnusableInput(
                    f"{self.path}: names no shard {name}; add it, on every node: they read it by themselves"
                )
            store = self._connect(name, url)
            store.is_shard = True
            self.by_name[name] = Shard(name, store)
            self._watch(self.by_name[name])
        return self.by_name[name].store

    def _stores(self, layout: Layout) -> dict[str, SharedStore]:
        return {name: self._member(name, known) for name, known in layout.stores.items()}

    def _member(self, name: str, known: str) -> SharedStore:
        """A store of the ring, which this process takes part in. Raises Unavailable if it cannot."""
        if name not in self.layout.stores or name not in self.by_name:
            try:
                self.take(name, known)
            except UnusableInput as error:
                raise unavailable(str(error)) from None
        return self.by_name[name].store

    def take(self, name: str, known: str) -> None:
        """Take part in a shard. Raises UnusableInput if it is not that store, or not in this ring."""
        store = self.opened(name)
        if store.place.store != known:
            raise UnusableInput(f"{self.path}: shard {name} is another store than the ring has under that name")
        take_role(self.path, store, Role(self.found.ring, name, self.found.registrar))
        self.join(store)

    def _in(self, layout: Layout) -> Layout:
        left = self.layout.stores.keys() - layout.stores.keys() - layout.after.keys()
        self.layout = layout
        for name in layout.stores:
            self.by_name[name].store.fence = layout.open
        for name in left & self.by_name.keys():
            self._part_with(name)
        return layout

    def _part_with(self, name: str) -> None:
        """A shard has left. If the ring gets one of that name again, it may be another store: it is looked up anew."""
        store = self.by_name.pop(name).store
        self.gave_way_before += store.gave_way
        self._unwatch(name)
        store.close()


def _patience(error: BaseException) -> int:
    """What nobody expected comes first, then damage, then what passes by itself, then what is over already."""
    kinds = ((Moved, 3), (Damaged, 1), (Unavailable, 2))
    return next((number for kind, number in kinds if isinstance(error, kind)), 0)
