"""All mutants of a Python module."""

from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path

from flk.formal.mutation.mutant import Mutant, numbered
from flk.formal.mutation.source import Source
from flk.sim.mutation import naming
from flk.sim.mutation.expressions import EXPRESSIONS
from flk.sim.mutation.statements import STATEMENTS, valued
from flk.sim.mutation.types import Types


def mutants_of(module: str) -> tuple[Mutant, ...]:
    """Every mutant of a module that can be imported, by every operator, in the order of the source.

    >>> mutants = mutants_of("flk.model.programs.rotate")
    >>> [(each.operator, each.before) for each in mutants][:2]
    [('drop-effect', 'yield from Seal(INBOX)'), ('swap', 'yield from Seal(INBOX) … yield from mark_applied()')]
    """
    imported = import_module(module)
    path = Path(str(imported.__file__))
    source, types = Source(module, str(path), path.read_text()), Types(imported)
    return tuple(numbered(_distinct(source, _all(source, types))))


def _all(source: Source, types: Types) -> Iterator[Mutant]:
    for operator in (*STATEMENTS, *EXPRESSIONS):
        yield from operator(source)
    yield from valued(source, types.results)
    yield from naming.field(source, types)
    yield from naming.arguments(source, types)
    yield from naming.policy(source)


def _distinct(source: Source, mutants: Iterable[Mutant]) -> list[Mutant]:
    """One mutant for each text that can be compiled, in the order of the source."""
    texts = {source.text}
    found = []
    for mutant in mutants:
        if mutant.source not in texts and _compiles(mutant.source):
            texts.add(mutant.source)
            found.append(mutant)
    return sorted(found, key=lambda mutant: mutant.line)


def _compiles(text: str) -> bool:
    try:
        compile(text, "mutant", "exec")
    except SyntaxError:
        return False
    return True
