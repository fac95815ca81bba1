"""Servers of regions that share an object store, as real processes, and what they tell of shipping and replay."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.impl.client import Client, Reply, keys_of, sample
from tests.support.impl.object_stores import Directory
from tests.support.model.world import pcs, submission

from flk.impl.server.process import ServerProcess, server_process
from flk.model.flow.submission import Submission
from flk.model.log.frames import Frame, scan

PATIENCE = 60.0  # seconds after which what does not come to pass never will
EVERY = ("--ship-every", "0.1", "--replay-every", "0.1")
RECORDS = [submission(pcs(epoch=epoch)) for epoch in range(12)]
RIVALS = [submission(pcs(epoch=epoch, r=0.6, budget=0.37)) for epoch in range(12)]  # of the same ids


def eventually(holds: Callable[[], object]) -> None:
    """Return as soon as it holds."""
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, "it never came to hold"
        time.sleep(0.02)


@contextmanager
def region(
    name: str, directory: Path, url: str | None, peers: Sequence[str] = (), options: Sequence[str] = ()
) -> Iterator[tuple[ServerProcess, Client]]:
    """A server of that region, with its data in a directory of that name, and a client of it."""
    keys = directory / f"keys-{name}"
    keys.mkdir(exist_ok=True)
    shipping = () if url is None else ("--objects", url, *EVERY)
    arguments = ["--region", name, *shipping, *(f"--peer={peer}" for peer in peers), *options]
    with server_process(directory / name, keys_of(keys), arguments) as server, closing(Client(server)) as client:
        yield server, client


def at_least(number: float, client: Client, metric: str) -> bool:
    """Whether a metric has come so far."""
    return sample(client, metric) >= number


def has_shipped(client: Client) -> bool:
    """Whether nothing of the region waits to be shipped, once some has been; nor to be replayed there."""
    return at_least(1, client, "flk_segments_shipped_total") and not sample(client, "flk_crr_lag_seconds")


def errors(client: Client, stage: str, source: str) -> float:
    """The passes that failed."""
    return sample(client, f'flk_crr_errors_total{{source="{source}",stage="{stage}"}}')


def replayed(client: Client, source: str) -> float:
    """The segments of another region that are in the store."""
    return sample(client, f'flk_segments_replayed_total{{source="{source}"}}')


def stored(reply: Reply) -> tuple[str, str, str]:
    """Which entry an answer tells of."""
    told: dict[str, Any] = reply.json()
    return told["timestamp"], told["region"], told["digest"]


def all_to(client: Client, sent: Sequence[Submission]) -> list[Reply]:
    """The answers, in order."""
    return [client.submit(item) for item in sent]


def frames_in(objects: Directory) -> list[Frame]:
    """What was shipped by all."""
    return [frame for path in objects.path.glob("crr/*/*") for frame in scan(path.read_bytes()).frames]


def shipped(name: str, directory: Path, objects: Directory, sent: Sequence[Submission]) -> list[Path]:
    """The objects of a region that took these and stopped: one for each."""
    with region(name, directory, objects.url) as (_, client):
        for number, item in enumerate(sent, start=1):
            client.submit(item)
            eventually(partial(at_least, number, client, "flk_segments_shipped_total"))
    return sorted(objects.path.glob(f"crr/{name}.*/*"))
