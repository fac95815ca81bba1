"""The scenarios that come with the lab, and scenarios in files."""

from collections.abc import Iterator, Mapping
from functools import cache
from os import PathLike, fspath
from typing import Any

from flk.sim.api.display import page
from flk.sim.scenarios.duration import human
from flk.sim.scenarios.files import find
from flk.sim.scenarios.files import library as texts
from flk.sim.scenarios.scenario import Scenario
from flk.spec.tables import frame, html_table


class Library(Mapping[str, Scenario]):
    """Scenarios by name, in alphabetical order; a notebook shows what each is about.

    >>> "split-brain" in library()
    True
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def __getitem__(self, name: str) -> Scenario:
        """The scenario of that name."""
        if name not in self._names:
            raise KeyError(name)
        return _found(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def to_frame(self, library: str | None = None) -> Any:
        """A row for each scenario.

        Columns: `name`, `description`, `duration` in seconds, its `regions`, the kinds of its `faults`, the source of `records`.
        """
        return frame(
            [
                {
                    "name": one.name,
                    "description": one.description,
                    "duration": float(one.duration),
                    "regions": " ".join(one.regions),
                    "faults": " ".join(fault.kind for fault in one.faults),
                    "records": one.workload.records,
                }
                for one in self.values()
            ],
            library,
        )

    def __repr__(self) -> str:
        """A line for each scenario."""
        width = max(map(len, self._names))
        return "\n".join(f"{one.name:{width}}  {one.description}" for one in self.values())

    def _repr_html_(self) -> str:
        rows = [
            (one.name, human(one.duration), len(one.regions), len(one.faults), one.description) for one in self.values()
        ]
        return page([html_table(("scenario", "lasts", "regions", "faults", "what it is about"), rows)])


def library() -> Library:
    """The scenarios that come with the lab, by name: drills, and days on a real data set.

    >>> library()["split-brain"].regions
    ('eu', 'us', 'ap')
    >>> [name for name, one in library().items() if not one.faults]
    ['calm', 'normal-replication']
    """
    return Library(tuple(sorted(texts())))


def load(name_or_path: str | PathLike[str]) -> Scenario:
    """The scenario of a name in `library()`, or in a TOML file.

    A scenario is a frozen value: regions and links, the workload, the policy, faults, hypotheses and objectives; times are seconds.
    Raises UnusableInput for a name that is not known and for a file with a mistake, which names the line and the fix.

    >>> load("split-brain").duration
    600.0
    """
    return find(fspath(name_or_path))


@cache
def _found(name: str) -> Scenario:
    return find(name)
