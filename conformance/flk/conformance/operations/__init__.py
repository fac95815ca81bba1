"""The operations of the SDK protocol, each a thin translation between JSON and the model.

An operation is a function of one form. Its name, its form and its docstring are what other languages see.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Never, TypeAlias, get_type_hints

import msgspec
from msgspec import Raw

from flk.conformance.operations import (
    canonical,
    clocks,
    drawing,
    node,
    notes,
    placement,
    policies,
    records,
    segments,
    signals,
    signatures,
    trees,
)
from flk.model.refusal import Refused

Operation: TypeAlias = Callable[[Never], object]
"""A function of one form, whichever: `perform` decodes what it takes."""

OPERATIONS: dict[str, Operation] = {
    operation.__name__: operation
    for operation in (
        canonical.fixed9,
        canonical.canonical,
        signatures.sign,
        signatures.authenticate,
        records.pcs_id,
        records.validate,
        records.content_digest,
        records.judge,
        signals.d_hat,
        signals.regime,
        signals.budget,
        signals.coherence,
        signals.compressibility,
        signals.count_cells,
        trees.merkle_root,
        trees.data_root,
        trees.legacy_root,
        trees.inclusion_proof,
        trees.verify_inclusion,
        trees.consistency_proof,
        trees.verify_consistency,
        clocks.hlc_tick,
        clocks.hlc_observe,
        clocks.join,
        segments.frame,
        segments.scan,
        segments.verify_segment,
        placement.ring_owner,
        placement.pause,
        drawing.vrf_prove,
        drawing.vrf_verify,
        drawing.vrf_seed,
        notes.note_signature,
        notes.checkpoint,
        notes.tiles,
        policies.policy,
        policies.policy_mistakes,
        policies.earlier_policy_digest,
        policies.sign_policy,
        policies.authenticate_policy,
        policies.judging_policy,
        policies.policy_share,
        node.node,
    )
}


class Broken(Exception):
    """The input breaks a requirement; `field` is the record's field at fault, where one is."""

    def __init__(self, requirement: str, field: str | None = None) -> None:
        super().__init__(requirement)
        self.requirement = requirement
        self.field = field


def perform(operation: Operation, question: Raw) -> Raw:
    """The operation's value as JSON. Raises Broken, and whatever a mistake of ours or of the question raises."""
    given = msgspec.json.decode(question, type=form(operation))
    try:
        value = operation(given)  # type: ignore[arg-type]  # of the operation's own form
    except Refused as refusal:
        raise Broken(refusal.requirement, refusal.field) from None
    except UnicodeEncodeError:
        raise Broken("C14N-5") from None
    except (ValueError, LookupError) as error:
        named = re.match(r"([A-Z0-9]+-[0-9]+): ", str(error))
        if named is None:
            raise
        raise Broken(named[1]) from None
    return Raw(msgspec.json.encode(value))


@cache
def form(operation: Operation) -> type[msgspec.Struct]:
    """The form of the operation's input."""
    given: type[msgspec.Struct] = get_type_hints(operation)["given"]
    return given
