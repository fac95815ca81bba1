"""What the simulator and real servers do is what the protocols `ingest` and `replication` allow, and planted mistakes are not."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from random import Random
from threading import Thread
from typing import TypeAlias

import msgspec
import pytest
from tests.sim.planted import BUGS
from tests.sim.planted.recovery import recovery
from tests.support.impl.client import Client, keys_of, sample
from tests.support.model.world import FORGER, KEYRING, STORY, pcs, submission
from tests.support.sim.drills import BRISK, drill
from tests.support.sim.lines import Line
from tests.support.sim.lines import followed as lines_of

from flk.formal.library.catalogue import find as find_protocol
from flk.formal.library.protocols import ingest, replication
from flk.formal.traces import Accepted, Rejected, validate
from flk.formal.traces.relaxations import unlimited
from flk.impl.server.process import ServerProcess, server_process
from flk.impl.server.trace_reader import encoded, events_of, is_of_nodes
from flk.model.effects import ListObjects, Program
from flk.model.flow.submission import Submission
from flk.model.programs.examine import Examine
from flk.model.programs.recover import Recovery
from flk.model.programs.replay import PREFIX
from flk.model.protocol_events.observation import START, ObservedEffect, key
from flk.model.protocol_events.replication import replication_events, stamp
from flk.sim.kernel.programs import MODEL, Programs
from flk.sim.nodes.designs import DESIGNS
from flk.sim.protocol_traces import followed
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import ClockSkew, Disk, Fault, ListingDelay, ObjectStoreOutage, RegionCrash, StoreOutage
from flk.sim.scenarios.files import find
from flk.sim.scenarios.scenario import Scenario
from flk.sim.simulate import simulate

Recover: TypeAlias = Callable[[str, Examine], Program[Recovery]]

INGEST, REPLICATION = unlimited(ingest.protocol), unlimited(replication.protocol)
PATIENCE = 60.0  # seconds after which what does not come to pass never will


def clean(records: Sequence[ObservedEffect], scenario: Scenario) -> tuple[dict[str, int], dict[str, int]]:
    """How often each action of `ingest`, on any node, and of `replication` was taken in a run that has no mistake."""
    taken: dict[str, dict[str, int]] = {"ingest": {}, "replication": {}}
    for verdict in followed(records, scenario).values():
        assert isinstance(verdict, Accepted), verdict
        known = taken[verdict.protocol]
        taken[verdict.protocol] = {name: known.get(name, 0) + times for name, times in verdict.actions.items()}
    return taken["ingest"], taken["replication"]


def submissions(number: int) -> list[Submission]:
    """Honest, equivocating, forged and malformed ones."""
    return [
        item
        for epoch in range(number // 5)
        for item in (
            submission(pcs(epoch=epoch)),
            submission(pcs(epoch=epoch, r=0.6, budget=0.37)),
            submission(pcs(epoch=epoch), FORGER),
            STORY[1],
            submission(pcs(epoch=epoch + 10_000)),
        )
    ]


def crash(region: str, start: float, disk: Disk = Disk.KEPT) -> RegionCrash:
    """A region stops for four seconds."""
    return RegionCrash(region, disk, id=f"crash-{start}", start=Seconds(start), duration=Seconds(4))


BUSY = msgspec.structs.replace(BRISK, fsync=Seconds(0.05), service=Seconds(0.004))
TROUBLES: dict[str, tuple[Fault, ...]] = {
    "crashes": (crash("eu", 5), crash("eu", 14), crash("us", 6)),
    "a lost disk": (crash("eu", 8, Disk.LOST),),
    "outages": (
        StoreOutage("eu", id="store", start=Seconds(4), duration=Seconds(3)),
        StoreOutage("eu", id="again", start=Seconds(11), duration=Seconds(3)),
        ObjectStoreOutage(id="objects", start=Seconds(6), duration=Seconds(6)),
    ),
    "a clock": (ClockSkew("us", Seconds(30), id="clock", start=Seconds(3), duration=Seconds(6)), crash("us", 10)),
}
SHOWS = {
    "crashes": ({"crash": 3, "restart": 3, "serve": 3, "refuse_forged": 1, "refuse_malformed": 1}, {"merge": 100}),
    "a lost disk": ({"claim": 100}, {"find": 1, "serve": 4, "merge": 100}),
    "outages": ({"store_fails": 2, "store_returns": 2, "replay": 2, "refuse_unavailable": 2}, {"upload": 10}),
    "a clock": ({"crash": 1}, {"mark_replayed": 10}),
}


@pytest.mark.slow
@pytest.mark.parametrize("trouble", TROUBLES)
def test_the_simulator_stays_within_the_protocols(trouble: str) -> None:
    """Three regions under load and faults: every node's and all regions' events are accepted, and the faults show in them."""
    records: list[ObservedEffect] = []
    scenario = drill(*TROUBLES[trouble], rate=100, duration=60, until=20, policy=BUSY)
    simulate(scenario, submissions(2000), KEYRING, seed=1, observer=records.append)
    for taken, least in zip(clean(records, scenario), SHOWS[trouble], strict=True):
        assert all(taken[action] >= times for action, times in least.items()), taken


LATE = ListingDelay("eu", 7.0, id="late", start=Seconds(0), duration=Seconds(50))


def late(programs: Programs, *faults: Fault) -> tuple[list[ObservedEffect], Scenario]:
    """What the nodes did, where a region loses its disk and the objects that it shipped last are not listed at first."""
    records: list[ObservedEffect] = []
    often = msgspec.structs.replace(BUSY, ship_interval=Seconds(1.5))
    scenario = drill(LATE, crash("eu", 8, Disk.LOST), *faults, rate=40, duration=50, until=30, policy=often)
    simulate(scenario, submissions(60) * 10, KEYRING, seed=1, observer=records.append, programs=programs)
    return records, scenario


@pytest.mark.parametrize("again", [(), (crash("eu", 26, Disk.LOST),)], ids=["once", "twice"])
def test_what_a_lost_disk_shipped_may_be_listed_late(again: tuple[Fault, ...]) -> None:
    """The region serves, takes in a segment that no listing showed before, and meets one of its keys again: that is accepted, of a
    disk that is lost in its turn, too (CRR-4, CRR-5).
    """
    records, scenario = late(MODEL, *again)
    first, second = ([record for record in records if record.node == f"eu.00000{disk}"] for disk in (1, 2))
    before = {stamp(record.fields["claim"]) for record in first if record.effect == "Store"}
    late_keys, met = set(), set()
    for record in second:
        if record.effect == "Merge" and record.kind == "reclaim":
            late_keys |= {key(claim) for claim in record.fields["claims"] if stamp(claim) in before}
        elif record.effect == "Store":
            met |= late_keys & {key(record.fields["claim"])}
    assert met
    _, taken = clean(records, scenario)
    assert taken["serve"] == 4 + len(again)


def finds_and_forgets(region: str, examine: Examine) -> Program[Recovery]:
    """Ask what the region has shipped, and take nothing of it in."""
    yield from ListObjects(f"{PREFIX}{region}.")
    return (yield from recovery(own_shipped=False)(region, examine))


@pytest.mark.parametrize("recover", [recovery(own_shipped=False), finds_and_forgets])
def test_what_is_late_excuses_no_recovery_from_asking(recover: Recover) -> None:
    """A recovery that does not ask, or asks and ignores what it is told, is rejected where it says that it is level (WAL-5)."""
    verdict = followed(*late(MODEL._replace(recover=recover)))["replication of all regions"]
    assert isinstance(verdict, Rejected)
    assert verdict.event.startswith("serve(")
    assert "owed[n, p, g]" in verdict.reasons[0].what


@pytest.mark.slow
@pytest.mark.parametrize("name", ["calm", "three-regions", "lost-disk"])
def test_the_scenarios_of_the_library_stay_within_the_protocols(name: str) -> None:
    """The scenarios that `flk run` has."""
    records: list[ObservedEffect] = []
    scenario = find(name)
    simulate(scenario, submissions(2000), KEYRING, observer=records.append)
    taken, _ = clean(records, scenario)
    assert taken["claim"] > 100


# Processes that are killed after an effect, and before they can tell of it.

BRIEF = drill(rate=12, duration=30, until=10, policy=BRISK)


@cache
def told() -> list[Line]:
    """What a region does while it is busy, in a run in which nothing goes wrong."""
    return [line for line in lines_of(BRIEF, submissions(100))[1] if line.node == "eu" and 2 < line.t < 16]


@pytest.mark.parametrize("effect", ["Append", "Store", "Seal", "PutObject", "Mark shipped", "Mark replayed", "Merge"])
def test_the_last_effect_before_a_kill_may_be_missing_in_the_trace(effect: str) -> None:
    """It took place, and nobody noted it: what other nodes and the next life of its own make of it is accepted."""
    moment = next(line.t for line in told() if line.effect.startswith(effect))
    records: list[ObservedEffect] = []
    scenario = BRIEF.with_faults((crash("eu", moment + 1e-6),))
    simulate(scenario, submissions(100), KEYRING, seed=1, observer=records.append)
    own = [at for at, record in enumerate(records) if record.region == "eu"]
    _, again, *_ = (at for at in own if records[at].effect == START)
    last = max(at for at in own if at < again and records[at].effect == effect.partition(" ")[0])
    missing = {at for at in own if last <= at < again}
    assert len(missing) < 6  # those of the same moment
    clean([record for at, record in enumerate(records) if at not in missing], scenario)


# Planted mistakes.

MISTAKES: dict[str, tuple[Programs, str, str]] = {
    "claim-before-verify": (BUGS["claim-before-verify"].programs, "verify", "genuine[q]"),
    "get-then-set": (BUGS["get-then-set"].programs, "reply", "the trace saw answer["),
    "answer-before-durable": (DESIGNS["answer-before-durable"], "refuse_forged", "stage[q] = logged"),
    "ignored-store-error": (DESIGNS["ignored-store-error"], "reply", "stage[q] = claimed"),
    "lookup-before-check": (DESIGNS["lookup-before-check"], "reply", "stage[q] = claimed"),
    "skip-a-segment": (BUGS["all-but-the-first"].programs, "upload", "shipped[n, h]"),
    "mark-before-upload": (DESIGNS["mark-before-upload"], "mark_shipped", "uploaded[n, g]"),
    "unsealed-shipping": (DESIGNS["unsealed-shipping"], "upload", "sealed[n, g]"),
    "newest-first": (DESIGNS["stepped-over-gap"], "upload", "shipped[n, h]"),
    "local-arrival": (DESIGNS["local-arrival"], "mark_replayed", "stored[n, k] <= s"),
    "mark-before-merge": (BUGS["marks-before-it-merges"].programs, "mark_replayed", "stored[n, k] <= s"),
    "skip-to-the-newest": (BUGS["replays-the-newest-only"].programs, "merge", "replayed[n, p, h]"),
    "arrival-counts": (BUGS["later-wins"].programs, "merge", "logged[p, g, k, s]"),
}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_rejected(mistake: str) -> None:
    """The first event that shows it is named, with the guard that forbids it."""
    programs, action, guard = MISTAKES[mistake]
    records: list[ObservedEffect] = []
    outages = (
        StoreOutage("eu", id="store", start=Seconds(4), duration=Seconds(4)),
        ObjectStoreOutage(id="objects", start=Seconds(2), duration=Seconds(12)),
    )
    rivals = [item for epoch in range(100) for item in (pcs(epoch=epoch), pcs(epoch=epoch, r=0.6, budget=0.37))]
    sent = [item for record in rivals for item in (submission(record), submission(record, FORGER))]
    scenario = drill(*outages, rate=40, duration=40, until=20, policy=BUSY)
    if action in {"verify", "reply"}:  # what is stored for a key that came to several regions is not asked of `ingest`
        scenario = msgspec.structs.replace(
            scenario, workload=msgspec.structs.replace(scenario.workload, agents={"eu": 6})
        )
    simulate(scenario, sent, KEYRING, seed=1, observer=records.append, programs=programs)
    rejected = [verdict for verdict in followed(records, scenario).values() if isinstance(verdict, Rejected)]
    assert any(row.event.startswith(f"{action}(") and guard in row.reasons[0].what for row in rejected), rejected


@pytest.mark.parametrize("name", ["local-arrival", "mark-before-upload", "stepped-over-gap"])
def test_a_refuted_design_does_what_its_own_protocol_allows(name: str) -> None:
    """The run that the protocol rejects is a path of the variant in the gallery: the program is the design that was refuted."""
    records: list[ObservedEffect] = []
    outage = ObjectStoreOutage(id="objects", start=Seconds(2), duration=Seconds(12))
    scenario = drill(outage, rate=40, duration=40, until=20, policy=BUSY)
    rivals = [submission(pcs(epoch=epoch, r=r, budget=b)) for epoch in range(100) for r, b in ((0.5, 0.4), (0.6, 0.37))]
    simulate(scenario, rivals, KEYRING, seed=1, observer=records.append, programs=DESIGNS[name])
    assert isinstance(followed(records, scenario)["replication of all regions"], Rejected)
    variant = unlimited(find_protocol(f"gallery/{name}"))
    verdict = validate(variant, encoded(replication_events(lambda: records)), name)
    assert isinstance(verdict, Accepted), verdict


# Real servers.


@contextmanager
def region(name: str, directory: Path, peer: str = "") -> Iterator[ServerProcess]:
    """A server that writes a trace and, if it has a peer, ships ten times a second."""
    (directory / "objects").mkdir(exist_ok=True)
    keys = directory / f"keys-{name}"
    keys.mkdir(exist_ok=True)
    shipping = ["--objects", (directory / "objects").as_uri(), "--ship-every", "0.1", "--replay-every", "0.1"]
    options = ["--region", name, "--trace", str(trace_of(name, directory)), *(shipping if peer else ())]
    with server_process(directory / name, keys_of(keys), [*options, *([f"--peer={peer}"] if peer else [])]) as server:
        yield server


def trace_of(name: str, directory: Path) -> Path:
    """Where a region's server writes its trace."""
    return directory / f"{name}.jsonl"


