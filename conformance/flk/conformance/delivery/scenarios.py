"""What the scripted server plays. A scenario is a claim, the requirements it bears on, and an answer for each attempt.

What a sender must do follows from what its answers mean (`judge`); no scenario says it again.
"""

from enum import Enum, auto
from typing import NamedTuple

from flk.conformance.delivery.answers import (
    ANOTHER_CONTENT,
    ANOTHER_ID,
    ENDLESS,
    EQUIVOCATION,
    HONEST,
    NO_OUTCOME,
    OWN_CONFLICT,
    Answer,
    Manner,
    badly,
    busy,
    busy_until,
    failing,
    refused,
)


class Between(Enum):
    """What happens between two rounds."""

    NOTHING = auto()
    RESTART = auto()  # the process is killed after its answer, and another goes on
    DAMAGE = auto()  # copies of the outbox are gone on from, in each of which another bit flips


class Scenario(NamedTuple):
    """`answers` are given to each record's attempts in turn, honest ones after them, through as many rounds as that takes."""

    name: str
    requirements: tuple[str, ...]
    claim: str
    answers: tuple[Answer, ...]
    records: int = 1
    changes: tuple[tuple[str, object], ...] = ()
    between: Between = Between.NOTHING
    exchanged: bool = False
    """Whether a record's first answer is the honest one about the other record."""

    @property
    def waits(self) -> float:
        """Seconds that the answers ask for."""
        return sum(answer.most for answer in self.answers)


