"""What a task is about: a protocol, a refuted design, a name of the catalogue, or a Python file."""

from collections.abc import Mapping
from os import PathLike, fspath
from typing import NamedTuple, TypeAlias

from flk.formal.language.protocol import Protocol
from flk.formal.library.design import Design

Subject: TypeAlias = Protocol | Design | str | PathLike[str]


class Chosen(NamedTuple):
    """A protocol, and the design that it is, if it is one."""

    protocol: Protocol
    design: Design | None

    @property
    def exhibit(self) -> Protocol:
        """A design with the property that it breaks, and nothing else; any other protocol as it is."""
        return self.design.exhibit if self.design else self.protocol

    @property
    def sizes(self) -> Mapping[str, int]:
        """A design's sizes are those at which it fails; any other protocol's its own."""
        return self.design.sizes if self.design else {}


def find(subject: Subject) -> Protocol:
    """The protocol of a name, of a refuted design (`gallery/NAME`, or NAME alone), or of a Python file that defines `protocol`.

    A Protocol is returned as it is. Raises UnusableInput for a name that is not known, with the nearest names, and for a file that
    is not there, is not Python, or defines no `protocol`, with the line.

    >>> find("two-phase-commit").sizes()
    {'RM': 3}
    >>> find("two-phase-comit")
    Traceback (most recent call last):
    flk.spec.errors.UnusableInput: no protocol is called two-phase-comit (...): did you mean two-phase-commit...
    """
    return chosen(subject).protocol


def chosen(subject: Subject) -> Chosen:
    """The protocol, with its design. Raises UnusableInput as `find` does."""
    if isinstance(subject, Design):
        return Chosen(subject.protocol, subject)
    from flk.formal.library import catalogue

    protocol = subject if isinstance(subject, Protocol) else catalogue.find(fspath(subject))
    return Chosen(protocol, catalogue.design_of(protocol))
