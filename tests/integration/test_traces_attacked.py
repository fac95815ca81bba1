"""Traces of a node, attacked: which changes of what a node did the validator sees, and which it cannot, and why."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.integration.test_traces_of_runs import INGEST, crash, submissions
from tests.support.model.world import FORGER, KEYRING, pcs, submission
from tests.support.sim.drills import BRISK, drill

from flk.formal.traces import Accepted, Rejected, Validation, validate
from flk.impl.server.trace_reader import encoded, events_of, unseen
from flk.model.protocol_events.observation import END, START, ObservedEffect
from flk.sim.protocol_traces import followed
from flk.sim.simulate import simulate
from flk.spec.errors import UnusableInput

Line: TypeAlias = dict[str, Any]
Attack: TypeAlias = Callable[[list[Line], int], list[Line]]


@cache
def genuine() -> tuple[Line, ...]:
    """What a node did that crashed once, as `flk serve --trace` writes it."""
    records: list[ObservedEffect] = []
    scenario = drill(crash("eu", 2.5), rate=20, duration=14, until=8, policy=BRISK)
    simulate(scenario, submissions(150), KEYRING, seed=1, observer=records.append)
    own = [record for record in records if record.node == "eu.000001"]
    numbers = {run: number for number, run in enumerate(dict.fromkeys(record.run for record in own), 1)}
    told = [
        {"node": r.node, "program": numbers[r.run], "kind": r.kind, "effect": r.effect, "began": at, "ended": at}
        | dict(r.fields)
        | {"result": r.result}
        for at, r in enumerate(own)
    ]
    return tuple(numbered(told))


def numbered(lines: Sequence[Line]) -> list[Line]:
    """The lines with the numbers that they should have."""
    number, out = 0, []
    for line in lines:
        number = 1 if line["effect"] == START else number + 1
        out.append({"line": number, **{name: value for name, value in line.items() if name != "line"}})
    return out


def judged(lines: Sequence[Line], path: Path) -> Validation:
    """The verdict of the protocol `ingest` on such a trace. Raises UnusableInput where it cannot be one."""
    path.write_bytes(msgspec.json.Encoder().encode_lines(list(lines)))
    return validate(INGEST, encoded(events_of([path], "ingest")), str(path))


def those(effect: str, status: int = 0) -> list[int]:
    """Where such lines of requests are; an effect that was refused is none."""
    return [
        at
        for at, line in enumerate(genuine())
        if line["effect"] == effect
        and (effect != END or (line["kind"] == "ingest" and line["result"].get("status") == status))
        and not (isinstance(line["result"], dict) and "refused" in line["result"])
    ]


def changed(at: str, field: str, value: object) -> Attack:
    """Another value in a part of the line."""

    def attack(lines: list[Line], place: int) -> list[Line]:
        lines[place] = {**lines[place], at: {**lines[place][at], field: value}}
        return lines

    return attack


def dropped(lines: list[Line], place: int) -> list[Line]:
    """The line is left out."""
    return lines[:place] + lines[place + 1 :]


def doubled(lines: list[Line], place: int) -> list[Line]:
    """The line stands twice."""
    return lines[: place + 1] + lines[place:]


def after_its_end(lines: list[Line], place: int) -> list[Line]:
    """The line stands behind the last of its run."""
    program = lines[place]["program"]
    last = max(at for at, line in enumerate(lines) if line["program"] == program)
    return lines[:place] + lines[place + 1 : last + 1] + [lines[place]] + lines[last + 1 :]


def before_its_append(lines: list[Line], place: int) -> list[Line]:
    """The line stands before the Append of its run."""
    program = lines[place]["program"]
    first = next(at for at, line in enumerate(lines) if line["program"] == program and line["effect"] == "Append")
    return [*lines[:first], lines[place], *lines[first:place], *lines[place + 1 :]]


def unknown(lines: list[Line], place: int) -> list[Line]:
    """The effect has a name that no effect has."""
    lines[place] = {**lines[place], "effect": "Stoer"}
    return lines


OTHER = "ab" * 32
ESCALATING = submission(pcs(budget=0.9))
SEEN: dict[str, tuple[str, int, Attack]] = {
    "a Store of an invented key": ("Store", 0, changed("claim", "pcs_id", OTHER)),
    "a Store for another tenant": ("Store", 0, changed("claim", "tenant", "another")),
    "a Store of another content": ("Store", 0, changed("claim", "digest", OTHER)),
    "a Store at a time of its own": ("Store", 0, changed("claim", "timestamp", "0" * 16)),
    "a Store for another region": ("Store", 0, changed("claim", "region", "zz")),
    "a Store that shows what was never logged": ("Store", 0, changed("result", "timestamp", "0" * 16)),
    "a Store before its Append": ("Store", 0, before_its_append),
    "a Store after its answer": ("Store", 0, after_its_end),
    "a Store that is missing": ("Store", 0, dropped),
    "an Append that is missing": ("Append", 0, dropped),
    "an Append that stands twice": ("Append", 0, doubled),
    "an Append after its answer": ("Append", 0, after_its_end),
    "an Append of what cannot be read": ("Append", 0, changed("payload", "says", None)),
    "two answers": (END, 200, doubled),
    "two refusals": (END, 401, doubled),
    "a success that is told as equivocation": (END, 200, changed("result", "status", 409)),
    "a success that is told as malformed": (END, 200, changed("result", "status", 400)),
    "a success that is told as forged": (END, 200, changed("result", "status", 401)),
    "an equivocation that is told as a success": (END, 409, changed("result", "status", 200)),
    "what is malformed, told as stored": (END, 400, changed("result", "status", 200)),
    "what is malformed, told as forged": (END, 400, changed("result", "status", 401)),
    "what is forged, told as malformed": (END, 401, changed("result", "status", 400)),
    "what is forged, told as stored": (END, 401, changed("result", "status", 200)),
}
"""What is rejected even if whoever changed the trace has numbered its lines anew."""

UNSEEN: dict[str, tuple[str, int, Attack]] = {
    # The protocol is about what is logged; who is let in is the subject of ORD-6, and of a check of servers.
    "an admission that is missing": ("Admit", 0, dropped),
    # A client may wait, for all that a trace can say, until the node dies.
    "an answer that is missing": (END, 200, dropped),
    # Its client had the same answer at any time after the claim.
    "an answer that comes later": (
        END,
        200,
        lambda lines, at: [*lines[:at], *lines[at + 1 : at + 9], lines[at], *lines[at + 9 :]],
    ),
}
"""What is a path of the protocol, too, once the lines are numbered anew, and why."""


def test_the_genuine_trace_is_accepted(tmp_path: Path) -> None:
    """It has answers of every kind, a crash and a recovery."""
    verdict = judged(genuine(), tmp_path / "trace.jsonl")
    assert isinstance(verdict, Accepted), verdict
    assert min(verdict.actions[name] for name in ("claim", "crash", "serve", "refuse_malformed", "refuse_forged")) > 0
    assert unseen(tmp_path / "trace.jsonl") == ""


def test_a_node_may_be_killed_after_any_line(tmp_path: Path) -> None:
    """What was cut off is known from recovery alone: also that the signature of a request was good, or was not."""
    start = [at for at, line in enumerate(genuine()) if line["effect"] == START][1]
    forged = [at for at in those(END, 401) if at < start]
    assert forged
    for cut in (*forged, *range(30, start, 40)):
        verdict = judged([*genuine()[:cut], *genuine()[start:]], tmp_path / "trace.jsonl")
        assert isinstance(verdict, Accepted), (genuine()[cut], verdict)


def signed() -> list[Line]:
    """The trace with what a server's own trace says besides: whether a submission is signed."""
    ended = (line for line in genuine() if (line["kind"], line["effect"]) == ("ingest", END))
    statuses = {line["program"]: line["result"].get("status") for line in ended}
    return [
        {**line, "payload": line["payload"] | {"signed": statuses.get(line["program"]) not in {400, 401}}}
        if line["effect"] == "Append" and line["kind"] == "ingest"
        else line
        for line in genuine()
    ]


