"""The site builds without a warning, leads nowhere in vain, loads nothing from elsewhere, and says what the code says."""

import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
from tests.support import ROOT

from flk.formal.library.catalogue import PROTOCOLS
from flk.formal.library.gallery import DESIGNS
from flk.sim.scenarios.files import library
from flk.spec.metrics import TABLE
from flk.spec.requirements import catalogue
from flkdocs import architecture, command, guides, placeholders
from flkdocs.links import dead_links, remote_loads

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make site` does."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder


def text_of(page: Path) -> str:
    """What a reader of a page sees, without markup."""
    return unescape(re.sub(r"<[^>]*>", "", page.read_text("utf-8")))


def test_every_link_leads_somewhere(site: Path) -> None:
    """Links inside the site lead to a file, and to an anchor that the file has."""
    assert not list(dead_links(site))


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    """No script, style, font, image or frame comes from another host."""
    assert not list(remote_loads(site))


def test_every_page_of_the_checkout_is_there(site: Path) -> None:
    """README, guides, decisions, notebooks and the site's own pages are built."""
    for page in guides.origins():
        assert (site / page).with_suffix(".html").is_file(), page


def test_no_placeholder_is_left(site: Path) -> None:
    """What the code fills is filled."""
    left = [page.name for page in site.rglob("*.html") if re.search(r"\{\{ \w+\.\w+ \}\}", page.read_text("utf-8"))]
    assert not left


def test_the_reference_is_whole(site: Path) -> None:
    """Each requirement, metric, alert, scenario, protocol, design and command has its place."""
    expected = {
        "requirements": [each.id for each in catalogue()],
        "metrics": [*(each.name for each in TABLE.metric), *(each.name for each in TABLE.alert)],
        "scenarios": list(library()),
        "protocols": list(PROTOCOLS),
        "gallery": list(DESIGNS),
        "cli": [f"flk {name}" for name, _ in command.subcommands(command.tree())],
    }
    for page, names in expected.items():
        shown = text_of(site / "reference" / f"{page}.html")
        assert not [name for name in names if name not in shown]


def test_the_architecture_shows_the_numbers_of_the_code(site: Path) -> None:
    """The page's figures are those of the import graph."""
    assert architecture.numbers() in text_of(site / "architecture.html")


def test_a_dead_link_and_a_remote_load_are_found(tmp_path: Path) -> None:
    """The checks above can fail: a missing file, a missing anchor, a script and a style from elsewhere."""
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="#here"><a href="b.html"><a href="#there"><a href="//x.example/">', "utf-8"
    )
    (tmp_path / "c.html").write_text(
        '<script src="https://x.example/a.js"></script><p style="background: url(//x/y.png)">', "utf-8"
    )
    (tmp_path / "d.css").write_text('@import "https://x.example/d.css";', "utf-8")
    assert [line.partition(": ")[2] for line in dead_links(tmp_path)] == ["b.html", "#there"]
    assert len(list(remote_loads(tmp_path))) == 3


def test_a_placeholder_that_nothing_fills_stops_the_build() -> None:
    """A page that asks for what the code does not know is a mistake, not an empty place."""
    with pytest.raises(AttributeError):
        placeholders.filled("{{ tables.no_such_table }}")
