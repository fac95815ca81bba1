"""What agents are given to deliver, one by one, and what became of it."""

from math import nan

from flk.model.flow.submission import Response, Submission
from flk.model.programs.outbox import Delivery
from flk.sim.clients.arrivals import Arrival
from flk.sim.world.events import Intent


class Item:
    """Something an agent was given to deliver, the last answer it got for it and from where, and how it ended (None: not yet)."""

    __slots__ = (
        "arrival",
        "attempts",
        "delivery",
        "intent",
        "number",
        "over",
        "region",
        "response",
        "rounds",
        "submission",
    )

    def __init__(self, number: int, arrival: Arrival, submission: Submission, intent: Intent = Intent.HONEST) -> None:
        self.number = number
        self.arrival = arrival
        self.submission = submission
        self.intent = intent
        self.rounds = 0
        self.attempts = 0
        self.response: Response | None = None
        self.region = ""
        self.delivery: Delivery | None = None
        self.over = nan
