"""What the original does in each run that mutants are tried in: its digest, whether it holds, and the lines that it reaches."""

from collections.abc import Iterable, Sequence

import msgspec

from flk.sim.mutation.reach import Reached, joined


class Baseline(msgspec.Struct, frozen=True):
    """The runs of the original, by seed: what they reach, their digests, and those whose traces the protocols accept."""

    reached: Reached
    digests: dict[str, str]
    accepted: frozenset[str]


def whole(found: Sequence[Baseline]) -> Baseline:
    """Of different seeds, as one."""
    return Baseline(
        joined([each.reached for each in found]),
        {seed: digest for each in found for seed, digest in each.digests.items()},
        frozenset().union(*(each.accepted for each in found)),
    )


def evenly(parts: Sequence[str], number: int) -> Iterable[str]:
    """At most so many, from the first to the last."""
    return parts[:: max(1, -(-len(parts) // number))]
