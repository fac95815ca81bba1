"""`flk export` as people type it."""

from pathlib import Path

import msgspec
import pytest
from tests.support.impl.command import flk

pytestmark = pytest.mark.slow


def test_a_protocol_is_printed_at_the_sizes_asked_for() -> None:
    """Murphi and Promela say the sizes in their first line."""
    for language in ("murphi", "promela"):
        done = flk("export", "two-phase-commit", "--to", language, "--size", "rm=5")
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[0].endswith("two-phase-commit, at RM=5")


def test_tla_is_two_files_in_a_directory(tmp_path: Path) -> None:
    """Their names are printed, and their elements are as many as asked for."""
    done = flk("export", "two-phase-commit", "--to", "tla", "--size", "RM=4", "--out", str(tmp_path))
    assert done.stdout.split() == [str(tmp_path / f"two_phase_commit.{kind}") for kind in ("tla", "cfg")]
    assert "RM = {rm1, rm2, rm3, rm4}" in (tmp_path / "two_phase_commit.cfg").read_text()
    assert "SYMMETRY" not in (tmp_path / "two_phase_commit.cfg").read_text()


def test_a_design_comes_with_the_property_that_it_breaks() -> None:
    """At the sizes at which it does, of which some may be chosen."""
    done = flk("export", "gallery/hot-tier-forgets", "--to", "murphi", "--json")
    (text,) = msgspec.json.decode(done.stdout)["files"].values()
    assert text.startswith("-- hot-tier-forgets, at Key=1\n")
    assert text.count("\ninvariant ") == 1
    assert "at Key=3\n" in flk("export", "hot-tier-forgets", "--to", "murphi", "--size", "key=3").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("two-phase", "--to", "tla"), "did you mean two-phase-commit?"),
        (("tiering", "--to", "tla", "--size", "key"), "--size key: write the name of an index sort and a number"),
        (("tiering", "--to", "tla", "--size", "region=2"), "tiering has no index sort region: choose from Key"),
        (("tiering", "--to", "promela", "--symmetric"), "symmetric: Spin does not fold states"),
        (("tiering", "--to", "tla", "--out", "other.tla"), "TLC goes by the name"),
        (("tiering", "--to", "murphi", "--out", "none/there.m"), "none/there.m: cannot be written"),
    ],
)
def test_unusable_input_is_named_with_the_fix(arguments: tuple[str, ...], message: str) -> None:
    """Exit code 2 and one message."""
    done = flk("export", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
