"""For all tests: what is interrupted, which tests and how many cases CI tries, and in which order workers run what takes long."""

import signal
from collections.abc import Iterable, Iterator
from itertools import chain, groupby, islice

import pytest
from hypothesis import settings
from tests.support.effort import EVERY, IN_CI, TURN, TURNS

if IN_CI:  # half of what a run by hand tries; long searches belong to `flk bench` and `--all`
    settings.register_profile("half", settings.get_profile("ci"), max_examples=50)
    settings.load_profile("half")

THOROUGH_NOTEBOOKS = {"comparing-two-policies.ipynb", "hunting-a-bug.ipynb", "a-new-users-afternoon.ipynb"}
"""Sweeps, hunts and the tutorial at length: half a minute and more each, of what other notebooks and tests try in small."""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a run that a shell starts in the background ignores interrupts,
    signal.signal(signal.SIGINT, signal.default_int_handler)  # and what it starts would, too


def pytest_report_header() -> str | None:
    """Which part of the slow tests CI takes."""
    return (
        f"in CI one slow test in {TURNS} is tried; to try these again: CI=true TURN={TURN} make test" if IN_CI else None
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """CI leaves out what is thorough, and takes a part of what is slow. Each worker begins with files that hold something slow, so
    that none waits for the others' last test.
    """
    if IN_CI:
        left = {item for item in items if is_thorough(item)} | set(beside_the_sample(items))
        left |= set(another_time(item for item in items if item not in left))
        config.hook.pytest_deselected(items=[item for item in items if item in left])
        items[:] = [item for item in items if item not in left]
    if hasattr(config, "workerinput"):
        items[:] = chain(*shared_out(items, config.workerinput["workercount"]))


def shared_out(items: list[pytest.Item], workers: int) -> Iterator[list[pytest.Item]]:
    """A part for each worker, of as many tests: files with something slow in it, by turns, and then others."""
    files = [list(group) for _, group in groupby(items, key=lambda item: item.path)]
    slow = [file for file in files if any(map(is_slow, file))]
    rest = iter([item for file in files if not any(map(is_slow, file)) for item in file])
    for worker in range(workers):
        first = list(chain(*slow[worker::workers]))
        yield [*first, *islice(rest, max(0, len(items) // workers - len(first)))]
    yield list(rest)


def is_thorough(item: pytest.Item) -> bool:
    """Whether CI leaves it out."""
    return item.get_closest_marker("thorough") is not None or item.path.name in THOROUGH_NOTEBOOKS


def beside_the_sample(items: list[pytest.Item]) -> Iterator[pytest.Item]:
    """Of the cases of each test that is `sampled`, all but one in EVERY, or in as many as the mark says: `every=2`. The next turn
    takes the next ones.
    """
    marked = ((mark.kwargs.get("every", EVERY), item) for item in items if (mark := item.get_closest_marker("sampled")))
    for (every, _), cases in groupby(marked, key=lambda pair: (pair[0], pair[1].nodeid.partition("[")[0])):
        yield from (case for number, (_, case) in enumerate(cases) if number % every != TURN % every)


def another_time(items: Iterable[pytest.Item]) -> Iterator[pytest.Item]:
    """Of what is slow, all but one test in TURNS: those whose turn it is not."""
    return (item for number, item in enumerate(filter(is_slow, items)) if number % TURNS != TURN % TURNS)


def is_slow(item: pytest.Item) -> bool:
    """Whether it takes seconds of a processor, as every notebook does."""
    return item.get_closest_marker("slow") is not None or item.path.suffix == ".ipynb"
