"""`flk bench http`: the node's service behind our HTTP layer, behind Granian and behind uvicorn, in one run.

The same node and the same client; the servers take turns under load. Then what each makes of ambiguous requests, and what strangers
cost it (`flk.impl.bench.attempts`).
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from flk.impl.bench.attempts import ATTEMPTS
from flk.impl.bench.hostile import Row, measured
from flk.impl.bench.load import encode_request
from flk.impl.bench.smuggling import CASES, Made, tried
from flk.impl.bench.turns import CONNECTIONS, ROUNDS, SECRET, Bar, Figure, Subject, honest, take_turns
from flk.impl.server.process import ServerProcess, key_file, limited, listening

LAYERS = ("own", "granian", "uvicorn")
FASTEST = 40_000  # requests a second that are prepared for, at most
STRANGERS = (
    "body in chunks of one byte",
    "trailers without end",
    "one header without end",
    "GET /metrics pipelined",
    "2,000 unfinished bodies",
    "316 idle, nofile 256",
)


class Attacked(msgspec.Struct, frozen=True):
    """What strangers did to a layer: of each ambiguous request what was made, and a row for each attempt."""

    layer: str
    smuggled: tuple[Made, ...]
    attempts: tuple[Row, ...]

    @property
    def refused(self) -> int:
        """Ambiguous requests that were refused, with nothing behind them read."""
        return sum(made.refused for made in self.smuggled)


class Report(msgspec.Struct, frozen=True):
    """Figures of the layers, our own first, and what strangers did to each."""

    figures: tuple[Figure, ...]
    attacked: tuple[Attacked, ...]

    @property
    def bars(self) -> tuple[Bar, ...]:
        """Our own layer stays while it is ahead of both (decision 0059)."""
        own, *others = self.figures
        ahead = min(other.processor / own.processor for other in others)
        best = max(other.ratio for other in others)
        refused = [one.refused for one in self.attacked]
        return (
            Bar("less processor a request than the others", f"{ahead:.2f} times less than the next", ahead > 1),
            Bar("at least as many a second as the others", f"the next has {best:.2f} times as many", best <= 1),
            Bar("ambiguous requests refused", f"{refused[0]} of {len(CASES)}", refused[0] == len(CASES)),
        )


def measure(seconds: float, scale: float, on_progress: Callable[[str], None] = lambda _: None) -> Report:
    """Load for about that many seconds, then attempts at that scale."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        keys = key_file(home, SECRET)
        slot = seconds / ROUNDS / len(LAYERS)
        on_progress("signing records")
        requests = [encode_request(each, "127.0.0.1") for each in honest(int(slot * ROUNDS * FASTEST))]
        with ExitStack() as servers:
            subjects = [_subject(servers, layer, home / "load", keys, requests) for layer in LAYERS]
            figures = take_turns(subjects, slot, on_progress)
        return Report(figures, tuple(_attacked(layer, home / layer, keys, scale, on_progress) for layer in LAYERS))


def _attacked(layer: str, data: Path, keys: Path, scale: float, on_progress: Callable[[str], None]) -> Attacked:
    on_progress(f"{layer}: ambiguous requests")
    with _serving(layer, data / "smuggled", keys) as server:
        smuggled = tuple(tried(urlsplit(server.url).port or 0))
    rows: list[Row] = []
    for attempt in ATTEMPTS:
        if attempt.name in STRANGERS:
            on_progress(f"{layer}: {attempt.name}")
            own = data / str(len(rows))
            with _serving(layer, own, keys, attempt.nofile) as server:
                rows.append(measured(attempt, scale, server, own))
    return Attacked(layer, smuggled, tuple(rows))


def _subject(servers: ExitStack, layer: str, data: Path, keys: Path, requests: Sequence[bytes]) -> Subject:
    server = servers.enter_context(_serving(layer, data / layer, keys))
    return Subject(layer, urlsplit(server.url).port or 0, server.process.pid, requests, connections=CONNECTIONS)


@contextmanager
def _serving(layer: str, data: Path, keys: Path, nofile: int | None = None) -> Iterator[ServerProcess]:
    command = [sys.executable, "-m", "flk.impl.bench.layers", layer, str(data), str(keys)]
    process = subprocess.Popen(  # noqa: S603 - the command is our own
        [*limited(nofile), *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield listening(process)
    finally:
        process.kill()  # the others have no orderly stop that ends what strangers leave
        process.wait()
        if process.stdout:
            process.stdout.close()
