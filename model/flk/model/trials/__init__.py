"""Trials of claims: what the earlier system computed, done again on a small case, and what the model computes in its place.

`earlier` repeats rules of the earlier system as its facts state them; `here` is about the model. Nothing else may import either:
what the earlier system did is no part of this one.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest


class Trial(NamedTuple):
    """Whether a claim stood, and what was seen: a counterexample, or how many cases there were."""

    stood: bool
    seen: str


def attempt(name: str) -> Trial:
    """The trial of that name, held now. Raises UnusableInput if there is none.

    >>> attempt("earlier-merkle").stood
    False
    """
    from flk.model.trials import earlier, here

    trials: Mapping[str, Callable[[], Trial]] = {**earlier.TRIALS, **here.TRIALS}
    if name not in trials:
        raise UnusableInput(f"claims.toml: no trial is called {name}: {nearest(name, trials)}")
    return trials[name]()
