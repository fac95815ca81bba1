"""A design that was tried or is often proposed, and why it is refuted."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flk.formal.language.protocol import Protocol


@dataclass(frozen=True)
class Design:
    """A variant of a protocol that breaks a property which the protocol keeps.

    `protocol.story` tells what was hoped and what goes wrong. `violates` names the property, `rules_out` the requirements that
    forbid the design, `earlier` where the earlier system did so (a section of its facts, or nothing). `sizes` are those at which
    exploring finds the shortest counterexample.

    >>> design = gallery()["get-then-set"]
    >>> design.violates, design.rules_out
    ('outcome_never_changes', ('DUP-1',))
    """

    protocol: Protocol
    violates: str
    rules_out: tuple[str, ...]
    earlier: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def exhibit(self) -> Protocol:
        """The variant with that property alone, so that a search which stops at a violation stops at its counterexample."""
        alone = self.protocol.variant(self.protocol.name, self.protocol.story, self.protocol.requirements)
        alone.without(*(name for name in self.protocol.properties if name != self.violates))
        alone.judge_only_properties()
        return alone