def load(server: ServerProcess, seed: int, until: Callable[[], bool]) -> list[Thread]:
    """Four clients that submit, each in an order of its own, until it is time, or the server is gone."""

    def work(order: int) -> None:
        sent = [*submissions(60), *STORY] * 20
        Random(order).shuffle(sent)
        with closing(Client(server)) as client:
            for item in sent:
                if until():
                    return
                try:
                    client.submit(item)
                except (OSError, http.client.HTTPException):  # the server was killed
                    return

    threads = [Thread(target=work, args=(seed * 10 + number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    return threads


def work_on(server: ServerProcess, seed: int, seconds: float) -> None:
    """Load a server for some seconds."""
    end = time.monotonic() + seconds
    for thread in load(server, seed, lambda: time.monotonic() > end):
        thread.join()


@pytest.mark.slow
def test_a_server_that_is_killed_stays_within_ingest(tmp_path: Path) -> None:
    """Under load, killed and started again twice: what its trace tells is accepted, recovery of what was cut off included."""
    for life in range(3):
        with region("eu", tmp_path) as server:
            end = time.monotonic() + 1.0
            threads = load(server, life, lambda: time.monotonic() > end)  # noqa: B023  (it is called within the round)
            time.sleep(0.6)
            if life < 2:
                os.kill(server.process.pid, signal.SIGKILL)
            for thread in threads:
                thread.join()
    path = trace_of("eu", tmp_path)
    assert is_of_nodes(path)
    verdict = validate(INGEST, encoded(events_of([path], "ingest")), "eu")
    assert isinstance(verdict, Accepted), verdict
    assert verdict.actions["crash"] == verdict.actions["serve"] == 2
    assert verdict.actions["claim"] > 50
    assert flk("validate", "ingest", str(path)).returncode == 0
    without_an_append(path, tmp_path / "less.jsonl")
    done = flk("validate", "ingest", str(tmp_path / "less.jsonl"))
    assert done.returncode == 1
    assert "verify(q=" in done.stdout
    assert "noted there: less.jsonl:" in done.stdout


def without_an_append(path: Path, copy: Path) -> None:
    """A trace of a node that never made an Append whose program went on to claim: its lines are numbered as if that were all."""
    rows = list(map(msgspec.json.decode, path.read_bytes().splitlines()))
    appended: dict[int, int] = {}
    claimed = []
    for at, row in enumerate(rows):
        if row["effect"] == "Append":
            appended[row["program"]] = at
        elif row["effect"] == "Store":
            claimed.append(appended[row["program"]])
    del rows[claimed[40]]
    number = 0
    for row in rows:
        row["line"] = number = 1 if row["effect"] == "Start" else number + 1
    copy.write_bytes(msgspec.json.Encoder().encode_lines(rows))


def flk(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [sys.executable, "-m", "flk.impl.command", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_servers_that_ship_stay_within_replication(tmp_path: Path) -> None:
    """Two regions under load at once, one of them killed and started again: their traces together are accepted."""
    with ExitStack() as stack, region("us", tmp_path, "eu") as us:
        with region("eu", tmp_path, "us") as eu:
            other = Thread(target=work_on, args=(us, 1, 1.5))
            other.start()
            work_on(eu, 2, 0.7)
            os.kill(eu.process.pid, signal.SIGKILL)
        again = stack.enter_context(region("eu", tmp_path, "us"))
        work_on(again, 3, 0.5)
        other.join()
        until = time.monotonic() + PATIENCE
        with closing(Client(again)) as one, closing(Client(us)) as two:
            while not all(
                sample(client, "flk_segments_replayed_total") and not sample(client, "flk_crr_lag_seconds")
                for client in (one, two)
            ):
                assert time.monotonic() < until, "it never came to hold"
                time.sleep(0.05)
    paths = [trace_of(name, tmp_path) for name in ("eu", "us")]
    verdict = validate(REPLICATION, encoded(events_of(paths, "replication")), "eu and us")
    assert isinstance(verdict, Accepted), verdict
    done = flk("validate", "replication", *map(str, paths), "--json")
    assert done.returncode == 0
    assert msgspec.json.decode(done.stdout)["actions"] == verdict.actions
    done = flk("validate", "ingest", *map(str, paths))
    assert done.returncode == 2
    assert "give the traces of one node" in done.stderr
    assert min(verdict.actions[name] for name in ("write", "upload", "mark_shipped", "merge", "mark_replayed")) > 0
