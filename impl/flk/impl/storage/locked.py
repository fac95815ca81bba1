"""An object store in S3 where what an audit log has written is locked: the store keeps it until a day, whoever asks for less.

The library that speaks to all stores cannot lock an object as it is created, so botocore does that, with the same variables of the
environment. What is locked is what never changes. An object that changes, such as the published checkpoint, is put as ever, and so
is all that retention removes (TLOG-15).
"""

import os
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from hashlib import md5
from typing import NamedTuple
from urllib.parse import urlsplit

from flk.impl.storage.objects import Objects, Patience, open_objects, remote
from flk.model.refusal import unavailable
from flk.model.transparency.steps import is_kept, prefix_of
from flk.spec.errors import UnusableInput

_EXISTS = {"PreconditionFailed"}
_UNLOCKED = {"ObjectLockConfigurationNotFoundError"}


class Mode(StrEnum):
    """Who may lift a lock: nobody, or who has a permission of its own."""

    COMPLIANCE = "compliance"
    GOVERNANCE = "governance"


class Lock(NamedTuple):
    """For how many days the store keeps what is put, and in which mode."""

    mode: Mode
    days: int

    @property
    def until(self) -> datetime:
        """The day on which a lock ends that begins now."""
        return datetime.now(UTC) + timedelta(days=self.days)


class Locking(NamedTuple):
    """Which objects are locked, and how."""

    is_locked: Callable[[str], bool]
    lock: Lock


class LockedObjects(Objects):
    """The objects of a store in S3, of which some are locked as they are created. Raises UnusableInput for another store, and where
    botocore is not installed.
    """

    def __init__(self, url: str, locking: Locking, patience: Patience | None = None) -> None:
        patience, parts = patience or Patience(), urlsplit(url)
        if parts.scheme != "s3":
            raise UnusableInput(
                f"--audit-lock: {url} is no store of the kind s3://bucket, and no other locks objects; leave --audit-lock out"
            )
        super().__init__(remote(url, patience))
        self._bucket = parts.netloc
        self._prefix = f"{parts.path.strip('/')}/".removeprefix("/")
        self._locking = locking
        self._client = _client(patience)

    def put(self, name: str, content: bytes) -> bool:
        """As in every store; locked, if it is one of those that are. Where the bucket locks nothing, nothing is put."""
        if not self._locking.is_locked(name):
            return super().put(name, content)
        lock = self._locking.lock
        failure = self._asked(
            "put_object",
            Key=self._prefix + name,
            Body=content,
            ContentMD5=b64encode(md5(content, usedforsecurity=False).digest()).decode(),  # a lock asks for it
            IfNoneMatch="*",
            ObjectLockMode=lock.mode.upper(),
            ObjectLockRetainUntilDate=lock.until,
        )
        if failure not in {"", *_EXISTS}:
            raise unavailable(f"the object store does not answer: {failure}")
        return not failure

    def require_lock(self) -> None:
        """Return if the bucket locks objects. Raises UnusableInput if it does not; Unavailable if it does not answer."""
        failure = self._asked("get_object_lock_configuration")
        if failure in _UNLOCKED:
            raise UnusableInput(
                f"--audit-lock: the bucket {self._bucket} has no Object Lock, so nothing can be put; switch that on, and versions"
            )
        if failure:
            raise unavailable(f"the object store does not answer: {failure}")

    def _asked(self, operation: str, **given: object) -> str:
        """Ask the bucket; why it refused, empty if it did not."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            getattr(self._client, operation)(Bucket=self._bucket, **given)
        except ClientError as refused:
            return str(refused.response.get("Error", {}).get("Code", "")) or "it refused"
        except (BotoCoreError, OSError) as error:
            raise unavailable(f"the object store does not answer: {error}") from error
        return ""


def objects_at(url: str, region: str, lock: Lock | None) -> Objects:
    """The objects of a node, of which those are locked that it creates of its region's audit log, if there is to be a lock. Raises
    UnusableInput.
    """
    if lock is None:
        return open_objects(url)
    return LockedObjects(url, Locking(partial(is_kept, prefix_of(region)), lock))


def _client(patience: Patience) -> object:
    """What speaks to S3, as the environment says; it finds the server where the library for all stores does."""
    try:
        from botocore.config import Config
        from botocore.session import get_session
    except ImportError:
        raise UnusableInput("--audit-lock: botocore is not installed; pip install 'flk-lab[lock]'") from None
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    by_host = os.environ.get("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "").lower() in {"1", "true"}
    config = Config(
        connect_timeout=patience.connect_seconds,
        read_timeout=patience.request_seconds,
        retries={"total_max_attempts": patience.retries + 1},
        request_checksum_calculation="when_required",
        s3={"addressing_style": "virtual" if by_host else "path"},
    )
    client: object = get_session().create_client("s3", region_name=region or "us-east-1", config=config)
    return client
