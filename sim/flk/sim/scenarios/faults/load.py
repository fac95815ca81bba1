"""Faults of the senders: too much, too often, with the wrong key, or with bad intent."""

from typing import ClassVar, TypeAlias

from flk.sim.scenarios.faults.base import Factor, FaultBase, Share


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


class ReplayAttack(FaultBase, frozen=True, tag="replay_attack"):
    """Somebody who has recorded submissions sends them again, `rate` a second, to any region."""

    severity: ClassVar[str] = "rate"
    rate: Factor

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.rate:g} recorded submissions/s are sent again"


LoadFault: TypeAlias = Burst | RetryStorm | KeyRotation | Forgery | Equivocation | ReplayAttack
