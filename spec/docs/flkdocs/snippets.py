"""What pages show is run: commands with their output, Python with what it prints, files that both read.

In a page

- a block `console` holds commands, each after `$ `, and what they print;
- a block `python` is run; the block `text` that follows it at once, with nothing but blank lines between, is what it prints;
- a block with `title="NAME"` is written to the file NAME, and is not run;
- a comment `<!-- NAME is the python block of FILE -->` writes the first block of Python of another page to the file NAME.

A page runs from top to bottom in one empty directory. In expected output `…` stands for any text within a line, and a line of `…`
alone for any lines: what a clock or another machine decides is written so. `python -m flkdocs.snippets FILE…` writes what the
commands and the code of a page print now into the page; what the page left out stays left out.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import chdir, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from flkdocs import ROOT
from flkdocs.markdown import Block, blocks

_TITLE = re.compile(r'title="([^"]+)"')
_COMMAND = re.compile(r"^\$ ", re.MULTILINE)
_BORROWED = re.compile(r"<!-- (\S+) is the python block of (\S+) -->")
_VOLATILE = (
    (re.compile(r"'flk1\.[\w-]+'"), "'flk1.…'"),
    (re.compile(r"\bin \d[\d.]* (m?s|min)\b"), "in …"),
    (re.compile(r"\bin \d+\.\d+s$", re.MULTILINE), "in …s"),
    (re.compile(r"^(time +).*$", re.MULTILINE), r"\1…"),
    (re.compile(r"(\d+/\d+ +)\d+\.\d+ *$", re.MULTILINE), r"\1…"),
    (re.compile(r"^\d+ runs of (.*) and [\d,]+ events", re.MULTILINE), r"… runs of \1 and … events"),
    (re.compile(r"^note: seed \d+$", re.MULTILINE), "note: seed …"),
)
"""What differs from one run to the next, and how a page shows it."""
_COLUMNS = "100"


@dataclass(frozen=True)
class Step:
    """One thing that a page runs: what it is, what the page says that it prints, what it printed, and where the page says so."""

    source: str
    expected: str
    printed: str
    start: int
    end: int

    @property
    def as_said(self) -> bool:
        """Whether it printed what the page says."""
        return matches(self.expected, self.printed)


def steps(text: str) -> Iterator[Step]:
    """Run a page."""
    # A server that a page has told to stop may still write its last line.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, chdir(folder):
        for name, page in _BORROWED.findall(text):
            others = blocks((ROOT / page).read_text("utf-8"))
            Path(name).write_text(next(block.body for block in others if block.language == "python"), "utf-8")
        names: dict[str, object] = {"__name__": "__page__"}
        found = list(blocks(text))
        for block, following in zip(found, [*found, None][1:], strict=True):
            title = _TITLE.search(" ".join(block.words))
            if title:
                Path(title[1]).write_text(block.body, "utf-8")
            elif block.language == "console":
                yield from _console(block)
            elif block.language == "python":
                printed = _python(block, names)
                shown = _output_of(block, following, text)
                if shown is not None:
                    yield Step(block.body, shown.body, printed, shown.start, shown.end)


def matches(expected: str, printed: str) -> bool:
    r"""Whether a text is as expected, `…` standing for anything within a line, and alone on a line for any lines.

    >>> matches("in … s", "in 3.1 s"), matches("in … s", "in 3 min"), matches("a\n…\nd", "a\nb\nc\nd")
    (True, False, True)
    """
    lines = _trimmed(expected)
    pattern = "".join(
        r"(?:[^\n]*\n)*?" if line.strip() == "…" else r"[^\n]*?".join(map(re.escape, line.split("…"))) + r"\n"
        for line in lines
    )
    given = "".join(line + "\n" for line in _trimmed(printed))
    return re.fullmatch(pattern, given) is not None


def rewritten(text: str, done: Iterable[Step]) -> str:
    """The page with what was printed in place of what it says wrongly; what was left out stays left out."""
    for step in sorted(done, key=lambda step: step.start, reverse=True):
        if not step.as_said:
            text = text[: step.start] + shortened(step.expected, masked(step.printed)) + text[step.end :]
    return text


def masked(printed: str) -> str:
    r"""An output with `…` for what a clock decides, and for strings that nobody reads.

    >>> masked("50 runs in 6.07 s; flk replay 'flk1.eNp1VMtu2zAQ_BWDZ0Gg3rZvOfVUtEiPRmBQIm0zlkSVouwahv-9s1Qc'")
    "50 runs in …; flk replay 'flk1.…'\n"
    """
    for pattern, mask in _VOLATILE:
        printed = pattern.sub(mask, printed)
    return "".join(line + "\n" for line in _trimmed(printed))


def _trimmed(text: str) -> list[str]:
    """The lines of a text without the spaces that end them, and without empty lines before and after."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n").splitlines()


