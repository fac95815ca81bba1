"""Runs that are told message by message: for a space-time diagram, for the Perfetto viewer, or in a report."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flk.impl.command.sim.run import simulated
from flk.impl.command.sim.trace_file import opened
from flk.spec.errors import UnusableInput, writing

if TYPE_CHECKING:
    from flk.sim.reports.recording import Recording
    from flk.sim.scenarios.scenario import Scenario

PICTURES = (".png", ".svg", ".pdf")
Spacetime = Annotated[
    Path | None,
    typer.Option(
        help="Draw the messages around the first violation: a file ending in .png, .svg or .pdf.", dir_okay=False
    ),
]
Perfetto = Annotated[
    Path | None, typer.Option(help="Write the run for the Perfetto viewer (ui.perfetto.dev).", dir_okay=False)
]


def recorded_run(
    scenario: "Scenario",
    seed: int | None,
    trace: Path | None,
    *,
    quiet: bool,
    programs: str = "",
    validate: bool = False,
) -> "Recording":
    """The run with every message and every line of its trace, which is written to a file too if one is named."""
    from flk.sim.reports.recording import told

    with opened(trace) as copy:
        return told(
            lambda listen: simulated(
                scenario,
                seed,
                listen.trace,
                messages=listen.messages,
                quiet=quiet,
                programs=programs,
                validate=validate,
            ),
            copy,
        )


def check_picture(path: Path | None) -> None:
    """Raises UnusableInput for a file of another kind than pictures are written to."""
    if path is not None and path.suffix not in PICTURES:
        raise UnusableInput(f"--spacetime {path}: name a file that ends in {', '.join(PICTURES)}")


def draw(recording: "Recording", spacetime: Path | None, perfetto: Path | None) -> None:
    """Write what was asked for. Raises UnusableInput for a file that cannot be written."""
    from flk.sim.reports import perfetto as viewer
    from flk.sim.reports.figures.spacetime import space_time, window

    if perfetto is not None:
        viewer.write(recording, perfetto)
    if spacetime is not None:
        with writing(spacetime):
            space_time(recording, *window(recording)).savefig(spacetime, dpi=130)
