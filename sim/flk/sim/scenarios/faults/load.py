"""Faults of the senders: too much, too often, with the wrong key, or with bad intent."""

from typing import Annotated, ClassVar, TypeAlias

from msgspec import Meta

from flk.sim.scenarios.duration import Seconds, human
from flk.sim.scenarios.faults.base import Factor, FaultBase, RegionFault, Share


class Burst(FaultBase, frozen=True, tag="burst"):
    """Records come `factor` times as often. Of bursts that overlap, each adds its own records."""

    severity: ClassVar[str] = "factor"
    harmless: ClassVar[float] = 1.0
    factor: Factor

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.factor:g} times as many records"


class RetryStorm(FaultBase, frozen=True, tag="retry_storm"):
    """A `share` of the agents tries again at once, whatever it was asked to wait."""

    severity: ClassVar[str] = "share"
    share: Share = 1.0

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.share:.0%} of agents retry without a pause"


class KeyRotation(FaultBase, frozen=True, tag="key_rotation"):
    """From the start agents sign with a new key, and the nodes accept the old one until the end (SIGN-8)."""

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return "agents sign with a new key; the old one is still accepted"


class Forgery(FaultBase, frozen=True, tag="forgery"):
    """A `share` of what agents are given carries a signature that no key has made."""

    severity: ClassVar[str] = "share"
    share: Share

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.share:.0%} of submissions are forged"


class Equivocation(FaultBase, frozen=True, tag="equivocation"):
    """A `share` of what agents are given is other content under the id of an earlier record, properly signed."""

    severity: ClassVar[str] = "share"
    share: Share

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.share:.0%} of submissions equivocate"


class Malformation(FaultBase, frozen=True, tag="malformation"):
    """A `share` of what agents are given is no valid record (REC-*, ID-1): cut short, out of range, with a key twice."""

    severity: ClassVar[str] = "share"
    share: Share

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.share:.0%} of submissions are no valid records"


class Deviation(FaultBase, frozen=True, tag="deviation"):
    """A `share` of what agents are given claims a slope, a regime or a budget that its counts and signals refute, or nearly do
    (JDG-1 to JDG-4), properly signed.
    """

    severity: ClassVar[str] = "share"
    share: Share

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.share:.0%} of submissions claim what their counts refute"


class ReplayAttack(FaultBase, frozen=True, tag="replay_attack"):
    """Somebody who has recorded submissions sends them again, `rate` a second, to any region."""

    severity: ClassVar[str] = "rate"
    rate: Factor

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.rate:g} recorded submissions/s are sent again"


class AgentCrash(FaultBase, frozen=True, tag="agent_crash"):
    """The processes of a `share` of the agents die, and are started again at the end. What is in memory is lost, and of what was
    being written to the outbox the disk has some first part. From then on the agent's clock is off by `offset` seconds.
    """

    severity: ClassVar[str] = "share"
    share: Share = 1.0
    offset: Seconds = Seconds(0)

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.share:.0%} of agents are dead"


class SlowAgent(FaultBase, frozen=True, tag="slow_agent"):
    """Whatever a `share` of the agents does, to write, to send or to read an answer, takes `extra` seconds longer."""

    severity: ClassVar[str] = "extra"
    extra: Seconds
    share: Share = 1.0

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.share:.0%} of agents take {human(self.extra)} longer for whatever they do"


class Gateway(RegionFault, frozen=True, tag="gateway"):
    """Something before a region, such as a quota, a proxy or a captive portal, answers a `share` of the agents' requests with
    `status`, and with `Retry-After` if `retry_after` is given, even while the node is dead. With `passes_on` the node gets the
    request all the same, and its answer is lost. Whatever the status, the page that comes with it is about no record (OUT-6).
    """

    severity: ClassVar[str] = "share"
    share: Share = 1.0
    status: Annotated[int, Meta(ge=200, le=599)] = 429
    retry_after: Seconds | None = None
    passes_on: bool = False

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"a gateway answers {self.share:.0%} of what is sent to {self.region} with {self.status}"


LoadFault: TypeAlias = (
    Burst
    | RetryStorm
    | KeyRotation
    | Forgery
    | Equivocation
    | Malformation
    | Deviation
    | ReplayAttack
    | AgentCrash
    | SlowAgent
    | Gateway
)
