"""Where the records of simulated runs come from: `synthetic:NUMBER`, `dataset:NAME`, or a file with one record to a line."""

from collections.abc import Iterable, Iterator
from functools import partial
from math import inf
from pathlib import Path

from flk.model.flow.submission import Submission
from flk.model.record.canonical import Profile
from flk.model.record.record import Pcs, decode, encode
from flk.model.record.signing import HmacKey, Signer
from flk.model.record.summary import signed
from flk.model.refusal import Malformed
from flk.model.samples import datasets
from flk.sim.clients.arrivals import recorded
from flk.sim.clients.synthetic import synthetic
from flk.sim.scenarios.workload import Workload
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

DATASET, SYNTHETIC = "dataset:", "synthetic:"
MOST = 1_000_000
"""Most synthetic records: each takes about a millisecond to make, and stays in memory."""


def submissions(source: str, key: Signer) -> tuple[Submission, ...]:
    """The records that a source names, signed. Raises UnusableInput for a source that does not exist, or that holds no records."""
    if source.startswith(DATASET):
        return datasets.submissions(source.removeprefix(DATASET), key)
    if source.startswith(SYNTHETIC):
        size = _size(source)
        if not 0 < size <= MOST:
            raise UnusableInput(
                f"{source}: write how many records there are to be, at most {MOST:,}, such as {SYNTHETIC}200"
            )
        return synthetic(size, key)
    return sent(_of_file(source), key)


def unreadable(workload: Workload) -> Iterator[str]:
    """What is wrong with the files and data sets that a workload names, each a message with the fix; they are read for that."""
    for read in (partial(_read, workload.records), partial(_recorded, workload)):
        try:
            read()
        except UnusableInput as error:
            yield str(error)


def _read(source: str) -> None:
    """Raises UnusableInput for a source that does not exist; a data set need not be computed for that."""
    if source.startswith(DATASET):
        datasets.cut(source.removeprefix(DATASET))
    elif source.startswith(SYNTHETIC):
        submissions(f"{SYNTHETIC}1" if _size(source) else source, HmacKey(b""))
    elif not any(True for _ in _of_file(source)):
        raise UnusableInput(f"{source}: the file holds no record; write one to a line")


def _recorded(workload: Workload) -> None:
    if workload.recorded:
        for _ in recorded(workload, inf, 1):
            pass


def _size(source: str) -> int:
    text = source.removeprefix(SYNTHETIC)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def sent(records: Iterable[Pcs], key: Signer) -> tuple[Submission, ...]:
    """The records, signed, as the default tenant submits them."""
    return tuple(
        Submission(CONSTANTS.node.default_tenant, encode(signed(record, key, Profile.FIXED))) for record in records
    )


def _of_file(source: str) -> Iterable[Pcs]:
    """The records of a file, one to a line."""
    try:
        lines = Path(source).read_bytes().splitlines()
    except (OSError, ValueError) as error:  # a name that no file can have is a ValueError
        reason = error.strerror if isinstance(error, OSError) else error
        raise UnusableInput(
            f"{source}: the scenario's records cannot be read: {reason}; name a file, dataset:NAME or synthetic:NUMBER"
        ) from None
    for number, line in enumerate(lines, 1):
        try:
            yield decode(line)
        except Malformed as error:
            raise UnusableInput(f"{source}, line {number}: {error.requirement}: {error.detail}") from None
