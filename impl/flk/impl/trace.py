"""A node's trace: one JSON line for each effect, in the order performed. It names keys and digests, never payloads (OBS-2).

{"node": "eu.000001", "program": 7, "effect": "Store", "claim": {"tenant": …, "pcs_id": …, …}, "result": {"digest": …, …}}
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from flk.model.effects import Effect
from flk.model.entry import Claim, Entry
from flk.model.hlc import text
from flk.model.refusal import Refused
from flk.model.runtime import Perform
from flk.spec.errors import UnusableInput


def _entry(entry: Entry) -> dict[str, str]:
    return {"digest": entry.digest, "timestamp": text(entry.timestamp), "region": entry.region}


def _claim(claim: Claim) -> dict[str, str]:
    return claim.key._asdict() | _entry(claim.entry)


_BRIEF: dict[type[object], Callable[[Any], object]] = {
    bytes: lambda value: {"bytes": len(value)},
    tuple: lambda value: {"count": len(value)},
    Claim: _claim,
    Entry: _entry,
}


def brief(value: object) -> object:
    """What the trace says of a value: bytes and tuples by their size, entries by what identifies them."""
    if isinstance(value, Refused):
        return {"refused": value.requirement, "status": int(value.status)}
    describe = _BRIEF.get(type(value))
    return value if describe is None else describe(value)


class Trace:
    """Writes to a file, which it extends if it exists. Raises UnusableInput if that cannot be opened."""

    def __init__(self, path: Path, node: str) -> None:
        try:
            self._file = path.open("ab")
        except OSError as error:
            raise UnusableInput(f"{path}: the trace cannot be written: {error.strerror}; name another file") from None
        self._node = node

    def record(self, program: int, effect: Effect[Any], result: object) -> None:
        """One effect of the numbered program, and its result or the refusal it met."""
        fields = {name: brief(getattr(effect, name)) for name in effect.__struct_fields__}
        line = {"node": self._node, "program": program, "effect": type(effect).__name__} | fields
        self._file.write(msgspec.json.encode(line | {"result": brief(result)}) + b"\n")

    def around(self, perform: Perform, program: int) -> Perform:
        """`perform`, with every effect and its result or refusal recorded."""

        def traced(effect: Effect[Any]) -> Any:
            try:
                result = perform(effect)
            except Refused as refusal:
                self.record(program, effect, refusal)
                raise
            self.record(program, effect, result)
            return result

        return traced

    def close(self) -> None:
        """Write what is buffered."""
        self._file.close()
