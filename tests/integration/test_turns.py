"""CI tries a part of what takes long, and each test in some turn."""

from dataclasses import dataclass
from math import lcm
from pathlib import Path
from typing import cast

import pytest
from tests import conftest
from tests.support.effort import EVERY, TURNS


@dataclass(frozen=True)
class Item:
    """A test as the hooks of pytest see it."""

    nodeid: str
    marks: frozenset[str]
    path: Path = Path("test_it.py")

    def get_closest_marker(self, name: str) -> pytest.Mark | None:
        """The mark of that name."""
        return pytest.Mark(name, (), {}, _ispytest=True) if name in self.marks else None


_ITEMS = [
    Item(f"{name}[{number}]", marks)
    for name, marks in (
        ("quick", frozenset[str]()),
        ("slow", frozenset({"slow"})),
        ("sampled", frozenset({"sampled"})),
        ("both", frozenset({"slow", "sampled"})),
    )
    for number in range(24)
]
ITEMS = cast("list[pytest.Item]", _ITEMS)


def test_each_test_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is quick always, and so much of the rest that each comes once in as many turns as there are parts."""
    tried: dict[str, int] = {}
    turns = lcm(TURNS, EVERY)
    for turn in range(turns):
        monkeypatch.setattr(conftest, "TURN", turn)
        left = {*conftest.beside_the_sample(ITEMS)}
        left |= {*conftest.another_time(item for item in ITEMS if item not in left)}
        for item in ITEMS:
            if item not in left:
                tried[item.nodeid] = tried.get(item.nodeid, 0) + 1
    for name, times in (("quick", turns), ("slow", turns // TURNS), ("sampled", turns // EVERY)):
        assert {tried[item.nodeid] for item in ITEMS if item.nodeid.startswith(name)} == {times}
    assert sum(count for name, count in tried.items() if name.startswith("both")) == 24 * turns // TURNS // EVERY


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
def test_no_test_is_lost_among_workers(workers: int) -> None:
    """Each is in one part, and the parts of those who have slow tests begin with them."""
    parts = list(conftest.shared_out(ITEMS, workers))
    assert sorted(item.nodeid for part in parts for item in part) == sorted(item.nodeid for item in ITEMS)
