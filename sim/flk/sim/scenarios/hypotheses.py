"""What a scenario expects of a run beyond the invariants: what happens, what never does, what happens in time.

A coverage mark names something of note that can happen in a run. Marks are written as texts:

- `"failover"`, `"duplicate"`, … : the marks of `vocabulary.COVERAGE_MARKS`
- `"status 429"` : an attempt was answered so (`"status 0"`: not at all)
- `"alert FLKReplicationLag"` : an alert of the table fires
- `"converged"` : all regions store the same entries, which is rare while records come
- `"healed"` : whatever the regions stored differently when the fault ended, they store alike (for `eventually`)
"""

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from flk.sim.scenarios.duration import Seconds


class HypothesisBase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="expect"):
    """What every hypothesis has. `during` names a fault and narrows the hypothesis to the time when it holds."""

    during: str = ""

    @property
    def about(self) -> tuple[str, ...]:
        """The faults that it names; empty texts for none."""
        return (self.during,)


class Sometimes(HypothesisBase, frozen=True, tag="sometimes"):
    """The mark occurs at least `times` times. A run without it has not exercised what it is for: undecided, not violated."""

    mark: str
    times: Annotated[int, Meta(ge=1)] = 1


class Never(HypothesisBase, frozen=True, tag="never"):
    """The mark does not occur."""

    mark: str


class Eventually(HypothesisBase, frozen=True, tag="eventually"):
    """The mark holds at some moment of the `within` seconds after the end of the fault `after`, or of the last fault of all."""

    mark: str
    within: Seconds
    after: str = ""

    @property
    def about(self) -> tuple[str, ...]:
        """The faults that it names; empty texts for none."""
        return (self.during, self.after)


class Always(HypothesisBase, frozen=True, tag="always"):
    """A metric of the run stays within bounds: `latency_p95`, `errors`, `goodput`, …, as listed in `vocabulary.METRICS`.

    Narrowed by `during`, it is measured over what was sent while the fault held.
    """

    measure: str
    most: float | None = None
    least: float | None = None


Hypothesis: TypeAlias = Sometimes | Never | Eventually | Always
