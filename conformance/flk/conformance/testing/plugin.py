"""The pytest plugin: `pytest --flk-subject SUBJECT` makes each case of the kit a test.

SUBJECT is a subject file (`flk-subject.toml`) or a command. A test is called `NAME::OPERATION/CASE`; `-k` chooses by parts of names
and by requirements (`-k SIGN-1`), and only what is chosen is asked. What is declined is skipped, a known failure is an xfail. The
test `NAME::protocol` fails for breaches of the protocol and for a list of known failures that is not true.
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


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--flk-subject`, and for a command what a subject file would say of it."""
    add = parser.getgroup("flk-conformance", "conformance of an SDK (FLK Lab)").addoption
    add(OPTION, metavar="SUBJECT", action="append", default=[], help="ask this subject: a subject file, or a command")
    add("--flk-profile", metavar="NAME", help="ask a subject that is a command for this profile")
    add("--flk-known-failures", metavar="FILE", help="failures of a subject that is a command that are expected")


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
        known, profile = config.getoption("--flk-known-failures"), config.getoption("--flk-profile")
        entry = Entry("subject", given, profile=profile, known_failures=known)
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

    def report(self) -> "Report":
        """The report on the cases whose tests were chosen; on all of them if none was. Raises UnusableInput."""
        from flk.spec.errors import UnusableInput

        if self._report is None:
            chosen = tuple(item.name for item in self.session.items if item.parent is self and isinstance(item, Case))
            try:
                self._report = self.file.ask(self.entry, cases=chosen, progress=False)
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
        from flk.conformance.reports.terminal import written_out

        result = self.subject.result(self.name)
        if result.status is CaseStatus.DECLINED:
            pytest.skip(f"declined: {result.detail}")
        if result.status is CaseStatus.KNOWN:
            pytest.xfail(result.detail)
        if not result.conforms:
            told = [f"{', '.join(result.requirements)}{written_out(result).plain}"]
            told += [f"diagnosis: {one.says}" for one in self.subject.report().diagnoses if self.name in one.cases]
            raise _Wrong("\n".join(told))


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
