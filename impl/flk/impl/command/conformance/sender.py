"""`flk conform sender`: the project's agent as a subject of `flk conform delivery`."""

from pathlib import Path
from urllib.request import urlopen

import msgspec

from flk.conformance.operations.delivery import NAME, Deliver, Told
from flk.conformance.sdk.subject import main as converse
from flk.impl.agent.delivery import Tally, deliver_all
from flk.impl.agent.outbox import Outbox
from flk.impl.agent.service import Service
from flk.model.flow.submission import Submission
from flk.model.programs.outbox import POLICY
from flk.model.record.record import encode
from flk.model.record.summary import signed


def deliver(given: Deliver) -> Told:
    """A round of the agent, one submission after the other, its pauses taken on the kit's clock."""

    def sleep(seconds: float) -> None:
        with urlopen(f"{given.clock}?seconds={seconds!r}") as answer:  # noqa: S310  # the kit's own
            answer.read()

    signer, tally = given.key.signer(), Tally()
    submissions = (Submission(given.tenant, encode(signed(record, signer, given.profile))) for record in given.records)
    policy = msgspec.structs.replace(POLICY, timeout_seconds=given.timeout)
    with Outbox(Path(given.outbox)) as outbox:
        for event in deliver_all(outbox, Service(given.url), submissions, 1, policy, sleep):
            tally.add(event)
        letters, damage = len(outbox.dead) + tally.dead, len(outbox.damage())
        return Told(tally.acknowledged.total(), tally.dead, tally.pending, letters, damage)


def main() -> None:
    """Converse on stdin and stdout."""
    converse({NAME: deliver}, "flk-lab agent")


if __name__ == "__main__":
    main()
