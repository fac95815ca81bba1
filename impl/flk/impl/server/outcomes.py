"""Outcomes by id: what is stored of a record, for whoever may know it (API-2, API-3)."""

import re

import structlog

from flk.impl.http.messages import Respond
from flk.impl.server.reading import Reading
from flk.impl.server.refusing import told
from flk.model.entries.entry import Key
from flk.model.flow.submission import Response, refuse
from flk.model.programs.recall import recall
from flk.model.refusal import Malformed, Refused, unavailable
from flk.spec.constants import CONSTANTS

_ID = re.compile(CONSTANTS.record.pcs_id_pattern)
_TENANT = re.compile(CONSTANTS.node.tenant_pattern)

log = structlog.get_logger()


class Outcomes:
    """Answers questions for outcomes."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def tell(self, tenant: str, pcs_id: str, respond: Respond) -> None:
        """Say what is stored of a record of a tenant."""

        def done(response: Response) -> None:
            respond(told(response))

        def failed(error: Exception) -> None:
            log.error("recall.failed", exc_info=error)
            done(refuse(unavailable("the node failed to look this up")))

        try:
            require_names(tenant, pcs_id)
            self._reading.begin(recall(Key(tenant, pcs_id)), done, failed)
        except Refused as refusal:
            done(refuse(refusal))


def require_names(tenant: str, pcs_id: str) -> None:
    """Return if there may be a record of that name. Raises Malformed."""
    if not _TENANT.fullmatch(tenant):
        raise Malformed("ORD-9", f"a tenant matches {_TENANT.pattern}", field="tenant")
    if not _ID.fullmatch(pcs_id):
        raise Malformed("ID-1", f"an id matches {_ID.pattern}", field="pcs_id")
