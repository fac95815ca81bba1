"""Pages do not lie: what they show is run, the commands they name are there, and so are the files and the modules."""

import doctest
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest
from tests.support import ROOT
from typer import Context
from typer.core import TyperGroup

from flk.spec.requirements import AREAS, catalogue
from flkdocs import command, guides
from flkdocs.markdown import blocks
from flkdocs.snippets import rewritten, steps

PAGES = sorted({file for file in guides.origins().values() if file.endswith(".md")})
"""Every page that somebody wrote: README, guides, decisions, the site's own."""
TUTORIAL = sorted(f"tutorial/{path.name}" for path in (ROOT / guides.OWN / "tutorial").glob("[0-9]*.md"))
FOLLOWED = (
    "guides/conform.md",
    "guides/ci.md",
    "guides/backup.md",
    "guides/api.md",
    "guides/client.md",
    "guides/configuration.md",
    "guides/tenants.md",
    "guides/pii.md",
    "guides/deploy.md",
)
"""Guides that are followed from an empty folder, as the tutorial is."""
ROOMS = ("spec", "model", "formal", "sim", "impl", "conformance", "notebooks", "tests")


def text(page: str) -> str:
    """A page."""
    return (ROOT / page).read_text("utf-8")


@pytest.mark.sampled
@pytest.mark.slow
@pytest.mark.parametrize("page", [*TUTORIAL, *FOLLOWED])
def test_the_tutorial_prints_what_it_shows(page: str) -> None:
    """Every command and every block of Python of a page prints what stands under it."""
    done = list(steps(text(f"{guides.OWN}/{page}")))
    assert done
    for step in done:
        assert step.as_said, (
            f"{step.source}\nprinted\n{step.printed}\nand not\n{step.expected}\n(make snippets writes it)"
        )


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_commands_and_options_exist(page: str) -> None:
    """A line of shell that begins with `flk` names a command, and options that it has."""
    wrong = [line for line in command_lines(text(page)) if not known(line)]
    assert not wrong


@pytest.mark.parametrize("page", PAGES)
def test_files_exist(page: str) -> None:
    """What looks like a path into a room is one, seen from the top of the checkout or from the page."""
    wrong = [path for path in paths(text(page)) if not there(path, page)]
    assert not wrong


@pytest.mark.parametrize("page", PAGES)
def test_modules_exist(page: str) -> None:
    """What looks like a module, or a name in one, can be imported."""
    wrong = [name for name in re.findall(r"`(flk(?:\.\w+)+)(?:\(.*?\))?`", text(page)) if not importable(name)]
    assert not wrong


@pytest.mark.parametrize("page", PAGES)
def test_requirements_exist(page: str) -> None:
    """An id of a requirement is one of the catalogue."""
    ids = {each.id for each in catalogue()}
    named = set(re.findall(rf"\b(?:{'|'.join(AREAS.values())})-\d+\b", text(page)))
    assert named <= ids


def test_what_is_wrong_in_a_page_is_found() -> None:
    """The checks above can fail: an unknown command, an unknown option, a file and a module that are not there."""
    page = (
        "```sh\nflk fly\nflk run split-brain --sed 7\nflk run split-brain --seed 7  # fine\n```\n`sim/flk/nowhere.py`"
    )
    assert [known(line) for line in command_lines(page)] == [False, False, True]
    assert [there(path, "README.md") for path in paths(page)] == [False]
    assert not importable("flk.sim.nowhere")


@pytest.mark.parametrize("module", ["doctests", "drawing", "imports", "links", "markdown", "snippets"])
def test_examples_of_the_site_s_own_functions(module: str) -> None:
    """The examples in docstrings give what they say."""
    found = doctest.testmod(import_module(f"flkdocs.{module}"))
    assert (found.failed, found.attempted > 0) == (0, True)


def test_output_that_changed_is_rewritten_and_what_was_left_out_stays_out() -> None:
    """`make snippets` replaces wrong output, keeps right output, and masks what a clock decides."""
    page = "```console\n$ printf 'a 1\\nb 2\\nin 3.5 s\\n'\na 0\n…\nin 9 s\n$ echo same\nsame\n```\n"
    done = list(steps(page))
    assert [step.as_said for step in done] == [False, True]
    assert rewritten(page, done) == page.replace("a 0", "a 1").replace("in 9 s", "in …")


def command_lines(page: str) -> list[str]:
    """The lines of shell of a page that begin with `flk`."""
    shell = "".join(block.body for block in blocks(page) if block.language in {"sh", "console"})
    return [found[0].removeprefix("$ ") for found in re.finditer(r"^(?:\$ )?flk .*$", shell, re.MULTILINE)]


def known(line: str) -> bool:
    """Whether the command exists, and each of its options that stands before a `--`."""
    words = shlex.split(re.split(r"\s[|>&]|\s2>", line)[0], comments=True)[1:]
    here: TyperGroup | object = command.tree()
    while isinstance(here, TyperGroup) and words and not words[0].startswith("-"):
        here = dict(command.subcommands(here)).get(words.pop(0))
    if here is None or not isinstance(here, command.Command):
        return False
    parameters = command.parameters(here, Context(here))
    options = {"--help", "--install-completion"}.union(*(each.opts for each in parameters))
    asked = words[: words.index("--")] if "--" in words else words
    return all(word.partition("=")[0] in options for word in asked if word.startswith("--"))


def paths(page: str) -> list[str]:
    """What looks like a path into a room, or into a portion of the namespace."""
    return re.findall(rf"`((?:{'|'.join(ROOMS)}|flk)/[\w./*-]*)`", page)


def there(path: str, page: str) -> bool:
    """Whether files of this path, which may have a star, exist."""
    return any(list(base.glob(path.rstrip("/"))) for base in (ROOT, (ROOT / page).parent) if Path(path).name)


def importable(name: str) -> bool:
    """Whether a dotted name is a module or a name in one."""
    module, _, attribute = name.rpartition(".")
    for whole in (name, module):
        try:
            found = import_module(whole)
        except ImportError:
            continue
        return whole == name or hasattr(found, attribute)
    return False
