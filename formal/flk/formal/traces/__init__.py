"""Trace validation: is what a system did, shown by a log of events, a path that a protocol allows?

A trace is JSON lines. One line is one event, a step of the protocol as it was seen:

    {"action": "claim", "arguments": {"q": "7f3a", "k": "eu/1"}, "state": {"stored": {"eu/1": "7f3a"}}, "node": "eu", "at": 17.25}

action      name of an action of the protocol.
arguments   by the action's parameters; those left out are found by search.
state       what was seen of the state after the step, and
before      what was seen before it: a scalar variable's value, or an object of a map's values by their keys. Both may tell as
            little as they like. A key of several indices is their names with commas between, or objects in objects:
            {"eu": {"7f3a": true}}.
node, at, note   for people: no meaning here.

The first line may be a header instead, with any of these:

    {"protocol": "ingest", "hidden": ["crash"], "at_most": 1, "elements": {"Key": ["k1", "k2"]}, "initially": {"mode": "up"}}

protocol    what the trace is of: a validator of another protocol refuses it.
hidden      actions that may happen unseen, before any event, `at_most` so many of them (1 by default).
elements    all elements of an index sort, in their order. A sort not named here is open: whatever an event names is an element
            from then on, one that begins as the protocol declares. In an open ordered sort names compare with each other: numbers
            by value, texts letter by letter, lists item by item, as [millisecond, counter].
initially   values of variables that the protocol lets begin anywhere. What neither this nor a `before` tells of them is unknown
            until a guard or an update reads it: then each value is tried. Of a variable that no action writes, `state` tells as
            early as `before`.

Values are true and false, members of enums by name, integers, elements by name, and null for undefined.

What is checked is that every event is a step the protocol allows where it stands, with hidden steps between, and that the state
is what was seen. `forall`, `exists`, `count` and updates with `[:]` range over the elements known so far.

Costs: a step costs the same however long the trace is, but for these. A quantifier whose body speaks of one element in a part that
excludes it at first, as `not (logged[o] and not applied[o]) or ...` does, looks at the elements that this part does not exclude,
and at one of them where all that is left is to compare them with a bound; any other looks at every element known. An update at
`[:]` looks at one element if it says which (`old[t] | (t == x)`), else at all.
"""

from flk.formal.traces.validation import Accepted, Reason, Rejected, Undecided, Validation
from flk.formal.traces.validator import validate

__all__ = ["Accepted", "Reason", "Rejected", "Undecided", "Validation", "validate"]
