"""Servers that tell outcomes by id, with one planted defect each."""

from tests.support.conformance.lasting_defects import DEFECTS
from tests.support.conformance.memory_server import Node
from tests.support.conformance.server_defects import as_duplicate, caught_by, key_of

from flk.conformance.server import recall
from flk.model.entries.entry import Key
from flk.model.flow.submission import Response, Submission
from flk.model.refusal import Unauthenticated

__all__ = ["DEFECTS"]


@caught_by(recall.outcome_by_id)
class TellsWithItsOwnStatus(Node):
    """What is stored is found, so it is a 200."""

    def recall(self, tenant: str, pcs_id: str) -> Response:
        told = super().recall(tenant, pcs_id)
        return Response(200, told.body) if told.status == 202 else told


@caught_by(recall.what_was_refused_has_no_outcome)
class RemembersWhatItRefused(Node):
    """An id that came with a bad signature is known from then on."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: set[Key] = set()

    def submit(self, submission: Submission) -> Response:
        response = super().submit(submission)
        if response.status == Unauthenticated.status:
            self.refused.add(key_of(submission))
        return response

    def recall(self, tenant: str, pcs_id: str) -> Response:
        if Key(tenant, pcs_id) in self.refused:
            return Response(404, b'{"error":"it was refused","requirement":"ORD-3","field":null}')
        return super().recall(tenant, pcs_id)


@caught_by(recall.outcomes_of_others_are_not_told)
class FindsIdsOfAllTenants(Node):
    """The store is asked by id alone."""

    def recall(self, tenant: str, pcs_id: str) -> Response:
        for key, entry in self.entries.entries.items():
            if key.pcs_id == pcs_id:
                return as_duplicate(entry, key)
        return super().recall(tenant, pcs_id)


@caught_by(recall.outcomes_of_others_are_not_told)
class SaysThatItIsSomebodyElses(Node):
    """Another tenant's record is forbidden, not unknown."""

    def recall(self, tenant: str, pcs_id: str) -> Response:
        told = super().recall(tenant, pcs_id)
        if told.status == 404 and any(key.pcs_id == pcs_id for key in self.entries.entries):
            return Response(403, b'{"error":"it is not yours","requirement":"API-1","field":null}')
        return told


@caught_by(recall.outcomes_need_a_token)
class ComparesTheBeginningOfATokenOnly(Node):
    """As a lookup by prefix does."""

    def reader(self, authorization: str) -> str | None:
        return next((t for t, token in self.tokens.items() if authorization.startswith(f"Bearer {token[:4]}")), None)


@caught_by(recall.outcomes_need_a_token)
class NeedsNoToken(Node):
    """Who shows none is the default tenant."""

    def reader(self, authorization: str) -> str | None:
        return super().reader(authorization) if authorization else "default"
