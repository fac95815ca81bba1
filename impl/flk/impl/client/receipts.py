"""What became of submissions: of one, and of many."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from flk.model.flow.answers import STATES_ENTRY
from flk.model.flow.submission import Problem, Response, StoredOutcome, Submission
from flk.model.log.hlc import Timestamp
from flk.model.programs.outbox import Delivery


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one submission: how its delivery ended, after how many posts, and the last answer (None if none came).

    `outcome` is what the service has stored under the record's id, if it said so: that of the record, or, where `delivery` is
    DEAD, that of another content which came before. `problem` is why the service refused the record. A POSTPONED one waits in the
    outbox for the next `flush`.

    >>> receipt = Receipt(0, Submission("acme", b"{}"), Delivery.POSTPONED, posts=5, response=None)
    >>> receipt.delivery.value, receipt.outcome, receipt.problem
    ('postponed', None, None)
    """

    id: Timestamp
    submission: Submission
    delivery: Delivery
    posts: int
    response: Response | None

    @property
    def outcome(self) -> StoredOutcome | None:
        """The stored outcome."""
        if self.response is None or self.delivery is Delivery.POSTPONED or self.response.status not in STATES_ENTRY:
            return None
        return msgspec.json.decode(self.response.body, type=StoredOutcome)

    @property
    def problem(self) -> Problem | None:
        """Why the service refused the record for good."""
        if self.response is None or self.delivery is not Delivery.DEAD or self.response.status in STATES_ENTRY:
            return None
        return msgspec.json.decode(self.response.body, type=Problem)


@dataclass
class Summary:
    """Counts of the submissions of one call, by how they ended. `queued` includes what waited from before.

    >>> summary = Summary(queued=3, dead=1)
    >>> summary.acknowledged[200] += 1
    >>> summary.pending, summary.complete
    (1, False)
    """

    queued: int = 0
    acknowledged: Counter[int] = field(default_factory=Counter)
    """Those whose outcome is stored, by the status of the answer: 200, or 202 if it is escalated."""
    dead: int = 0
    """Those that the service refused for good: `dead_letters` of the client has them."""
    retries: int = 0

    @property
    def pending(self) -> int:
        """How many wait in the outbox."""
        return self.queued - self.acknowledged.total() - self.dead

    @property
    def complete(self) -> bool:
        """Whether every submission is acknowledged."""
        return self.acknowledged.total() == self.queued

    def add(self, receipt: Receipt) -> None:
        """Count one delivery that ended."""
        self.retries += max(0, receipt.posts - 1)
        self.dead += receipt.delivery is Delivery.DEAD
        if receipt.delivery is Delivery.ACKNOWLEDGED and receipt.response is not None:
            self.acknowledged[receipt.response.status] += 1


Told: TypeAlias = Callable[[Receipt], object]
"""Who is told of each delivery as it ends."""
