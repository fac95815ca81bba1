"""What runs in a region, as the region, its neighbours and its faults see it: they need no more, and so import none of it."""

from collections.abc import Callable
from typing import Protocol

from flk.model.effects import Effect
from flk.model.flow.submission import Response, Submission
from flk.model.memory.memory import MemoryNode
from flk.sim.kernel.engine import After
from flk.sim.kernel.random_streams import Draws
from flk.sim.kernel.runtime import Activity
from flk.sim.scenarios.faults import Stop, WorkerCrash


class RunningNode(Protocol):
    """The node of a region: it answers submissions and other nodes until it crashes."""

    memory: MemoryNode

    def start(self, activity: Activity) -> None:
        """Run a program up to its first effect that takes time."""
        ...

    @property
    def level(self) -> bool:
        """Whether the store has all that the log has, and answers."""
        ...

    @property
    def ready(self) -> bool:
        """Whether the health probe finds the node ready (OBS-3)."""
        ...

    @property
    def writing(self) -> bool:
        """Whether frames of its log are being written."""
        ...

    def serve(
        self, name: str, submission: Submission, reply: Callable[[Response], None], draws: Draws | None = None
    ) -> None:
        """Answer a submission that has arrived."""
        ...

    def beat(self, reply: Callable[[bool], None]) -> None:
        """Tell whether a submission would be acknowledged now."""
        ...

    def inspect(self, activity: Activity, effect: Effect[object], reply: Callable[[object], None]) -> None:
        """Tell another region what this one stores."""
        ...

    def crash(self, fault: Stop) -> None:
        """Stop in the middle of whatever it does."""
        ...


class BackgroundRounds(Protocol):
    """What the node of a region does by itself, again and again."""

    def restart(self) -> None:
        """End the node's process, and start another."""
        ...

    def ship(self, number: str) -> None:
        """Ship what the log holds."""
        ...

    def replay(self, peer: str, number: str) -> None:
        """Replay what a peer has shipped."""
        ...


class AuditWorkers(Protocol):
    """The audit workers of a region."""

    def begin(self) -> None:
        """The region starts."""
        ...

    def stop(self) -> None:
        """The region stops."""
        ...

    def call(self) -> None:
        """There is a task more to take."""
        ...

    def crash(self, fault: WorkerCrash) -> None:
        """A fault takes a share of the workers."""
        ...

    def restart(self, fault: WorkerCrash) -> None:
        """The fault is over."""
        ...


class StoreMigrator(Protocol):
    """What migrates the store of a region, through its crashes."""

    def begin(self, after: After) -> None:
        """The region's node starts; `after` calls something in so many seconds if it still lives then."""
        ...

    def stop(self) -> None:
        """The region stops."""
        ...

    def crash(self) -> None:
        """A fault takes it."""
        ...

    def restart(self) -> None:
        """The fault is over."""
        ...
