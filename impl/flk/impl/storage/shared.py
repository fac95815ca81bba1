"""What the shared stores have in common: claims in any number of processes, on two atomic steps of the store.

The one step inserts each entry whose key is free, and returns what is stored under the others. The other puts an entry in the
place of one that it must be later than, and records that it gave way, only if what is stored is still what was read. So the order
of entries is written once, in `flk.model.entries.entry.join`, and no store compares timestamps; and no row is replaced before its
checksum was verified. What is stored under a key only ever gets earlier, so whoever is overtaken between the steps looks again,
and comes to an end.

A row that has rotted is noted, and claims of its key are set aside (`flk.impl.storage.rotten`): the others are answered (DUP-8).

With the entries goes the latest timestamp that this node brought, in the same step: the region's clock (HLC-7).
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

from flk.impl.storage.rotten import Aside, Left, is_left_of, listed, set_aside, strike
from flk.impl.storage.rows import Damaged
from flk.model.effects import Watermark
from flk.model.entries.entry import Claim, Entry, Key, join
from flk.model.log.frames import log_of
from flk.model.log.hlc import ZERO, Timestamp, is_ahead
from flk.model.programs.watermarks import LOST
from flk.model.refusal import OutOfReach, Unavailable, barred, being_put_back, unavailable
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

FORMAT = 2  # of a shared store, which keeps it; the nodes of the first do not ask whether their log is lost
READ = (
    1,
    FORMAT,
)  # what is asked is the same in both, so a store stays of the first until a log of it is declared lost
T = TypeVar("T")

MERGE_ENTRIES = 1000  # entries of one step
CONNECT_SECONDS = 5
ANSWER_SECONDS = 10  # for which a step is waited for
BARRED = "lost"  # what the node of a log that was declared lost is known by, so that none is it
ROLE = "/role"  # the note that says which shard of which ring a store is; no log's mark begins with a slash


class Moved(Unavailable):
    """The store has another fence than the one that a write named, and has written nothing."""

    def __init__(self, store: object) -> None:
        super().__init__("ORD-4", f"the ring of {store} went on meanwhile", retry_after=1)


class TakenOver(Unavailable):
    """Another server took over the store, or it was started again, and it may lack what was acknowledged."""

    def __init__(self, store: object) -> None:
        after = CONSTANTS.node.unavailable_retry_after_seconds
        super().__init__(
            "ORD-4", f"the store {store} was taken over, and may lack what was acknowledged", retry_after=after
        )


class LogLost(Unavailable):
    """The log of the node was declared lost, so the store takes nothing from it, and has taken nothing now."""

    def __init__(self, log: str) -> None:
        refusal = barred(log)
        super().__init__(refusal.requirement, refusal.detail, retry_after=refusal.retry_after)


class Exchange(NamedTuple):
    """An entry that takes the place of whatever was seen under its key (None: nothing), earlier or later."""

    key: Key
    seen: Entry | None
    entry: Entry


class Rival(NamedTuple):
    """An entry that precedes the one stored under its key, as that was read."""

    key: Key
    stored: Entry
    entry: Entry


class Place(NamedTuple):
    """Which store it is: the random name it got when it was made, and the region whose entries it keeps."""

    store: str
    region: str


class SharedStore(ABC):
    """A store that the nodes of a region share: `flk.impl.storage.store.EntryStore`, on what a kind of server does in one step.

    A shard has a fence: a number that only rises. Where `fence` is not 0, each write names it, and is refused in the same step as
    Moved if the store has another.

    Of entries of other regions only those within the bound of HLC-3 count for `latest`, by `now` in seconds since 1970.
    """

    shared = True
    weakness = ""
    begun = 0
    damage = ""

    def __init__(self, region: str, now: Callable[[], float] = time.time) -> None:
        self._region = region
        self._now = now
        self._log = ""
        self._number = 0
        self._token = ""
        self._clock = ZERO
        self.gave_way = 0
        self.is_shard = False
        self.fence = 0
        self.taken_over: Callable[[], None] = lambda: None
        """Told when another server took over."""
        self.waits_for = 0
        """How many nodes have to replay their logs before a server that took over answers."""

    def require_alone(self) -> None:
        """Return if the store is no shard of a ring. Raises UnusableInput: the rest of the region's entries is elsewhere."""
        if self.noted(ROLE):
            raise UnusableInput(
                f"{self}: this store is a shard of a ring, and has but a part of the region's entries; name the file of the ring"
                " with --store ring+file:///…"
            )

    def enlist(self, token: str, number: int | None, at_least: int = 1) -> int:
        """Take part under the log number that is this node's: the one its log has, or if it has none the next that is free, no
        less than `at_least`. `token` is what the node is known by.

        Raises UnusableInput if another node has the number.
        """
        while True:
            known = self._numbers()
            mine = [taken for taken, holder in known.items() if holder == token]
            wanted = number or min(mine, default=max([*known, at_least - 1]) + 1)
            holder = self._register(wanted, token)
            if holder == token:
                self._number, self._token = wanted, token
                self._log = f"{self._region}.{wanted:06d}"
                self._clock = max(self._own_clock(), self._clock)
                if not self.is_shard:
                    self.require_alone()  # it may have become a shard since it was opened
                return wanted
            if number is not None and holder == BARRED:
                raise UnusableInput(
                    f"log {self._region}.{number:06d} was declared lost in the store {self}: what was stored of it is in the"
                    " region's snapshots, and nothing comes behind that; start the node on a new directory"
                )
            if number is not None:
                raise UnusableInput(
                    f"log {self._region}.{number:06d} is another node's in the store {self}: this directory is a copy, or was begun"
                    " beside the store; give the node a new directory, and let the node that has the log keep its own"
                )

    def attend(self) -> None:
        """Take part without a log, as what moves keys does."""
        self._register(0, "migrator")
        self._number, self._token = 0, "migrator"
        self._log = f"{self._region}.{0:06d}"
        self._clock = max(self._own_clock(), self._clock)

    def bar(self, log: str) -> None:
        """Let the node of a log write nothing more, and nobody else take its number. What it wrote is there when this returns."""
        self._bar(int(log.rpartition(".")[2]))

    def declare_lost(self, sign: str) -> None:
        """Remember that a log which is barred ends with this segment."""
        self.note(f"{log_of(sign)}/{LOST}", "", sign)

    def watermarks(self) -> tuple[Watermark, ...]:
        """What all nodes have marked, each for its log, and which logs are lost."""
        prefix = f"{self._region}."
        return tuple(Watermark.of(name, value) for name, value in self._marks() if name.startswith(prefix))

    def exchange(self, exchanges: Sequence[Exchange]) -> list[bool]:
        """Put each entry in the place of what was seen, if that is still there, and record nothing; whether it was. No two have
        one key.
        """
        clock = self._clock_with(exchange.entry for exchange in exchanges)
        done = self._exchange(exchanges, clock)
        self._clock = clock
        return [exchange.key in done for exchange in exchanges]

    def insert_or_get(self, claims: Sequence[Claim]) -> list[Entry]:
        """As `EntryStore` has it. The answer for a key is what was stored at the moment of its claim (DUP-10)."""
        answers, gave_way = self._join(claims)
        self.gave_way += gave_way
        return [*self._sound(dict(enumerate(answers)), lambda number: claims[number].key).values()]

    def claim(self, claims: Sequence[Claim]) -> list[Entry | OutOfReach]:
        """As `insert_or_get`; but a claim of a key whose row has rotted is set aside by itself."""
        answers, gave_way = self._join(claims)
        self.gave_way += gave_way
        self._set_aside(zip(claims, answers, strict=True))
        return [being_put_back() if isinstance(answer, Left) else answer for answer in answers]

    def merge(self, claims: Iterable[Claim]) -> int:
        """As `EntryStore` has it. Each entry is joined in by itself: nobody waits for the whole."""
        remaining = iter(claims)
        superseded = 0
        while some := list(islice(remaining, MERGE_ENTRIES)):
            answers, gave_way = self._join(some)
            self._set_aside(zip(some, answers, strict=True))
            superseded += gave_way
        return superseded

    def fetch(self, keys: Sequence[Key]) -> tuple[Entry | None, ...]:
        """What is stored under each of the keys."""
        return tuple(map(self._sound(self._look_up(keys), lambda key: key).get, keys))

    def rotten(self) -> tuple[Aside, ...]:
        """The rows that were found not to be what was written, until they are struck."""
        return listed(self)

    def put_back(self, claims: Sequence[Claim]) -> tuple[Key, ...]:
        """Put each entry in the place of what is left of it; which of the noted rows are sound now."""
        noted = [aside.key for aside in listed(self)]
        rotten = {key: left for key, left in self._look_up(noted).items() if isinstance(left, Left)}
        for key, entry in claims:
            left = rotten.get(key)
            if left is not None and is_left_of(left, key, entry) and self._put_back(key, left, entry):
                del rotten[key]
        return tuple(key for key in noted if key not in rotten)

    def rejoin(self, keys: Container[Key]) -> None:
        """Join in what was set aside of rows that are sound again, and strike them. Raises Damaged if one has rotted anew."""
        sound = [aside for aside in listed(self) if aside.key in keys]
        self.insert_or_get([Claim(key, least) for key, least in sound if least is not None])
        self.strike(sound)

    def strike(self, struck: Sequence[Aside]) -> None:
        """Note no more that rows have rotted, unless more was set aside since."""
        strike(self, struck)

    def replayed(self) -> None:
        """As `EntryStore` has it: what a server that took over has is all that was acknowledged."""
        return

    def awaited(self) -> str:
        """As `EntryStore` has it."""
        return ""

    def give_up(self, log: int) -> None:
        """Wait no more for the node of a log, which is lost (ORD-10). Who waits for none has nothing to do."""
        del log

    def flush_behind(self) -> None:
        """Nothing is ever pending: what was answered is stored."""
        return

    def flush(self) -> None:
        """As `flush_behind`."""
        return

    def begin_anew(self) -> Path:
        """A store of several nodes is not begun anew by one of them. Raises Unavailable."""
        raise unavailable(f"the store {self} is the region's, and no one node rebuilds it")

    def _join(self, claims: Sequence[Claim]) -> tuple[list[Entry | Left], int]:
        """The answers, or what is left of rows, and how many stored entries gave way."""
        answers: dict[int, Entry | Left] = {}
        current: dict[Key, Entry | Left] = {}
        superseded = 0
        for wave in waves(claims):
            clock = self._clock_with(claim.entry for claim in wave.values())
            unknown = [claim for claim in wave.values() if claim.key not in current]
            current |= self._insert_or_look_up(unknown, clock)
            while rivals := _rivals(wave.values(), current):
                refused = self._replace(rivals, clock)
                current |= {rival.key: rival.entry for rival in rivals} | dict(refused)
                superseded += len(rivals) - len(refused)
            self._clock = clock
            answers |= {position: current[claim.key] for position, claim in wave.items()}
        return [answers[position] for position in range(len(claims))], superseded

    def _set_aside(self, answered: Iterable[tuple[Claim, Entry | Left]]) -> None:
        """Note the claims of rows that have rotted: they are durable, although they decide nothing yet."""
        least: dict[Key, Entry | None] = {}
        for (key, entry), answer in answered:
            if isinstance(answer, Left):
                known = least.get(key)
                least[key] = join(known, entry) if known else entry
        if least:
            set_aside(self, least)

    def _sound(self, found: Mapping[T, Entry | Left], key: Callable[[T], Key]) -> dict[T, Entry]:
        """What was found, if none of it has rotted. Raises Damaged when that is noted."""
        sound = {of: entry for of, entry in found.items() if not isinstance(entry, Left)}
        if len(sound) < len(found):
            set_aside(self, {key(of): None for of in found if of not in sound})
            raise Damaged("a row of the store is not what was written")
        return sound

    def _clock_with(self, entries: Iterable[Entry]) -> Timestamp:
        now = self._now()
        counted = (e.timestamp for e in entries if e.region == self._region or not is_ahead(e.timestamp, now))
        return max((self._clock, *counted))

    @abstractmethod
    def _insert_or_look_up(self, claims: Sequence[Claim], clock: Timestamp) -> Mapping[Key, Entry | Left]:
        """What is stored under the keys, of which there are no two alike, or left; the claims' own entries where nothing was."""

    @abstractmethod
    def _replace(self, rivals: Sequence[Rival], clock: Timestamp) -> Mapping[Key, Entry | Left]:
        """Put each entry in the place of what is stored, and record that; where that is not stored any more, what is."""

    @abstractmethod
    def _exchange(self, exchanges: Sequence[Exchange], clock: Timestamp) -> Container[Key]:
        """As `exchange`; the keys of those that were put there."""

    @abstractmethod
    def _look_up(self, keys: Sequence[Key]) -> Mapping[Key, Entry | Left]:
        """What is stored under each of the keys that has anything, or left of it."""

    @abstractmethod
    def _put_back(self, key: Key, left: Left, entry: Entry) -> bool:
        """Put an entry in the place of what is left of it, if that is still there; whether it was."""

    @abstractmethod
    def forget(self, key: Key) -> None:
        """Delete the entry of a key, if there is one."""

    @abstractmethod
    def fenced(self) -> int:
        """The fence of the store, the least where it has several; 0 if it has none."""

    @abstractmethod
    def raise_fence(self, to: int) -> None:
        """Let the fence be no less than this. Writes that named a lesser one have ended when it returns."""

    @abstractmethod
    def _own_clock(self) -> Timestamp:
        """The latest timestamp that this node brought before."""

    @abstractmethod
    def _numbers(self) -> Mapping[int, str]:
        """The log numbers that are taken, and by which node."""

    @abstractmethod
    def _register(self, number: int, token: str) -> str:
        """Take a number unless it is taken; who has it now."""

    @abstractmethod
    def _bar(self, number: int) -> None:
        """Take a number from whoever has it, for good. What that wrote is there when this returns, and nothing follows; and let the
        store be of the format whose nodes ask.
        """

    @abstractmethod
    def _marks(self) -> Iterable[tuple[str, str]]:
        """All marks by their names, `LOG/NAME` those of nodes."""

    @abstractmethod
    def take_part(self, role: str) -> str:
        """Become a shard, in one step: the note ROLE is `role` from now on if there was none and no node has a number here. What
        the note is then, empty if nodes use the store alone.
        """

    @abstractmethod
    def noted(self, name: str) -> str:
        """A note that all nodes share, empty if there is none."""

    @abstractmethod
    def note(self, name: str, seen: str, value: str) -> bool:
        """Set a note in one step if it still is what was seen; whether it was."""

    @abstractmethod
    def superseded_count(self) -> int:
        """The number of entries that gave way."""

    @property
    @abstractmethod
    def place(self) -> Place:
        """Which store it is."""

    @abstractmethod
    def latest(self) -> Timestamp:
        """The latest timestamp that any node brought."""

    @abstractmethod
    def mark(self, name: str, value: str) -> None:
        """Set a watermark of this node."""

    @abstractmethod
    def marked(self, name: str) -> str:
        """A watermark of this node, empty if never set."""

    @abstractmethod
    def count(self) -> int:
        """The number of entries. Raises Damaged if some are missing."""

    @abstractmethod
    def sample(self, size: int) -> tuple[Key, ...]:
        """At most `size` keys, each equally likely."""

    @abstractmethod
    def export(self, after: Key | None, limit: int) -> tuple[Claim, ...]:
        """As `EntryStore` has it."""

    @abstractmethod
    def superseded(self, after: int = 0, limit: int = -1) -> list[tuple[Key, Entry, Entry]]:
        """As `EntryStore` has it."""

    @abstractmethod
    def close(self) -> None:
        """Release the connections."""


