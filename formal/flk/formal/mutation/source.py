"""A module's source and its syntax tree: where each node stands, what encloses it, and the text with some nodes rewritten."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import libcst as cst
from libcst.metadata import (
    ByteSpanPositionProvider,
    CodeRange,
    CodeSpan,
    MetadataWrapper,
    ParentNodeProvider,
    PositionProvider,
)

from flk.formal.mutation.mutant import Mutant

BESIDE = " … "
"""Between the parts of a change that is made in several places."""


@dataclass(frozen=True, eq=False)
class Source:
    r"""The text of a module, parsed. Edits keep every other character, so a mutant's diff shows the change and nothing else.

    >>> source = Source("m", "m.py", "def f(x):\n    return x < 1\n")
    >>> [less] = [node for node in source.nodes() if isinstance(node, cst.Comparison)]
    >>> mutant = source.mutant("less-or-equal", (less, "x <= 1"))
    >>> mutant.function, mutant.line, mutant.before, mutant.after
    ('f', 2, 'x < 1', 'x <= 1')
    """

    module: str
    path: str
    text: str

    def nodes(self, within: cst.CSTNode | None = None) -> Iterator[cst.CSTNode]:
        """All nodes of the module, or of a part of it, in the order of the text, each before its parts."""
        yield (node := within or self.tree)
        for child in node.children:
            yield from self.nodes(child)

    def code(self, node: cst.CSTNode) -> str:
        """The text of a node, without the white space and the comments around it."""
        start, end = self._span(node)
        return self._bytes[start:end].decode()

    def line(self, node: cst.CSTNode) -> int:
        """The line on which a node begins."""
        return self._places[node].start.line

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """What the node is a part of; None for the module."""
        found = self._parents.get(node)
        return found if isinstance(found, cst.CSTNode) else None

    def enclosing(self, node: cst.CSTNode) -> str:
        """The qualified name of the innermost definition that a node is within; empty at the top level."""
        names: list[str] = []
        at: cst.CSTNode | None = node
        while at is not None:
            if isinstance(at, cst.FunctionDef | cst.ClassDef):
                names.insert(0, at.name.value)
            at = self.parent(at)
        return ".".join(names)

    def mutant(self, operator: str, *edits: tuple[cst.CSTNode, str]) -> Mutant:
        """The module with new text for some nodes, none within another, at the place of the first. `numbered` gives it an id."""
        first = edits[0][0]
        return Mutant(
            self.module,
            self.path,
            self.enclosing(first),
            operator,
            self.line(first),
            BESIDE.join(self.code(node) for node, _ in edits),
            BESIDE.join(after for _, after in edits),
            self._edited(edits),
            self.text,
        )

    @property
    def tree(self) -> cst.Module:
        """The syntax tree, the one whose nodes this knows the places of."""
        return self._wrapper.module

    def _edited(self, edits: Sequence[tuple[cst.CSTNode, str]]) -> str:
        data = self._bytes
        for node, after in sorted(edits, key=lambda edit: self._span(edit[0]), reverse=True):
            start, end = self._span(node)
            data = data[:start] + after.encode() + data[end:]
        return data.decode()

    def _span(self, node: cst.CSTNode) -> tuple[int, int]:
        span = self._spans[node]
        return span.start, span.start + span.length

    @cached_property
    def _bytes(self) -> bytes:
        return self.text.encode()

    @cached_property
    def _wrapper(self) -> MetadataWrapper:
        return MetadataWrapper(cst.parse_module(self.text))

    @cached_property
    def _spans(self) -> Mapping[cst.CSTNode, CodeSpan]:
        return self._wrapper.resolve(ByteSpanPositionProvider)

    @cached_property
    def _places(self) -> Mapping[cst.CSTNode, CodeRange]:
        return self._wrapper.resolve(PositionProvider)

    @cached_property
    def _parents(self) -> Mapping[cst.CSTNode, object]:
        return self._wrapper.resolve(ParentNodeProvider)
