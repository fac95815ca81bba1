"""An audit log in a bucket with Object Lock: what is created once is kept until its day, and nothing else is (TLOG-15)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import get_session
from tests.support.impl.audited import audit_options
from tests.support.impl.client import keys_of
from tests.support.impl.object_stores import BUCKET, S3, Directory, s3

from flk.impl.server.settings import Settings, mistakes, require_locked
from flk.impl.storage.locked import Lock, LockedObjects, Mode, objects_at
from flk.model.refusal import Unavailable
from flk.spec.errors import UnusableInput

pytestmark = pytest.mark.slow

LOCKED = "locked"
PREFIX = "some/prefix"
KEPT = ("audit/eu/batch/000000000001", "audit/eu/tile/0/000.p/3", "audit/eu/signed/0000000000000003")
FREE = ("audit/eu/checkpoint", "audit/us/batch/000000000001", "crr/eu.000001/000000000001", "snap/eu/1")


@pytest.fixture(scope="module")
def server() -> Iterator[S3]:
    """A server with a bucket that locks objects, and one that does not."""
    with pytest.MonkeyPatch.context() as patch, s3(patch) as made:
        client().create_bucket(Bucket=LOCKED, ObjectLockEnabledForBucket=True)
        yield made


@cache
def client() -> Any:
    """What asks the server as an attacker with the node's credentials would."""
    return get_session().create_client("s3", region_name="us-east-1")


FOR_A_MONTH = Lock(Mode.COMPLIANCE, 30)


def locking(bucket: str = LOCKED, lock: Lock = FOR_A_MONTH) -> LockedObjects:
    """A region's objects there."""
    made = objects_at(f"s3://{bucket}/{PREFIX}", "eu", lock)
    assert isinstance(made, LockedObjects)
    return made


def versions(name: str) -> list[str]:
    """The versions that a bucket has of an object."""
    found = client().list_object_versions(Bucket=LOCKED, Prefix=f"{PREFIX}/{name}")
    return [each["VersionId"] for each in found.get("Versions", []) if each["Key"] == f"{PREFIX}/{name}"]


def test_what_the_log_creates_once_cannot_be_deleted_before_its_day(server: S3) -> None:
    """No version of it goes, and an overwrite leaves the one before; who creates it again is told that it is there."""
    del server
    objects = locking()
    for name in KEPT:
        assert objects.put(name, b"as it was")
        assert not objects.put(name, b"another")
        assert objects.get(name) == b"as it was"
        (version,) = versions(name)
        given = {"Bucket": LOCKED, "Key": f"{PREFIX}/{name}"}
        told = client().head_object(**given)
        assert told["ObjectLockMode"] == "COMPLIANCE"
        left = told["ObjectLockRetainUntilDate"] - datetime.now(UTC)
        assert timedelta(days=29, hours=23) < left <= timedelta(days=30)
        for bypass in (False, True):
            with pytest.raises(ClientError, match="AccessDenied"):
                client().delete_object(**given, VersionId=version, BypassGovernanceRetention=bypass)
        client().put_object(**given, Body=b"forged")
        assert version in versions(name)


def test_what_changes_or_is_removed_is_not_locked(server: S3) -> None:
    """The published checkpoint is put anew, and retention removes segments and snapshots, from the same bucket."""
    del server
    objects = locking()
    for name in FREE:
        assert objects.put(name, b"first")
        assert objects.replace(name, b"first", b"second")
        objects.delete(name)
        assert objects.get(name) is None
        for version in versions(name):
            client().delete_object(Bucket=LOCKED, Key=f"{PREFIX}/{name}", VersionId=version)
        assert not versions(name), name


def test_governance_is_lifted_by_who_has_the_permission_alone(server: S3) -> None:
    """Without asking for it, nobody deletes a version."""
    del server
    name = "audit/eu/tile/0/001"
    assert locking(lock=Lock(Mode.GOVERNANCE, 1)).put(name, b"tile")
    (version,) = versions(name)
    given = {"Bucket": LOCKED, "Key": f"{PREFIX}/{name}", "VersionId": version}
    with pytest.raises(ClientError, match="AccessDenied"):
        client().delete_object(**given)
    client().delete_object(**given, BypassGovernanceRetention=True)
    assert not versions(name)


def test_a_store_that_locks_nothing_is_named_and_written_to_by_nobody(server: S3, tmp_path: Path) -> None:
    """`--check` says so; a put that asked for a lock is refused, and not made without; one that is away is Unavailable."""
    options = audit_options(tmp_path)
    given = Settings(
        tmp_path / "data",
        keys_of(tmp_path),
        objects=f"s3://{BUCKET}",
        audit=Path(options[3]),
        audit_lock=Lock(Mode.COMPLIANCE, 1),
    )
    assert not list(mistakes(given))
    with pytest.raises(UnusableInput, match="has no Object Lock"):
        require_locked(given)
    locking().require_lock()
    bare = locking(BUCKET)
    with pytest.raises(Unavailable):
        bare.put(KEPT[0], b"step")
    assert bare.get(KEPT[0]) is None
    server.go()
    try:
        with pytest.raises(Unavailable):
            locking().require_lock()
        with pytest.raises(Unavailable):
            locking().put(KEPT[0], b"step")
    finally:
        server.come_back()


def test_a_lock_asks_for_a_log_and_for_s3(tmp_path: Path) -> None:
    """What cannot be locked is said before anything starts."""
    options = audit_options(tmp_path)
    place = Directory(tmp_path / "there")
    lock = Lock(Mode.GOVERNANCE, 1)
    without = Settings(tmp_path / "data", keys_of(tmp_path), objects=options[1], audit_lock=lock)
    assert any("with --audit" in str(each) for each in mistakes(without))
    local = Settings(tmp_path / "data", keys_of(tmp_path), objects=place.url, audit=Path(options[3]), audit_lock=lock)
    assert any("s3://bucket" in str(each) for each in mistakes(local))