def require_place(found: Place, form: str, region: str, store: object) -> Place:
    """The place, if a node of the region may use it. Raises UnusableInput."""
    if form not in map(str, READ):
        raise UnusableInput(
            f"{store}: a store of format {form!r}, where {FORMAT} is known; use the version that made it, or a later one"
        )
    if found.region != region:
        raise UnusableInput(
            f"{store}: the store of region {found.region!r}, not of {region!r}; give each region its own database or server"
        )
    return found


def waves(claims: Sequence[Claim]) -> list[dict[int, Claim]]:
    """The claims by their positions, in groups that hold no key twice: the first for each key, then the second, and so on."""
    found: list[dict[int, Claim]] = []
    seen: dict[Key, int] = {}
    for position, claim in enumerate(claims):
        number = seen[claim.key] = seen.get(claim.key, -1) + 1
        if number == len(found):
            found.append({})
        found[number][position] = claim
    return found


def _rivals(claims: Iterable[Claim], current: Mapping[Key, Entry | Left]) -> list[Rival]:
    """The claims that precede what is stored. No row that has rotted gives way."""
    stored = ((claim, current[claim.key]) for claim in claims)
    return [
        Rival(claim.key, entry, claim.entry)
        for claim, entry in stored
        if not isinstance(entry, Left) and entry != claim.entry and join(entry, claim.entry) is claim.entry
    ]
