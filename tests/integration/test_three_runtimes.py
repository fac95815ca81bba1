"""One program, three runtimes: whatever is submitted, memory, simulator and the real node answer the same and store the same."""

import asyncio
import json
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.policies import LOOSE, POLICY_KEYS, STRICT, WARY, signed
from tests.support.model.strategies import VRF_KEY, drawn
from tests.support.model.world import EXAMINE, KEY, KEYRING, STORY, World, pcs, submission

from flk.impl.server.node import RealNode
from flk.impl.server.runtime import Runtime
from flk.impl.storage.sqlite import SqliteStore
from flk.impl.storage.wal import FileDisk
from flk.model.compiled.examiner import examining
from flk.model.effects import INBOX, Program
from flk.model.entries.entry import Entry, Key
from flk.model.flow.answers import ACKNOWLEDGED
from flk.model.flow.submission import Response, Submission
from flk.model.policies.document import VrfMode
from flk.model.policies.ruling import ALL, Change, Kind
from flk.model.programs.batch import ingest_batch
from flk.model.programs.examine import Examine, Here, examine
from flk.model.programs.ingest import ingest
from flk.model.programs.recall import recall
from flk.model.programs.recover import recover
from flk.model.programs.rule import rule
from flk.model.record.signing import Ed25519PublicKey, Keyring
from flk.model.runtime import one_by_one
from flk.model.runtime import run as perform
from flk.sim.kernel.programs import MODEL
from flk.sim.scenarios.files import parse
from flk.sim.simulate import simulate

POOL = (*STORY, submission(pcs(epoch=4, D_hat=2.0)), submission(pcs(epoch=4)), Submission("nobody", STORY[2].body))
WORKLOADS = st.lists(st.sampled_from(POOL), min_size=1, max_size=20)
CALM = """
name = "one-calm-region"
description = "Nothing goes wrong, and one agent sends one submission a second."
duration = "60s"
seed = 1
regions = ["eu"]
[workload]
records = "the test's own"
rate = 1.0
agents = { eu = 1 }
"""

Answers = list[tuple[int, dict[str, object]]]
Stored = dict[Key, tuple[str, object]]


def told(responses: list[Response]) -> Answers:
    """Statuses and bodies, but for the timestamp, which is when a runtime happened to run."""
    bodies = [json.loads(response.body) for response in responses]
    return [(response.status, body | {"timestamp": None}) for response, body in zip(responses, bodies, strict=True)]


def kept(entries: Mapping[Key, Entry]) -> Stored:
    """What is stored, but for the timestamp."""
    return {key: (entry.digest, entry.outcome) for key, entry in entries.items()}


def in_memory(workload: list[Submission]) -> tuple[Answers, Stored]:
    """One after the other, each effect at once."""
    world = World("eu")
    answers = [world.ingest("eu", sent) for sent in workload]
    return told(answers), kept(world.entries["eu"].entries)


def in_simulation(workload: list[Submission]) -> tuple[Answers, Stored]:
    """Through an agent's outbox, a network, a disk and a store that take their time."""
    run = simulate(parse(CALM, "calm.toml"), workload, KEYRING)
    by_submission = sorted(run.deliveries, key=lambda delivered: delivered.submission)
    answers = [delivered.response for delivered in by_submission if delivered.response is not None]
    return told(answers), kept(dict(run.entries["eu"]))


def on_real_parts(workload: list[Submission]) -> tuple[Answers, Stored]:
    """All at once, as far as the node is concerned: they share write, synchronisation and transaction."""
    with tempfile.TemporaryDirectory() as directory:
        node = RealNode(FileDisk(Path(directory), "eu"), SqliteStore(Path(directory) / "entries.sqlite"))
        try:
            answers = asyncio.run(_all_at_once(node, workload))
            keys = node.store.sample(len(workload))
            entries = dict(zip(keys, node.store.fetch(keys), strict=True))
        finally:
            node.close()
    return told(answers), kept({key: entry for key, entry in entries.items() if entry is not None})


async def _all_at_once(node: RealNode, workload: list[Submission]) -> list[Response]:
    runtime = Runtime(node, partial(recover, "eu", EXAMINE))
    runtime.perform(recover("eu", EXAMINE))
    batches = asyncio.create_task(runtime.serve())
    answers = await asyncio.gather(*(runtime.start(ingest(sent, "eu", EXAMINE)) for sent in workload))
    runtime.stop()
    await batches
    return answers


@settings(max_examples=30, deadline=None)
@given(WORKLOADS)
def test_memory_simulator_and_real_node_answer_and_store_the_same(workload: list[Submission]) -> None:
    """Any mixture of honest, repeated, forged, malformed, equivocating and foreign submissions."""
    expected = in_memory(workload)
    assert in_simulation(workload) == expected
    assert on_real_parts(workload) == expected