SILENCE = badly(Manner.SILENT)
REDIRECT = (("Location", "/elsewhere"),)
RECORDS_FOR_JITTER = 40
ROUNDS_BEFORE_DAMAGE = 2
"""The last record is given in the second, so that it shows where it was written."""

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "busy",
        ("OUT-2", "OUT-3"),
        "429 and 503 are tried again, after pauses.",
        (busy(503), busy(429), busy(503)),
    ),
    Scenario("acknowledged", ("OUT-1", "OUT-2"), "A stored outcome settles a record: it is sent once.", (HONEST,)),
    Scenario(
        "escalated",
        ("OUT-2",),
        "202 is an acknowledgement, too.",
        (HONEST,),
        changes=(("D_hat", 1.4),),
    ),
    Scenario(
        "says-when",
        ("OUT-4",),
        "Retry-After is waited for, after 429 and after 503, and the jitter comes on top of it.",
        (busy(429, "7", 7), busy(503, "3", 3), busy(429, "0", 0)),
    ),
    Scenario("says-when-as-a-date", ("OUT-4",), "Retry-After may be a date.", (busy_until(90.0),)),
    Scenario(
        "asks-for-years",
        ("OUT-4", "OUT-3"),
        "However long Retry-After is, an hour of it counts.",
        (busy(503, "31536000", 31536000), busy(429, "9" * 400, 1e9)),
    ),
    Scenario(
        "asks-for-nonsense",
        ("OUT-2", "OUT-3"),
        "A Retry-After that is neither seconds nor a date asks for nothing.",
        (busy(503, "soon"), busy(503, "-5"), busy(429, "1e9")),
    ),
    Scenario(
        "errors-of-others",
        ("OUT-5", "OUT-2"),
        "404, 405, 500 and 502 say nothing about a record: it stays queued.",
        (failing(404), failing(500), failing(405), failing(502)),
    ),
    Scenario(
        "redirects",
        ("OUT-6",),
        "A redirect settles nothing.",
        (failing(302, b"", REDIRECT), failing(307, b"", REDIRECT), failing(308, b"", REDIRECT)),
    ),
    Scenario("silence", ("OUT-2",), "A record that nobody answers is sent again.", (SILENCE,)),
    Scenario(
        "breaks",
        ("OUT-2",),
        "A connection that is reset or ended settles nothing.",
        (badly(Manner.RESET), badly(Manner.HUNG_UP)),
    ),
    Scenario(
        "cut-replies",
        ("OUT-6", "OUT-2"),
        "Half an acknowledgement is none.",
        (badly(Manner.CUT), badly(Manner.CUT)),
    ),
    Scenario("endless-reply", ("OUT-6",), "An answer without end settles nothing.", (ENDLESS,)),
    Scenario(
        "portal",
        ("OUT-6",),
        "A captive portal's 200 acknowledges nothing, in whatever form it comes.",
        (failing(200), failing(200, b"{}"), failing(202, b""), failing(200, b"null")),
    ),
    Scenario("no-outcome", ("OUT-6",), "Id and digest without an outcome acknowledge nothing.", (NO_OUTCOME,)),
    Scenario("another-record", ("OUT-6",), "The outcome of another id acknowledges nothing.", (ANOTHER_ID,)),
    Scenario("another-content", ("OUT-6",), "The outcome of another content acknowledges nothing.", (ANOTHER_CONTENT,)),
    Scenario(
        "answers-exchanged",
        ("OUT-6",),
        "Of two records each is settled by its own answer, whichever comes first.",
        (),
        records=2,
        exchanged=True,
    ),
    Scenario(
        "refusals-of-others",
        ("OUT-6", "OUT-5"),
        "A proxy's 400, 401 or 413 makes no dead letter.",
        (failing(401), failing(413), failing(400, b'{"error":"bad request"}'), failing(403)),
    ),
    Scenario(
        "conflict-about-nothing",
        ("OUT-6",),
        "A 409 that is not about the record, or contradicts itself, makes no dead letter.",
        (failing(409), OWN_CONFLICT, failing(409, b"{}")),
    ),
    *(
        Scenario(
            f"refused-{status}",
            ("OUT-5",),
            f"A refusal with {status} makes one dead letter, after one attempt, however often the agent is started.",
            (refused(status, requirement),),
            between=Between.RESTART,
        )
        for status, requirement in ((400, "REC-5"), (401, "SIGN-6"), (413, "ORD-5"))
    ),
    Scenario(
        "refused-409",
        ("OUT-5",),
        "An equivocation makes one dead letter, after one attempt, however often the agent is started.",
        (EQUIVOCATION,),
        between=Between.RESTART,
    ),
    Scenario(
        "refused-after-trouble",
        ("OUT-5", "OUT-2"),
        "What is refused for good at the third attempt is a dead letter as well.",
        (busy(503), badly(Manner.HUNG_UP), refused(400, "REC-5")),
        between=Between.RESTART,
    ),
    Scenario(
        "long-outage",
        ("OUT-2", "OUT-3"),
        "A round has at most five attempts, and the next one goes on.",
        (busy(503),) * 12,
    ),
    Scenario(
        "long-outage-and-restarts",
        ("OUT-1", "OUT-2"),
        "A record outlives the agent, and is sent again byte for byte as it was.",
        (busy(503),) * 7,
        records=2,
        between=Between.RESTART,
    ),
    Scenario(
        "acknowledged-and-restarted",
        ("OUT-2",),
        "An acknowledgement outlives the agent.",
        (busy(429), HONEST),
        records=2,
        between=Between.RESTART,
    ),
    Scenario(
        "killed-in-mid-post",
        ("OUT-1", "OUT-2"),
        "A record that was being sent when the agent was killed is sent again, byte for byte.",
        (badly(Manner.KILLS),),
    ),
    Scenario(
        "killed-twice",
        ("OUT-1", "OUT-2"),
        "So is one whose agent was killed again, after an attempt that failed.",
        (busy(503), badly(Manner.KILLS), badly(Manner.KILLS)),
    ),
    Scenario(
        "damaged-outbox",
        ("OUT-7",),
        "If a bit of the outbox flips, wherever, every record arrives as it was given, or the loss is told.",
        (busy(503),) * 5,
        records=3,
        between=Between.DAMAGE,
    ),
    Scenario(
        "crowd",
        ("OUT-3", "OUT-2"),
        "Pauses are drawn evenly: a crowd of agents spreads over the whole of them.",
        (busy(503),),
        records=RECORDS_FOR_JITTER,
    ),
)