@pytest.mark.parametrize("status", [200, 401])
def test_a_server_that_takes_signatures_for_what_they_are_not_is_seen(status: int, tmp_path: Path) -> None:
    """A forged submission that is stored, and a genuine one that is refused, where the trace knows better than the server."""
    assert isinstance(judged(signed(), tmp_path / "trace.jsonl"), Accepted)
    lines = signed()
    program = lines[those(END, status)[3]]["program"]
    place = next(at for at, line in enumerate(lines) if line["effect"] == "Append" and line["program"] == program)
    lines[place]["payload"]["signed"] = status != 200
    assert isinstance(judged(lines, tmp_path / "trace.jsonl"), Rejected)


def test_a_recovery_that_forgets_what_was_cut_off_is_seen(tmp_path: Path) -> None:
    """A request was logged, signed, and cut off before its Store: a node that serves without it is rejected."""
    lines = signed()
    start = [at for at, line in enumerate(lines) if line["effect"] == START][1]
    place = [at for at in those("Store") if at < start][-1]
    cut = [line for at, line in enumerate(lines) if not place <= at < start]
    assert isinstance(judged(numbered(cut), tmp_path / "trace.jsonl"), Accepted)
    mine = lines[place]["claim"]["timestamp"]
    forgotten = [
        {**line, "claims": [claim for claim in line["claims"] if claim["timestamp"] != mine]}
        if line["effect"] == "Merge" and line["kind"] == "recover"
        else line
        for line in cut
    ]
    assert isinstance(judged(numbered(forgotten), tmp_path / "trace.jsonl"), Rejected)


