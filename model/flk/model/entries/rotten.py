"""Rows of a store in memory that have rotted (DUP-8)."""

from collections.abc import Mapping

from flk.model.entries.entry import Claim, Entry, Key, join


class RottenRows:
    """What such rows `held`, which only `PutBack` may know, and the least claim of each that was set `aside` since."""

    def __init__(self) -> None:
        self.held: dict[Key, Entry] = {}
        self.aside: dict[Key, Entry | None] = {}

    def rot(self, entries: Mapping[Key, Entry], key: Key) -> None:
        """Let a row rot that somebody meets at once."""
        self.held[key] = entries[key]
        self.aside.setdefault(key, None)

    def set_aside(self, claim: Claim) -> bool:
        """Set a claim aside if the row of its key has rotted; whether it has."""
        if claim.key not in self.held:
            return False
        known = self.aside[claim.key]
        self.aside[claim.key] = join(known, claim.entry) if known else claim.entry
        return True
