"""Sources of evidence that answer every query of the tables, and packs made of them."""

from hashlib import sha256

from tests.support.model.transparency import LOG, checkpoint_over, objects_over

from flk.model.compliance.pack import CHECKPOINT, PAGE, PROOFS, REPORT, CitedLeaf, Proofs
from flk.model.compliance.report import Report, SourceFile, report, written
from flk.model.compliance.sources import (
    CheckedInvariant,
    JudgedClaim,
    LogSeen,
    Period,
    ReachedObjective,
    Run,
    Sample,
    Sources,
    TestOutcome,
    Tests,
)
from flk.model.log.hlc import at, text
from flk.model.record.merkle import inclusion_proof
from flk.spec.claims import claims
from flk.spec.controls import LEAF_KINDS, Framework, Measured, Simulated, table
from flk.spec.requirements import catalogue

PERIOD = Period(1_000_000.0, 2_000_000.0)
INSIDE, BEFORE = 1_500_000.0, 500_000.0


def leaf(kind: str, number: int, seconds: float = INSIDE) -> bytes:
    """A leaf of an audit log about something, at a time."""
    return f'{{"kind":"{kind}","number":{number},"timestamp":"{text(at(seconds))}"}}'.encode()


def full_sources() -> Sources:
    """Sources by which every control that has queries passes."""
    every = [query for framework in Framework for control in table(framework).controls for query in control.queries]
    metrics = [query for query in every if isinstance(query, Measured)]
    scenarios = {query.scenario for query in every if isinstance(query, Simulated)}
    objectives = tuple(ReachedObjective(name, "s", 300.0, "met", 7.0) for name in ("RTO", "RPO", "lag p95"))
    runs = [
        Run(name, "abc", 1, "d", "holds", objectives, (CheckedInvariant("safe", 10, 0, "holds"),))
        for name in sorted(scenarios)
    ]
    tests = [item.removeprefix("test ") for one in catalogue() for item in one.evidence if item.startswith("test ")]
    return Sources(
        Tests((INSIDE,), dict.fromkeys(tests, TestOutcome.PASSED)),
        {one.name: JudgedClaim(one.name, one.holds, one.holds) for one in claims()},
        tuple(runs),
        tuple(Sample(one.metric, one.labels, one.at_least or one.at_most or 0.0) for one in metrics),
        LogSeen(
            LOG.name,
            9,
            "00" * 32,
            None,
            {about: 1 for about in LEAF_KINDS if about != "equivocation"},
            {"outcome": (1, 4)},
        ),
    )


def packable() -> tuple[dict[str, bytes], Report]:
    """The files of a pack with a log, and its report."""
    leaves = [leaf("outcome", number) for number in range(5)]
    now = checkpoint_over(leaves)
    seen = LogSeen(now.origin, now.size, now.root.hex(), None, {"outcome": 5}, {"outcome": (0, 4)})
    scrape = b"# TYPE flk_clock_trusted gauge\nflk_clock_trusted 1\n"
    source = SourceFile("metrics", "source/metrics-1.prom", "scrape", sha256(scrape).hexdigest())
    made = report(table(Framework.HIPAA), PERIOD, Sources(log=seen), [source], made=INSIDE)
    proofs = Proofs((), tuple(CitedLeaf(at, leaves[at].decode(), _path(leaves, at)) for at in made.cited))
    files = {
        REPORT: written(made),
        PAGE: b"<p>",
        source.name: scrape,
        CHECKPOINT: objects_over(leaves)["checkpoint"],
        PROOFS: _encoded(proofs),
    }
    return files, made


def _path(leaves: list[bytes], index: int) -> tuple[str, ...]:
    return tuple(one.hex() for one in inclusion_proof(leaves, index))


def _encoded(proofs: Proofs) -> bytes:
    from msgspec.json import encode

    return encode(proofs)
