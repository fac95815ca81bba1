"""`flk bench tenants`: what tenants that keep to their quotas see of one that does not, and of a stranger who names one of them.

They send at an even pace, each within its quota. Beside them is nobody; a tenant that sends a hundred times its quota; or a
stranger whose forged records name the first of them. The same noisy tenant at a node without quotas shows what quotas are for, and
at another node with quotas what its noise costs the others only because they share the machine. Who makes noise is a process of its
own, with an address of its own.

Now and then the disk holds up a node for longer than its p99 is, whoever is beside; so turns are short and many, a quantile is of
all that was sent in a company, and nobody a second time shows how far two figures of the same are apart.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import cache
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec
import numpy as np
from numpy.typing import NDArray

from flk.impl.bench.load import encode_request
from flk.impl.bench.paced import Paced, drive
from flk.impl.bench.records import submissions
from flk.impl.bench.turns import Bar, Wrong, processor_seconds
from flk.impl.server.process import ServerProcess, server_process
from flk.impl.tenants import new_tenant
from flk.model.record.signing import HmacKey

OTHERS = tuple(f"tenant-{number}" for number in range(8))
NOISY = "noisy"
OTHERS_RATE, NOISY_QUOTA, TIMES = 100, 20, 100
"""Records a second: of each of the others, and of the noisy one's quota, which it sends this many times."""
CONNECTIONS = 32
NOISE_FORMS = 2000  # requests that whoever makes noise sends over and over
SECRET, FORGED = "of the benchmark", "a guess"
P99_BAR = 1.2
SLOT_SECONDS = 2.0
LEAST_ROUNDS = 3
RESAMPLES, LIKELY = 400, (0.025, 0.975)  # of whole rounds, for an interval
ALONE, AGAIN, ELSEWHERE, WITH_NOISY, WITH_STRANGER, WITHOUT_QUOTAS = (
    "alone",
    "alone, again",
    "beside its noise at another node",
    "beside a noisy tenant",
    "beside a stranger",
    "beside a noisy tenant, no quotas",
)


class Figure(msgspec.Struct, frozen=True):
    """What the others met in one company, over all rounds: quantiles in seconds, and the node's processor in a second; the p99 as
    a multiple of that when they are alone, with the interval in which 95 of 100 drawings of as many rounds have it; and the answers
    to whoever made noise.
    """

    company: str
    p50: float
    p99: float
    processor: float
    times_alone: float
    likely: tuple[float, float]
    noise: dict[str, int]


class Noise(NamedTuple):
    """Whoever makes noise: which tenant the requests name, the secret that signs them, and the address that they come from."""

    tenant: str
    secret: str
    source: str


class Company(NamedTuple):
    """Who is beside the others, who are at the node `place`; whoever makes noise may be at another."""

    name: str
    noise: Noise | None = None
    place: str = "quotas"
    noise_at: str = "quotas"


class Round(NamedTuple):
    """What the others met, the answers to whoever made noise, and the node's seconds of processor in a second."""

    others: Paced
    noise: Counter[int]
    processor: float


COMPANIES = (
    Company(ALONE),
    Company(AGAIN),
    Company(ELSEWHERE, Noise(NOISY, SECRET, "127.0.0.2"), noise_at="other"),
    Company(WITH_NOISY, Noise(NOISY, SECRET, "127.0.0.2")),
    Company(WITH_STRANGER, Noise(OTHERS[0], FORGED, "127.0.0.3")),
    Company(WITHOUT_QUOTAS, Noise(NOISY, SECRET, "127.0.0.2"), "none", "none"),
)


def measure(seconds: float, on_progress: Callable[[str], None] = lambda _: None) -> tuple[Figure, ...]:
    """Figures of each company, after about that many seconds under load. Raises Wrong if one of the others is refused."""
    rounds = max(LEAST_ROUNDS, round(seconds / SLOT_SECONDS / len(COMPANIES)))
    slot = seconds / rounds / len(COMPANIES)
    with TemporaryDirectory() as directory, ExitStack() as stack:
        home = Path(directory)
        on_progress("starting the nodes")
        keys, tenants = _files(home)
        with_quotas = ("--tenants", str(tenants))
        nodes = {
            place: stack.enter_context(server_process(home / place, keys, options))
            for place, options in (("quotas", with_quotas), ("other", with_quotas), ("none", ()))
        }
        pool = stack.enter_context(ProcessPoolExecutor(1, get_context("spawn")))
        on_progress("signing records")
        for company in COMPANIES:
            if company.noise:
                pool.submit(_forms, company.noise).result()
        sent = _records(int(len(OTHERS) * OTHERS_RATE * slot * 1.2) * rounds * len(COMPANIES))
        found: dict[str, list[Round]] = {company.name: [] for company in COMPANIES}
        for number in range(rounds):
            for company in COMPANIES:
                on_progress(f"round {number + 1} of {rounds}: {company.name}")
                found[company.name].append(_together(nodes, company, sent, slot, pool))
        return tuple(_figures(found))


