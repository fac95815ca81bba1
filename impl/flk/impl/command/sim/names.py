"""Names of scenarios, for completion."""


def scenario_names(incomplete: str) -> list[str]:
    """The scenarios of the library whose names begin so."""
    from flk.sim.scenarios.files import library

    return [name for name in sorted(library()) if name.startswith(incomplete)]


def drill_names(incomplete: str) -> list[str]:
    """The scenarios of the library, and the designs of the gallery that the simulator runs, whose names begin so."""
    from flk.sim.nodes.designs import DESIGNS

    designs = (f"gallery/{name}" for name in sorted(DESIGNS))
    return [*scenario_names(incomplete), *(name for name in designs if name.startswith(incomplete))]


def fault_kinds(incomplete: str) -> list[str]:
    """The kinds of faults whose names begin so."""
    from flk.sim.api.inputs import KINDS

    return [name for name in sorted(KINDS) if name.startswith(incomplete)]
