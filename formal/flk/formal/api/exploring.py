"""Exploring: every reachable state at chosen sizes."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from html import escape
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

from flk.formal.api.picture import Picture
from flk.formal.api.progress import stage_bar
from flk.formal.api.subject import Subject, chosen
from flk.formal.api.text import plain
from flk.formal.language.protocol import Protocol
from flk.formal.library.design import Design
from flk.spec.errors import needs
from flk.spec.tables import frame, html_table, html_verdict
from flk.spec.verdict import Verdict

if TYPE_CHECKING:
    from flk.formal.explicit.engines.coverage import ActionCoverage
    from flk.formal.explicit.explore import Explored, Finding, Path
    from flk.formal.explicit.ground import Ground
    from flk.formal.explicit.schema import Schema
    from flk.formal.explicit.search import Search


@dataclass(frozen=True, repr=False)
class Exploration:
    """Every reachable state of a protocol at chosen sizes, and what that says of its properties; what `explore` returns.

    `protocol` is what was explored, `found` the figures and the findings (counts of states and steps, layers by depth, seconds),
    `design` the refuted design that it is, if it is one, and `coverage` what happened and what guards decided, if it was asked for.
    It is shown in notebooks (verdict, properties, counterexample step by step, the line that shows it again) and by `print`.

    >>> seen = explore("two-phase-commit")
    >>> seen.states, seen.transitions, seen.depth
    (288, 1145, 10)
    >>> seen.properties["consistent"].verdict
    <Verdict.HOLDS: 'holds'>
    """

    protocol: Protocol
    found: "Explored"
    command: str
    design: Design | None = None
    coverage: "tuple[ActionCoverage, ...]" = ()

    @property
    def verdict(self) -> Verdict:
        """VIOLATED if a property is, a state is a deadlock, something is undefined, or an action can nowhere happen.

        HOLDS only if all is well; UNDECIDED where the search was cut short.
        """
        return self.found.verdict

    @property
    def sizes(self) -> dict[str, int]:
        """How many elements each index sort had."""
        return dict(self.found.sizes)

    @property
    def states(self) -> int:
        """How many distinct states there are (orbits, with symmetry)."""
        return self.found.states

    @property
    def transitions(self) -> int:
        """How many steps lead from these states, those that change nothing included."""
        return self.found.transitions

    @property
    def depth(self) -> int:
        """How many steps the farthest state is from an initial one."""
        return self.found.depth

    @property
    def layers(self) -> tuple[int, ...]:
        """How many states there are at each depth, initial states first."""
        return self.found.layers

    @property
    def complete(self) -> bool:
        """Whether every reachable state was seen: not if a limit, a stop or a fault ended the search."""
        return self.found.complete

    @property
    def properties(self) -> "dict[str, Finding]":
        """What was found of each property, by its name: `verdict`, `kind`, `note`, and the `path` that shows it, if any."""
        return {finding.property: finding for finding in self.found.findings}

    @property
    def deadlock(self) -> "Finding | None":
        """Whether in some state no action can happen though the protocol may not stop there; None if it may stop anywhere.

        >>> explore("outbox").deadlock.verdict
        <Verdict.HOLDS: 'holds'>
        """
        return self.found.deadlock

    @property
    def counterexample(self) -> tuple[str, ...]:
        """The steps of the shortest counterexample, as they are written; empty if nothing is violated, or no single path shows it.

        >>> explore("gallery/in-memory-outbox").counterexample
        ('queue(record1)', 'crash()')
        """
        finding = self._shown()
        return tuple(move.shown for move in finding.path.moves[1:]) if finding and finding.path else ()

    def to_frame(self, library: str | None = None) -> Any:
        """A row for each property, and for deadlock: name, kind, verdict, steps of the path that shows it, requirements, note.

        `library` is pandas, polars or pyarrow; the first that is installed if it is left out. Raises MissingExtra if none is.
        """
        return frame(
            (
                {
                    "property": one.property,
                    "kind": str(one.kind),
                    "verdict": str(one.verdict),
                    "steps": len(one.path.moves) - 1 if one.path else None,
                    "requirements": " ".join(self._requirements(one)),
                    "note": one.note,
                }
                for one in self.found.judged
            ),
            library,
        )

    def diagram(self, property_: str = "", lanes: str = "") -> Picture:
        """The path of a property as a sequence diagram: the shortest counterexample, unless a property is named.

        `lanes` names the sort whose elements are the lanes. Raises UnusableInput for an unknown property or sort, and where there
        is no path to draw.

        >>> print(explore("gallery/in-memory-outbox").diagram())
             record1
        1      ●       queue(record1)
        2      ●       crash()
        """
        from flk.formal.reports.drawing import svg
        from flk.formal.reports.lanes import lane_sort
        from flk.formal.reports.plain import diagram

        path, sort = self._path(property_), lane_sort(self.protocol, lanes)
        return Picture(svg(self._schema, path, sort), "\n".join(diagram(self._schema, path, sort)))

    def plot(self) -> Picture:
        """The number of states at each depth, as bars on a logarithmic scale."""
        from flk.formal.reports.bars import bars
        from flk.formal.reports.statistics import sparkline

        return Picture(bars(self.layers, "depth", "states"), sparkline(self.layers))

    def save(self, path: str | File, lanes: str = "") -> File:
        """Write everything as one HTML page that needs no network. Raises UnusableInput if it cannot be written."""
        from flk.formal.reports import page

        file = File(path)
        page.write(file, page.html(self._schema, self.found, self.coverage, self.design, lanes))
        return file

    @property
    def _schema(self) -> "Schema":
        from flk.formal.explicit.schema import Schema

        return Schema.of(self.protocol, self.found.sizes)

    def _shown(self) -> "Finding | None":
        """What is violated first: what a design is said to break, or the shortest."""
        from flk.formal.reports.terminal import violations

        return next(iter(violations(self.found, self.design.violates if self.design else "")), None)

    def _path(self, property_: str) -> "Path":
        from flk.spec.errors import UnusableInput

        if property_ and property_ not in self.properties:
            raise UnusableInput(
                f"{self.protocol.name} has no property {property_}: choose from {', '.join(self.properties)}"
            )
        finding = self.properties[property_] if property_ else self._shown()
        if finding is None or finding.path is None:
            what = property_ or self.protocol.name
            raise UnusableInput(
                f"{what} has no path to draw: it is {self.verdict}; name a property that is reached or violated"
            )
        return finding.path

    def __str__(self) -> str:
        from flk.formal.reports.terminal import rendered

        first = self.design.violates if self.design else ""
        return f"{plain(rendered(self._schema, self.found, first=first))}\n\nagain: {self.command}"

    def __repr__(self) -> str:
        sizes = "".join(f", {name} {size}" for name, size in self.sizes.items())
        cut = "" if self.complete else ", not all"
        return f"<{self.protocol.name}{sizes}: {self.verdict.sign} {self.verdict}, {self.states:,} states{cut}, depth {self.depth}>"

    def _repr_html_(self) -> str:
        from flk.formal.reports.listing import ruling
        from flk.formal.reports.statistics import figures
        from flk.formal.reports.terminal import story_of

        head = (
            f"<p><b>{escape(self.protocol.name)}</b> {html_verdict(self.verdict)}<br>{escape(self.protocol.story)}</p>"
        )
        numbers = html_table(("figure", ""), figures(self.found))
        rows = [
            (
                one.verdict,
                one.property,
                one.kind.replace("_", " "),
                _steps(one),
                story_of(self.protocol, one),
            )
            for one in self.found.judged
        ]
        judged = html_table(("verdict", "property", "kind", "steps", "what it says"), rows)
        finding = self._shown()
        path = self._html_path(finding) if finding and finding.path else ""
        ruled = "".join(f"<p>{escape(line)}</p>" for line in ruling(self.design)) if self.design else ""
        return f"<div>{head}{numbers}{judged}{path}{ruled}<p><code>{escape(self.command)}</code></p></div>"

    def _requirements(self, finding: "Finding") -> tuple[str, ...]:
        known = self.protocol.properties.get(finding.property)
        return known.requirements if known else ()

    def _html_path(self, finding: "Finding") -> str:
        from flk.formal.reports.changes import ending, rows
        from flk.formal.reports.plain import beginning
        from flk.formal.reports.terminal import title, why

        assert finding.path is not None
        schema = self._schema
        table = [("0", "initially", "; ".join(beginning(schema, finding.path)))]
        table += [(str(r.number), r.shown, "; ".join(map(str, r.changes))) for r in rows(schema, finding.path)]
        table += [("", ending(finding.path), "")] * bool(ending(finding.path))
        told = [
            *why(schema, finding.path, self.protocol.properties.get(finding.property)),
            *filter(None, [finding.note]),
        ]
        said = "".join(f"<br>{escape(line)}" for line in told)
        return f"<p><b>{escape(title(finding))}</b>{said}</p>" + html_table(("step", "action", "changes"), table)


def explore(
    protocol: Subject,
    sizes: Mapping[str, int] | None = None,
    *,
    engine: str = "auto",
    symmetry: bool = False,
    stop: bool = False,
    max_states: int | None = None,
    properties: Sequence[str] = (),
    coverage: bool = False,
    progress: bool | None = None,
) -> Exploration:
    """Visit every reachable state of a protocol and judge its properties, with the shortest counterexamples.

    Besides the properties it judges what nobody has to claim: that nothing undefined is read, that there is no deadlock (states
    in which no action can happen are to be named by `Protocol.may_stop`), and that every action can happen somewhere (or is named
    by `Protocol.may_not_happen`).

    `protocol` is a Protocol, a Design, a name of the catalogue (`two-phase-commit`, `gallery/local-arrival`), or the path of a
    Python file. `sizes` overrides how many elements index sorts have. `engine` is auto, c, numba, numpy or interpreter, which agree
    in all they find. `symmetry` keeps one of the states that differ by names only; `stop` ends at the first depth that violates a
    property; `max_states` bounds the search, after which what was not seen is UNDECIDED. `properties`, if named, are all that is
    judged. A refuted design is explored with the one property that it breaks, at the sizes at which it fails, until it fails,
    unless properties are named. `progress` shows a bar, or does not; None shows it where somebody watches.

    Raises UnusableInput for a name, size, engine or property that does not exist, and MissingExtra if `flk-lab[formal]` is not
    installed.

    >>> explore("two-phase-commit", {"RM": 4})
    <two-phase-commit, RM 4: ✓ holds, 1,568 states, depth 13>
    >>> explore("gallery/get-then-set").verdict
    <Verdict.VIOLATED: 'violated'>
    """
    with needs("formal", "exploring a protocol"):
        from flk.formal.explicit.engines.choose import choose
        from flk.formal.explicit.engines.coverage import coverage as covered_by
        from flk.formal.explicit.engines.edges import graph
        from flk.formal.explicit.explore import explore as explored
        from flk.formal.explicit.explore import restricted
        from flk.formal.explicit.search import Options

    picked = chosen(protocol)
    alone = picked.design is not None and not properties
    subject = picked.exhibit if alone else restricted(picked.protocol, properties)
    wanted = _merged(picked.sizes, sizes or {})
    engine_ = choose(engine)
    covered: list[ActionCoverage] = []
    with ExitStack() as stack:
        say = stack.enter_context(stage_bar(f"exploring {subject.name}", progress))

        def on_search(ground: "Ground", search: "Search") -> None:
            say(f"judging {sum(search.layers):,} states")
            if coverage:
                covered.extend(covered_by(ground, search))

        options = Options(
            symmetry, stop or alone, max_states, on_layer=lambda depth, states: say(f"layer {depth}, {states:,} states")
        )
        found = explored(subject, engine_.engine, engine_.name, wanted, options, graph, on_search)
    flags = [*(["--symmetry"] if symmetry else []), *(["--stop"] if stop else [])]
    flags += [f"--max-states {max_states}"] if max_states else []
    flags += [f"--property {name}" for name in properties]
    command = _command(protocol, picked.design, subject, found.sizes, flags)
    return Exploration(subject, found, command, picked.design, tuple(covered))


def _merged(usual: Mapping[str, int], wanted: Mapping[str, int]) -> dict[str, int]:
    """The usual sizes, overridden by those wanted, whatever the case of their names."""
    names = {name.lower(): name for name in usual}
    return {**usual, **{names.get(name.lower(), name): size for name, size in wanted.items()}}


def _command(
    asked: Subject, design: Design | None, subject: Protocol, sizes: Mapping[str, int], flags: Sequence[str]
) -> str:
    """The line that shows the same in a terminal."""
    name = f"gallery/{subject.name}" if design else subject.name if isinstance(asked, Protocol | Design) else str(asked)
    usual = subject.sizes(design.sizes if design else None)
    chosen_ = [f"--size {name.lower()}={size}" for name, size in sizes.items() if usual[name] != size]
    return " ".join(["flk explore", name, *chosen_, *flags])


def _steps(finding: "Finding") -> str:
    return str(len(finding.path.moves) - 1) if finding.path else ""
