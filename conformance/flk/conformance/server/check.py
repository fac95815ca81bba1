"""What a check is: a function of a server whose first sentence is the claim."""

from collections.abc import Callable
from typing import NamedTuple

from flk.conformance.server.target import Server

Body = Callable[[Server], None]


class Check(NamedTuple):
    """A name, the requirements it bears on, the claim, and the function that tries it.

    `run` returns if the claim holds; it raises Failed if not, NoAnswer if no answer came, NotApplicable if it cannot be tried.

    >>> (check,) = server_checks("wrong-id")
    >>> check.name, check.requirements
    ('wrong-id', ('ID-1', 'ORD-1'))
    """

    name: str
    requirements: tuple[str, ...]
    claim: str
    run: Body


def check(*requirements: str) -> Callable[[Body], Check]:
    """Make a check of a function: its name with hyphens, its docstring as the claim."""

    def make(body: Body) -> Check:
        return Check(body.__name__.replace("_", "-"), requirements, " ".join((body.__doc__ or "").split()), body)

    return make
