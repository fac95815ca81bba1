"""Markdown as text: tables, anchors, and the fenced blocks of a page."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_FENCE = re.compile(r"^(?P<fence>```+)(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=fence)[ ]*$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language and further words, what stands in it, and where its body lies in the page."""

    language: str
    words: tuple[str, ...]
    body: str
    start: int
    end: int


def blocks(text: str) -> Iterator[Block]:
    r"""The fenced blocks of a page, in order.

    >>> [(block.language, block.body) for block in blocks(chr(10).join(["```sh", "flk lab", "```"]))]
    [('sh', 'flk lab\n')]
    """
    for found in _FENCE.finditer(text):
        language, *words = found["info"].split() or [""]
        yield Block(language, tuple(words), found["body"], found.start("body"), found.end("body"))


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    r"""A table; bars inside cells are escaped.

    >>> print(table(["a"], [["b|c"]]))
    | a |
    |---|
    | b\|c |
    """
    lines = [" | ".join(map(cell, line)) for line in (header, *rows)]
    rule = "|".join("---" for _ in header)
    return "\n".join([f"| {lines[0]} |", f"|{rule}|", *(f"| {line} |" for line in lines[1:])])


def joined(parts: Iterable[str]) -> str:
    """Blocks of Markdown, one after another; empty ones are left out."""
    return "\n\n".join(filter(None, parts))


def cell(value: object) -> str:
    """What may stand in a cell of a table: one line, bars escaped."""
    return re.sub(r"\s*\n\s*", " ", str(value)).replace("|", r"\|")


def anchored(name: str) -> str:
    """An empty anchor that other pages link to: `[OBS-1](requirements.md#obs-1)`."""
    return f'<a id="{name.lower()}"></a>'


def literal(text: str) -> str:
    r"""Prose that Markdown must not read as markup, but for `code`.

    >>> literal("a[i] < `b[i]`")
    'a\\[i\\] \\< `b[i]`'
    """
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(piece if i % 2 else re.sub(r"([<>*\[\]])", r"\\\1", piece) for i, piece in enumerate(pieces))


def code(text: str, language: str = "") -> str:
    """A fenced block, its fence longer than any in it."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
