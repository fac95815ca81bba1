"""A run's trace is followed through the protocols, and the verdict is one more row of the outcome."""

import sys
from pathlib import Path

import msgspec
import pytest
from tests.support.model.world import FORGER, KEYRING, pcs, submission
from tests.support.sim.drills import BRISK, drill, records

from flk.formal.traces import Accepted, Rejected
from flk.impl.command import main
from flk.model.protocol_events.observation import ObservedEffect
from flk.model.record.record import encode
from flk.sim.protocol_traces import ACCEPTED, followed, judged, validated
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Disk, ObjectStoreOutage, RegionCrash, StoreOutage
from flk.sim.scenarios.layout import Audit, Layout, Migration, Tiers
from flk.sim.scenarios.scenario import Scenario
from flk.sim.simulate import simulate
from flk.spec.verdict import Verdict

CRASH = RegionCrash("eu", Disk.KEPT, id="crash", start=Seconds(10), duration=Seconds(10))
STORE = StoreOutage("us", id="store", start=Seconds(15), duration=Seconds(10))
AWAY = ObjectStoreOutage(id="objects", start=Seconds(2), duration=Seconds(12))
TROUBLED = drill(CRASH, STORE, duration=90, rate=5, until=40)
MIXED = [
    item
    for epoch in range(100)
    for item in (
        submission(pcs(epoch=epoch)),
        submission(pcs(epoch=epoch, r=0.6, budget=0.37)),
        submission(pcs(epoch=epoch), FORGER),
    )
]


@pytest.mark.slow
def test_a_run_of_the_model_is_accepted() -> None:
    """Every node's events by `ingest`, all regions' by `replication`: one row that holds, and nothing else of the run differs."""
    run = validated(TROUBLED, MIXED, KEYRING, seed=3)
    *rows, last = run.results
    assert (last.invariant, last.verdict, last.examples) == (ACCEPTED, Verdict.HOLDS, ())
    assert last.checks > 500
    plain = simulate(TROUBLED, MIXED, KEYRING, seed=3)
    assert (tuple(rows), run.digest, run.verdict) == (plain.results, plain.digest, plain.verdict)


LAYOUTS: dict[str, tuple[Layout, set[str]]] = {
    "plain": (Layout(), {"ingest", "replication"}),
    "shards": (Layout(shards=4), {"ingest", "replication"}),
    "tiers": (Layout(tiers=Tiers(hot_term=Seconds(20), move_interval=Seconds(10))), {"tiering"}),
    "audit": (Layout(audit=Audit()), {"ingest", "replication", "audit"}),
    "nodes": (Layout(nodes=2), {"shared-store"}),
    "migration": (Layout(migration=Migration(start=Seconds(5))), {"ingest", "replication", "migration"}),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_protocol_that_a_run_belongs_to_is_asked(name: str) -> None:
    """By what the regions consist of; each node for itself, an audit queue by its region, replication all together."""
    layout, protocols = LAYOUTS[name]
    seen: list[ObservedEffect] = []
    scenario = msgspec.structs.replace(TROUBLED, layout=layout)
    simulate(scenario, records(200), KEYRING, observer=seen.append)
    verdicts = followed(seen, scenario)
    assert {title.partition(" ")[0] for title in verdicts} == protocols
    assert len(verdicts) == 3 * len(protocols - {"replication"}) + ("replication" in protocols)
    assert all(isinstance(verdict, Accepted) for verdict in verdicts.values()), verdicts


@pytest.mark.parametrize(
    ("design", "subject", "guard"),
    [
        ("mark-before-upload", "replication", "uploaded[n, g] is false"),
        ("unsealed-shipping", "replication", "sealed[n, g] is false"),
        ("answer-before-durable", "ingest of eu", "stage[q] = claimed is false"),
    ],
)
def test_a_refuted_design_is_rejected_with_the_reason(design: str, subject: str, guard: str) -> None:
    """The row names the node, the event, the guard that is false and the nearest step that would have been possible."""
    policy = msgspec.structs.replace(BRISK, fsync=Seconds(0.05))
    scenario = msgspec.structs.replace(drill(AWAY, duration=40, rate=40, until=20, policy=policy), design=design)
    run = validated(scenario, MIXED, KEYRING)
    row = run.results[-1]
    assert row.verdict is Verdict.VIOLATED
    assert run.verdict is Verdict.VIOLATED
    example = next(one for one in row.examples if one.node.startswith(subject))
    assert guard in example.sentence
    assert f"{example.event} is not possible after" in example.sentence
    assert "possible there: " in example.sentence


def test_without_anything_observed_nothing_is_decided() -> None:
    """A run in which nothing was seen has not been shown to follow anything."""
    assert judged({}, 1.0).verdict is Verdict.UNDECIDED


def test_one_rejection_among_many_is_enough() -> None:
    """Accepted and rejected verdicts make one violated row with one example each rejection."""
    fine = Accepted("ingest", 10, 0, {}, ())
    wrong = Rejected("ingest", "x", 3, 2, "reply(q=1)", (), ())
    row = judged({"ingest of a": fine, "ingest of b": wrong, "replication": fine}, 7.0)
    assert (row.verdict, row.checks, row.violations) == (Verdict.VIOLATED, 20, 1)
    assert [(one.node, one.event, one.at) for one in row.examples] == [("ingest of b", "reply(q=1)", 7.0)]


def flk(*arguments: str) -> int:
    """The exit code of `flk`."""
    sys.argv = ["flk", *arguments]
    with pytest.raises(SystemExit) as stopped:
        main()
    code = stopped.value.code
    return code if isinstance(code, int) else 0


def test_flk_run_validates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """--validate adds the row; a design that the protocols reject makes the exit code 1."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["flk"])
    (tmp_path / "records.jsonl").write_bytes(b"\n".join(encode(pcs(epoch=epoch)) for epoch in range(100)))
    for design, code in (("", 0), ("mark-before-upload", 1)):
        capsys.readouterr()
        assert flk("run", str(written(tmp_path, design)), "--validate", "--json") == code
        (row,) = (
            row for row in msgspec.json.decode(capsys.readouterr().out)["invariants"] if row["invariant"] == ACCEPTED
        )
        assert row["verdict"] == ("violated" if code else "holds")


def written(directory: Path, design: str) -> Path:
    """A scenario file on the records beside it."""
    scenario: Scenario = drill(AWAY, duration=60, until=30)
    workload = msgspec.structs.replace(scenario.workload, records="records.jsonl")
    path = directory / "drill.toml"
    path.write_text(msgspec.structs.replace(scenario, workload=workload, design=design).to_toml())
    return path