def in_one_batch(workload: list[Submission]) -> tuple[Answers, Stored]:
    """Each tenant's submissions on real parts, together in one program."""
    with tempfile.TemporaryDirectory() as directory:
        node = RealNode(FileDisk(Path(directory), "eu"), SqliteStore(Path(directory) / "entries.sqlite"))
        try:
            answers = asyncio.run(_by_tenant(node, workload))
            keys = node.store.sample(len(workload))
            entries = dict(zip(keys, node.store.fetch(keys), strict=True))
        finally:
            node.close()
    return told(answers), kept({key: entry for key, entry in entries.items() if entry is not None})


async def _by_tenant(node: RealNode, workload: list[Submission]) -> list[Response]:
    runtime = Runtime(node, partial(recover, "eu", EXAMINE))
    runtime.perform(recover("eu", EXAMINE))
    batches = asyncio.create_task(runtime.serve())
    answers: dict[int, Response] = {}
    loop = asyncio.get_running_loop()
    for tenant in {sent.tenant for sent in workload}:
        numbers = [number for number, sent in enumerate(workload) if sent.tenant == tenant]
        ended: asyncio.Future[list[Response]] = loop.create_future()
        program = ingest_batch(tenant, [workload[number].body for number in numbers], "eu", EXAMINE)
        runtime.begin(program, ended.set_result, ended.set_exception, submissions=len(numbers))
        answers |= zip(numbers, await ended, strict=True)
    assert node.in_flight == 0
    runtime.stop()
    await batches
    return [answers[number] for number in range(len(workload))]


@settings(max_examples=20, deadline=None)
@given(WORKLOADS)
def test_a_batch_is_answered_alike_by_every_runtime(workload: list[Submission]) -> None:
    """In memory, in the simulator where each record is a batch of its own, and in groups on real parts (BAT-1)."""
    expected = in_memory(workload)
    world = World("eu")
    in_steps = [world.run("eu", _batch_of_one(sent, "eu", EXAMINE)) for sent in workload]
    assert (told(in_steps), kept(world.entries["eu"].entries)) == expected
    run = simulate(parse(CALM, "calm.toml"), workload, KEYRING, programs=MODEL._replace(ingest=_batch_of_one))
    simulated = [d.response for d in sorted(run.deliveries, key=lambda delivered: delivered.submission) if d.response]
    assert told(simulated) == expected[0]
    assert in_one_batch(workload) == expected


def _batch_of_one(sent: Submission, region: str, examine: Examine) -> Program[Response]:
    (response,) = yield from one_by_one(ingest_batch(sent.tenant, [sent.body], region, examine))
    return response


def asked_again(sent: Submission, region: str, examine: Examine) -> Program[Response]:
    """Submit a record, and let who is told that it is stored ask for its outcome by its id."""
    response = yield from ingest(sent, region, examine)
    if response.status not in ACKNOWLEDGED:
        return response
    return (yield from recall(Key(sent.tenant, str(response.json()["pcs_id"]))))


def test_what_was_stored_is_recalled_alike_by_every_runtime() -> None:
    """Asking by the id gives the answer that submitting gave, in memory, in the simulator and on real parts (API-2)."""
    world = World("eu")
    in_memory = [world.run("eu", asked_again(sent, "eu", EXAMINE)) for sent in POOL]
    run = simulate(parse(CALM, "calm.toml"), POOL, KEYRING, programs=MODEL._replace(ingest=asked_again))
    simulated = [d.response for d in sorted(run.deliveries, key=lambda delivered: delivered.submission) if d.response]
    with tempfile.TemporaryDirectory() as directory:
        node = RealNode(FileDisk(Path(directory), "eu"), SqliteStore(Path(directory) / "entries.sqlite"))
        perform(recover("eu", EXAMINE), node.perform)
        real = [perform(asked_again(sent, "eu", EXAMINE), node.perform) for sent in POOL]
        node.close()
    plain = World("eu")
    assert told(in_memory) == told([plain.ingest("eu", sent) for sent in POOL]) == told(simulated) == told(real)
    assert in_memory[2] == in_memory[4]


DEVIATING = tuple(submission(pcs(epoch=epoch, budget=0.6)) for epoch in range(8))
TRUSTING = Keyring({"default": [KEY]}, policy_keys=POLICY_KEYS)
JUDGED = partial(examine, TRUSTING)
CHANGES = {
    DEVIATING[2]: (Change(Kind.REGISTERED, "ops", LOOSE), Change(Kind.PROMOTED, "ops", version="1.1.0")),
    DEVIATING[4]: (
        Change(Kind.REGISTERED, "ops", STRICT),
        Change(Kind.STAGED, "ops", version="1.2.0", share=ALL),
    ),
    DEVIATING[6]: (Change(Kind.ROLLED_BACK, "ops"),),
    DEVIATING[7]: (Change(Kind.REGISTERED, "ops", WARY), Change(Kind.PROMOTED, "ops", version="1.3.0")),
}


def after_a_change(sent: Submission, region: str, examine: Examine) -> Program[Response]:
    """Submit a record; before some, an operator changes the policies."""
    for change in CHANGES.get(sent, ()):
        yield from rule(change, POLICY_KEYS)
    return (yield from ingest(sent, region, examine))


