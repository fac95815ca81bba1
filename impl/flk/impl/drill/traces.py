"""What the nodes of a drill did, held against the protocols that `flk prove` proves."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from flk.formal.api.subject import find
from flk.formal.api.validating import validate
from flk.impl.server.trace_reader import encoded, events_of
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

INGEST, SHARED_STORE, REPLICATION = "ingest", "shared-store", "replication"


class Followed(msgspec.Struct, frozen=True):
    """Of which node's trace or traces, against which protocol, what it came to, and the validator's own words."""

    what: str
    protocol: str
    verdict: Verdict
    says: str


def follow(traces: Mapping[str, Sequence[Path]]) -> Iterator[Followed]:
    """Every disk's trace through `ingest`, and all together through `replication`. A trace that cannot be read is violated."""
    paths = [path for each in traces.values() for path in each]
    for path in paths:
        yield _followed([path], INGEST, path.stem)
    yield _followed(paths, REPLICATION, "all regions")


def follow_sharing(traces: Mapping[str, Sequence[Path]], nodes: int) -> Iterator[Followed]:
    """The traces of nodes that shared a store through `shared-store`; those of a region are in the order of its nodes, so many for
    each, one for each disk. A region that lost its disks began with another store.
    """
    for region, paths in traces.items():
        disks = len(paths) // nodes
        for disk in range(disks):
            yield _followed(paths[disk::disks], SHARED_STORE, f"{region}, store {disk + 1}")


def _followed(paths: Sequence[Path], protocol: str, what: str) -> Followed:
    try:
        found = validate(find(protocol), encoded(events_of(paths, protocol)), source=what, progress=False)
    except UnusableInput as error:
        return Followed(what, protocol, Verdict.VIOLATED, str(error))
    return Followed(what, protocol, found.verdict, str(found))
