"""In a terminal of 80 columns nothing that matters is cut: names, verdicts, values, stories and commands are there in full."""

import re
from io import StringIO

import pytest
from rich.console import Console, Group, RenderableType

from flk.formal.explicit.engines import interpreted
from flk.formal.explicit.engines.coverage import coverage
from flk.formal.explicit.explore import Explored, explore
from flk.formal.explicit.schema import Schema
from flk.formal.explicit.search import Options
from flk.formal.language.text import text
from flk.formal.library.catalogue import PROTOCOLS, protocols
from flk.formal.library.gallery import DESIGNS
from flk.formal.proofs.claims import Finding, Judgement
from flk.formal.prover.houdini import infer
from flk.formal.prover.proving import prove_protocol
from flk.formal.reports.claims import evidence, table
from flk.formal.reports.covered import table as covered
from flk.formal.reports.listing import headline, listing
from flk.formal.reports.proofs import render, render_inference
from flk.formal.reports.terminal import rendered
from flk.impl.bench.explore import Figure
from flk.impl.command.bench.tables import searches
from flk.spec.claims import ClaimStatus, claims
from flk.spec.verdict import Verdict

WIDTH = 80


def printed(shown: RenderableType) -> str:
    """As a terminal of 80 columns prints it; no line is longer and nothing is replaced by an ellipsis."""
    console = Console(file=StringIO(), width=WIDTH, highlight=False)
    with console.capture() as capture:
        console.print(shown)
    page = capture.get()
    assert max(map(len, page.splitlines())) <= WIDTH
    assert "…" not in page
    return page


def has(page: str, *names: str) -> None:
    """Every name stands whole on some line."""
    assert [name for name in names if name not in page] == []


def tells(page: str, *stories: str) -> None:
    """Every word of the stories is there, wherever lines were broken."""
    words = set(re.findall(r"\w+", page))
    assert [word for story in stories for word in re.findall(r"\w+", story) if word not in words] == []


def some_of(name: str) -> tuple[Schema, Explored]:
    """A few hundred states of a protocol, or the counterexample of a design."""
    design = DESIGNS.get(name.removeprefix("gallery/"))
    protocol = design.exhibit if design else PROTOCOLS[name]
    sizes = dict(design.sizes) if design else None
    found = explore(protocol, interpreted.search, "interpreter", sizes, Options(stop=True, max_states=300))
    return Schema.of(protocol, found.sizes), found


@pytest.mark.slow
@pytest.mark.sampled
@pytest.mark.parametrize("name", [*PROTOCOLS, "gallery/in-memory-outbox", "gallery/mark-before-upload"])
def test_an_exploration_is_whole(name: str) -> None:
    """Names and stories of properties, and each step with each change of a counterexample."""
    schema, found = some_of(name)
    page = printed(rendered(schema, found, lanes="", verbose=True))
    has(page, *schema.protocol.properties)
    tells(page, *(property_.story for property_ in schema.protocol.properties.values()))
    for finding in found.findings:
        if finding.path and finding.verdict is Verdict.VIOLATED:
            tells(page, *(move.shown for move in finding.path.moves))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ingest", "migration"])
def test_coverage_is_whole(name: str) -> None:
    """Names of actions, and every conjunct of every guard."""
    schema, _ = some_of(name)
    seen: list[RenderableType] = []
    explore(
        schema.protocol,
        interpreted.search,
        "interpreter",
        options=Options(max_states=100),
        on_search=lambda ground, search: seen.append(covered(coverage(ground, search))),
    )
    page = printed(Group(*seen))
    has(page, *schema.protocol.actions)
    tells(page, *(text(guard) for action in schema.protocol.actions.values() for guard in action.guards))


def test_the_list_of_protocols_is_whole() -> None:
    """Names, sizes, and what happens."""
    page = printed(listing(protocols()))
    has(page, *protocols())
    tells(page, *map(headline, protocols().values()))
    has(
        page,
        *(" ".join(f"{sort.lower()}={size}" for sort, size in each.sizes().items()) for each in protocols().values()),
    )


def test_proofs_are_whole() -> None:
    """Theorems, properties with what is known of each, and what was left out."""
    proof = prove_protocol(PROTOCOLS["two-phase-commit"])
    page = printed(render([proof], verbose=True))
    has(
        page,
        "two-phase-commit",
        *(one.property for one in proof.properties),
        f"{len(proof.obligations)}/{len(proof.obligations)}",
    )
    tells(page, proof.statement, *(trial.mutant for trial in proof.omissions), *(one.note for one in proof.properties))


@pytest.mark.slow
def test_lemmas_that_were_found_can_be_copied() -> None:
    """They are Python: no line of them is broken where Python would not allow it."""
    found = infer(PROTOCOLS["two-phase-commit"])
    page = printed(render_inference(found))
    code = [line for line in page.splitlines() if line.startswith(("@", "def", "    "))]
    compile("\n".join(code).replace("@protocol.lemma()", ""), "lemmas", "exec")
    tells(page, *found.lemmas)


def test_claims_are_whole() -> None:
    """Names, statuses, commands, and with the evidence all that is said."""
    finding = Finding(
        "prove a/b", ClaimStatus.PROVED, "Z3, for any sizes", "flk explore gallery/cutover-without-verification"
    )
    judged = [
        Judgement(
            claim.name,
            claim.says,
            claim.source,
            ClaimStatus.REFUTED,
            ClaimStatus.UNDECIDED,
            (finding,),
            (finding,),
            claim.status,
            claim.holds,
            claim.instead,
        )
        for claim in claims()
    ]
    page = printed(table(judged))
    has(page, *(claim.name for claim in claims()), "refuted", "undecided")
    tells(page, finding.command)
    page = printed(Group(*map(evidence, judged)))
    tells(page, *(claim.says for claim in claims()), finding.note, *(claim.source for claim in claims()))
    tells(page, *(f"refuted, here instead: {claim.instead}" for claim in claims() if claim.instead))


def test_the_benchmark_of_explorers_is_whole() -> None:
    """Every figure, of the largest model too."""
    models = ("two-phase-commit rm=10", "replication segment=3")
    found = [
        Figure(model, 80, tool, 61_515_776, 1234.5, 402.6, 2345.6) for model in models for tool in ("numba", "rumur")
    ]
    page = printed(searches(found, ()))
    tells(page, *models)
    has(page, "61,515,776", "1234.50", "2345.60", "49,831", "402.6", "numba", "rumur")
