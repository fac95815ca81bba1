"""README's first screen is run, with what it prints: Python, tests of the plugin, the kit. Its numbers are counted."""

import pytest
from tests.support import ROOT

from flk.conformance import server_checks, vectors
from flk.formal import gallery
from flk.spec.claims import claims
from flk.spec.requirements import catalogue
from flkdocs.snippets import steps

README = (ROOT / "README.md").read_text("utf-8")


@pytest.mark.slow
def test_the_snippets_print_what_readme_shows() -> None:
    """Every block of Python and every command prints what stands under it."""
    done = list(steps(README))
    assert len(done) == 3
    for step in done:
        assert step.as_said, (
            f"{step.source}\nprinted\n{step.printed}\nand not\n{step.expected}\n(make snippets writes it)"
        )


def test_readme_counts_as_the_code_does() -> None:
    """The numbers of requirements, vectors, designs, checks and claims are those of the tables."""
    counted = (
        f"{len(catalogue())} numbered requirements",
        f"{sum(len(each.cases) for each in vectors()):,} vectors",
        f"{len(gallery())} refuted designs",
        f"{len(server_checks())} checks for servers",
        f"{len(claims())} claims of the earlier system",
    )
    assert not [phrase for phrase in counted if phrase not in README]