def bars(figures: Sequence[Figure], seconds: float) -> tuple[Bar, ...]:
    """What quotas are to do, judged."""
    by_name = {figure.company: figure for figure in figures}
    noisy = by_name[WITH_NOISY]
    allowed = 2 * NOISY_QUOTA + NOISY_QUOTA * seconds + CONNECTIONS
    taken = noisy.noise.get("200", 0)
    return (
        Bar(
            f"p99 beside a noisy tenant at most {P99_BAR:g} times",
            f"{noisy.times_alone:.2f} ({noisy.likely[0]:.2f} to {noisy.likely[1]:.2f})",
            noisy.times_alone <= P99_BAR,
        ),
        Bar(f"at most {allowed:,.0f} records of the noisy tenant taken", f"{taken:,}", taken <= allowed),
        Bar(
            "no forged record taken",
            f"{by_name[WITH_STRANGER].noise.get('200', 0)}",
            "200" not in by_name[WITH_STRANGER].noise,
        ),
    )


def _files(home: Path) -> tuple[Path, Path]:
    keys, tenants = home / "keys.toml", home / "tenants.toml"
    keys.touch(mode=0o600)
    keys.write_text(
        "".join(
            f'[[key]]\ntenant = "{tenant}"\nid = "only"\nalgorithm = "hmac-sha256"\nsecret = "{SECRET}"\n'
            for tenant in (*OTHERS, NOISY)
        )
    )
    entries = [new_tenant(tenant, 2 * OTHERS_RATE) for tenant in OTHERS]
    tenants.write_text("".join((*entries, new_tenant(NOISY, NOISY_QUOTA))))
    return keys, tenants


def _records(count: int) -> Iterator[bytes]:
    """Requests of the others in turn, each a record of its own."""
    made = submissions(HmacKey(SECRET.encode()))
    named = (msgspec.structs.replace(one, tenant=tenant) for one, tenant in zip(made, cycle(OTHERS), strict=False))
    return iter([encode_request(one, "127.0.0.1") for one in islice(named, count)])


def _together(
    nodes: Mapping[str, ServerProcess],
    company: Company,
    sent: Iterator[bytes],
    slot: float,
    pool: ProcessPoolExecutor,
) -> Round:
    node, rate = nodes[company.place], len(OTHERS) * OTHERS_RATE
    requests = list(islice(sent, int(rate * slot * 1.2)))
    before = processor_seconds(node.process.pid)
    noise = pool.submit(_noise, _address(nodes[company.noise_at]), company.noise, slot) if company.noise else None
    others = drive(_address(node), requests, rate, slot, CONNECTIONS, "127.0.0.1")
    if set(others.statuses) != {200}:
        raise Wrong(f"{company.name}: the others were answered with {dict(others.statuses)}")
    answers = noise.result().statuses if noise else Counter[int]()
    return Round(others, answers, (processor_seconds(node.process.pid) - before) / slot)


def _address(node: ServerProcess) -> tuple[str, int]:
    url = urlsplit(node.url)
    return str(url.hostname), int(url.port or 0)


def _noise(address: tuple[str, int], noise: Noise, slot: float) -> Paced:
    return drive(address, _forms(noise), NOISY_QUOTA * TIMES, slot, CONNECTIONS, noise.source, patient=False)


@cache
def _forms(noise: Noise) -> list[bytes]:
    """The requests of whoever makes noise, which its process keeps."""
    made = islice(submissions(HmacKey(noise.secret.encode())), NOISE_FORMS)
    return [encode_request(msgspec.structs.replace(one, tenant=noise.tenant), "127.0.0.1") for one in made]


def _figures(found: Mapping[str, Sequence[Round]]) -> Iterator[Figure]:
    latencies = {name: [one.others.latencies for one in rounds] for name, rounds in found.items()}
    alone = latencies[ALONE]
    for name, rounds in found.items():
        noise = sum((one.noise for one in rounds), start=Counter[int]())
        p50, p99 = (float(quantile) for quantile in np.quantile(np.concatenate(latencies[name]), (0.5, 0.99)))
        yield Figure(
            name,
            p50,
            p99,
            fmean(one.processor for one in rounds),
            p99 / _p99(alone),
            _likely(latencies[name], alone),
            {str(status): count for status, count in sorted(noise.items())},
        )


def _likely(rounds: Sequence[NDArray[np.float64]], alone: Sequence[NDArray[np.float64]]) -> tuple[float, float]:
    """The interval of one p99 as a multiple of the other, by rounds drawn again: they, not the requests, are independent."""
    drawn = np.random.default_rng(0).integers(len(rounds), size=(RESAMPLES, len(rounds)))
    ratios = [_p99([rounds[one] for one in some]) / _p99([alone[one] for one in some]) for some in drawn]
    low, high = np.quantile(ratios, LIKELY)
    return float(low), float(high)


def _p99(rounds: Sequence[NDArray[np.float64]]) -> float:
    return float(np.quantile(np.concatenate(rounds), 0.99))
