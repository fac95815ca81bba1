"""Protocols as values: written once, then explored, proved, exported and compared with what a system did.

A protocol is a Python object: typed state, guarded actions, properties. Its actions run once, on symbols, and leave expression
trees that every instrument reads.

>>> lease = Protocol("lease", "Workers share one lease.")
>>> Worker = lease.index("Worker", size=3)
>>> holder = lease.scalar("holder", Worker, partial=True)
>>> @lease.action(w=Worker)
... def grant(w: Term) -> None:
...     require(~holder.defined())
...     holder.next = w
>>> @lease.reachable()
... def somebody_holds_it() -> Term:
...     return holder.defined()
>>> explore(lease)
<lease, Worker 3: ✓ holds, 4 states, depth 1>

`formal/README.md` teaches the language. What needs a solver or a compiler is imported when it is called.
"""

from flk.formal.api.exploring import Exploration, explore
from flk.formal.api.exporting import Export, export
from flk.formal.api.judging import Claims, claims
from flk.formal.api.listing import gallery, protocols
from flk.formal.api.proving import Proofs, prove
from flk.formal.api.subject import find
from flk.formal.api.validating import validate
from flk.formal.language import (
    ANY,
    BOOL,
    UNDEFINED,
    IllFormed,
    Protocol,
    Term,
    count,
    exists,
    forall,
    implies,
    integer,
    ite,
    require,
)
from flk.formal.library.design import Design
from flk.formal.traces.validation import Accepted, Rejected, Undecided
from flk.spec.verdict import Verdict

__all__ = [
    "ANY",
    "BOOL",
    "UNDEFINED",
    "Accepted",
    "Claims",
    "Design",
    "Exploration",
    "Export",
    "IllFormed",
    "Proofs",
    "Protocol",
    "Rejected",
    "Term",
    "Undecided",
    "Verdict",
    "claims",
    "count",
    "exists",
    "explore",
    "export",
    "find",
    "forall",
    "gallery",
    "implies",
    "integer",
    "ite",
    "protocols",
    "prove",
    "require",
    "validate",
]
