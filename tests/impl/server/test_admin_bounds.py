"""What operators ask is bounded, and waits in threads: the event loop goes on."""

import asyncio
from pathlib import Path
from threading import Event

import pytest
from tests.support.impl.rig import Rig

from flk.impl.access import Access, Role, add_token
from flk.impl.http.messages import Answer, Request
from flk.impl.server.admin import LIMITS, Admin, Serving
from flk.impl.server.metrics import Metrics
from flk.impl.server.outcomes import Outcomes
from flk.impl.server.probes import Probes
from flk.impl.server.progress import Progress
from flk.impl.server.reading import Reading
from flk.impl.server.reload import Reload
from flk.impl.server.ruling import rulings
from flk.impl.server.scrapes import Scrapes
from flk.impl.storage.inspecting import Distribution, Inspected
from flk.model.refusal import Unavailable, unavailable
from flk.spec.errors import UnusableInput


class Slow(Inspected):
    """Shards that answer when they are let, or fail as they are told."""

    def __init__(self, let: Event, failure: Exception | None = None) -> None:
        self._let = let
        self._failure = failure

    def distribution(self) -> Distribution:
        self._let.wait(20)
        if self._failure is not None:
            raise self._failure
        return Distribution([], moving=False)


def asking(directory: Path) -> tuple[Admin, Request, Rig]:
    """An admin listener's handler, and a question of an operator's."""
    token = add_token(directory / "access.toml", "a", Role.OPERATOR, None)
    metrics = Metrics()
    admin = Admin(Probes(metrics, Progress()), Access(directory / "access.toml"), Scrapes(metrics), Reload())
    asked = Request(method=b"GET", path=b"/admin/shards", headers={b"authorization": f"Bearer {token}".encode()})
    return admin, asked, Rig(directory / "data")


def serving(rig: Rig, shards: Inspected) -> Serving:
    """What can be asked then."""
    return Serving(Outcomes(Reading(rig.node, rig.runtime.background)), shards, None, tuple, rulings(rig.runtime, dict))


def test_questions_to_stores_do_not_hold_the_loop_and_are_bounded(tmp_path: Path) -> None:
    """While as many wait as there may be, the loop goes on, and one more gets 503; then there is room again (API-5)."""
    admin, asked, rig = asking(tmp_path)
    let = Event()
    admin.serving = serving(rig, Slow(let))
    answers: list[Answer] = []

    async def story() -> None:
        for _ in range(LIMITS.max_questions + 1):
            admin.handle(asked, answers.append)
        assert [(answer.status, b"retry-after" in answer.headers) for answer in answers] == [(503, True)]
        let.set()
        while len(answers) <= LIMITS.max_questions:
            await asyncio.sleep(0.001)
        admin.handle(asked, answers.append)
        while len(answers) < LIMITS.max_questions + 2:
            await asyncio.sleep(0.001)

    asyncio.run(story())
    rig.close()
    assert [answer.status for answer in answers[1:]] == [200] * (LIMITS.max_questions + 1)


@pytest.mark.parametrize(
    ("failure", "status"),
    [(unavailable("away"), 503), (UnusableInput("no such file"), 503), (ZeroDivisionError(), 500)],
)
def test_a_question_that_fails_is_answered(tmp_path: Path, failure: Exception, status: int) -> None:
    """503 for a store that is away, 500 for a defect; a node that starts says that it does (OBS-4)."""
    admin, asked, rig = asking(tmp_path)
    answers: list[Answer] = []

    async def story() -> None:
        admin.handle(asked, answers.append)
        let = Event()
        let.set()
        admin.serving = serving(rig, Slow(let, failure))
        admin.handle(asked, answers.append)
        while len(answers) < 2:
            await asyncio.sleep(0.001)

    asyncio.run(story())
    rig.close()
    assert [answer.status for answer in answers] == [Unavailable.status, status]
