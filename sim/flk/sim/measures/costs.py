"""What a run costs: what is logged, sent to the object store, asked of it and kept in it."""

from typing import NamedTuple

from flk.model.log.frames import OVERHEAD
from flk.sim.world.events import Beat, Logged, ObjectAsked, ObjectFetched, Uploaded
from flk.sim.world.observer import Observer


class Costs(NamedTuple):
    """The measures of `measures.toml` of these names: objects, requests and messages in numbers, the rest in bytes."""

    uploads: int
    uploaded_bytes: int
    downloaded_bytes: int
    object_requests: int
    stored_bytes: int
    log_bytes: int
    heartbeats: int


class CostRecorder:
    """Adds up what is used."""

    def __init__(self) -> None:
        self._uploads = self._uploaded = self._downloaded = self._requests = self._logged = self._beats = 0

    def observe(self, observer: Observer) -> None:
        """Add up from now on."""
        observer.handle(Uploaded, self._upload)
        observer.handle(ObjectFetched, self._fetch)
        observer.handle(ObjectAsked, self._ask)
        observer.handle(Logged, self._log)
        observer.handle(Beat, self._beat)

    def costs(self, stored_bytes: int) -> Costs:
        """What the run cost, with so many bytes in the object store at its end."""
        return Costs(
            self._uploads, self._uploaded, self._downloaded, self._requests, stored_bytes, self._logged, self._beats
        )

    def _upload(self, event: Uploaded) -> None:
        self._uploads += 1
        self._uploaded += len(event.content)

    def _fetch(self, event: ObjectFetched) -> None:
        self._downloaded += event.size

    def _ask(self, _: ObjectAsked) -> None:
        self._requests += 1

    def _log(self, event: Logged) -> None:
        self._logged += OVERHEAD + len(event.frame.payload)

    def _beat(self, _: Beat) -> None:
        self._beats += 1
