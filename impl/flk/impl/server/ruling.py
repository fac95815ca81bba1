"""Changes of policies that an operator asks of a node that serves (POL-6, POL-9)."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec

from flk.impl.server.runtime import Runtime
from flk.model.policies.reading import read
from flk.model.policies.ruling import Change, Kind, Ruling
from flk.model.policies.signing import PolicyKeys
from flk.model.programs.rule import in_force, rule
from flk.model.refusal import Malformed


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request: what to do, with which policy or version, for what share of the tenants. Who asks, the token says."""

    kind: Kind
    policy: msgspec.Raw = msgspec.Raw()
    version: str = ""
    share: int = 0


class Rulings(NamedTuple):
    """What can be asked of a node about policies."""

    change: Callable[[Change], Awaitable[Ruling]]
    current: Callable[[], Awaitable[Ruling]]


def rulings(runtime: Runtime, keys: Callable[[], PolicyKeys]) -> Rulings:
    """What can be asked of a node with these keys. It is done between two batches, so no record is logged under one and judged by
    another.
    """

    async def change(change: Change) -> Ruling:
        return await runtime.background.run(rule(change, keys()), lambda *_: None)

    async def current() -> Ruling:
        return await runtime.background.run(in_force(keys()), lambda *_: None)

    return Rulings(change, current)


def change_asked(body: bytes, by: str) -> Change:
    """The change that a body asks for. Raises Malformed, which names the first mistake."""
    try:
        asked = msgspec.json.decode(body, type=Asked)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed("POL-1", f"the body asks for no change of policies: {error}") from None
    if not asked.policy:
        return Change(asked.kind, by, version=asked.version, share=asked.share)
    reading = read(bytes(asked.policy))
    if reading.policy is None:
        first = reading.mistakes[0]
        raise Malformed("POL-2", f"policy: {first}", field=first.field)
    return Change(asked.kind, by, policy=reading.policy, version=asked.version, share=asked.share)
