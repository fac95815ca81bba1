"""What the baseline does with records: as little as there is to do, or what the model's functions make of them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Generic, TypeAlias, TypeVar

from flk.model.compiled.examiner import examining
from flk.model.entries.entry import Claim, Entry, Key, join
from flk.model.flow.submission import Submission, answer
from flk.model.log.frames import Frame, Head, data, opening, seal, sealed_frames, segment_name
from flk.model.log.hlc import ZERO, Timestamp, tick
from flk.model.programs.examine import claims_of
from flk.model.record.signing import Keyring
from flk.sim.nodes.region import ORIGIN
from flk.spec.constants import CONSTANTS

S = TypeVar("S")
C = TypeVar("C")
B = TypeVar("B")
SALT = bytes(range(CONSTANTS.wal.salt_bytes))
Number: TypeAlias = tuple[int, tuple[float, str]]
"""A claim of a bare number: the number, and an entry of the moment and the region."""


class Bookkeeping(ABC, Generic[S, C, B]):
    """The log and the store of a region, for submissions of type S that become claims of type C, shipped as objects of type B."""

    def __init__(self, region: str) -> None:
        self.region = region
        self.seen: dict[str, int] = {}

    @abstractmethod
    def log(self, submission: S, now: float) -> C:
        """A submission is durable from now on; what it claims."""

    @abstractmethod
    def claim(self, claim: C) -> None:
        """Insert or get, and answer."""

    @abstractmethod
    def sealed(self) -> Iterator[tuple[str, B]]:
        """What has been claimed since the last time, as an object, if anything has."""

    @abstractmethod
    def read(self, origin: str, name: str, content: B) -> list[C]:
        """The claims in an object."""

    @abstractmethod
    def merge(self, claims: list[C]) -> None:
        """The earliest entry for a key wins."""

    @property
    @abstractmethod
    def stored(self) -> int:
        """How many entries there are."""

    def unseen(self, origin: str, objects: Mapping[str, object]) -> Iterator[str]:
        """The objects of a region that have not been replayed, in order."""
        while (name := f"{origin}/{self.seen.get(origin, 0)}") in objects:
            self.seen[origin] = self.seen.get(origin, 0) + 1
            yield name


class BareNumbers(Bookkeeping[int, Number, list[Number]]):
    """A record is a number, an entry the moment and the region: there is no work in them."""

    def __init__(self, region: str) -> None:
        super().__init__(region)
        self.entries: dict[int, tuple[float, str]] = {}
        self.open: list[Number] = []
        self.shipped = 0

    def log(self, submission: int, now: float) -> Number:
        """Note the moment."""
        return submission, (now, self.region)

    def claim(self, claim: Number) -> None:
        """Insert or get."""
        self.entries.setdefault(*claim)
        self.open.append(claim)

    def sealed(self) -> Iterator[tuple[str, list[Number]]]:
        """The list itself is the object."""
        if self.open:
            name, content, self.open = f"{self.region}/{self.shipped}", self.open, []
            self.shipped += 1
            yield name, content

    def read(self, origin: str, name: str, content: list[Number]) -> list[Number]:
        """The list."""
        del origin, name
        return list(content)

    def merge(self, claims: list[Number]) -> None:
        """The earliest wins."""
        entries = self.entries
        for key, entry in claims:
            stored = entries.get(key)
            if stored is None or entry < stored:
                entries[key] = entry

    @property
    def stored(self) -> int:
        """How many entries there are."""
        return len(self.entries)


class RealRecords(Bookkeeping[Submission, Claim, bytes]):
    """Real records: framed and checksummed, examined where they are logged and wherever they are replayed, answered in JSON."""

    def __init__(self, region: str, keyring: Keyring) -> None:
        super().__init__(region)
        self.entries: dict[Key, Entry] = {}
        self.examine = examining(keyring)
        self.clock: Timestamp = ZERO
        self.shipped = 0
        self.segment = bytearray()

    def log(self, submission: Submission, now: float) -> Claim:
        """Frame the submission, examine it."""
        self.clock = tick(self.clock, ORIGIN + now)
        if not self.segment:
            self.segment += opening(Head(self.region, self.region, self.shipped), self.clock, SALT)
        self.segment += data(Frame(self.clock, submission.payload()), SALT)
        return self.examine(submission, self.clock, self.region)

    def claim(self, claim: Claim) -> None:
        """Insert or get, and answer."""
        stored = self.entries.setdefault(claim.key, claim.entry)
        answer(claim, stored)

    def sealed(self) -> Iterator[tuple[str, bytes]]:
        """A sealed segment."""
        if self.segment:
            content, self.segment = bytes(self.segment), bytearray()
            name = f"{self.region}/{self.shipped}"
            self.shipped += 1
            yield name, content + seal(content)

    def read(self, origin: str, name: str, content: bytes) -> list[Claim]:
        """Check the segment, examine its frames."""
        number = int(name.rpartition("/")[2])
        return list(claims_of(sealed_frames(segment_name(origin, number), content), origin, self.examine))

    def merge(self, claims: list[Claim]) -> None:
        """The join."""
        entries = self.entries
        for key, entry in claims:
            stored = entries.get(key)
            entries[key] = entry if stored is None else join(stored, entry)

    @property
    def stored(self) -> int:
        """How many entries there are."""
        return len(self.entries)
