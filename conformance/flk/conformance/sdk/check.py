"""Does an SDK conform? The vectors, put to the command that its author wrote around it."""

import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path

from flk.conformance.reports import known
from flk.conformance.reports.progress import bar
from flk.conformance.reports.report import CaseResult, Each, Report, unheard
from flk.conformance.sdk.beyond import Beyond, extended
from flk.conformance.sdk.driver import DEADLINE_SECONDS, conform
from flk.conformance.sdk.selection import Selection, names
from flk.conformance.sdk.session import Launch
from flk.spec import profiles
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
    return Selection(operations).of(load())


def check_sdk(
    command: str | Sequence[str],
    operations: Iterable[str] | None = None,
    *,
    profile: str | None = None,
    requirements: Iterable[str] = (),
    cases: Iterable[str] = (),
    known_failures: str | PathLike[str] | None = None,
    directory: str | PathLike[str] | None = None,
    environment: Mapping[str, str] | None = None,
    generate: int = 0,
    seed: int = 0,
    keep: str | PathLike[str] | None = None,
    deadline: float = DEADLINE_SECONDS,
    progress: bool | None = None,
    each: Each = unheard,
) -> Report:
    """Does an SDK, in any language, compute what the specification says?

    `command` starts a *subject*, a small program around the SDK that reads questions from stdin and writes answers to stdout, one
    JSON object to a line (`conformance/PROTOCOL.md`), in `directory` and with `environment` added to that of the kit. It is put the
    vectors of `operations` (None: all); with `profile`, those of its operations, and it may decline none of them. `requirements`
    (ids, or patterns such as `SIGN-*`) and `cases` (patterns of names, `*` within a part, `**` across) narrow them further; who was
    not asked everything never plainly conforms. `known_failures` is a file of failures that are expected
    (`flk.conformance.reports.known`). `generate` is how many more cases of each operation are drawn, by the seed `seed`; of those
    that are answered wrongly the smallest is told, and added to the file `keep`, whose cases are asked each time. `deadline` is how
    many seconds it may go without an answer. `progress`: whether there is a bar; None: in a terminal or a notebook. `each` gets
    every result as soon as it is there.

    Raises UnusableInput if the command cannot be started, does not begin with a hello, or if there is no such operation, profile,
    requirement or case, or if `keep` is no file of kept cases.

    >>> report = check_sdk(reference_subject(), ["fixed9", "regime"])
    >>> report
    <Report on flk-lab model ... (Python): holds; ... passed>
    >>> report.verdict
    <Verdict.HOLDS: 'holds'>
    >>> print(check_sdk(reference_subject(), cases=["regime/1.5-0.7"]).conclusion)
    conforms to the profile partial: 1 of ... cases, 1 of ... requirements
    >>> check_sdk(reference_subject(), ["regime"], generate=10).results[-1].comment
    '10 generated cases'
    """
    words = shlex.split(command) if isinstance(command, str) else list(command)
    selection = Selection(
        tuple(operations or ()),
        None if profile is None else profiles.profile(profile),
        tuple(requirements),
        tuple(cases),
    )
    launch = Launch(tuple(words), None if directory is None else Path(directory), environment or {})
    chosen = selection.of(load())
    expected = known.NONE if known_failures is None else known.read(known_failures)

    def told(place: int, result: CaseResult) -> None:
        each(place, expected.judged(result))

    with bar(shown=progress) as advance:
        report = conform(
            launch,
            chosen,
            deadline=deadline,
            required=selection.profile,
            narrowed=selection.options,
            progress=advance,
            each=told,
        )
    if generate or keep is not None:
        asked = len(report.results)
        report = extended(report, launch, selection, Beyond(generate, seed, keep), deadline)
        for place, result in enumerate(report.results[asked:], asked):
            told(place, result)
    return expected.applied(report, names() | {result.name for result in report.results})


def reference_subject() -> tuple[str, ...]:
    """The command of the model's own subject, which answers every vector as it must: an example, and what to compare with.

    >>> reference_subject()[1:]
    ('-m', 'flk.conformance.sdk.subject')
    """
    return sys.executable, "-m", "flk.conformance.sdk.subject"
