"""Tenants of a real node: quotas, locking out, reloading, and the metrics by tenant (TEN-*)."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest
from tests.support.impl.client import Client, Reply, keys_of, sample
from tests.support.impl.rig import MANY, Rig
from tests.support.model.world import EXAMINE, FORGER, pcs, submission

from flk.formal.api.subject import find
from flk.formal.api.validating import validate
from flk.impl.server.metrics import Metrics
from flk.impl.server.process import server_process
from flk.impl.server.runtime import MAX_DOUBTFUL
from flk.impl.server.tenancy import Tenancy
from flk.impl.server.trace import Trace
from flk.impl.server.trace_reader import encoded, events_of
from flk.model.flow.quota import Tenant
from flk.model.flow.submission import Response, Submission
from flk.model.flow.tenants import Tenants
from flk.model.flow.timekeeping import Timekeeper
from flk.model.programs.bounded import receive
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

NARROW = "records_per_second = 0.001\nburst = 3"


def tenants_file(directory: Path, **entries: str) -> Path:
    """A tenants file of these entries; a name with two underscores at its end is that of all others."""
    path = directory / "tenants.toml"
    path.write_text("".join(f'[[tenant]]\nid = "{name}"\n{text}\n' for name, text in entries.items()))
    return path


def of(tenant: str, epoch: int) -> Submission:
    """An authentic record."""
    return submission(pcs(epoch=epoch), tenant=tenant)


class Node:
    """A running node with a tenants file, and a client of it."""

    def __init__(self, path: Path, reload: Callable[[], None], client: Client) -> None:
        self.path = path
        self.reload = reload
        self.client = client

    def status(self, sent: Submission) -> int:
        return self.client.submit(sent).status

    def becomes(self, sent: Submission, status: int) -> Reply:
        """The answer, once it has that status."""
        end = time.monotonic() + 20
        while (answer := self.client.submit(sent)).status != status:
            assert time.monotonic() < end
            time.sleep(0.02)
        return answer


@contextmanager
def node(directory: Path, *options: str, **entries: str) -> Iterator[Node]:
    """Start one."""
    path = tenants_file(directory, **entries)
    with (
        server_process(directory / "data", keys_of(directory), ("--tenants", str(path), *options)) as server,
        closing(Client(server)) as client,
    ):
        yield Node(path, lambda: server.process.send_signal(signal.SIGHUP), client)


@pytest.mark.slow
def test_forged_records_spend_nobodys_quota(tmp_path: Path) -> None:
    """However many name the tenant, all three records of its burst are taken, and the other tenant's too; then forgeries are
    still 401 and records 429, which counts for no address.
    """
    with node(tmp_path, default=NARROW) as started:
        forged = [submission(pcs(epoch=epoch), FORGER) for epoch in range(20)]
        assert {started.status(each) for each in forged} == {401}
        assert [started.status(of("default", epoch)) for epoch in range(5)] == [200, 200, 200, 429, 429]
        assert {started.status(each) for each in forged} == {401}
        assert [started.status(of("other", epoch)) for epoch in range(5)] == [200] * 5
        refused = started.client.submit(of("default", 9))
        assert refused.json()["requirement"] == "TEN-1"
        assert 900 < int(refused.headers["retry-after"]) < 1000
        assert sample(started.client, "flk_ingest_total") == 20 + 3 + 20 + 5  # the frames of the log
        assert sample(started.client, "flk_tenant_over_quota_total") == 3


@pytest.mark.slow
def test_what_is_refused_for_the_quota_counts_for_no_address(tmp_path: Path) -> None:
    """More of it than an address may send of what nobody signed; what is not signed still counts (HTTP-9)."""
    bounds = ("--limit", "peer_burst_bytes=4096", "--limit", "peer_bytes_per_second=1")
    with node(tmp_path, *bounds, default=NARROW) as started:
        answers = [started.client.submit(of("default", epoch)).json().get("requirement") for epoch in range(11)]
        assert answers == [None] * 3 + ["TEN-1"] * 8
        forged = [started.client.submit(submission(pcs(epoch=9), FORGER)).json()["requirement"] for _ in range(10)]
        assert forged[0] == "SIGN-6"
        assert forged[-1] == "HTTP-9"


def test_a_tenant_is_locked_out_and_let_in_again_while_the_node_runs(tmp_path: Path) -> None:
    """401 as for one without a key, whose records are not logged; a quota comes and goes likewise."""
    with node(tmp_path, default="active = true") as started:
        assert started.status(of("default", 1)) == 200
        tenants_file(tmp_path, default="active = false")
        started.reload()
        told = started.becomes(of("default", 2), 401)
        assert told.body == started.client.submit(submission(pcs(epoch=2), FORGER)).body
        tenants_file(tmp_path, default=NARROW)
        started.reload()
        started.becomes(of("default", 3), 200)
        assert [started.status(of("default", epoch)) for epoch in (4, 5, 6)] == [200, 200, 429]
        tenants_file(tmp_path, other=NARROW)
        started.reload()
        started.becomes(of("default", 6), 200)


def test_a_file_with_a_mistake_leaves_what_was(tmp_path: Path) -> None:
    """The quota counts on, and what was used stays used."""
    tenants, time_ = Tenants(), Timekeeper(lambda: 5.0, lambda: 5.0)
    path = tenants_file(tmp_path, default="records_per_second = 1\nburst = 1")
    tenancy = Tenancy(path, tenants, Metrics(), time_)
    tenants.charge("default", 5.0)
    path.write_text("[[tenant]]\nid = 3\n")
    with pytest.raises(UnusableInput, match=f"{path}:2"):
        tenancy.reload()
    with pytest.raises(Exception, match="1 records a second"):
        tenants.require_room("default", 5.0)


def test_what_is_answered_is_there_after_a_restart_without_the_file(tmp_path: Path) -> None:
    """And what was refused is not; what was used is forgotten, since it stands in memory alone (TEN-3)."""
    with closing(Rig(tmp_path)) as rig:
        rig.node.tenants.replace({"default": Tenant(records_per_second=0.001, burst=5)}, Tenant(), 0.0)
        answers = rig.serve(lambda rig: served(rig, MANY[:20]))
        assert sorted({answer.status for answer in answers}) == [200, 429]
        known = rig.entries()
        assert len(rig.logged()) == len(known) == sum(answer.status == 200 for answer in answers)
    (tmp_path / "entries.sqlite").unlink()
    with closing(Rig(tmp_path)) as rig:
        rig.recover()
        assert rig.entries() == known


async def served(rig: Rig, sent: list[Submission]) -> list[Response]:
    """Answers to submissions that come one by one, three in flight at a time."""
    answers = []
    for first in range(0, len(sent), 3):
        programs = [receive(each, rig.region, EXAMINE, rig.node.tenants) for each in sent[first : first + 3]]
        answers += await asyncio.gather(*map(rig.runtime.start, programs))
    return answers


def test_a_step_of_wall_time_gives_nobody_a_record(tmp_path: Path) -> None:
    """An hour more on the wall: the bucket fills by the steady clock (TEN-1)."""
    wall, steady = [1_700_000_000.0], [50.0]
    keeper = Timekeeper(lambda: wall[0], lambda: steady[0], trusts_wall=True)
    with closing(Rig(tmp_path, now=lambda: wall[0], timekeeper=keeper)) as rig:
        rig.node.tenants.replace({"default": Tenant(records_per_second=0.1, burst=1)}, Tenant(), 0.0)

        async def story(rig: Rig) -> list[int]:
            statuses: list[int] = []
            for step, passed in ((0.0, 0.0), (50.0, 0.0), (-40.0, 0.0), (0.0, 10.0)):
                wall[0] += step + passed
                steady[0] += passed
                statuses += [answer.status for answer in await served(rig, [MANY[len(statuses)]])]
            return statuses

        assert rig.serve(story) == [200, 429, 429, 200]


def test_who_is_within_its_quota_is_answered_first(tmp_path: Path) -> None:
    """However many records of one whose quota is used up came before: they wait, some to a batch, and all are answered (TEN-1)."""
    with closing(Rig(tmp_path)) as rig:
        rig.node.tenants.replace({"default": Tenant(records_per_second=0.001, burst=1)}, Tenant(), 0.0)
        rig.node.tenants.charge("default", rig.node.time.steady())
        answered: list[str] = []

        async def one(sent: Submission) -> None:
            answer = await rig.runtime.start(receive(sent, rig.region, EXAMINE, rig.node.tenants))
            answered.append(f"{sent.tenant} {answer.status}")

        async def story(rig: Rig) -> None:
            sent = [of("default", 1)] * (2 * MAX_DOUBTFUL) + [of("other", epoch) for epoch in range(3)]
            await asyncio.gather(*map(one, sent))

        rig.serve(story)
        assert answered == ["other 200"] * 3 + ["default 429"] * 2 * MAX_DOUBTFUL
        assert rig.node.in_flight == 0


def test_noise_without_end_keeps_no_node_from_catching_up(tmp_path: Path) -> None:
    """The store fails and comes back while a tenant over its quota sends again as soon as it is refused (ORD-4)."""
    with closing(Rig(tmp_path)) as rig:
        rig.node.tenants.replace({"default": Tenant(records_per_second=0.001, burst=1)}, Tenant(), 0.0)
        rig.node.tenants.charge("default", rig.node.time.steady())

        async def noise(rig: Rig, over: asyncio.Event) -> None:
            while not over.is_set():
                program = receive(MANY[0], rig.region, EXAMINE, rig.node.tenants)
                assert (await rig.runtime.start(program)).status == 429

        async def story(rig: Rig) -> int:
            over = asyncio.Event()
            noisy = [asyncio.create_task(noise(rig, over)) for _ in range(3 * MAX_DOUBTFUL)]
            rig.store.down = True
            assert (await rig.submit(of("other", 1))).status == 503
            rig.store.down = False
            while rig.node.behind:
                await asyncio.sleep(0.02)
            status = (await rig.submit(of("other", 1))).status
            over.set()
            await asyncio.gather(*noisy)
            return status

        assert rig.serve(story) == 200


def test_a_trace_of_quotas_is_one_that_the_protocol_allows(tmp_path: Path) -> None:
    """Refused for the quota, locked out, forged and taken: each is a run of `ingest`, and what was not logged is none of its
    events.
    """
    trace = Trace(tmp_path / "trace.jsonl", "eu.000001", EXAMINE)
    with closing(Rig(tmp_path / "data", trace=trace)) as rig:
        rig.node.tenants.replace(
            {"default": Tenant(records_per_second=0.001, burst=1), "other": Tenant(active=False)}, Tenant(), 0.0
        )
        sent = [of("default", 1), of("default", 2), of("other", 3), submission(pcs(epoch=4), FORGER)]

        async def story(rig: Rig) -> list[int]:
            return [answer.status for each in sent for answer in await served(rig, [each])]

        assert rig.serve(story) == [200, 429, 401, 401]
    trace.close()
    events = [*encoded(events_of([tmp_path / "trace.jsonl"], "ingest"))]
    assert len(events) == 6  # append, verify, claim and reply of the first; append and refusal of the forged one
    assert validate(find("ingest"), events).verdict is Verdict.HOLDS


def exported(metrics: Metrics, name: str) -> dict[str, float]:
    """The series of a metric, by what stands in their braces."""
    lines = (
        line.rpartition(" ") for line in metrics.exposition().decode().splitlines() if line.startswith(f"{name}{{")
    )
    return {series.partition("{")[2].rstrip("}"): float(value) for series, _, value in lines}


def test_metrics_by_tenant_are_of_those_that_are_named(tmp_path: Path) -> None:
    """From the first moment on, at 0; who leaves the file has none, and who stays counts on (TEN-6)."""
    metrics = Metrics()
    path = tenants_file(tmp_path, a='labels = { team = "risk" }\nexpected_dedup_ratio = 0.2', b=NARROW)
    tenancy = Tenancy(path, Tenants(), metrics, Timekeeper(time.time, time.monotonic))
    assert exported(metrics, "flk_tenant_over_quota_total") == {'tenant="a"': 0, 'tenant="b"': 0}
    assert exported(metrics, "flk_tenant_label_info") == {'label="team",tenant="a",value="risk"': 1}
    assert exported(metrics, "flk_tenant_expected_dedup_ratio") == {'tenant="a"': 0.2}
    assert exported(metrics, "flk_tenant_quota_per_second") == {'quota="rate",tenant="b"': 0.001}
    for tenant in "ab":
        metrics.by_tenant.answered(tenant, 200)
        metrics.by_tenant.answered(tenant, 401, "SIGN-6")
    tenants_file(tmp_path, a="", c="")
    tenancy.reload()
    metrics.by_tenant.answered("a", 200)
    metrics.by_tenant.answered("b", 200)
    assert {series: value for series, value in exported(metrics, "flk_tenant_answers_total").items() if value} == {
        'status="200",tenant="a"': 2,
        'status="401",tenant="a"': 1,
    }
    assert exported(metrics, "flk_tenant_over_quota_total") == {'tenant="a"': 0, 'tenant="c"': 0}
    assert not exported(metrics, "flk_tenant_label_info") | exported(metrics, "flk_tenant_quota_per_second")


@pytest.mark.slow
def test_a_stranger_makes_up_no_series(tmp_path: Path) -> None:
    """Whatever tenant is named; and what a tenant repeats is counted for it alone (DUP-2)."""
    with node(tmp_path, default="") as started:
        before = series_of_tenants(started.client)
        for name in ("nobody", "x" * 65, "*", "other"):
            started.status(msgspec.structs.replace(of("other", 1), tenant=name))
        assert series_of_tenants(started.client) == before
        assert [started.status(of("default", 1)) for _ in range(3)] == [200] * 3
        assert sample(started.client, "flk_tenant_dedup_hits_total") == 2
        assert sample(started.client, "flk_tenant_answers_total") == 3


def series_of_tenants(client: Client) -> list[str]:
    """The names and labels of all series by tenant."""
    lines = client.request("GET", "/metrics").body.decode().splitlines()
    return sorted(line.rpartition(" ")[0] for line in lines if line.startswith("flk_tenant"))
