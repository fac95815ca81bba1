"""What workers write about leaves: objects that follow from the log alone, so whoever has it comes to the same bytes.

    enriched/LEAF.json    what a leaf is about: whose record, what was judged and why, of which day (AUD-8)
    report/DAY.json       the outcomes of a day: how many, by reason, tenant and regime (AUD-8)

Both are JSON with keys in code-point order.
"""

from collections import Counter
from collections.abc import Iterable

from flk.model.auditing.leaf import UNDATED, Told, told
from flk.model.entries.tasks import Span
from flk.model.record.merkle import leaf_hash
from flk.model.transparency.leaves import Value, written

ENRICHED, REPORT = "enriched/", "report/"


def enriched_name(number: int) -> str:
    """The object about a leaf."""
    return f"{ENRICHED}{number:012d}.json"


def report_name(day: str) -> str:
    """The object about a day."""
    return f"{REPORT}{day}.json"


def enriched(log: str, number: int, leaf: bytes) -> bytes:
    """What is written about a leaf: what it does not tell is empty.

    >>> print(enriched("example.com/log", 7, b'{"kind":"keys","timestamp":"019b76dad9560000"}').decode()[:60])
    {"day":"2026-01-01","kind":"keys","leaf":7,"leaf_hash":"2eab
    """
    found = told(leaf)
    policy: dict[str, Value] = {"policy": found.policy} if found.policy else {}
    return written(
        policy
        | {
            "day": found.day,
            "kind": found.kind,
            "leaf": number,
            "leaf_hash": leaf_hash(leaf).hex(),
            "log": log,
            "outcome": found.outcome,
            "parameters": found.parameters,
            "pcs_id": found.pcs_id,
            "reason": found.reason,
            "regime": found.regime,
            "region": found.region,
            "tenant": found.tenant,
        }
    )


class Summary:
    """Counts the leaves of a day, one by one. Its memory grows with the tenants and not with the leaves."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._kinds: Counter[str] = Counter()
        self._by: dict[str, Counter[str]] = {name: Counter() for name in ("outcome", "reason", "regime", "tenant")}
        self._escalated: Counter[str] = Counter()
        self.day = ""

    def add(self, leaves: Iterable[bytes]) -> None:
        """Count some more."""
        for leaf in leaves:
            found = told(leaf)
            self._kinds[found.kind] += 1
            if found.day != UNDATED:
                self.day = max(self.day, found.day)
            if found.outcome:
                self._count(found)

    def _count(self, outcome: Told) -> None:
        for name, counts in self._by.items():
            counts[getattr(outcome, name)] += 1
        if outcome.outcome != "accepted":
            self._escalated[outcome.tenant] += 1

    @property
    def content(self) -> bytes:
        """The report."""
        counts: dict[str, Value] = {f"by_{name}": dict(counted) for name, counted in self._by.items()}
        span: dict[str, Value] = {"begin": self._span.begin, "end": self._span.end}
        return written(
            {
                "day": self.day,
                "kinds": dict(self._kinds),
                "leaves": span,
                "log": self._span.log,
                "not_accepted_by_tenant": dict(self._escalated),
                "outcomes": counts,
            }
        )