def test_every_runtime_judges_by_the_policy_that_its_log_states() -> None:
    """Promoted, staged for all, rolled back and with scrutiny between records: answers and store are alike, also on replay."""
    world = World("eu")
    here = Here(JUDGED, partial(world.nodes["eu"].disk.stated_at, INBOX))
    in_memory = [world.run("eu", after_a_change(sent, "eu", here)) for sent in DEVIATING]
    run = simulate(parse(CALM, "calm.toml"), DEVIATING, TRUSTING, programs=MODEL._replace(ingest=after_a_change))
    simulated = [d.response for d in sorted(run.deliveries, key=lambda delivered: delivered.submission) if d.response]
    with tempfile.TemporaryDirectory() as directory:
        disk = FileDisk(Path(directory), "eu")
        node = RealNode(disk, SqliteStore(Path(directory) / "entries.sqlite"))
        perform(recover("eu", JUDGED), node.perform)
        at = Here(JUDGED, partial(disk.stated_at, INBOX))
        real = [perform(after_a_change(sent, "eu", at), node.perform) for sent in DEVIATING]
        node.close()
        again = RealNode(FileDisk(Path(directory), "eu"), SqliteStore(Path(directory) / "anew.sqlite"))
        perform(recover("eu", JUDGED), again.perform)
        at = Here(JUDGED, partial(again.disk.stated_at, INBOX))
        replayed = [perform(ingest(sent, "eu", at), again.perform) for sent in DEVIATING]
        again.close()
    escalated = [response.status == 202 for response in in_memory]
    assert escalated == [True, True, False, False, True, True, False, True]
    assert told(in_memory) == told(simulated) == told(real) == told(replayed)
    assert [response.body for response in replayed] == [response.body for response in real]
    assert kept(dict(run.entries["eu"])) == kept(world.entries["eu"].entries)


SHADOWING, ASKING = (
    signed(version=version, vrf_mode=mode) for version, mode in (("2.1.0", VrfMode.SHADOW), ("2.2.0", VrfMode.ENFORCED))
)
DRAWING = Keyring({"default": [KEY]}, policy_keys=POLICY_KEYS, vrf_keys={"default": [Ed25519PublicKey(VRF_KEY.public)]})
PROVEN = tuple(
    submission(record)
    for epoch in range(3)
    for record in (pcs(epoch=3 * epoch), drawn(pcs(epoch=3 * epoch + 1)), drawn(pcs(epoch=3 * epoch + 2), seed=epoch))
)
ASKED = {
    PROVEN[3]: (Change(Kind.REGISTERED, "ops", SHADOWING), Change(Kind.PROMOTED, "ops", version="2.1.0")),
    PROVEN[6]: (Change(Kind.REGISTERED, "ops", ASKING), Change(Kind.PROMOTED, "ops", version="2.2.0")),
}


def where_proofs_are_asked_for(sent: Submission, region: str, examine: Examine) -> Program[Response]:
    """Submit a record; before some, an operator changes what comes of proofs."""
    for change in ASKED.get(sent, ()):
        yield from rule(change, POLICY_KEYS)
    return (yield from ingest(sent, region, examine))


def test_every_runtime_asks_for_proofs_where_its_log_says_so() -> None:
    """Off, shadow and enforced one after the other: of no proof, a proof and a wrong seed the last refuses two, at every replay."""
    examined = partial(examine, DRAWING)
    world = World("eu")
    here = Here(examined, partial(world.nodes["eu"].disk.stated_at, INBOX))
    in_memory = [world.run("eu", where_proofs_are_asked_for(sent, "eu", here)) for sent in PROVEN]
    run = simulate(
        parse(CALM, "calm.toml"), PROVEN, DRAWING, programs=MODEL._replace(ingest=where_proofs_are_asked_for)
    )
    simulated = [d.response for d in sorted(run.deliveries, key=lambda delivered: delivered.submission) if d.response]
    with tempfile.TemporaryDirectory() as directory:
        disk, fast = FileDisk(Path(directory), "eu"), examining(DRAWING)
        node = RealNode(disk, SqliteStore(Path(directory) / "entries.sqlite"))
        perform(recover("eu", fast), node.perform)
        at = Here(fast, partial(disk.stated_at, INBOX))
        real = [perform(where_proofs_are_asked_for(sent, "eu", at), node.perform) for sent in PROVEN]
        node.close()
        again = RealNode(FileDisk(Path(directory), "eu"), SqliteStore(Path(directory) / "anew.sqlite"))
        perform(recover("eu", fast), again.perform)
        rebuilt = kept({key: entry for key in again.store.sample(20) if (entry := again.store.fetch([key])[0])})
        again.close()
    assert [response.status for response in in_memory] == [200] * 6 + [401, 200, 401]
    assert [in_memory[6].json()["requirement"], in_memory[8].json()["requirement"]] == ["VRF-6", "VRF-5"]
    assert told(in_memory) == told(simulated) == told(real)
    assert rebuilt == kept(world.entries["eu"].entries) == kept(dict(run.entries["eu"]))
    assert len(rebuilt) == 7
