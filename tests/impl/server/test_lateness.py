"""Refusals for a quota are given late and one by one, each once, and nobody else's answer waits for them (TEN-1)."""

import asyncio
import heapq
from collections.abc import Callable
from contextlib import closing
from functools import partial
from itertools import count, pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.impl.rig import Rig
from tests.support.model.world import EXAMINE, FORGED, HONEST, pcs, submission

from flk.impl.http.messages import Answer, Request
from flk.impl.server.admission import Admission
from flk.impl.server.lateness import Late
from flk.impl.server.routes import Service
from flk.model.flow.answers import BATCH_PATH, SUBMIT_PATH
from flk.model.flow.quota import Tenant
from flk.spec.constants import CONSTANTS

POLICY = msgspec.structs.replace(CONSTANTS.tenants, late_seconds=10.0, late_gap_seconds=2.0, max_late=4)


class Clock:
    """What stands for the event loop: time goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self._order = count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, work: Callable[[], None]) -> None:
        heapq.heappush(self._due, (when, next(self._order), work))

    def go_on(self, seconds: float) -> None:
        until = self.now + seconds
        while self._due and self._due[0][0] <= until:
            self.now, _, work = heapq.heappop(self._due)
            work()
        self.now = until


@settings(deadline=None)
@given(st.lists(st.floats(0, 20), max_size=40))
def test_each_refusal_is_given_once_late_and_apart_from_others(pauses: list[float]) -> None:
    """Whenever they come: not before its time, not with another, and only where as many wait as may at once."""
    clock, late = Clock(), Late(POLICY)
    given_at: dict[int, float] = {}
    begun_at: dict[int, float] = {}

    def noted(number: int) -> None:
        assert number not in given_at
        given_at[number] = clock.now

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "get_running_loop", lambda: clock)
        for number, pause in enumerate(pauses):
            clock.go_on(pause)
            waiting = len(begun_at) - len(given_at)
            begun_at[number] = clock.now
            late.give(partial(noted, number))
            assert (number in given_at) == (waiting == POLICY.max_late)
        at_once = {number for number, when in given_at.items() if when == begun_at[number]}
        clock.go_on(1000)
    assert given_at.keys() == begun_at.keys()
    held = [number for number in begun_at if number not in at_once]
    assert all(given_at[number] - begun_at[number] >= POLICY.late_seconds - 1e-9 for number in held)
    assert all(given_at[b] - given_at[a] >= POLICY.late_gap_seconds - 1e-9 for a, b in pairwise(held))
    most = POLICY.late_seconds + POLICY.max_late * POLICY.late_gap_seconds
    assert all(given_at[number] - begun_at[number] <= most for number in held)


def test_what_is_not_refused_for_the_quota_does_not_wait(tmp_path: Path) -> None:
    """A forged record of the same tenant and a record of another are answered while the refusal waits, which holds no room of the
    node; so does a batch of which a line is refused (TEN-1, TEN-2).
    """
    with closing(Rig(tmp_path)) as rig:
        rig.node.tenants.replace({"default": Tenant(records_per_second=0.001, burst=1)}, Tenant(), 0.0)
        rig.node.tenants.charge("default", rig.node.time.steady())
        service = Service(rig.runtime, "eu", EXAMINE, Admission(CONSTANTS.garbage, lambda: 1 << 40))
        answered: list[str] = []

        async def ask(path: str, body: bytes, tenant: str, name: str) -> Answer:
            kind = b"application/x-ndjson" if path == BATCH_PATH else b"application/json"
            fields = {b"x-tenant-id": tenant.encode(), b"content-type": kind}
            done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            service.handle(Request("192.0.2.7", b"POST", path.encode(), headers=fields, body=body), done.set_result)
            answer = await done
            answered.append(f"{name} {answer.status}")
            assert rig.node.in_flight == 0 or name in {"forged", "other"}
            return answer

        async def story(rig: Rig) -> list[Answer]:
            del rig
            return [
                *await asyncio.gather(
                    ask(SUBMIT_PATH, HONEST.body, "default", "over"),
                    ask(BATCH_PATH, HONEST.body + b"\n" + FORGED.body, "default", "lines"),
                    ask(SUBMIT_PATH, FORGED.body, "default", "forged"),
                    ask(SUBMIT_PATH, submission(pcs(), tenant="other").body, "other", "other"),
                )
            ]

        _, lines, _, _ = rig.serve(story)
    assert sorted(answered[:2]) == ["forged 401", "other 200"]
    assert sorted(answered[2:]) == ["lines 200", "over 429"]
    assert [msgspec.json.decode(line)["status"] for line in lines.body.splitlines()] == [429, 401]
