"""What a run of kills knows, in a directory: a thousand kills take hours, and go on where they were ended."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec

from flk.impl.storage.record import replace_whole
from flk.impl.storage.trouble import usable
from flk.model.flow.submission import Submission
from flk.model.transparency.checkpoints import Checkpoint
from flk.spec.errors import UnusableInput


class Answer(msgspec.Struct, frozen=True):
    """A submission, and the answer it got; None if the server was killed first."""

    sent: Submission
    status: int | None
    body: bytes


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All but the answers: of which seed the run is, its report so far, how many submissions were drawn and how many answers are
    kept, and the checkpoints that were seen.
    """

    seed: int
    report: bytes
    drawn: int
    answers: int
    seen: tuple[tuple[str, int, bytes], ...] = ()


class Memory:
    """The answers of a run: those `known`, and of them the `last`, since the kill before. With a directory they are kept there; if
    it has some, the run goes on from them. Raises UnusableInput if they are of another seed.
    """

    def __init__(self, seed: int, directory: Path | None = None) -> None:
        self.known: list[Answer] = []
        self.last: list[Answer] = []
        self.seen: list[Checkpoint] = []
        self.report = b""
        self._drawn = 0
        self._seed = seed
        self._place = directory
        if directory is not None and (directory / "kills.json").exists():
            self._load(directory)

    def drawn_from(self, submissions: Iterable[Submission]) -> Iterator[Submission]:
        """Those that were not drawn yet, of a stream that is the same each time."""
        for sent in islice(submissions, self._drawn, None):
            self._drawn += 1
            yield sent

    def add(self, answers: list[Answer]) -> None:
        """These are the last now."""
        self.known += self.last
        self.last = answers
        if self._place is not None:
            with usable(self._place), (self._place / "answers.jsonl").open("ab") as file:
                file.writelines(msgspec.json.encode(each) + b"\n" for each in answers)

    def keep(self, report: msgspec.Struct, seen: Iterable[Checkpoint] = ()) -> None:
        """All that was added, counted and seen so far, if it is kept at all."""
        if self._place is None:
            return
        told = tuple((each.origin, each.size, each.root) for each in seen)
        count = len(self.known) + len(self.last)
        kept = Kept(self._seed, msgspec.json.encode(report), self._drawn, count, told)
        replace_whole(self._place / "kills.json", msgspec.json.encode(kept), 0o600)

    def _load(self, place: Path) -> None:
        with usable(place):
            kept = msgspec.json.decode((place / "kills.json").read_bytes(), type=Kept)
            lines = (place / "answers.jsonl").read_bytes().splitlines()[: kept.answers]
        if kept.seed != self._seed:
            raise UnusableInput(f"{place}: has a run with --seed {kept.seed}; give that, or another directory")
        self.known = [msgspec.json.decode(line, type=Answer) for line in lines]
        self.seen = [Checkpoint(*each) for each in kept.seen]
        self.report, self._drawn = kept.report, kept.drawn
        replace_whole(place / "answers.jsonl", b"".join(line + b"\n" for line in lines), 0o600)
