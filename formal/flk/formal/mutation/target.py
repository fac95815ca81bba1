"""A target: a piece of code whose mutants are tried, and what they are tried with."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from flk.formal.mutation.check import Check
from flk.formal.mutation.mutant import Mutant


@dataclass(frozen=True)
class Target:
    """A protocol, or a module of programs.

    `room` and `kind` group targets in the report: (formal, protocols), (model, programs), (sim, policies). `mutants` generates all
    mutants, each with its id. `checks` stand in the order of their cost. `original` is tried first and must survive. `digest` is of
    everything that verdicts depend on besides the mutant and the checks' configurations: the code under test and around it.
    `claims` are the names of what may break, so that the report can name those that no mutant breaks. `preload` are modules that
    checks need and no mutant changes, such as z3 or numpy: they are imported once, before processes are forked. `prepare` does then
    what all mutants can share, for the checks of these names. `common` are the names of checks that do the same with the original
    of every target that has this digest: it is put to them once for all.
    """

    name: str
    room: str
    kind: str
    mutants: Callable[[], Sequence[Mutant]]
    checks: tuple[Check, ...]
    original: Mutant
    digest: str
    claims: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    prepare: Callable[[frozenset[str]], object] = lambda _: None
    common: frozenset[str] = frozenset()


def digest_of(files: Iterable[Path]) -> str:
    """A digest of the files' contents, whatever their order."""
    parts = sorted(blake2b(file.read_bytes(), digest_size=16).digest() for file in files)
    return blake2b(b"".join(parts), digest_size=8).hexdigest()
