"""The pytest plugin: `pytest --flk-subject SUBJECT` makes each case of the kit a test.

SUBJECT is a subject file (`flk-subject.toml`) or a command. A test is called `NAME::OPERATION/CASE`; `-k` chooses by parts of names
and by requirements (`-k SIGN-1`), and only what is chosen is asked. What is declined is skipped, a known failure is an xfail. The
test `NAME::protocol` fails for breaches of the protocol and for a list of known failures that is not true; `NAME::generated` is
there if generated or kept cases are asked for, and fails for those that are answered wrongly.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

import pytest

if TYPE_CHECKING:
    from _pytest._code.code import ExceptionInfo, TerminalRepr

    from flk.conformance.reports.report import CaseResult, Report
    from flk.conformance.sdk.subjects import Entry, SubjectFile

OPTION = "--flk-subject"
PROTOCOL = "protocol"
"""The name of the test for what concerns no case."""
GENERATED = "generated"
"""The name of the test for cases that are no vectors."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--flk-subject`, and for a command what a subject file would say of it."""
    add = parser.getgroup("flk-conformance", "conformance of an SDK (FLK Lab)").addoption
    add(OPTION, metavar="SUBJECT", action="append", default=[], help="ask this subject: a subject file, or a command")
    add("--flk-profile", metavar="NAME", help="ask a subject that is a command for this profile")
    add("--flk-known-failures", metavar="FILE", help="failures of a subject that is a command that are expected")
    add("--flk-generate", metavar="N", type=int, default=0, help="draw so many more cases of each operation for it")
    add("--flk-seed", metavar="S", type=int, default=0, help="which cases are drawn")
    add("--flk-keep", metavar="FILE", help="ask the cases of this file, too, and add the generated ones that fail")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add a test for each case, before `-k` chooses."""
    from flk.spec.errors import UnusableInput

    try:
        for given in config.getoption(OPTION):
            for file, entry in _subjects(given, config):
                items.extend(Subject.of(session, file, entry).collect())
    except UnusableInput as unusable:
        raise pytest.UsageError(str(unusable)) from None


def _subjects(given: str, config: pytest.Config) -> "Iterator[tuple[SubjectFile, Entry]]":
    from flk.conformance.sdk.subjects import NAME, Entry, SubjectFile, read_subjects

    if given.endswith(".toml"):
        file = read_subjects(config.invocation_params.dir / given)
    else:
        named = ("profile", "known_failures", "generate", "seed", "keep")
        entry = Entry("subject", given, **{name: config.getoption(f"flk_{name}") for name in named})
        file = SubjectFile(config.invocation_params.dir / NAME, (entry,))
    for entry in file.subjects:
        yield file, entry


class Subject(pytest.Collector):
    """A subject; it is asked when the first of its tests runs."""

    file: "SubjectFile"
    entry: "Entry"
    _report: "Report | Exception | None" = None
    _results: "dict[str, CaseResult]"

    @classmethod
    def of(cls, session: pytest.Session, file: "SubjectFile", entry: "Entry") -> Self:
        """The node of one subject."""
        node: Self = cls.from_parent(session, name=entry.name, nodeid=entry.name)
        node.file, node.entry = file, entry
        return node

    def collect(self) -> "Iterator[pytest.Item]":
        """A test for each of its cases, and one for what concerns none."""
        for group in self.file.vectors(self.entry):
            for case in group.cases:
                item: Case = Case.from_parent(self, name=case.id)
                item.extra_keyword_matches.update((*case.requirements, *case.flags))
                item.user_properties.append(("flk.requirements", " ".join(case.requirements)))
                yield item
        yield Protocol.from_parent(self, name=PROTOCOL)
        if self.entry.goes_beyond:
            yield Generated.from_parent(self, name=GENERATED)

    def report(self) -> "Report":
        """The report on the cases whose tests were chosen; on all of them if none was. Raises UnusableInput."""
        from flk.spec.errors import UnusableInput

        if self._report is None:
            tests = [item for item in self.session.items if item.parent is self]
            cases = tuple(item.name for item in tests if isinstance(item, Case))
            beyond = any(isinstance(item, Generated) for item in tests)
            try:  # kept cases have names that are no vector's, so none are named with them
                self._report = self.file.ask(self.entry, cases=() if beyond else cases, beyond=beyond, progress=False)
                self._results = {result.name: result for result in self._report.results}
            except UnusableInput as unusable:
                self._report = unusable
        if isinstance(self._report, Exception):
            raise self._report
        return self._report

    def result(self, name: str) -> "CaseResult":
        """How one of the cases ended."""
        self.report()
        return self._results[name]

    def wrong(self, result: "CaseResult") -> str:
        """What is wrong with an answer, and the known mistake that explains it."""
        from flk.conformance.reports.terminal import written_out

        told = [f"{', '.join(result.requirements)}{written_out(result).plain}"]
        told += [f"diagnosis: {one.says}" for one in self.report().diagnoses if result.name in one.cases]
        return "\n".join(told)


class _Test(pytest.Item):
    """A test of a subject."""

    @property
    def subject(self) -> Subject:
        """The subject that is asked."""
        assert isinstance(self.parent, Subject)
        return self.parent

    def repr_failure(self, excinfo: "ExceptionInfo[BaseException]", style: object = None) -> "str | TerminalRepr":
        """What is wrong, without a traceback through the kit."""
        from flk.spec.errors import UnusableInput

        del style
        if isinstance(excinfo.value, UnusableInput | _Wrong):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[str, None, str]:
        """Where it stands: in the subject file, or in the folder of the run."""
        return str(self.subject.file.path), None, f"{self.subject.name}::{self.name}"


class Case(_Test):
    """One case."""

    def runtest(self) -> None:
        """Pass, fail, skip what is declined, or fail as expected."""
        from flk.conformance.reports.report import CaseStatus

        result = self.subject.result(self.name)
        if result.status is CaseStatus.DECLINED:
            pytest.skip(f"declined: {result.detail}")
        if result.status is CaseStatus.KNOWN:
            pytest.xfail(result.detail)
        if not result.conforms:
            raise _Wrong(self.subject.wrong(result))


class Generated(_Test):
    """Cases that are no vectors: those that were kept, and those that were drawn."""

    def runtest(self) -> None:
        """Fail for each that is answered wrongly."""
        report = self.subject.report()
        vectors = {case.id for group in self.subject.file.vectors(self.subject.entry) for case in group.cases}
        wrong = [result for result in report.results if result.name not in vectors and not result.conforms]
        if wrong:
            raise _Wrong("\n".join(f"{result.name}: {self.subject.wrong(result)}" for result in wrong))


class Protocol(_Test):
    """What concerns no case: breaches of the protocol, and lines of the list of known failures that are not true."""

    def runtest(self) -> None:
        """Fail for each of them."""
        report = self.subject.report()
        wrong = [f"breach of protocol: {remark}" for remark in report.remarks]
        wrong += [f"known failures: {line}" for line in report.stale]
        if wrong:
            raise _Wrong("\n".join(wrong))


class _Wrong(Exception):
    """A subject is wrong; says how."""
