"""The key that a client signs with, today."""

import time
from collections.abc import Callable
from logging import getLogger
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from flk.impl.keys import Signers, load_signers
from flk.model.flow.submission import Submission
from flk.model.record.canonical import ACCEPTED, Profile
from flk.model.record.record import Pcs, decode, encode
from flk.model.record.signing import Signer, sign
from flk.model.record.summary import signed
from flk.model.refusal import Malformed
from flk.spec.errors import UnusableInput

if TYPE_CHECKING:  # needs an extra
    from flk.model.personal.records import Screening

READ_AGAIN_SECONDS = 1.0

Keys = str | PathLike[str] | Signer
"""A key file, or the one key to sign with."""

log = getLogger("flk.client")


class Signing:
    """Signs a tenant's records with the newest key that is live, as the key file says now: it is read again as time passes. Without
    keys it signs nothing.

    A file that became unusable is told by a warning, and what it said before holds. Raises UnusableInput if the file has no key for
    the tenant at first.
    """

    def __init__(
        self,
        keys: Keys | None,
        tenant: str,
        profile: Profile,
        screening: "Screening | None" = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._tenant = tenant
        self._screening = screening
        self._profile = profile
        self._now = now
        self._path: Path | None = None
        self._signers: Signers | None = None
        if isinstance(keys, str | PathLike):
            self._path = Path(keys)
            self._signers = load_signers(self._path, tenant, now)
        elif keys is not None:
            self._signers = Signers(keys, (), ())
        self._read_at = now()

    def submission(self, record: Pcs | Submission) -> Submission:
        """The record, signed, on its way; what is signed already stays as it is. Raises PersonalData if it is not to be signed for
        what it holds, and UnusableInput without keys.
        """
        if isinstance(record, Submission):
            return record
        signers = self._current()
        if signers is None:
            raise UnusableInput("a client without keys sends what is signed already; give it keys, or a Submission")
        return self._signed(record if self._screening is None else _screened(record, self._screening), signers.newest)

    def _signed(self, record: Pcs, key: Signer) -> Submission:
        return Submission(self._tenant, encode(signed(record, key, self._profile)))

    def renewed(self, submission: Submission) -> Submission:
        """A submission as it is sent from now on: signed anew if the key that signed it is in the file, and not live (SIGN-4)."""
        signers = self._current()
        if signers is None or submission.tenant != self._tenant or not signers.retired:
            return submission
        try:
            record = decode(submission.body)
        except Malformed:
            return submission
        if not any(sign(key, record, profile) == record.sig for key in signers.retired for profile in ACCEPTED):
            return submission
        return self._signed(record, signers.newest)

    def _current(self) -> Signers | None:
        now = self._now()
        if self._path is not None and not 0 <= now - self._read_at < READ_AGAIN_SECONDS:
            self._read_at = now
            try:
                self._signers = load_signers(self._path, self._tenant, self._now)
            except UnusableInput as error:
                log.warning("%s; signing goes on with the key that was read before", error)
        return self._signers


def _screened(record: Pcs, screening: "Screening") -> Pcs:
    """The record as it may be signed. What is found in it is told without its words (PII-5, PII-6)."""
    screened = screening.screened(record)
    for located in screened.found:
        log.warning("%s: %s (%s)", record.pcs_id, located, screening.mode.value)
    return screened.record