def test_a_key_may_have_many_contents() -> None:
    """A forged one that comes first, and honest ones: each that is not the winner's is told so, and the trace is accepted."""
    records: list[ObservedEffect] = []
    scenario = drill(rate=20, duration=20, until=10, policy=BRISK)
    scenario = msgspec.structs.replace(scenario, workload=msgspec.structs.replace(scenario.workload, agents={"eu": 6}))
    contents = [submission(pcs(), FORGER), submission(pcs(r=0.6, budget=0.37)), submission(pcs()), ESCALATING]
    simulate(scenario, contents * 20, KEYRING, seed=1, observer=records.append)
    verdict = followed(records, scenario)["ingest of eu.000001"]
    assert isinstance(verdict, Accepted), verdict
    assert min(verdict.actions[name] for name in ("refuse_forged", "claim")) > 10


@pytest.mark.parametrize("attack", SEEN)
def test_an_attack_is_seen(attack: str, tmp_path: Path) -> None:
    """Wherever it strikes: at the first such line, at the last, and in between."""
    effect, status, change = SEEN[attack]
    places = [at for at in those(effect, status) if effect != "Append" or genuine()[at]["payload"]["says"]]
    for place in (places[0], places[len(places) // 2], places[-1]):
        verdict = judged(numbered(change(list(genuine()), place)), tmp_path / "trace.jsonl")
        assert isinstance(verdict, Rejected), (genuine()[place], verdict)


@pytest.mark.parametrize("attack", UNSEEN)
def test_what_is_not_seen_is_another_path(attack: str, tmp_path: Path) -> None:
    """These the protocol allows, and the numbers of lines show them."""
    effect, status, change = UNSEEN[attack]
    place = those(effect, status)[-1]
    assert isinstance(judged(numbered(change(list(genuine()), place)), tmp_path / "trace.jsonl"), Accepted)
    with pytest.raises(UnusableInput, match="lines are missing"):
        judged(change(list(genuine()), place), tmp_path / "trace.jsonl")


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_no_line_is_dropped_doubled_or_moved_unseen(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Lines are numbered in each life of the process."""
    lines, at = list(genuine()), data.draw(st.integers(1, len(genuine()) - 2))
    if lines[at]["effect"] == START or lines[at + 1]["effect"] == START:
        return
    attacked = data.draw(st.sampled_from([dropped(lines, at), doubled(lines, at), swapped(lines, at)]))
    with pytest.raises(UnusableInput, match="lines are missing, doubled or"):
        judged(attacked, tmp_path_factory.mktemp("traces") / "trace.jsonl")


def swapped(lines: list[Line], at: int) -> list[Line]:
    """A line and the next change places."""
    return [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]


def test_an_unknown_effect_is_refused_where_it_stands(tmp_path: Path) -> None:
    """With its line, and the effect that was perhaps meant."""
    place = those("Store")[3]
    with pytest.raises(UnusableInput, match=rf"trace.jsonl:{place + 1}: no effect is called Stoer: .*Store"):
        judged(unknown(list(genuine()), place), tmp_path / "trace.jsonl")


def test_a_trace_of_format_1_is_read_and_says_what_it_cannot_show(tmp_path: Path) -> None:
    """It numbers no lines and says nothing of payloads: what is seen of it is what its effects tell."""
    path = tmp_path / "trace.jsonl"
    verdict = judged(list(map(of_format_1, genuine())), path)
    assert isinstance(verdict, Accepted), verdict
    assert "cannot show that a line is missing" in unseen(path)


def of_format_1(line: Line) -> Line:
    """A line as the format before this wrote it."""
    payload = {"payload": {"bytes": line["payload"]["bytes"]}} if line["effect"] == "Append" else {}
    return {name: value for name, value in line.items() if name != "line"} | payload
