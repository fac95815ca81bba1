"""`examine` with the keys of a node: compiled where that can be had, and the same whichever it is."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple, TypeAlias

from msgspec.structs import astuple

from flk.model.compiled.library import Answer, Keys, Library, library
from flk.model.entries.entry import Claim
from flk.model.flow.submission import Submission, from_payload
from flk.model.log.frames import UNSTATED, Frame, Stated
from flk.model.log.hlc import Timestamp
from flk.model.policies.document import DEFAULT, Policy, VrfMode
from flk.model.programs.examine import Examine, examine, trust_of
from flk.model.record.canonical import Profile
from flk.model.record.rules import Rules
from flk.model.record.signing import HmacKey, Keyring, LiveKey, unsigned
from flk.model.refusal import Refused
from flk.model.transparency.leaves import JudgedBy, Leaf, outcome_of
from flk.spec.errors import UnusableInput

SWITCH = "FLK_EXAMINE"
"""The environment variable that turns the compiled part off, if it is `python`: to measure, to mutate, to doubt."""


Book: TypeAlias = Mapping[str, Keys]
"""The keys of each tenant, prepared, with the rules for its records."""

_MAX_BOOKS = 16  # policies whose books are kept: those of the segments that are read
_WRITTEN = {Profile.FIXED, Profile.JUDGED}
"""The profiles whose messages C writes."""


class Choice(NamedTuple):
    """How records are examined: compiled, or in Python and why."""

    compiled: Library | None
    reason: str = ""

    def __str__(self) -> str:
        """For the person who started a node."""
        return "compiled C" if self.compiled else f"Python ({self.reason})"


def choice() -> Choice:
    """The compiled part, if it can be had and is not turned off."""
    if os.environ.get(SWITCH, "").lower() == "python":
        return Choice(None, f"{SWITCH} is python")
    try:
        return Choice(library())
    except UnusableInput as problem:
        return Choice(None, str(problem))


def examining(keyring: Keyring) -> Examine:
    """`examine` with these keys, by the fastest way there is.

    >>> key = HmacKey(b"secret")
    >>> record = summarise([[0.1, 0.2], [0.4, 0.8]], b"raw data", shard_id="s1", epoch=1, seed=7, sent_at="2026-01-01T00:00:00Z")
    >>> claim = examining(Keyring({"default": [key]}))(Submission("default", encode(signed(record, key))), tick(0, 1.0), "eu")
    >>> claim.key.pcs_id == record.pcs_id, claim.entry.outcome.reason.value
    (True, 'ok')
    """
    compiled = choice().compiled
    return partial(examine, keyring) if compiled is None else Examiner(compiled, keyring)


class Examiner:
    """`examine` compiled. What is handed back, and every refusal's wording, is the reference's."""

    def __init__(self, compiled: Library, keyring: Keyring) -> None:
        self._compiled = compiled
        self._keyring = keyring
        self._reference: Examine = partial(examine, keyring)
        self._books = {UNSTATED: book_of(compiled, keyring)}

    def __call__(
        self, submission: Submission, timestamp: Timestamp, region: str, stated: Stated = UNSTATED, /
    ) -> Claim:
        """As `examine`."""
        book = self._book(stated)
        found = self._compiled.examine(book, submission.tenant, submission.body, timestamp, region)
        if found is None:
            return self._reference(submission, timestamp, region, stated)
        if found is False:
            raise unsigned()
        return found

    def claims(self, frames: tuple[Frame, ...], region: str) -> tuple[Claim, ...]:
        """As `claims_of`, in one call for all under one policy, during which other threads run."""
        return tuple(
            claim
            for stated, some in groupby(frames, key=_stated)
            for claim in self._claims(self._book(stated), tuple(some), region)
        )

    def each(
        self, payloads: Sequence[bytes], timestamps: Sequence[Timestamp], region: str, stated: Stated = UNSTATED
    ) -> Sequence[Claim | Refused]:
        """As `examine_each`, in one call for all, during which other threads run."""
        frames = tuple(zip(timestamps, payloads, strict=True))
        answers = self._compiled.claims(self._book(stated), frames, region)
        return [
            answer or self._refused(answer, payload, timestamp, region, stated)
            for answer, payload, timestamp in zip(answers, payloads, timestamps, strict=True)
        ]

    def outcome_of(self, claim: Claim, body: bytes, by: JudgedBy) -> Leaf:
        """As `flk.model.transparency.leaves.outcome_of`."""
        return self._compiled.leaf(claim, body, by.digest, by.policy) or outcome_of(claim, body, by)

    def _refused(
        self, answer: Answer, payload: bytes, timestamp: Timestamp, region: str, stated: Stated
    ) -> Claim | Refused:
        """What comes of a record that C found unsigned, or handed back."""
        if answer is False:
            return unsigned()
        try:
            return self._reference(from_payload(payload), timestamp, region, stated)
        except Refused as refusal:
            return refusal

    def _claims(self, book: Book, frames: tuple[Frame, ...], region: str) -> Iterator[Claim]:
        for frame, found in zip(frames, self._compiled.claims(book, frames, region), strict=True):
            if found:
                yield found
            elif found is None:
                yield from self._claimed(frame, region)

    def _claimed(self, frame: Frame, region: str) -> tuple[Claim, ...]:
        try:
            return (self._reference(from_payload(frame.payload), frame.timestamp, region, frame.stated),)
        except Refused:
            return ()

    def _book(self, stated: Stated) -> Book:
        """The keys with the rules that are stated for each tenant. Raises Unvouched (POL-5)."""
        book = self._books.get(stated)
        if book is None:
            ruling = trust_of(self._keyring).ruling(stated)
            book = self._books[stated] = book_of(self._compiled, self._keyring, ruling.of)
            if len(self._books) > _MAX_BOOKS:
                del self._books[next(each for each in self._books if each.text)]
        return book


_stated = attrgetter("stated")


def book_of(compiled: Library, keyring: Keyring, policy_of: Callable[[str], Policy] = lambda _: DEFAULT) -> Book:
    """The keys of each tenant as C has them, with the rules by which its records are judged (POL-8): those for HMAC, if a form that
    it writes is accepted (C14N-6, C14N-9). C knows no scrutiny, and checks no proofs: of whom either is asked, the reference judges
    (POL-12, VRF-6).

    Of a keyring, or a key, of a class of its own nothing is known.
    """
    if type(keyring) is not Keyring or not _WRITTEN & set(keyring.profiles):
        return {}
    return {
        tenant: _prepared(compiled, keys, keyring.profiles, policy.rules)
        for tenant, keys in keyring.live_keys.items()
        if not (policy := policy_of(tenant)).scrutiny and policy.vrf is not VrfMode.ENFORCED
    }


def _prepared(compiled: Library, keys: tuple[LiveKey, ...], profiles: tuple[Profile, ...], rules: Rules) -> Keys:
    known = [
        (live.key.material, float(live.not_before), float(live.not_after))
        for live in keys
        if type(live) is LiveKey and type(live.key) is HmacKey and live.bounds == tuple(map(float, live.bounds))
    ]
    all_known = len(known) == len(keys) and set(profiles) <= _WRITTEN
    return compiled.keys(known, Profile.FIXED in profiles, Profile.JUDGED in profiles, all_known, astuple(rules))
