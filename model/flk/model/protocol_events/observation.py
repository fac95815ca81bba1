"""What nodes did, as events of the protocols: from the effects that runtimes observed to steps that can be validated.

The mapping decides nothing: which steps are possible is the protocol's business. It knows when a step of a program is a step of the
protocol, and how their names correspond.
"""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from flk.model.effects import Effect
from flk.model.log.hlc import Timestamp, text
from flk.model.protocol_events import summary
from flk.model.refusal import Refused

ProtocolEvent: TypeAlias = dict[str, Any]
"""An event as a trace has it: its action, arguments, what was seen of the state, and a note for people."""

START, END = "Start", "End"
LATEST, BEGIN = "Latest", "Begin"


class ObservedEffect(NamedTuple):
    """An effect that was performed for a program, in the order in which effects took place.

    `node` is region and disk (`eu.000001`), `run` tells a node's programs apart, `kind` is the program's name; `fields` and
    `result` are as `flk.model.protocol_events.summary` has them. Beside effects there are `Start`, where a node begins and what
    ran before is cut off, `End` with what a program returned, and `Latest` with the latest timestamp that the store of a region
    told one of its nodes, or the refusal, and `Begin` with a segment that a node opened in its log, and the timestamp of the first
    frame in it. `note` says where this was read.
    """

    node: str
    run: Hashable
    kind: str
    effect: str
    fields: Mapping[str, Any]
    result: Any
    note: str = ""

    @property
    def region(self) -> str:
        """The node's region."""
        return self.node.rpartition(".")[0]

    @property
    def refused(self) -> bool:
        """Whether the effect met a refusal."""
        return isinstance(self.result, dict) and "refused" in self.result

    @property
    def status(self) -> int:
        """The status of a response, 0 if the result is none."""
        return self.result.get("status", 0) if isinstance(self.result, dict) and "refused" not in self.result else 0


def observed(
    node: str, name: str, number: int, effect: Effect[object], result: object, salt_of: summary.SaltOf
) -> ObservedEffect:
    """An effect as it was performed. The name of a run begins with that of its program; its number is the node's own."""
    kind, what = name.partition(" ")[0], type(effect).__name__
    told = summary.result(effect, result, salt_of)
    return ObservedEffect(node, (name, number), kind, what, summary.fields(effect), told, f"{what} of {name}")


def started(node: str) -> ObservedEffect:
    """A node begins."""
    return ObservedEffect(node, "", "node", START, {}, None, "a start")


def ended(node: str, name: str, number: int, result: object) -> ObservedEffect:
    """A program returned, or was ended by an exception."""
    return ObservedEffect(
        node, (name, number), name.partition(" ")[0], END, {}, summary.summarised(result), f"the end of {name}"
    )


def told_latest(node: str, latest: Timestamp | Refused) -> ObservedEffect:
    """The store of a region answered a node, or did not."""
    return ObservedEffect(node, "", "node", LATEST, {}, as_told(latest), "what the store told to be the latest")


def began(node: str, segment: str, since: Timestamp) -> ObservedEffect:
    """A node opened a segment, for the frames from a timestamp on."""
    return ObservedEffect(node, "", "node", BEGIN, as_begun(segment, since), None, "the beginning of a segment")


def as_begun(segment: str, since: Timestamp) -> dict[str, Any]:
    """The fields of `Begin`, as a trace has them."""
    return {"segment": segment, "since": text(since)}


def as_told(latest: Timestamp | Refused) -> Any:
    """The result of `Latest`, as a trace has it."""
    return summary.summarised(latest) if isinstance(latest, Refused) else text(latest)


class FromElsewhere:
    """Tells claims that were read from a node's own log from those that came out of the object store."""

    def __init__(self) -> None:
        self._read: dict[tuple[str, Hashable], str] = {}

    def see(self, record: ObservedEffect) -> None:
        """Go on with an effect."""
        if record.effect in {"ReadSegment", "GetObject"}:
            self._read[record.node, record.run] = record.effect
        elif record.effect == END:
            self._read.pop((record.node, record.run), None)

    def of(self, record: ObservedEffect) -> bool:
        """Whether the claims of a Merge came from another log than the node's own."""
        return self._read.get((record.node, record.run)) == "GetObject"


def key(claim: Mapping[str, Any]) -> str:
    """What a claim is about, as a name."""
    return f"{claim['tenant']}/{claim['pcs_id']}"


def event(
    record: ObservedEffect, action: str, state: ProtocolEvent | None = None, **arguments: object
) -> ProtocolEvent:
    """A step of a protocol that a record shows."""
    told: ProtocolEvent = {"action": action, "arguments": arguments, "node": record.node, "note": record.note}
    return told | {"state": state} if state else told


def nodes_of(records: Iterable[ObservedEffect]) -> tuple[str, ...]:
    """The nodes that did something, in the order of their appearance."""
    return tuple(dict.fromkeys(record.node for record in records))
