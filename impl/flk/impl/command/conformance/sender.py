"""`flk conform sender`: the project's client, by which its agent delivers, in its forms, as subjects of `flk conform delivery`."""

import asyncio
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypedDict
from urllib.request import urlopen

import msgspec

from flk.conformance.operations.delivery import NAME, Deliver, Told
from flk.conformance.sdk.subject import main as converse
from flk.model.flow.submission import Submission
from flk.model.programs.outbox import POLICY
from flk.model.record.canonical import Profile
from flk.model.record.record import decode
from flk.model.record.signing import Signer
from flk.spec.constants import Outbox as Policy

if TYPE_CHECKING:
    from flk.impl.client.deliveries import Pause
    from flk.impl.client.receipts import Summary


def _wait(given: Deliver, seconds: float, of: str) -> None:
    """A pause on the kit's clock, before the next attempt of a record."""
    with urlopen(f"{given.clock}?seconds={seconds!r}&pcs_id={of}") as answer:  # noqa: S310  # the kit's own
        answer.read()


class _Options(TypedDict):
    """What a round makes of the options of a client."""

    keys: Signer
    outbox: str
    profile: Profile
    policy: Policy
    sleep: "Pause"


def _options(given: Deliver) -> _Options:
    async def sleep(seconds: float, submission: Submission) -> None:
        await asyncio.to_thread(_wait, given, seconds, decode(submission.body).pcs_id)

    policy = msgspec.structs.replace(POLICY, timeout_seconds=given.timeout)
    return _Options(keys=given.key.signer(), outbox=given.outbox, profile=given.profile, policy=policy, sleep=sleep)


def _asynchronous(given: Deliver, *, batches: bool = True) -> Told:
    """A round of the client on an event loop."""
    from flk.impl.client.asynchronous import AsyncClient

    async def played() -> Told:
        async with AsyncClient(given.url, given.tenant, batches=batches, **_options(given)) as client:
            summary = await client.send(given.records)
            return _told(summary, len(client.dead_letters), len(await client.damage()))

    return asyncio.run(played())


def _blocking(given: Deliver) -> Told:
    """A round of the client for threads."""
    from flk.impl.client.blocking import Client

    with Client(given.url, given.tenant, **_options(given)) as client:
        summary = client.send(given.records)
        return _told(summary, len(client.dead_letters), len(client.damage()))


def _told(summary: "Summary", letters: int, damage: int) -> Told:
    return Told(summary.acknowledged.total(), summary.dead, summary.pending, letters, damage)


def _alone(given: Deliver) -> Told:
    """A round of the client that sends each record in a request of its own."""
    return _asynchronous(given, batches=False)


FORMS: dict[str, Callable[[Deliver], Told]] = {
    "client": _blocking,
    "async-client": _asynchronous,
    "async-client-alone": _alone,
}


def main(form: str = "client") -> None:
    """Converse on stdin and stdout."""
    converse({NAME: FORMS[form]}, f"flk-lab {form}")


if __name__ == "__main__":
    main(*sys.argv[1:])
