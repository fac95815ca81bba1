"""The object store of a real node: `flk.model.memory.parts.Objects` again, in S3, GCS, Azure or a directory (CRR-4, CRR-9).

    s3://bucket/prefix     credentials and endpoint from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL …
    gs://bucket/prefix     GOOGLE_APPLICATION_CREDENTIALS …
    az://container/prefix  AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY …
    file:///directory      a directory that exists: on a file server, say, or for a trial

A store that does not answer, or refuses, raises Unavailable: whoever asked leaves the work to its next pass.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import AzureStore, GCSStore, LocalStore, ObjectStore, S3Store, from_url

from flk.impl.storage.durable_names import DurableNames
from flk.impl.storage.record import sync_file
from flk.model.refusal import unavailable
from flk.spec.errors import UnusableInput

if TYPE_CHECKING:
    from obstore import UpdateVersion

_FIX = "name one such as s3://bucket/prefix or file:///directory"


class Patience(NamedTuple):
    """How long a server is waited for: in seconds for one request, its body included, and to connect; how often and for how long
    the client tries again. A pass that fails all the same is repeated whole.
    """

    request_seconds: int = 30
    connect_seconds: int = 5
    retries: int = 2
    retry_seconds: int = 10


class Objects:
    """Named bytes that are created once and never change. Safe to use from many threads.

    All that asks the store raises Unavailable if it does not answer.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def put(self, name: str, content: bytes) -> bool:
        """Create the object unless the name is taken; whether it was created. The object is durable then, whoever created it."""
        with _answering():
            try:
                obstore.put(self._store, name, content, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return False
        return True

    def replace(self, name: str, damaged: bytes, content: bytes) -> bool:
        """Put `content` in place of an object that reads as `damaged`, unless it changes meanwhile; whether it did (CRR-10)."""
        with _answering():
            try:
                there = obstore.get(self._store, name)
                if bytes(there.bytes()) != damaged:
                    return False
                seen: UpdateVersion = {}
                if there.meta["e_tag"] is not None:
                    seen["e_tag"] = there.meta["e_tag"]
                if there.meta["version"] is not None:
                    seen["version"] = there.meta["version"]
                obstore.put(self._store, name, content, mode=seen, use_multipart=False)
            except (FileNotFoundError, PreconditionError):
                return False
        return True

    def delete(self, name: str) -> None:
        """Delete the object, if there is one of that name."""
        with _answering(), suppress(FileNotFoundError):
            obstore.delete(self._store, name)

    def get(self, name: str) -> bytes | None:
        """An object's bytes, None if there is none of that name."""
        with _answering():
            try:
                return bytes(obstore.get(self._store, name).bytes())
            except FileNotFoundError:
                return None

    def beginning(self, name: str, size: int) -> bytes | None:
        """An object's first bytes, no more than `size`, however large it is; None if there is none of that name."""
        with _answering():
            try:
                found = obstore.get(self._store, name)
                if found.meta["size"] <= size:
                    return bytes(found.bytes())[:size]
                return bytes(obstore.get_range(self._store, name, start=0, end=size))
            except FileNotFoundError:
                return None

    def names(self, prefix: str, after: str) -> tuple[str, ...]:
        """Names with the prefix that sort after `after`, in order.

        A store lists by whole directories, of which each log is one: the logs are found first, then each listed from where
        `after` is in it.
        """
        parent = prefix.rpartition("/")[0]
        with _answering():
            found = obstore.list_with_delimiter(self._store, parent or None)
            names = [item["path"] for item in found["objects"]]
            for directory in found["common_prefixes"]:
                if directory.startswith(prefix) and (after.startswith(f"{directory}/") or f"{directory}/" > after):
                    names += self._inside(directory, after)
        return tuple(sorted(name for name in names if name.startswith(prefix) and name > after))

    def _inside(self, directory: str, after: str) -> Iterator[str]:
        offset = after if after.startswith(f"{directory}/") else None
        for some in obstore.list(self._store, directory, offset=offset):
            yield from (item["path"] for item in some)


class LocalObjects(Objects):
    """An object store in a directory.

    The library neither synchronises what it writes, nor minds if the directory is gone: it would create it anew, beside the file
    system that was to be mounted there, and list nothing.
    """

    def __init__(self, directory: Path) -> None:
        """The directory may come to be there later: until then, the store is away."""
        self._directory = directory
        self._names = DurableNames(directory)

    def put(self, name: str, content: bytes) -> bool:
        """As in every store. A name that is taken may have been taken just before a crash: it, too, is synchronised."""
        self._require()
        created = super().put(name, content)
        self._synchronise(name)
        return created

    def replace(self, name: str, damaged: bytes, content: bytes) -> bool:
        """As in every store. Whoever else replaces something waits meanwhile."""
        with self._alone():
            if self.get(name) != damaged:
                return False
            with _answering():
                obstore.put(self._store, name, content, mode="overwrite", use_multipart=False)
            self._synchronise(name)
        return True

    def delete(self, name: str) -> None:
        """As in every store. A crash may bring it back: it is found again. A directory that is empty then goes, too: each snapshot
        has one, and a listing looks into all.
        """
        self._require()
        super().delete(name)
        if "/" in name:
            with suppress(OSError):  # it is not empty
                (self._directory / name).parent.rmdir()

    def get(self, name: str) -> bytes | None:
        """As in every store."""
        self._require()
        return super().get(name)

    def beginning(self, name: str, size: int) -> bytes | None:
        """As in every store."""
        self._require()
        return super().beginning(name, size)

    def names(self, prefix: str, after: str) -> tuple[str, ...]:
        """As in every store."""
        self._require()
        return super().names(prefix, after)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While this lasts, no other process or thread is here."""
        self._require()
        with _answering():
            directory = os.open(self._directory, os.O_RDONLY)
        try:
            with _answering():
                fcntl.flock(directory, fcntl.LOCK_EX)
            yield
        finally:
            os.close(directory)

    def _synchronise(self, name: str) -> None:
        with _answering():
            path = self._directory / name
            sync_file(path)
            self._names.synchronise(path)

    def _require(self) -> None:
        if not self._directory.is_dir():
            raise unavailable(
                f"the object store does not answer: there is no directory {self._directory}; make it, or mount it"
            )
        with _answering():
            self._store = LocalStore(self._directory)


def open_objects(url: str, patience: Patience | None = None) -> Objects:
    """The object store at a URL. Raises UnusableInput for a URL of no known kind. A directory may come to be mounted later."""
    parts = urlsplit(url)
    if parts.scheme != "file":
        return Objects(remote(url, patience or Patience()))
    if parts.netloc or not parts.path:
        raise UnusableInput(f"{url}: no path of a directory; a URL of one has three slashes: file:///directory")
    return LocalObjects(Path(url2pathname(parts.path)))


def remote(url: str, patience: Patience) -> ObjectStore:
    """The store at a URL that is none of a directory. Raises UnusableInput."""
    try:
        store = from_url(
            url,
            client_options={
                "timeout": f"{patience.request_seconds}s",
                "connect_timeout": f"{patience.connect_seconds}s",
                "allow_http": True,  # an endpoint is without TLS only where the environment says http://
            },
            retry_config={"max_retries": patience.retries, "retry_timeout": timedelta(seconds=patience.retry_seconds)},
        )
    except (BaseError, ValueError) as error:
        raise UnusableInput(f"{url}: cannot be used as an object store ({_first_line(error)}); {_FIX}") from error
    if not isinstance(store, S3Store | GCSStore | AzureStore):  # of the others one forgets, and one cannot list
        raise UnusableInput(f"{url}: no object store that keeps what it is given; {_FIX}")
    return store


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise unavailable(f"the object store does not answer: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    """What the error says, without the library's view of its own inside."""
    return str(error).partition("\n")[0]
