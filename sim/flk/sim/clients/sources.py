"""Where the records of simulated runs come from: `synthetic:NUMBER`, `dataset:NAME`, or a file with one record to a line."""

from collections.abc import Iterable
from pathlib import Path

from flk.model.flow.submission import Submission
from flk.model.record.record import Pcs, decode, encode
from flk.model.record.signing import Signer
from flk.model.record.summary import signed
from flk.model.refusal import Malformed
from flk.model.samples import datasets
from flk.sim.clients.synthetic import synthetic
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

DATASET, SYNTHETIC = "dataset:", "synthetic:"


def submissions(source: str, key: Signer) -> tuple[Submission, ...]:
    """The records that a source names, signed. Raises UnusableInput for a source that does not exist, or that holds no records."""
    if source.startswith(DATASET):
        return datasets.submissions(source.removeprefix(DATASET), key)
    if source.startswith(SYNTHETIC):
        size = source.removeprefix(SYNTHETIC)
        if not size.isdecimal() or not int(size):
            raise UnusableInput(f"{source}: write how many records there are to be, such as {SYNTHETIC}200")
        return synthetic(int(size), key)
    return sent(_of_file(source), key)


def sent(records: Iterable[Pcs], key: Signer) -> tuple[Submission, ...]:
    """The records, signed, as the default tenant submits them."""
    return tuple(Submission(CONSTANTS.node.default_tenant, encode(signed(record, key))) for record in records)


def _of_file(source: str) -> Iterable[Pcs]:
    """The records of a file, one to a line."""
    try:
        lines = Path(source).read_bytes().splitlines()
    except OSError as error:
        raise UnusableInput(
            f"{source}: the scenario's records cannot be read: {error.strerror}; name a file, dataset:NAME or synthetic:NUMBER"
        ) from None
    for number, line in enumerate(lines, 1):
        try:
            yield decode(line)
        except Malformed as error:
            raise UnusableInput(f"{source}, line {number}: {error.requirement}: {error.detail}") from None
