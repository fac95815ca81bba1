"""The pytest plugin: marked tests are run by the lab, and fail with the smallest schedule and the line that replays it.

A marked test fails unless the verdict is the one that it expects; then its body runs, which may be empty. The argument `result`,
if the test has it, is what the lab found: what `flk.sim.run`, `flk.sim.hunt`, `flk.formal.explore`, `prove` or `claims` return.

    @pytest.mark.flk_scenario("split-brain", seeds=20)                    # a test for each seed
    def test_split_brain(result):
        assert result.row.heal < 60

    @pytest.mark.flk_hunt(seeds=200, programs="my_service.programs:PROGRAMS")
    def test_no_schedule_breaks_us(): ...

    @pytest.mark.flk_protocol("lease.py", sizes={"Worker": 4})
    def test_the_lease_is_exclusive(): ...

Reports for machines (`--junitxml`) get the properties `flk.verdict`, `flk.seed`, `flk.digest`, `flk.replay`, `flk.requirements` …
"""

from collections.abc import Generator
from typing import TYPE_CHECKING, TypeAlias

import pytest

if TYPE_CHECKING:
    from flk.sim.testing.checks import Checked, Options

MARKS = {
    "flk_scenario": (
        "scenario, seeds=None, *, records=None, programs=None, validate=False, expect='holds'",
        "run a scenario of the library, of a TOML file or of the builder under each of the seeds (by default its own one)",
    ),
    "flk_hunt": (
        "base=None, seeds=1000, budget=None, programs=None, *, kinds=(), records=None, workers=1, expect='holds'",
        "draw random faults for each seed until an invariant is violated",
    ),
    "flk_protocol": (
        "protocol, sizes=None, *, prove=False, symmetry=False, expect='holds'",
        "explore every state of a protocol (a Protocol, a name of the catalogue, or a Python file), or prove it for any sizes",
    ),
    "flk_claim": ("name, *, expect='holds'", "judge a claim of the earlier system by evidence that is looked at anew"),
}
"""The arguments of each mark, and what it is for."""
RESULT = "result"

_CHECKED: "pytest.StashKey[Checked]" = pytest.StashKey()
_Call: TypeAlias = Generator[None, object, object]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--flk-seeds`, `--flk-budget`, `--flk-shrink`: the same tests, quick while one works and thorough at night."""
    group = parser.getgroup("flk", "scenarios and hunts (FLK Lab)")
    add = group.addoption
    add(
        "--flk-seeds",
        metavar="N|A..B",
        default=None,
        help="seeds of each scenario and hunt, in place of the tests' own",
    )
    add("--flk-budget", metavar="DURATION", default=None, help="end each hunt after this time, such as 5m")
    add(
        "--flk-shrink",
        metavar="N",
        type=int,
        default=200,
        help="runs at most to make a failure small; 0: show it as it is",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marks known, so that `--strict-markers` accepts them."""
    for name, (arguments, purpose) in MARKS.items():
        config.addinivalue_line("markers", f"{name}({arguments}): {purpose}.")


def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class, obj: object) -> None:
    """Let a marked function use the fixture `result`, whether or not it has the argument."""
    if callable(obj) and not isinstance(obj, type):
        marks = [*getattr(obj, "pytestmark", ()), *collector.iter_markers()]
        if any(mark.name in MARKS for mark in marks):
            pytest.mark.usefixtures(RESULT)(obj)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A scenario with seeds is a test for each seed."""
    mark = _mark(metafunc.definition)
    if mark is None or mark.name != "flk_scenario" or len(mark.args) > 2:
        return
    given = metafunc.config.getoption("--flk-seeds") or mark.kwargs.get(
        "seeds", mark.args[1] if len(mark.args) > 1 else None
    )
    if given is not None:
        from flk.sim.api.inputs import seeds_of

        metafunc.parametrize(RESULT, seeds_of(given), indirect=True, ids=lambda seed: f"seed-{seed}")


@pytest.fixture
def result(request: pytest.FixtureRequest) -> object:
    """What FLK Lab found for a test that is marked flk_scenario, flk_hunt, flk_protocol or flk_claim."""
    item: pytest.Function = request.node
    mark = _mark(item)
    if mark is None:
        pytest.fail(f"{item.name}: the fixture 'result' needs one of the marks {', '.join(MARKS)}", pytrace=False)
    from flk.sim.testing.checks import check
    from flk.spec.errors import UnusableInput

    try:
        checked = check(mark.name, mark.args, mark.kwargs, _options(request))
    except (UnusableInput, TypeError) as error:
        pytest.fail(f"{mark.name}: {error}", pytrace=False)
    item.stash[_CHECKED] = checked
    item.user_properties.extend(checked.properties)
    return checked.result


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> _Call:
    """Fail a marked test whose verdict is not the one expected, before its body runs."""
    checked = pyfuncitem.stash.get(_CHECKED, None)
    if checked is not None and checked.failure:
        pytest.fail(checked.failure, pytrace=False)
    return (yield)


def _mark(item: pytest.Item) -> pytest.Mark | None:
    """The mark of a test; the one on the function comes before those of its class and module."""
    return next((mark for mark in item.iter_markers() if mark.name in MARKS), None)


def _options(request: pytest.FixtureRequest) -> "Options":
    from flk.sim.testing.checks import Options

    option = request.config.getoption
    return Options(
        getattr(request, "param", None), option("--flk-seeds"), option("--flk-budget"), option("--flk-shrink")
    )
