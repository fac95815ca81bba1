"""Asking a server: run the checks against a URL."""

from collections.abc import Iterable

from flk.conformance.reports.report import Progress, Report, Result, Verdict, silent
from flk.conformance.server.check import Check
from flk.conformance.server.checks import CHECKS
from flk.conformance.server.client import Failed, NoAnswer
from flk.conformance.server.target import NotApplicable, Server
from flk.spec.errors import UnusableInput


def examine(server: Server, checks: Iterable[Check] = CHECKS, *, progress: Progress = silent) -> Report:
    """Run the checks, one after the other. Raises UnusableInput if nothing answers at all."""
    try:
        server.client.request("GET", "/health")
    except NoAnswer as silence:
        raise UnusableInput(
            f"{server.client.url}: no server answers there ({silence}); start one, or mend the URL"
        ) from None
    chosen = tuple(checks)
    results = []
    for number, one in enumerate(chosen):
        progress(number, len(chosen), one.name)
        results.append(_tried(one, server))
    return Report(server.client.url, tuple(results), notes=(f"seed {server.seed}",))


def _tried(one: Check, server: Server) -> Result:
    verdict, detail = Verdict.PASSED, ""
    try:
        one.run(server)
    except Failed as failure:
        verdict, detail = Verdict.FAILED, str(failure)
    except NoAnswer as silence:
        verdict, detail = Verdict.SILENT, str(silence)
    except NotApplicable as reason:
        verdict, detail = Verdict.DECLINED, str(reason)
    return Result(one.name, one.claim, one.requirements, verdict, detail)
