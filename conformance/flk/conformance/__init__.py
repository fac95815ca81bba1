"""Does an SDK or a server do what the specification says? The vectors, the checks, and reports on both.

>>> check_sdk("python -m flk.conformance.sdk.subject", ["judge"]).verdict
<Verdict.HOLDS: 'holds'>

`sdk` speaks to SDKs, `server` tries servers, `operations` are the model behind the vectors, `drafts` what the vectors are computed
from, `reports` what came of it. Nothing here imports the simulator or the service.
"""

from flk.conformance.reports.report import CaseResult, CaseStatus, Report
from flk.conformance.sdk.check import check_sdk, reference_subject, vectors
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
    "check_sdk",
    "check_server",
    "reference_server",
    "reference_subject",
    "server_checks",
    "vectors",
]