def shortened(expected: str, printed: str) -> str:
    r"""An output with those lines left out that the page left out: from the top and the bottom it keeps as many as the page has.

    A part between two gaps begins where a line begins with the same word.

    >>> shortened("a 1\n…\nc 1\n…\nz 1\n", "a 2\nb 2\nc 2\nd 2\nz 2\n").split("\n")
    ['a 2', '…', 'c 2', '…', 'z 2', '']
    """
    parts = [part.splitlines() for part in re.split(r"^\s*…\s*$\n?", expected, flags=re.MULTILINE)]
    lines = printed.splitlines()
    if len(parts) < 2 or len(lines) < sum(map(len, parts)):
        return printed
    kept = [lines[: len(parts[0])]]
    rest = lines[len(parts[0]) : len(lines) - len(parts[-1])]
    for part in parts[1:-1]:
        words = [line.split()[:1] for line in rest]
        at = words.index(part[0].split()[:1]) if part and part[0].split()[:1] in words else 0
        kept.append(rest[at : at + len(part)])
        rest = rest[at + len(part) :]
    kept.append(lines[len(lines) - len(parts[-1]) :])
    return "\n…\n".join("\n".join(part) for part in kept).strip("\n") + "\n"


def _console(block: Block) -> Iterator[Step]:
    """Each command of a block, run by a shell in the page's directory."""
    at = [found.start() for found in _COMMAND.finditer(block.body)]
    for start, end in zip(at, [*at[1:], len(block.body)], strict=True):
        command, _, expected = block.body[start + 2 : end].partition("\n")
        begin = block.start + start + 2 + len(command) + 1
        yield Step(command, expected, _run(command), begin, block.start + end)


def _run(command: str) -> str:
    """What a command prints, in a terminal of 100 columns without colours."""
    plain = {"COLUMNS": _COLUMNS, "NO_COLOR": "1", "TERM": "dumb", "PYTHONWARNINGS": "ignore"}
    ours = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "flk.sim.testing.plugin"}  # as in a fresh install
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(  # noqa: S602 (the pages are ours, and show what a shell does)
        command,
        shell=True,
        executable="/bin/bash",
        env={**os.environ, **plain, **ours, "PATH": path, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    return done.stdout


def _python(block: Block, names: dict[str, object]) -> str:
    """What the code of a block prints, with the names that blocks before it left."""
    printed = StringIO()
    with redirect_stdout(printed):
        exec(compile(block.body, "<page>", "exec"), names)  # noqa: S102 (the pages are ours)
    return printed.getvalue()


def _output_of(block: Block, following: Block | None, text: str) -> Block | None:
    """The block of text that follows at once."""
    if following is None or following.language != "text":
        return None
    between = text[block.end : following.start]
    return following if re.fullmatch(r"`+\s*`+text[^\n]*\n", between) else None


def main(files: list[str]) -> None:
    """Write what the pages' code prints now into the pages."""
    for name in files:
        page = Path(name).resolve()
        text = page.read_text("utf-8")
        done = list(steps(text))
        page.write_text(rewritten(text, done), "utf-8")
        changed = [step.source.splitlines()[0] for step in done if not step.as_said]
        sys.stdout.write(f"{name}: {len(done)} run, {len(changed)} rewritten\n")


if __name__ == "__main__":
    main(sys.argv[1:])
