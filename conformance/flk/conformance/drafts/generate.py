"""The vectors that the model answers: every draft with its answer, in the form in which it is committed.

Golden vectors are no business of this module: they were written by hand, and what is generated here is checked against them.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
from msgspec import UNSET, Raw

from flk.conformance.drafts import (
    canonical,
    clocks,
    drawing,
    forgeries,
    judgements,
    nodes,
    notes,
    numbers,
    placement,
    policies,
    records,
    segments,
    signals,
    signing,
    trees,
    vouching,
)
from flk.conformance.drafts.draft import FLAGS, Draft
from flk.conformance.operations import OPERATIONS
from flk.conformance.operations.expected import expected
from flk.spec.vectors import Case, Origin, Vectors

_MODULES = (
    numbers,
    canonical,
    signing,
    forgeries,
    records,
    judgements,
    signals,
    trees,
    clocks,
    segments,
    placement,
    drawing,
    notes,
    policies,
    vouching,
    nodes,
)


def _drafts_of(operation: str) -> Callable[[], Iterable[Draft]]:
    """The function that drafts the cases of an operation: the one of its name."""
    of_that_name = (getattr(module, operation, None) for module in _MODULES)
    (drafts,) = (one for one in of_that_name if one is not None and one.__module__.startswith(__package__))
    made: Callable[[], Iterable[Draft]] = drafts
    return made


DRAFTS = {operation: _drafts_of(operation) for operation in OPERATIONS}
"""The drafts of each operation, under its name."""


class Disagreement(Exception):
    """The model does not answer a draft as its author says it must. One of the two is wrong."""


def generate(operation: str) -> Vectors:
    """The vectors of an operation. Raises Disagreement."""
    cases = tuple(_answered(operation, draft) for draft in DRAFTS[operation]())
    flags = {flag: FLAGS[flag] for flag in sorted({flag for case in cases for flag in case.flags})}
    requirements = tuple(sorted({requirement for case in cases for requirement in case.requirements}))
    comment = OPERATIONS[operation].__doc__ or ""
    return Vectors(operation, Origin.MODEL, requirements, comment, flags, cases)


def text(vectors: Vectors) -> str:
    """A file's text: ASCII, one case to a line, so that a change of the model shows as the cases it changes."""
    head = {"operation": vectors.operation, "origin": vectors.origin, "requirements": vectors.requirements}
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in (*head.items(), ("comment", vectors.comment))]
    cases = ",\n".join(map(_line, vectors.cases))
    return (
        "{" + ",\n".join([*lines, f'"flags": {json.dumps(vectors.flags, indent=1)}', f'"cases": [\n{cases}\n]']) + "}\n"
    )


def write(folder: Path) -> tuple[str, ...]:
    """Generate every file anew; the names of those whose text changed."""
    changed = []
    for operation in DRAFTS:
        path = folder / f"{operation}.json"
        new = text(generate(operation))
        if not path.exists() or path.read_text("utf-8") != new:
            path.write_text(new, "utf-8")
            changed.append(path.name)
    return tuple(changed)


def _answered(operation: str, draft: Draft) -> Case:
    question = Raw(msgspec.json.encode(draft.question))
    expect = expected(operation, question)
    refusal = (expect.error, None if expect.field is UNSET else expect.field) if isinstance(expect.error, str) else None
    if refusal != draft.refusal:
        raise Disagreement(f"{operation}/{draft.id}: the draft says {draft.refusal}, the model {refusal}")
    return Case(f"{operation}/{draft.id}", draft.comment, draft.requirements, draft.flags, question, expect)


def _line(case: Case) -> str:
    expect = {name: value for name, value in msgspec.structs.asdict(case.expect).items() if value is not UNSET}
    if isinstance(case.expect.value, Raw):
        expect["value"] = json.loads(bytes(case.expect.value))
    plain = {**msgspec.structs.asdict(case), "input": json.loads(bytes(case.input)), "expect": expect}
    return json.dumps(plain, separators=(",", ":"))
