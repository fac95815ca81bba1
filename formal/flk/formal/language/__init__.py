"""The protocol language: typed state, guarded actions and properties, written in Python and traced once into expression trees.

A protocol is a module that builds one `Protocol`. Everything else (explorers, prover, exports, trace validation) reads the trees.
"""

from flk.formal.language.action import Action, Update
from flk.formal.language.enumeration import Enumeration
from flk.formal.language.errors import IllFormed
from flk.formal.language.properties import Property, PropertyKind
from flk.formal.language.protocol import Protocol
from flk.formal.language.sorts import BOOL, Bounded, Enum, Index, Sort, integer
from flk.formal.language.state import ANY, UNDEFINED, Map, Scalar
from flk.formal.language.terms import Term, count, exists, forall, implies, ite
from flk.formal.language.tracing import require

__all__ = [
    "ANY",
    "BOOL",
    "UNDEFINED",
    "Action",
    "Bounded",
    "Enum",
    "Enumeration",
    "IllFormed",
    "Index",
    "Map",
    "Property",
    "PropertyKind",
    "Protocol",
    "Scalar",
    "Sort",
    "Term",
    "Update",
    "count",
    "exists",
    "forall",
    "implies",
    "integer",
    "ite",
    "require",
]
