"""Keyed randomness: numbers depend on seed, purpose and entity alone."""

import ast
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flk.model.record
import flk.sim.kernel
from flk.sim.kernel.random_streams import Column, RandomStream, RandomStreams, exponential, exponentials, numbered

seeds = st.integers(0, 2**63)
names = st.text(max_size=20)


@given(seeds, names, st.lists(names, unique=True), st.randoms())
def test_the_order_of_drawing_does_not_matter(seed: int, purpose: str, entities: list[str], shuffler: object) -> None:
    """An entity gets the same number whoever drew before it."""
    first = {entity: RandomStream(seed, purpose).triple(entity) for entity in entities}
    stream = RandomStream(seed, purpose)
    for entity in reversed(entities):
        assert stream.triple(entity) == first[entity]


@given(seeds, names)
def test_numbers_lie_in_the_unit_interval(seed: int, entity: str) -> None:
    """A uniform number is at least 0 and below 1, an exponential one is finite and not negative."""
    stream = RandomStream(seed, "test")
    assert all(0 <= number < 1 for number in stream.triple(entity))
    assert 0 <= stream.exponential(entity) < 40


@given(seeds, st.integers(0, 50), st.integers(0, 50))
def test_a_longer_column_starts_with_the_shorter(seed: int, size: int, more: int) -> None:
    """Asking for more numbers leaves the first ones as they are."""
    stream = RandomStream(seed, "column")
    assert np.array_equal(stream.column(size), stream.column(size + more)[:size])


@given(seeds, st.lists(st.integers(0, 500), min_size=1, max_size=20))
def test_numbered_luck_may_be_asked_for_in_any_order(seed: int, asked: list[int]) -> None:
    """An entity's number is that of the whole column, whoever is asked for first and however often."""
    stream = RandomStream(seed, "numbered")
    column = Column(stream)
    assert [column.at(number) for number in asked] == [stream.column(501)[number] for number in asked]


@given(seeds, st.lists(st.integers(1, 300), min_size=1, max_size=5))
def test_a_column_drawn_in_pieces_is_the_same(seed: int, sizes: list[int]) -> None:
    """However many numbers are drawn at a time, they are the same ones."""
    numbers = RandomStream(seed, "pieces").numbers()
    pieces = np.concatenate([numbers.random(size) for size in sizes])
    assert np.array_equal(pieces, RandomStream(seed, "pieces").column(sum(sizes)))


@given(seeds, st.integers(0, 300))
def test_draws_are_their_place_in_their_stream(seed: int, number: int) -> None:
    """An arrival's name says which numbers are its own, the same in every run."""
    draws, again = RandomStreams(seed).draws(f"rush.{number}"), RandomStreams(seed).draws(f"rush.{number}")
    assert draws is not None
    assert again is not None
    columns = [numbered(seed, f"request.{what}", "rush").column(number + 1) for what in ("fate", "jitter", "copy")]
    request, answer = draws.message("request"), draws.message("answer")
    assert request[1] == answer[1] == again.message("request")[1] == number
    assert [column.at(number) for column in request[0]] == [column[number] for column in columns]
    assert [column.at(number) for column in answer[0]] != [column[number] for column in columns]
    assert [column.at(number) for column in again.message("request")[0]] == [column[number] for column in columns]


def test_an_arrival_without_a_number_has_no_draws() -> None:
    """What a script gives an agent is keyed by its text."""
    assert RandomStreams(1).draws("script-3") is None


def test_exponential_numbers_have_the_mean_one() -> None:
    """A column's exponentials lie around 1 as closely as a hundred thousand of them must."""
    sample = np.array([exponential(uniform) for uniform in RandomStream(3, "mean").column(100_000).tolist()])
    assert abs(sample.mean() - 1) < 0.015


def test_seed_purpose_and_entity_all_count() -> None:
    """Changing any one of the three changes the numbers."""
    numbers = {
        RandomStream(seed, purpose).uniform(entity)
        for seed in (1, 2)
        for purpose in ("a", "b")
        for entity in ("x", "y")
    }
    assert len(numbers) == 8


def test_the_numbers_are_spread_evenly() -> None:
    """Ten thousand entities fill ten bins alike: chi-square below its 0.999 quantile for nine degrees of freedom."""
    stream = RandomStream(7, "spread")
    sample = np.array([stream.triple(str(entity)) for entity in range(10_000)])
    for column in sample.T:
        counts = np.histogram(column, bins=10, range=(0, 1))[0]
        assert ((counts - 1000) ** 2 / 1000).sum() < 27.9
    assert np.abs(np.corrcoef(sample.T) - np.eye(3)).max() < 0.05


@given(seeds)
def test_exponentials_are_made_one_as_all(seed: int) -> None:
    """An array of them has the very numbers that are made one by one, on every processor."""
    drawn = RandomStream(seed, "exponentials").column(500)
    assert exponentials(drawn).tolist() == [exponential(number) for number in drawn.tolist()]


SIM = Path(flk.sim.kernel.__file__).parents[1]
DECIDE = [
    *(SIM / room for room in ("kernel", "clients", "world", "nodes", "injection", "vector")),
    *map(Path, flk.model.record.__path__),
]
OPEN = {
    "log",
    "log2",
    "log10",
    "log1p",
    "exp",
    "exp2",
    "expm1",
    "power",
    "float_power",
    "cbrt",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
}
"""Functions whose last bit NumPy makes by other instructions on other processors, as IEEE 754 leaves it open."""


@pytest.mark.parametrize(
    "path", sorted(file for room in DECIDE for file in room.rglob("*.py")), ids=lambda path: path.name
)
def test_no_run_is_decided_by_what_a_processor_makes_of_a_logarithm(path: Path) -> None:
    """Seven of forty runs of a hunt were others on a processor with AVX512, by one bit of `numpy.log1p`."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "np":
            assert node.attr not in OPEN, f"np.{node.attr} in line {node.lineno}: use that of `math`, one by one"
