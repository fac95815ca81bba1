"""The measures of a run, each defined once, in `measures.toml`: read by the simulator, its reports, the site and the glossary."""

from importlib.resources import files

import msgspec


class Measure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One measure. `definition` is a phrase that follows "…:", `computed` says how it comes about, `requirement` whose keeping it
    watches. A hypothesis may bound it if `bound`, in the time of a fault if `span`; if `column`, a run's row has it and a sweep can
    estimate it. `objective` is the name of the objective that holds it against a target, empty without one.
    """

    name: str
    unit: str
    definition: str
    computed: str
    requirement: str
    bound: bool = False
    span: bool = False
    column: bool = False
    objective: str = ""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    measure: tuple[Measure, ...]


def parse(text: bytes) -> tuple[Measure, ...]:
    """The measures that a TOML text states, each sentence on one line. Raises msgspec.ValidationError."""
    table = msgspec.toml.decode(text, type=_Table)
    return tuple(msgspec.structs.replace(one, computed=" ".join(one.computed.split())) for one in table.measure)


MEASURES = {measure.name: measure for measure in parse(files("flk.spec").joinpath("measures.toml").read_bytes())}
"""Every measure of a run, by name.

>>> MEASURES["rpo"].unit, MEASURES["rpo"].requirement
('s', 'CRR-4')
"""
BY_OBJECTIVE = {measure.objective: measure for measure in MEASURES.values() if measure.objective}
"""The measures that objectives hold against a target, by the name of the objective."""
