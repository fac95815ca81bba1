"""README's first screen is run: the Python, the tests of the plugin, and the kit, with what they print."""

import pytest
from tests.support import ROOT

from flkdocs.snippets import steps

pytestmark = pytest.mark.slow


def test_the_snippets_print_what_readme_shows() -> None:
    """Every block of Python and every command prints what stands under it."""
    done = list(steps((ROOT / "README.md").read_text("utf-8")))
    assert len(done) == 3
    for step in done:
        assert step.as_said, (
            f"{step.source}\nprinted\n{step.printed}\nand not\n{step.expected}\n(make snippets writes it)"
        )
