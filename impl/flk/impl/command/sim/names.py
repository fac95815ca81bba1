"""Names of scenarios, for completion."""


def scenario_names(incomplete: str) -> list[str]:
    """The scenarios of the library whose names begin so."""
    from flk.sim.scenarios.files import library

    return [name for name in sorted(library()) if name.startswith(incomplete)]
