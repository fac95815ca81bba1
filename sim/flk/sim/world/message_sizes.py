"""How many bytes a message carries, for wires of limited bandwidth."""

from collections.abc import Callable
from typing import Any

from flk.model.effects import Fetch, GetBeginning, GetObject, ListObjects, PutObject, ReplaceObject
from flk.model.entries.entry import Entry, Key
from flk.model.flow.submission import Response, Submission

ENTRY = 256
"""Bytes of an entry, about: timestamp, region, digest, outcome as JSON."""


def size_of(content: object) -> int:
    """The bytes of a request or an answer, beside the envelope; 0 for what is small."""
    measure = _MEASURES.get(type(content))
    return measure(content) if measure else 0


_MEASURES: dict[type, Callable[[Any], int]] = {
    bytes: len,
    str: len,
    tuple: lambda items: sum(map(size_of, items)),
    Key: lambda key: len(key.tenant) + len(key.pcs_id),
    Entry: lambda _: ENTRY,
    Submission: lambda submission: len(submission.body),
    Response: lambda response: len(response.body),
    PutObject: lambda effect: len(effect.name) + len(effect.content),
    ReplaceObject: lambda effect: len(effect.name) + len(effect.content),
    GetObject: lambda effect: len(effect.name),
    GetBeginning: lambda effect: len(effect.name),
    ListObjects: lambda effect: len(effect.prefix) + len(effect.after),
    Fetch: lambda effect: size_of(effect.keys),
}
