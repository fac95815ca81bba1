"""Checks on planted mutants: what breaks a requirement is killed, what changes nothing lives and is found to be alike."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.sim.forked import found

from flk.formal.mutation.check import Check, Finding, Outcome
from flk.formal.mutation.mutant import Mutant
from flk.model.programs import migration, retain, ship
from flk.sim.mutation.checks import Drills, Hunting, Runs, Traces, Types, UnitProperties

ROOT = Path(__file__).parents[3]


def planted(module: object, before: str, after: str) -> Mutant:
    """A mutant of a module: the first place of a text, changed."""
    path = Path(str(module.__file__))  # type: ignore[attr-defined]  # a module that stands in a file
    text = path.read_text()
    assert before in text
    line = text[: text.index(before)].count("\n") + 1
    name = str(module.__name__)  # type: ignore[attr-defined]
    return Mutant(name, str(path), "", "planted", line, before, after, text.replace(before, after, 1), text, before)


UPLOAD_DROPPED = planted(ship, "created = yield from PutObject(PREFIX + name, content)", "created = True")
CALLED_BY_ANOTHER_NAME = planted(ship, "for name in names:\n        yield from upload(name)", (
    "for name in tuple(names):\n        yield from upload(name)"
))  # fmt: skip
SMALLER_PAGES = planted(migration, "PAGE = 100", "PAGE = 99")
UNREACHED = planted(retain, "if not done:", "if done:")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Two seeds, and what the original does in them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        made = Runs(range(1, 3), "", (ship.__name__, migration.__name__, retain.__name__), "a test")
        made.baseline()
        yield made


@pytest.mark.thorough
@pytest.mark.slow
def test_an_upload_that_is_dropped_is_seen_by_every_check(runs: Runs) -> None:
    """By the tests, by the protocol of replication, by an invariant in the first seed, and by a drill."""
    checks: tuple[Check, ...] = (
        UnitProperties(ROOT, ("tests/model/programs/test_replication.py",), runs),
        Traces(runs),
        Hunting(runs),
        Drills(runs, ("split-brain",)),
    )
    findings = [found(check, UPLOAD_DROPPED) for check in checks]
    assert [finding.outcome for finding in findings] == [Outcome.KILLED] * 4
    assert findings[2].effort == 1
    assert "watermark-never-ahead" in findings[2].hits
    assert "watermark-never-ahead" in findings[2].said


def test_a_type_error_kills_and_a_condition_that_is_never_true_does_not(tmp_path: Path) -> None:
    """The project's own configuration holds: where it says so, what cannot be reached is an error, and no finding."""
    (tmp_path / "pyproject.toml").write_text("[tool.mypy]\nstrict = true\nwarn_unreachable = true\n")
    text = "def f(x: int) -> int:\n    if x > 1:\n        return x\n    return 0\n"
    file = tmp_path / "small.py"
    file.write_text(text)

    def finding(before: str, after: str) -> Finding:
        mutant = Mutant("small", str(file), "f", "planted", 2, before, after, text.replace(before, after), text)
        return found(Types(tmp_path), mutant)

    assert finding("return 0", "return str(x)").outcome is Outcome.KILLED
    assert finding("x > 1", "False").outcome is Outcome.SURVIVED
    assert finding("x > 1", "isinstance(x, str)").outcome is Outcome.SURVIVED


@pytest.mark.slow
@pytest.mark.parametrize("mutant", [CALLED_BY_ANOTHER_NAME, SMALLER_PAGES])
def test_what_changes_nothing_lives_and_is_alike(runs: Runs, mutant: Mutant) -> None:
    """Planted equivalents have the digests of the original in every seed, and their traces are accepted."""
    hunting, traces = found(Hunting(runs), mutant), found(Traces(runs), mutant)
    assert (hunting.outcome, hunting.alike) == (Outcome.SURVIVED, True)
    assert traces.outcome is Outcome.SURVIVED


def test_a_mutant_that_no_seed_reaches_is_not_called_alike(runs: Runs) -> None:
    """Who runs nothing sees no difference, and cannot say that there is none."""
    finding = found(Hunting(runs), UNREACHED)
    assert (finding.outcome, finding.alike) == (Outcome.SKIPPED, False)
