"""Which bits of an outbox flip, seen from outside: some in all of a file, and some where the record that came last was written."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from shutil import copytree
from typing import NamedTuple

LEAST_WRITTEN = 256
"""Bytes of a file that may hold a record."""
SPREAD = 6
"""Stretches of a file, at whose ends a low bit flips: what is written there is another text, or another number."""
HEAD = 20
"""Bytes from where a file grew, in each of which the high bit flips: in a length, it says that a crash cut the record short."""
LOW, HIGH = 1, 1 << 7


class Flip(NamedTuple):
    """A bit of a file, which is named from the outbox's directory on."""

    file: Path
    offset: int
    mask: int

    def copied(self, source: Path, target: Path) -> None:
        """Copy a directory, with that bit flipped."""
        copytree(source, target, dirs_exist_ok=True)
        content = bytearray((target / self.file).read_bytes())
        content[self.offset] ^= self.mask
        (target / self.file).write_bytes(content)

    def __str__(self) -> str:
        return f"byte {self.offset} of {self.file} was xored with {self.mask:#04x}"


def written(directory: Path) -> dict[Path, int]:
    """The files of a directory and how many bytes of each were written: zeros at an end may be space that was set aside."""
    files = (path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory): len(path.read_bytes().rstrip(b"\0")) for path in files}


def flips(before: Mapping[Path, int], after: Mapping[Path, int]) -> Iterator[Flip]:
    """The bits to flip, one at a time, of what was written before the last record was given and after it."""
    for file, size in sorted(after.items()):
        if size > LEAST_WRITTEN:
            yield from (Flip(file, (size - 1) * part // SPREAD, LOW) for part in range(SPREAD + 1))
            grown_from = before.get(file, 0)
            yield from (Flip(file, offset, HIGH) for offset in range(grown_from, min(grown_from + HEAD, size)))
