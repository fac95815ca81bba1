"""Does an SDK or a server do what the specification says? The vectors, the checks, and reports on both.

>>> check_sdk("python -m flk.conformance.sdk.subject", ["judge"]).verdict
<Verdict.HOLDS: 'holds'>

`sdk` speaks to SDKs, `server` tries servers, `operations` are the model behind the vectors, `drafts` what the vectors are computed
from, `reports` what came of it, `testing` a plugin of pytest. Nothing here imports the simulator or the service. The names of the
door are loaded when they are first used, so that pytest pays nothing for a plugin that nobody asked for.
"""

from typing import TYPE_CHECKING

from flk.spec.doors import loaded

if TYPE_CHECKING:
    from flk.conformance.delivery.check import check_delivery
    from flk.conformance.delivery.subjects import check_deliveries
    from flk.conformance.reports.report import CaseResult, CaseStatus, Report
    from flk.conformance.sdk.check import check_sdk, reference_subject, vectors
    from flk.conformance.sdk.subjects import check_subjects
    from flk.conformance.server.check import Check
    from flk.conformance.server.examine import check_server, server_checks
    from flk.conformance.server.reference import reference_server
    from flk.model.record.signing import HmacKey
    from flk.spec.vectors import Case, Vectors
    from flk.spec.verdict import Verdict

__all__ = [
    "Case",
    "CaseResult",
    "CaseStatus",
    "Check",
    "HmacKey",
    "Report",
    "Vectors",
    "Verdict",
    "check_deliveries",
    "check_delivery",
    "check_sdk",
    "check_server",
    "check_subjects",
    "reference_server",
    "reference_subject",
    "server_checks",
    "vectors",
]

_HOMES = {
    "flk.conformance.delivery.check": ("check_delivery",),
    "flk.conformance.delivery.subjects": ("check_deliveries",),
    "flk.conformance.reports.report": (
        "CaseResult",
        "CaseStatus",
        "Report",
    ),
    "flk.conformance.sdk.check": (
        "check_sdk",
        "reference_subject",
        "vectors",
    ),
    "flk.conformance.sdk.subjects": ("check_subjects",),
    "flk.conformance.server.check": ("Check",),
    "flk.conformance.server.examine": (
        "check_server",
        "server_checks",
    ),
    "flk.conformance.server.reference": ("reference_server",),
    "flk.model.record.signing": ("HmacKey",),
    "flk.spec.vectors": (
        "Case",
        "Vectors",
    ),
    "flk.spec.verdict": ("Verdict",),
}


def __getattr__(name: str) -> object:
    """An exported name, loaded when it is first used."""
    return loaded(__name__, name, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
