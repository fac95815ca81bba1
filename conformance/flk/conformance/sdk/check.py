"""Does an SDK conform? The vectors, put to the command that its author wrote around it."""

import shlex
import sys
from collections.abc import Iterable, Sequence

from flk.conformance.reports.progress import bar
from flk.conformance.reports.report import Report
from flk.conformance.sdk.driver import DEADLINE_SECONDS, conform
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest
from flk.spec.vectors import Vectors, load


def vectors(*operations: str) -> tuple[Vectors, ...]:
    """The vectors of some operations, all by default: what an implementation must answer, case by case.

    An operation has up to two files: cases written by hand (`OPERATION.golden`) and cases computed from the model. `expect.value`
    and `input` are JSON as it stands in the file. Raises UnusableInput for an operation that has none.

    >>> [(group.name, len(group.cases) > 0) for group in vectors("pcs_id")]
    [('pcs_id', True), ('pcs_id.golden', True)]
    >>> case = vectors("fixed9")[0].cases[0]
    >>> case.id, case.requirements, bytes(case.input)
    ('fixed9/binary-tie/0+1over1024', ('C14N-2',), b'{"x":0.0009765625,"bits":{"x":"3f50000000000000"}}')
    """
    known = {group.operation for group in load()}
    for name in operations:
        if name not in known:
            raise UnusableInput(f"no operation is called {name}; {nearest(name, sorted(known))}")
    return tuple(group for group in load() if not operations or group.operation in operations)


def check_sdk(
    command: str | Sequence[str],
    operations: Iterable[str] | None = None,
    *,
    deadline: float = DEADLINE_SECONDS,
    progress: bool | None = None,
) -> Report:
    """Does an SDK, in any language, compute what the specification says?

    `command` starts a *subject*, a small program around the SDK that reads questions from stdin and writes answers to stdout, one
    JSON object to a line (`conformance/PROTOCOL.md`). It is put the vectors of `operations` (None: all). `deadline` is how many
    seconds it may go without an answer. `progress`: whether there is a bar; None: in a terminal or a notebook.

    Raises UnusableInput if the command cannot be started, does not begin with a hello, or if there is no such operation.

    >>> report = check_sdk(reference_subject(), ["fixed9", "regime"])
    >>> report
    <Report on flk-lab model ... (Python): holds; ... passed>
    >>> report.verdict
    <Verdict.HOLDS: 'holds'>
    """
    words = shlex.split(command) if isinstance(command, str) else list(command)
    chosen = vectors(*(operations or ()))
    with bar(shown=progress) as advance:
        return conform(words, chosen, deadline=deadline, progress=advance)


def reference_subject() -> tuple[str, ...]:
    """The command of the model's own subject, which answers every vector as it must: an example, and what to compare with.

    >>> reference_subject()[1:]
    ('-m', 'flk.conformance.sdk.subject')
    """
    return sys.executable, "-m", "flk.conformance.sdk.subject"
